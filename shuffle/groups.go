package shuffle

import (
	"cmp"
	"context"
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// GroupStream pushes keys with their values to yield until there are none left or yield returns false, and returns the
// error that ended it early, if any. When it returns an error, the last values may have been incomplete, but for
// [Config.Leave].
type GroupStream[K, V any] func(yield func(K, iter.Seq[V]) bool) error

// Groups brings the values of every key of in together. Values are in the order of their arrival and can be read once,
// during the call; what is left unread is skipped. They are streamed, so one group may be larger than memory. Keys come
// in the order of their hashes.
func Groups[K comparable, V any](ctx context.Context, cfg Config, in RawStream) GroupStream[K, V] {
	return SortedGroups[K, V](ctx, cfg, nil, in)
}

// SortedGroups is [Groups] with the values of a key ordered by cmp, which compares two of them, equal ones as they
// came. Where cmp is nil all are.
func SortedGroups[K comparable, V any](ctx context.Context, cfg Config, cmp func(a, b unsafe.Pointer) int, in RawStream) GroupStream[K, V] {
	return func(yield func(K, iter.Seq[V]) bool) error {
		keys, err := codec.KeyTypeOf[K]()
		if err != nil {
			return err
		}
		pair, err := codec.PairTypeOf[K, V]()
		if err != nil {
			return err
		}
		g := openGroups(ctx, cfg, keys, pair, cmp)
		defer g.close()
		if err := g.fill(in); err != nil {
			return err
		}
		values := valuesOf[V](g)
		for g.open() {
			if !yield(*(*K)(g.key), values) {
				return nil
			}
		}
		return g.err
	}
}

// valuesOf yields the values left of the open group.
func valuesOf[V any](g *groups) iter.Seq[V] {
	return func(yield func(V) bool) {
		for g.more {
			v := *(*V)(g.value())
			g.step()
			if !yield(v) {
				return
			}
		}
		g.cutShort(g.err)
	}
}

// groups reads sorted rows group by group.
type groups struct {
	sorter *sorter // nil when src is given by others
	src    puller
	keys   *codec.KeyType
	pair   codec.PairType
	leave  func(err error) // Config.Leave
	read   *Reading        // Config.Reading
	exact  bool            // different keys have different hashes

	rows codec.Rows
	pre  []uint64
	at   int
	// key and hash are those of the open group; more says that it has values left.
	key   unsafe.Pointer
	own   codec.Rows // one key, which key points to
	hash  uint64
	more  bool
	ended bool
	err   error
}

func newGroups(src puller, keys *codec.KeyType, pair codec.PairType) *groups {
	g := &groups{src: src, keys: keys, pair: pair, own: pair.Key.Make(1)}
	g.key = g.own.Data
	return g
}

// openGroups returns groups with memory of their own, to be filled.
func openGroups(ctx context.Context, cfg Config, keys *codec.KeyType, pair codec.PairType, cmp func(a, b unsafe.Pointer) int) *groups {
	cfg = cfg.withDefaults()
	mem := cfg.share()
	g := sortedGroups(ctx, cfg, &mem, keys, pair)
	if cmp != nil {
		g.sorter.ord = g.sorter.ord.then(func(a, b unsafe.Pointer) int { return cmp(pair.ValueOf(a), pair.ValueOf(b)) })
	}
	return g
}

func sortedGroups(ctx context.Context, cfg Config, mem *share, keys *codec.KeyType, pair codec.PairType) *groups {
	g := newGroups(nil, keys, pair)
	g.leave, g.read, g.exact = cfg.Leave, cfg.Reading, keys.Exact()
	g.sorter = newSorter(ctx, cfg, mem, pair.Type, byKey(keys, pair.Type, cfg.orderSeed()))
	return g
}

// fill sorts the rows of in.
func (g *groups) fill(in RawStream) (err error) {
	g.src, err = g.sorter.sort(in)
	g.read.begin(g.sorter.total)
	return err
}

// load makes sure that a row is there and reports false at the end.
func (g *groups) load() bool {
	if g.at < g.rows.Len {
		return true
	}
	if g.ended {
		return false
	}
	g.read.did(g.rows.Len)
	g.rows, g.pre, g.err = g.src.next()
	if g.err == nil && g.sorter != nil {
		g.err = g.sorter.stop()
	}
	g.at, g.ended = 0, g.rows.Len == 0 || g.err != nil
	return !g.ended
}

// row returns the current row.
func (g *groups) row() unsafe.Pointer { return g.pair.At(g.rows, g.at) }

// value returns the value of the current row, valid until the next step.
func (g *groups) value() unsafe.Pointer { return g.pair.ValueOf(g.row()) }

// open goes on to the next group.
func (g *groups) open() bool {
	for g.more {
		g.step()
	}
	if !g.load() {
		return false
	}
	// The row goes when the next batch is loaded.
	g.pair.Key.Copy(g.own, codec.Rows{Data: g.row(), Len: 1})
	g.hash, g.more = g.pre[g.at], true
	return true
}

// step leaves the current row and finds out whether the next one is of the same group.
func (g *groups) step() {
	g.at++
	g.more = g.load() && g.same()
}

// same says whether the current row is of the open group.
func (g *groups) same() bool {
	return g.pre[g.at] == g.hash && (g.exact || g.keys.Equal(g.row(), g.key))
}

// cutShort ends the values of the open group early, if err says why.
func (g *groups) cutShort(err error) {
	if err != nil && g.leave != nil {
		g.leave(err)
	}
}

func (g *groups) close() { g.sorter.close() }

// CoGroupStream is a [GroupStream] of the values of two sides.
type CoGroupStream[K, V, W any] func(yield func(K, iter.Seq[V], iter.Seq[W]) bool) error

// CoGroups brings the values of every key of either side together, for joins. The left values can be read once. The
// right ones can be read any number of times; they are kept for that, in memory or in a file. Otherwise it is like
// [Groups].
func CoGroups[K comparable, V, W any](ctx context.Context, cfg Config, left, right RawStream) CoGroupStream[K, V, W] {
	return func(yield func(K, iter.Seq[V], iter.Seq[W]) bool) error {
		co, err := coGroupsOf[K, V, W](ctx, cfg)
		if err != nil {
			return err
		}
		defer co.close()
		if err := co.fill(left, right); err != nil {
			return err
		}
		lefts, rights := leftsOf[V](co), rightsOf[W](co)
		for co.open() {
			if !yield(*(*K)(co.key), lefts, rights) {
				break
			}
		}
		return co.err()
	}
}

func coGroupsOf[K comparable, V, W any](ctx context.Context, cfg Config) (*coGroups, error) {
	keys, err := codec.KeyTypeOf[K]()
	if err != nil {
		return nil, err
	}
	left, err := codec.PairTypeOf[K, V]()
	if err != nil {
		return nil, err
	}
	right, err := codec.PairTypeOf[K, W]()
	if err != nil {
		return nil, err
	}
	return openCoGroups(ctx, cfg, keys, left, right), nil
}

// leftsOf yields the left values left of the open group.
func leftsOf[V any](c *coGroups) iter.Seq[V] {
	values := valuesOf[V](c.left)
	return func(yield func(V) bool) {
		if c.inLeft {
			values(yield)
		}
	}
}

// rightsOf yields the right values of the open group.
func rightsOf[W any](c *coGroups) iter.Seq[W] {
	return func(yield func(W) bool) {
		c.rights(func(value unsafe.Pointer) bool { return yield(*(*W)(value)) })
		c.right.cutShort(cmp.Or(c.right.err, c.kept.err))
	}
}

// coGroups reads the sorted rows of two sides group by group.
type coGroups struct {
	mem         share
	left, right *groups
	kept        kept
	lefts       *codec.Buffer // some left rows of a join

	key             unsafe.Pointer
	hash            uint64
	inLeft, inRight bool // the open group has values on that side
	hasL, hasR      bool // that side has a group in hand, maybe of a later key
}

func openCoGroups(ctx context.Context, cfg Config, keys *codec.KeyType, left, right codec.PairType) *coGroups {
	cfg = cfg.withDefaults()
	c := &coGroups{mem: cfg.share(), inLeft: true, inRight: true}
	c.left = sortedGroups(ctx, cfg, &c.mem, keys, left)
	c.right = sortedGroups(ctx, cfg, &c.mem, keys, right)
	c.right.sorter.relieve = c.left.sorter.shed
	c.kept, c.lefts = newKept(cfg, &c.mem, right.Type), left.NewBuffer(0)
	return c
}

func (c *coGroups) fill(left, right RawStream) error {
	l, r := c.left.sorter, c.right.sorter
	if err := l.consume(left); err != nil {
		return err
	}
	if err := r.consume(right); err != nil {
		return err
	}
	var err error
	if c.left.src, err = l.finish(); err != nil {
		return err
	}
	c.right.src, err = r.finish()
	c.left.read.begin(l.total + r.total)
	return err
}

// open goes on to the next key and reports false at the end or after an error.
func (c *coGroups) open() bool {
	if c.inLeft {
		c.hasL = c.left.open()
	}
	if c.inRight {
		c.hasR = c.right.open()
	}
	c.kept.reset()
	if !c.hasL && !c.hasR || c.err() != nil {
		return false
	}
	order := c.order()
	c.inLeft, c.inRight = order <= 0, order >= 0
	c.key, c.hash = c.left.key, c.left.hash
	if order > 0 {
		c.key, c.hash = c.right.key, c.right.hash
	}
	return true
}

// order compares the groups in hand; a side that has none is last.
func (c *coGroups) order() int {
	switch {
	case !c.hasR:
		return -1
	case !c.hasL:
		return 1
	}
	return c.left.order(c.right.hash, c.right.key)
}

// order compares the group in hand with that of a key of another side.
func (g *groups) order(hash uint64, key unsafe.Pointer) int {
	switch {
	case g.hash != hash:
		if g.hash < hash {
			return -1
		}
		return 1
	case g.exact || g.keys.Equal(g.key, key):
		return 0
	}
	return g.keys.Compare(g.key, key)
}

func (c *coGroups) err() error {
	for _, err := range [...]error{c.left.err, c.right.err, c.kept.err} {
		if err != nil {
			return err
		}
	}
	return nil
}

// rights visits the right values of the open group.
func (c *coGroups) rights(visit func(value unsafe.Pointer) bool) {
	if c.inRight {
		c.right.again(&c.kept, visit)
	}
}

// again visits the values of the open group, any number of times: the first call keeps them all.
func (g *groups) again(k *kept, visit func(value unsafe.Pointer) bool) {
	for ; g.more; g.step() {
		if !k.add(codec.Rows{Data: g.row(), Len: 1}) {
			return
		}
	}
	if g.err != nil {
		return
	}
	k.all(func(rows codec.Rows) bool {
		for i := range rows.Len {
			if !visit(g.pair.ValueOf(g.pair.At(rows, i))) {
				return false
			}
		}
		return true
	})
}

func (c *coGroups) close() {
	c.kept.close()
	c.right.close()
	c.left.close()
}
