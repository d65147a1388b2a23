package property

import (
	"context"
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// whole has a join send its smaller side to every task, however large it is.
func whole() typed.JoinOption { return typed.BroadcastBelow(1 << 40) }

// ordered puts rows in order: how many partitions a join has that is shuffled after all
// depends on the cores.
func ordered(rows []string, err error) ([]string, error) {
	slices.Sort(rows)
	return rows, err
}

// broadcastCases are joins that shuffle one of their sides at most, and what builds on
// where their rows are.
func broadcastCases() []Case {
	inner := func(v, w *int64) (string, bool) {
		if v == nil || w == nil {
			return "", false
		}
		return minus(*v, *w), true
	}
	sums := func(in Input) []pair[string, int64] {
		return wantSumsOf(joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (int64, bool) {
			if v == nil || w == nil {
				return 0, false
			}
			return *v * *w, true
		}))
	}
	product := func(s *typed.Session, in Input) typed.PairRDD[string, int64] {
		return left(s, in).Join(right(s, in), func(v, w int64) int64 { return v * w }, whole())
	}
	return []Case{
		{"broadcast/join", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(sameTwice(ctx, left(s, in).Join(right(s, in), minus, whole()).Map(line[string, string])))
		}, func(in Input) []string { return lines(joined(pairs(in.Left), pairs(in.Right), inner)) }},
		{"broadcast/left outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(sameTwice(ctx, left(s, in).LeftOuterJoin(right(s, in), func(v int64, w *int64) string { return outer(&v, w) }, whole()).Map(line[string, string])))
		}, func(in Input) []string { return wantOuter(in, func(v, _ *int64) bool { return v != nil }) }},
		{"broadcast/right outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(sameTwice(ctx, left(s, in).RightOuterJoin(right(s, in), func(v *int64, w int64) string { return outer(v, &w) }, whole()).Map(line[string, string])))
		}, func(in Input) []string { return wantOuter(in, func(_, w *int64) bool { return w != nil }) }},
		{"broadcast/full outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(show(left(s, in).FullOuterJoin(right(s, in), outer, whole()).Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string { return wantOuter(in, func(_, _ *int64) bool { return true }) }},
		{"broadcast/with", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := left(s, in).With(int64(3)).Join(right(s, in), func(by, v, w int64) string { return minus(by*v, w) }, whole())
			return ordered(show(j.Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string {
			return lines(joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (string, bool) {
				if v == nil || w == nil {
					return "", false
				}
				return minus(3**v, *w), true
			}))
		}},
		{"broadcast/then by key", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(show(product(s, in).ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"broadcast/by key when it has run", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// Nothing is placed as what was made before that could tell believes.
			p := product(s, in)
			if _, err := p.Count(ctx); err != nil {
				return nil, err
			}
			reduced := p.Filter(func(string, int64) bool { return true }).ReduceByKey(addInts)
			again := p.MapValues(func(v int64) int64 { return v }).AggregateByKey(newStats, addStats, mergeStats, typed.Partitions(in.Reducers))
			return ordered(show(reduced.Join(again, func(sum int64, st Stats) string { return fmt.Sprint(sum, st.Sum) }).Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string {
			var out []string
			for _, p := range sums(in) {
				out = append(out, line(p.Key, fmt.Sprint(p.Value, p.Value)))
			}
			return out
		}},
		{"broadcast/kept", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := product(s, in).Cache()
			if _, err := p.Count(ctx); err != nil {
				return nil, err
			}
			return ordered(sameTwice(ctx, p.ReduceByKey(addInts).SortBy(func(k string, _ int64) string { return k }).Map(line[string, int64])))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"broadcast/cut", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p, err := product(s, in).LocalCheckpoint(ctx)
			if err != nil {
				return nil, err
			}
			return ordered(show(p.ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"broadcast/of what is placed", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// A side that is placed is not shuffled anyway: whatever is done with it.
			n := typed.Partitions(in.Reducers)
			j := left(s, in).PartitionBy(n).Join(right(s, in).ReduceByKey(addInts, n), func(v, w int64) int64 { return v * w }, whole())
			return ordered(show(j.ReduceByKey(addInts, n).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"broadcast/twice over", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// The second join streams what the first one streams.
			j := left(s, in).Join(right(s, in), addInts, whole()).Union(left(s, in))
			return ordered(show(j.Join(right(s, in).ReduceByKey(addInts), minus, whole()).Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string {
			both := joined(pairs(in.Left), pairs(in.Right), func(v, w *int64) (int64, bool) {
				if v == nil || w == nil {
					return 0, false
				}
				return *v + *w, true
			})
			return lines(joined(append(both, pairs(in.Left)...), wantSumsOf(pairs(in.Right)), inner))
		}},
		{"broadcast/used twice", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := product(s, in)
			return ordered(show(p.Union(p).ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string {
			twice := sums(in)
			for i := range twice {
				twice[i].Value *= 2
			}
			return lines(twice)
		}},
	}
}
