package typed_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

type longs = typed.PairRDD[int64, int64]

// missing are calls with a function that is nil, by the operator's name.
func missing(r typed.RDD[int64], p longs) map[string]func() error {
	two := r.With(2)
	both := p.With(2)
	last := func(_ any, err error) error { return err }
	sum := func(a, b int64) int64 { return a + b }
	return map[string]func() error{
		"Map":                      func() error { return r.Map[int](nil).Err() },
		"TryMap":                   func() error { return r.TryMap[int](nil).Err() },
		"Filter":                   func() error { return r.Filter(nil).Err() },
		"FlatMap":                  func() error { return r.FlatMap[int](nil).Err() },
		"TryFlatMap":               func() error { return r.TryFlatMap[int](nil).Err() },
		"MapPartitions":            func() error { return r.MapPartitions[int](nil).Err() },
		"MapPartitionsWithIndex":   func() error { return r.MapPartitionsWithIndex[int](nil).Err() },
		"MapPartitionsWithBarrier": func() error { return r.MapPartitionsWithBarrier[int](nil).Err() },
		"MapToPair":                func() error { return r.MapToPair[int, int](nil).Err() },
		"TryMapToPair":             func() error { return r.TryMapToPair[int, int](nil).Err() },
		"FlatMapToPair":            func() error { return r.FlatMapToPair[int, int](nil).Err() },
		"KeyBy":                    func() error { return r.KeyBy[int](nil).Err() },
		"SortBy":                   func() error { return r.SortBy[int](nil).Err() },
		"SortFunc":                 func() error { return r.SortFunc(nil).Err() },
		"DistinctBy":               func() error { return r.DistinctBy[int](nil).Err() },
		"MapValues":                func() error { return p.MapValues[int](nil).Err() },
		"FlatMapValues":            func() error { return p.FlatMapValues[int](nil).Err() },
		"ReduceByKey":              func() error { return p.ReduceByKey(nil).Err() },
		"GroupByKey":               func() error { return p.GroupByKey[int](nil).Err() },
		"FlatMapGroups":            func() error { return p.FlatMapGroups[int](nil).Err() },
		"Join":                     func() error { return p.Join[int64, int](p, nil).Err() },
		"LeftOuterJoin":            func() error { return p.LeftOuterJoin[int64, int](p, nil).Err() },
		"RightOuterJoin":           func() error { return p.RightOuterJoin[int64, int](p, nil).Err() },
		"FullOuterJoin":            func() error { return p.FullOuterJoin[int64, int](p, nil).Err() },
		"CoGroup":                  func() error { return p.CoGroup[int64, int](p, nil).Err() },

		"Map of pairs":           func() error { return p.Map[int](nil).Err() },
		"FlatMap of pairs":       func() error { return p.FlatMap[int](nil).Err() },
		"MapPartitions of pairs": func() error { return p.MapPartitions[int](nil).Err() },
		"SortBy of pairs":        func() error { return p.SortBy[int](nil).Err() },
		"SortFunc of pairs":      func() error { return p.SortFunc(nil).Err() },
		"MapValuesWithKey":       func() error { return p.MapValuesWithKey[int](nil).Err() },
		"SortBy of pairs with":   func() error { return both.SortBy[int](nil).Err() },
		"Map with":               func() error { return two.Map[int](nil).Err() },
		"SortBy with":            func() error { return two.SortBy[int](nil).Err() },
		"Filter with":            func() error { return both.Filter(nil).Err() },
		"Join with":              func() error { return both.Join[int64, int](p, nil).Err() },

		"TakeOrdered":              func() error { return last(r.TakeOrdered(ctx, 1, nil)) },
		"TakeOrdered none":         func() error { return last(r.TakeOrdered(ctx, 0, nil)) },
		"Top":                      func() error { return last(r.Top(ctx, 1, nil)) },
		"Reduce":                   func() error { return last(r.Reduce(ctx, nil)) },
		"Reduce with":              func() error { return last(two.Reduce(ctx, nil)) },
		"Fold":                     func() error { return last(r.Fold(ctx, 0, nil)) },
		"ForEach":                  func() error { return r.ForEach(ctx, nil) },
		"ForEach of pairs":         func() error { return p.ForEach(ctx, nil) },
		"ForEachPartition":         func() error { return r.ForEachPartition(ctx, nil) },
		"ForEachPartition with":    func() error { return two.ForEachPartition(ctx, nil) },
		"SaveAsTextFile":           func() error { return r.SaveAsTextFile(ctx, "unused", typed.Format[int64](nil)) },
		"CombineByKey 1":           func() error { return p.CombineByKey(nil, sum, sum).Err() },
		"CombineByKey 2":           func() error { return p.CombineByKey(func(v int64) int64 { return v }, nil, sum).Err() },
		"CombineByKey 3":           func() error { return p.CombineByKey(func(v int64) int64 { return v }, sum, nil).Err() },
		"AggregateByKey 1":         func() error { return p.AggregateByKey(nil, addLong, mergeLong).Err() },
		"AggregateByKey 2":         func() error { return p.AggregateByKey(zeroLong, nil, mergeLong).Err() },
		"AggregateByKey 3":         func() error { return p.AggregateByKey(zeroLong, addLong, nil).Err() },
		"Aggregate 1":              func() error { return last(r.Aggregate(ctx, nil, addLong, mergeLong)) },
		"Aggregate 2":              func() error { return last(r.Aggregate(ctx, zeroLong, nil, mergeLong)) },
		"Aggregate 3":              func() error { return last(r.Aggregate(ctx, zeroLong, addLong, nil)) },
		"Aggregate with 1":         func() error { return last(two.Aggregate(ctx, nil, addToLong, mergeToLong)) },
		"Aggregate with 3":         func() error { return last(two.Aggregate(ctx, zeroOfLong, addToLong, nil)) },
		"CombineByKey with 3":      func() error { return both.CombineByKey(firstOfLong, sumOfLong, nil).Err() },
		"AggregateByKey with zero": func() error { return both.AggregateByKey(nil, addToLong, mergeToLong).Err() },
	}
}

func zeroLong() *int64                    { return new(int64) }
func addLong(a **int64, v int64)          { **a += v }
func mergeLong(a, b **int64)              { **a += **b }
func zeroOfLong(int) *int64               { return new(int64) }
func addToLong(_ int, a **int64, v int64) { **a += v }
func mergeToLong(_ int, a, b **int64)     { **a += **b }
func firstOfLong(_ int, v int64) int64    { return v }
func sumOfLong(_ int, a, b int64) int64   { return a + b }

// TestNilFunctions are errors of the call, before anything runs.
func TestNilFunctions(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(4, typed.Partitions(2))
	p := r.KeyBy(func(v int64) int64 { return v })
	for name, run := range missing(r, p) {
		op, _, _ := strings.Cut(name, " ")
		err := run()
		if err == nil || !strings.HasPrefix(err.Error(), op+" (misuse_test.go:") || !strings.HasSuffix(err.Error(), " nil") {
			t.Errorf("%s: got %v", name, err)
		}
		if stage := (*plan.StageError)(nil); errors.As(err, &stage) {
			t.Errorf("%s: a task ran", name)
		}
	}
	_, err := r.Map[int](nil).Filter(func(int) bool { return true }).Count(ctx)
	if err == nil || !strings.HasSuffix(err.Error(), "): the function is nil") {
		t.Errorf("an action gives %v", err)
	}
}

// TestZeroRDDs are errors wherever they are used.
func TestZeroRDDs(t *testing.T) {
	s := open(t, typed.Options{})
	good := s.Range(4)
	keyed := good.KeyBy(func(v int64) int64 { return v })
	var r typed.RDD[int64]
	var p longs
	last := func(_ any, err error) error { return err }
	sum := func(a, b int64) int64 { return a + b }
	sides := func(a, b int64) int64 { return a }
	same := func(v int64) int64 { return v }
	var two typed.RDDWith[int, int64]
	for name, run := range map[string]func() error{
		"Err":          r.Err,
		"Err of pairs": p.Err,
		"Count":        func() error { return last(r.Count(ctx)) },
		"Collect":      func() error { return last(p.Collect(ctx)) },
		"Take":         func() error { return last(r.Take(ctx, 2)) },
		"Take none":    func() error { return last(r.Take(ctx, 0)) },
		"First":        func() error { return last(r.First(ctx)) },
		"Fold":         func() error { return last(r.Fold(ctx, 0, sum)) },
		"Aggregate":    func() error { return last(r.Aggregate(ctx, zeroLong, addLong, mergeLong)) },
		"CountByKey":   func() error { return last(p.CountByKey(ctx)) },
		"All":          func() error { return allErr(r.All(ctx)) },
		"ForEach":      func() error { return r.ForEach(ctx, func(int64) {}) },
		"ForEachPartition": func() error {
			return r.ForEachPartition(ctx, func(*typed.Task, iter.Seq[int64]) error { return nil })
		},
		"SaveAsTextFile":   func() error { return r.SaveAsTextFile(ctx, t.TempDir()+"/out") },
		"SaveAsObjectFile": func() error { return r.SaveAsObjectFile(ctx, t.TempDir()+"/out") },
		"Map":              func() error { return last(r.Map(same).Count(ctx)) },
		"Map Err":          func() error { return r.Map(same).Filter(func(int64) bool { return true }).Err() },
		"Union zero":       func() error { return last(good.Union(r).Count(ctx)) },
		"Union of zero":    func() error { return last(r.Union(good).Count(ctx)) },
		"Union derived":    func() error { return last(good.Union(r.Map(same)).Count(ctx)) },
		"Join zero":        func() error { return last(keyed.Join(p, sides).Count(ctx)) },
		"Join of zero":     func() error { return last(p.Join(keyed, sides).Count(ctx)) },
		"ReduceByKey":      func() error { return last(p.ReduceByKey(sum).Collect(ctx)) },
		"SortByKey":        func() error { return last(typed.SortByKey(p).Collect(ctx)) },
		"Repartition":      func() error { return last(r.Repartition(3).Collect(ctx)) },
		"With":             func() error { return last(r.With(2).Reduce(ctx, sumOfLong)) },
		"With an operator": func() error { return last(r.With(2).Map(firstOfLong).Count(ctx)) },
		"zero With":        func() error { return last(two.Map(firstOfLong).Count(ctx)) },
		"zero With Reduce": func() error { return last(two.Reduce(ctx, sumOfLong)) },
	} {
		err := run()
		if err == nil || !strings.Contains(err.Error(), "the RDD was not made by a session") || strings.Contains(err.Error(), "two sessions") {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && !strings.HasPrefix(name, "Err") && !strings.Contains(err.Error(), " (misuse_test.go:") {
			t.Errorf("%s: no place in %v", name, err)
		}
	}
}

func allErr[T any](rows iter.Seq2[T, error]) error {
	for _, err := range rows {
		return err
	}
	return nil
}

// TestNilSequences are failures that say so, at the row they were made of.
func TestNilSequences(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(20, typed.Partitions(2))
	p := r.KeyBy(func(v int64) int64 { return v })
	for name, run := range map[string]func() (int64, error){
		"FlatMap": func() (int64, error) {
			return r.FlatMap(func(v int64) iter.Seq[int64] {
				if v == 13 {
					return nil
				}
				return slices.Values([]int64{v})
			}).Count(ctx)
		},
		"TryFlatMap": func() (int64, error) {
			return r.TryFlatMap(func(v int64) (iter.Seq[int64], error) {
				if v == 13 {
					return nil, nil
				}
				return slices.Values([]int64{v}), nil
			}).Count(ctx)
		},
		"FlatMapToPair": func() (int64, error) {
			return r.FlatMapToPair(func(v int64) iter.Seq2[int64, int64] {
				if v == 13 {
					return nil
				}
				return func(func(int64, int64) bool) {}
			}).Count(ctx)
		},
		"FlatMapGroups": func() (int64, error) {
			return p.FlatMapGroups(func(int64, iter.Seq[int64]) iter.Seq[int] { return nil }).Count(ctx)
		},
		"CoGroup": func() (int64, error) {
			return p.CoGroup(p, func(int64, iter.Seq[int64], iter.Seq[int64]) iter.Seq[int] { return nil }).Count(ctx)
		},
		"MapPartitions": func() (int64, error) {
			return r.MapPartitions(func(*typed.Task, iter.Seq[int64]) iter.Seq[int] { return nil }).Count(ctx)
		},
		"FlatMap of pairs": func() (int64, error) {
			return p.FlatMap(func(int64, int64) iter.Seq[int] { return nil }).Count(ctx)
		},
		"FlatMap with": func() (int64, error) {
			return r.With(2).FlatMap(func(int, int64) iter.Seq[int] { return nil }).Count(ctx)
		},
	} {
		_, err := run()
		op, _, _ := strings.Cut(name, " ")
		var stage *plan.StageError
		if !errors.As(err, &stage) || !strings.HasPrefix(err.Error(), op+" (misuse_test.go:") ||
			!strings.Contains(err.Error(), "the function gave a nil sequence: give an empty one") {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if wanted := map[bool]int64{true: 3, false: stage.Row}[name == "FlatMap" || name == "TryFlatMap"]; stage.Row != wanted {
			t.Errorf("%s: row %d", name, stage.Row)
		}
	}
	// What is nil in the user's own code is as it is.
	_, err := r.FlatMap(func(int64) iter.Seq[int64] {
		var none *[]int64
		return slices.Values(*none)
	}).Count(ctx)
	if err == nil || !strings.Contains(err.Error(), "nil pointer dereference") {
		t.Errorf("got %v", err)
	}
}
