package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// DamageError says that a journal cannot be read to its end.
type DamageError struct {
	Path   string
	Offset int64 // of the first byte that is wrong
	Err    error
}

// Error says where the damage is and what can be done.
func (e *DamageError) Error() string {
	return fmt.Sprintf("journal %s is damaged at byte %d: %v; rddctl journal repair keeps what is before it", e.Path, e.Offset, e.Err)
}

// Unwrap is what is wrong there.
func (e *DamageError) Unwrap() error { return e.Err }

// ClusterError says that a journal belongs to another cluster.
type ClusterError struct{ Path, Has, Want string }

// Error says whose journal it is.
func (e *ClusterError) Error() string {
	return fmt.Sprintf("journal %s is that of cluster %s, not of %s: give this master another directory", e.Path, e.Has, e.Want)
}

// findings are what a file holds.
type findings struct {
	cluster string
	begin   int64 // of the first frame
	end     int64 // of the last whole one before anything else
	size    int64
	records int
	behind  bool // whole frames follow what is not whole
}

// scan looks at a file's frames without decoding them.
func scan(f *os.File, path string) (s findings, err error) {
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	s.size = info.Size()
	head := make([]byte, min(s.size, int64(len(magic)+1+maxCluster+4)))
	if _, err := f.ReadAt(head, 0); err != nil {
		return s, err
	}
	cluster, n, err := header(head)
	if err != nil {
		return s, &DamageError{Path: path, Err: err}
	}
	s.cluster, s.begin, s.end = cluster, int64(n), int64(n)
	r := newReader(f, s.begin, s.size)
	for {
		_, err := r.next()
		if err != nil {
			if !errors.Is(err, errTorn) {
				return s, err
			}
			break
		}
		s.records++
		s.end = r.at
	}
	if s.end < s.size {
		rest := make([]byte, s.size-s.end-1)
		if _, err := f.ReadAt(rest, s.end+1); err != nil && !errors.Is(err, io.EOF) {
			return s, err
		}
		s.behind = wholeBehind(rest)
	}
	return s, nil
}

// reader reads frames one after another.
type reader struct {
	r   *bufio.Reader
	at  int64 // behind the last whole frame
	end int64
	buf []byte
}

func newReader(f io.ReaderAt, from, to int64) *reader {
	return &reader{r: bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), 1<<20), at: from, end: to}
}

// next gives the next frame's payload, which is good until the call after. The
// error is errTorn where no whole frame begins, at the end too.
func (r *reader) next() ([]byte, error) {
	head, err := r.r.Peek(frameHead)
	if err != nil {
		return nil, tornAtEnd(err)
	}
	size := int64(uint32(head[4]) | uint32(head[5])<<8 | uint32(head[6])<<16 | uint32(head[7])<<24)
	if size > int64(maxPayload) || r.at+int64(frameHead)+size > r.end {
		return nil, errTorn
	}
	n := frameHead + int(size)
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return nil, tornAtEnd(err)
	}
	payload, _, err := wholeFrame(r.buf)
	if err == nil {
		r.at += int64(n)
	}
	return payload, err
}

func tornAtEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// entries decodes the frames of a journal's file between two offsets, all of which
// were whole.
func entries(f io.ReaderAt, path string, from, to int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for r := newReader(f, from, to); r.at < to; {
			at := r.at
			payload, err := r.next()
			var e Entry
			if err == nil {
				e, err = entry(payload)
			}
			if err != nil {
				yield(Entry{}, &DamageError{Path: path, Offset: at, Err: err})
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}
