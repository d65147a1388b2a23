package acceptance_test

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

type pairs = typed.PairRDD[string, int64]

// pairsOf makes pairs of words like "a1": a letter and a digit.
func pairsOf(s *typed.Session, words string, partitions int) pairs {
	return s.Parallelize(strings.Fields(words), partitions).MapToPair(func(w string) (string, int64) {
		return w[:1], int64(w[1] - '0')
	})
}

// text gives a value that may be absent.
func text(v *int64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func TestCombinations(t *testing.T) {
	const words = "a1 b4 a2 c9 a1 b0"
	letters := func(s *typed.Session) pairs { return pairsOf(s, words, 3) }
	check(t, []promise{
		{does: "reduceByKey", run: func(s *typed.Session) (any, error) { return byKey(letters(s).ReduceByKey(add)) },
			want: []string{"a=4", "b=4", "c=9"}},
		{does: "reduceByKey into more partitions than keys", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).ReduceByKey(add, typed.Partitions(11)))
		}, want: []string{"a=4", "b=4", "c=9"}},
		{does: "reduceByKey of one partition into one", run: func(s *typed.Session) (any, error) {
			return byKey(pairsOf(s, words, 1).ReduceByKey(add, typed.Partitions(1)))
		}, want: []string{"a=4", "b=4", "c=9"}},
		{does: "reduceByKeyLocally", run: func(s *typed.Session) (any, error) { return letters(s).ReduceByKeyLocally(ctx, add) },
			want: map[string]int64{"a": 4, "b": 4, "c": 9}},
		{does: "foldByKey", run: func(s *typed.Session) (any, error) { return byKey(letters(s).FoldByKey(0, add)) },
			want: []string{"a=4", "b=4", "c=9"}},
		{does: "combineByKey to another type", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).CombineByKey(
				func(v int64) string { return fmt.Sprint(v) },
				func(c string, v int64) string { return c + fmt.Sprint(v) },
				func(a, b string) string { return a + b }))
		}, want: []string{"a=121", "b=40", "c=9"}},
		{does: "the zero of aggregateByKey is not shared between keys", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).AggregateByKey(func() map[int64]int { return map[int64]int{} },
				func(m *map[int64]int, v int64) { (*m)[v]++ },
				func(a, b *map[int64]int) {
					for v, n := range *b {
						(*a)[v] += n
					}
				}))
		}, want: []string{"a=map[1:2 2:1]", "b=map[0:1 4:1]", "c=map[9:1]"}},
		{does: "the zero of foldByKey is not shared between keys", run: func(s *typed.Session) (any, error) {
			all := letters(s).MapValues(func(v int64) []int64 { return []int64{v} })
			return byKey(all.FoldByKey([]int64{}, func(a, b []int64) []int64 { return slices.Concat(a, b) }))
		}, want: []string{"a=[1 2 1]", "b=[4 0]", "c=[9]"}},
		{does: "groupByKey keeps what is there twice", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).GroupByKey(func(_ string, vs iter.Seq[int64]) []int64 { return slices.Sorted(vs) }))
		}, want: []string{"a=[1 1 2]", "b=[0 4]", "c=[9]"}},
		{does: "keys less than zero", run: func(s *typed.Session) (any, error) {
			return byKey(s.Parallelize([]int64{-1, -7, -1, 3, -7, -1}, 3).KeyBy(func(x int64) int64 { return x }).ReduceByKey(add, typed.Partitions(5)))
		}, want: []string{"-1=-3", "-7=-14", "3=3"}},
		{does: "groupByKey into many partitions", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).GroupByKey(func(_ string, vs iter.Seq[int64]) []int64 { return slices.Sorted(vs) }, typed.Partitions(200)))
		}, want: []string{"a=[1 1 2]", "b=[0 4]", "c=[9]"}},
		{does: "about how many different values each key has", run: func(s *typed.Session) (any, error) {
			p := s.Range(5000, typed.Partitions(4)).MapToPair(func(x int64) (int64, int64) { return x % 2, x % (50 * (1 + x%2)) })
			return byKey(typed.CountApproxDistinctByKey(p, 0.02).MapValues(func(n int64) int64 { return (n + 5) / 10 }))
		}, want: []string{"0=3", "1=5"}},
		{does: "a secondary sort", run: func(s *typed.Session) (any, error) {
			return sorted(letters(s).FlatMapSortedGroups(func(v int64) int64 { return -v },
				func(k string, vs iter.Seq[int64]) iter.Seq[string] {
					return slices.Values([]string{k + fmt.Sprint(slices.Collect(vs))})
				}))
		}, want: []string{"a[2 1 1]", "b[4 0]", "c[9]"}},
		{does: "countByKey", run: func(s *typed.Session) (any, error) { return letters(s).CountByKey(ctx) },
			want: map[string]int64{"a": 3, "b": 2, "c": 1}},
		{does: "topByKey of more than there are", run: func(s *typed.Session) (any, error) {
			return byKey(typed.TopByKey(letters(s), 2, cmp.Compare))
		}, want: []string{"a=[2 1]", "b=[4 0]", "c=[9]"}},
		{does: "lookup", run: func(s *typed.Session) (any, error) { return letters(s).Lookup(ctx, "a") }, want: []int64{1, 2, 1}},
		{does: "lookup of what was placed", run: func(s *typed.Session) (any, error) {
			return letters(s).PartitionBy(typed.Partitions(4)).Lookup(ctx, "b")
		}, want: []int64{4, 0}},
		{does: "lookup of no such key", run: func(s *typed.Session) (any, error) { return letters(s).Lookup(ctx, "z") }, want: []int64{}},
		{does: "collectAsMap has one value a key, the last", run: func(s *typed.Session) (any, error) { return letters(s).CollectAsMap(ctx) },
			want: map[string]int64{"a": 1, "b": 0, "c": 9}},
		{does: "flatMapValues", run: func(s *typed.Session) (any, error) {
			return byKey(pairsOf(s, "a2 b0", 2).FlatMapValues(func(v int64) iter.Seq[int64] { return slices.Values(numbers(0, v)) }))
		}, want: []string{"a=0", "a=1"}},
		{does: "keys and values in order", run: func(s *typed.Session) (any, error) {
			keys, err := letters(s).Keys().Collect(ctx)
			if err != nil {
				return nil, err
			}
			values, err := letters(s).Values().Collect(ctx)
			return fmt.Sprint(keys, values), err
		}, want: "[a b a c a b] [1 4 2 9 1 0]"},
		{does: "a panic in a combination names its line", run: func(s *typed.Session) (any, error) {
			return byKey(letters(s).ReduceByKey(func(a, b int64) int64 { panic("no sums") }))
		}, fails: `ReduceByKey \(pair_test.go:\d+\): panic: no sums: at pair_test.go:\d+`},
	})
}

func TestJoins(t *testing.T) {
	left := func(s *typed.Session) pairs { return pairsOf(s, "a1 a2 b3 d5", 3) }
	right := func(s *typed.Session) pairs { return pairsOf(s, "a7 b8 b9 e6 a7", 2) }
	empty := func(s *typed.Session) pairs { return pairsOf(s, "", 2) }
	both := func(v, w int64) string { return fmt.Sprint(v, w) }
	first := func(v int64, w *int64) string { return fmt.Sprint(v) + text(w) }
	second := func(v *int64, w int64) string { return text(v) + fmt.Sprint(w) }
	full := func(v, w *int64) string { return text(v) + text(w) }
	check(t, []promise{
		{does: "join has each value with each", run: func(s *typed.Session) (any, error) { return byKey(left(s).Join(right(s), both)) },
			want: []string{"a=1 7", "a=1 7", "a=2 7", "a=2 7", "b=3 8", "b=3 9"}},
		{does: "join of many values of one key", run: func(s *typed.Session) (any, error) {
			one := func(int64) int64 { return 1 }
			return s.Range(60, typed.Partitions(4)).KeyBy(one).Join(s.Range(70, typed.Partitions(3)).KeyBy(one), add).Count(ctx)
		}, want: int64(4200)},
		{does: "join with itself", run: func(s *typed.Session) (any, error) {
			l := left(s)
			return byKey(l.Join(l, both))
		}, want: []string{"a=1 1", "a=1 2", "a=2 1", "a=2 2", "b=3 3", "d=5 5"}},
		{does: "join without common keys", run: func(s *typed.Session) (any, error) {
			return byKey(left(s).Join(pairsOf(s, "x1 y2", 2), both))
		}, want: []string{}},
		{does: "join with no partitions", run: func(s *typed.Session) (any, error) {
			none := s.Empty[int64]().KeyBy(func(int64) string { return "a" })
			return byKey(left(s).LeftOuterJoin(none, first).Join(none, func(v string, w int64) string { return v }))
		}, want: []string{}},
		{does: "join with nothing", run: func(s *typed.Session) (any, error) { return byKey(left(s).Join(empty(s), both)) }, want: []string{}},
		{does: "leftOuterJoin", run: func(s *typed.Session) (any, error) { return byKey(left(s).LeftOuterJoin(right(s), first)) },
			want: []string{"a=17", "a=17", "a=27", "a=27", "b=38", "b=39", "d=5-"}},
		{does: "leftOuterJoin with nothing", run: func(s *typed.Session) (any, error) {
			return byKey(left(s).LeftOuterJoin(empty(s), first))
		}, want: []string{"a=1-", "a=2-", "b=3-", "d=5-"}},
		{does: "rightOuterJoin", run: func(s *typed.Session) (any, error) { return byKey(left(s).RightOuterJoin(right(s), second)) },
			want: []string{"a=17", "a=17", "a=27", "a=27", "b=38", "b=39", "e=-6"}},
		{does: "rightOuterJoin of nothing", run: func(s *typed.Session) (any, error) {
			return byKey(empty(s).RightOuterJoin(right(s), second))
		}, want: []string{"a=-7", "a=-7", "b=-8", "b=-9", "e=-6"}},
		{does: "fullOuterJoin", run: func(s *typed.Session) (any, error) { return byKey(left(s).FullOuterJoin(right(s), full)) },
			want: []string{"a=17", "a=17", "a=27", "a=27", "b=38", "b=39", "d=5-", "e=-6"}},
		{does: "fullOuterJoin of nothing with nothing", run: func(s *typed.Session) (any, error) {
			return byKey(empty(s).FullOuterJoin(empty(s), full))
		}, want: []string{}},
		{does: "subtractByKey keeps what the left one has twice", run: func(s *typed.Session) (any, error) {
			return byKey(pairsOf(s, "a1 a1 b2 c3", 3).SubtractByKey(pairsOf(s, "b9 b8 z1", 2)))
		}, want: []string{"a=1", "a=1", "c=3"}},
		{does: "subtractByKey of nothing", run: func(s *typed.Session) (any, error) { return byKey(left(s).SubtractByKey(empty(s))) },
			want: []string{"a=1", "a=2", "b=3", "d=5"}},
		{does: "cogroup has keys of either side", run: func(s *typed.Session) (any, error) { return byKey(cogrouped(left(s), right(s))) },
			want: []string{"a=[1 2] [7 7]", "b=[3] [8 9]", "d=[5] []", "e=[] [6]"}},
		{does: "cogroup of three is a cogroup of two with a third", run: func(s *typed.Session) (any, error) {
			return byKey(cogrouped(left(s), right(s)).CoGroup(pairsOf(s, "d0 f1 d2", 2), func(_ string, two iter.Seq[string], third iter.Seq[int64]) iter.Seq[string] {
				head := "[] []"
				for v := range two {
					head = v
				}
				return slices.Values([]string{head + " " + fmt.Sprint(slices.Sorted(third))})
			}))
		}, want: []string{"a=[1 2] [7 7] []", "b=[3] [8 9] []", "d=[5] [] [0 2]", "e=[] [6] []", "f=[] [] [1]"}},
	})
}

// cogrouped writes the values of both sides of each key.
func cogrouped(a, b pairs) typed.PairRDD[string, string] {
	return a.CoGroup(b, func(_ string, vs, ws iter.Seq[int64]) iter.Seq[string] {
		return slices.Values([]string{fmt.Sprint(slices.Sorted(vs), slices.Sorted(ws))})
	})
}

// TestStrata draws by key.
func TestStrata(t *testing.T) {
	strata := func(s *typed.Session) typed.PairRDD[int64, int64] {
		return s.Range(300, typed.Partitions(7)).KeyBy(func(x int64) int64 { return x % 3 })
	}
	check(t, []promise{
		{does: "exactly the shares", run: func(s *typed.Session) (any, error) {
			p, err := strata(s).SampleByKeyExact(ctx, map[int64]float64{0: 0.25, 1: 1}, typed.Seed(4))
			if err != nil {
				return nil, err
			}
			return p.CountByKey(ctx)
		}, want: map[int64]int64{0: 25, 1: 100}},
		{does: "all of one key and none of the others", run: func(s *typed.Session) (any, error) {
			return strata(s).SampleByKey(map[int64]float64{2: 1, 0: 0}).CountByKey(ctx)
		}, want: map[int64]int64{2: 100}},
		{does: "a negative share", run: func(s *typed.Session) (any, error) {
			return strata(s).SampleByKey(map[int64]float64{2: -1}).Count(ctx)
		}, fails: `^SampleByKey \(pair_test.go:\d+\): fraction -1`},
	})
}
