package transfer

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// sendStep is how much is written between two looks at the clock: what a reader
// must take within the stall time.
const sendStep = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// writer writes a response, moving the deadline on as the reader takes it.
type writer struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	stall   time.Duration
	buf     *bufio.Writer // of small items
	scratch []byte
	since   int64 // bytes since the deadline was moved
	served  *atomic.Int64
}

func (s *Server) writer(w http.ResponseWriter) *writer {
	return &writer{w: w, rc: http.NewResponseController(w), stall: s.o.Stall, served: &s.served}
}

// buffered gathers what follows.
func (w *writer) buffered() { w.buf = bufio.NewWriterSize(w.w, 64<<10) }

func (w *writer) flush() error { return w.buf.Flush() }

func (w *writer) sink() io.Writer {
	if w.buf != nil {
		return w.buf
	}
	return w.w
}

// extend moves the deadline on when n more bytes make it due. A recorder in a
// test has none.
func (w *writer) extend(n int64) {
	if w.since += n; w.since >= sendStep {
		w.since = 0
		_ = w.rc.SetWriteDeadline(time.Now().Add(w.stall))
	}
}

// Write writes a few bytes.
func (w *writer) Write(p []byte) (int, error) {
	w.extend(int64(len(p)))
	n, err := w.sink().Write(p)
	w.served.Add(int64(n))
	return n, err
}

// piece writes a part of a content.
func (w *writer) piece(o opened, p piece) error {
	if o.file == nil {
		return w.bytes(o.Bytes[p.off : p.off+p.n])
	}
	if w.buf != nil {
		return w.copy(io.NewSectionReader(o.file, p.off, p.n), p.n)
	}
	if _, err := o.file.Seek(p.off, io.SeekStart); err != nil {
		return err
	}
	for p.n > 0 {
		step := min(p.n, sendStep)
		w.extend(step)
		// The response hands file and count to the connection, which uses sendfile where there is no TLS.
		n, err := io.CopyN(w.w, o.file, step)
		w.served.Add(n)
		if err != nil {
			return fmt.Errorf("%d bytes of %s: %w", n, o.file.Name(), err)
		}
		p.n -= n
	}
	return nil
}

func (w *writer) bytes(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), sendStep)
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (w *writer) copy(r io.Reader, n int64) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for n > 0 {
		k, err := io.ReadFull(r, (*buf)[:min(n, int64(len(*buf)))])
		if err != nil {
			return fmt.Errorf("%d bytes before the end: %w", n, err)
		}
		if _, err := w.Write((*buf)[:k]); err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}
