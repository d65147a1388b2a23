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
type Writer[T any] struct {
	cfg    Config
	mem    share
	place  Placer[T]
	out    *outFile[T]
	store  *rowStore[T]
	parts  []uint32 // partition of every row kept
	order  []uint32
	counts []uint32
	batch  []T
	cap    int64
	err    error
	closed bool
}

// NewWriter returns a Writer of cfg.Reduces partitions that place chooses.
func NewWriter[T any](cfg Config, c codec.Codec[T], place Placer[T]) *Writer[T] {
	cfg = cfg.withDefaults()
	w := newWriter(cfg, place)
	w.out = newOutFile(cfg, c, w.store.weigh, takeFixed(&w.mem, cfg))
	return w
}

// newWriter returns a Writer that still lacks its file.
func newWriter[T any](cfg Config, place Placer[T]) *Writer[T] {
	w := &Writer[T]{cfg: cfg, mem: cfg.share(), place: place, cap: cfg.SegmentBytes}
	w.store = newRowStore[T](&w.mem, cfg, 8)
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

// Write adds rows. It does not keep the slice.
func (w *Writer[T]) Write(rows []T) error {
	if w.err != nil || w.closed {
		return errors.Join(w.err, closedError(w.closed))
	}
	for len(rows) > 0 {
		n := 0
		if w.store.size() < w.cap {
			n = w.store.add(rows[:min(len(rows), w.store.chunkRows())])
			w.placeRows(rows[:n])
		}
		if n == 0 {
			if w.err = w.spill(); w.err != nil {
				return w.err
			}
		}
		rows = rows[n:]
	}
	return nil
}

func closedError(closed bool) error {
	if closed {
		return errClosed
	}
	return nil
}

func (w *Writer[T]) placeRows(rows []T) {
	at := len(w.parts)
	if cap(w.parts)-at < len(rows) {
		w.parts = append(make([]uint32, 0, max(2*cap(w.parts), at+len(rows))), w.parts...)
	}
	w.parts = w.parts[:at+len(rows)]
	w.place(rows, w.parts[at:])
}

// spill writes the rows kept as one segment: a counting sort by partition, then partition after partition.
func (w *Writer[T]) spill() error {
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

func (w *Writer[T]) partition(r uint32, order []uint32) error {
	if len(order) == 0 {
		return nil
	}
	limit := min(w.cfg.BlockRows, max(gatherRows, w.out.cut.Bytes/max(1, w.store.weigh.Fixed())))
	for len(order) > 0 {
		n := min(len(order), limit)
		w.batch = w.batch[:0]
		for _, i := range order[:n] {
			w.batch = append(w.batch, *w.store.at(i))
		}
		if err := w.out.write(r, w.batch); err != nil {
			return err
		}
		order = order[n:]
	}
	clear(w.batch)
	return nil
}

// Close writes what is left and describes the file. After an error the file is gone.
func (w *Writer[T]) Close() (*Output, error) {
	if w.closed {
		return nil, errClosed
	}
	if w.err == nil {
		w.err = w.spill()
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
func (w *Writer[T]) Abort() {
	if w.closed {
		return
	}
	w.out.abort()
	w.done()
}

func (w *Writer[T]) done() {
	w.closed = true
	w.store.free()
	w.mem.release()
	w.parts, w.order, w.counts, w.batch = nil, nil, nil, nil
}
