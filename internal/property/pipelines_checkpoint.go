package property

import (
	"context"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// checkpointCases are of rows whose lineage is cut.
func checkpointCases() []Case {
	return []Case{
		{"RDD.Checkpoint", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			once, err := recs(s, in).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			again, err := once.Filter(func(r Rec) bool { return r.ID%3 != 0 }).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			return sameTwice(ctx, once.Union(again))
		}, func(in Input) []string {
			return slices.Concat(text(in.Recs), text(keep(in.Recs, func(r Rec) bool { return r.ID%3 != 0 })))
		}},
		{"PairRDD.Checkpoint", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums, err := left(s, in).ReduceByKey(addInts, typed.Partitions(3)).Checkpoint(ctx)
			if err != nil {
				return nil, err
			}
			return show(left(s, in).Join(sums, addInts, typed.Partitions(3)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			sums := map[string]int64{}
			for _, p := range in.Left {
				sums[p.Key] += p.Value
			}
			return each(in.Left, func(p KV) string { return line(p.Key, p.Value+sums[p.Key]) })
		}},
		{"RDD.LocalCheckpoint", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			once, err := recs(s, in).LocalCheckpoint(ctx)
			if err != nil {
				return nil, err
			}
			again, err := once.Filter(func(r Rec) bool { return r.ID%3 != 0 }).LocalCheckpoint(ctx)
			if err != nil {
				return nil, err
			}
			return sameTwice(ctx, once.Union(again))
		}, func(in Input) []string {
			return slices.Concat(text(in.Recs), text(keep(in.Recs, func(r Rec) bool { return r.ID%3 != 0 })))
		}},
		{"PairRDD.LocalCheckpoint", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums, err := left(s, in).ReduceByKey(addInts, typed.Partitions(3)).LocalCheckpoint(ctx)
			if err != nil {
				return nil, err
			}
			return show(left(s, in).Join(sums, addInts, typed.Partitions(3)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			sums := map[string]int64{}
			for _, p := range in.Left {
				sums[p.Key] += p.Value
			}
			return each(in.Left, func(p KV) string { return line(p.Key, p.Value+sums[p.Key]) })
		}},
		{"PairRDD in a loop that is cut unasked", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := left(s, in).ReduceByKey(addInts, typed.Partitions(2))
			first := sums
			for round := range 110 {
				if round%10 == 0 {
					sums = sums.Cache()
				}
				sums = sums.MapToPair(oneMore).ReduceByKey(addInts, typed.Partitions(1))
			}
			n, err := sums.Count(ctx)
			if err != nil {
				return nil, err
			}
			rows, err := show(first.Join(sums.MapToPair(oneMore), func(a, b int64) int64 { return b - a }, typed.Partitions(2)).Map(line[string, int64]).Collect(ctx))
			return append(rows, line("keys", n)), err
		}, func(in Input) []string {
			keys := map[string]bool{}
			for _, p := range in.Left {
				keys[p.Key] = true
			}
			rows := []string{line("keys", len(keys))}
			for k := range keys {
				rows = append(rows, line(k, 111))
			}
			return rows
		}},
	}
}

func oneMore(k string, v int64) (string, int64) { return k, v + 1 }
