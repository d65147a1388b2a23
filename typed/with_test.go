package typed_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gordd-project/gordd/typed"
)

// env is a With value with something behind a pointer.
type env struct {
	N     int
	Names []string
}

// result is what came of an action, as one value to compare.
type result struct {
	Value any
	Err   string
}

func outcome[T any](v T, err error) result {
	if err != nil {
		return result{Err: "error"}
	}
	return result{Value: v}
}

// bag collects rows that come in any order.
func bag[T any](r typed.RDD[T]) result {
	rows, err := r.Collect(ctx)
	slices.SortFunc(rows, func(a, b T) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return outcome(rows, err)
}

func pairBag[K comparable, V any](p typed.PairRDD[K, V]) result {
	return bag(p.Map(func(k K, v V) string { return fmt.Sprint(k, "=", v) }))
}

func list[T any](r typed.RDD[T]) result { return outcome(r.Collect(ctx)) }

// twice gives a value two times.
func twice(v int) iter.Seq[int] { return slices.Values([]int{v, v}) }

// concat joins what two iterators give to one value that tells them apart.
func concat[V, W any](left iter.Seq[V], right iter.Seq[W]) iter.Seq[string] {
	a, b := fmt.Sprint(slices.Collect(left)), fmt.Sprint(slices.Collect(right))
	return slices.Values([]string{a, b})
}

func deref[T any](p *T) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprint(*p)
}

// TestWithRDD runs each operator of RDD with a With value, and with the same
// value captured.
func TestWithRDD(t *testing.T) {
	s := open(t, typed.Options{Cores: 4}) // as many as partitions wait for one another
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]int, 500)
	for i := range rows {
		rows[i] = r.IntN(100)
	}
	e := env{N: 7, Names: []string{"a", "b"}}
	x := s.Parallelize(rows, 4)
	w := x.With(e)
	failing := func(e env, v int) error {
		if v%e.N == 100 {
			return errors.New("never")
		}
		return nil
	}
	forms := map[string][2]func() result{
		"Map": {
			func() result { return list(w.Map(func(e env, v int) int { return v * e.N })) },
			func() result { return list(x.Map(func(v int) int { return v * e.N })) },
		},
		"TryMap": {
			func() result {
				return list(w.TryMap(func(e env, v int) (int, error) { return v % e.N, failing(e, v) }))
			},
			func() result { return list(x.TryMap(func(v int) (int, error) { return v % e.N, nil })) },
		},
		"Filter": {
			func() result { return list(w.Filter(func(e env, v int) bool { return v%e.N == 0 })) },
			func() result { return list(x.Filter(func(v int) bool { return v%e.N == 0 })) },
		},
		"FlatMap": {
			func() result { return list(w.FlatMap(func(e env, v int) iter.Seq[int] { return twice(v + e.N) })) },
			func() result { return list(x.FlatMap(func(v int) iter.Seq[int] { return twice(v + e.N) })) },
		},
		"TryFlatMap": {
			func() result {
				return list(w.TryFlatMap(func(e env, v int) (iter.Seq[int], error) { return twice(v + e.N), failing(e, v) }))
			},
			func() result {
				return list(x.TryFlatMap(func(v int) (iter.Seq[int], error) { return twice(v + e.N), nil }))
			},
		},
		"MapPartitions": {
			func() result {
				return list(w.MapPartitions(func(e env, task *typed.Task, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + task.Partition()*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitions(func(task *typed.Task, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + task.Partition()*e.N)
				}))
			},
		},
		"MapPartitionsWithBarrier": {
			func() result {
				return list(w.MapPartitionsWithBarrier(func(e env, task *typed.BarrierTask, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + len(task.AllGather(nil))*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitionsWithBarrier(func(task *typed.BarrierTask, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + len(task.AllGather(nil))*e.N)
				}))
			},
		},
		"Zip": {
			func() result {
				return list(w.Zip(x.Map(func(v int) int { return -v }), func(e env, a, b int) int { return a*e.N + b }))
			},
			func() result { return list(x.Map(func(v int) int { return v*e.N - v })) },
		},
		"Cartesian": {
			func() result {
				return list(w.Cartesian(x.Filter(func(v int) bool { return v > 50 }), func(e env, a, b int) int { return a*e.N + b }))
			},
			func() result {
				return list(x.Cartesian(x.Filter(func(v int) bool { return v > 50 }), func(a, b int) int { return a*e.N + b }))
			},
		},
		"ZipPartitions": {
			func() result {
				return list(w.ZipPartitions(x.Filter(func(v int) bool { return v > 50 }), func(e env, _ *typed.Task, a, b iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(a)) + len(slices.Collect(b))*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitions(func(_ *typed.Task, rows iter.Seq[int]) iter.Seq[int] {
					n := 0
					for v := range rows {
						if n++; v > 50 {
							n += e.N
						}
					}
					return twice(n)
				}))
			},
		},
		"MapPartitionsWithIndex": {
			func() result {
				return list(w.MapPartitionsWithIndex(func(e env, i int, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + i*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitionsWithIndex(func(i int, rows iter.Seq[int]) iter.Seq[int] {
					return twice(len(slices.Collect(rows)) + i*e.N)
				}))
			},
		},
		"MapToPair": {
			func() result {
				return pairBag(w.MapToPair(func(e env, v int) (int, string) { return v % e.N, e.Names[v%2] }))
			},
			func() result {
				return pairBag(x.MapToPair(func(v int) (int, string) { return v % e.N, e.Names[v%2] }))
			},
		},
		"TryMapToPair": {
			func() result {
				return pairBag(w.TryMapToPair(func(e env, v int) (int, int, error) { return v % e.N, v, failing(e, v) }))
			},
			func() result {
				return pairBag(x.TryMapToPair(func(v int) (int, int, error) { return v % e.N, v, nil }))
			},
		},
		"FlatMapToPair": {
			func() result {
				return pairBag(w.FlatMapToPair(func(e env, v int) iter.Seq2[int, string] { return slices.All(e.Names) }))
			},
			func() result {
				return pairBag(x.FlatMapToPair(func(v int) iter.Seq2[int, string] { return slices.All(e.Names) }))
			},
		},
		"KeyBy": {
			func() result { return pairBag(w.KeyBy(func(e env, v int) int { return v % e.N })) },
			func() result { return pairBag(x.KeyBy(func(v int) int { return v % e.N })) },
		},
		"SortBy": {
			func() result { return list(w.SortBy(func(e env, v int) int { return v % e.N }, typed.Descending())) },
			func() result { return list(x.SortBy(func(v int) int { return v % e.N }, typed.Descending())) },
		},
		"SortFunc": {
			func() result {
				return list(w.SortFunc(func(e env, a, b int) int { return cmp.Compare(a%e.N, b%e.N) }))
			},
			func() result { return list(x.SortFunc(func(a, b int) int { return cmp.Compare(a%e.N, b%e.N) })) },
		},
		"DistinctBy": {
			func() result {
				return bag(w.DistinctBy(func(e env, v int) int { return v / e.N }).Map(func(v int) int { return v / 7 }))
			},
			func() result {
				return bag(x.DistinctBy(func(v int) int { return v / e.N }).Map(func(v int) int { return v / 7 }))
			},
		},
		"TakeOrdered": {
			func() result {
				return outcome(w.TakeOrdered(ctx, 9, func(e env, a, b int) int { return cmp.Compare(a%e.N, b%e.N) }))
			},
			func() result {
				return outcome(x.TakeOrdered(ctx, 9, func(a, b int) int { return cmp.Compare(a%e.N, b%e.N) }))
			},
		},
		"Top": {
			func() result {
				return outcome(w.Top(ctx, 9, func(e env, a, b int) int { return cmp.Compare(a%e.N, b%e.N) }))
			},
			func() result {
				return outcome(x.Top(ctx, 9, func(a, b int) int { return cmp.Compare(a%e.N, b%e.N) }))
			},
		},
		"Reduce": {
			func() result { return outcome(w.Reduce(ctx, func(e env, a, b int) int { return (a + b) % e.N })) },
			func() result { return outcome(x.Reduce(ctx, func(a, b int) int { return (a + b) % e.N })) },
		},
		"Fold": {
			func() result { return outcome(w.Fold(ctx, 3, func(e env, a, b int) int { return (a + b) % e.N })) },
			func() result { return outcome(x.Fold(ctx, 3, func(a, b int) int { return (a + b) % e.N })) },
		},
		"Aggregate": {
			func() result {
				return outcome(w.Aggregate(ctx,
					func(e env) int { return e.N },
					func(e env, a *int, v int) { *a += v * e.N },
					func(e env, a, b *int) { *a += *b + e.N }))
			},
			func() result {
				return outcome(x.Aggregate(ctx,
					func() int { return e.N },
					func(a *int, v int) { *a += v * e.N },
					func(a, b *int) { *a += *b + e.N }))
			},
		},
		"ForEach": {
			func() result {
				seen.Store(0)
				err := w.ForEach(ctx, func(e env, v int) { seen.Add(int64(v * e.N)) })
				return outcome(seen.Load(), err)
			},
			func() result {
				seen.Store(0)
				err := x.ForEach(ctx, func(v int) { seen.Add(int64(v * e.N)) })
				return outcome(seen.Load(), err)
			},
		},
		"ForEachPartition": {
			func() result {
				seen.Store(0)
				err := w.ForEachPartition(ctx, func(e env, _ *typed.Task, rows iter.Seq[int]) error {
					seen.Add(int64(len(slices.Collect(rows)) * e.N))
					return nil
				})
				return outcome(seen.Load(), err)
			},
			func() result {
				seen.Store(0)
				err := x.ForEachPartition(ctx, func(_ *typed.Task, rows iter.Seq[int]) error {
					seen.Add(int64(len(slices.Collect(rows)) * e.N))
					return nil
				})
				return outcome(seen.Load(), err)
			},
		},
	}
	compareForms(t, "RDDWith", forms)
}

// TestWithPairs does the same for PairRDD.
func TestWithPairs(t *testing.T) {
	s := open(t, typed.Options{Cores: 3})
	e := env{N: 7, Names: []string{"a", "b"}}
	x := s.Range(300, typed.Partitions(3)).MapToPair(func(i int64) (int, int) { return int(i) % 20, int(i) })
	o := s.Range(40, typed.Partitions(2)).MapToPair(func(i int64) (int, string) { return int(i)%30 + 10, fmt.Sprint("o", i) })
	w := x.With(e)
	byValue := func(a, b typed.Pair[int, int]) int { return cmp.Compare(a.Value%7, b.Value%7) }
	byEnv := func(e env, a, b typed.Pair[int, int]) int { return cmp.Compare(a.Value%e.N, b.Value%e.N) }
	forms := map[string][2]func() result{
		"Map": {
			func() result { return list(w.Map(func(e env, k, v int) int { return k*e.N + v })) },
			func() result { return list(x.Map(func(k, v int) int { return k*e.N + v })) },
		},
		"TryMap": {
			func() result { return list(w.TryMap(func(e env, k, v int) (int, error) { return k*e.N + v, nil })) },
			func() result { return list(x.TryMap(func(k, v int) (int, error) { return k*e.N + v, nil })) },
		},
		"Filter": {
			func() result { return pairBag(w.Filter(func(e env, k, v int) bool { return (k+v)%e.N == 0 })) },
			func() result { return pairBag(x.Filter(func(k, v int) bool { return (k+v)%e.N == 0 })) },
		},
		"FlatMap": {
			func() result {
				return list(w.FlatMap(func(e env, k, v int) iter.Seq[int] { return twice(k + v + e.N) }))
			},
			func() result { return list(x.FlatMap(func(k, v int) iter.Seq[int] { return twice(k + v + e.N) })) },
		},
		"TryFlatMap": {
			func() result {
				return list(w.TryFlatMap(func(e env, k, v int) (iter.Seq[int], error) { return twice(k + v + e.N), nil }))
			},
			func() result {
				return list(x.TryFlatMap(func(k, v int) (iter.Seq[int], error) { return twice(k + v + e.N), nil }))
			},
		},
		"MapPartitions": {
			func() result {
				return list(w.MapPartitions(func(e env, _ *typed.Task, pairs iter.Seq2[int, int]) iter.Seq[int] {
					return func(yield func(int) bool) {
						for k, v := range pairs {
							if !yield(k*e.N + v) {
								return
							}
						}
					}
				}))
			},
			func() result { return list(x.Map(func(k, v int) int { return k*e.N + v })) },
		},
		"MapPartitionsWithBarrier": {
			func() result {
				return list(w.MapPartitionsWithBarrier(func(e env, task *typed.BarrierTask, pairs iter.Seq2[int, int]) iter.Seq[int] {
					return twice(len(maps.Collect(pairs)) + len(task.AllGather(nil))*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitionsWithBarrier(func(task *typed.BarrierTask, pairs iter.Seq2[int, int]) iter.Seq[int] {
					return twice(len(maps.Collect(pairs)) + len(task.AllGather(nil))*e.N)
				}))
			},
		},
		"MapPartitionsWithIndex": {
			func() result {
				return list(w.MapPartitionsWithIndex(func(e env, i int, pairs iter.Seq2[int, int]) iter.Seq[int] {
					return twice(len(maps.Collect(pairs)) + i*e.N)
				}))
			},
			func() result {
				return list(x.MapPartitionsWithIndex(func(i int, pairs iter.Seq2[int, int]) iter.Seq[int] {
					return twice(len(maps.Collect(pairs)) + i*e.N)
				}))
			},
		},
		"MapToPair": {
			func() result {
				return pairBag(w.MapToPair(func(e env, k, v int) (string, int) { return e.Names[k%2], v }))
			},
			func() result { return pairBag(x.MapToPair(func(k, v int) (string, int) { return e.Names[k%2], v })) },
		},
		"TryMapToPair": {
			func() result {
				return pairBag(w.TryMapToPair(func(e env, k, v int) (string, int, error) { return e.Names[k%2], v, nil }))
			},
			func() result { return pairBag(x.MapToPair(func(k, v int) (string, int) { return e.Names[k%2], v })) },
		},
		"FlatMapToPair": {
			func() result {
				return pairBag(w.FlatMapToPair(func(e env, k, v int) iter.Seq2[int, string] { return slices.All(e.Names) }))
			},
			func() result {
				return pairBag(x.FlatMapToPair(func(k, v int) iter.Seq2[int, string] { return slices.All(e.Names) }))
			},
		},
		"MapValuesWithKey": {
			func() result { return pairBag(w.MapValuesWithKey(func(e env, k, v int) int { return k + v*e.N })) },
			func() result { return pairBag(x.MapValuesWithKey(func(k, v int) int { return k + v*e.N })) },
		},
		"FlatMapValues": {
			func() result {
				return pairBag(w.FlatMapValues(func(e env, v int) iter.Seq[int] { return twice(v * e.N) }))
			},
			func() result { return pairBag(x.FlatMapValues(func(v int) iter.Seq[int] { return twice(v * e.N) })) },
		},
		"SortBy": {
			func() result {
				return outcome(w.SortBy(func(e env, k, v int) int { return (k + v) % e.N }).Collect(ctx))
			},
			func() result { return outcome(x.SortBy(func(k, v int) int { return (k + v) % e.N }).Collect(ctx)) },
		},
		"SortFunc": {
			func() result { return outcome(w.SortFunc(byEnv, typed.Descending()).Collect(ctx)) },
			func() result { return outcome(x.SortFunc(byValue, typed.Descending()).Collect(ctx)) },
		},
		"MapValues": {
			func() result { return pairBag(w.MapValues(func(e env, v int) int { return v * e.N })) },
			func() result { return pairBag(x.MapValues(func(v int) int { return v * e.N })) },
		},
		"FoldByKey": {
			func() result {
				return pairBag(w.FoldByKey(0, func(e env, a, b int) int { return (a + b) % (e.N * 1000) }))
			},
			func() result { return pairBag(x.FoldByKey(0, func(a, b int) int { return (a + b) % (e.N * 1000) })) },
		},
		"ReduceByKeyLocally": {
			func() result {
				return outcome(w.ReduceByKeyLocally(ctx, func(e env, a, b int) int { return (a + b) % (e.N * 1000) }))
			},
			func() result {
				return outcome(x.ReduceByKeyLocally(ctx, func(a, b int) int { return (a + b) % (e.N * 1000) }))
			},
		},
		"ReduceByKey": {
			func() result {
				return pairBag(w.ReduceByKey(func(e env, a, b int) int { return (a + b) % (e.N * 1000) }))
			},
			func() result { return pairBag(x.ReduceByKey(func(a, b int) int { return (a + b) % (e.N * 1000) })) },
		},
		"CombineByKey": {
			func() result {
				return pairBag(w.CombineByKey(
					func(e env, v int) int { return v + e.N },
					func(e env, c, v int) int { return c + v + e.N },
					func(e env, a, b int) int { return a + b + 0*e.N }))
			},
			func() result {
				return pairBag(x.CombineByKey(
					func(v int) int { return v + e.N },
					func(c, v int) int { return c + v + e.N },
					func(a, b int) int { return a + b }))
			},
		},
		"AggregateByKey": {
			func() result {
				return pairBag(w.AggregateByKey(
					func(e env) int { return 0 },
					func(e env, a *int, v int) { *a += v * e.N },
					func(e env, a, b *int) { *a += *b }))
			},
			func() result {
				return pairBag(x.AggregateByKey(
					func() int { return 0 },
					func(a *int, v int) { *a += v * e.N },
					func(a, b *int) { *a += *b }))
			},
		},
		"GroupByKey": {
			func() result {
				return pairBag(w.GroupByKey(func(e env, k int, values iter.Seq[int]) int { return len(slices.Collect(values)) * e.N }))
			},
			func() result {
				return pairBag(x.GroupByKey(func(k int, values iter.Seq[int]) int { return len(slices.Collect(values)) * e.N }))
			},
		},
		"FlatMapSortedGroups": {
			func() result {
				return bag(w.FlatMapSortedGroups(func(e env, v int) int { return v % e.N }, func(e env, k int, values iter.Seq[int]) iter.Seq[string] {
					return slices.Values([]string{e.Names[0], fmt.Sprint(k, slices.Collect(values))})
				}))
			},
			func() result {
				return bag(x.FlatMapSortedGroups(func(v int) int { return v % e.N }, func(k int, values iter.Seq[int]) iter.Seq[string] {
					return slices.Values([]string{e.Names[0], fmt.Sprint(k, slices.Collect(values))})
				}))
			},
		},
		"FlatMapGroups": {
			func() result {
				return bag(w.FlatMapGroups(func(e env, k int, values iter.Seq[int]) iter.Seq[string] {
					return slices.Values([]string{e.Names[0], fmt.Sprint(k, slices.Sorted(values))})
				}))
			},
			func() result {
				return bag(x.FlatMapGroups(func(k int, values iter.Seq[int]) iter.Seq[string] {
					return slices.Values([]string{e.Names[0], fmt.Sprint(k, slices.Sorted(values))})
				}))
			},
		},
		"Join": {
			func() result {
				return pairBag(w.Join(o, func(e env, v int, o string) string { return fmt.Sprint(v*e.N, o) }))
			},
			func() result { return pairBag(x.Join(o, func(v int, o string) string { return fmt.Sprint(v*e.N, o) })) },
		},
		"LeftOuterJoin": {
			func() result {
				return pairBag(w.LeftOuterJoin(o, func(e env, v int, o *string) string { return fmt.Sprint(v*e.N, deref(o)) }))
			},
			func() result {
				return pairBag(x.LeftOuterJoin(o, func(v int, o *string) string { return fmt.Sprint(v*e.N, deref(o)) }))
			},
		},
		"RightOuterJoin": {
			func() result {
				return pairBag(w.RightOuterJoin(o, func(e env, v *int, o string) string { return fmt.Sprint(e.N, deref(v), o) }))
			},
			func() result {
				return pairBag(x.RightOuterJoin(o, func(v *int, o string) string { return fmt.Sprint(e.N, deref(v), o) }))
			},
		},
		"FullOuterJoin": {
			func() result {
				return pairBag(w.FullOuterJoin(o, func(e env, v *int, o *string) string { return fmt.Sprint(e.N, deref(v), deref(o)) }))
			},
			func() result {
				return pairBag(x.FullOuterJoin(o, func(v *int, o *string) string { return fmt.Sprint(e.N, deref(v), deref(o)) }))
			},
		},
		"CoGroup": {
			func() result {
				return pairBag(w.CoGroup(o, func(e env, k int, vs iter.Seq[int], os iter.Seq[string]) iter.Seq[string] {
					return concat(slices.Values(slices.Sorted(vs)), slices.Values(slices.Sorted(os)))
				}))
			},
			func() result {
				return pairBag(x.CoGroup(o, func(k int, vs iter.Seq[int], os iter.Seq[string]) iter.Seq[string] {
					return concat(slices.Values(slices.Sorted(vs)), slices.Values(slices.Sorted(os)))
				}))
			},
		},
		"CoGroup3": {
			func() result {
				return pairBag(w.CoGroup3(o, x, func(e env, k int, vs iter.Seq[int], os iter.Seq[string], xs iter.Seq[int]) iter.Seq[string] {
					return concat(slices.Values(slices.Sorted(vs)), concat(slices.Values(slices.Sorted(os)), slices.Values(slices.Sorted(xs))))
				}))
			},
			func() result {
				return pairBag(x.CoGroup3(o, x, func(k int, vs iter.Seq[int], os iter.Seq[string], xs iter.Seq[int]) iter.Seq[string] {
					return concat(slices.Values(slices.Sorted(vs)), concat(slices.Values(slices.Sorted(os)), slices.Values(slices.Sorted(xs))))
				}))
			},
		},
		"TakeOrdered": {
			func() result { return outcome(w.TakeOrdered(ctx, 9, byEnv)) },
			func() result { return outcome(x.TakeOrdered(ctx, 9, byValue)) },
		},
		"Top": {
			func() result { return outcome(w.Top(ctx, 9, byEnv)) },
			func() result { return outcome(x.Top(ctx, 9, byValue)) },
		},
		"ForEach": {
			func() result {
				seen.Store(0)
				err := w.ForEach(ctx, func(e env, k, v int) { seen.Add(int64(k*e.N + v)) })
				return outcome(seen.Load(), err)
			},
			func() result {
				seen.Store(0)
				err := x.ForEach(ctx, func(k, v int) { seen.Add(int64(k*e.N + v)) })
				return outcome(seen.Load(), err)
			},
		},
		"ForEachPartition": {
			func() result {
				seen.Store(0)
				err := w.ForEachPartition(ctx, func(e env, _ *typed.Task, pairs iter.Seq2[int, int]) error {
					for range pairs {
						seen.Add(int64(e.N))
					}
					return nil
				})
				return outcome(seen.Load(), err)
			},
			func() result { return outcome(int64(300*e.N), nil) },
		},
	}
	compareForms(t, "PairWith", forms)
}

// compareForms runs both sides of each form, and sees to it that the type has
// no others.
func compareForms(t *testing.T, recv string, forms map[string][2]func() result) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			got, want := form[0](), form[1]()
			if got.Err != "" || want.Err != "" {
				t.Fatalf("errors: %v, %v", got.Err, want.Err)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-captured +with):\n%s", diff)
			}
		})
	}
	methods, _ := api(t)
	for name, m := range methods {
		if m.recv == recv && forms[m.name][0] == nil {
			t.Errorf("%s is not tried", name)
		}
	}
}

func TestWithIsEncodedWhenItIsCalled(t *testing.T) {
	s := open(t, typed.Options{})
	e := env{N: 1, Names: []string{"first"}}
	r := s.Parallelize([]int{1, 2}, 2).With(e).Map(func(e env, v int) string { return e.Names[0] })
	e.Names[0] = "second"
	e.N = 2
	got, err := r.Collect(ctx)
	if want := []string{"first", "first"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestWithLoop makes a new value each round, as iterative programs do.
func TestWithLoop(t *testing.T) {
	s := open(t, typed.Options{})
	x := s.Range(100)
	factor := int64(1)
	for round := range 200 {
		sum, err := x.With(factor).Map(func(f, v int64) int64 { return f * v }).Reduce(ctx, func(a, b int64) int64 { return a + b })
		if err != nil || sum != 4950*factor {
			t.Fatalf("round %d: got %d, %v, want %d", round, sum, err, 4950*factor)
		}
		factor = int64(round + 2)
	}
}

// TestWithThatCannotBeEncoded gives an error from every kind of form, and calls
// nothing.
func TestWithThatCannotBeEncoded(t *testing.T) {
	s := open(t, typed.Options{})
	bad := make(chan int)
	w := s.Range(3).With(bad)
	never := func(chan int) int64 { panic("called with a value that could not be encoded") }
	errs := map[string]error{
		"Map": w.Map(func(c chan int, v int64) int64 { return never(c) }).Err(),
		"ReduceByKey": s.Range(3).KeyBy(func(v int64) int64 { return v }).With(bad).
			ReduceByKey(func(c chan int, a, b int64) int64 { return never(c) }).Err(),
		"ForEach":          w.ForEach(ctx, func(c chan int, v int64) { never(c) }),
		"ForEachPartition": w.ForEachPartition(ctx, func(c chan int, _ *typed.Task, _ iter.Seq[int64]) error { never(c); return nil }),
	}
	_, errs["Reduce"] = w.Reduce(ctx, func(c chan int, a, b int64) int64 { return never(c) })
	_, errs["Fold"] = w.Fold(ctx, 0, func(c chan int, a, b int64) int64 { return never(c) })
	_, errs["Top"] = w.Top(ctx, 0, func(c chan int, a, b int64) int { return int(never(c)) })
	_, errs["Aggregate"] = w.Aggregate(ctx, never, func(c chan int, a *int64, v int64) { never(c) }, func(c chan int, a, b *int64) { never(c) })
	for name, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "With (with_test.go:") || !strings.Contains(err.Error(), "chan int") {
			t.Errorf("%s: error %v, want one that names With, its line and the type", name, err)
		}
	}
}

// TestWithCopyForTheDriver says that what actions do on the driver sees the
// value as it was encoded.
func TestWithCopyForTheDriver(t *testing.T) {
	s := open(t, typed.Options{})
	e := env{N: 10}
	w := s.Range(4, typed.Partitions(2)).With(&e)
	e.N = 99
	got, err := w.Fold(ctx, 0, func(e *env, a, b int64) int64 { return a + b + int64(e.N) })
	// Each of the 4 rows and each of the 2 partitions adds N.
	if want := int64(6 + 6*10); err != nil || got != want {
		t.Errorf("got %d, %v, want %d", got, err, want)
	}
}
