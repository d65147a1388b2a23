package shuffle

import (
	"errors"

	"github.com/gordd-project/gordd/rdd/codec"
)

// errClosed is returned by what is used after Close or Abort.
var errClosed = errors.New("shuffle: used after Close or Abort")

// Writer partitions the rows of a map task without combining them. It is not safe for concurrent use.
//
// Rows are kept until memory or SegmentBytes ends and are then written partition by partition, so memory does not
// depend on the number of partitions.
type Writer struct {
	cfg    Config
	mem    share
	place  Placer
	out    *outFile
	store  *rowStore
	lanes  *lanes   // instead of the store, or nil
	parts  []uint32 // partition of every row kept
	order  []uint32
	counts []uint32
	batch  *codec.Buffer
	cap    int64
	err    error
	closed bool
}

// NewWriter returns a Writer of rows of type typ to cfg.Reduces partitions that place chooses.
func NewWriter(cfg Config, typ *codec.Type, place Placer) *Writer {
	cfg = cfg.withDefaults()
	w := newWriter(cfg, typ, place)
	w.out = newOutFile(cfg, typ, w.store.weigh, takeFixed(&w.mem, cfg))
	return w
}

// newWriter returns a Writer that still lacks its file.
func newWriter(cfg Config, typ *codec.Type, place Placer) *Writer {
	w := &Writer{cfg: cfg, mem: cfg.share(), place: place, batch: typ.NewBuffer(0), cap: cfg.SegmentBytes}
	w.store = newRowStore(&w.mem, cfg, typ, 8)
	w.lanes = newLanes(&w.mem, typ, cfg.Reduces, 0)
	w.store.least = max(w.store.least, int64(cfg.Reduces)*8) // segments' indexes stay smaller than their rows
	if w.cap <= 0 {
		w.cap = min(max(int64(cfg.Reduces)*(16<<10), 8<<20), 64<<20)
	}
	return w
}

// takeFixed takes the memory that the writing of a file holds from beginning to end, an index in the making and the
// write buffer, and returns the buffer's size.
func takeFixed(mem *share, cfg Config) int {
	mem.force(int64(cfg.Reduces+1) * 12)
	gather := min(max(mem.fair()/16, minGather), maxGather)
	mem.force(2 * gather)
	return int(gather)
}

// Write adds rows. It does not keep their memory.
func (w *Writer) Write(rows codec.Rows) error {
	if w.err != nil || w.closed {
		return errors.Join(w.err, closedError(w.closed))
	}
	typ := w.store.typ
	for rows.Len > 0 {
		n, full := 0, w.bytes() >= w.cap
		switch {
		case full:
		case w.lanes != nil:
			n = w.lanes.add(rows, w.place)
		default:
			n = w.store.add(typ.Part(rows, 0, min(rows.Len, w.store.chunkRows())))
			w.placeRows(typ.Part(rows, 0, n))
		}
		if n == 0 {
			if w.err = w.early(!full); w.err != nil {
				return w.err
			}
		}
		rows = typ.Part(rows, n, rows.Len)
	}
	return nil
}

// bytes is the memory that the rows kept need.
func (w *Writer) bytes() int64 {
	if w.lanes != nil {
		return w.lanes.bytes()
	}
	return w.store.bytes()
}

// early writes a segment before the end. Forced says that it is for want of memory.
func (w *Writer) early(forced bool) error {
	before := w.out.at()
	err := w.segment()
	if forced {
		w.cfg.spilled(w.out.at() - before)
	}
	return err
}

// Shed writes the rows kept as a segment and gives their memory back, for who needs that more.
func (w *Writer) Shed() error {
	if w.err != nil || w.closed {
		return errors.Join(w.err, closedError(w.closed))
	}
	if w.err = w.early(true); w.err == nil {
		w.free()
	}
	return w.err
}

func (w *Writer) free() {
	w.store.free()
	if w.lanes != nil {
		w.lanes.free()
	}
	w.parts, w.order = nil, nil
}

func closedError(closed bool) error {
	if closed {
		return errClosed
	}
	return nil
}

func (w *Writer) placeRows(rows codec.Rows) {
	at := len(w.parts)
	if cap(w.parts)-at < rows.Len {
		w.parts = append(make([]uint32, 0, max(2*cap(w.parts), at+rows.Len)), w.parts...)
	}
	w.parts = w.parts[:at+rows.Len]
	w.place(rows, w.parts[at:])
}

// segment writes the rows kept as one segment: a counting sort by partition, then partition after partition.
func (w *Writer) segment() error {
	if w.lanes != nil {
		return w.laneSegment()
	}
	n := w.store.n
	if n == 0 {
		return nil
	}
	w.counts, w.order = countingSort(w.parts, w.cfg.Reduces, w.counts, w.order)
	from := uint32(0)
	for r := range w.cfg.Reduces {
		end := w.counts[r]
		if err := w.partition(uint32(r), w.order[from:end]); err != nil {
			return err
		}
		from = end
	}
	w.out.endSegment()
	w.store.clear()
	w.parts = w.parts[:0]
	return nil
}

// laneSegment writes the rows of the lanes as one segment.
func (w *Writer) laneSegment() error {
	if w.lanes.n == 0 {
		return nil
	}
	for r := range w.cfg.Reduces {
		for rows := range w.lanes.all(r) {
			if err := w.out.write(uint32(r), rows); err != nil {
				return err
			}
		}
	}
	w.out.endSegment()
	w.lanes.clear()
	return nil
}

// countingSort orders the indexes of parts by partition, equal ones as they come. On return counts[r] is the end of
// partition r in order.
func countingSort(parts []uint32, reduces int, counts, order []uint32) ([]uint32, []uint32) {
	if len(counts) < reduces {
		counts = make([]uint32, reduces)
	}
	clear(counts)
	for _, p := range parts {
		counts[p]++
	}
	sum := uint32(0)
	for r, c := range counts {
		counts[r] = sum
		sum += c
	}
	if cap(order) < len(parts) {
		order = make([]uint32, len(parts))
	}
	order = order[:len(parts)]
	for i, p := range parts {
		order[counts[p]] = uint32(i)
		counts[p]++
	}
	return counts, order
}

// gatherRows is how many rows are brought together before they are encoded: few enough to stay in the cache.
const gatherRows = 1024

func (w *Writer) partition(r uint32, order []uint32) error {
	if len(order) == 0 {
		return nil
	}
	limit := min(w.cfg.BlockRows, max(gatherRows, w.out.cut.Bytes/max(1, w.store.typ.Size())))
	for len(order) > 0 {
		n := min(len(order), limit)
		w.batch.Reset()
		w.store.gather(w.batch, order[:n])
		if err := w.out.write(r, w.batch.Rows()); err != nil {
			return err
		}
		order = order[n:]
	}
	w.batch.Clear()
	return nil
}

// Close writes what is left and describes the file. After an error the file is gone.
func (w *Writer) Close() (*Output, error) {
	if w.closed {
		return nil, errClosed
	}
	if w.err == nil {
		w.err = w.segment()
	}
	var out *Output
	if w.err == nil {
		out, w.err = w.out.finish()
	}
	if w.err != nil {
		w.Abort()
		return nil, w.err
	}
	w.done()
	return out, nil
}

// Abort removes the file. After Close it does nothing, so it can be deferred.
func (w *Writer) Abort() {
	if w.closed {
		return
	}
	w.out.abort()
	w.done()
}

func (w *Writer) done() {
	w.closed = true
	w.free()
	w.mem.release()
	w.counts, w.batch = nil, nil
}
