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
type Cutter struct {
	Rows  int // most rows of a block
	Bytes int // a block is cut once its rows weigh this much
	Type  *codec.Type
	Weigh *weight.Weigher // of rows of Type
}

// Next returns the number of rows of the next block, 0 when there are none.
func (c Cutter) Next(rows codec.Rows) int {
	n := min(rows.Len, max(1, c.Rows), max(1, c.Bytes/max(1, c.Weigh.Fixed())))
	if c.Weigh.Flat() || n <= 1 {
		return n
	}
	left := int64(c.Bytes)
	for i := range n {
		if left -= int64(c.Weigh.Fixed()) + c.Weigh.Row(c.Type.At(rows, i)); left <= 0 {
			return i + 1
		}
	}
	return n
}

// Writer writes rows as a sequence of blocks that [Reader] reads back.
type Writer struct {
	w    io.Writer
	id   ID
	enc  Encoder
	cut  Cutter
	rows *codec.Buffer
	held int64
	buf  []byte
	n    int64
}

// NewWriter returns a Writer of rows of type typ whose blocks carry id, numbered from id.Seq on, and hold about bytes
// bytes (0: 64 KiB).
func NewWriter(w io.Writer, id ID, typ *codec.Type, compress bool, bytes int) *Writer {
	if bytes <= 0 {
		bytes = 64 << 10
	}
	return &Writer{
		w:    w,
		id:   id,
		enc:  Encoder{Type: typ, Compress: compress},
		cut:  Cutter{Rows: MaxRows, Bytes: bytes, Type: typ, Weigh: weight.NewWeigher(typ.Reflect())},
		rows: typ.NewBuffer(0),
	}
}

// Write appends rows. It keeps what the rows point to, but not the rows themselves, until Flush.
func (w *Writer) Write(rows codec.Rows) error {
	w.rows.Append(rows)
	w.held += w.cut.Weigh.Rows(rows.Data, uintptr(w.cut.Type.Size()), rows.Len)
	if w.held < int64(w.cut.Bytes) && w.rows.Len() < MaxRows {
		return nil
	}
	return w.Flush()
}

// Flush writes the rows kept so far.
func (w *Writer) Flush() error {
	for rows, at := w.rows.Rows(), 0; at < rows.Len; {
		rest := w.cut.Type.Part(rows, at, rows.Len)
		n := w.cut.Next(rest)
		if err := w.block(w.cut.Type.Part(rest, 0, n)); err != nil {
			return err
		}
		at += n
	}
	w.rows.Clear()
	w.held = 0
	return nil
}

func (w *Writer) block(rows codec.Rows) error {
	buf, _, err := w.enc.Append(w.buf[:0], w.id, rows)
	if errors.Is(err, ErrTooLarge) && rows.Len > 1 {
		typ, half := w.cut.Type, rows.Len/2
		return errors.Join(w.block(typ.Part(rows, 0, half)), w.block(typ.Part(rows, half, rows.Len)))
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
func (w *Writer) Bytes() int64 { return w.n }

// Reader reads the blocks of one sequence.
type Reader struct {
	r    io.Reader
	id   ID
	dec  Decoder
	left int64
	buf  []byte // bytes read and not yet decoded: buf[pos:]
	pos  int
	done int64
	read int // bytes asked for at a time
}

// NewReader returns a reader of the blocks of rows of type typ in the next size bytes of r, written for id and numbered
// from id.Seq on. A negative size reads until the end.
func NewReader(r io.Reader, id ID, typ *codec.Type, size int64) *Reader {
	if size < 0 {
		size = math.MaxInt64
	}
	return &Reader{r: r, id: id, dec: Decoder{Type: typ}, left: size, read: 256 << 10}
}

// Reset makes the reader read another sequence, keeping its buffers.
func (r *Reader) Reset(src io.Reader, id ID, size int64) {
	r.r, r.id, r.left = src, id, size
	r.buf, r.pos, r.done = r.buf[:0], 0, 0
}

// Next appends the rows of the next block to dst, a buffer of the reader's type. It returns [io.EOF] at the end, and an
// error with [ErrCorrupt] in its chain when the bytes are not the block that belongs there.
func (r *Reader) Next(dst *codec.Buffer) error {
	got, err := r.fill(HeaderSize)
	if err != nil {
		return err
	}
	if got == 0 {
		return io.EOF
	}
	h, err := Parse(r.buf[r.pos:])
	if err != nil {
		return err
	}
	size := HeaderSize + int(h.Stored)
	if got, err = r.fill(size); err != nil {
		return err
	}
	if got < size {
		return fmt.Errorf("%w: %v ends after %d bytes of %d", ErrCorrupt, r.id, got, size)
	}
	if err := r.dec.Decode(dst, r.id, r.buf[r.pos:r.pos+size]); err != nil {
		return err
	}
	r.pos += size
	r.done += int64(size)
	r.id.Seq++
	return nil
}

// Block is the identity of the block that Next will read.
func (r *Reader) Block() ID { return r.id }

// Consumed returns the bytes of the blocks read so far.
func (r *Reader) Consumed() int64 { return r.done }

// ReadAhead sets how many bytes are read at a time; the default is 256 KiB.
func (r *Reader) ReadAhead(bytes int) { r.read = max(bytes, HeaderSize) }

// largeBlock is the size of blocks that are read one by one.
const largeBlock = 64 << 10

// fill makes want bytes lie at buf[pos:] when the source has so many, and returns how many lie there. It grows the
// buffer as bytes arrive, so that a false length costs nothing.
func (r *Reader) fill(want int) (int, error) {
	for len(r.buf)-r.pos < want && r.left > 0 {
		if r.pos > 0 {
			r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
			r.pos = 0
		}
		have := len(r.buf)
		n := max(r.read, min(want-have, have))
		if want >= largeBlock { // what were read of the next block would have to be moved
			n = min(n, want-have+HeaderSize)
		}
		n = int(min(int64(n), r.left))
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
