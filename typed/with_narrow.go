package typed

import (
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// Map is RDD.Map.
func (w RDDWith[E, T]) Map[U any](f func(E, T) U) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.MapOp(func(x T) U { return f(e, x) }) })
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// TryMap is RDD.TryMap.
func (w RDDWith[E, T]) TryMap[U any](f func(E, T) (U, error)) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.TryMapOp(func(x T) (U, error) { return f(e, x) }) })
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// Filter is RDD.Filter.
func (w RDDWith[E, T]) Filter(f func(E, T) bool) RDD[T] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FilterOp(func(x T) bool { return f(e, x) }) })
	return RDD[T]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), true)}
}

// FlatMap is RDD.FlatMap.
func (w RDDWith[E, T]) FlatMap[U any](f func(E, T) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FlatMapOp(func(x T) iter.Seq[U] { return f(e, x) }) })
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// TryFlatMap is RDD.TryFlatMap.
func (w RDDWith[E, T]) TryFlatMap[U any](f func(E, T) (iter.Seq[U], error)) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.TryFlatMapOp(func(x T) (iter.Seq[U], error) { return f(e, x) }) })
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// MapPartitions is RDD.MapPartitions.
func (w RDDWith[E, T]) MapPartitions[U any](f func(E, *Task, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.MapPartitionsOp(func(t *Task, rows iter.Seq[T]) iter.Seq[U] { return f(e, t, rows) })
	})
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// MapPartitionsWithIndex is RDD.MapPartitionsWithIndex.
func (w RDDWith[E, T]) MapPartitionsWithIndex[U any](f func(E, int, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.MapPartitionsWithIndexOp(func(i int, rows iter.Seq[T]) iter.Seq[U] { return f(e, i, rows) })
	})
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// MapPartitionsWithBarrier is RDD.MapPartitionsWithBarrier.
func (w RDDWith[E, T]) MapPartitionsWithBarrier[U any](f func(E, *BarrierTask, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.MapPartitionsWithBarrierOp(func(t *BarrierTask, rows iter.Seq[T]) iter.Seq[U] { return f(e, t, rows) })
	})
	return RDD[U]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// MapToPair is RDD.MapToPair.
func (w RDDWith[E, T]) MapToPair[K comparable, V any](f func(E, T) (K, V)) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.MapToPairOp(func(x T) (K, V) { return f(e, x) }) })
	return PairRDD[K, V]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// TryMapToPair is RDD.TryMapToPair.
func (w RDDWith[E, T]) TryMapToPair[K comparable, V any](f func(E, T) (K, V, error)) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.TryMapToPairOp(func(x T) (K, V, error) { return f(e, x) }) })
	return PairRDD[K, V]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// FlatMapToPair is RDD.FlatMapToPair.
func (w RDDWith[E, T]) FlatMapToPair[K comparable, V any](f func(E, T) iter.Seq2[K, V]) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FlatMapToPairOp(func(x T) iter.Seq2[K, V] { return f(e, x) }) })
	return PairRDD[K, V]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// KeyBy is RDD.KeyBy.
func (w RDDWith[E, T]) KeyBy[K comparable](f func(E, T) K) PairRDD[K, T] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.KeyByOp(func(x T) K { return f(e, x) }) })
	return PairRDD[K, T]{w.r.s, w.r.n.Narrow(op, w.env.at(w.r.s, call()), false)}
}

// Map is PairRDD.Map.
func (w PairWith[E, K, V]) Map[U any](f func(E, K, V) U) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairMapOp(func(k K, v V) U { return f(e, k, v) }) })
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// TryMap is PairRDD.TryMap.
func (w PairWith[E, K, V]) TryMap[U any](f func(E, K, V) (U, error)) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairTryMapOp(func(k K, v V) (U, error) { return f(e, k, v) }) })
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// Filter is PairRDD.Filter.
func (w PairWith[E, K, V]) Filter(f func(E, K, V) bool) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairFilterOp(func(k K, v V) bool { return f(e, k, v) }) })
	return PairRDD[K, V]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), true)}
}

// FlatMap is PairRDD.FlatMap.
func (w PairWith[E, K, V]) FlatMap[U any](f func(E, K, V) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairFlatMapOp(func(k K, v V) iter.Seq[U] { return f(e, k, v) }) })
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// TryFlatMap is PairRDD.TryFlatMap.
func (w PairWith[E, K, V]) TryFlatMap[U any](f func(E, K, V) (iter.Seq[U], error)) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairTryFlatMapOp(func(k K, v V) (iter.Seq[U], error) { return f(e, k, v) })
	})
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// MapPartitions is PairRDD.MapPartitions.
func (w PairWith[E, K, V]) MapPartitions[U any](f func(E, *Task, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairMapPartitionsOp(func(t *Task, pairs iter.Seq2[K, V]) iter.Seq[U] { return f(e, t, pairs) })
	})
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// MapPartitionsWithIndex is PairRDD.MapPartitionsWithIndex.
func (w PairWith[E, K, V]) MapPartitionsWithIndex[U any](f func(E, int, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairMapPartitionsWithIndexOp(func(i int, rows iter.Seq2[K, V]) iter.Seq[U] { return f(e, i, rows) })
	})
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// MapPartitionsWithBarrier is PairRDD.MapPartitionsWithBarrier.
func (w PairWith[E, K, V]) MapPartitionsWithBarrier[U any](f func(E, *BarrierTask, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairMapPartitionsWithBarrierOp(func(t *BarrierTask, rows iter.Seq2[K, V]) iter.Seq[U] { return f(e, t, rows) })
	})
	return RDD[U]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// MapToPair is PairRDD.MapToPair.
func (w PairWith[E, K, V]) MapToPair[L comparable, W any](f func(E, K, V) (L, W)) PairRDD[L, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairMapToPairOp(func(k K, v V) (L, W) { return f(e, k, v) }) })
	return PairRDD[L, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// TryMapToPair is PairRDD.TryMapToPair.
func (w PairWith[E, K, V]) TryMapToPair[L comparable, W any](f func(E, K, V) (L, W, error)) PairRDD[L, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairTryMapToPairOp(func(k K, v V) (L, W, error) { return f(e, k, v) }) })
	return PairRDD[L, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// FlatMapToPair is PairRDD.FlatMapToPair.
func (w PairWith[E, K, V]) FlatMapToPair[L comparable, W any](f func(E, K, V) iter.Seq2[L, W]) PairRDD[L, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairFlatMapToPairOp(func(k K, v V) iter.Seq2[L, W] { return f(e, k, v) })
	})
	return PairRDD[L, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), false)}
}

// MapValues is PairRDD.MapValues.
func (w PairWith[E, K, V]) MapValues[W any](f func(E, V) W) PairRDD[K, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.MapValuesOp[K](func(v V) W { return f(e, v) }) })
	return PairRDD[K, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), true)}
}

// MapValuesWithKey is PairRDD.MapValuesWithKey.
func (w PairWith[E, K, V]) MapValuesWithKey[W any](f func(E, K, V) W) PairRDD[K, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.MapValuesWithKeyOp(func(k K, v V) W { return f(e, k, v) }) })
	return PairRDD[K, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), true)}
}

// FlatMapValues is PairRDD.FlatMapValues.
func (w PairWith[E, K, V]) FlatMapValues[W any](f func(E, V) iter.Seq[W]) PairRDD[K, W] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FlatMapValuesOp[K](func(v V) iter.Seq[W] { return f(e, v) }) })
	return PairRDD[K, W]{w.p.s, w.p.n.Narrow(op, w.env.at(w.p.s, call()), true)}
}
