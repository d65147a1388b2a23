package property

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

// placedCases read what is placed already: no shuffle runs in between, and the
// rows must be those that one would give.
func placedCases() []Case {
	return []Case{
		{"placed/join", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			a := left(s, in).PartitionBy(n)
			b := right(s, in).PartitionBy(n)
			return show(a.FullOuterJoin(b, outer, n).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(_, _ *int64) bool { return true }) }},
		{"placed/join without a number", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			a := left(s, in).PartitionBy(typed.Partitions(in.Reducers))
			return show(a.FullOuterJoin(right(s, in), outer).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(_, _ *int64) bool { return true }) }},
		{"placed/right side alone", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			b := right(s, in).PartitionBy(typed.Partitions(in.Reducers))
			return show(left(s, in).FullOuterJoin(b, outer).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string { return wantOuter(in, func(_, _ *int64) bool { return true }) }},
		{"placed/other number", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			a := left(s, in).PartitionBy(typed.Partitions(3))
			b := right(s, in).PartitionBy(typed.Partitions(5))
			return show(a.CoGroup(b, crossed, typed.Partitions(4)).Map(line[string, string]).Collect(ctx))
		}, wantCrossed},
		{"placed/with itself", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := left(s, in).PartitionBy(typed.Partitions(in.Reducers))
			return show(p.Join(p.MapValues(double), minus).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			twice := each(pairs(in.Left), func(p pair[string, int64]) pair[string, int64] { return pair[string, int64]{p.Key, 2 * p.Value} })
			return lines(joined(pairs(in.Left), twice, func(v, w *int64) (string, bool) { return minus(*v, *w), true }))
		}},
		{"placed/reduce, filter, join, map values", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			sums := left(s, in).ReduceByKey(addInts, n).Filter(func(_ string, v int64) bool { return v%3 != 0 })
			j := sums.LeftOuterJoin(right(s, in).ReduceByKey(addInts, n), func(v int64, w *int64) string { return outer(&v, w) }, n)
			return show(j.MapValues(func(r string) string { return r + "!" }).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			sums := keep(wantSumsOf(pairs(in.Left)), func(p pair[string, int64]) bool { return p.Value%3 != 0 })
			return lines(joined(sums, wantSumsOf(pairs(in.Right)), func(v, w *int64) (string, bool) { return outer(v, w) + "!", v != nil }))
		}},
		{"placed/combine again", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).PartitionBy(typed.Partitions(in.Reducers))
			r := p.ReduceByKey(addInts).Map(line[string, int64])
			c := p.Filter(small).CombineByKey(single, push, concat).Map(line[string, []int64])
			a := p.MapValues(double).AggregateByKey(newStats, addStats, mergeStats).Map(line[string, Stats])
			return show(r.Union(c, a).Collect(ctx))
		}, func(in Input) []string {
			out := lines(wantSumsOf(pairs(in.Pairs)))
			for _, g := range grouped(smallPairs(in.Pairs)) {
				out = append(out, line(g.Key, g.Values))
			}
			return append(out, perGroup(in, func(g group[string, int64]) Stats { return statsOf(each(g.Values, double)) })...)
		}},
		{"placed/group again", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).PartitionBy(typed.Partitions(in.Reducers))
			g := p.GroupByKey(collectAll)
			return show(g.Join(p.ReduceByKey(addInts), func(all []int64, sum int64) string { return fmt.Sprint(all, sum) }).
				Map(line[string, string]).Union(p.FlatMapGroups(ups)).Collect(ctx))
		}, func(in Input) []string {
			j := perGroup(in, func(g group[string, int64]) string { return fmt.Sprint(g.Values, reduced(g.Values, addInts)) })
			return append(j, wantUps(pairs(in.Pairs))...)
		}},
		{"placed/union", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// A union of what is placed alike is placed no more.
			n := typed.Partitions(in.Reducers)
			a := left(s, in).PartitionBy(n)
			u := a.Union(right(s, in).PartitionBy(n))
			sums := a.ReduceByKey(addInts, n)
			return show(u.ReduceByKey(addInts, n).Join(sums, minus).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			all := wantSumsOf(append(pairs(in.Left), pairs(in.Right)...))
			return lines(joined(all, wantSumsOf(pairs(in.Left)), func(v, w *int64) (string, bool) {
				if w == nil {
					return "", false
				}
				return minus(*v, *w), true
			}))
		}},
		{"placed/keys changed", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(in.Reducers)
			moved := left(s, in).PartitionBy(n).MapToPair(func(k string, v int64) (string, int64) { return k[:1] + k[len(k)-1:], v })
			return show(moved.ReduceByKey(addInts, n).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			return lines(wantSumsOf(each(in.Left, func(p KV) pair[string, int64] {
				return pair[string, int64]{p.Key[:1] + p.Key[len(p.Key)-1:], p.Value}
			})))
		}},
	}
}
