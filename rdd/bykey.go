package rdd

import (
	"slices"

	"github.com/gordd-project/gordd/shuffle"
)

// FoldByKeyOp combines the values of each key by f, beginning with a zero that
// travels with it.
func FoldByKeyOp[K comparable, V any](f func(V, V) V) *Op {
	return valuedFor(f, func(zero V) *Op {
		return combinePairs[K]("FoldByKey", f, shuffle.Combine[V, V]{
			Init:  func(c *V, v V) { *c = f(zero, v) },
			Add:   func(c *V, v V) { *c = f(*c, v) },
			Merge: func(c, d *V) { *c = f(*c, *d) },
		})
	})
}

// ReduceByKeyLocallyOp is ReduceByKeyOp whose part "collect" brings the
// combinations to the driver.
func ReduceByKeyLocallyOp[K comparable, V any](f func(V, V) V) *Op {
	op := ReduceByKeyOp[K](f).Named("ReduceByKeyLocally")
	op.Parts["collect"] = collectPart((*Rows[Pair[K, V]])(nil))
	return op
}

// TopByKeyOp keeps the greatest values of each key, the greatest first and equal
// ones as they came; how many travels with it.
func TopByKeyOp[K comparable, V any](f func(a, b V) int) *Op {
	return valuedFor(f, func(n int) *Op {
		t := top[V]{n, f}
		return combineRows("TopByKey", f, shuffle.Combine[V, []V]{
			Init:  func(c *[]V, v V) { *c = []V{v} },
			Add:   func(c *[]V, v V) { *c = t.bounded(append(*c, v)) },
			Merge: func(c, d *[]V) { *c = t.bounded(append(*c, *d...)) },
		}, func(p *Pair[K, V]) (K, V) { return p.Key, p.Value }, func(p *Pair[K, []V]) Pair[K, []V] {
			return Pair[K, []V]{Key: p.Key, Value: slices.Clip(t.cut(p.Value))}
		})
	})
}

// top keeps the n greatest values.
type top[V any] struct {
	n   int
	cmp func(a, b V) int
}

// bounded cuts values when there are twice as many as wanted: so each takes part
// in a sort a bounded number of times.
func (t top[V]) bounded(values []V) []V {
	if len(values)/2 < t.n {
		return values
	}
	return t.cut(values)
}

// cut keeps the greatest values. Of equal ones, those that came first.
func (t top[V]) cut(values []V) []V {
	slices.SortStableFunc(values, func(a, b V) int { return t.cmp(b, a) })
	if len(values) > t.n {
		clear(values[t.n:]) // nothing keeps what they refer to
		values = values[:t.n]
	}
	return values
}
