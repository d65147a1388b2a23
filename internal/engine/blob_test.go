package engine

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	s := newBlobs(dir, 10)
	small, large := []byte("12345678"), []byte("too large for memory")
	ds, dl := s.put(small), s.put(large)
	s.put(small)
	for d, want := range map[plan.Digest][]byte{ds: small, dl: large} {
		if got, err := s.get(d); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if files := filesIn(t, dir); len(files) != 1 || files[0] != string(dl) {
		t.Errorf("files %q, want the large one", files)
	}
	if err := s.hold([]plan.Digest{dl, "none"}); err == nil {
		t.Error("a missing blob was held")
	}
	s.release(dl, ds, "none")
	if _, err := s.get(dl); err == nil {
		t.Error("a blob without references is still there")
	}
	if _, err := s.get(ds); err != nil {
		t.Errorf("a blob with a reference is gone: %v", err)
	}
	s.release(ds)
	if len(s.m) != 0 || s.used != 0 || len(filesIn(t, dir)) != 0 {
		t.Errorf("left: %d blobs, %d bytes, %q", len(s.m), s.used, filesIn(t, dir))
	}
}

func TestBlobsWithoutDisk(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newBlobs(file, 0)
	d := s.put([]byte("x"))
	if b, err := s.get(d); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v: what cannot go to disk stays in memory", b, err)
	}
	s.release(d)
	if s.used != 0 {
		t.Errorf("%d bytes in use", s.used)
	}
}

// An action keeps its blobs while it runs, whatever the driver lets go.
func TestActionHoldsBlobs(t *testing.T) {
	w := start(t, 1)
	d := w.PutBlob([]byte("env"))
	w.fake.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		w.ReleaseBlob(d)
		if b, err := w.Blob(d); err != nil || string(b) != "env" {
			return nil, newFailure(plan.FailUser, "%q, %v", b, err)
		}
		return nil, nil
	}
	p := onePlan(1)
	p.Blobs = []plan.Digest{d}
	if _, _, err := w.do(p); err != nil {
		t.Error(err)
	}
	if _, err := w.Blob(d); err == nil {
		t.Error("the blob is held for ever")
	}
}
