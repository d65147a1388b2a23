// Package blob keeps what plans name by digest: values given to With and slices
// given to Parallelize. References are counted; much of it goes to files.
package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Store keeps blobs in memory up to a limit, and those beyond it in files. Its
// methods may be called from several goroutines.
type Store struct {
	dir    string       // made when the first file is written
	parent func() error // makes the directory that dir is in
	limit  int64        // of bytes in memory

	mu   sync.Mutex
	m    map[plan.Digest]*blob
	used int64 // bytes in memory
}

type blob struct {
	refs  int
	bytes []byte
	path  string // where it is when not in bytes
}

// New returns an empty store that keeps up to limit bytes in memory and makes
// dir for the rest, after parent has made what dir is in. Who removes dir removes
// the files.
func New(dir string, parent func() error, limit int64) *Store {
	return &Store{dir: dir, parent: parent, limit: limit, m: map[plan.Digest]*blob{}}
}

// Put keeps b, which must not be changed any more, under its digest, with one
// reference more.
func (s *Store) Put(b []byte) plan.Digest {
	d := plan.DigestOf(b)
	s.put(d, b)
	return d
}

func (s *Store) put(d plan.Digest, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again(d) {
		return
	}
	x := &blob{refs: 1}
	if s.used+int64(len(b)) <= s.limit || s.spill(x, d, b) != nil {
		// A full disk costs memory, not the job.
		x.bytes = b
		s.used += int64(len(b))
	}
	s.m[d] = x
}

// again takes one more reference to a blob that is there.
func (s *Store) again(d plan.Digest) bool {
	x := s.m[d]
	if x == nil {
		return false
	}
	x.refs++
	return true
}

func (s *Store) spill(x *blob, d plan.Digest, b []byte) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	path := s.path(d)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		_ = os.Remove(path)
		return err
	}
	x.path = path
	return nil
}

// makeDir makes the directory. When its parent is gone, its owner is done with it.
func (s *Store) makeDir() error {
	if err := s.parent(); err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o700); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (s *Store) path(d plan.Digest) string { return filepath.Join(s.dir, string(d)) }

// look gives a blob as it is at the moment.
func (s *Store) look(d plan.Digest) (x blob, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.m[d]; x != nil {
		return *x, true
	}
	return x, false
}

// Get returns the bytes of a blob. They must not be changed.
func (s *Store) Get(d plan.Digest) ([]byte, error) {
	x, ok := s.look(d)
	switch {
	case !ok:
		return nil, fmt.Errorf("blob %.12s: not held by this engine", d)
	case x.path == "":
		return x.bytes, nil
	}
	b, err := os.ReadFile(x.path)
	if err != nil {
		return nil, fmt.Errorf("blob %.12s: %w", d, err)
	}
	return b, nil
}

// Part opens the bytes of a blob between two offsets. They can be read as long
// as the blob is referred to.
func (s *Store) Part(d plan.Digest, from, to int64) (io.ReadCloser, error) {
	x, ok := s.look(d)
	var err error
	switch {
	case !ok:
		return nil, fmt.Errorf("blob %.12s: not held by this engine", d)
	case x.path == "":
		if err = within(from, to, int64(len(x.bytes))); err == nil {
			return io.NopCloser(bytes.NewReader(x.bytes[from:to])), nil
		}
	default:
		var p *part
		if p, err = openPart(x.path, from, to); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("blob %.12s: %w", d, err)
}

// File gives a file that holds a blob, which is there as long as the blob is
// referred to.
func (s *Store) File(d plan.Digest) (path string, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.m[d]
	if x == nil {
		return "", 0, fmt.Errorf("blob %.12s: not held by this engine", d)
	}
	if x.path == "" {
		if err := s.spill(x, d, x.bytes); err != nil {
			return "", 0, fmt.Errorf("blob %.12s: %w", d, err)
		}
		s.used -= int64(len(x.bytes))
		x.bytes = nil
	}
	info, err := os.Stat(x.path)
	if err != nil {
		return "", 0, fmt.Errorf("blob %.12s: %w", d, err)
	}
	return x.path, info.Size(), nil
}

// Persist makes the file of a blob durable, for Adopt. A file that a crash has torn
// all the same Adopt notices.
func (s *Store) Persist(d plan.Digest) error {
	path, _, err := s.File(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("blob %.12s: %w", d, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("blob %.12s: %w", d, err)
	}
	return nil
}

// Adopt takes a reference to a blob, whose file an earlier store may have left. The
// error wraps os.ErrNotExist if there is none.
func (s *Store) Adopt(d plan.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again(d) {
		return nil
	}
	f, err := os.Open(s.path(d))
	if err != nil {
		return fmt.Errorf("blob %.12s: %w", d, err)
	}
	h := plan.NewHash()
	_, err = io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err == nil && plan.HashDigest(h) != d {
		err = errors.New("its file holds something else")
	}
	if err != nil {
		return fmt.Errorf("blob %.12s: %w", d, err)
	}
	s.m[d] = &blob{refs: 1, path: s.path(d)}
	return nil
}

// Sweep removes the files that an earlier store left and that nobody has adopted.
func (s *Store) Sweep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if s.m[plan.Digest(f.Name())] == nil {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, f.Name())))
		}
	}
	return err
}

// Has says whether a blob is there.
func (s *Store) Has(d plan.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[d] != nil
}

func within(from, to, size int64) error {
	if from < 0 || to < from || to > size {
		return fmt.Errorf("bytes %d to %d of %d", from, to, size)
	}
	return nil
}

// part is a piece of a file.
type part struct {
	io.Reader
	io.Closer
}

func openPart(path string, from, to int64) (*part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = within(from, to, info.Size())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &part{io.NewSectionReader(f, from, to-from), f}, nil
}

// Hold takes a reference to every blob, or to none when one is missing.
func (s *Store) Hold(ds []plan.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range ds {
		if s.m[d] == nil {
			return fmt.Errorf("blob %.12s: not held by this engine", d)
		}
	}
	for _, d := range ds {
		s.m[d].refs++
	}
	return nil
}

// Release gives references back; a blob without any is forgotten.
func (s *Store) Release(ds ...plan.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range ds {
		x := s.m[d]
		if x == nil {
			continue
		}
		if x.refs--; x.refs > 0 {
			continue
		}
		delete(s.m, d)
		if x.path != "" {
			_ = os.Remove(x.path)
		} else {
			s.used -= int64(len(x.bytes))
		}
	}
}
