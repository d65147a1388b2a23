package blob

import (
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/gordd-project/gordd/rdd/plan"
)

// pieceBytes is the most that a blob takes in memory while it is written.
const pieceBytes = 4 << 20

// Write keeps what write writes, as Put does. More than a few MiB go to a file
// in pieces. When write fails nothing is kept.
func (s *Store) Write(write func(io.Writer) error) (plan.Digest, error) {
	w := &writer{s: s, hash: plan.NewHash()}
	defer w.discard()
	if err := write(w); err != nil {
		return "", err
	}
	return w.keep()
}

// writer gathers one blob. A full disk costs memory, not the job: from then on
// the rest stays in buf.
type writer struct {
	s     *Store
	hash  hash.Hash
	file  *os.File // nil: none yet
	filed int64    // the bytes that are in the file
	buf   []byte   // those after them
	full  bool     // the disk takes no more
}

func (w *writer) Write(b []byte) (int, error) {
	_, _ = w.hash.Write(b)
	w.buf = append(w.buf, b...)
	if len(w.buf) >= pieceBytes && !w.full {
		w.full = w.flush() != nil
	}
	return len(b), nil
}

// flush moves the buffer to the file.
func (w *writer) flush() (err error) {
	if w.file == nil {
		if err = w.s.makeDir(); err == nil {
			w.file, err = os.CreateTemp(w.s.dir, "new-*")
		}
		if err != nil {
			return err
		}
	}
	if _, err := w.file.Write(w.buf); err != nil {
		return err
	}
	w.filed += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// keep makes the store's what was written.
func (w *writer) keep() (plan.Digest, error) {
	d := plan.HashDigest(w.hash)
	if w.file != nil && !w.full {
		w.full = w.flush() != nil
	}
	if w.file != nil && !w.full {
		return d, w.rename(d)
	}
	if w.filed > 0 {
		whole := make([]byte, w.filed, w.filed+int64(len(w.buf)))
		if _, err := w.file.ReadAt(whole, 0); err != nil {
			return "", fmt.Errorf("keep a blob: %w", err)
		}
		w.buf = append(whole, w.buf...)
	}
	w.s.put(d, w.buf)
	return d, nil
}

// rename gives the file the blob's name.
func (w *writer) rename(d plan.Digest) error {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again(d) {
		return nil
	}
	path := s.path(d)
	err := w.file.Close()
	if err == nil {
		err = os.Rename(w.file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep a blob: %w", err)
	}
	s.m[d] = &blob{refs: 1, path: path}
	return nil
}

// discard removes the file, unless it has the blob's name by now.
func (w *writer) discard() {
	if w.file != nil {
		_ = w.file.Close()
		_ = os.Remove(w.file.Name())
	}
}
