package typed

import (
	"cmp"
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// Map applies f to each pair.
func (p PairRDD[K, V]) Map[U any](f func(K, V) U) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairMapOp(f), call(), false)}
}

// TryMap applies f to each pair. A pair for which f gives an error is rejected;
// see [Policy].
func (p PairRDD[K, V]) TryMap[U any](f func(K, V) (U, error)) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairTryMapOp(f), call(), false)}
}

// Filter keeps the pairs for which f says true.
func (p PairRDD[K, V]) Filter(f func(K, V) bool) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, p.n.Narrow(rdd.PairFilterOp(f), call(), true)}
}

// FlatMap gives all values of the sequences that f makes of the pairs.
func (p PairRDD[K, V]) FlatMap[U any](f func(K, V) iter.Seq[U]) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairFlatMapOp(f), call(), false)}
}

// TryFlatMap is FlatMap for a function that may fail. A pair for which f gives
// an error is rejected; see [Policy].
func (p PairRDD[K, V]) TryFlatMap[U any](f func(K, V) (iter.Seq[U], error)) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairTryFlatMapOp(f), call(), false)}
}

// MapPartitions hands f the pairs of each partition and takes the rows it makes
// of them. The sequence can be ranged over once.
func (p PairRDD[K, V]) MapPartitions[U any](f func(*Task, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairMapPartitionsOp(f), call(), false)}
}

// MapPartitionsWithIndex is MapPartitions for a function that sees the number of
// the partition, from 0 on.
func (p PairRDD[K, V]) MapPartitionsWithIndex[U any](f func(int, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairMapPartitionsWithIndexOp(f), call(), false)}
}

// MapPartitionsWithBarrier is MapPartitions for a function whose tasks wait for
// one another; see [RDD.MapPartitionsWithBarrier].
func (p PairRDD[K, V]) MapPartitionsWithBarrier[U any](f func(*BarrierTask, iter.Seq2[K, V]) iter.Seq[U]) RDD[U] {
	return RDD[U]{p.s, p.n.Narrow(rdd.PairMapPartitionsWithBarrierOp(f), call(), false)}
}

// MapToPair makes another key and value of each pair.
func (p PairRDD[K, V]) MapToPair[L comparable, W any](f func(K, V) (L, W)) PairRDD[L, W] {
	return PairRDD[L, W]{p.s, p.n.Narrow(rdd.PairMapToPairOp(f), call(), false)}
}

// TryMapToPair makes another key and value of each pair. A pair for which f
// gives an error is rejected; see [Policy].
func (p PairRDD[K, V]) TryMapToPair[L comparable, W any](f func(K, V) (L, W, error)) PairRDD[L, W] {
	return PairRDD[L, W]{p.s, p.n.Narrow(rdd.PairTryMapToPairOp(f), call(), false)}
}

// FlatMapToPair gives all pairs of the sequences that f makes of the pairs.
func (p PairRDD[K, V]) FlatMapToPair[L comparable, W any](f func(K, V) iter.Seq2[L, W]) PairRDD[L, W] {
	return PairRDD[L, W]{p.s, p.n.Narrow(rdd.PairFlatMapToPairOp(f), call(), false)}
}

// MapValues applies f to each value. Keys stay, and where their pairs are.
func (p PairRDD[K, V]) MapValues[W any](f func(V) W) PairRDD[K, W] {
	return PairRDD[K, W]{p.s, p.n.Narrow(rdd.MapValuesOp[K](f), call(), true)}
}

// MapValuesWithKey applies f to each key and value, for another value. Keys
// stay, and where their pairs are.
func (p PairRDD[K, V]) MapValuesWithKey[W any](f func(K, V) W) PairRDD[K, W] {
	return PairRDD[K, W]{p.s, p.n.Narrow(rdd.MapValuesWithKeyOp(f), call(), true)}
}

// FlatMapValues pairs the key of each pair with all values of the sequence that
// f makes of its value. Keys stay, and where their pairs are.
func (p PairRDD[K, V]) FlatMapValues[W any](f func(V) iter.Seq[W]) PairRDD[K, W] {
	return PairRDD[K, W]{p.s, p.n.Narrow(rdd.FlatMapValuesOp[K](f), call(), true)}
}

// Keys gives the key of each pair.
func (p PairRDD[K, V]) Keys() RDD[K] {
	return RDD[K]{p.s, p.n.Narrow(rdd.KeysOp[K, V](), call(), false)}
}

// Values gives the value of each pair.
func (p PairRDD[K, V]) Values() RDD[V] {
	return RDD[V]{p.s, p.n.Narrow(rdd.ValuesOp[K, V](), call(), false)}
}

// Union has the pairs of p and then those of the others, partition after
// partition. Equal pairs stay.
func (p PairRDD[K, V]) Union(others ...PairRDD[K, V]) PairRDD[K, V] {
	nodes := make([]*rdd.Node, len(others))
	for i, o := range others {
		nodes[i] = o.n
	}
	return PairRDD[K, V]{p.s, p.n.Union(call(), nodes...)}
}

// combined is how combining operators read their parent.
func combined(opts []ShuffleOption) rdd.Wide {
	w := grouped(opts)
	w.Post = false
	return w
}

// grouped is how grouping operators read their parent.
func grouped(opts []ShuffleOption) rdd.Wide {
	return shuffleOptions(opts).placed("map")
}

// joined is how joins read their parents.
func joined(opts []JoinOption) rdd.Wide {
	return joinOptions(opts).placed("left", "right")
}

// found is joined for joins that may read one of the sides whole in every task, or the rows
// of some of its keys in several.
func found(opts []JoinOption, left, right bool) rdd.Wide {
	o := joinOptions(opts)
	w := o.placed("left", "right")
	w.SmallLeft, w.SmallRight, w.BroadcastBelow = left, right, o.below
	w.SkewJoin = o.skew
	return w
}

// ReduceByKey combines the values of each key by f, where they are and then
// after a shuffle. f is associative; both of its arguments are read-only.
func (p PairRDD[K, V]) ReduceByKey(f func(V, V) V, opts ...ShuffleOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, keyed[K, V]()).wide(rdd.ReduceByKeyOp[K](f), combined(opts))}
}

// CombineByKey makes a combination of each key's values: create makes one of
// the first value, add adds a further one, merge joins two of them. The left
// argument of add and merge may be changed and returned.
func (p PairRDD[K, V]) CombineByKey[C any](create func(V) C, add func(C, V) C, merge func(C, C) C, opts ...ShuffleOption) PairRDD[K, C] {
	return PairRDD[K, C]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, C]())).wide(rdd.CombineByKeyOp[K](create, add, merge), combined(opts))}
}

// AggregateByKey adds the values of each key to what zero makes, in place: add
// adds a value to an accumulator, merge adds one accumulator to another. zero
// is called for every key in every partition.
func (p PairRDD[K, V]) AggregateByKey[A any](zero func() A, add func(*A, V), merge func(*A, *A), opts ...ShuffleOption) PairRDD[K, A] {
	return PairRDD[K, A]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, A]())).wide(rdd.AggregateByKeyOp[K](zero, add, merge), combined(opts))}
}

// GroupByKey gives f each key with all of its values, and pairs the key with
// what f makes of them. The values stream: they can be ranged over once, need
// not fit in memory, and must not be used after f returns.
func (p PairRDD[K, V]) GroupByKey[R any](f func(K, iter.Seq[V]) R, opts ...ShuffleOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]()).wide(rdd.GroupByKeyOp(f), grouped(opts))}
}

// FlatMapGroups gives f each key with all of its values, and gives the values
// of the sequences that f makes of them. The values stream, as in GroupByKey.
func (p PairRDD[K, V]) FlatMapGroups[R any](f func(K, iter.Seq[V]) iter.Seq[R], opts ...ShuffleOption) RDD[R] {
	w := grouped(opts)
	w.Keep = false
	return RDD[R]{p.s, newUse(p.s, p.n, keyed[K, V]()).wide(rdd.FlatMapGroupsOp(f), w)}
}

// Join pairs each value with every value of the same key in o.
func (p PairRDD[K, V]) Join[W, R any](o PairRDD[K, W], f func(V, W) R, opts ...JoinOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.JoinOp[K](f), found(opts, true, true), o.n)}
}

// LeftOuterJoin is Join that also gives the values of p whose key is not in o,
// with nil.
func (p PairRDD[K, V]) LeftOuterJoin[W, R any](o PairRDD[K, W], f func(V, *W) R, opts ...JoinOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.LeftOuterJoinOp[K](f), found(opts, false, true), o.n)}
}

// RightOuterJoin is Join that also gives the values of o whose key is not in p,
// with nil.
func (p PairRDD[K, V]) RightOuterJoin[W, R any](o PairRDD[K, W], f func(*V, W) R, opts ...JoinOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.RightOuterJoinOp[K](f), found(opts, true, false), o.n)}
}

// FullOuterJoin is Join that also gives the values of either side whose key is
// not in the other, with nil.
func (p PairRDD[K, V]) FullOuterJoin[W, R any](o PairRDD[K, W], f func(*V, *W) R, opts ...JoinOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.FullOuterJoinOp[K](f), joined(opts), o.n)}
}

// CoGroup gives f each key of either side with the values that both sides have
// for it, and pairs the key with each value of the sequence that f makes. The
// left values can be ranged over once, the right ones again and again.
func (p PairRDD[K, V]) CoGroup[W, R any](o PairRDD[K, W], f func(K, iter.Seq[V], iter.Seq[W]) iter.Seq[R], opts ...JoinOption) PairRDD[K, R] {
	return PairRDD[K, R]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.CoGroupOp(f), joined(opts), o.n)}
}

// CoGroup3 is CoGroup of three sides: the values of p can be ranged over once, those of o and q
// again and again.
func (p PairRDD[K, V]) CoGroup3[W, X, R any](o PairRDD[K, W], q PairRDD[K, X], f func(K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) iter.Seq[R], opts ...JoinOption) PairRDD[K, R] {
	u := newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]()).or(keyed[K, X]()))
	return PairRDD[K, R]{p.s, u.wide(rdd.CoGroup3Op(f), joinOptions(opts).placed("first", "second", "third"), o.n, q.n)}
}

// SubtractByKey keeps the pairs of p whose key is not in o.
func (p PairRDD[K, V]) SubtractByKey[W any](o PairRDD[K, W], opts ...JoinOption) PairRDD[K, V] {
	w := joined(opts)
	w.Post = false
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, keyed[K, V]().or(keyed[K, W]())).wide(rdd.SubtractByKeyOp[K, V, W](), w, o.n)}
}

// PartitionBy moves each pair to the partition that its key's hash says, or that a
// [PartitionFunc] says.
// Joins and combinations of what is placed alike need no shuffle.
func (p PairRDD[K, V]) PartitionBy(opts ...ShuffleOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, keyed[K, V]()).wide(rdd.PartitionByOp[K, V](), combined(opts))}
}

// Repartition spreads the pairs evenly over n partitions.
func (p PairRDD[K, V]) Repartition(n int) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, typeOf[Pair[K, V]]()).repartition(rdd.RepartitionOp[Pair[K, V]](), n)}
}

// SortBy sorts the pairs by what f gives for each, such as its value. Pairs for
// which that is equal stay in order. To sort by key there is [SortByKey].
func (p PairRDD[K, V]) SortBy[S cmp.Ordered](f func(K, V) S, opts ...SortOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, typeOf[Pair[S, Pair[K, V]]]()).sort(rdd.PairSortByOp(f), opts, "key")}
}

// SortFunc sorts the pairs by a comparison, which says as cmp.Compare does how
// a and b are ordered. Pairs that compare equal stay in order.
func (p PairRDD[K, V]) SortFunc(f func(a, b Pair[K, V]) int, opts ...SortOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, typeOf[Pair[K, V]]()).sort(rdd.SortFuncOp(f), opts, "")}
}

// SortByKey sorts the pairs by key. Pairs with equal keys stay in order.
func SortByKey[K cmp.Ordered, V any](p PairRDD[K, V], opts ...SortOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, keyed[K, V]()).sortByKey(rdd.SortByKeyOp[K, V](), opts)}
}
