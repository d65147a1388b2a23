package property

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// steps applies operators as the bits of flags say, the program's shape being
// known only when it runs.
func steps(r typed.RDD[int64], flags int) typed.RDD[int64] {
	for i := range 4 {
		if flags>>i&1 != 0 {
			r = r.Map(func(x int64) int64 { return x*2 + 1 })
		}
		switch flags >> (4 + i) & 3 {
		case 1:
			r = r.Filter(func(x int64) bool { return x%3 != 0 })
		case 2:
			r = r.FlatMap(upTo)
		case 3:
			r = r.With(int64(i)).Map(func(i, x int64) int64 { return x ^ i })
		}
	}
	if flags&256 != 0 {
		return r.Union(r.Map(double))
	}
	return r
}

func wantSteps(rows []int64, flags int) []int64 {
	for i := range 4 {
		if flags>>i&1 != 0 {
			rows = each(rows, func(x int64) int64 { return x*2 + 1 })
		}
		switch flags >> (4 + i) & 3 {
		case 1:
			rows = keep(rows, func(x int64) bool { return x%3 != 0 })
		case 2:
			rows = flat(rows, upTo)
		case 3:
			rows = each(rows, func(x int64) int64 { return x ^ int64(i) })
		}
	}
	if flags&256 != 0 {
		return append(slices.Clone(rows), each(rows, double)...)
	}
	return rows
}

// halving is a chain that calls itself.
func halving(r typed.RDD[int64], n int) typed.RDD[int64] {
	if n == 0 {
		return r
	}
	return halving(r.Filter(func(x int64) bool { return x&1 == 0 }).Map(func(x int64) int64 { return x / 2 }), n-1)
}

// ranks is a few rounds of a page rank in whole numbers: a join, a flat map and
// a combining shuffle in a loop.
func ranks(s *typed.Session, in Input, rounds int) typed.PairRDD[string, int64] {
	n := typed.Partitions(in.Reducers)
	links := left(s, in).
		MapToPair(func(k string, v int64) (string, string) { return k, fmt.Sprint("k", v&31) }).
		GroupByKey(func(_ string, to iter.Seq[string]) []string { return slices.Collect(to) }, n)
	rank := links.MapValues(func([]string) int64 { return 1000 })
	for range rounds {
		rank = links.Join(rank, share, n).
			FlatMapToPair(func(_ string, shares []string) iter.Seq2[string, int64] {
				return func(yield func(string, int64) bool) {
					for _, p := range shares {
						if !yield(received(p)) {
							return
						}
					}
				}
			}).
			ReduceByKey(addInts, n).
			MapValues(func(v int64) int64 { return 150 + v*85/100 })
	}
	return rank
}

// share says who gets how much of a rank.
func share(to []string, rank int64) []string {
	return each(to, func(k string) string { return fmt.Sprint(k, "=", rank/int64(len(to))) })
}

func received(share string) (string, int64) {
	k, rank, _ := strings.Cut(share, "=")
	n, _ := strconv.ParseInt(rank, 10, 64)
	return k, n
}

func wantRanks(in Input, rounds int) []string {
	links := each(grouped(each(in.Left, func(p KV) pair[string, string] {
		return pair[string, string]{p.Key, fmt.Sprint("k", p.Value&31)}
	})), func(g group[string, string]) pair[string, []string] { return pair[string, []string]{g.Key, g.Values} })
	rank := each(links, func(p pair[string, []string]) pair[string, int64] { return pair[string, int64]{p.Key, 1000} })
	for range rounds {
		shares := joined(links, rank, func(to *[]string, r *int64) ([]string, bool) {
			if to == nil || r == nil {
				return nil, false
			}
			return share(*to, *r), true
		})
		var flat []pair[string, int64]
		for _, p := range shares {
			for _, s := range p.Value {
				k, v := received(s)
				flat = append(flat, pair[string, int64]{k, v})
			}
		}
		rank = each(grouped(flat), func(g group[string, int64]) pair[string, int64] {
			return pair[string, int64]{g.Key, 150 + reduced(g.Values, addInts)*85/100}
		})
	}
	return lines(rank)
}

func wantSumsOf(rows []pair[string, int64]) []pair[string, int64] {
	return each(grouped(rows), func(g group[string, int64]) pair[string, int64] {
		return pair[string, int64]{g.Key, reduced(g.Values, addInts)}
	})
}

func chainCases() []Case {
	return []Case{
		{"chain/flags", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(steps(s.Parallelize(first(in.Ints, 1500), in.Parts), int(in.Seed*40503>>3&511)).Collect(ctx))
		}, func(in Input) []string { return text(wantSteps(first(in.Ints, 1500), int(in.Seed*40503>>3&511))) }},
		{"chain/flags shuffled", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := steps(s.Parallelize(first(in.Ints, 1500), in.Parts), int(in.Seed*2654435761>>4&511))
			return show(r.KeyBy(mod).ReduceByKey(addInts, typed.Partitions(in.Reducers)).Map(line[int64, int64]).Collect(ctx))
		}, func(in Input) []string {
			rows := wantSteps(first(in.Ints, 1500), int(in.Seed*2654435761>>4&511))
			byMod := grouped(each(rows, func(x int64) pair[int64, int64] { return pair[int64, int64]{mod(x), x} }))
			return each(byMod, func(g group[int64, int64]) string { return line(g.Key, reduced(g.Values, addInts)) })
		}},
		{"chain/recursion", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(halving(ints(s, in), in.Size%4).Map(double).Collect(ctx))
		}, func(in Input) []string {
			rows := in.Ints
			for range in.Size % 4 {
				rows = each(keep(rows, even), func(x int64) int64 { return x / 2 })
			}
			return text(each(rows, double))
		}},
		{"chain/narrow, narrow, wide", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).FlatMap(strings.FieldsSeq).Map(strings.ToUpper).FlatMapToPair(letters).
				Filter(func(l string, at int64) bool { return at > 0 && l != "O" }).MapValues(double).
				ReduceByKey(addInts, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			words := each(slices.Concat(each(in.Words, strings.Fields)...), strings.ToUpper)
			ls := keep(wantLetters(words), func(p pair[string, int64]) bool { return p.Value > 0 && p.Key != "O" })
			return lines(each(wantSumsOf(ls), func(p pair[string, int64]) pair[string, int64] { return pair[string, int64]{p.Key, p.Value * 2} }))
		}},
		{"chain/union before a shuffle", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			u := left(s, in).Filter(small).Union(right(s, in).MapValues(double), s.Empty[KV]().MapToPair(KV.Pair))
			return show(u.GroupByKey(collectAll, typed.Partitions(in.Reducers)).Map(line[string, []int64]).Collect(ctx))
		}, func(in Input) []string {
			u := append(smallPairs(in.Left), each(pairs(in.Right), func(p pair[string, int64]) pair[string, int64] {
				return pair[string, int64]{p.Key, 2 * p.Value}
			})...)
			return each(grouped(u), func(g group[string, int64]) string { return line(g.Key, g.Values) })
		}},
		{"chain/union after shuffles", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			a := left(s, in).ReduceByKey(addInts, n)
			b := right(s, in).ReduceByKey(addInts, typed.Partitions(2))
			return show(a.Union(b, a.MapValues(double)).ReduceByKey(addInts, n).Union(b).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			a, b := wantSumsOf(pairs(in.Left)), wantSumsOf(pairs(in.Right))
			return lines(append(wantSumsOf(slices.Concat(a, b, a, a)), b...))
		}},
		{"chain/sort after join", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			j := left(s, in).Join(right(s, in), minus, n).Map(line[string, string])
			return show(j.SortBy(func(l string) string { return l }, n, typed.Descending()).Collect(ctx))
		}, func(in Input) []string {
			j := lines(joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (string, bool) {
				if v == nil || w == nil {
					return "", false
				}
				return minus(*v, *w), true
			}))
			return sortedFunc(j, func(a, b string) int { return strings.Compare(b, a) })
		}},
		{"chain/group after sort", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := typed.SortByKey(kvs(s, in).MapToPair(swap), typed.Partitions(in.Reducers)).MapToPair(func(v int64, k string) (string, int64) { return k, v })
			g := p.GroupByKey(collectAll, typed.Partitions(in.Reducers)).Map(line[string, []int64])
			return show(g.SortBy(func(l string) string { return l }, typed.Partitions(3)).Collect(ctx))
		}, func(in Input) []string {
			return slices.Sorted(slices.Values(perGroup(in, func(g group[string, int64]) []int64 { return sortedFunc(g.Values, cmpInts) })))
		}},
		{"chain/two actions over one shuffle", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := kvs(s, in).ReduceByKey(addInts, typed.Partitions(in.Reducers))
			n, err := sums.Count(ctx)
			if err != nil {
				return nil, err
			}
			top, err := sums.Map(line[string, int64]).TakeOrdered(ctx, 5, strings.Compare)
			if err != nil {
				return nil, err
			}
			all, err := sums.Map(line[string, int64]).Collect(ctx)
			return slices.Concat([]string{fmt.Sprint(n, " keys")}, each(top, func(l string) string { return "top " + l }), all), err
		}, func(in Input) []string {
			all := lines(wantSumsOf(pairs(in.Pairs)))
			top := first(slices.Sorted(slices.Values(all)), 5)
			return slices.Concat([]string{fmt.Sprint(len(all), " keys")}, each(top, func(l string) string { return "top " + l }), all)
		}},
		{"chain/ranks", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ranks(s, in, 3).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string { return wantRanks(in, 3) }},
		{"chain/repartition in between", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := ints(s, in).Filter(even).Repartition(5).Map(double)
			return show(typed.Distinct(r, typed.Partitions(in.Reducers)).Repartition(2).Map(mod).Collect(ctx))
		}, func(in Input) []string { return text(each(distinct(each(keep(in.Ints, even), double)), mod)) }},
		{"chain/partitions twice", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := strs(s, in).MapPartitions(withIndex).Map(strings.ToUpper)
			return show(r.MapPartitions(withIndex).Filter(func(w string) bool {
				return len(w)%2 == 0
			}).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for p, cut := range in.slices(len(in.Words)) {
				for i, w := range in.Words[cut[0]:cut[1]] {
					out = append(out, fmt.Sprintf("%d/%d %s", p, i, strings.ToUpper(fmt.Sprintf("%d/%d %s", p, i, w))))
				}
			}
			return keep(out, func(w string) bool { return len(w)%2 == 0 })
		}},
	}
}

func cmpInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
