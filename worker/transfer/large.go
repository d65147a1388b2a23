package transfer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gordd-project/gordd/shuffle/block"
)

// download is one piece on its way into the spool. It survives the requests
// that break.
type download struct {
	src     Source
	head    *head
	headLen int64
	size    int64
	check   *verifier
	file    *os.File
	off     int64
	at      int64 // bytes that are there
}

// storeError is one of our own disk: no other peer or try will help.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// large fetches one piece into the spool.
func (x *Fetch) large(it *item) {
	src, epoch := x.asked(it)
	if it.load == nil {
		it.load = &download{src: src}
	}
	d := it.load
	before := d.at
	err := d.fetch(x, epoch)
	var own *storeError
	switch {
	case err == nil:
		x.complete(it, &Part{Lens: d.head.lens, size: d.size, file: d.file, off: d.off})
	case errors.As(err, &own):
		x.f.o.Logger.Debug("no room for what is fetched, it will be streamed", "err", err)
		x.streamed(it)
	case x.over(err):
	default:
		x.again(it, err, d.at > before)
	}
}

// outputCall asks for an output from a byte of its representation on.
func (x *Fetch) outputCall(src *Source, epoch uint64) (*call, error) {
	ticket, err := x.sign(src, epoch)
	if err != nil {
		return nil, err
	}
	path := address{job: x.r.Job, one: true, id: idOf(src.Attempt), span: x.span()}.path()
	return &call{addr: src.Addr, path: path, ticket: ticket, epoch: epoch}, nil
}

func (d *download) fetch(x *Fetch, epoch uint64) error {
	c, err := x.outputCall(&d.src, epoch)
	if err != nil {
		return err
	}
	c.cost = sendStep // what the connection and we may hold of it
	if d.head != nil {
		if d.at == d.size {
			return nil
		}
		c.ranged, c.from, c.to = true, d.headLen+d.at, -1
	}
	return x.f.exchange(x.ctx, c, func(a *answer) error {
		if d.head == nil {
			if err := d.begin(x, a, epoch); err != nil {
				return err
			}
		}
		if a.total >= 0 && a.total != d.headLen+d.size {
			return fmt.Errorf("%w: %d bytes come where the header says %d", block.ErrCorrupt, a.total, d.headLen+d.size)
		}
		return d.copy(a)
	})
}

// begin reads the header and finds room.
func (d *download) begin(x *Fetch, a *answer, epoch uint64) error {
	h, n, err := readHead(a, idOf(d.src.Attempt), x.span(), epoch)
	if err != nil {
		return err
	}
	size := h.size()
	file, off, err := x.spool.reserve(size)
	if err != nil {
		return &storeError{err}
	}
	d.file, d.off, d.size = file, off, size
	d.head, d.headLen, d.check = h, n, newVerifier(&d.src, x.span(), h.lens)
	return nil
}

// downloads are buffers of what is stored: the fewer writes, the larger the pieces in which the system keeps the file,
// and these are what storing costs.
var downloads = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// copy verifies and stores what comes.
func (d *download) copy(r io.Reader) error {
	buf := downloads.Get().(*[]byte)
	defer downloads.Put(buf)
	for d.at < d.size {
		// Full buffers: TLS hands out 16 KiB at a time.
		n, rerr := io.ReadFull(r, (*buf)[:min(int64(len(*buf)), d.size-d.at)])
		if _, err := d.file.WriteAt((*buf)[:n], d.off+d.at); err != nil {
			return &storeError{fmt.Errorf("spool: %d bytes: %w", n, err)}
		}
		if err := d.check.write((*buf)[:n]); err != nil {
			d.check.rewind()
			d.at = d.check.verified() // which may be in the middle of what was just stored
			return err
		}
		d.at += int64(n)
		if rerr != nil && d.at < d.size {
			return fmt.Errorf("%d bytes of %d: %w", d.at, d.size, rerr)
		}
	}
	_, _ = r.Read((*buf)[:1]) // the end, which frees the connection for the next request
	return nil
}
