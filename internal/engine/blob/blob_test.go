package blob

import (
	"bytes"
	"os"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, 10)
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

func TestBlobsWithoutDisk(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(file, 0)
	d := s.Put([]byte("x"))
	if b, err := s.Get(d); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v: what cannot go to disk stays in memory", b, err)
	}
	s.Release(d)
	if s.used != 0 {
		t.Errorf("%d bytes in use", s.used)
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
