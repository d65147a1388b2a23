package typed

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
)

// FoldByKey combines zero and the values of each key by f, where they are and then
// after a shuffle. f is associative, and its arguments are read-only; zero changes
// nothing, for it enters once for each key wherever values are combined.
func (p PairRDD[K, V]) FoldByKey(zero V, f func(V, V) V, opts ...ShuffleOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, encode(zero).use(p.s, p.n, keyed[K, V]()).wide(rdd.FoldByKeyOp[K](f), combined(opts))}
}

// ReduceByKeyLocally is ReduceByKey that brings the combinations to the driver.
func (p PairRDD[K, V]) ReduceByKeyLocally(ctx context.Context, f func(V, V) V) (map[K]V, error) {
	return mapOf(slice[Pair[K, V]](newUse(p.s, p.n, keyed[K, V]()).collectByKey(ctx, rdd.ReduceByKeyLocallyOp[K](f))))
}

// TopByKey gives the n greatest values of each key by a comparison, which says as
// cmp.Compare does how a and b are ordered: the greatest first, and equal ones as
// they came. No more than 2·n values of a key are in memory at a time.
func TopByKey[K comparable, V any](p PairRDD[K, V], n int, cmp func(a, b V) int, opts ...ShuffleOption) PairRDD[K, []V] {
	return PairRDD[K, []V]{p.s, encode(n).use(p.s, p.n, keyed[K, V]().or(keyed[K, []V]())).topByKey(rdd.TopByKeyOp[K](cmp), n, opts)}
}

// RepartitionAndSortWithinPartitions moves each pair to its key's partition, as
// PartitionBy does, and sorts those of each by key: cheaper than a sort of them
// all, and what a MapPartitions behind it needs to meet keys in order. Pairs with
// equal keys stay in order.
func RepartitionAndSortWithinPartitions[K cmp.Ordered, V any](p PairRDD[K, V], opts ...PlacedSortOption) PairRDD[K, V] {
	var o wideOptions
	for _, opt := range opts {
		opt.placedSort(&o)
	}
	w := o.placed("map")
	w.Post, w.Descending = false, o.descending
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, keyed[K, V]()).wide(rdd.RepartitionAndSortWithinPartitionsOp[K, V](), w)}
}

func (u *use) topByKey(op *rdd.Op, n int, opts []ShuffleOption) *rdd.Node {
	if n < 1 && u.c.Err == nil {
		u.c.Err = fmt.Errorf("TopByKey (%s): %d values of each key: give a number from 1 on", u.c.Site, n)
	}
	return u.wide(op, combined(opts))
}

// collectByKey brings what a combining operator makes to the driver.
func (u *use) collectByKey(ctx context.Context, op *rdd.Op) (codec.Rows, error) {
	pairs := *u
	pairs.n = u.wide(op, combined(nil))
	a := u.action(op)
	a.Part = "collect"
	return pairs.collectBy(ctx, a)
}

// FoldByKey is PairRDD.FoldByKey.
func (w PairWith[E, K, V]) FoldByKey(zero V, f func(E, V, V) V, opts ...ShuffleOption) PairRDD[K, V] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.FoldByKeyOp[K](func(a, b V) V { return f(e, a, b) }) })
	return PairRDD[K, V]{w.p.s, w.env.and(encode(zero)).use(w.p.s, w.p.n, keyed[K, V]()).wide(op, combined(opts))}
}

// ReduceByKeyLocally is PairRDD.ReduceByKeyLocally.
func (w PairWith[E, K, V]) ReduceByKeyLocally(ctx context.Context, f func(E, V, V) V) (map[K]V, error) {
	u := w.env.use(w.p.s, w.p.n, keyed[K, V]())
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.ReduceByKeyLocallyOp[K](func(a, b V) V { return f(e, a, b) }) })
	return mapOf(slice[Pair[K, V]](u.collectByKey(ctx, op)))
}
