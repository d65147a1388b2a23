package property

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/gordd-project/gordd/typed"
)

// wantCoalesced cuts rows as the source does, and puts its partitions into n.
func wantCoalesced[T any](in Input, rows []T, n int) []string {
	cuts := in.slices(len(rows))
	n = min(n, len(cuts))
	out := make([]string, n)
	for i := range out {
		from, to := i*len(cuts)/n, (i+1)*len(cuts)/n
		out[i] = fmt.Sprint(rows[cuts[from][0]:cuts[to-1][1]])
	}
	return out
}

// perPartition shows the pairs of a partition.
func perPartition(_ *typed.Task, rows iter.Seq2[string, int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		all := []string{}
		for k, v := range rows {
			all = append(all, line(k, v))
		}
		yield(fmt.Sprint(all))
	}
}

func partitionCases() []Case {
	coalesced := func(n int) Case {
		return Case{fmt.Sprintf("RDD.Coalesce/to %d", n), Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.Glom(ints(s, in).Coalesce(n)).Collect(ctx))
		}, func(in Input) []string { return wantCoalesced(in, in.Ints, n) }}
	}
	return []Case{
		coalesced(1), coalesced(2), coalesced(4), coalesced(100),
		{"RDD.Coalesce", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			u := ints(s, in).Map(double).Union(ints(s, in).Filter(even))
			return show(u.Coalesce(3).Map(double).Union(u).Coalesce(2).Collect(ctx))
		}, func(in Input) []string {
			u := append(each(in.Ints, double), keep(in.Ints, even)...)
			return text(append(each(u, double), u...))
		}},
		{"RDD.Coalesce/files", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.TextFile(in.Dir, typed.SplitBytes(100)).Coalesce(3).Map(strconv.Quote).Coalesce(2).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, f := range in.Files {
				out = append(out, each(f.Lines, strconv.Quote)...)
			}
			return out
		}},
		{"RDD.Coalesce/behind a shuffle, kept", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := ints(s, in).SortFunc(compareInts, typed.Partitions(7)).Coalesce(3).Cache()
			if _, err := r.Count(ctx); err != nil {
				return nil, err
			}
			return show(r.Zip(r.Map(double), mix).Collect(ctx))
		}, func(in Input) []string {
			return text(each(sortedFunc(in.Ints, compareInts), func(x int64) int64 { return mix(x, double(x)) }))
		}},
		{"RDD.Coalesce/take", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Coalesce(2).Take(ctx, in.few()))
		}, func(in Input) []string { return text(first(in.Ints, in.few())) }},
		{"PairRDD.Coalesce", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Coalesce(2).MapPartitions(perPartition).Collect(ctx))
		}, func(in Input) []string {
			return wantCoalesced(in, each(in.Pairs, func(p KV) string { return line(p.Key, p.Value) }), 2)
		}},
		{"PairRDD.Coalesce/combined", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).ReduceByKey(addInts, typed.Partitions(5)).Coalesce(2)
			return show(p.Join(p.MapValues(double), mix, typed.Partitions(3)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, p := range wantSumsOf(pairs(in.Pairs)) {
				out = append(out, line(p.Key, mix(p.Value, double(p.Value))))
			}
			return out
		}},
	}
}
