package shuffle

import (
	"errors"
	"math"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Combiner combines the rows of a map task by key and writes the accumulators, partitioned by the hash of their keys.
// It is not safe for concurrent use.
type Combiner[K comparable, V, C any] struct {
	n    int
	ks   [table.Batch]K
	vals [table.Batch]V
	combiner
}

// NewCombiner returns a Combiner for cfg.Reduces partitions. c must be of the same types.
func NewCombiner[K comparable, V, C any](cfg Config, c Combining) *Combiner[K, V, C] {
	cb := &Combiner[K, V, C]{}
	cb.open(cfg, c)
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

// Flush brings the rows pushed so far into the table. The memory of their keys may then be used for others. It reports
// false when no more rows are wanted, because of an error that Err and Close return.
//
//go:noinline
func (c *Combiner[K, V, C]) Flush() bool {
	n := c.n
	c.n = 0
	return c.flush(
		table.Keys{First: unsafe.Pointer(&c.ks), Stride: unsafe.Sizeof(c.ks[0]), Len: n},
		values{unsafe.Pointer(&c.vals), unsafe.Sizeof(c.vals[0])},
	)
}

// Close flushes and writes what is left, and describes the file. After an error the file is gone.
func (c *Combiner[K, V, C]) Close() (*Output, error) {
	if !c.closed {
		c.Flush()
	}
	return c.close()
}

// combiner is a Combiner without the batch that Push fills.
type combiner struct {
	types  Combining
	cfg    Config
	seed   uint64
	mem    share
	tab    ledger
	up     updater
	out    *outFile
	sum    *rowSum
	cap    int64
	hashes [table.Batch]uint64
	slots  [table.Batch]unsafe.Pointer

	pos, parts, order, counts []uint32 // of a segment being written
	rows                      codec.Rows

	pushed int64 // rows so far
	seen   int64 // of these, since the table was empty
	look   int   // number of keys at which combining is judged next
	before sight // of the last time
	direct *Writer
	copier *weight.Copier
	// flatKeys says that keys hold no pointers, when there is a direct writer.
	flatKeys bool
	err      error
	closed   bool
}

// firstLook is the number of keys at which combining is judged for the first time.
const firstLook = 16 << 10

func (c *combiner) open(cfg Config, types Combining) {
	cfg = cfg.withDefaults()
	c.cfg, c.types = cfg, types
	c.seed = cfg.tableSeed(roleCombine)
	c.mem = cfg.share()
	c.up = newUpdater(types.add)
	c.look = firstLook
	if c.cap = cfg.SegmentBytes; c.cap <= 0 {
		c.cap = 256 << 20
	}
	c.newTable()
	c.sum = newRowSum(cfg, types.in.Value)
	c.out = newOutFile(cfg, types.out.Type, weight.NewWeigher(types.out.Reflect()), takeFixed(&c.mem, cfg))
}

func (c *combiner) newTable() {
	// 12 bytes an entry are for pos, parts and order.
	c.tab = newLedger(table.New(c.types.keys, c.types.out, c.seed, 12), c.types.out.Value, &c.mem)
}

// Shed writes what is in the table as a segment and gives its memory back, for who needs that more. It is not for the
// middle of a batch.
func (c *combiner) Shed() error {
	switch {
	case c.err != nil || c.closed:
		return errors.Join(c.err, closedError(c.closed))
	case c.direct != nil:
		c.err = c.direct.Shed()
	default:
		if c.err = c.spill(true); c.err == nil {
			c.tab.free()
			c.newTable()
			c.pos, c.parts, c.order = nil, nil, nil
		}
	}
	return c.err
}

// Err returns the error that ended the combining, if any.
func (c *combiner) Err() error { return c.err }

func (c *combiner) flush(keys table.Keys, vals values) bool {
	if c.err != nil || c.closed {
		c.err = errors.Join(c.err, closedError(c.err == nil))
		return false
	}
	if keys.Len == 0 {
		return true
	}
	if c.direct != nil {
		c.err = c.pass(keys, vals)
	} else {
		c.err = c.combine(keys, vals)
	}
	return c.err == nil
}

func (c *combiner) combine(keys table.Keys, vals values) error {
	hashes, slots := c.hashes[:keys.Len], c.slots[:keys.Len]
	c.tab.Hash(keys, hashes)
	if !c.tab.room(keys.Len, c.cap) {
		if err := c.spill(c.tab.Bytes()+c.tab.Need(keys.Len) <= c.cap); err != nil {
			return err
		}
		c.tab.must(keys.Len)
	}
	fresh := c.tab.Upsert(keys, hashes, slots)
	c.tab.settle()
	if c.sum != nil {
		c.sum.add(hashes, vals) // before values are combined, which may change them
	}
	c.up.apply(fresh, slots, vals)
	c.pushed += int64(keys.Len)
	c.seen += int64(keys.Len)
	if !c.tab.measure(slots, c.cap) {
		return c.spill(true)
	}
	if c.cfg.Progress != nil && c.tab.Len() >= c.look {
		return c.judge()
	}
	return nil
}

// judge gives up combining when it will not pay by the end of the task.
func (c *combiner) judge() error {
	c.look *= 2
	progress := c.cfg.Progress()
	if progress <= 0 {
		return nil
	}
	expected := int64(float64(c.pushed) / min(progress, 1))
	now := sight{keys: float64(c.tab.Len()), rows: float64(c.seen)}
	ratio := now.rowsPerKey(c.before, float64(expected))
	if c.before = now; ratio >= c.cfg.RowsPerKey {
		return nil
	}
	if err := c.spill(false); err != nil {
		return err
	}
	c.tab.free()
	c.pos, c.parts, c.order = nil, nil, nil
	cfg := c.cfg
	cfg.Copy = false
	c.copier, c.flatKeys = weight.NewCopier(c.types.out.Key.Reflect()), weight.PointerFree(c.types.out.Key.Reflect())
	c.direct = newWriter(cfg, c.types.out.Type, cfg.placer(c.types.keys, c.types.out.Type))
	c.direct.out = c.out
	return nil
}

// sight is how many keys there were in so many rows.
type sight struct{ keys, rows float64 }

// rowsPerKey predicts how many rows a key will have after all rows. The ratio so far would mislead: it begins at 1
// however often keys come later. Keys that are drawn evenly seem to come from as many at every sight. Where some come
// much more often than others they seem to come from ever more, as many more by the end as their number grew since the
// sight before.
func (s sight) rowsPerKey(before sight, all float64) float64 {
	d := s.domain()
	if before.rows > 0 && before.rows < s.rows {
		grew := math.Log(d/before.domain())/math.Log(s.rows/before.rows) - chance
		d *= math.Pow(max(all/s.rows, 1), min(max(grew, 0), 1))
	}
	return all / different(d, all)
}

// chance is by how much the growth that is seen may be more than there is: at the first two looks the domain of even
// keys varies by a tenth.
const chance = 0.15

// domain is from how many keys these seem to be drawn evenly.
func (s sight) domain() float64 {
	lo, hi := s.keys, s.keys
	for different(hi, s.rows) < s.keys && hi < 1e15 {
		hi *= 2
	}
	for range 50 {
		if mid := (lo + hi) / 2; different(mid, s.rows) < s.keys {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// different is how many keys so many rows show of those in domain, drawn evenly.
func different(domain, rows float64) float64 { return -domain * math.Expm1(-rows/domain) }

// pass hands a batch on as it is, each row an accumulator of its own.
func (c *combiner) pass(keys table.Keys, vals values) error {
	if c.sum != nil {
		hashes := c.hashes[:keys.Len] // as the table had them
		c.types.keys.Hash(hashes, keys.First, keys.Stride, c.seed)
		c.sum.add(hashes, vals)
	}
	c.copier.Copy(keys.First, keys.Stride, keys.Len)
	rows, out := c.batchRows(keys.Len), c.types.out
	if !c.up.nothing {
		out.Clear(rows)
		c.up.each(unsafe.Add(rows.Data, out.ValueAt), uintptr(out.Size()), vals, rows.Len)
	}
	c.copyKeys(rows, keys)
	return c.direct.Write(rows)
}

// copyKeys copies keys to the rows of accumulators that begin with them.
func (c *combiner) copyKeys(rows codec.Rows, keys table.Keys) {
	out := c.types.out
	switch size := out.Key.Size(); {
	case size == 8 && c.flatKeys:
		for i := range rows.Len {
			*(*uint64)(out.At(rows, i)) = *(*uint64)(keys.At(i))
		}
	case size == 4 && c.flatKeys:
		for i := range rows.Len {
			*(*uint32)(out.At(rows, i)) = *(*uint32)(keys.At(i))
		}
	default:
		for i := range rows.Len {
			out.Key.Copy(codec.Rows{Data: out.At(rows, i), Len: 1}, codec.Rows{Data: keys.At(i), Len: 1})
		}
	}
}

func (c *combiner) batchRows(n int) codec.Rows {
	if c.rows.Len < n {
		c.rows = c.types.out.Make(n)
	}
	return c.types.out.Part(c.rows, 0, n)
}

// spill writes the table as one segment and clears it. Forced says that it is for want of memory.
func (c *combiner) spill(forced bool) error {
	before := c.out.at()
	if err := c.segment(); err != nil {
		return err
	}
	if forced {
		c.cfg.spilled(c.out.at() - before)
	}
	c.tab.clear()
	c.seen, c.look, c.before = 0, firstLook, sight{}
	return nil
}

// segment writes the table as one segment.
func (c *combiner) segment() error {
	if c.tab.Len() == 0 {
		return nil
	}
	c.place()
	limit := min(c.cfg.BlockRows, max(gatherRows, c.out.cut.Bytes/max(1, c.types.out.Size())))
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
	c.types.out.Clear(c.rows)
	return nil
}

// place puts the positions of the table's entries into order, by partition.
func (c *combiner) place() {
	if n := c.tab.Len(); cap(c.pos) < n {
		c.pos, c.parts = make([]uint32, 0, n), make([]uint32, n)
	}
	c.pos = c.tab.Positions(c.pos[:0])
	parts := c.parts[:len(c.pos)]
	for from := 0; from < len(c.pos); from += placedAtOnce {
		to := min(from+placedAtOnce, len(c.pos))
		c.placed(c.pos[from:to], parts[from:to])
	}
	c.counts, c.order = countingSort(parts, c.cfg.Reduces, c.counts, c.order)
	for i, o := range c.order {
		c.order[i] = c.pos[o]
	}
}

const placedAtOnce = 256

// placed finds the partitions of the entries at some positions.
func (c *combiner) placed(pos, parts []uint32) {
	if c.cfg.Place != nil {
		rows := c.batchRows(len(pos))
		c.tab.Load(rows, pos, false)
		By(c.types.out.Type, c.cfg.Place)(rows, parts)
		return
	}
	var hashes [placedAtOnce]uint64
	c.tab.Hashes(pos, c.cfg.Seed, hashes[:len(pos)])
	for i, h := range hashes[:len(pos)] {
		parts[i] = partition(h, uint64(c.cfg.Reduces))
	}
}

func (c *combiner) close() (*Output, error) {
	if c.closed {
		return nil, errClosed
	}
	switch {
	case c.err != nil:
	case c.direct != nil:
		c.err = c.direct.segment()
	default:
		c.err = c.segment()
	}
	var out *Output
	if c.err == nil {
		c.out.out.RowSum = c.sum.all()
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
func (c *combiner) Abort() {
	if c.closed {
		return
	}
	c.out.abort()
	c.done()
}

func (c *combiner) done() {
	c.closed = true
	c.tab.free()
	if c.direct != nil {
		c.direct.done()
	}
	c.mem.release()
	clear(c.slots[:]) // they lead to memory that is not ours any more
	c.pos, c.parts, c.order, c.counts, c.rows = nil, nil, nil, nil, codec.Rows{}
}
