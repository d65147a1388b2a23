package shuffle

import (
	"errors"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
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
	typ    *codec.Type
	out    *outFile
	kept   keeping
	sum    *rowSum
	cap    int64
	err    error
	closed bool
}

// keeping is how a Writer keeps rows until it writes a segment.
type keeping interface {
	// add keeps some of rows and returns their number; 0: there is no memory. The others come first when it is called
	// next. At least one row is kept where there are none.
	add(rows codec.Rows) int
	rows() int
	// bytes is the memory that the rows kept need.
	bytes() int64
	// write writes the rows, partition after partition.
	write(out *outFile) error
	// clear forgets the rows and keeps memory for the next ones; free gives it back.
	clear()
	free()
}

// NewWriter returns a Writer of rows of type typ to cfg.Reduces partitions that place chooses.
func NewWriter(cfg Config, typ *codec.Type, place Placer) *Writer {
	cfg = cfg.withDefaults()
	sum := newRowSum(cfg, typ)
	w := newWriter(cfg, typ, sum.placer(place))
	w.sum = sum
	w.out = newOutFile(cfg, typ, weight.NewWeigher(typ.Reflect()), takeFixed(&w.mem, cfg))
	return w
}

// newWriter returns a Writer that still lacks its file.
func newWriter(cfg Config, typ *codec.Type, place Placer) *Writer {
	w := &Writer{cfg: cfg, mem: cfg.share(), typ: typ, cap: cfg.SegmentBytes}
	if w.cap <= 0 {
		w.cap = min(max(int64(cfg.Reduces)*(16<<10), 4<<20), 64<<20)
	}
	w.kept = keepingOf(&w.mem, cfg, typ, place)
	return w
}

// keepingOf chooses how rows of a type are kept.
func keepingOf(mem *share, cfg Config, typ *codec.Type, place Placer) keeping {
	if l := newLanes(mem, typ, cfg.Reduces, 0, place); l != nil {
		return l
	}
	if p := newPacks(mem, cfg, typ, place); p != nil {
		return p
	}
	return newNumbered(mem, cfg, typ, place)
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
	for rows.Len > 0 {
		n, full := 0, w.kept.bytes() >= w.cap
		if !full {
			n = w.kept.add(rows)
		}
		if n == 0 {
			if w.err = w.early(!full); w.err != nil {
				return w.err
			}
		}
		rows = w.typ.Part(rows, n, rows.Len)
	}
	return nil
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
		w.kept.free()
	}
	return w.err
}

func closedError(closed bool) error {
	if closed {
		return errClosed
	}
	return nil
}

// segment writes the rows kept as one segment.
func (w *Writer) segment() error {
	if w.kept.rows() == 0 {
		return nil
	}
	if err := w.kept.write(w.out); err != nil {
		return err
	}
	w.out.endSegment()
	w.kept.clear()
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
		w.out.out.RowSum = w.sum.all()
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
	w.kept.free()
	w.mem.release()
}
