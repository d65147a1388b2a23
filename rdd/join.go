package rdd

import (
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// Joined is a key with one value of each side of a join. In an outer join the
// side that may be missing is a pointer, nil where it is.
type Joined[K, L, R any] struct {
	Key   K
	Left  L
	Right R
}

// CoGrouped is a key with the values of both sides. Right can be ranged over
// again and again, Left once, while the group is in hand.
type CoGrouped[K, V, W any] struct {
	Key   K
	Left  iter.Seq[V]
	Right iter.Seq[W]
}

// joinParts makes the parts of an operator over two sides: each writes its own
// shuffle, and the read side goes through the keys of both.
func joinParts[K comparable, V, W any](post Part, run func(t *Task, groups groups[K, V, W], feed Feed) error) map[string]Part {
	return sidesParts[K, V, W](post, func(t *Task, cfg shuffle.Config, left, right shuffle.RawStream, feed Feed) error {
		return run(t, groups[K, V, W](shuffle.CoGroups[K, V, W](t, cfg, left, right)), feed)
	})
}

// sidesParts is joinParts for a read side that takes the rows of both sides as
// they come.
func sidesParts[K comparable, V, W any](post Part, run func(t *Task, cfg shuffle.Config, left, right shuffle.RawStream, feed Feed) error) map[string]Part {
	return map[string]Part{
		"left":  pairWriter[K, V](),
		"right": pairWriter[K, W](),
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			lt, err := codec.TypeOf[Pair[K, V]]()
			if err != nil {
				return nil, err
			}
			rt, err := codec.TypeOf[Pair[K, W]]()
			if err != nil {
				return nil, err
			}
			left, right := stream(t, in, 0, lt), stream(t, in, 1, rt)
			return func(feed Feed) error { return run(t, t.readConfig(in), left, right, feed) }, nil
		}},
		"": post,
	}
}

// groups goes through the keys of both sides.
type groups[K, V, W any] func(yield func(k K, left iter.Seq[V], right iter.Seq[W]) bool) error

// joined calls the user's function with each pair of values.
func joined[K, L, R, U any](call func(L, R) U) *Narrow {
	return &Narrow{out: (*Rows[Pair[K, U]])(nil), Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[Joined[K, L, R]]), outAny.(*Rows[Pair[K, U]])
		for i, j := range in.Rows {
			in.Row = i
			if !out.Push(Pair[K, U]{Key: j.Key, Value: call(j.Left, j.Right)}) && !out.Flush() {
				return
			}
		}
	}}
}

// join makes a join: pairs takes the values that have equal keys, and those
// without a partner of the sides that outer names.
func join[K comparable, V, W, L, R, U any](name string, call func(L, R) U, outer shuffle.Outer, pairs func(out *joins[K, L, R]) func(*K, *V, *W) bool) *Op {
	parts := sidesParts[K, V, W](joined[K](call), func(t *Task, cfg shuffle.Config, left, right shuffle.RawStream, feed Feed) error {
		return joining[K, L, R](feed, func(out *joins[K, L, R]) error {
			return shuffle.Join[K, V, W](t, cfg, outer, left, right)(pairs(out))
		})
	})
	dealing(parts, sideOf[K, V](), sideOf[K, W]())
	shuffled := parts["reduce"].(*SourcePart).open
	parts["reduce"] = &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		if !in.spec.Broadcast {
			return shuffled(t, in)
		}
		f, err := foundOf[K, V, W](in, outer)
		if err != nil {
			return nil, err
		}
		return func(feed Feed) error {
			return joining[K, L, R](feed, func(out *joins[K, L, R]) error {
				return f.join(t, in, visiting(&f, pairs(out)), out.flush)
			})
		}, nil
	}}
	return of((*K)(nil), many(name, call, parts))
}

// joining feeds the rows that run gives.
func joining[K, L, R any](feed Feed, run func(out *joins[K, L, R]) error) error {
	out := &joins[K, L, R]{rows: emitter[Joined[K, L, R]](feed), more: true}
	err := run(out)
	if err == nil && out.more {
		out.rows.Flush()
	}
	return err
}

// foundOf is found for sides of K and V, and of K and W.
func foundOf[K comparable, V, W any](in *Input, outer shuffle.Outer) (f foundIn, err error) {
	keys, err := codec.KeyTypeOf[K]()
	if err != nil {
		return f, err
	}
	left, err := codec.PairTypeOf[K, V]()
	if err != nil {
		return f, err
	}
	right, err := codec.PairTypeOf[K, W]()
	if err != nil {
		return f, err
	}
	return found(in, keys, [2]codec.PairType{left, right}, outer)
}

// visiting visits the key and the values of a row and of what was found for it.
func visiting[K, V, W any](f *foundIn, yield func(*K, *V, *W) bool) func(row, value unsafe.Pointer) bool {
	at := f.Row.ValueAt
	if f.small == 0 {
		return func(row, value unsafe.Pointer) bool { return yield((*K)(row), (*V)(value), (*W)(unsafe.Add(row, at))) }
	}
	return func(row, value unsafe.Pointer) bool { return yield((*K)(row), (*V)(unsafe.Add(row, at)), (*W)(value)) }
}

// joins takes the rows of a join, until no more of them are wanted.
type joins[K, L, R any] struct {
	rows *Rows[Joined[K, L, R]]
	more bool
}

func (j *joins[K, L, R]) push(k K, left L, right R) bool {
	j.more = j.rows.Push(Joined[K, L, R]{Key: k, Left: left, Right: right}) || j.rows.Flush()
	return j.more
}

// flush hands on the rows there are.
func (j *joins[K, L, R]) flush() bool {
	j.more = j.rows.Flush()
	return j.more
}

// copied gives a value of its own to what may be missing: the user's function may
// keep it.
func copied[T any](value *T) *T {
	if value == nil {
		return nil
	}
	c := *value
	return &c
}

// JoinOp pairs every value of the left side with every one of the right.
func JoinOp[K comparable, V, W, R any](f func(V, W) R) *Op {
	return join("Join", f, shuffle.Outer{}, func(out *joins[K, V, W]) func(*K, *V, *W) bool {
		return func(k *K, v *V, w *W) bool { return out.push(*k, *v, *w) }
	})
}

// LeftOuterJoinOp is JoinOp that keeps left values without a partner.
func LeftOuterJoinOp[K comparable, V, W, R any](f func(V, *W) R) *Op {
	return join("LeftOuterJoin", f, shuffle.Outer{Left: true}, func(out *joins[K, V, *W]) func(*K, *V, *W) bool {
		return func(k *K, v *V, w *W) bool { return out.push(*k, *v, copied(w)) }
	})
}

// RightOuterJoinOp is JoinOp that keeps right values without a partner.
func RightOuterJoinOp[K comparable, V, W, R any](f func(*V, W) R) *Op {
	return join("RightOuterJoin", f, shuffle.Outer{Right: true}, func(out *joins[K, *V, W]) func(*K, *V, *W) bool {
		return func(k *K, v *V, w *W) bool { return out.push(*k, copied(v), *w) }
	})
}

// FullOuterJoinOp is JoinOp that keeps the values of both sides.
func FullOuterJoinOp[K comparable, V, W, R any](f func(*V, *W) R) *Op {
	return join("FullOuterJoin", f, shuffle.Outer{Left: true, Right: true}, func(out *joins[K, *V, *W]) func(*K, *V, *W) bool {
		return func(k *K, v *V, w *W) bool { return out.push(*k, copied(v), copied(w)) }
	})
}

// CoGroupOp gives every value of the sequence that f makes of a key and the
// values of both sides.
func CoGroupOp[K comparable, V, W, R any](f func(K, iter.Seq[V], iter.Seq[W]) iter.Seq[R]) *Op {
	post := &Narrow{out: (*Rows[Pair[K, R]])(nil), Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[CoGrouped[K, V, W]]), outAny.(*Rows[Pair[K, R]])
		for i, g := range in.Rows {
			in.Row = i
			for r := range f(g.Key, g.Left, g.Right) {
				if !out.Push(Pair[K, R]{Key: g.Key, Value: r}) && !out.Flush() {
					return
				}
			}
		}
	}}
	return many("CoGroup", f, joinParts(post, func(t *Task, groups groups[K, V, W], feed Feed) error {
		out := &Rows[CoGrouped[K, V, W]]{Rows: make([]CoGrouped[K, V, W], 1)}
		var n int64
		return groups(func(k K, left iter.Seq[V], right iter.Seq[W]) bool {
			left, leftOver := lend(t, left)
			right, rightOver := lend(t, right)
			out.Rows[0], out.where = CoGrouped[K, V, W]{Key: k, Left: left, Right: right}, plain(n)
			n++
			defer leftOver()
			defer rightOver()
			return feed(out)
		})
	}))
}
