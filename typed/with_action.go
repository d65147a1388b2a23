package typed

import (
	"context"
	"iter"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
)

// held is what an action has of a With value: the use that carries it to the
// tasks, and a copy for what the driver does itself.
type held[E any] struct {
	use *use
	env E
}

// hold gives the value to an action, which calls done in the end. What is wrong
// with the value is in the call.
func hold[E any](v value, u *use) held[E] {
	h := held[E]{use: u}
	if u.c.Err == nil {
		h.env, u.c.Err = codec.Unmarshal[E](v.b)
	}
	if u.s != nil {
		u.s.graph.AtDriver(reflect.TypeFor[E](), unsafe.Pointer(&h.env))
	}
	return h
}

// done gives the value's bytes back.
func (u *use) done() {
	if u.c.Env != "" {
		u.s.engine.ReleaseBlob(u.c.Env)
	}
}

// TakeOrdered is RDD.TakeOrdered.
func (w RDDWith[E, T]) TakeOrdered(ctx context.Context, n int, cmp func(e E, a, b T) int) ([]T, error) {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, typeOf[T]()))
	defer h.use.done()
	op := rdd.WithOp(cmp, func(e E) *rdd.Op { return rdd.TakeOrderedOp(func(a, b T) int { return cmp(e, a, b) }) })
	less := rdd.Comparing(func(a, b T) int { return cmp(h.env, a, b) })
	return slice[T](h.use.takeOrdered(ctx, op, n, less))
}

// Top is RDD.Top.
func (w RDDWith[E, T]) Top(ctx context.Context, n int, cmp func(e E, a, b T) int) ([]T, error) {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, typeOf[T]()))
	defer h.use.done()
	op := rdd.WithOp(cmp, func(e E) *rdd.Op { return rdd.TopOp(func(a, b T) int { return cmp(e, a, b) }) })
	less := rdd.Comparing(func(a, b T) int { return cmp(h.env, b, a) })
	return slice[T](h.use.takeOrdered(ctx, op, n, less))
}

// Reduce is RDD.Reduce.
func (w RDDWith[E, T]) Reduce(ctx context.Context, f func(E, T, T) T) (T, error) {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, typeOf[T]()))
	defer h.use.done()
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.ReduceOp(func(a, b T) T { return f(e, a, b) }) })
	return valueAt[T](h.use.reduce(ctx, op, combining(func(a, b T) T { return f(h.env, a, b) })))
}

// Fold is RDD.Fold.
func (w RDDWith[E, T]) Fold(ctx context.Context, zero T, f func(E, T, T) T) (T, error) {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, typeOf[T]()))
	defer h.use.done()
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FoldOp(func(a, b T) T { return f(e, a, b) }) })
	return valueAt[T](h.use.fold(ctx, op, unsafe.Pointer(&zero), combining(func(a, b T) T { return f(h.env, a, b) })))
}

// Aggregate is RDD.Aggregate.
func (w RDDWith[E, T]) Aggregate[A any](ctx context.Context, zero func(E) A, add func(E, *A, T), merge func(E, *A, *A)) (A, error) {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, typeOf[A]()))
	defer h.use.done()
	op := rdd.WithOp(add, func(e E) *rdd.Op {
		return rdd.AggregateOp(func() A { return zero(e) }, func(a *A, x T) { add(e, a, x) })
	}).Needs(zero, merge)
	return aggregate(ctx, h.use, op,
		func() A { return zero(h.env) }, func(a, b *A) { merge(h.env, a, b) })
}

// ForEach is RDD.ForEach.
func (w RDDWith[E, T]) ForEach(ctx context.Context, f func(E, T)) error {
	h := hold[E](w.env, w.env.use(w.r.s, w.r.n, rowType{}))
	defer h.use.done()
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.ForEachOp(func(x T) { f(e, x) }) })
	return h.use.forEach(ctx, op)
}

// ForEachPartition is RDD.ForEachPartition.
func (w RDDWith[E, T]) ForEachPartition(ctx context.Context, f func(E, *Task, iter.Seq[T]) error) error {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.ForEachPartitionOp(func(t *Task, rows iter.Seq[T]) error { return f(e, t, rows) })
	})
	return w.env.use(w.r.s, w.r.n, rowType{}).forEachPartition(ctx, op) // its node gives the value back
}

// TakeOrdered is PairRDD.TakeOrdered.
func (w PairWith[E, K, V]) TakeOrdered(ctx context.Context, n int, cmp func(e E, a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	h := hold[E](w.env, w.env.use(w.p.s, w.p.n, typeOf[Pair[K, V]]()))
	defer h.use.done()
	op := rdd.WithOp(cmp, func(e E) *rdd.Op { return rdd.TakeOrderedOp(func(a, b Pair[K, V]) int { return cmp(e, a, b) }) })
	less := rdd.Comparing(func(a, b Pair[K, V]) int { return cmp(h.env, a, b) })
	return slice[Pair[K, V]](h.use.takeOrdered(ctx, op, n, less))
}

// Top is PairRDD.Top.
func (w PairWith[E, K, V]) Top(ctx context.Context, n int, cmp func(e E, a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	h := hold[E](w.env, w.env.use(w.p.s, w.p.n, typeOf[Pair[K, V]]()))
	defer h.use.done()
	op := rdd.WithOp(cmp, func(e E) *rdd.Op { return rdd.TopOp(func(a, b Pair[K, V]) int { return cmp(e, a, b) }) })
	less := rdd.Comparing(func(a, b Pair[K, V]) int { return cmp(h.env, b, a) })
	return slice[Pair[K, V]](h.use.takeOrdered(ctx, op, n, less))
}

// ForEach is PairRDD.ForEach.
func (w PairWith[E, K, V]) ForEach(ctx context.Context, f func(E, K, V)) error {
	h := hold[E](w.env, w.env.use(w.p.s, w.p.n, rowType{}))
	defer h.use.done()
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.PairForEachOp(func(k K, v V) { f(e, k, v) }) })
	return h.use.forEach(ctx, op)
}

// ForEachPartition is PairRDD.ForEachPartition.
func (w PairWith[E, K, V]) ForEachPartition(ctx context.Context, f func(E, *Task, iter.Seq2[K, V]) error) error {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.PairForEachPartitionOp(func(t *Task, pairs iter.Seq2[K, V]) error { return f(e, t, pairs) })
	})
	return w.env.use(w.p.s, w.p.n, rowType{}).forEachPartition(ctx, op) // its node gives the value back
}
