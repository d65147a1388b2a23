package shuffle

import (
	"cmp"
	"context"
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// CoGroup3Stream is a [GroupStream] of the values of three sides.
type CoGroup3Stream[K, V, W, X any] func(yield func(K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) bool) error

// CoGroups3 is [CoGroups] of three sides: the values of the first can be read once, those of the others any number of times.
func CoGroups3[K comparable, V, W, X any](ctx context.Context, cfg Config, first, second, third RawStream) CoGroup3Stream[K, V, W, X] {
	return func(yield func(K, iter.Seq[V], iter.Seq[W], iter.Seq[X]) bool) error {
		two, err := coGroupsOf[K, V, W](ctx, cfg)
		if err != nil {
			return err
		}
		defer two.close()
		pair, err := codec.PairTypeOf[K, X]()
		if err != nil {
			return err
		}
		co := addThird(ctx, cfg, two, pair)
		defer co.close()
		if err := co.fill(first, second, third); err != nil {
			return err
		}
		firsts, seconds, thirds := leftsOf[V](two), rightsOf[W](two), thirdsOf[X](co)
		for co.open() {
			if !yield(*(*K)(co.key), among(&co.inTwo, firsts), among(&co.inTwo, seconds), thirds) {
				break
			}
		}
		return co.err()
	}
}

// among is a sequence that has values where a side is in the open group.
func among[V any](in *bool, values iter.Seq[V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		if *in {
			values(yield)
		}
	}
}

// thirdsOf yields the third side's values of the open group.
func thirdsOf[X any](c *coGroups3) iter.Seq[X] {
	return func(yield func(X) bool) {
		if c.inThird {
			c.third.again(&c.kept, func(value unsafe.Pointer) bool { return yield(*(*X)(value)) })
			c.third.cutShort(cmp.Or(c.third.err, c.kept.err))
		}
	}
}

// coGroups3 reads the sorted rows of three sides group by group: the groups of two sides beside those of a third.
type coGroups3 struct {
	two   *coGroups
	third *groups
	kept  kept // the third side's values

	key              unsafe.Pointer
	inTwo, inThird   bool // the open group has values there
	hasTwo, hasThird bool // there is a group in hand there, maybe of a later key
}

func addThird(ctx context.Context, cfg Config, two *coGroups, pair codec.PairType) *coGroups3 {
	cfg = cfg.withDefaults()
	c := &coGroups3{two: two, inTwo: true, inThird: true}
	c.third = sortedGroups(ctx, cfg, &two.mem, two.left.keys, pair)
	c.third.sorter.relieve = func() error { return cmp.Or(two.left.sorter.shed(), two.right.sorter.shed()) }
	c.kept = newKept(cfg, &two.mem, pair.Type)
	return c
}

func (c *coGroups3) fill(first, second, third RawStream) error {
	l, r, t := c.two.left.sorter, c.two.right.sorter, c.third.sorter
	for _, side := range []struct {
		*sorter
		in RawStream
	}{{l, first}, {r, second}, {t, third}} {
		if err := side.consume(side.in); err != nil {
			return err
		}
	}
	for _, g := range []*groups{c.two.left, c.two.right, c.third} {
		var err error
		if g.src, err = g.sorter.finish(); err != nil {
			return err
		}
	}
	c.two.left.read.begin(l.total + r.total + t.total)
	return nil
}

// open goes on to the next key and reports false at the end or after an error.
func (c *coGroups3) open() bool {
	if c.inTwo {
		c.hasTwo = c.two.open()
	}
	if c.inThird {
		c.hasThird = c.third.open()
	}
	c.kept.reset()
	if !c.hasTwo && !c.hasThird || c.err() != nil {
		return false
	}
	order := c.order()
	c.inTwo, c.inThird = order >= 0, order <= 0
	c.key = c.third.key
	if order > 0 {
		c.key = c.two.key
	}
	return true
}

// order compares the third side's group in hand with that of the others; where there is none is last.
func (c *coGroups3) order() int {
	switch {
	case !c.hasTwo:
		return -1
	case !c.hasThird:
		return 1
	}
	return c.third.order(c.two.hash, c.two.key)
}

func (c *coGroups3) err() error { return cmp.Or(c.two.err(), c.third.err, c.kept.err) }

func (c *coGroups3) close() {
	c.kept.close()
	c.third.close()
}
