package rdd

import (
	"errors"
	"iter"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// CoGrouped3 is a key with the values of three sides. First can be ranged over
// once, Second and Third again and again, while the group is in hand.
type CoGrouped3[K, V, W, X any] struct {
	Key    K
	First  iter.Seq[V]
	Second iter.Seq[W]
	Third  iter.Seq[X]
}

// CoGroup3Op is CoGroupOp of three sides.
func CoGroup3Op[K comparable, V, W, X, R any](f func(K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) iter.Seq[R]) *Op {
	post := &Narrow{out: (*Rows[Pair[K, R]])(nil), Kernel: func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[CoGrouped3[K, V, W, X]]), outAny.(*Rows[Pair[K, R]])
		for i, g := range in.Rows {
			in.Row = i
			for r := range f(g.Key, g.First, g.Second, g.Third) {
				if !out.Push(Pair[K, R]{Key: g.Key, Value: r}) && !out.Flush() {
					return
				}
			}
		}
	}}
	return many("CoGroup3", f, map[string]Part{
		"first": pairWriter[K, V](), "second": pairWriter[K, W](), "third": pairWriter[K, X](),
		"reduce": &SourcePart{open: func(t *Task, in *Input) (Run, error) {
			first, err1 := codec.TypeOf[Pair[K, V]]()
			second, err2 := codec.TypeOf[Pair[K, W]]()
			third, err3 := codec.TypeOf[Pair[K, X]]()
			if err := errors.Join(err1, err2, err3); err != nil {
				return nil, err
			}
			a, b, c := stream(t, in, 0, first), stream(t, in, 1, second), stream(t, in, 2, third)
			return func(feed Feed) error {
				return coGroups3(t, feed, shuffle.CoGroups3[K, V, W, X](t, t.readConfig(in), a, b, c))
			}, nil
		}},
		"": post,
	})
}

// coGroups3 feeds the groups of three sides.
func coGroups3[K, V, W, X any](t *Task, feed Feed, groups shuffle.CoGroup3Stream[K, V, W, X]) error {
	out := &Rows[CoGrouped3[K, V, W, X]]{Rows: make([]CoGrouped3[K, V, W, X], 1)}
	var n int64
	return groups(func(k K, first iter.Seq[V], second iter.Seq[W], third iter.Seq[X]) bool {
		first, firstOver := lend(t, first)
		second, secondOver := lend(t, second)
		third, thirdOver := lend(t, third)
		out.Rows[0], out.where = CoGrouped3[K, V, W, X]{Key: k, First: first, Second: second, Third: third}, plain(n)
		n++
		defer firstOver()
		defer secondOver()
		defer thirdOver()
		return feed(out)
	})
}
