package property

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// Env is a With value with memory of its own.
type Env struct {
	Mod   int64
	Names map[string]int64
	Tags  []string
}

// env is the value of the cases: it depends on the input.
func (in Input) env() Env {
	e := Env{Mod: int64(in.Size%7 + 2), Names: map[string]int64{}, Tags: first(in.Words, 3)}
	for i, p := range first(in.Pairs, 10) {
		e.Names[p.Key] = int64(i)
	}
	return e
}

func (e Env) residue(x int64) int64 { return x % e.Mod }

func (e Env) keeps(x int64) bool { return e.residue(x) == 0 }

func (e Env) tagged(x int64) string { return fmt.Sprint(x, e.Names["k0"], e.Tags) }

func (e Env) named(k string, v int64) string { return fmt.Sprint(k, v+e.Names[k]) }

var errResidue = errors.New("not divisible")

func (e Env) check(x int64) error {
	if !e.keeps(x) {
		return errResidue
	}
	return nil
}

// below gives the residues of x from its own down.
func (e Env) below(x int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for r := e.residue(x); r > 0 && yield(r); r-- {
		}
	}
}

// belowPairs gives below with x in front.
func (e Env) belowPairs(x int64) iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		for r := range e.below(x) {
			if !yield(x, r) {
				return
			}
		}
	}
}

func wantBelow(e Env, rows []int64) []pair[int64, int64] {
	var out []pair[int64, int64]
	for _, x := range rows {
		for r := range e.below(x) {
			out = append(out, pair[int64, int64]{x, r})
		}
	}
	return out
}

// envInts gives the numbers with the value of the input.
func envInts(s *typed.Session, in Input) typed.RDDWith[Env, int64] { return ints(s, in).With(in.env()) }

func envKVs(s *typed.Session, in Input) typed.PairWith[Env, string, int64] {
	return kvs(s, in).With(in.env())
}

// withEnv computes the wanted rows from the numbers and the value.
func withEnv[R any](f func(e Env, rows []int64) []R) func(Input) []string {
	return func(in Input) []string { return text(f(in.env(), in.Ints)) }
}

// withEnvKV computes the wanted rows from the pairs and the value.
func withEnvKV[R any](f func(e Env, rows []KV) []R) func(Input) []string {
	return func(in Input) []string { return text(f(in.env(), in.Pairs)) }
}

func (e Env) divisible(rows []int64) []int64 { return keep(rows, e.keeps) }

func (e Env) divisibleKVs(rows []KV) []KV {
	return keep(rows, func(p KV) bool { return e.keeps(p.Value) })
}

func withCases() []Case {
	return []Case{
		{"RDDWith.Map", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).Map(Env.tagged).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []string { return each(rows, e.tagged) })},
		{"RDDWith.Map/in a loop", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := ints(s, in)
			for i := range int64(in.Size % 5) {
				r = r.With(i).Map(func(i, x int64) int64 { return x*3 + i })
			}
			return show(r.Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Ints, func(x int64) int64 {
				for i := range in.Size % 5 {
					x = x*3 + int64(i)
				}
				return x
			}))
		}},
		{"RDDWith.TryMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).TryMap(func(e Env, x int64) (string, error) { return e.tagged(x), e.check(x) }).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []string { return each(e.divisible(rows), e.tagged) })},
		{"RDDWith.Filter", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).Filter(Env.keeps).Map(double).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 { return each(e.divisible(rows), double) })},
		{"RDDWith.FlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).FlatMap(Env.below).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 { return flat(rows, e.below) })},
		{"RDDWith.TryFlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).TryFlatMap(func(e Env, x int64) (iter.Seq[int64], error) { return e.below(x + 1), e.check(x) }).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 {
			return flat(e.divisible(rows), func(x int64) iter.Seq[int64] { return e.below(x + 1) })
		})},
		{"RDDWith.MapPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).MapPartitions(func(e Env, t *typed.Task, rows iter.Seq[int64]) iter.Seq[string] {
				n := 0
				for x := range rows {
					if e.keeps(x) {
						n++
					}
				}
				return slices.Values([]string{line(t.Partition(), n)})
			}).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for i, cut := range in.slices(len(in.Ints)) {
				out = append(out, line(i, len(in.env().divisible(in.Ints[cut[0]:cut[1]]))))
			}
			return out
		}},
		{"RDDWith.MapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).MapToPair(func(e Env, x int64) (int64, string) { return e.residue(x), e.tagged(x) }).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []pair[int64, string] {
			return each(rows, func(x int64) pair[int64, string] { return pair[int64, string]{e.residue(x), e.tagged(x)} })
		})},
		{"RDDWith.TryMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).TryMapToPair(func(e Env, x int64) (int64, int64, error) { return e.Mod, x, e.check(x) }).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []pair[int64, int64] {
			return each(e.divisible(rows), func(x int64) pair[int64, int64] { return pair[int64, int64]{e.Mod, x} })
		})},
		{"RDDWith.FlatMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).FlatMapToPair(Env.belowPairs).Collect(ctx))
		}, withEnv(wantBelow)},
		{"RDDWith.KeyBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).KeyBy(Env.residue).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []pair[int64, int64] {
			return each(rows, func(x int64) pair[int64, int64] { return pair[int64, int64]{e.residue(x), x} })
		})},
		{"RDDWith.SortBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).SortBy(Env.residue, typed.Partitions(in.Reducers)).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 { return sorted(rows, e.residue, false) })},
		{"RDDWith.SortFunc", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).SortFunc(Env.compare, typed.Descending(), typed.Partitions(in.Reducers)).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 { return sorted(rows, e.residue, true) })},
		{"RDDWith.DistinctBy", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).DistinctBy(Env.residue, typed.Partitions(in.Reducers)).Collect(ctx))
		}, withEnv(func(e Env, rows []int64) []int64 {
			byResidue := each(rows, func(x int64) pair[int64, int64] { return pair[int64, int64]{e.residue(x), x} })
			return each(grouped(byResidue), func(g group[int64, int64]) int64 { return g.Values[0] })
		})},
	}
}

func (e Env) compare(a, b int64) int { return cmp.Compare(e.residue(a), e.residue(b)) }

func (e Env) comparePairs(a, b typed.Pair[string, int64]) int { return e.compare(a.Value, b.Value) }

// maxed is associative and depends on the value.
func (e Env) maxed(a, b int64) int64 {
	if e.residue(b) > e.residue(a) {
		return b
	}
	return a
}

func (e Env) single(v int64) []int64 { return []int64{v, e.Mod} }

func (e Env) push(c []int64, v int64) []int64 { return append(c, v, e.Mod) }

func (e Env) concat(a, b []int64) []int64 { return append(a, b...) }

func (e Env) zero() Stats { return Stats{Values: []int64{}} }

func (e Env) add(s *Stats, v int64) { s.add(e.residue(v)) }

func (e Env) merge(a, b *Stats) { mergeStats(a, b) }

func (e Env) stats(values []int64) Stats { return statsOf(each(values, e.residue)) }

// chosen gives the values of a group that the value keeps.
func (e Env) chosen(k string, values iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range values {
			if e.keeps(v) && !yield(line(k, e.named(k, v))) {
				return
			}
		}
	}
}

func (e Env) collected(k string, values iter.Seq[int64]) []string {
	return slices.Collect(e.chosen(k, values))
}

func (e Env) outer(v, w *int64) string { return outer(v, w) + e.tagged(0) }

func (e Env) crossed(k string, left, right iter.Seq[int64]) iter.Seq[string] {
	return crossed(e.named(k, 0), left, right)
}

func (e Env) crossed3(k string, first, second, third iter.Seq[int64]) iter.Seq[string] {
	return crossed3(e.named(k, 0), first, second, third)
}

// wantGroups gives a row for each group of the pairs.
func wantGroups[R any](f func(e Env, g group[string, int64]) R) func(Input) []string {
	return func(in Input) []string {
		return perGroup(in, func(g group[string, int64]) R { return f(in.env(), g) })
	}
}

func wantEnvOuter(keeps func(v, w *int64) bool) func(Input) []string {
	return func(in Input) []string {
		e := in.env()
		return lines(joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (string, bool) { return e.outer(v, w), keeps(v, w) }))
	}
}

func envLeft(s *typed.Session, in Input) typed.PairWith[Env, string, int64] {
	return left(s, in).With(in.env())
}

func withPairCases() []Case {
	return []Case{
		{"PairWith.Map", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).Map(Env.named).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []string {
			return each(rows, func(p KV) string { return e.named(p.Key, p.Value) })
		})},
		{"PairWith.TryMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).TryMap(func(e Env, k string, v int64) (string, error) { return e.named(k, v), e.check(v) }).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []string {
			return each(e.divisibleKVs(rows), func(p KV) string { return e.named(p.Key, p.Value) })
		})},
		{"PairWith.Filter", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).Filter(func(e Env, _ string, v int64) bool { return e.keeps(v) }).Collect(ctx))
		}, withEnvKV(Env.divisibleKVs)},
		{"PairWith.FlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FlatMap(func(e Env, _ string, v int64) iter.Seq[int64] { return e.below(v) }).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []int64 {
			return flat(rows, func(p KV) iter.Seq[int64] { return e.below(p.Value) })
		})},
		{"PairWith.TryFlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).TryFlatMap(func(e Env, _ string, v int64) (iter.Seq[int64], error) {
				return e.below(v - 1), e.check(v)
			}).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []int64 {
			return flat(e.divisibleKVs(rows), func(p KV) iter.Seq[int64] { return e.below(p.Value - 1) })
		})},
		{"PairWith.MapPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).MapPartitions(func(e Env, _ *typed.Task, rows iter.Seq2[string, int64]) iter.Seq[string] {
				return func(yield func(string) bool) {
					for k, v := range rows {
						if e.keeps(v) && !yield(e.named(k, v)) {
							return
						}
					}
				}
			}).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []string {
			return each(e.divisibleKVs(rows), func(p KV) string { return e.named(p.Key, p.Value) })
		})},
		{"PairWith.MapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).MapToPair(func(e Env, k string, v int64) (int64, string) { return e.Names[k], e.named(k, v) }).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []pair[int64, string] {
			return each(rows, func(p KV) pair[int64, string] { return pair[int64, string]{e.Names[p.Key], e.named(p.Key, p.Value)} })
		})},
		{"PairWith.TryMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).TryMapToPair(func(e Env, k string, v int64) (string, int64, error) { return k, e.Mod, e.check(v) }).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []KV {
			return each(e.divisibleKVs(rows), func(p KV) KV { return KV{p.Key, e.Mod} })
		})},
		{"PairWith.FlatMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FlatMapToPair(func(e Env, _ string, v int64) iter.Seq2[int64, int64] { return e.belowPairs(v) }).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []pair[int64, int64] {
			return wantBelow(e, each(rows, func(p KV) int64 { return p.Value }))
		})},
		{"PairWith.MapValues", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).MapValues(Env.tagged).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []pair[string, string] {
			return each(rows, func(p KV) pair[string, string] { return pair[string, string]{p.Key, e.tagged(p.Value)} })
		})},
		{"PairWith.MapValuesWithKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).MapValuesWithKey(Env.named).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []pair[string, string] {
			return each(rows, func(p KV) pair[string, string] { return pair[string, string]{p.Key, e.named(p.Key, p.Value)} })
		})},
		{"PairWith.FlatMapValues", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FlatMapValues(Env.below).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []KV {
			var out []KV
			for _, p := range rows {
				for v := range e.below(p.Value) {
					out = append(out, KV{p.Key, v})
				}
			}
			return out
		})},
		{"PairWith.SortBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).SortBy(Env.named, typed.Partitions(in.Reducers)).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []KV {
			return sorted(rows, func(p KV) string { return e.named(p.Key, p.Value) }, false)
		})},
		{"PairWith.SortFunc", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).SortFunc(Env.comparePairs, typed.Descending(), typed.Partitions(in.Reducers)).Collect(ctx))
		}, withEnvKV(func(e Env, rows []KV) []KV {
			return sorted(rows, func(p KV) int64 { return e.residue(p.Value) }, true)
		})},
		{"PairWith.ReduceByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).ReduceByKey(Env.maxed, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, wantGroups(func(e Env, g group[string, int64]) int64 { return reduced(g.Values, e.maxed) })},
		{"PairWith.CombineByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			c := envKVs(s, in).CombineByKey(Env.single, Env.push, Env.concat, typed.Partitions(in.Reducers))
			return show(c.Map(line[string, []int64]).Collect(ctx))
		}, wantGroups(func(e Env, g group[string, int64]) []int64 { return slices.Concat(each(g.Values, e.single)...) })},
		{"PairWith.AggregateByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			c := envKVs(s, in).AggregateByKey(Env.zero, Env.add, Env.merge, typed.Partitions(in.Reducers))
			return show(c.Map(line[string, Stats]).Collect(ctx))
		}, wantGroups(func(e Env, g group[string, int64]) Stats { return e.stats(g.Values) })},
		{"PairWith.GroupByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			g := envKVs(s, in).GroupByKey(Env.collected, typed.Partitions(in.Reducers))
			return show(g.Map(line[string, []string]).Collect(ctx))
		}, wantGroups(func(e Env, g group[string, int64]) []string { return e.collected(g.Key, slices.Values(g.Values)) })},
		{"PairWith.FlatMapGroups", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FlatMapGroups(Env.chosen, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				out = append(out, in.env().collected(g.Key, slices.Values(g.Values))...)
			}
			return out
		}},
		{"PairWith.Join", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).Join(right(s, in), func(e Env, v, w int64) string { return e.outer(&v, &w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantEnvOuter(func(v, w *int64) bool { return v != nil && w != nil })},
		{"PairWith.LeftOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).LeftOuterJoin(right(s, in), func(e Env, v int64, w *int64) string { return e.outer(&v, w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantEnvOuter(func(v, w *int64) bool { return v != nil })},
		{"PairWith.RightOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).RightOuterJoin(right(s, in), func(e Env, v *int64, w int64) string { return e.outer(v, &w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantEnvOuter(func(v, w *int64) bool { return w != nil })},
		{"PairWith.FullOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).FullOuterJoin(right(s, in), Env.outer, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantEnvOuter(func(v, w *int64) bool { return true })},
		{"PairWith.CoGroup", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).CoGroup(right(s, in), Env.crossed, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantCrossed},
		{"PairWith.CoGroup3", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := envLeft(s, in).CoGroup3(right(s, in), thousandMore(s, in), Env.crossed3, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, wantCrossed3},
	}
}

func (e Env) byResidue(a, b typed.Pair[string, int64]) int { return e.compare(a.Value, b.Value) }

func (e Env) kvByResidue(a, b KV) int { return e.compare(a.Value, b.Value) }

func (e Env) note(n Note) string { return fmt.Sprint(e.residue(n.X)) }

func wantEnvNotes(in Input) []string {
	e := in.env()
	return slices.Sorted(slices.Values(each(in.notes(), e.note)))
}

func envNotes(s *typed.Session, in Input) typed.PairWith[Env, string, int64] {
	return notes(s, in).MapToPair(noteOf).With(in.env())
}

// wantEnvTotals gives a line for each partition of the notes that has rows.
func wantEnvTotals(in Input) []string {
	var out []string
	for i, cut := range in.slices(len(in.notes())) {
		if cut[0] < cut[1] {
			out = append(out, line(i, in.env().stats(in.Ints[cut[0]:cut[1]]).Sum))
		}
	}
	slices.Sort(out)
	return out
}

func withActionCases() []Case {
	return []Case{
		{"RDDWith.TakeOrdered", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).TakeOrdered(ctx, 9, Env.compare))
		}, withEnv(func(e Env, rows []int64) []int64 { return first(sortedFunc(rows, e.compare), 9) })},
		{"RDDWith.Top", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).Top(ctx, 9, Env.compare))
		}, withEnv(func(e Env, rows []int64) []int64 { return first(sortedFunc(rows, reverse(e.compare)), 9) })},
		{"RDDWith.Reduce", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(envInts(s, in).Reduce(ctx, Env.maxed)))
		}, func(in Input) []string {
			if len(in.Ints) == 0 {
				return []string{"empty"}
			}
			return text([]int64{reduced(in.Ints, in.env().maxed)})
		}},
		{"RDDWith.Fold", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(envInts(s, in).Fold(ctx, 1, func(e Env, a, b int64) int64 { return a + b + e.Mod }))
		}, func(in Input) []string {
			acc := int64(1)
			for _, cut := range in.slices(len(in.Ints)) {
				part := int64(1)
				for _, x := range in.Ints[cut[0]:cut[1]] {
					part += x + in.env().Mod
				}
				acc += part + in.env().Mod
			}
			return text([]int64{acc})
		}},
		{"RDDWith.Aggregate", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(envInts(s, in).Aggregate(ctx, Env.zero, Env.add, Env.merge))
		}, withEnv(func(e Env, rows []int64) []Stats { return []Stats{e.stats(rows)} })},
		{"RDDWith.ForEach", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).With(in.env()).ForEach(ctx, func(e Env, n Note) { appendTo(n.file(), e.note(n)) }))
		}, wantEnvNotes},
		{"RDDWith.ForEachPartition", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).With(in.env()).ForEachPartition(ctx, func(e Env, t *typed.Task, rows iter.Seq[Note]) error {
				sum, file := int64(0), ""
				for n := range rows {
					sum, file = sum+e.residue(n.X), n.file()
				}
				if file != "" {
					appendTo(file, line(t.Partition(), sum))
				}
				return nil
			}))
		}, wantEnvTotals},
		{"PairWith.TakeOrdered", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).TakeOrdered(ctx, in.few(), Env.byResidue))
		}, func(in Input) []string { return text(first(sortedFunc(in.Pairs, in.env().kvByResidue), in.few())) }},
		{"PairWith.Top", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).Top(ctx, in.few(), Env.byResidue))
		}, func(in Input) []string {
			return text(first(sortedFunc(in.Pairs, reverse(in.env().kvByResidue)), in.few()))
		}},
		{"PairWith.ForEach", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, envNotes(s, in).ForEach(ctx, func(e Env, dir string, x int64) {
				appendTo(Note{Dir: dir}.file(), e.note(Note{X: x}))
			}))
		}, wantEnvNotes},
		{"PairWith.ForEachPartition", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, envNotes(s, in).ForEachPartition(ctx, func(e Env, t *typed.Task, rows iter.Seq2[string, int64]) error {
				sum, file := int64(0), ""
				for dir, x := range rows {
					sum, file = sum+e.residue(x), Note{Dir: dir}.file()
				}
				if file != "" {
					appendTo(file, line(t.Partition(), sum))
				}
				return nil
			}))
		}, wantEnvTotals},
	}
}
