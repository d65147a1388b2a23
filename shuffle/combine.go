package shuffle

import (
	"errors"
	"math"
	"math/bits"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Combine has the functions of a shuffle that combines values of type V to accumulators of type C. Accumulators are
// passed by pointer so that large ones are not copied.
type Combine[V, C any] struct {
	// Init makes an accumulator, which is zero, from the first value of a key.
	Init func(acc *C, v V)
	// Add adds a further value.
	Add func(acc *C, v V)
	// Merge adds the accumulator right to left. Left is from earlier rows.
	Merge func(left, right *C)
	// AddBatch is Add for many values: vals[i] belongs to *slots[i]. The same slot may be there several times; the
	// order counts. It is optional, and used instead of Add where given.
	AddBatch func(slots []*C, vals []V)
	// MergeBatch is Merge for many accumulators, and optional too.
	MergeBatch func(slots []*C, accs []C)
}

// update is what a table does with values of type X: those of a map side or accumulators that were combined already.
type update[X, C any] struct {
	first func(acc *C, x *X)
	batch func(slots []*C, xs []X)
}

func (f Combine[V, C]) adding() update[V, C] {
	u := update[V, C]{first: func(acc *C, v *V) { f.Init(acc, *v) }, batch: f.AddBatch}
	if u.batch == nil {
		u.batch = func(slots []*C, vals []V) {
			for i, s := range slots {
				f.Add(s, vals[i])
			}
		}
	}
	return u
}

func (f Combine[V, C]) merging() update[C, C] {
	u := update[C, C]{first: func(acc *C, x *C) { *acc = *x }, batch: f.MergeBatch}
	if u.batch == nil {
		u.batch = func(slots []*C, accs []C) {
			for i, s := range slots {
				f.Merge(s, &accs[i])
			}
		}
	}
	return u
}

// apply updates the accumulators in slots, those of new keys first: a key's first row is the one marked fresh, and
// its other rows in the batch come later.
func (u *update[X, C]) apply(fresh uint64, slots []*C, xs []X) {
	if fresh == 0 {
		u.batch(slots, xs)
		return
	}
	for f := fresh; f != 0; f &= f - 1 {
		i := bits.TrailingZeros64(f)
		u.first(slots[i], &xs[i])
	}
	u.compact(fresh, slots, xs)
}

// compact updates the accumulators of the rows that left does not mark.
func (u *update[X, C]) compact(left uint64, slots []*C, xs []X) {
	n := 0
	for i := range slots {
		if left>>i&1 == 0 {
			slots[n], xs[n] = slots[i], xs[i]
			n++
		}
	}
	if n > 0 {
		u.batch(slots[:n], xs[:n])
	}
}

// Combiner combines the rows of a map task by key and writes the accumulators, partitioned by the hash of their keys.
// It is not safe for concurrent use.
type Combiner[K comparable, V, C any] struct {
	// The batch that Push fills comes first, so that its loop touches few lines.
	n    int
	ks   [table.Batch]K
	vals [table.Batch]V

	hashes [table.Batch]uint64
	slots  [table.Batch]*C
	cfg    Config
	keys   codec.Keys[K]
	seed   uint64
	mem    share
	tab    ledger[K, C]
	up     update[V, C]
	out    *outFile[codec.Pair[K, C]]
	cap    int64

	pos, parts, order, counts []uint32 // of a segment being written
	rows                      []codec.Pair[K, C]

	seen   int64 // rows since the table was empty
	look   int   // number of keys at which combining is judged next
	direct *Writer[codec.Pair[K, C]]
	copier *weight.Copier[K]
	err    error
	closed bool
}

// firstLook is the number of keys at which combining is judged for the first time.
const firstLook = 64 << 10

// NewCombiner returns a Combiner for cfg.Reduces partitions.
func NewCombiner[K comparable, V, C any](
	cfg Config, keys codec.Keys[K], c codec.Codec[codec.Pair[K, C]], f Combine[V, C],
) *Combiner[K, V, C] {
	cfg = cfg.withDefaults()
	cb := &Combiner[K, V, C]{
		cfg:  cfg,
		keys: keys,
		seed: cfg.tableSeed(roleCombine),
		mem:  cfg.share(),
		up:   f.adding(),
		cap:  cfg.SegmentBytes,
		look: firstLook,
	}
	if cb.cap <= 0 {
		cb.cap = 256 << 20
	}
	// 12 bytes an entry are for pos, parts and order.
	cb.tab = newLedger(table.New[K, C](keys, cb.seed, 12), &cb.mem)
	cb.out = newOutFile(cfg, c, weight.NewWeigher[codec.Pair[K, C]](), takeFixed(&cb.mem, cfg))
	return cb
}

// Push adds a row and reports whether there is room for another one. When there is not, Flush must follow, as in
//
//	if !c.Push(k, v) && !c.Flush() {
//		return
//	}
//
// so that the common case is inlined. The key may be overwritten after Flush.
func (c *Combiner[K, V, C]) Push(k K, v V) bool {
	n := c.n
	c.ks[n], c.vals[n] = k, v // out of range when a Flush was left out
	c.n = n + 1
	return n < table.Batch-1
}

// PushRows adds a batch of rows.
func (c *Combiner[K, V, C]) PushRows(rows []codec.Pair[K, V]) bool {
	for i := range rows {
		if !c.Push(rows[i].Key, rows[i].Value) && !c.Flush() {
			return false
		}
	}
	return true
}

// Err returns the error that ended the combining, if any.
func (c *Combiner[K, V, C]) Err() error { return c.err }

// Flush brings the rows pushed so far into the table. The memory of their keys may then be used for others. It reports
// false when no more rows are wanted, because of an error that Err and Close return.
//
//go:noinline
func (c *Combiner[K, V, C]) Flush() bool {
	n := c.n
	c.n = 0
	if c.err != nil || c.closed {
		c.err = errors.Join(c.err, closedError(c.err == nil))
		return false
	}
	if n == 0 {
		return true
	}
	if c.direct != nil {
		c.err = c.pass(n)
	} else {
		c.err = c.combine(n)
	}
	return c.err == nil
}

func (c *Combiner[K, V, C]) combine(n int) error {
	ks, hashes, slots := c.ks[:n], c.hashes[:n], c.slots[:n]
	c.tab.Hash(ks, hashes)
	if !c.tab.room(n, c.cap) {
		if err := c.spill(); err != nil {
			return err
		}
		c.tab.must(n)
	}
	fresh := c.tab.Upsert(ks, hashes, slots)
	c.tab.settle()
	c.up.apply(fresh, slots, c.vals[:n])
	c.seen += int64(n)
	if !c.tab.measure(slots, c.cap) {
		return c.spill()
	}
	if c.tab.Len() >= c.look && c.cfg.ExpectedRows != nil {
		return c.judge()
	}
	return nil
}

// judge gives up combining when it will not pay by the end of the task.
func (c *Combiner[K, V, C]) judge() error {
	c.look *= 2
	expected := c.cfg.ExpectedRows()
	if expected <= 0 || rowsPerKey(int64(c.tab.Len()), c.seen, max(expected, c.seen)) >= c.cfg.RowsPerKey {
		return nil
	}
	if err := c.spill(); err != nil {
		return err
	}
	c.tab.free()
	c.pos, c.parts, c.order = nil, nil, nil
	cfg := c.cfg
	cfg.Copy = false
	c.copier = weight.NewCopier[K]()
	c.direct = newWriter(cfg, HashPairs[K, C](c.keys, cfg.Seed, cfg.Reduces))
	c.direct.out = c.out
	return nil
}

// rowsPerKey predicts how many rows a key will have after total rows, when there were keys different ones in the
// first seen rows. It takes keys for drawn evenly from D: then n rows show D(1-exp(-n/D)) of them, which is solved for
// D. The ratio so far would mislead: it begins at 1 however often keys come later.
func rowsPerKey(keys, seen, total int64) float64 {
	d, n, all := float64(keys), float64(seen), float64(total)
	expect := func(domain, rows float64) float64 { return -domain * math.Expm1(-rows/domain) }
	lo, hi := d, d
	for expect(hi, n) < d && hi < 1e15 {
		hi *= 2
	}
	for range 50 {
		if mid := (lo + hi) / 2; expect(mid, n) < d {
			lo = mid
		} else {
			hi = mid
		}
	}
	return all / expect(hi, all)
}

// pass hands a batch on as it is, each row an accumulator of its own.
func (c *Combiner[K, V, C]) pass(n int) error {
	c.copier.Copy(c.ks[:n])
	rows := c.batchRows(n)
	for i := range rows {
		rows[i] = codec.Pair[K, C]{Key: c.ks[i]}
		c.up.first(&rows[i].Value, &c.vals[i])
	}
	return c.direct.Write(rows)
}

func (c *Combiner[K, V, C]) batchRows(n int) []codec.Pair[K, C] {
	if len(c.rows) < n {
		c.rows = make([]codec.Pair[K, C], n)
	}
	return c.rows[:n]
}

// spill writes the table as one segment and clears it.
func (c *Combiner[K, V, C]) spill() error {
	if c.tab.Len() == 0 {
		return nil
	}
	c.place()
	limit := min(c.cfg.BlockRows, max(gatherRows, c.out.cut.Bytes/max(1, c.out.cut.Weigh.Fixed())))
	from := uint32(0)
	for r := range c.cfg.Reduces {
		end := c.counts[r]
		for from < end {
			n := min(end-from, uint32(limit))
			rows := c.batchRows(int(n))
			c.tab.Load(rows, c.order[from:from+n], false)
			if err := c.out.write(uint32(r), rows); err != nil {
				return err
			}
			from += n
		}
	}
	c.out.endSegment()
	clear(c.rows)
	c.tab.clear()
	c.seen, c.look = 0, firstLook
	return nil
}

// place puts the positions of the table's entries into order, by partition.
func (c *Combiner[K, V, C]) place() {
	if n := c.tab.Len(); cap(c.pos) < n {
		c.pos, c.parts = make([]uint32, 0, n), make([]uint32, n)
	}
	c.pos = c.tab.Positions(c.pos[:0])
	parts := c.parts[:len(c.pos)]
	place := HashPairs[K, C](c.keys, c.cfg.Seed, c.cfg.Reduces)
	for from := 0; from < len(c.pos); from += gatherRows {
		pos := c.pos[from:min(from+gatherRows, len(c.pos))]
		rows := c.batchRows(len(pos))
		c.tab.Load(rows, pos, false)
		place(rows, parts[from:])
	}
	c.counts, c.order = countingSort(parts, c.cfg.Reduces, c.counts, c.order)
	for i, o := range c.order {
		c.order[i] = c.pos[o]
	}
}

// Close writes what is left and describes the file. After an error the file is gone.
func (c *Combiner[K, V, C]) Close() (*Output, error) {
	if c.closed {
		return nil, errClosed
	}
	c.Flush()
	switch {
	case c.err != nil:
	case c.direct != nil:
		c.err = c.direct.spill()
	default:
		c.err = c.spill()
	}
	var out *Output
	if c.err == nil {
		out, c.err = c.out.finish()
	}
	if c.err != nil {
		c.Abort()
		return nil, c.err
	}
	c.done()
	return out, nil
}

// Abort removes the file. After Close it does nothing, so it can be deferred.
func (c *Combiner[K, V, C]) Abort() {
	if c.closed {
		return
	}
	c.out.abort()
	c.done()
}

func (c *Combiner[K, V, C]) done() {
	c.closed = true
	c.tab.free()
	if c.direct != nil {
		c.direct.done()
	}
	c.mem.release()
	c.pos, c.parts, c.order, c.counts, c.rows = nil, nil, nil, nil, nil
}
