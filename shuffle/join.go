package shuffle

import (
	"context"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// JoinStream pushes every left value of a key with every right one to yield until there are none left or yield returns
// false, and returns the error that ended it early, if any. What the pointers lead to is valid during the call.
type JoinStream[K, V, W any] func(yield func(*K, *V, *W) bool) error

// Join pairs the values of both sides that have equal keys, in the order of [CoGroups].
func Join[K comparable, V, W any](ctx context.Context, cfg Config, left, right RawStream) JoinStream[K, V, W] {
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
		for co.open() {
			if co.inLeft && co.inRight && !co.pairs(visit) {
				break
			}
		}
		return co.err()
	}
}

// pairs visits each left value of the open group with each right one, and reports false when visit does or when there
// was an error.
func (c *coGroups) pairs(visit func(left, right unsafe.Pointer) bool) bool {
	rights, whole := c.right.run()
	if !whole {
		if !c.keepRights(rights) {
			return false
		}
		rights = codec.Rows{}
	}
	left, right := c.left.pair, c.right.pair
	for more := true; more; more = c.left.goOn() {
		lefts, _ := c.left.run()
		for i := range lefts.Len {
			value := left.ValueOf(left.At(lefts, i))
			if !whole && !c.withKept(value, visit) {
				return false
			}
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

// withKept visits a left value with each right one that was kept.
func (c *coGroups) withKept(left unsafe.Pointer, visit func(left, right unsafe.Pointer) bool) bool {
	more, pair := true, c.right.pair
	c.kept.all(func(rows codec.Rows) bool {
		for i := 0; i < rows.Len && more; i++ {
			more = visit(left, pair.ValueOf(pair.At(rows, i)))
		}
		return more
	})
	return more && c.kept.err == nil
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
