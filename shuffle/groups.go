package shuffle

import (
	"context"
	"io"
	"iter"
	"os"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// GroupStream pushes keys with their values to yield until there are none left or yield returns false, and returns the
// error that ended it early, if any. When it returns an error, the last values may have been incomplete.
type GroupStream[K, V any] func(yield func(K, iter.Seq[V]) bool) error

// Groups brings the values of every key of in together. Values are in the order of their arrival and can be read once,
// during the call; what is left unread is skipped. They are streamed, so one group may be larger than memory. Keys come
// in the order of their hashes.
func Groups[K comparable, V any](
	ctx context.Context, cfg Config, keys codec.Keys[K], c codec.Codec[codec.Pair[K, V]], in Stream[codec.Pair[K, V]],
) GroupStream[K, V] {
	return func(yield func(K, iter.Seq[V]) bool) error {
		cfg := cfg.withDefaults()
		mem := cfg.share()
		s := newSorter(ctx, cfg, &mem, c, byHash[K, V](keys, cfg.tableSeed(roleReduce)))
		defer s.close()
		if err := s.consume(in); err != nil {
			return err
		}
		rows, err := s.finish()
		if err != nil {
			return err
		}
		g := &groups[K, V]{src: rows, keys: keys, stop: s.stop}
		values := iter.Seq[V](g.values)
		for g.open() {
			if !yield(g.key, values) {
				return nil
			}
		}
		return g.err
	}
}

// groups reads sorted rows group by group.
type groups[K comparable, V any] struct {
	src  puller[codec.Pair[K, V]]
	keys codec.Keys[K]
	stop func() error

	rows []codec.Pair[K, V]
	pre  []uint64
	at   int
	// key and hash are those of the open group; more says that it has values left.
	key   K
	hash  uint64
	more  bool
	ended bool
	err   error
}

// load makes sure that a row is there and reports false at the end.
func (g *groups[K, V]) load() bool {
	if g.at < len(g.rows) {
		return true
	}
	if g.ended {
		return false
	}
	g.rows, g.pre, g.err = g.src.next()
	if g.err == nil && g.stop != nil {
		g.err = g.stop()
	}
	g.at, g.ended = 0, len(g.rows) == 0 || g.err != nil
	return !g.ended
}

// open goes on to the next group.
func (g *groups[K, V]) open() bool {
	for g.more {
		g.step()
	}
	if !g.load() {
		return false
	}
	g.key, g.hash, g.more = g.rows[g.at].Key, g.pre[g.at], true
	return true
}

// step leaves the current row and finds out whether the next one is of the same group.
func (g *groups[K, V]) step() {
	g.at++
	g.more = g.load() && g.pre[g.at] == g.hash && g.keys.Equal(g.rows[g.at].Key, g.key)
}

// values yields the values left of the open group.
func (g *groups[K, V]) values(yield func(V) bool) {
	for g.more {
		v := g.rows[g.at].Value
		g.step()
		if !yield(v) {
			return
		}
	}
}

// CoGroupStream is a [GroupStream] of the values of two sides.
type CoGroupStream[K, V, W any] func(yield func(K, iter.Seq[V], iter.Seq[W]) bool) error

// CoGroups brings the values of every key of either side together, for joins. The left values can be read once. The
// right ones can be read any number of times; they are kept for that, in memory or in a file. Otherwise it is like
// [Groups].
func CoGroups[K comparable, V, W any](
	ctx context.Context, cfg Config, keys codec.Keys[K],
	lc codec.Codec[codec.Pair[K, V]], left Stream[codec.Pair[K, V]],
	rc codec.Codec[codec.Pair[K, W]], right Stream[codec.Pair[K, W]],
) CoGroupStream[K, V, W] {
	return func(yield func(K, iter.Seq[V], iter.Seq[W]) bool) error {
		cfg := cfg.withDefaults()
		mem := cfg.share()
		seed := cfg.tableSeed(roleReduce)
		ls := newSorter(ctx, cfg, &mem, lc, byHash[K, V](keys, seed))
		defer ls.close()
		rs := newSorter(ctx, cfg, &mem, rc, byHash[K, W](keys, seed))
		defer rs.close()
		rs.relieve = ls.shed
		if err := ls.consume(left); err != nil {
			return err
		}
		if err := rs.consume(right); err != nil {
			return err
		}
		l, err := ls.finish()
		if err != nil {
			return err
		}
		r, err := rs.finish()
		if err != nil {
			return err
		}
		co := &coGroups[K, V, W]{
			left:  groups[K, V]{src: l, keys: keys, stop: ls.stop},
			right: groups[K, W]{src: r, keys: keys, stop: rs.stop},
			kept:  kept[K, W]{cfg: cfg, codec: rc, store: newRowStore[codec.Pair[K, W]](&mem, cfg, 0)},
		}
		defer co.kept.close()
		return co.each(yield)
	}
}

type coGroups[K comparable, V, W any] struct {
	left  groups[K, V]
	right groups[K, W]
	kept  kept[K, W]
}

func (c *coGroups[K, V, W]) each(yield func(K, iter.Seq[V], iter.Seq[W]) bool) error {
	l, r := c.left.open(), c.right.open()
	lefts, rights := iter.Seq[V](c.left.values), iter.Seq[W](c.values)
	for (l || r) && c.err() == nil {
		order := c.order(l, r)
		c.kept.reset()
		key, vs, ws := c.left.key, lefts, rights
		if order < 0 {
			ws = func(func(W) bool) {}
		}
		if order > 0 {
			key, vs = c.right.key, func(func(V) bool) {}
		}
		if !yield(key, vs, ws) || c.err() != nil {
			return c.err()
		}
		if order <= 0 {
			l = c.left.open()
		}
		if order >= 0 {
			r = c.right.open()
		}
	}
	return c.err()
}

// order compares the open groups; a side that has none is last.
func (c *coGroups[K, V, W]) order(l, r bool) int {
	switch {
	case !r:
		return -1
	case !l:
		return 1
	case c.left.hash != c.right.hash:
		if c.left.hash < c.right.hash {
			return -1
		}
		return 1
	case c.left.keys.Equal(c.left.key, c.right.key):
		return 0
	}
	return c.left.keys.Compare(c.left.key, c.right.key)
}

func (c *coGroups[K, V, W]) err() error {
	for _, err := range [...]error{c.left.err, c.right.err, c.kept.err} {
		if err != nil {
			return err
		}
	}
	return nil
}

// values yields the right values of the open group. The first call keeps them all.
func (c *coGroups[K, V, W]) values(yield func(W) bool) {
	for w := range c.right.values {
		if !c.kept.add(codec.Pair[K, W]{Key: c.right.key, Value: w}) {
			return
		}
	}
	if c.right.err == nil {
		c.kept.all(yield)
	}
}

// kept keeps the values of one group to be read again: in memory and, when that is used up, in a file before.
type kept[K comparable, W any] struct {
	cfg    Config
	codec  codec.Codec[codec.Pair[K, W]]
	store  *rowStore[codec.Pair[K, W]]
	one    [1]codec.Pair[K, W]
	file   *os.File
	blocks *block.Writer[codec.Pair[K, W]]
	err    error
}

func (k *kept[K, W]) add(row codec.Pair[K, W]) bool {
	if k.err != nil {
		return false
	}
	k.one[0] = row
	if k.store.add(k.one[:]) == 1 {
		return true
	}
	if k.err = k.spill(); k.err != nil {
		return false
	}
	return k.store.add(k.one[:]) == 1
}

func (k *kept[K, W]) spill() error {
	if k.file == nil {
		f, err := k.cfg.tempFile("group")
		if err != nil {
			return err
		}
		k.file = f
	}
	if k.blocks == nil {
		k.blocks = block.NewWriter(k.file, block.ID{}, k.codec, k.cfg.Compress, minRunBlock*4)
	}
	before := k.blocks.Bytes()
	for _, rows := range k.store.chunks {
		if err := k.blocks.Write(rows); err != nil {
			return err
		}
	}
	k.store.clear()
	err := k.blocks.Flush()
	k.cfg.spilled(k.blocks.Bytes() - before)
	return err
}

func (k *kept[K, W]) all(yield func(W) bool) {
	if k.err != nil || k.blocks != nil && !k.stored(yield) {
		return
	}
	for _, rows := range k.store.chunks {
		for i := range rows {
			if !yield(rows[i].Value) {
				return
			}
		}
	}
}

// stored yields the values in the file.
func (k *kept[K, W]) stored(yield func(W) bool) bool {
	size := k.blocks.Bytes()
	run := runRows[codec.Pair[K, W]]{
		blocks: block.NewReader(io.NewSectionReader(k.file, 0, size), block.ID{}, k.codec, size),
		ord:    ordering[codec.Pair[K, W]]{prefix: func([]codec.Pair[K, W], []uint64) {}},
	}
	for {
		rows, _, err := run.next()
		if err != nil {
			k.err = err
			return false
		}
		if len(rows) == 0 {
			return true
		}
		for i := range rows {
			if !yield(rows[i].Value) {
				return false
			}
		}
	}
}

// reset forgets the group.
func (k *kept[K, W]) reset() {
	k.store.clear()
	if k.blocks == nil {
		return
	}
	k.blocks = nil
	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		k.err = err
	}
}

func (k *kept[K, W]) close() {
	k.store.free()
	if k.file != nil {
		removeFile(k.file)
	}
}
