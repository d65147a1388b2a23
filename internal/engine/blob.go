package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
)

// blobMemory is how many bytes of blobs are kept in memory; those beyond it go
// to files.
const blobMemory = 64 << 20

// blobs keeps what plans name by digest: values given to With and slices given
// to Parallelize.
type blobs struct {
	dir   string // made when the first file is written
	limit int64  // of bytes in memory

	mu   sync.Mutex
	m    map[plan.Digest]*blob
	used int64 // bytes in memory
}

type blob struct {
	refs  int
	bytes []byte
	path  string // where it is when not in bytes
}

func newBlobs(dir string, limit int64) *blobs {
	return &blobs{dir: dir, limit: limit, m: map[plan.Digest]*blob{}}
}

// put keeps b under its digest, with one reference more.
func (s *blobs) put(b []byte) plan.Digest {
	d := plan.DigestOf(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.m[d]; have != nil {
		have.refs++
		return d
	}
	x := &blob{refs: 1}
	if s.used+int64(len(b)) <= s.limit || s.spill(x, d, b) != nil {
		// A full disk costs memory, not the job.
		x.bytes = b
		s.used += int64(len(b))
	}
	s.m[d] = x
	return d
}

func (s *blobs) spill(x *blob, d plan.Digest, b []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(s.dir, string(d))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		_ = os.Remove(path)
		return err
	}
	x.path = path
	return nil
}

// get returns the bytes of a blob.
func (s *blobs) get(d plan.Digest) ([]byte, error) {
	s.mu.Lock()
	x := s.m[d]
	s.mu.Unlock()
	switch {
	case x == nil:
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

// hold takes a reference to every blob, or to none when one is missing.
func (s *blobs) hold(ds []plan.Digest) error {
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

// release gives references back; a blob without any is forgotten.
func (s *blobs) release(ds ...plan.Digest) {
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
