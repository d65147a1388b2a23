package rdd

import "iter"

// none is the value of a row that is a key alone.
type none = struct{}

// SubtractByKeyOp keeps the pairs of the left side whose key is not in the right
// one.
func SubtractByKeyOp[K comparable, V, W any]() *Op {
	parts := joinParts(nil, func(_ *Task, groups groups[K, V, W], feed Feed) error {
		return emitted(feed, groups, func(k K, left iter.Seq[V], right iter.Seq[W], yield func(Pair[K, V]) bool) {
			if !some(right) {
				for v := range left {
					if !yield(Pair[K, V]{Key: k, Value: v}) {
						return
					}
				}
			}
		})
	})
	return of((*Joined[K, V, W])(nil), many("SubtractByKey", nil, giving((*Rows[Pair[K, V]])(nil), parts)))
}

// SubtractOp keeps the rows of the left side that are not in the right one.
func SubtractOp[T comparable]() *Op {
	return setOp("Subtract", func(row T, left, right iter.Seq[none], yield func(T) bool) {
		if !some(right) {
			for range left {
				if !yield(row) {
					return
				}
			}
		}
	})
}

// IntersectionOp gives each row that is on both sides once.
func IntersectionOp[T comparable]() *Op {
	return setOp("Intersection", func(row T, left, right iter.Seq[none], yield func(T) bool) {
		if some(left) && some(right) {
			yield(row)
		}
	})
}

// setOp makes an operator over the rows of two sides, which are the keys by which
// they are shuffled. Its part "key" makes pairs of them.
func setOp[T comparable](name string, rows func(row T, left, right iter.Seq[none], yield func(T) bool)) *Op {
	parts := joinParts(nil, func(_ *Task, groups groups[T, none, none], feed Feed) error {
		return emitted(feed, groups, rows)
	})
	parts["key"] = MapOp(func(row T) Pair[T, none] { return Pair[T, none]{Key: row} }).Parts[""]
	return of((*T)(nil), many(name, nil, giving((*Rows[T])(nil), parts)))
}

// giving says what rows the read side of an operator without a function gives.
func giving(out batch, parts map[string]Part) map[string]Part {
	parts["reduce"].(*SourcePart).out = out
	return parts
}

// emitted feeds the rows that are made of the keys of two sides.
func emitted[K comparable, V, W, R any](feed Feed, groups groups[K, V, W], rows func(k K, left iter.Seq[V], right iter.Seq[W], yield func(R) bool)) error {
	out := emitter[R](feed)
	more := true
	err := groups(func(k K, left iter.Seq[V], right iter.Seq[W]) bool {
		rows(k, left, right, func(r R) bool {
			more = out.Push(r) || out.Flush()
			return more
		})
		return more
	})
	if err == nil && more {
		out.Flush()
	}
	return err
}

// some says whether there is a value.
func some[T any](values iter.Seq[T]) bool {
	for range values {
		return true
	}
	return false
}
