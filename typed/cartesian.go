package typed

import (
	"cmp"
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// crossed is how products read their parents.
var crossed = rdd.Wide{Aligned: true, Crossed: true}

// Cartesian gives what f makes of each row of r together with each row of o. There
// is a partition for each of r with each of o: so many of o, and again. The rows of
// one partition of o are kept for it, in memory and, where that is used up, in a
// file; those of r stream, one by one, or where o's partition has more than 16,384
// rows, 256 at a time: then each of these comes with one row of o before the next.
func (r RDD[T]) Cartesian[U, R any](o RDD[U], f func(T, U) R) RDD[R] {
	return RDD[R]{r.s, newUse(r.s, r.n, typeOf[U]()).wide(rdd.CartesianOp(f), crossed, o.n)}
}

// Cartesian is RDD.Cartesian.
func (w RDDWith[E, T]) Cartesian[U, R any](o RDD[U], f func(E, T, U) R) RDD[R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.CartesianOp(func(x T, y U) R { return f(e, x, y) }) })
	return RDD[R]{w.r.s, w.env.use(w.r.s, w.r.n, typeOf[U]()).wide(op, crossed, o.n)}
}

// FilterByRange keeps the pairs whose key is from one to another, both of them
// among it, by cmp.Compare. Behind [SortByKey], and what keeps the keys where it
// has placed them, only the partitions are read that can have such keys.
func FilterByRange[K cmp.Ordered, V any](p PairRDD[K, V], from, to K) PairRDD[K, V] {
	u := encode(rdd.Span[K]{From: from, To: to}).use(p.s, p.n, rowType{})
	return PairRDD[K, V]{p.s, u.n.Narrow(rdd.FilterByRangeOp[K, V](), u.c, true)}
}

// FlatMapSortedGroups gives f each key with all of its values, in the order of what
// by gives for each, equal ones as they came, and gives the values of the sequences
// that f makes of them. The shuffle sorts: the values stream, as in GroupByKey.
func (p PairRDD[K, V]) FlatMapSortedGroups[S cmp.Ordered, R any](by func(V) S, f func(K, iter.Seq[V]) iter.Seq[R], opts ...ShuffleOption) RDD[R] {
	return RDD[R]{p.s, newUse(p.s, p.n, keyed[K, V]()).distinct(rdd.FlatMapSortedGroupsOp[S](by, f), opts)}
}

// FlatMapSortedGroups is PairRDD.FlatMapSortedGroups.
func (w PairWith[E, K, V]) FlatMapSortedGroups[S cmp.Ordered, R any](by func(E, V) S, f func(E, K, iter.Seq[V]) iter.Seq[R], opts ...ShuffleOption) RDD[R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.FlatMapSortedGroupsOp[S](
			func(v V) S { return by(e, v) },
			func(k K, values iter.Seq[V]) iter.Seq[R] { return f(e, k, values) },
		)
	}).Needs(by)
	return RDD[R]{w.p.s, w.env.use(w.p.s, w.p.n, keyed[K, V]()).distinct(op, opts)}
}
