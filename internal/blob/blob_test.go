package blob

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// there is for directories that are there already.
func there() error { return nil }

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, there, 10)
	small, large := []byte("12345678"), []byte("too large for memory")
	ds, dl := s.Put(small), s.Put(large)
	s.Put(small)
	for d, want := range map[plan.Digest][]byte{ds: small, dl: large} {
		if got, err := s.Get(d); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if files := filesIn(t, dir); len(files) != 1 || files[0] != string(dl) {
		t.Errorf("files %q, want the large one", files)
	}
	if err := s.Hold([]plan.Digest{dl, "none"}); err == nil {
		t.Error("a missing blob was held")
	}
	s.Release(dl, ds, "none")
	if _, err := s.Get(dl); err == nil {
		t.Error("a blob without references is still there")
	}
	if _, err := s.Get(ds); err != nil {
		t.Errorf("a blob with a reference is gone: %v", err)
	}
	s.Release(ds)
	if len(s.m) != 0 || s.used != 0 || len(filesIn(t, dir)) != 0 {
		t.Errorf("left: %d blobs, %d bytes, %q", len(s.m), s.used, filesIn(t, dir))
	}
}

func readPart(s *Store, d plan.Digest, from, to int64) (string, error) {
	r, err := s.Part(d, from, to)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// TestParts are the same in memory and in files, and no more is read of those.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, there, 10)
	for _, text := range []string{"12345678", "too large for memory"} {
		d, size := s.Put([]byte(text)), int64(len(text))
		for _, c := range [][2]int64{{0, size}, {0, 0}, {size, size}, {3, 7}} {
			if got, err := readPart(s, d, c[0], c[1]); err != nil || got != text[c[0]:c[1]] {
				t.Errorf("%q, %v: got %q, %v", text, c, got, err)
			}
		}
		for _, c := range [][2]int64{{-1, 2}, {5, 4}, {0, size + 1}, {size + 1, size + 1}} {
			if got, err := readPart(s, d, c[0], c[1]); err == nil {
				t.Errorf("%q, %v: got %q", text, c, got)
			}
		}
		if dropped := filesIn(t, dir); len(dropped) > 0 {
			if err := os.Remove(filepath.Join(dir, dropped[0])); err != nil {
				t.Fatal(err)
			}
			if _, err := readPart(s, d, 0, 1); err == nil {
				t.Error("a part of a file that is gone")
			}
		}
		s.Release(d)
		if _, err := readPart(s, d, 0, 1); err == nil {
			t.Error("a part of a blob that is gone")
		}
	}
}

func TestBlobsWithoutDisk(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(file, there, 0)
	d := s.Put([]byte("x"))
	if b, err := s.Get(d); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v: what cannot go to disk stays in memory", b, err)
	}
	s.Release(d)
	if s.used != 0 {
		t.Errorf("%d bytes in use", s.used)
	}
}

// TestParent is made when the first blob goes to a file, and not before.
func TestParent(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	makes := 0
	s := New(filepath.Join(parent, "blobs"), func() error {
		makes++
		return os.Mkdir(parent, 0o700)
	}, 10)
	s.Put([]byte("small"))
	if makes != 0 {
		t.Error("made for a blob in memory")
	}
	d := s.Put([]byte("too large for memory"))
	if makes != 1 || len(filesIn(t, filepath.Join(parent, "blobs"))) != 1 {
		t.Errorf("made %d times for a blob in a file", makes)
	}
	s.parent = func() error { return errors.New("closed") }
	e := s.Put([]byte("it does not go to a file either"))
	for _, d := range []plan.Digest{d, e} {
		if _, err := s.Get(d); err != nil {
			t.Error(err)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// What one store has made durable the next one has again, if it is asked for and
// whole.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, there, 1<<20)
	kept, left, bad := s.Put([]byte("kept")), s.Put([]byte("left")), s.Put([]byte("bad"))
	for _, d := range []plan.Digest{kept, left, bad} {
		if err := s.Persist(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Persist("none"); err == nil {
		t.Error("a missing blob is durable")
	}
	if err := os.WriteFile(filepath.Join(dir, string(bad)), []byte("worse"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = New(dir, there, 1<<20)
	for range 2 {
		if err := s.Adopt(kept); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := s.Get(kept); err != nil || string(b) != "kept" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := s.Adopt("none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := s.Adopt(bad); err == nil || s.Has(bad) {
		t.Error("a damaged blob was adopted")
	}
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if files := filesIn(t, dir); len(files) != 1 || files[0] != string(kept) {
		t.Errorf("left %q", files)
	}
	s.Release(kept)
	if !s.Has(kept) {
		t.Error("adopted twice and released once, it is gone")
	}
	if err := New(filepath.Join(dir, "none"), there, 1).Sweep(); err != nil {
		t.Error(err)
	}
}
