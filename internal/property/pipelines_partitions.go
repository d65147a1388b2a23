package property

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

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

// few are the rows of one side of a product.
func few[T any](s *typed.Session, in Input, rows []T) typed.RDD[T] {
	return s.Parallelize(first(rows, 40), in.Parts)
}

func pairUp(x int64, w string) string { return fmt.Sprintf("%d×%q", x, w) }

// wantProduct gives each partition of the left side with each of the right one.
func wantProduct(in Input, f func(x int64, w string) string) []string {
	left, right := first(in.Ints, 40), first(in.Words, 40)
	var out []string
	for _, l := range in.slices(len(left)) {
		for _, r := range in.slices(len(right)) {
			for _, x := range left[l[0]:l[1]] {
				for _, w := range right[r[0]:r[1]] {
					out = append(out, f(x, w))
				}
			}
		}
	}
	return out
}

func productCases() []Case {
	return []Case{
		{"RDD.Cartesian", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(few(s, in, in.Ints).Cartesian(few(s, in, in.Words), pairUp).Filter(func(x string) bool { return len(x)%2 == 0 }).Collect(ctx))
		}, func(in Input) []string {
			return keep(wantProduct(in, pairUp), func(x string) bool { return len(x)%2 == 0 })
		}},
		{"RDD.Cartesian/in one", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			all := few(s, in, in.Ints).Coalesce(1).Cartesian(few(s, in, in.Words).Map(strconv.Quote).Coalesce(1), func(x int64, w string) string { return fmt.Sprint(x, w) })
			return show(all.Coalesce(3).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, x := range first(in.Ints, 40) {
				for _, w := range first(in.Words, 40) {
					out = append(out, fmt.Sprint(x, strconv.Quote(w)))
				}
			}
			return out
		}},
		{"RDD.Cartesian/with itself, behind a shuffle", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := typed.Distinct(few(s, in, in.Ints), typed.Partitions(3))
			return show(r.Cartesian(r, mix).Collect(ctx))
		}, func(in Input) []string {
			rows := each(grouped(each(first(in.Ints, 40), func(x int64) pair[int64, int64] { return pair[int64, int64]{x, 0} })),
				func(g group[int64, int64]) int64 { return g.Key })
			var out []int64
			for _, x := range rows {
				for _, y := range rows {
					out = append(out, mix(x, y))
				}
			}
			return text(out)
		}},
		{"RDD.Cartesian/take", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(few(s, in, in.Ints).Cartesian(few(s, in, in.Words), pairUp).Take(ctx, in.few()))
		}, func(in Input) []string { return first(wantProduct(in, pairUp), in.few()) }},
		{"RDDWith.Cartesian", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(few(s, in, in.Ints).With(in.env()).Cartesian(few(s, in, in.Words), func(e Env, x int64, w string) string { return pairUp(e.residue(x), w) }).Collect(ctx))
		}, func(in Input) []string {
			return wantProduct(in, func(x int64, w string) string { return pairUp(in.env().residue(x), w) })
		}},
	}
}

// inSpan says which keys of the input are from one to another.
func inSpan(rows []KV, from, to string) []pair[string, int64] {
	return keep(pairs(rows), func(p pair[string, int64]) bool { return from <= p.Key && p.Key <= to })
}

// span is from the key of one row to that of another.
func (in Input) span() (from, to string) {
	if len(in.Pairs) == 0 {
		return "a", "b"
	}
	return in.Pairs[len(in.Pairs)/3].Key, in.Pairs[len(in.Pairs)/2].Key
}

// byLastDigit is what the values of a group are sorted by.
func byLastDigit(v int64) int64 { return v % 10 }

// listed shows a key with each of its values.
func listed(k string, values iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for v := range values {
			if i++; !yield(line(k, fmt.Sprint(i, v))) {
				return
			}
		}
	}
}

func (e Env) by(v int64) string { return fmt.Sprint(v % e.Mod) }

func (e Env) heads(k string, values iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range values {
			yield(line(k, fmt.Sprint(v, e.Mod)))
			return
		}
	}
}

func sortedGroupCases() []Case {
	ranged := func(name string, swap bool, run func(s *typed.Session, in Input, from, to string) typed.PairRDD[string, int64], order func(a, b string) int) Case {
		return Case{"FilterByRange" + name, Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			from, to := in.span()
			if swap {
				from, to = to, from
			}
			return show(run(s, in, from, to).Collect(ctx))
		}, func(in Input) []string {
			from, to := in.span()
			if swap {
				from, to = to, from
			}
			return text(sortedFunc(inSpan(in.Pairs, from, to), func(a, b pair[string, int64]) int { return order(a.Key, b.Key) }))
		}}
	}
	up := func(a, b string) int { return strings.Compare(a, b) }
	down := func(a, b string) int { return strings.Compare(b, a) }
	var cases []Case
	for _, swap := range []bool{false, true} {
		name := ""
		if swap {
			name = ", other way"
		}
		cases = append(cases,
			ranged("/unsorted"+name, swap, func(s *typed.Session, in Input, from, to string) typed.PairRDD[string, int64] {
				return typed.FilterByRange(kvs(s, in), from, to)
			}, func(_, _ string) int { return 0 }),
			ranged("/sorted"+name, swap, func(s *typed.Session, in Input, from, to string) typed.PairRDD[string, int64] {
				return typed.FilterByRange(typed.SortByKey(kvs(s, in), typed.Partitions(in.Reducers)).Filter(func(string, int64) bool { return true }), from, to)
			}, up),
			ranged("/descending, kept"+name, swap, func(s *typed.Session, in Input, from, to string) typed.PairRDD[string, int64] {
				return typed.FilterByRange(typed.SortByKey(kvs(s, in), typed.Descending(), typed.Partitions(7)).Cache(), from, to)
			}, down),
			ranged("/of a union"+name, swap, func(s *typed.Session, in Input, from, to string) typed.PairRDD[string, int64] {
				sorted := typed.SortByKey(kvs(s, in), typed.Partitions(5))
				return typed.FilterByRange(sorted.Union(typed.FilterByRange(sorted, "b", "a")), from, to)
			}, up),
		)
	}
	return append(cases,
		Case{"FilterByRange/joined", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sorted := typed.SortByKey(left(s, in), typed.Partitions(5))
			return show(typed.FilterByRange(sorted, "a", "z").FullOuterJoin(right(s, in), outer, typed.Partitions(5)).Filter(func(string, string) bool { return true }).
				Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			return lines(joined(inSpan(in.Left, "a", "z"), pairs(in.Right), func(v, w *int64) (string, bool) { return outer(v, w), true }))
		}},
		Case{"PairRDD.FlatMapSortedGroups", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMapSortedGroups(byLastDigit, listed, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string { return wantSorted(in, byLastDigit) }},
		Case{"PairRDD.FlatMapSortedGroups/placed, by text", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).PartitionBy(typed.Partitions(in.Reducers)).MapValues(double)
			return show(p.FlatMapSortedGroups(func(v int64) string { return fmt.Sprint(v / 2) }, listed).Filter(func(string) bool { return true }).Collect(ctx))
		}, func(in Input) []string {
			in.Pairs = each(in.Pairs, func(p KV) KV { return KV{p.Key, double(p.Value)} })
			return wantSorted(in, func(v int64) string { return fmt.Sprint(v / 2) })
		}},
		Case{"PairWith.FlatMapSortedGroups", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FlatMapSortedGroups(Env.by, Env.heads, typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			e := in.env()
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				first := sortedFunc(g.Values, func(a, b int64) int { return cmp.Compare(e.by(a), e.by(b)) })[0]
				out = append(out, line(g.Key, fmt.Sprint(first, e.Mod)))
			}
			return out
		}},
	)
}

// wantSorted numbers the values of each key in the order of what by gives.
func wantSorted[S cmp.Ordered](in Input, by func(int64) S) []string {
	var out []string
	for _, g := range grouped(pairs(in.Pairs)) {
		for i, v := range sortedFunc(g.Values, func(a, b int64) int { return cmp.Compare(by(a), by(b)) }) {
			out = append(out, line(g.Key, fmt.Sprint(i+1, v)))
		}
	}
	return out
}

// placeOf places keys by how long they are.
func placeOf(k string) int { return len(k) % 5 }

// atPlace shows the pairs of a partition with its number.
func atPlace(i int, rows iter.Seq2[string, int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k, v := range rows {
			if !yield(line(k, fmt.Sprint(i, v))) {
				return
			}
		}
	}
}

// wantPlaced shows pairs with the partition that placeOf says.
func wantPlaced(rows []pair[string, int64]) []string {
	return each(rows, func(p pair[string, int64]) string { return line(p.Key, fmt.Sprint(placeOf(p.Key), p.Value)) })
}

// sortedAtPlace has the pairs by their partitions, and in these by key: in rising
// order, or falling, where sign is −1.
func sortedAtPlace(in Input, sign int) []pair[string, int64] {
	all := slices.Clone(pairs(in.Pairs))
	slices.SortStableFunc(all, func(a, b pair[string, int64]) int {
		return cmp.Or(cmp.Compare(placeOf(a.Key), placeOf(b.Key)), sign*cmp.Compare(a.Key, b.Key))
	})
	return all
}

func partitionerCases() []Case {
	return []Case{
		{"PartitionFunc", ByKey, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := kvs(s, in).FlatMapSortedGroups(byLastDigit, listed, typed.PartitionFunc(7, func(k string) int { return 6 - placeOf(k) }))
			return show(p.Collect(ctx))
		}, func(in Input) []string { return wantSorted(in, byLastDigit) }},
		{"PartitionFunc/PartitionBy", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).PartitionBy(typed.PartitionFunc(5, placeOf)).MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(pairs(in.Pairs)) }},
		{"PartitionFunc/combine", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).ReduceByKey(addInts, typed.PartitionFunc(6, placeOf)).MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(wantSumsOf(pairs(in.Pairs))) }},
		{"PartitionFunc/join", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			by := typed.PartitionFunc(5, placeOf)
			sums := left(s, in).ReduceByKey(addInts, by)
			return show(sums.Join(right(s, in), mix).MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(wantMixed(in)) }},
		{"PartitionFunc/one function twice", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := left(s, in).ReduceByKey(addInts, typed.PartitionFunc(5, placeOf)).MapValues(double)
			other := right(s, in).PartitionBy(typed.PartitionFunc(5, placeOf)).Filter(func(string, int64) bool { return true })
			return show(sums.MapValues(func(v int64) int64 { return v / 2 }).Join(other, mix, typed.PartitionFunc(5, placeOf)).MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(wantMixed(in)) }},
		{"PartitionFunc/two functions", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := left(s, in).ReduceByKey(addInts, typed.PartitionFunc(5, func(k string) int { return 4 - placeOf(k) }))
			other := right(s, in).PartitionBy(typed.PartitionFunc(5, placeOf))
			return show(sums.Join(other, mix, typed.PartitionFunc(5, placeOf)).MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(wantMixed(in)) }},
		{"PartitionFunc/sorted", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			p := typed.RepartitionAndSortWithinPartitions(kvs(s, in), typed.PartitionFunc(5, placeOf))
			return show(p.MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(sortedAtPlace(in, 1)) }},
		{"PartitionFunc/sorted where it was placed", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			by := typed.PartitionFunc(5, placeOf)
			p := typed.RepartitionAndSortWithinPartitions(kvs(s, in).PartitionBy(by), typed.Descending(), by)
			return show(p.MapPartitionsWithIndex(atPlace).Collect(ctx))
		}, func(in Input) []string { return wantPlaced(sortedAtPlace(in, -1)) }},
		{"PartitionFunc/of rows", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			by := typed.PartitionFunc(5, placeOf)
			all := typed.Distinct(strs(s, in), by)
			return show(typed.Subtract(all, all.Filter(func(w string) bool { return len(w)%2 == 0 }), by).DistinctBy(strconv.Quote, by).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(each(in.Words, func(w string) pair[string, int] { return pair[string, int]{w, 0} })) {
				if len(g.Key)%2 != 0 {
					out = append(out, g.Key)
				}
			}
			return out
		}},
	}
}

// wantMixed joins the sums of the left side with the right one.
func wantMixed(in Input) []pair[string, int64] {
	var out []pair[string, int64]
	for _, b := range cogrouped(wantSumsOf(pairs(in.Left)), pairs(in.Right)) {
		for _, v := range b.Left {
			for _, w := range b.Right {
				out = append(out, pair[string, int64]{b.Key, mix(v, w)})
			}
		}
	}
	return out
}
