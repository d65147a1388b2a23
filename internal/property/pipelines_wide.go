package property

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// Stats is an accumulator with memory of its own.
type Stats struct {
	N      int
	Sum    int64
	Least  int64
	Values []int64
}

func newStats() Stats { return Stats{Values: []int64{}} }

func (s *Stats) add(v int64) {
	if s.N == 0 || v < s.Least {
		s.Least = v
	}
	s.N, s.Sum, s.Values = s.N+1, s.Sum+v, append(s.Values, v)
}

func addStats(s *Stats, v int64) { s.add(v) }

func mergeStats(a, b *Stats) {
	if a.N == 0 || b.N > 0 && b.Least < a.Least {
		a.Least = b.Least
	}
	a.N, a.Sum, a.Values = a.N+b.N, a.Sum+b.Sum, append(a.Values, b.Values...)
}

func statsOf(values []int64) Stats {
	s := newStats()
	for _, v := range values {
		s.add(v)
	}
	return s
}

func single(v int64) []int64 { return []int64{v} }

func push(c []int64, v int64) []int64 { return append(c, v) }

func concat(a, b []int64) []int64 { return append(a, b...) }

// joinWords is associative and keeps the order of what it joins.
func joinWords(a, b string) string { return a + "|" + b }

// lengths keys words by their length modulo 7.
func lengths(w string) int64 { return int64(len(w) % 7) }

func byLength(words []string) []pair[int64, string] {
	return each(words, func(w string) pair[int64, string] { return pair[int64, string]{lengths(w), w} })
}

// perGroup gives one row for each group of in.Pairs.
func perGroup[R any](in Input, f func(group[string, int64]) R) []string {
	return each(grouped(pairs(in.Pairs)), func(g group[string, int64]) string { return line(g.Key, f(g)) })
}

func combineCases() []Case {
	return []Case{
		{"PairRDD.ReduceByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).ReduceByKey(addInts, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) int64 { return reduced(g.Values, addInts) })
		}},
		{"PairRDD.ReduceByKey/in order", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).KeyBy(lengths).ReduceByKey(joinWords, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			return text(each(grouped(byLength(in.Words)), func(g group[int64, string]) pair[int64, string] {
				return pair[int64, string]{g.Key, strings.Join(g.Values, "|")}
			}))
		}},
		{"PairRDD.ReduceByKey/word count", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.TextFile(in.Dir).
				FlatMap(strings.FieldsSeq).
				MapToPair(func(w string) (string, int64) { return w, 1 }).
				ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(in.Reducers)).
				Collect(ctx))
		}, func(in Input) []string {
			counts := map[string]int{}
			for _, l := range wantText(in) {
				for _, w := range strings.Fields(l) {
					counts[w]++
				}
			}
			var out []string
			for w, n := range counts {
				out = append(out, fmt.Sprint(pair[string, int]{w, n}))
			}
			return out
		}},
		{"PairRDD.CombineByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).CombineByKey(single, push, concat, typed.Partitions(in.Reducers)).Map(line[string, []int64]).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) []int64 { return g.Values })
		}},
		{"PairRDD.AggregateByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).AggregateByKey(newStats, addStats, mergeStats, typed.Partitions(in.Reducers)).Map(line[string, Stats]).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) Stats { return statsOf(g.Values) })
		}},
		{"Distinct", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.Distinct(strs(s, in), typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return distinct(in.Words) }},
		{"Distinct/floats", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.Distinct(floats(s, in), typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return text(distinct(in.Floats)) }},
		{"Distinct/flat", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.Distinct(ints(s, in).FlatMap(upTo), typed.Partitions(in.Reducers)).Map(double).Collect(ctx))
		}, func(in Input) []string { return text(each(distinct(flat(in.Ints, upTo)), double)) }},
		{"RDD.DistinctBy", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).DistinctBy(func(r Rec) string { return r.Name }, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			byName := each(in.Recs, func(r Rec) pair[string, Rec] { return pair[string, Rec]{r.Name, r} })
			return each(grouped(byName), func(g group[string, Rec]) string { return g.Values[0].String() })
		}},
	}
}

// distinct keeps the first of equal values.
func distinct[T comparable](rows []T) []T {
	all := each(rows, func(x T) pair[T, struct{}] { return pair[T, struct{}]{Key: x} })
	return each(grouped(all), func(g group[T, struct{}]) T { return g.Key })
}

// sample uses the first values of a group only.
func sample(k string, values iter.Seq[int64]) string {
	var got []int64
	for v := range values {
		if got = append(got, v); len(got) == 3 {
			break
		}
	}
	return fmt.Sprint(k, got)
}

func collectAll(_ string, values iter.Seq[int64]) []int64 { return slices.Collect(values) }

// ups gives the values of a group that are greater than the one before.
func ups(k string, values iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		last := int64(0)
		for v := range values {
			if v > last && !yield(line(k, v)) {
				return
			}
			last = v
		}
	}
}

func wantUps(rows []pair[string, int64]) []string {
	var out []string
	for _, g := range grouped(rows) {
		last := int64(0)
		for _, v := range g.Values {
			if v > last {
				out = append(out, line(g.Key, v))
			}
			last = v
		}
	}
	return out
}

func groupCases() []Case {
	return []Case{
		{"PairRDD.GroupByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).GroupByKey(collectAll, typed.Partitions(in.Reducers)).Map(line[string, []int64]).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) []int64 { return g.Values })
		}},
		{"PairRDD.GroupByKey/partly read", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).GroupByKey(sample, typed.Partitions(in.Reducers)).Values().Collect(ctx))
		}, func(in Input) []string {
			return each(grouped(pairs(in.Pairs)), func(g group[string, int64]) string { return fmt.Sprint(g.Key, first(g.Values, 3)) })
		}},
		{"PairRDD.GroupByKey/not read", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).GroupByKey(func(k string, _ iter.Seq[int64]) int64 { return int64(len(k)) }, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) int { return len(g.Key) })
		}},
		{"PairRDD.GroupByKey/nested", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).
				GroupByKey(collectAll, typed.Partitions(in.Reducers)).
				MapToPair(func(_ string, values []int64) (int64, []int64) { return int64(len(values)), values }).
				GroupByKey(func(_ int64, lists iter.Seq[[]int64]) string {
					return fmt.Sprint(slices.SortedFunc(lists, func(a, b []int64) int { return slices.Compare(a, b) }))
				}, typed.Partitions(in.Reducers)).
				Collect(ctx))
		}, func(in Input) []string {
			bySize := each(grouped(pairs(in.Pairs)), func(g group[string, int64]) pair[int, []int64] {
				return pair[int, []int64]{len(g.Values), g.Values}
			})
			return text(each(grouped(bySize), func(g group[int, []int64]) pair[int, string] {
				return pair[int, string]{g.Key, fmt.Sprint(sortedFunc(g.Values, slices.Compare[[]int64]))}
			}))
		}},
		{"PairRDD.FlatMapGroups", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMapGroups(ups, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return wantUps(pairs(in.Pairs)) }},
		{"PairRDD.FlatMapGroups/take", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMapGroups(ups, typed.Partitions(1)).Take(ctx, 1<<20))
		}, func(in Input) []string { return wantUps(pairs(in.Pairs)) }},
	}
}

func minus(v, w int64) string { return fmt.Sprint(v, "-", w) }

// outer shows a row of a full outer join.
func outer(v, w *int64) string { return ptr(v) + " " + ptr(w) }

// wantOuter gives the rows of joins as outer shows them; what keeps says which.
func wantOuter(in Input, keeps func(v, w *int64) bool) []string {
	return lines(joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (string, bool) { return outer(v, w), keeps(v, w) }))
}

// crossed goes through the right values for every other left one, and shows
// right values that have no left ones.
func crossed(k string, left, right iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for v := range left {
			if i++; i%2 == 0 {
				continue
			}
			for w := range right {
				if !yield(minus(v, w)) {
					return
				}
				if w%5 == 0 {
					break
				}
			}
		}
		for w := range right {
			if i == 0 && !yield(fmt.Sprint("-", w)) {
				return
			}
		}
	}
}

func wantCrossed(in Input) []string {
	var out []string
	for _, g := range cogrouped(pairs(in.Left), pairs(in.Right)) {
		for r := range crossed(g.Key, slices.Values(g.Left), slices.Values(g.Right)) {
			out = append(out, line(g.Key, r))
		}
	}
	return out
}

// crossed3 is crossed of the first two sides, once more for each third value, beside those that have only third values.
func crossed3(k string, first, second, third iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		rows := 0
		for r := range crossed(k, first, second) {
			for x := range third {
				if !yield(fmt.Sprint(r, " ", x)) {
					return
				}
			}
			rows++
		}
		for x := range third {
			if !yield(fmt.Sprint(rows, " rows, ", x)) {
				return
			}
		}
	}
}

func wantCrossed3(in Input) []string {
	var out []string
	for _, g := range cogrouped(pairs(in.Left), pairs(in.Right)) {
		third := slices.Clone(g.Left)
		for i := range third {
			third[i] += 1000
		}
		for r := range crossed3(g.Key, slices.Values(g.Left), slices.Values(g.Right), slices.Values(third)) {
			out = append(out, line(g.Key, r))
		}
	}
	return out
}

// thousandMore is the third side of three.
func thousandMore(s *typed.Session, in Input) typed.PairRDD[string, int64] {
	return left(s, in).MapValues(func(v int64) int64 { return v + 1000 })
}

func left(s *typed.Session, in Input) typed.PairRDD[string, int64] {
	return keyed(s, in.Left, in.Parts)
}

func right(s *typed.Session, in Input) typed.PairRDD[string, int64] { return keyed(s, in.Right, 4) }

func joinCases() []Case {
	return []Case{
		{"PairRDD.Join", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).Join(right(s, in), func(v, w int64) string { return outer(&v, &w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			return wantOuter(in, func(v, w *int64) bool { return v != nil && w != nil })
		}},
		{"PairRDD.LeftOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).LeftOuterJoin(right(s, in), func(v int64, w *int64) string { return outer(&v, w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(v, w *int64) bool { return v != nil }) }},
		{"PairRDD.RightOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).RightOuterJoin(right(s, in), func(v *int64, w int64) string { return outer(v, &w) }, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(v, w *int64) bool { return w != nil }) }},
		{"PairRDD.FullOuterJoin", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).FullOuterJoin(right(s, in), outer, typed.Partitions(in.Reducers))
			return show(j.Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(v, w *int64) bool { return true }) }},
		{"PairRDD.FullOuterJoin/other types", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			words := s.Parallelize(first(in.Words, 300), in.Parts).Map(clipped).MapToPair(func(w string) (string, string) { return w, w + w })
			j := words.FullOuterJoin(left(s, in).MapToPair(initial), func(w *string, v *int64) string { return ptr(w) + " " + ptr(v) }, typed.Partitions(in.Reducers))
			return show(j.MapValues(strings.ToUpper).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			words := each(first(in.Words, 300), func(w string) pair[string, string] {
				return pair[string, string]{clipped(w), clipped(w) + clipped(w)}
			})
			letters := each(in.Left, func(p KV) pair[string, int64] {
				k, v := initial(p.Key, p.Value)
				return pair[string, int64]{k, v}
			})
			return lines(joined(words, letters, func(w *string, v *int64) (string, bool) { return strings.ToUpper(ptr(w) + " " + ptr(v)), true }))
		}},
		{"PairRDD.Join/with itself", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := left(s, in)
			return show(p.Join(p, minus, typed.Partitions(in.Reducers)).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			p := pairs(in.Left)
			return lines(joined(p, p, func(v, w *int64) (string, bool) { return minus(*v, *w), true }))
		}},
		{"PairRDD.CoGroup", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(left(s, in).CoGroup(right(s, in), crossed, typed.Partitions(in.Reducers)).Map(line[string, string]).Collect(ctx))
		}, wantCrossed},
		{"PairRDD.CoGroup3", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(left(s, in).CoGroup3(right(s, in), thousandMore(s, in), crossed3, typed.Partitions(in.Reducers)).Map(line[string, string]).Collect(ctx))
		}, wantCrossed3},
		{"PairRDD.Join/limited", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).Join(right(s, in), minus, typed.Partitions(in.Reducers))
			rows, err := j.Take(ctx, 3)
			return one(len(rows), err)
		}, func(in Input) []string {
			j := wantOuter(in, func(v, w *int64) bool { return v != nil && w != nil })
			return []string{fmt.Sprint(min(len(j), 3))}
		}},
	}
}

// initial keys some values as clipped keys words, and others unlike them.
func initial(k string, v int64) (string, int64) {
	if v > 800 {
		return "a.", v
	}
	return k[:1], v
}

// clipped keeps words short, and so the number of them low.
func clipped(w string) string { return w[:min(len(w), 1)] + "." }

// less orders records by two fields.
func less(a, b Rec) int {
	return cmp.Or(cmp.Compare(a.Small/16, b.Small/16), strings.Compare(a.Name, b.Name))
}

// mod orders numbers so that many are equal.
func mod(x int64) int64 { return x % 10 }

// lessPair orders pairs by their value, so that many are equal.
func lessPair(a, b typed.Pair[string, int64]) int { return cmp.Compare(mod(b.Value), mod(a.Value)) }

func sortCases() []Case {
	return []Case{
		{"RDD.SortBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).SortBy(mod, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return text(sorted(in.Ints, mod, false)) }},
		{"RDD.SortBy/descending", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Filter(even).SortBy(mod, typed.Descending(), typed.Partitions(in.Reducers)).Map(double).Collect(ctx))
		}, func(in Input) []string { return text(each(sorted(keep(in.Ints, even), mod, true), double)) }},
		{"RDD.SortBy/words", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).SortBy(func(w string) string { return w }, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return sortedFunc(in.Words, strings.Compare) }},
		{"RDD.SortBy/floats", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(floats(s, in).SortBy(func(x float64) float64 { return x }, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return text(sortedFunc(in.Floats, cmp.Compare[float64])) }},
		{"RDD.SortFunc", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).SortFunc(less, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return text(sortedFunc(in.Recs, less)) }},
		{"RDD.SortFunc/descending", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).SortFunc(less, typed.Descending()).Collect(ctx))
		}, func(in Input) []string {
			return text(sortedFunc(in.Recs, func(a, b Rec) int { return less(b, a) }))
		}},
		{"PairRDD.SortBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).MapValues(double).SortBy(func(_ string, v int64) int64 { return v % 10 }, typed.Partitions(in.Reducers))
			return show(p.Collect(ctx))
		}, func(in Input) []string {
			doubled := each(in.Pairs, func(p KV) KV { return KV{p.Key, 2 * p.Value} })
			return text(sorted(doubled, func(p KV) int64 { return p.Value % 10 }, false))
		}},
		{"PairRDD.SortBy/descending", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			return show(kvs(s, in).SortBy(func(k string, v int64) int { return len(k) }, typed.Descending(), n).Keys().Collect(ctx))
		}, func(in Input) []string {
			return each(sorted(in.Pairs, func(p KV) int { return len(p.Key) }, true), func(p KV) string { return p.Key })
		}},
		{"PairRDD.SortFunc", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).SortFunc(lessPair, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			return text(sortedFunc(in.Pairs, func(a, b KV) int { return cmp.Compare(mod(b.Value), mod(a.Value)) }))
		}},
		{"SortByKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.SortByKey(kvs(s, in), typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			return text(sorted(in.Pairs, func(p KV) string { return p.Key }, false))
		}},
		{"SortByKey/descending", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := floats(s, in).MapToPair(func(x float64) (float64, int64) { return x, 1 })
			return show(typed.SortByKey(p, typed.Descending(), typed.Partitions(in.Reducers)).Keys().Collect(ctx))
		}, func(in Input) []string {
			return text(sortedFunc(in.Floats, func(a, b float64) int { return cmp.Compare(b, a) }))
		}},
	}
}

// partitionsOf shows how many rows each partition has.
func partitionsOf(t *typed.Task, rows iter.Seq[int64]) iter.Seq[string] {
	n := 0
	for range rows {
		n++
	}
	return slices.Values([]string{line(t.Partition(), n)})
}

func placeCases() []Case {
	return []Case{
		{"RDD.Repartition", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Repartition(max(in.Reducers, 1)).Collect(ctx))
		}, func(in Input) []string { return text(in.Ints) }},
		{"RDD.Repartition/even", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Parallelize(in.Ints, 1).Repartition(max(in.Reducers, 1)).MapPartitions(partitionsOf).Collect(ctx))
		}, func(in Input) []string {
			n := max(in.Reducers, 1)
			return each(counted(0, 1, n), func(i int64) string { return line(i, (in.Size+n-1-int(i))/n) })
		}},
		{"PairRDD.Repartition", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Repartition(max(in.Reducers, 1)).Filter(small).Collect(ctx))
		}, func(in Input) []string { return text(smallPairs(in.Pairs)) }},
		{"PairRDD.PartitionBy", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).PartitionBy(typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return text(in.Pairs) }},
		{"PairRDD.PartitionBy/one place a key", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// Each partition sums up its own pairs: a key in two of them would be there twice.
			return show(kvs(s, in).PartitionBy(typed.Partitions(in.Reducers)).MapPartitions(func(_ *typed.Task, rows iter.Seq2[string, int64]) iter.Seq[string] {
				sums := map[string]int64{}
				for k, v := range rows {
					sums[k] += v
				}
				return func(yield func(string) bool) {
					for _, p := range sortedSums(sums) {
						if !yield(p) {
							return
						}
					}
				}
			}).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) int64 { return reduced(g.Values, addInts) })
		}},
	}
}

func sortedSums(sums map[string]int64) []string {
	var out []string
	for k, v := range sums {
		out = append(out, line(k, v))
	}
	slices.Sort(out)
	return out
}
