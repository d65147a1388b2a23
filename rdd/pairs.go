package rdd

import (
	"cmp"
	"iter"
)

// The operators of a PairRDD take functions of key and value.

// PairMapOp applies f to each pair.
func PairMapOp[K, V, U any](f func(K, V) U) *Op {
	return MapOp(func(p Pair[K, V]) U { return f(p.Key, p.Value) }).As("Map", f)
}

// PairTryMapOp applies f to each pair; pairs for which it gives an error are
// rejected.
func PairTryMapOp[K, V, U any](f func(K, V) (U, error)) *Op {
	return TryMapOp(func(p Pair[K, V]) (U, error) { return f(p.Key, p.Value) }).As("TryMap", f)
}

// PairFilterOp keeps the pairs for which f says true.
func PairFilterOp[K, V any](f func(K, V) bool) *Op {
	return FilterOp(func(p Pair[K, V]) bool { return f(p.Key, p.Value) }).As("Filter", f)
}

// PairFlatMapOp gives every value of the sequence that f makes of a pair.
func PairFlatMapOp[K, V, U any](f func(K, V) iter.Seq[U]) *Op {
	return FlatMapOp(func(p Pair[K, V]) iter.Seq[U] { return f(p.Key, p.Value) }).As("FlatMap", f)
}

// PairTryFlatMapOp is PairFlatMapOp for a function that may fail.
func PairTryFlatMapOp[K, V, U any](f func(K, V) (iter.Seq[U], error)) *Op {
	return TryFlatMapOp(func(p Pair[K, V]) (iter.Seq[U], error) { return f(p.Key, p.Value) }).As("TryFlatMap", f)
}

// PairMapToPairOp makes another pair of each pair.
func PairMapToPairOp[K, V, L, W any](f func(K, V) (L, W)) *Op {
	return MapToPairOp(func(p Pair[K, V]) (L, W) { return f(p.Key, p.Value) }).As("MapToPair", f)
}

// PairTryMapToPairOp makes another pair of each pair; pairs for which f gives
// an error are rejected.
func PairTryMapToPairOp[K, V, L, W any](f func(K, V) (L, W, error)) *Op {
	return TryMapToPairOp(func(p Pair[K, V]) (L, W, error) { return f(p.Key, p.Value) }).As("TryMapToPair", f)
}

// PairFlatMapToPairOp gives every pair of the sequence that f makes of a pair.
func PairFlatMapToPairOp[K, V, L, W any](f func(K, V) iter.Seq2[L, W]) *Op {
	return FlatMapToPairOp(func(p Pair[K, V]) iter.Seq2[L, W] { return f(p.Key, p.Value) }).As("FlatMapToPair", f)
}

// PairMapPartitionsOp hands f the pairs of a whole partition, which it may
// range over once.
func PairMapPartitionsOp[K, V, U any](f func(*Task, iter.Seq2[K, V]) iter.Seq[U]) *Op {
	return MapPartitionsOp(func(t *Task, pairs iter.Seq[Pair[K, V]]) iter.Seq[U] {
		return f(t, unpair(pairs))
	}).As("MapPartitions", f)
}

// PairSortByOp sorts pairs by what f gives for them; pairs for which that is
// equal stay in order.
func PairSortByOp[K, V any, S cmp.Ordered](f func(K, V) S) *Op {
	return SortByOp(func(p Pair[K, V]) S { return f(p.Key, p.Value) }).As("SortBy", f)
}

func unpair[K, V any](pairs iter.Seq[Pair[K, V]]) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for p := range pairs {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
}
