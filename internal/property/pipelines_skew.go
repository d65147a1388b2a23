package property

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

// split has a join split all keys that have most of one of its sides, however few bytes
// that are.
func split() typed.JoinOption { return typed.SkewJoin(1) }

// apart has no join read a side whole.
func apart() typed.JoinOption { return typed.BroadcastBelow(0) }

// hotKey gives two in three of all rows the same key.
func hotKey(k string, v int64) (string, int64) {
	if v%3 != 0 {
		return "hot", v
	}
	return k, v
}

func hotLeft(s *typed.Session, in Input) typed.PairRDD[string, int64] {
	return left(s, in).MapToPair(hotKey)
}

// hotRight has few rows: all of a key's on one side meet all on the other.
func hotRight(s *typed.Session, in Input) typed.PairRDD[string, int64] {
	return keyed(s, first(in.Right, 40), 4).MapToPair(hotKey)
}

func hotPairs(in []KV) []pair[string, int64] {
	return each(in, func(p KV) pair[string, int64] {
		k, v := hotKey(p.Pair())
		return pair[string, int64]{k, v}
	})
}

// wantHot gives the rows of joins of both as outer shows them; what keeps says which.
func wantHot(in Input, keeps func(v, w *int64) bool) []string {
	return lines(joined(hotPairs(in.Left), hotPairs(first(in.Right, 40)), func(v, w *int64) (string, bool) { return outer(v, w), keeps(v, w) }))
}

// skewCases are joins of which a key has most rows of a side, and what builds on where
// their rows are.
func skewCases() []Case {
	product := func(v, w *int64) (int64, bool) {
		if v == nil || w == nil {
			return 0, false
		}
		return *v * *w, true
	}
	products := func(s *typed.Session, in Input) typed.PairRDD[string, int64] {
		return hotLeft(s, in).Join(hotRight(s, in), func(v, w int64) int64 { return v * w }, split(), apart())
	}
	sums := func(in Input) []pair[string, int64] {
		return wantSumsOf(joined(hotPairs(in.Left), hotPairs(first(in.Right, 40)), product))
	}
	return []Case{
		{"skew/join", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := hotLeft(s, in).Join(hotRight(s, in), func(v, w int64) string { return outer(&v, &w) }, split(), apart())
			return ordered(sameTwice(ctx, j.Map(line[string, string])))
		}, func(in Input) []string { return wantHot(in, func(v, w *int64) bool { return v != nil && w != nil }) }},
		{"skew/left outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := hotLeft(s, in).LeftOuterJoin(hotRight(s, in), func(v int64, w *int64) string { return outer(&v, w) }, split(), apart())
			return ordered(sameTwice(ctx, j.Map(line[string, string])))
		}, func(in Input) []string { return wantHot(in, func(v, _ *int64) bool { return v != nil }) }},
		{"skew/right outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := hotLeft(s, in).RightOuterJoin(hotRight(s, in), func(v *int64, w int64) string { return outer(v, &w) }, split(), apart())
			return ordered(sameTwice(ctx, j.Map(line[string, string])))
		}, func(in Input) []string { return wantHot(in, func(_, w *int64) bool { return w != nil }) }},
		{"skew/full outer", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return ordered(show(hotLeft(s, in).FullOuterJoin(hotRight(s, in), outer, split()).Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string { return wantHot(in, func(_, _ *int64) bool { return true }) }},
		{"skew/with", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			j := hotLeft(s, in).With(int64(3)).Join(hotRight(s, in), func(by, v, w int64) int64 { return by * v * w }, split(), apart())
			return ordered(show(j.ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string {
			return lines(each(sums(in), func(p pair[string, int64]) pair[string, int64] { return pair[string, int64]{p.Key, 3 * p.Value} }))
		}},
		{"skew/of what was moved", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			// The rows of the left side are kept, to be sampled and moved.
			j := hotLeft(s, in).Repartition(3).LeftOuterJoin(hotRight(s, in), func(v int64, w *int64) string { return outer(&v, w) }, split(), apart())
			return ordered(show(j.Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string { return wantHot(in, func(v, _ *int64) bool { return v != nil }) }},
		{"skew/by key when it has run", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := products(s, in)
			if _, err := p.Count(ctx); err != nil {
				return nil, err
			}
			reduced := p.Filter(func(string, int64) bool { return true }).ReduceByKey(addInts)
			again := p.MapValues(func(v int64) int64 { return v }).AggregateByKey(newStats, addStats, mergeStats, typed.Partitions(in.Reducers))
			return ordered(show(reduced.Join(again, func(sum int64, st Stats) string { return fmt.Sprint(sum, st.Sum) }).Map(line[string, string]).Collect(ctx)))
		}, func(in Input) []string {
			return each(sums(in), func(p pair[string, int64]) string { return line(p.Key, fmt.Sprint(p.Value, p.Value)) })
		}},
		{"skew/kept", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := products(s, in).Cache()
			if _, err := p.Count(ctx); err != nil {
				return nil, err
			}
			return ordered(sameTwice(ctx, p.ReduceByKey(addInts).Map(line[string, int64])))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"skew/cut", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p, err := products(s, in).LocalCheckpoint(ctx)
			if err != nil {
				return nil, err
			}
			return ordered(show(p.ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string { return lines(sums(in)) }},
		{"skew/used twice", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := products(s, in)
			return ordered(show(p.Union(p).ReduceByKey(addInts).Map(line[string, int64]).Collect(ctx)))
		}, func(in Input) []string {
			return lines(each(sums(in), func(p pair[string, int64]) pair[string, int64] { return pair[string, int64]{p.Key, 2 * p.Value} }))
		}},
	}
}
