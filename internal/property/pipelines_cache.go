package property

import (
	"context"
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// sameTwice gives the rows of an RDD two times, and says whether both are the same.
func sameTwice[T any](ctx context.Context, r typed.RDD[T]) ([]string, error) {
	once, err := show(r.Collect(ctx))
	if err != nil {
		return nil, err
	}
	again, err := show(r.Collect(ctx))
	if err == nil && !slices.Equal(once, again) {
		err = fmt.Errorf("the rows that were kept are others: %w", differ(again, once))
	}
	return again, err
}

func cacheCases() []Case {
	return []Case{
		{"RDD.Cache", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return sameTwice(ctx, recs(s, in).Cache())
		}, func(in Input) []string { return text(in.Recs) }},
		{"RDD.Cache/chain", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			some := strs(s, in).Map(clipped).Cache().Filter(func(w string) bool { return w != "" })
			kept := some.Map(func(w string) string { return w + "." }).Cache()
			return sameTwice(ctx, kept.Map(func(w string) string { return w + "!" }))
		}, func(in Input) []string {
			return each(keep(each(in.Words, clipped), func(w string) bool { return w != "" }), func(w string) string { return w + ".!" })
		}},
		{"RDD.Persist", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return sameTwice(ctx, typed.Distinct(ints(s, in).Persist(typed.MemoryOnlySer).Filter(even), typed.Partitions(in.Reducers)).Persist(typed.MemoryOnly))
		}, func(in Input) []string { return text(distinct(keep(in.Ints, even))) }},
		{"RDD.Cache/taken", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			kept := ints(s, in).FlatMap(upTo).Cache()
			if _, err := kept.Take(ctx, 3); err != nil {
				return nil, err
			}
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			return show(kept.Take(ctx, in.few()))
		}, func(in Input) []string { return text(first(flat(in.Ints, upTo), in.few())) }},
		{"RDD.Unpersist", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			kept := ints(s, in).Map(double).Cache()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			kept.Unpersist()
			kept.Unpersist()
			return sameTwice(ctx, kept.Union(kept))
		}, func(in Input) []string {
			return slices.Concat(text(each(in.Ints, double)), text(each(in.Ints, double)))
		}},
		{"RDD.Persist/levels", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			var all []string
			for level := typed.MemoryOnly; level <= typed.DiskOnly2; level++ {
				kept := recs(s, in).Persist(level)
				defer kept.Unpersist()
				rows, err := sameTwice(ctx, kept.Union(strs(s, in).Persist(level).Map(func(w string) Rec { return Rec{Name: w} })))
				if err != nil {
					return nil, fmt.Errorf("%v: %w", level, err)
				}
				all = append(all, rows...)
			}
			return all, nil
		}, func(in Input) (all []string) {
			for range typed.DiskOnly2 + 1 {
				all = slices.Concat(all, text(in.Recs), text(each(in.Words, func(w string) Rec { return Rec{Name: w} })))
			}
			return all
		}},
		{"PairRDD.Cache", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			placed := left(s, in).PartitionBy(typed.Partitions(3)).Cache()
			sums := placed.ReduceByKey(addInts, typed.Partitions(3)).Cache()
			return sameTwice(ctx, placed.Join(sums, addInts, typed.Partitions(3)).Map(line[string, int64]))
		}, func(in Input) []string {
			sums := map[string]int64{}
			for _, p := range in.Left {
				sums[p.Key] += p.Value
			}
			return each(in.Left, func(p KV) string { return line(p.Key, p.Value+sums[p.Key]) })
		}},
		{"PairRDD.Persist", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			kept := typed.SortByKey(kvs(s, in).Persist(typed.DiskOnly), typed.Partitions(in.Reducers)).Persist(typed.MemoryOnlySer)
			defer kept.Unpersist()
			return sameTwice(ctx, kept.Map(line[string, int64]))
		}, func(in Input) []string {
			return lines(pairs(sorted(in.Pairs, func(p KV) string { return p.Key }, false)))
		}},
		{"PairRDD.Unpersist", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			kept := kvs(s, in).Cache()
			kept.Unpersist()
			return sameTwice(ctx, kept.Values())
		}, func(in Input) []string { return text(valuesOf(in.Pairs)) }},
	}
}
