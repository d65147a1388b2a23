package shuffle

import (
	"context"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// JoinStream pushes every left value of a key with every right one to yield until there are none left or yield returns
// false, and returns the error that ended it early, if any. What the pointers lead to is valid during the call. One is nil
// where [Outer] keeps a value without a partner.
type JoinStream[K, V, W any] func(yield func(*K, *V, *W) bool) error

// Outer says of which sides a join keeps values without a partner.
type Outer struct{ Left, Right bool }

// Join pairs the values of both sides that have equal keys, in the order of [CoGroups]. Neither side of a key need fit into
// memory.
func Join[K comparable, V, W any](ctx context.Context, cfg Config, outer Outer, left, right RawStream) JoinStream[K, V, W] {
	return func(yield func(*K, *V, *W) bool) error {
		co, err := coGroupsOf[K, V, W](ctx, cfg)
		if err != nil {
			return err
		}
		defer co.close()
		if err := co.fill(left, right); err != nil {
			return err
		}
		visit := func(left, right unsafe.Pointer) bool { return yield((*K)(co.key), (*V)(left), (*W)(right)) }
		for co.open() && co.join(outer, visit) {
		}
		return co.err()
	}
}

// join visits what a join makes of the open group, and reports false when visit does or when there was an error.
func (c *coGroups) join(outer Outer, visit func(left, right unsafe.Pointer) bool) bool {
	switch {
	case c.inLeft && c.inRight:
		return c.pairs(visit)
	case c.inLeft && outer.Left:
		return c.left.values(func(value unsafe.Pointer) bool { return visit(value, nil) })
	case c.inRight && outer.Right:
		return c.right.values(func(value unsafe.Pointer) bool { return visit(nil, value) })
	}
	return true
}

// pairs visits each left value of the open group with each right one, and reports false when visit does or when there
// was an error.
func (c *coGroups) pairs(visit func(left, right unsafe.Pointer) bool) bool {
	rights, whole := c.right.run()
	if !whole {
		return c.keepRights(rights) && c.withKept(visit)
	}
	left, right := c.left.pair, c.right.pair
	for more := true; more; more = c.left.goOn() {
		lefts, _ := c.left.run()
		for i := range lefts.Len {
			value := left.ValueOf(left.At(lefts, i))
			for j := range rights.Len {
				if !visit(value, right.ValueOf(right.At(rights, j))) {
					return false
				}
			}
		}
	}
	return c.err() == nil
}

// keepRights keeps the right values of the open group, which begin with rows: the batch that those are in goes when the
// next one is loaded.
func (c *coGroups) keepRights(rows codec.Rows) bool {
	for c.kept.add(rows) {
		if !c.right.goOn() {
			return c.right.err == nil
		}
		rows, _ = c.right.run()
	}
	return false
}

// Of a key with more than manyRights right values, which may be in a file, all are gone through for leftsAtOnce left
// values at a time. By the number of values, and not by where they are: the order of pairs does not depend on memory.
const (
	manyRights  = 16 << 10
	leftsAtOnce = 256
)

// withKept visits the left values of the open group with the right ones that were kept.
func (c *coGroups) withKept(visit func(left, right unsafe.Pointer) bool) bool {
	size := 1
	if c.kept.n > manyRights {
		size = leftsAtOnce
	}
	pair, some := c.left.pair, c.lefts
	some.Reset()
	for more := true; more; more = c.left.goOn() {
		lefts, _ := c.left.run()
		for lefts.Len > 0 {
			n := min(size-some.Len(), lefts.Len)
			some.Append(pair.Part(lefts, 0, n))
			lefts = pair.Part(lefts, n, lefts.Len)
			if some.Len() < size {
				break
			}
			if !c.allKept(some.Rows(), visit) {
				return false
			}
			some.Reset()
		}
	}
	return c.err() == nil && c.allKept(some.Rows(), visit)
}

// allKept visits some left values with each right one that was kept.
func (c *coGroups) allKept(lefts codec.Rows, visit func(left, right unsafe.Pointer) bool) bool {
	if lefts.Len == 0 {
		return true
	}
	more, left, right := true, c.left.pair, c.right.pair
	c.kept.all(func(rights codec.Rows) bool {
		for i := range rights.Len {
			value := right.ValueOf(right.At(rights, i))
			for j := range lefts.Len {
				if more = visit(left.ValueOf(left.At(lefts, j)), value); !more {
					return false
				}
			}
		}
		return true
	})
	return more && c.kept.err == nil
}

// values visits the values of the open group, and reports false when visit does or when there was an error.
func (g *groups) values(visit func(value unsafe.Pointer) bool) bool {
	for more := true; more; more = g.goOn() {
		rows, _ := g.run()
		for i := range rows.Len {
			if !visit(g.pair.ValueOf(g.pair.At(rows, i))) {
				return false
			}
		}
	}
	return g.err == nil
}

// run takes the rows of the open group that are in the batch in hand, and says whether they are known to be its last.
// Unless they are, goOn must follow.
func (g *groups) run() (rows codec.Rows, whole bool) {
	from := g.at
	for g.at++; g.at < g.rows.Len && g.same(); g.at++ {
	}
	whole = g.at < g.rows.Len
	g.more = !whole
	return g.pair.Part(g.rows, from, g.at), whole
}

// goOn says whether the open group has more rows after a run.
func (g *groups) goOn() bool {
	g.more = g.more && g.load() && g.same()
	return g.more
}
