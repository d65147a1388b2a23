package oracle

import (
	"cmp"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// Data are the rows of an RDD: those of each partition, as far as these are
// known, otherwise all in one.
type Data[T any] [][]T

// Pair is the row of a PairRDD.
type Pair[K, V any] = typed.Pair[K, V]

// All gives the rows of all partitions.
func (d Data[T]) All() []T { return slices.Concat(d...) }

// Slice cuts rows as Parallelize does.
func Slice[T any](rows []T, parts int) Data[T] {
	d := make(Data[T], parts)
	for i := range d {
		d[i] = rows[i*len(rows)/parts : (i+1)*len(rows)/parts]
	}
	return d
}

// Range gives n numbers, cut as Range does it.
func Range(n, from, step int64, parts int) Data[int64] {
	rows := make([]int64, n)
	for i := range rows {
		rows[i] = from + int64(i)*step
	}
	return Slice(rows, parts)
}

// On makes a function of pairs of one of keys and values.
func On[K, V, R any](f func(K, V) R) func(Pair[K, V]) R {
	return func(p Pair[K, V]) R { return f(p.Key, p.Value) }
}

// On2 is On for a function with two results.
func On2[K, V, A, B any](f func(K, V) (A, B)) func(Pair[K, V]) (A, B) {
	return func(p Pair[K, V]) (A, B) { return f(p.Key, p.Value) }
}

// On3 is On for a function with three results.
func On3[K, V, A, B, C any](f func(K, V) (A, B, C)) func(Pair[K, V]) (A, B, C) {
	return func(p Pair[K, V]) (A, B, C) { return f(p.Key, p.Value) }
}

// To makes pairs of two results.
func To[T, K, V any](f func(T) (K, V)) func(T) Pair[K, V] {
	return func(x T) Pair[K, V] {
		k, v := f(x)
		return Pair[K, V]{Key: k, Value: v}
	}
}

// Try makes pairs of two results with an error.
func Try[T, K, V any](f func(T) (K, V, error)) func(T) (Pair[K, V], error) {
	return func(x T) (Pair[K, V], error) {
		k, v, err := f(x)
		return Pair[K, V]{Key: k, Value: v}, err
	}
}

// Zip makes pairs of a sequence of two.
func Zip[T, K, V any](f func(T) iter.Seq2[K, V]) func(T) iter.Seq[Pair[K, V]] {
	return func(x T) iter.Seq[Pair[K, V]] {
		return func(yield func(Pair[K, V]) bool) {
			for k, v := range f(x) {
				if !yield(Pair[K, V]{Key: k, Value: v}) {
					return
				}
			}
		}
	}
}

// By gives f the key in front.
func By[T, K any](f func(T) K) func(T) Pair[K, T] {
	return func(x T) Pair[K, T] { return Pair[K, T]{Key: f(x), Value: x} }
}

// Value applies f to the values of pairs.
func Value[K, V, W any](d Data[Pair[K, V]], f func(V) W) Data[Pair[K, W]] {
	return Map(d, func(p Pair[K, V]) Pair[K, W] { return Pair[K, W]{Key: p.Key, Value: f(p.Value)} })
}

// ValueWithKey applies f to key and value for another value.
func ValueWithKey[K, V, W any](d Data[Pair[K, V]], f func(K, V) W) Data[Pair[K, W]] {
	return Map(d, func(p Pair[K, V]) Pair[K, W] { return Pair[K, W]{Key: p.Key, Value: f(p.Key, p.Value)} })
}

// FlatValue pairs keys with all that f makes of their values.
func FlatValue[K, V, W any](d Data[Pair[K, V]], f func(V) iter.Seq[W]) Data[Pair[K, W]] {
	return FlatMap(d, func(p Pair[K, V]) iter.Seq[Pair[K, W]] {
		return func(yield func(Pair[K, W]) bool) {
			for w := range f(p.Value) {
				if !yield(Pair[K, W]{Key: p.Key, Value: w}) {
					return
				}
			}
		}
	})
}

// Keys gives the keys of pairs.
func Keys[K, V any](d Data[Pair[K, V]]) Data[K] {
	return Map(d, func(p Pair[K, V]) K { return p.Key })
}

// Values gives the values of pairs.
func Values[K, V any](d Data[Pair[K, V]]) Data[V] {
	return Map(d, func(p Pair[K, V]) V { return p.Value })
}

// Map applies f to each row.
func Map[T, U any](d Data[T], f func(T) U) Data[U] {
	return FlatMap(d, func(x T) iter.Seq[U] { return slices.Values([]U{f(x)}) })
}

// TryMap leaves out rows for which f gives an error.
func TryMap[T, U any](d Data[T], f func(T) (U, error)) Data[U] {
	return FlatMap(d, func(x T) iter.Seq[U] {
		u, err := f(x)
		if err != nil {
			rejected.Add(1)
			return slices.Values[[]U](nil)
		}
		return slices.Values([]U{u})
	})
}

// TryFlatMap leaves out rows for which f gives an error.
func TryFlatMap[T, U any](d Data[T], f func(T) (iter.Seq[U], error)) Data[U] {
	return FlatMap(d, func(x T) iter.Seq[U] {
		seq, err := f(x)
		if err != nil {
			rejected.Add(1)
			return slices.Values[[]U](nil)
		}
		return seq
	})
}

// Filter keeps rows.
func Filter[T any](d Data[T], f func(T) bool) Data[T] {
	return FlatMap(d, func(x T) iter.Seq[T] {
		if !f(x) {
			return slices.Values[[]T](nil)
		}
		return slices.Values([]T{x})
	})
}

// FlatMap gives the rows of all sequences.
func FlatMap[T, U any](d Data[T], f func(T) iter.Seq[U]) Data[U] {
	out := make(Data[U], len(d))
	for i, rows := range d {
		for _, x := range rows {
			out[i] = slices.AppendSeq(out[i], f(x))
		}
	}
	return out
}

// MapPartitions hands f whole partitions.
func MapPartitions[T, U any](d Data[T], f func(*typed.Task, iter.Seq[T]) iter.Seq[U]) Data[U] {
	out := make(Data[U], len(d))
	for i, rows := range d {
		out[i] = slices.Collect(f(nil, slices.Values(rows)))
	}
	return out
}

// Seq2 makes a function of sequences of pairs of one that takes two.
func Seq2[K, V, U any](f func(*typed.Task, iter.Seq2[K, V]) iter.Seq[U]) func(*typed.Task, iter.Seq[Pair[K, V]]) iter.Seq[U] {
	return func(t *typed.Task, rows iter.Seq[Pair[K, V]]) iter.Seq[U] {
		return f(t, func(yield func(K, V) bool) {
			for p := range rows {
				if !yield(p.Key, p.Value) {
					return
				}
			}
		})
	}
}

// Union has the partitions of all.
func Union[T any](all ...Data[T]) Data[T] { return slices.Concat(all...) }

// Moved are rows that a shuffle has placed.
func Moved[T any](d Data[T]) Data[T] { return Data[T]{d.All()} }

// Coalesce puts partitions that follow one another together, n at most. Where they
// are not known there is one.
func Coalesce[T any](d Data[T], n int) Data[T] {
	n = min(n, len(d))
	out := make(Data[T], n)
	for i := range out {
		out[i] = d[i*len(d)/n : (i+1)*len(d)/n].All()
	}
	return out
}

// Cartesian gives each partition of one side with each of the other.
func Cartesian[T, U, R any](left Data[T], right Data[U], f func(T, U) R) Data[R] {
	var out Data[R]
	for _, l := range left {
		for _, r := range right {
			part := []R{}
			for _, x := range l {
				for _, y := range r {
					part = append(part, f(x, y))
				}
			}
			out = append(out, part)
		}
	}
	return out
}

// Between keeps the pairs whose key is from one to another.
func Between[K cmp.Ordered, V any](d Data[Pair[K, V]], from, to K) Data[Pair[K, V]] {
	return Filter(d, func(p Pair[K, V]) bool { return cmp.Compare(p.Key, from) >= 0 && cmp.Compare(p.Key, to) <= 0 })
}

// Sort sorts rows; equal ones stay in order.
func Sort[T any](d Data[T], f func(a, b T) int) Data[T] {
	rows := d.All()
	slices.SortStableFunc(rows, f)
	return Data[T]{rows}
}

// Key compares rows by a key.
func Key[T any, K cmp.Ordered](key func(T) K, descending bool) func(a, b T) int {
	return func(a, b T) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(key(a), key(b))
	}
}

// group is a key as it was first seen, with the values of both sides in order.
type group[K, V, W any] struct {
	key   K
	left  []V
	right []W
}

// groups gives all keys of either side, in the order of their first pairs.
func groups[K, V, W any](left []Pair[K, V], right []Pair[K, W]) []*group[K, V, W] {
	var out []*group[K, V, W]
	at := map[string]*group[K, V, W]{}
	find := func(k K) *group[K, V, W] {
		g := at[Show(k)]
		if g == nil {
			g = &group[K, V, W]{key: k}
			at[Show(k)] = g
			out = append(out, g)
		}
		return g
	}
	for _, p := range left {
		g := find(p.Key)
		g.left = append(g.left, p.Value)
	}
	for _, p := range right {
		g := find(p.Key)
		g.right = append(g.right, p.Value)
	}
	return out
}

// ByKey gives a row for each key: what f makes of its values.
func ByKey[K, V, R any](d Data[Pair[K, V]], f func(k K, values []V) R) Data[Pair[K, R]] {
	var out []Pair[K, R]
	for _, g := range groups[K, V, struct{}](d.All(), nil) {
		out = append(out, Pair[K, R]{Key: g.key, Value: f(g.key, g.left)})
	}
	return Data[Pair[K, R]]{out}
}

// Combine combines the values of each key from left to right.
func Combine[K, V, C any](d Data[Pair[K, V]], create func(V) C, add func(C, V) C) Data[Pair[K, C]] {
	return ByKey(d, func(_ K, values []V) C {
		c := create(values[0])
		for _, v := range values[1:] {
			c = add(c, v)
		}
		return c
	})
}

// Add adds the values of each key to an accumulator.
func Add[K, V, A any](d Data[Pair[K, V]], zero func() A, add func(*A, V)) Data[Pair[K, A]] {
	return ByKey(d, func(_ K, values []V) A {
		a := zero()
		for _, v := range values {
			add(&a, v)
		}
		return a
	})
}

// Groups gives f each key with its values.
func Groups[K, V, R any](d Data[Pair[K, V]], f func(K, iter.Seq[V]) R) Data[Pair[K, R]] {
	return ByKey(d, func(k K, values []V) R { return f(k, slices.Values(values)) })
}

// FlatMapGroups gives the rows of the sequences that f makes.
func FlatMapGroups[K, V, R any](d Data[Pair[K, V]], f func(K, iter.Seq[V]) iter.Seq[R]) Data[R] {
	return FlatMap(Groups(d, func(k K, values iter.Seq[V]) []R { return slices.Collect(f(k, values)) }),
		func(p Pair[K, []R]) iter.Seq[R] { return slices.Values(p.Value) })
}

// FlatMapSortedGroups is FlatMapGroups with the values in the order of what by gives.
func FlatMapSortedGroups[K any, S cmp.Ordered, V, R any](d Data[Pair[K, V]], by func(V) S, f func(K, iter.Seq[V]) iter.Seq[R]) Data[R] {
	return FlatMapGroups(d, func(k K, values iter.Seq[V]) iter.Seq[R] {
		return f(k, slices.Values(slices.SortedStableFunc(values, func(a, b V) int { return cmp.Compare(by(a), by(b)) })))
	})
}

// CoGroup gives f each key with the values of both sides.
func CoGroup[K, V, W, R any](left Data[Pair[K, V]], right Data[Pair[K, W]], f func(K, iter.Seq[V], iter.Seq[W]) iter.Seq[R]) Data[Pair[K, R]] {
	var out []Pair[K, R]
	for _, g := range groups(left.All(), right.All()) {
		for r := range f(g.key, slices.Values(g.left), slices.Values(g.right)) {
			out = append(out, Pair[K, R]{Key: g.key, Value: r})
		}
	}
	return Data[Pair[K, R]]{out}
}

// CoGroup3 gives f each key with the values of three sides.
func CoGroup3[K, V, W, X, R any](first Data[Pair[K, V]], second Data[Pair[K, W]], third Data[Pair[K, X]],
	f func(K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) iter.Seq[R]) Data[Pair[K, R]] {
	var two []Pair[K, *group[K, V, W]]
	for _, g := range groups(first.All(), second.All()) {
		two = append(two, Pair[K, *group[K, V, W]]{Key: g.key, Value: g})
	}
	var out []Pair[K, R]
	for _, g := range groups(two, third.All()) {
		both := &group[K, V, W]{}
		if len(g.left) > 0 {
			both = g.left[0]
		}
		for r := range f(g.key, slices.Values(both.left), slices.Values(both.right), slices.Values(g.right)) {
			out = append(out, Pair[K, R]{Key: g.key, Value: r})
		}
	}
	return Data[Pair[K, R]]{out}
}

// Join joins by key. f gets nil where a side that may be missing is.
func Join[K, V, W, R any](left Data[Pair[K, V]], right Data[Pair[K, W]], keepLeft, keepRight bool, f func(*V, *W) R) Data[Pair[K, R]] {
	return CoGroup(left, right, func(_ K, vs iter.Seq[V], ws iter.Seq[W]) iter.Seq[R] {
		return func(yield func(R) bool) {
			lefts, rights := slices.Collect(vs), slices.Collect(ws)
			for i := range lefts {
				for j := range rights {
					yield(f(&lefts[i], &rights[j]))
				}
				if len(rights) == 0 && keepLeft {
					yield(f(&lefts[i], nil))
				}
			}
			for j := range rights {
				if len(lefts) == 0 && keepRight {
					yield(f(nil, &rights[j]))
				}
			}
		}
	})
}

// First keeps the first row of each key.
func First[T, K any](d Data[T], key func(T) K) Data[T] {
	return Values(ByKey(Map(d, By(key)), func(_ K, rows []T) T { return rows[0] }))
}

// Reduce combines rows from left to right.
func Reduce[T any](rows []T, f func(T, T) T) T {
	acc := rows[0]
	for _, x := range rows[1:] {
		acc = f(acc, x)
	}
	return acc
}

// Fold combines the rows of each partition, then these.
func Fold[T any](d Data[T], zero T, f func(T, T) T) T {
	all := zero
	for _, rows := range d {
		acc := zero
		for _, x := range rows {
			acc = f(acc, x)
		}
		all = f(all, acc)
	}
	return all
}

// Aggregate adds all rows to one accumulator.
func Aggregate[T, A any](d Data[T], zero func() A, add func(*A, T)) A {
	a := zero()
	for _, x := range d.All() {
		add(&a, x)
	}
	return a
}

// Count counts the pairs of each key.
func Count[K comparable, V any](d Data[Pair[K, V]]) map[K]int64 {
	return Last(ByKey(d, func(_ K, values []V) int64 { return int64(len(values)) }))
}

// Last makes a map, in which the last pair of a key stays.
func Last[K comparable, V any](d Data[Pair[K, V]]) map[K]V {
	m := map[K]V{}
	for _, p := range d.All() {
		m[p.Key] = p.Value
	}
	return m
}
