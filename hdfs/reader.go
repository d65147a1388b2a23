package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	lib "github.com/colinmarc/hdfs/v2"

	"github.com/gordd-project/gordd/storage"
)

// rereads is how often a read that no replica could serve is tried again, with the replicas that
// the name node knows of by then.
const rereads = 3

// Open opens a file for reading.
func (fs *fileSystem) Open(ctx context.Context, url string) (storage.File, error) {
	p, err := fs.at("open", url)
	if err != nil {
		return nil, err
	}
	r := &reader{place: p}
	r.reopen = func() error { return r.open(ctx) }
	r.now = func() (storage.Info, error) { return r.stat(ctx) }
	r.wait = func(d time.Duration) error { return wait(ctx, d) }
	if err := r.reopen(); err != nil {
		return nil, pathError("open", url, err)
	}
	return r, nil
}

// reader is an open file. It has a client for itself, so that its end, or that of its context,
// closes just its connections.
type reader struct {
	place
	reopen func() error
	now    func() (storage.Info, error)
	wait   func(time.Duration) error

	c      *client // nil: to be opened again
	f      *lib.FileReader
	stop   func() bool // watching the context
	status *lib.FileStatus
	at     int64
	closed bool
}

// open opens the file with a new client. Later times make sure that it is the same file.
func (r *reader) open(ctx context.Context) error {
	return r.retry(ctx, func() error {
		c, err := r.take(ctx)
		if err != nil {
			return err
		}
		f, err := c.lib.Open(r.path)
		if err = r.judge(libraryError(err, r.site.user)); err != nil {
			if lost(err) {
				c.cut()
			}
			r.give(c)
			return err
		}
		st, _ := f.Stat().Sys().(*lib.FileStatus)
		if err := r.same(st); err != nil {
			r.give(c)
			return err
		}
		r.c, r.f, r.status = c, f, st
		r.stop = context.AfterFunc(ctx, c.cut)
		return nil
	})
}

// same refuses another file than the one that was opened first.
func (r *reader) same(st *lib.FileStatus) error {
	if err := readable(st); err != nil {
		return err
	}
	old := r.status
	if old != nil && (old.GetFileId() != st.GetFileId() || old.GetLength() != st.GetLength() || old.GetModificationTime() != st.GetModificationTime()) {
		return &knownError{storage.Changed, "the file changed while it was read", nil}
	}
	return nil
}

// release gives the client back, or breaks it.
func (r *reader) release(broken bool) {
	if r.c == nil {
		return
	}
	if ended := !r.stop(); broken || ended {
		r.c.cut()
	}
	_ = r.f.Close() // it closes the connection, which give does
	r.give(r.c)
	r.c, r.f = nil, nil
}

// Read reads from the next replica when one fails, and asks for other replicas when all do.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, pathError("read", r.url, errClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.at >= int64(r.status.GetLength()) {
		return 0, io.EOF
	}
	pause := 100 * time.Millisecond
	for try := 0; ; try++ {
		n, err := r.read(p)
		r.at += int64(n)
		if n > 0 || err == nil {
			return n, nil
		}
		if try == rereads {
			return 0, r.fail(err)
		}
		r.release(true)
		if err := r.wait(pause); err != nil {
			return 0, r.fail(err)
		}
		pause *= 3
	}
}

func (r *reader) read(p []byte) (int, error) {
	if r.c == nil {
		if err := r.reopen(); err != nil {
			return 0, err
		}
		if _, err := r.f.Seek(r.at, io.SeekStart); err != nil {
			return 0, err
		}
	}
	if r.c.guarded {
		// The library verifies what it reads chunk by chunk, but returns a larger piece together
		// with the error that its checksum is wrong, and then forgets the error.
		p = p[:min(len(p), max(r.c.defaults.BytesPerChecksum-1, 1))]
	}
	n, err := r.f.Read(p)
	troubles := r.c.forget()
	if n > 0 || err == nil {
		return n, nil
	}
	if troubles != nil {
		err = fmt.Errorf("no replica of the block can be read: %w", troubles)
	}
	return 0, err
}

func (r *reader) fail(err error) error {
	e := pathError("read", r.url, err)
	var pe *storage.PathError
	if errors.As(e, &pe) {
		pe.Offset = r.at
	}
	return e
}

// Seek sets where the next Read begins. Seeking forward a little does not ask the data node anew.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += int64(r.status.GetLength())
	}
	if offset < 0 || r.closed {
		return r.at, pathError("seek", r.url, fmt.Errorf("to offset %d", offset))
	}
	if r.c != nil {
		if _, err := r.f.Seek(min(offset, int64(r.status.GetLength())), io.SeekStart); err != nil {
			r.release(true)
		}
	}
	r.at = offset
	return offset, nil
}

// ReadAt reads at an offset and leaves that of Read as it was.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	old := r.at
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if _, back := r.Seek(old, io.SeekStart); err == nil {
		err = back
	}
	return n, err
}

// Stat asks the name node what has the file's name now.
func (r *reader) Stat() (storage.Info, error) { return r.now() }

func (r *reader) stat(ctx context.Context) (info storage.Info, err error) {
	err = r.do(ctx, "stat", func(c *client) error {
		st, err := c.stat(r.path)
		if err == nil {
			info = infoOf(r.url, st, nil)
		}
		return err
	})
	return info, err
}

// Close gives back what reading needed. Closing again does nothing.
func (r *reader) Close() error {
	if !r.closed {
		r.closed = true
		r.release(false)
	}
	return nil
}
