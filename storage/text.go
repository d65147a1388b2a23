package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"
)

const maxLine = 1 << 30

// TextOptions says how text is read. The zero value works.
type TextOptions struct {
	// ChunkBytes is how much is read at a time; the default is 1 MiB.
	ChunkBytes int
	// MaxLine is the longest line allowed, in bytes without its end; the default, and the most,
	// is 1 GiB.
	MaxLine int
	// Grow is asked before memory beyond ChunkBytes is taken for a long line, with the bytes, and
	// may refuse. It is called with a negative number when they are given back; the answer to
	// that is not looked at. The default grants everything.
	Grow func(bytes int64) bool
	// Reuse reads every chunk into the same memory: strings of a chunk are then only valid until
	// the next call of Next. The default is fresh memory for each chunk.
	Reuse bool
}

func (o TextOptions) withDefaults() TextOptions {
	o.ChunkBytes = max(cmp.Or(o.ChunkBytes, 1<<20), 16)
	o.MaxLine = min(cmp.Or(o.MaxLine, maxLine), maxLine)
	if o.Grow == nil {
		o.Grow = func(int64) bool { return true }
	}
	return o
}

// Chunk is some whole lines of a file.
type Chunk struct {
	// Path is the file's.
	Path string
	// Start is the offset of Text in the uncompressed file.
	Start int64
	// Text holds the lines with their ends, one after the other. It is never written again,
	// unless Reuse was asked for.
	Text string
	// Lines are the lines without \n or \r\n, as parts of Text. The slice, not the strings, is
	// only valid until the next call of Next.
	Lines []string

	starts []uint32
}

// Offset returns where line i begins in the uncompressed file. Like Lines it is only valid until
// the next call of Next.
func (c *Chunk) Offset(i int) int64 { return c.Start + int64(c.starts[i]) }

// TextReader reads the lines of a split, a chunk at a time. It is for one goroutine.
//
// A line ends with \n or \r\n; the last of a file may lack it. Bytes that are not UTF-8 stay as
// they are. A part owns the lines that begin in it, so that cutting a file anywhere gives every
// line once. Nothing is open before the first Next.
type TextReader struct {
	opt    TextOptions
	parts  []Part
	cur    *lineSource
	buf    []byte // with Reuse
	grown  int64  // what Grow has granted
	lines  []string
	starts []uint32
	err    error
}

// OpenText returns a reader of the lines of a split. Close it.
func OpenText(s Split, opt TextOptions) *TextReader {
	return &TextReader{opt: opt.withDefaults(), parts: s.Parts}
}

// Next returns the next lines, or io.EOF after the last. Errors have the path and offset: of kind
// Changed when a file is not as it was at planning, Corrupt when it cannot be decompressed,
// TooLarge for a line above the limit. They are repeated by later calls, as is the cause of ctx.
func (r *TextReader) Next(ctx context.Context) (Chunk, error) {
	for r.err == nil {
		c, err := r.next(ctx)
		if err != nil {
			_ = r.stop(notEnd(err))
		} else if c.Text != "" {
			return c, nil
		}
	}
	return Chunk{}, r.err
}

// Close closes what is open. The reader gives an error from then on; closing again does nothing.
func (r *TextReader) Close() error {
	return r.stop(errClosed)
}

var errClosed = errors.New("text reader is closed")

// stop ends reading with an error for later calls. What was open is closed; the error of that
// matters less than the one that led here.
func (r *TextReader) stop(err error) error {
	r.err = cmp.Or(r.err, err)
	r.parts, r.lines, r.starts, r.buf = nil, nil, nil, nil
	_ = r.account(0, 0)
	cur := r.cur
	r.cur = nil
	if cur == nil {
		return nil
	}
	return cur.close()
}

// next makes one step: opens a part, reads a chunk, or closes a part that is done.
func (r *TextReader) next(ctx context.Context) (Chunk, error) {
	if ctx.Err() != nil {
		return Chunk{}, context.Cause(ctx)
	}
	if r.cur == nil {
		return Chunk{}, r.open(ctx)
	}
	text, start, err := r.cur.lines(r)
	if err == io.EOF { //nolint:errorlint // a wrapped one is a broken store's
		cur := r.cur
		r.cur = nil
		return Chunk{}, cur.finish()
	}
	if err != nil {
		return Chunk{}, err
	}
	return r.cut(text, start)
}

func (r *TextReader) open(ctx context.Context) error {
	if len(r.parts) == 0 {
		return io.EOF
	}
	p := r.parts[0]
	r.parts = r.parts[1:]
	var err error
	r.cur, err = openLines(ctx, p)
	return err
}

// notEnd takes io.EOF out of an error of the store, which may mean a lost connection by it.
func notEnd(err error) error {
	if err == io.EOF || !errors.Is(err, io.EOF) { //nolint:errorlint // only a bare one is the end
		return err
	}
	e := PathError{Op: "read", Kind: Other, Offset: -1, Err: err}
	var pe *PathError
	if errors.As(err, &pe) {
		e = *pe
	}
	e.Err = fmt.Errorf("%w: %v", io.ErrUnexpectedEOF, e.Err) //nolint:errorlint // the point is to hide io.EOF
	return &e
}

// cut makes a chunk of the bytes of whole lines, which nobody writes any more.
func (r *TextReader) cut(b []byte, start int64) (Chunk, error) {
	text := unsafe.String(unsafe.SliceData(b), len(b))
	lines, starts := r.lines[:0], r.starts[:0]
	for at := 0; at < len(text); {
		line := text[at:]
		next := len(text)
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
			next = at + i + 1
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) > r.opt.MaxLine {
			return Chunk{}, r.tooLong(start + int64(at))
		}
		lines = append(lines, line)
		starts = append(starts, uint32(at))
		at = next
	}
	r.lines, r.starts = lines, starts
	return Chunk{Path: r.cur.part.Path, Start: start, Text: text, Lines: lines, starts: starts}, nil
}

func (r *TextReader) tooLong(offset int64) error {
	e := newError("read", r.cur.part.Path, TooLarge, "line is longer than %d bytes", r.opt.MaxLine)
	e.Offset = offset
	return e
}

// buffer returns memory for a chunk, beginning with the line carried over.
func (r *TextReader) buffer(size int, carry []byte) ([]byte, error) {
	if !r.account(size, len(carry)) {
		e := newError("read", r.cur.part.Path, TooLarge, "no memory for a line of more than %d bytes: give more of it, or run fewer tasks at a time", len(carry))
		e.Offset = r.cur.pos - int64(len(carry))
		return nil, e
	}
	buf := r.buf
	switch {
	case !r.opt.Reuse:
		buf = unwritten(size)
	case cap(buf) < size || cap(buf) > 2*max(size, r.opt.ChunkBytes):
		buf = make([]byte, size)
		r.buf = buf
	}
	buf = buf[:size]
	copy(buf, carry) // they may overlap
	return buf, nil
}

// unwritten returns memory that holds anything: to clear what a file is read into is a tenth of the
// reading. A Builder gives such memory, and lets it be seen from its first byte on.
func unwritten(size int) []byte {
	var b strings.Builder
	b.Grow(max(size, 1))
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), b.Cap())[:size]
}

// account tells Grow of memory beyond a plain chunk: the new buffer, and the old one while the
// begun line is copied out of it.
func (r *TextReader) account(size, carry int) bool {
	var need int64
	if size > r.opt.ChunkBytes {
		need = int64(size + carry - r.opt.ChunkBytes)
	}
	delta := need - r.grown
	if delta > 0 && !r.opt.Grow(delta) {
		return false
	}
	if delta < 0 {
		r.opt.Grow(delta)
	}
	r.grown = need
	return true
}
