package property

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// The keys of each type that a number stands for. They are few, so that they
// meet again.

func nameKey(x int64) Name     { return Name(words[uint64(x)%uint64(len(words))]) }
func byteKey(x int64) uint8    { return uint8(x) }
func floatKey(x int64) float64 { return special[uint64(x)%uint64(len(special))] }
func placeKey(x int64) Place {
	return Place{words[uint64(x/7)%5], floatKey(x), [2]bool{x%2 == 0, x%3 == 0}}
}

func zeroInt() int64 { return 1 }

func addTwice(c, v int64) int64 { return c + 2*v }

func addTo(a *int64, v int64) { *a += v }

func mergeTo(a, b *int64) { *a += *b - 1 }

// mix depends on the order of what it takes.
func mix(a, b int64) int64 { return a*31 + b }

func mixAll(values iter.Seq[int64]) (h int64) {
	for v := range values {
		h = mix(h, v)
	}
	return h
}

func mixGroup[K any](_ K, values iter.Seq[int64]) int64 { return mixAll(values) }

func listGroup[K any](k K, values iter.Seq[int64]) iter.Seq[string] {
	return slices.Values([]string{fmt.Sprint(k, slices.Collect(values)), "end"})
}

func mixBoth[K any](_ K, left, right iter.Seq[int64]) iter.Seq[int64] {
	return slices.Values([]int64{mixAll(right), mixAll(left), mixAll(right)})
}

func mixLeft(v int64, w *int64) int64 { return mix(v, orZero(w)) }

func mixRight(v *int64, w int64) int64 { return mix(orZero(v), w) }

func mixFull(v, w *int64) int64 { return mix(orZero(v), orZero(w)) }

func orZero(p *int64) int64 {
	if p == nil {
		return 7
	}
	return *p
}

func oddPair[K any](_ K, v int64) bool { return v%2 != 0 && v%5 != 0 }

// nameOps gives the rows of all operators by key, for keys of type Name.
func nameOps(p typed.PairRDD[Name, int64], n typed.PartitionsOption) typed.RDD[string] {
	odd := p.Filter(oddPair[Name])
	combined := p.ReduceByKey(addInts, n).Union(
		p.CombineByKey(double, addTwice, addInts, n),
		p.AggregateByKey(zeroInt, addTo, mergeTo, n),
		p.GroupByKey(mixGroup[Name], n),
		p.PartitionBy(n))
	joined := odd.Join(p, mix, n).Union(
		odd.LeftOuterJoin(p, mixLeft, n),
		odd.RightOuterJoin(p, mixRight, n),
		odd.FullOuterJoin(p, mixFull, n),
		odd.CoGroup(p, mixBoth[Name], n))
	return combined.Union(joined).Map(line[Name, int64]).Union(p.FlatMapGroups(listGroup[Name], n))
}

// byteOps gives the rows of all operators by key, for keys of type uint8.
func byteOps(p typed.PairRDD[uint8, int64], n typed.PartitionsOption) typed.RDD[string] {
	odd := p.Filter(oddPair[uint8])
	combined := p.ReduceByKey(addInts, n).Union(
		p.CombineByKey(double, addTwice, addInts, n),
		p.AggregateByKey(zeroInt, addTo, mergeTo, n),
		p.GroupByKey(mixGroup[uint8], n),
		p.PartitionBy(n))
	joined := odd.Join(p, mix, n).Union(
		odd.LeftOuterJoin(p, mixLeft, n),
		odd.RightOuterJoin(p, mixRight, n),
		odd.FullOuterJoin(p, mixFull, n),
		odd.CoGroup(p, mixBoth[uint8], n))
	return combined.Union(joined).Map(line[uint8, int64]).Union(p.FlatMapGroups(listGroup[uint8], n))
}

// floatOps gives the rows of all operators by key, for keys of type float64.
func floatOps(p typed.PairRDD[float64, int64], n typed.PartitionsOption) typed.RDD[string] {
	odd := p.Filter(oddPair[float64])
	combined := p.ReduceByKey(addInts, n).Union(
		p.CombineByKey(double, addTwice, addInts, n),
		p.AggregateByKey(zeroInt, addTo, mergeTo, n),
		p.GroupByKey(mixGroup[float64], n),
		p.PartitionBy(n))
	joined := odd.Join(p, mix, n).Union(
		odd.LeftOuterJoin(p, mixLeft, n),
		odd.RightOuterJoin(p, mixRight, n),
		odd.FullOuterJoin(p, mixFull, n),
		odd.CoGroup(p, mixBoth[float64], n))
	return combined.Union(joined).Map(line[float64, int64]).Union(p.FlatMapGroups(listGroup[float64], n))
}

// placeOps gives the rows of all operators by key, for keys of type Place.
func placeOps(p typed.PairRDD[Place, int64], n typed.PartitionsOption) typed.RDD[string] {
	odd := p.Filter(oddPair[Place])
	combined := p.ReduceByKey(addInts, n).Union(
		p.CombineByKey(double, addTwice, addInts, n),
		p.AggregateByKey(zeroInt, addTo, mergeTo, n),
		p.GroupByKey(mixGroup[Place], n),
		p.PartitionBy(n))
	joined := odd.Join(p, mix, n).Union(
		odd.LeftOuterJoin(p, mixLeft, n),
		odd.RightOuterJoin(p, mixRight, n),
		odd.FullOuterJoin(p, mixFull, n),
		odd.CoGroup(p, mixBoth[Place], n))
	return combined.Union(joined).Map(line[Place, int64]).Union(p.FlatMapGroups(listGroup[Place], n))
}

// wantOps computes what the functions above give.
func wantOps[K comparable](key func(int64) K) func(in Input) []string {
	return func(in Input) []string {
		p := each(first(in.Ints, 150), func(x int64) pair[K, int64] { return pair[K, int64]{key(x), x} })
		odd := keep(p, func(x pair[K, int64]) bool { return oddPair(x.Key, x.Value) })
		out := lines(p)
		for _, g := range grouped(p) {
			sum := reduced(g.Values, addInts)
			out = append(out, line(g.Key, sum), line(g.Key, 2*sum), line(g.Key, sum+1), line(g.Key, mixAll(slices.Values(g.Values))),
				fmt.Sprint(g.Key, g.Values), "end")
		}
		for _, g := range cogrouped(odd, p) {
			l, r := mixAll(slices.Values(g.Left)), mixAll(slices.Values(g.Right))
			out = append(out, line(g.Key, r), line(g.Key, l), line(g.Key, r))
		}
		for _, kept := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
			out = append(out, lines(joined(odd, p, func(v, w *int64) (int64, bool) {
				return mixFull(v, w), (v != nil || !kept[0]) && (w != nil || !kept[1])
			}))...)
		}
		return out
	}
}

// someInts is short: joins multiply it.
func someInts(s *typed.Session, in Input) typed.RDD[int64] {
	return s.Parallelize(first(in.Ints, 150), in.Parts)
}

func keyCases() []Case {
	return []Case{
		{"keys/named string", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(nameOps(someInts(s, in).KeyBy(nameKey), typed.Partitions(in.Reducers)).Collect(ctx))
		}, wantOps(nameKey)},
		{"keys/uint8", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(byteOps(someInts(s, in).KeyBy(byteKey), typed.Partitions(in.Reducers)).Collect(ctx))
		}, wantOps(byteKey)},
		{"keys/float64", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(floatOps(someInts(s, in).KeyBy(floatKey), typed.Partitions(in.Reducers)).Collect(ctx))
		}, wantOps(floatKey)},
		{"keys/struct", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(placeOps(someInts(s, in).KeyBy(placeKey), typed.Partitions(in.Reducers)).Collect(ctx))
		}, wantOps(placeKey)},
		{"keys/DistinctBy", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r, n := ints(s, in), typed.Partitions(in.Reducers)
			return show(r.DistinctBy(nameKey, n).Union(r.DistinctBy(floatKey, n), r.DistinctBy(placeKey, n), typed.Distinct(r, n)).Collect(ctx))
		}, func(in Input) []string {
			return slices.Concat(firsts(in.Ints, nameKey), firsts(in.Ints, floatKey), firsts(in.Ints, placeKey), text(distinct(in.Ints)))
		}},
		{"keys/SortByKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r, n := ints(s, in), typed.Partitions(in.Reducers)
			return show(typed.SortByKey(r.KeyBy(nameKey), n).Map(line[Name, int64]).Union(
				typed.SortByKey(r.KeyBy(byteKey), n, typed.Descending()).Map(line[uint8, int64]),
				typed.SortByKey(r.KeyBy(floatKey), n).Map(line[float64, int64])).Collect(ctx))
		}, func(in Input) []string {
			return slices.Concat(
				each(sorted(in.Ints, nameKey, false), func(x int64) string { return line(nameKey(x), x) }),
				each(sorted(in.Ints, byteKey, true), func(x int64) string { return line(byteKey(x), x) }),
				each(sorted(in.Ints, floatKey, false), func(x int64) string { return line(floatKey(x), x) }))
		}},
		{"keys/CountByKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return entries(ints(s, in).KeyBy(floatKey).CountByKey(ctx))
		}, func(in Input) []string {
			byFloat := each(in.Ints, func(x int64) pair[float64, int64] { return pair[float64, int64]{floatKey(x), x} })
			return slices.Sorted(slices.Values(each(grouped(byFloat), func(g group[float64, int64]) string { return line(g.Key, len(g.Values)) })))
		}},
	}
}

// firsts shows the first number of each key.
func firsts[K comparable](rows []int64, key func(int64) K) []string {
	byKey := each(rows, func(x int64) pair[K, int64] { return pair[K, int64]{key(x), x} })
	return each(grouped(byKey), func(g group[K, int64]) string { return fmt.Sprint(g.Values[0]) })
}
