package typed

import (
	"cmp"
	"iter"

	"github.com/gordd-project/gordd/rdd"
)

// RDD is a distributed collection of T: a lazy iter.Seq[T] in partitions. It is
// a value; operators make new RDDs and leave it as it is. Nothing runs until an
// action is called.
//
// Functions given to operators are literals, named functions or method
// expressions. They capture no local variables: values that they need travel
// by With. They may run on many rows at once in several goroutines, and again
// when a task is tried again.
//
// Operators that change the shape of T, or need more of T than RDD asks for,
// are functions of this package: [Distinct], [Subtract], [Intersection],
// [SortByKey], [RepartitionAndSortWithinPartitions], [TopByKey], [Sliding], [Glom], [ZipWithIndex], [ZipWithUniqueID], and the actions [Sum],
// [Max], [Min], [Mean], [Variance], [Stdev], [Stats], [Histogram], [HistogramIn]
// and [CountByValue].
type RDD[T any] struct {
	s *Session
	n *rdd.Node
}

// PairRDD is a distributed collection of keys with values: a lazy
// iter.Seq2[K, V] in partitions. What is said of RDD holds for it.
type PairRDD[K comparable, V any] struct {
	s *Session
	n *rdd.Node
}

// Pair is a key with its value, where a pair has to be one value.
type Pair[K, V any] = rdd.Pair[K, V]

// Task is the attempt that runs a function, and its context.
type Task = rdd.Task

// BarrierTask is the attempt that runs a function of MapPartitionsWithBarrier.
// Its Barrier waits for the other tasks of the stage, and its AllGather gives
// what each of them brought.
type BarrierTask = rdd.BarrierTask

// Err gives the first error of the RDD's lineage, without running anything. The
// first action would give the same.
func (r RDD[T]) Err() error { return r.n.Err() }

// Err gives the first error of the RDD's lineage, without running anything. The
// first action would give the same.
func (p PairRDD[K, V]) Err() error { return p.n.Err() }

// Map applies f to each row.
func (r RDD[T]) Map[U any](f func(T) U) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.MapOp(f), call(), false)}
}

// TryMap applies f to each row. A row for which f gives an error is rejected;
// see [Policy].
func (r RDD[T]) TryMap[U any](f func(T) (U, error)) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.TryMapOp(f), call(), false)}
}

// Filter keeps the rows for which f says true.
func (r RDD[T]) Filter(f func(T) bool) RDD[T] {
	return RDD[T]{r.s, r.n.Narrow(rdd.FilterOp(f), call(), true)}
}

// FlatMap gives all values of the sequences that f makes of the rows.
func (r RDD[T]) FlatMap[U any](f func(T) iter.Seq[U]) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.FlatMapOp(f), call(), false)}
}

// TryFlatMap is FlatMap for a function that may fail. A row for which f gives
// an error is rejected; see [Policy].
func (r RDD[T]) TryFlatMap[U any](f func(T) (iter.Seq[U], error)) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.TryFlatMapOp(f), call(), false)}
}

// MapPartitions hands f the rows of each partition and takes the rows it makes
// of them. The sequence can be ranged over once.
func (r RDD[T]) MapPartitions[U any](f func(*Task, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.MapPartitionsOp(f), call(), false)}
}

// MapPartitionsWithIndex is MapPartitions for a function that sees the number of
// the partition, from 0 on.
func (r RDD[T]) MapPartitionsWithIndex[U any](f func(int, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.MapPartitionsWithIndexOp(f), call(), false)}
}

// MapPartitionsWithBarrier is MapPartitions for a function whose tasks wait for
// one another, by calls of its BarrierTask: all tasks of the stage run at once,
// each in a slot, or none of them. When one fails or is lost, all of them start
// again. An RDD of more partitions than there are slots is an error of the action,
// after a minute in which the cluster may grow. In the same stage the rows cannot
// be joined to others by Union, cached, or taken in part: put a shuffle between,
// such as Repartition.
func (r RDD[T]) MapPartitionsWithBarrier[U any](f func(*BarrierTask, iter.Seq[T]) iter.Seq[U]) RDD[U] {
	return RDD[U]{r.s, r.n.Narrow(rdd.MapPartitionsWithBarrierOp(f), call(), false)}
}

// MapToPair makes a key and a value of each row.
func (r RDD[T]) MapToPair[K comparable, V any](f func(T) (K, V)) PairRDD[K, V] {
	return PairRDD[K, V]{r.s, r.n.Narrow(rdd.MapToPairOp(f), call(), false)}
}

// TryMapToPair makes a key and a value of each row. A row for which f gives an
// error is rejected; see [Policy].
func (r RDD[T]) TryMapToPair[K comparable, V any](f func(T) (K, V, error)) PairRDD[K, V] {
	return PairRDD[K, V]{r.s, r.n.Narrow(rdd.TryMapToPairOp(f), call(), false)}
}

// FlatMapToPair gives all pairs of the sequences that f makes of the rows.
func (r RDD[T]) FlatMapToPair[K comparable, V any](f func(T) iter.Seq2[K, V]) PairRDD[K, V] {
	return PairRDD[K, V]{r.s, r.n.Narrow(rdd.FlatMapToPairOp(f), call(), false)}
}

// KeyBy pairs each row with the key that f gives for it.
func (r RDD[T]) KeyBy[K comparable](f func(T) K) PairRDD[K, T] {
	return PairRDD[K, T]{r.s, r.n.Narrow(rdd.KeyByOp(f), call(), false)}
}

// Union has the rows of r and then those of the others, partition after
// partition. Equal rows stay.
func (r RDD[T]) Union(others ...RDD[T]) RDD[T] {
	nodes := make([]*rdd.Node, len(others))
	for i, o := range others {
		nodes[i] = o.n
	}
	return RDD[T]{r.s, r.n.Union(call(), nodes...)}
}

// Repartition spreads the rows evenly over n partitions.
func (r RDD[T]) Repartition(n int) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, typeOf[T]()).repartition(rdd.RepartitionOp[T](), n)}
}

// SortBy sorts the rows by the key that f gives. Rows with equal keys stay in
// order.
func (r RDD[T]) SortBy[K cmp.Ordered](f func(T) K, opts ...SortOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, typeOf[Pair[K, T]]()).sort(rdd.SortByOp(f), opts, "key")}
}

// SortFunc sorts the rows by a comparison, which says as cmp.Compare does how a
// and b are ordered. Rows that compare equal stay in order.
func (r RDD[T]) SortFunc(f func(a, b T) int, opts ...SortOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, typeOf[T]()).sort(rdd.SortFuncOp(f), opts, "")}
}

// DistinctBy keeps the first row of those with equal keys.
func (r RDD[T]) DistinctBy[K comparable](f func(T) K, opts ...ShuffleOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, keyed[K, T]()).distinct(rdd.DistinctByOp(f), opts)}
}

// Distinct keeps one of equal rows.
func Distinct[T comparable](r RDD[T], opts ...ShuffleOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, keyed[T, struct{}]()).distinct(rdd.DistinctOp[T](), opts)}
}

// Subtract keeps the rows of r that are not in o, each as often as it is there.
func Subtract[T comparable](r, o RDD[T], opts ...ShuffleOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, keyed[T, struct{}]()).sets(rdd.SubtractOp[T](), o.n, opts)}
}

// Intersection gives each row that is in both r and o once.
func Intersection[T comparable](r, o RDD[T], opts ...ShuffleOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, keyed[T, struct{}]()).sets(rdd.IntersectionOp[T](), o.n, opts)}
}
