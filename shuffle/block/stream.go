package block

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Cutter says how many leading rows belong into one block of about Bytes bytes: at least one, at most Rows.
type Cutter[T any] struct {
	Rows  int // most rows of a block
	Bytes int // a block is cut once its rows weigh this much
	Weigh *weight.Weigher[T]
}

// Next returns the number of rows of the next block, 0 when there are none.
func (c Cutter[T]) Next(rows []T) int {
	n := min(len(rows), max(1, c.Rows), max(1, c.Bytes/max(1, c.Weigh.Fixed())))
	if c.Weigh.Flat() || n <= 1 {
		return n
	}
	left := int64(c.Bytes)
	for i := range n {
		if left -= int64(c.Weigh.Fixed()) + c.Weigh.Row(&rows[i]); left <= 0 {
			return i + 1
		}
	}
	return n
}

// Writer writes rows as a sequence of blocks that [Reader] reads back.
type Writer[T any] struct {
	w    io.Writer
	id   ID
	enc  Encoder[T]
	cut  Cutter[T]
	rows []T
	held int64
	buf  []byte
	n    int64
}

// NewWriter returns a Writer whose blocks carry id, numbered from id.Seq on, and hold about bytes bytes (0: 64 KiB).
func NewWriter[T any](w io.Writer, id ID, c codec.Codec[T], compress bool, bytes int) *Writer[T] {
	if bytes <= 0 {
		bytes = 64 << 10
	}
	return &Writer[T]{
		w:   w,
		id:  id,
		enc: Encoder[T]{Codec: c, Compress: compress},
		cut: Cutter[T]{Rows: MaxRows, Bytes: bytes, Weigh: weight.NewWeigher[T]()},
	}
}

// Write appends rows. It keeps what the rows point to, but not the slice, until Flush.
func (w *Writer[T]) Write(rows []T) error {
	w.rows = append(w.rows, rows...)
	w.held += w.cut.Weigh.Rows(rows)
	if w.held < int64(w.cut.Bytes) && len(w.rows) < MaxRows {
		return nil
	}
	return w.Flush()
}

// Flush writes the rows kept so far.
func (w *Writer[T]) Flush() error {
	for rest := w.rows; len(rest) > 0; {
		n := w.cut.Next(rest)
		if err := w.block(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	clear(w.rows)
	w.rows, w.held = w.rows[:0], 0
	return nil
}

func (w *Writer[T]) block(rows []T) error {
	buf, _, err := w.enc.Append(w.buf[:0], w.id, rows)
	if errors.Is(err, ErrTooLarge) && len(rows) > 1 {
		return errors.Join(w.block(rows[:len(rows)/2]), w.block(rows[len(rows)/2:]))
	}
	if err != nil {
		return err
	}
	w.id.Seq++
	w.buf = buf
	n, err := w.w.Write(buf)
	w.n += int64(n)
	if err != nil {
		return fmt.Errorf("write block of %d bytes: %w", len(buf), err)
	}
	return nil
}

// Bytes returns how many bytes were written so far.
func (w *Writer[T]) Bytes() int64 { return w.n }

// Reader reads the blocks of one sequence.
type Reader[T any] struct {
	r    io.Reader
	id   ID
	dec  Decoder[T]
	left int64
	buf  []byte // bytes read and not yet decoded: buf[pos:]
	pos  int
	done int64
	read int // bytes asked for at a time
}

// NewReader returns a reader of the blocks in the next size bytes of r, written for id and numbered from id.Seq on.
// A negative size reads until the end.
func NewReader[T any](r io.Reader, id ID, c codec.Codec[T], size int64) *Reader[T] {
	if size < 0 {
		size = math.MaxInt64
	}
	return &Reader[T]{r: r, id: id, dec: Decoder[T]{Codec: c}, left: size, read: 256 << 10}
}

// Reset makes the reader read another sequence, keeping its buffers.
func (r *Reader[T]) Reset(src io.Reader, id ID, size int64) {
	r.r, r.id, r.left = src, id, size
	r.buf, r.pos, r.done = r.buf[:0], 0, 0
}

// Next appends the rows of the next block to dst. It returns [io.EOF] at the end, and an error with [ErrCorrupt] in
// its chain when the bytes are not the block that belongs there.
func (r *Reader[T]) Next(dst []T) ([]T, error) {
	got, err := r.fill(HeaderSize)
	if err != nil {
		return dst, err
	}
	if got == 0 {
		return dst, io.EOF
	}
	h, err := Parse(r.buf[r.pos:])
	if err != nil {
		return dst, err
	}
	size := HeaderSize + int(h.Stored)
	if got, err = r.fill(size); err != nil {
		return dst, err
	}
	if got < size {
		return dst, fmt.Errorf("%w: %v ends after %d bytes of %d", ErrCorrupt, r.id, got, size)
	}
	dst, err = r.dec.Decode(dst, r.id, r.buf[r.pos:r.pos+size])
	if err != nil {
		return dst, err
	}
	r.pos += size
	r.done += int64(size)
	r.id.Seq++
	return dst, nil
}

// Block is the identity of the block that Next will read.
func (r *Reader[T]) Block() ID { return r.id }

// Consumed returns the bytes of the blocks read so far.
func (r *Reader[T]) Consumed() int64 { return r.done }

// ReadAhead sets how many bytes are read at a time; the default is 256 KiB.
func (r *Reader[T]) ReadAhead(bytes int) { r.read = max(bytes, HeaderSize) }

// fill makes want bytes lie at buf[pos:] when the source has so many, and returns how many lie there. It grows the
// buffer as bytes arrive, so that a false length costs nothing.
func (r *Reader[T]) fill(want int) (int, error) {
	for len(r.buf)-r.pos < want && r.left > 0 {
		if r.pos > 0 {
			r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
			r.pos = 0
		}
		n := int(min(int64(max(r.read, min(want-len(r.buf), len(r.buf)))), r.left))
		have := len(r.buf)
		r.buf = slices.Grow(r.buf, n)
		got, err := r.r.Read(r.buf[have : have+n])
		r.buf = r.buf[:have+got]
		r.left -= int64(got)
		if err == io.EOF {
			r.left = 0
		} else if err != nil {
			return 0, err
		}
	}
	return len(r.buf) - r.pos, nil
}
