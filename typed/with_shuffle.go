package typed

import (
	"cmp"
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// SortBy is RDD.SortBy.
func (w RDDWith[E, T]) SortBy[K cmp.Ordered](f func(E, T) K, opts ...SortOption) RDD[T] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.SortByOp(func(x T) K { return f(e, x) }) })
	return RDD[T]{w.r.s, w.env.use(w.r.s, w.r.n, typeOf[Pair[K, T]]()).sort(op, opts, "key")}
}

// SortFunc is RDD.SortFunc.
func (w RDDWith[E, T]) SortFunc(f func(e E, a, b T) int, opts ...SortOption) RDD[T] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.SortFuncOp(func(a, b T) int { return f(e, a, b) }) })
	return RDD[T]{w.r.s, w.env.use(w.r.s, w.r.n, typeOf[T]()).sort(op, opts, "")}
}

// DistinctBy is RDD.DistinctBy.
func (w RDDWith[E, T]) DistinctBy[K comparable](f func(E, T) K, opts ...ShuffleOption) RDD[T] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.DistinctByOp(func(x T) K { return f(e, x) }) })
	return RDD[T]{w.r.s, w.env.use(w.r.s, w.r.n, keyed[K, T]()).distinct(op, opts)}
}

// SortBy is PairRDD.SortBy.
func (w PairWith[E, K, V]) SortBy[S cmp.Ordered](f func(E, K, V) S, opts ...SortOption) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairSortByOp(func(k K, v V) S { return f(e, k, v) }) })
	return PairRDD[K, V]{w.p.s, w.env.use(w.p.s, w.p.n, typeOf[Pair[S, Pair[K, V]]]()).sort(op, opts, "key")}
}

// SortFunc is PairRDD.SortFunc.
func (w PairWith[E, K, V]) SortFunc(f func(e E, a, b Pair[K, V]) int, opts ...SortOption) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.SortFuncOp(func(a, b Pair[K, V]) int { return f(e, a, b) }) })
	return PairRDD[K, V]{w.p.s, w.env.use(w.p.s, w.p.n, typeOf[Pair[K, V]]()).sort(op, opts, "")}
}

// ReduceByKey is PairRDD.ReduceByKey.
func (w PairWith[E, K, V]) ReduceByKey(f func(E, V, V) V, opts ...ShuffleOption) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.ReduceByKeyOp[K](func(a, b V) V { return f(e, a, b) }) })
	return PairRDD[K, V]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]()).wide(op, combined(opts))}
}

// CombineByKey is PairRDD.CombineByKey.
func (w PairWith[E, K, V]) CombineByKey[C any](create func(E, V) C, add func(E, C, V) C, merge func(E, C, C) C, opts ...ShuffleOption) PairRDD[K, C] {
	op := rdd.WithOp(create, func(e E) *rdd.Op {
		return rdd.CombineByKeyOp[K](
			func(v V) C { return create(e, v) },
			func(c C, v V) C { return add(e, c, v) },
			func(a, b C) C { return merge(e, a, b) },
		)
	}).Needs(add, merge)
	return PairRDD[K, C]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, C]())).wide(op, combined(opts))}
}

// AggregateByKey is PairRDD.AggregateByKey.
func (w PairWith[E, K, V]) AggregateByKey[A any](zero func(E) A, add func(E, *A, V), merge func(E, *A, *A), opts ...ShuffleOption) PairRDD[K, A] {
	op := rdd.WithOp(add, func(e E) *rdd.Op {
		return rdd.AggregateByKeyOp[K](
			func() A { return zero(e) },
			func(a *A, v V) { add(e, a, v) },
			func(a, b *A) { merge(e, a, b) },
		)
	}).Needs(zero, merge)
	return PairRDD[K, A]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, A]())).wide(op, combined(opts))}
}

// GroupByKey is PairRDD.GroupByKey.
func (w PairWith[E, K, V]) GroupByKey[R any](f func(E, K, iter.Seq[V]) R, opts ...ShuffleOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.GroupByKeyOp(func(k K, values iter.Seq[V]) R { return f(e, k, values) })
	})
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]()).wide(op, grouped(opts))}
}

// FlatMapGroups is PairRDD.FlatMapGroups.
func (w PairWith[E, K, V]) FlatMapGroups[R any](f func(E, K, iter.Seq[V]) iter.Seq[R], opts ...ShuffleOption) RDD[R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.FlatMapGroupsOp(func(k K, values iter.Seq[V]) iter.Seq[R] { return f(e, k, values) })
	})
	wide := grouped(opts)
	wide.Keep = false
	return RDD[R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]()).wide(op, wide)}
}

// Join is PairRDD.Join.
func (w PairWith[E, K, V]) Join[W, R any](o PairRDD[K, W], f func(E, V, W) R, opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.JoinOp[K](func(a V, b W) R { return f(e, a, b) }) })
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]())).wide(op, found(opts, true, true), o.n)}
}

// LeftOuterJoin is PairRDD.LeftOuterJoin.
func (w PairWith[E, K, V]) LeftOuterJoin[W, R any](o PairRDD[K, W], f func(E, V, *W) R, opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.LeftOuterJoinOp[K](func(a V, b *W) R { return f(e, a, b) }) })
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]())).wide(op, found(opts, false, true), o.n)}
}

// RightOuterJoin is PairRDD.RightOuterJoin.
func (w PairWith[E, K, V]) RightOuterJoin[W, R any](o PairRDD[K, W], f func(E, *V, W) R, opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.RightOuterJoinOp[K](func(a *V, b W) R { return f(e, a, b) }) })
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]())).wide(op, found(opts, true, false), o.n)}
}

// FullOuterJoin is PairRDD.FullOuterJoin.
func (w PairWith[E, K, V]) FullOuterJoin[W, R any](o PairRDD[K, W], f func(E, *V, *W) R, opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FullOuterJoinOp[K](func(a *V, b *W) R { return f(e, a, b) }) })
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]())).wide(op, joined(opts), o.n)}
}

// CoGroup is PairRDD.CoGroup.
func (w PairWith[E, K, V]) CoGroup[W, R any](o PairRDD[K, W], f func(E, K, iter.Seq[V], iter.Seq[W]) iter.Seq[R], opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.CoGroupOp(func(k K, left iter.Seq[V], right iter.Seq[W]) iter.Seq[R] { return f(e, k, left, right) })
	})
	return PairRDD[K, R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]())).wide(op, joined(opts), o.n)}
}

// CoGroup3 is PairRDD.CoGroup3.
func (w PairWith[E, K, V]) CoGroup3[W, X, R any](o PairRDD[K, W], q PairRDD[K, X], f func(E, K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) iter.Seq[R], opts ...JoinOption) PairRDD[K, R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.CoGroup3Op(func(k K, first iter.Seq[V], second iter.Seq[W], third iter.Seq[X]) iter.Seq[R] {
			return f(e, k, first, second, third)
		})
	})
	u := w.env.use(w.p.s, w.p.n, keyed[K, V]().or(keyed[K, W]()).or(keyed[K, X]()))
	return PairRDD[K, R]{w.p.s, u.wide(op, joinOptions(opts).placed("first", "second", "third"), o.n, q.n)}
}
