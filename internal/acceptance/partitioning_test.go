package acceptance_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// TestStagesOfPlacedPairs counts the stages of an action: one more for each shuffle.
// Placement that is kept saves one, and what is lost costs one.
func TestStagesOfPlacedPairs(t *testing.T) {
	w := &watch{}
	s := open(ctx, t, typed.Options{Observe: w.see})
	four := typed.Partitions(4)
	source := func() typed.PairRDD[int64, int64] {
		return s.Range(100, typed.Partitions(3)).KeyBy(func(x int64) int64 { return x % 10 })
	}
	a, b := source().PartitionBy(four), source().ReduceByKey(add, four)
	by := typed.PartitionFunc(4, func(k int64) int { return int(k % 4) })
	same := func(p typed.PairRDD[int64, int64]) typed.PairRDD[int64, int64] { return p.ReduceByKey(add) }
	for name, c := range map[string]struct {
		p    typed.PairRDD[int64, int64]
		want int
	}{
		"partitionBy":                        {a, 2},
		"partitionBy again, alike":           {a.PartitionBy(four), 2},
		"partitionBy into others":            {a.PartitionBy(typed.Partitions(5)), 3},
		"mapValues keeps it":                 {same(a.MapValues(func(v int64) int64 { return -v })), 2},
		"mapValuesWithKey keeps it":          {same(a.MapValuesWithKey(add)), 2},
		"flatMapValues keeps it":             {same(a.FlatMapValues(func(v int64) iter.Seq[int64] { return slices.Values([]int64{v, v}) })), 2},
		"filter keeps it":                    {same(a.Filter(func(k, _ int64) bool { return k > 3 })), 2},
		"sample keeps it":                    {same(a.Sample(0.5, typed.Seed(1))), 2},
		"cache keeps it":                     {same(a.Cache()), 2},
		"mapToPair loses it":                 {same(a.MapToPair(func(k, v int64) (int64, int64) { return k, v })), 3},
		"map loses it":                       {same(a.Map(func(k, v int64) int64 { return k }).KeyBy(func(k int64) int64 { return k })), 3},
		"join of what is placed alike":       {a.Join(b, add), 3},
		"join goes on with it":               {same(a.Join(b, add)), 3},
		"join of one placed side":            {a.Join(source(), add), 3},
		"join of sides placed unlike":        {a.Join(source().PartitionBy(typed.Partitions(5)), add), 4},
		"join into other partitions":         {a.Join(b, add, typed.Partitions(7)), 5},
		"subtractByKey of what is placed":    {a.SubtractByKey(b), 3},
		"a function places alike":            {source().PartitionBy(by).Join(source().ReduceByKey(add, by), add), 3},
		"a function and a hash place unlike": {source().PartitionBy(by).Join(a, add, four), 4},
	} {
		if _, err := c.p.Count(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n := w.stages(); n != c.want {
			t.Errorf("%s: %d stages, want %d", name, n, c.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	keyed := func(s *typed.Session) typed.PairRDD[int64, int64] {
		return s.Range(120, typed.Partitions(6)).KeyBy(func(x int64) int64 { return x % 12 })
	}
	check(t, []promise{
		{does: "a function says where", run: func(s *typed.Session) (any, error) {
			all, err := placed(keyed(s).PartitionBy(typed.PartitionFunc(3, func(k int64) int { return int(k) / 5 })))
			return slices.Compact(all), err
		}, want: []string{"0:0", "0:1", "0:2", "0:3", "0:4", "1:5", "1:6", "1:7", "1:8", "1:9", "2:10", "2:11"}},
		{does: "a function that gives no such partition", run: func(s *typed.Session) (any, error) {
			return keyed(s).PartitionBy(typed.PartitionFunc(3, func(k int64) int { return int(k) })).Count(ctx)
		}, fails: `partitioning_test.go:\d+`},
		{does: "a key is in one partition", run: func(s *typed.Session) (any, error) { return placedOnce(keyed(s).PartitionBy(typed.Partitions(5))) }, want: 12},
		{does: "a join of those placed alike has all", run: func(s *typed.Session) (any, error) {
			a, b := keyed(s).ReduceByKey(add, typed.Partitions(5)), keyed(s).ReduceByKey(add, typed.Partitions(5))
			return a.Join(b, func(v, w int64) int64 { return v - w }).CollectAsMap(ctx)
		}, want: map[int64]int64{0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 8: 0, 9: 0, 10: 0, 11: 0}},
		{does: "a union of those placed alike combines right", run: func(s *typed.Session) (any, error) {
			p := pairsOf(s, "a1 b2 a3", 2).PartitionBy(typed.Partitions(3))
			q := pairsOf(s, "b5 c1", 2).PartitionBy(typed.Partitions(3))
			return byKey(p.Union(q, p).ReduceByKey(add))
		}, want: []string{"a=8", "b=9", "c=1"}},
		{does: "keys with pointers place nothing", run: func(s *typed.Session) (any, error) {
			type key struct{ P *int64 }
			return s.Range(3).KeyBy(func(int64) key { return key{} }).ReduceByKey(add).Count(ctx)
		}, fails: `^ReduceByKey \(partitioning_test.go:\d+\): key: field key.P \(\*int64\) cannot`},
		{does: "keys that share a partition stay apart", run: func(s *typed.Session) (any, error) {
			return pairsOf(s, "a1 b1 c1 d1 e1 f1 g1 a1", 2).PartitionBy(typed.Partitions(1)).CountByKey(ctx)
		}, want: map[string]int64{"a": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}},
	})
}

func TestNumbersOfPartitions(t *testing.T) {
	ten := func(s *typed.Session) typed.RDD[int64] { return s.Range(20, typed.Partitions(10)) }
	check(t, []promise{
		{does: "coalesce keeps rows and their order", run: func(s *typed.Session) (any, error) { return rows(ten(s).Coalesce(3)) }, want: numbers(0, 20)},
		{does: "coalesce spreads partitions evenly", run: func(s *typed.Session) (any, error) {
			got, err := lengths(ten(s).Coalesce(3))
			slices.Sort(got)
			return got, err
		}, want: []int{6, 6, 8}},
		{does: "coalesce does not make more", run: func(s *typed.Session) (any, error) {
			got, err := lengths(ten(s).Coalesce(50))
			return len(got), err
		}, want: 10},
		{does: "coalesce to one", run: func(s *typed.Session) (any, error) { return lengths(ten(s).Coalesce(1)) }, want: []int{20}},
		{does: "coalesce of a coalesce", run: func(s *typed.Session) (any, error) { return rows(ten(s).Coalesce(7).Coalesce(2)) }, want: numbers(0, 20)},
		{does: "coalesce of a union", run: func(s *typed.Session) (any, error) {
			return sorted(ten(s).Union(ten(s)).Coalesce(4).DistinctBy(func(x int64) int64 { return x }))
		}, want: numbers(0, 20)},
		{does: "coalesce behind a shuffle", run: func(s *typed.Session) (any, error) {
			return sorted(typed.Distinct(ten(s), typed.Partitions(9)).Coalesce(2))
		}, want: numbers(0, 20)},
		{does: "coalesce to none", run: func(s *typed.Session) (any, error) { return lengths(ten(s).Coalesce(0)) }, fails: `^Coalesce \(partitioning_test.go:\d+\): 0 partitions`},
		{does: "repartition to more is even", run: func(s *typed.Session) (any, error) {
			return lengths(s.Range(60, typed.Partitions(1)).Repartition(6))
		}, want: []int{10, 10, 10, 10, 10, 10}},
		{does: "repartition to fewer keeps all", run: func(s *typed.Session) (any, error) { return sorted(ten(s).Repartition(3)) }, want: numbers(0, 20)},
		{does: "repartition spreads what one partition has", run: func(s *typed.Session) (any, error) {
			got, err := lengths(ten(s).Filter(func(x int64) bool { return x < 2 }).Repartition(2))
			return got, err
		}, want: []int{1, 1}},
		{does: "a filter leaves partitions without rows", run: func(s *typed.Session) (any, error) {
			return lengths(s.Range(8, typed.Partitions(4)).Filter(func(x int64) bool { return x >= 6 }))
		}, want: []int{0, 0, 0, 2}},
		{does: "partitions know their number", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(6, typed.Partitions(3)).MapPartitionsWithIndex(func(i int, rows iter.Seq[int64]) iter.Seq[int64] {
				return slices.Values([]int64{int64(i) * 100, int64(len(slices.Collect(rows)))})
			}))
		}, want: []int64{0, 2, 100, 2, 200, 2}},
	})
}
