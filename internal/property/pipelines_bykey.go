package property

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// byDigit orders numbers by their last digits, so that many are equal.
func byDigit(a, b int64) int { return cmp.Compare(a%10, b%10) }

// capped is associative, and what is far below zero changes nothing.
func (e Env) capped(a, b int64) int64 { return max(a, b, -e.Mod) }

// wantTop gives the n greatest values of each key, equal ones as they came.
func wantTop(n int) func(in Input) []string {
	return func(in Input) []string {
		var out []string
		for _, g := range grouped(pairs(in.Pairs)) {
			top := sortedFunc(g.Values, func(a, b int64) int { return byDigit(b, a) })
			out = append(out, line(g.Key, first(top, n)))
		}
		return out
	}
}

func byKeyCases() []Case {
	return []Case{
		{"PairRDD.FoldByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FoldByKey(0, addInts, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				out = append(out, line(g.Key, reduced(g.Values, addInts)))
			}
			return out
		}},
		{"PairRDD.FoldByKey/in order", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			texts := kvs(s, in).MapValues(func(v int64) string { return fmt.Sprint(v, ";") })
			return show(texts.FoldByKey("", func(a, b string) string { return a + b }, typed.Partitions(in.Reducers)).Map(line[string, string]).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				all := ""
				for _, v := range g.Values {
					all += fmt.Sprint(v, ";")
				}
				out = append(out, line(g.Key, all))
			}
			return out
		}},
		{"PairWith.FoldByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envKVs(s, in).FoldByKey(-1<<40, Env.capped, typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				out = append(out, line(g.Key, max(slices.Max(g.Values), -in.env().Mod)))
			}
			return out
		}},
		{"PairRDD.ReduceByKeyLocally", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return mapText(kvs(s, in).MapValues(double).ReduceByKeyLocally(ctx, addInts))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				out = append(out, line(g.Key, 2*reduced(g.Values, addInts)))
			}
			return out
		}},
		{"PairWith.ReduceByKeyLocally", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return mapText(envKVs(s, in).ReduceByKeyLocally(ctx, Env.capped))
		}, func(in Input) []string {
			var out []string
			for _, g := range grouped(pairs(in.Pairs)) {
				v := g.Values[0]
				if len(g.Values) > 1 {
					v = max(slices.Max(g.Values), -in.env().Mod)
				}
				out = append(out, line(g.Key, v))
			}
			return out
		}},
		{"TopByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.TopByKey(kvs(s, in), 3, byDigit, typed.Partitions(in.Reducers)).Map(line[string, []int64]).Collect(ctx))
		}, wantTop(3)},
		{"TopByKey/one", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.TopByKey(kvs(s, in).PartitionBy(typed.Partitions(in.Reducers)), 1, byDigit).Map(line[string, []int64]).Collect(ctx))
		}, wantTop(1)},
		{"TopByKey/more than there are", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.TopByKey(kvs(s, in), 1<<40, byDigit, typed.Partitions(in.Reducers)).Map(line[string, []int64]).Collect(ctx))
		}, wantTop(1 << 40)},
		{"RepartitionAndSortWithinPartitions", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return inOrder(ctx, typed.RepartitionAndSortWithinPartitions(kvs(s, in), typed.Partitions(in.Reducers)), 1)
		}, wantTogether},
		{"RepartitionAndSortWithinPartitions/descending", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			placed := kvs(s, in).PartitionBy(typed.Partitions(in.Reducers))
			return inOrder(ctx, typed.RepartitionAndSortWithinPartitions(placed, typed.Descending()), -1)
		}, wantTogether},
	}
}

// mapText shows a map, by its keys.
func mapText(m map[string]int64, err error) ([]string, error) {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, line(k, m[k]))
	}
	return out, err
}

// keyRun is the values of a key that come one after the other.
type keyRun = typed.Pair[string, []int64]

// keyRuns gives the runs of equal keys in a partition.
func keyRuns(_ *typed.Task, rows iter.Seq2[string, int64]) iter.Seq[[]keyRun] {
	var runs []keyRun
	for k, v := range rows {
		if n := len(runs); n == 0 || runs[n-1].Key != k {
			runs = append(runs, keyRun{Key: k})
		}
		last := &runs[len(runs)-1]
		last.Value = append(last.Value, v)
	}
	return slices.Values([][]keyRun{runs})
}

// inOrder shows the runs of keys, which rise in each partition, or fall, where sign
// is −1.
func inOrder(ctx context.Context, p typed.PairRDD[string, int64], sign int) ([]string, error) {
	partitions, err := p.MapPartitions(keyRuns).Collect(ctx)
	var out []string
	for _, runs := range partitions {
		if !slices.IsSortedFunc(runs, func(a, b keyRun) int { return sign * cmp.Compare(a.Key, b.Key) }) {
			return nil, fmt.Errorf("keys are not in order: %v", runs)
		}
		for _, r := range runs {
			out = append(out, line(r.Key, r.Value))
		}
	}
	return out, err
}

// wantTogether shows each key once, with its values as they came.
func wantTogether(in Input) []string {
	var out []string
	for _, g := range grouped(pairs(in.Pairs)) {
		out = append(out, line(g.Key, g.Values))
	}
	return out
}

// alternate takes a row of one side and of the other in turn, and then what is left.
func alternate(_ *typed.Task, left, right iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		next, stop := iter.Pull(right)
		defer stop()
		for x := range left {
			if !yield(x) {
				return
			}
			if y, ok := next(); ok && !yield(y) {
				return
			}
		}
		for y, ok := next(); ok; y, ok = next() {
			if !yield(y) {
				return
			}
		}
	}
}

func (e Env) alternate(t *typed.Task, left, right iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if yield(e.Mod) {
			alternate(t, left, right)(yield)
		}
	}
}

func wantAlternate(in Input, begin ...int64) []string {
	var out []int64
	for _, cut := range in.slices(len(in.Ints)) {
		left := in.Ints[cut[0]:cut[1]]
		right := keep(left, even)
		out = append(out, begin...)
		for i, x := range left {
			out = append(out, x)
			if i < len(right) {
				out = append(out, double(right[i]))
			}
		}
	}
	return text(out)
}

func wantRuns(in Input, size int) []string {
	var out []string
	for i := range in.Ints {
		if i+size <= len(in.Ints) {
			out = append(out, fmt.Sprint(in.Ints[i:i+size]))
		}
	}
	return out
}

func zipCases() []Case {
	sliding := func(name string, size int) Case {
		return Case{name, Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			runs, err := typed.Sliding(ctx, ints(s, in), size)
			if err != nil {
				return nil, err
			}
			return show(runs.Collect(ctx))
		}, func(in Input) []string { return wantRuns(in, size) }}
	}
	return []Case{
		{"RDD.Zip", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Zip(ints(s, in).Map(double), mix).Filter(even).Collect(ctx))
		}, func(in Input) []string {
			return text(keep(each(in.Ints, func(x int64) int64 { return mix(x, double(x)) }), even))
		}},
		{"RDD.Zip/of unions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			left := ints(s, in).Union(ints(s, in).Map(double))
			return show(left.Zip(ints(s, in).Map(double).Union(ints(s, in)), mix).Union(left).Collect(ctx))
		}, func(in Input) []string {
			d := each(in.Ints, double)
			out := each(in.Ints, func(x int64) int64 { return mix(x, double(x)) })
			out = append(out, each(in.Ints, func(x int64) int64 { return mix(double(x), x) })...)
			return text(slices.Concat(out, in.Ints, d))
		}},
		{"RDD.Zip/take", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Zip(ints(s, in), mix).Take(ctx, in.few()))
		}, func(in Input) []string {
			return text(first(each(in.Ints, func(x int64) int64 { return mix(x, x) }), in.few()))
		}},
		{"RDD.Zip/behind shuffles", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n := typed.Partitions(max(in.Reducers, 1))
			sorted := ints(s, in).SortFunc(compareInts, n)
			return show(sorted.Zip(sorted.Map(double), mix).Collect(ctx))
		}, func(in Input) []string {
			return text(each(sortedFunc(in.Ints, compareInts), func(x int64) int64 { return mix(x, double(x)) }))
		}},
		{"RDDWith.Zip", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).Zip(ints(s, in), func(e Env, a, b int64) int64 { return mix(e.residue(a), b) }).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Ints, func(x int64) int64 { return mix(in.env().residue(x), x) }))
		}},
		{"RDD.ZipPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).ZipPartitions(ints(s, in).Filter(even).Map(double), alternate).Collect(ctx))
		}, func(in Input) []string { return wantAlternate(in) }},
		{"RDDWith.ZipPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(envInts(s, in).ZipPartitions(ints(s, in).Filter(even).Map(double), Env.alternate).Collect(ctx))
		}, func(in Input) []string { return wantAlternate(in, in.env().Mod) }},
		sliding("Sliding", 3), sliding("Sliding/one", 1), sliding("Sliding/many", 40),
		{"Sliding/words", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			runs, err := typed.Sliding(ctx, strs(s, in), 2)
			if err != nil {
				return nil, err
			}
			return show(runs.Map(func(run []string) string { return run[0] + "→" + run[1] }).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for i := 1; i < len(in.Words); i++ {
				out = append(out, in.Words[i-1]+"→"+in.Words[i])
			}
			return out
		}},
	}
}
