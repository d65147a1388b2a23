package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// newDir names a directory in base, and closes it in the end.
func newDir(t *testing.T, base string) *Dir {
	t.Helper()
	d, err := New(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// made is newDir of one that is made, with some files in it.
func made(t *testing.T, base string) *Dir {
	t.Helper()
	d := newDir(t, base)
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	d.sweep.Wait() // it would see others die
	for _, name := range []string{"tasks/0-1/spill.tmp", "shuffle/1/x.shuffle", "blobs/b"} {
		put(t, filepath.Join(d.Path(), name), "x")
	}
	return d
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestMadeWhenNeeded(t *testing.T) {
	base := t.TempDir()
	d := newDir(t, base)
	if got := names(t, base); len(got) > 0 {
		t.Errorf("New made %q", got)
	}
	var makes sync.WaitGroup
	for range 4 {
		makes.Go(func() {
			if err := d.Make(); err != nil {
				t.Error(err)
			}
		})
	}
	makes.Wait()
	info, err := os.Stat(d.Path())
	if err != nil || filepath.Dir(d.Path()) != base || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", d.Path(), info, err)
	}
	if got := names(t, base); len(got) != 1 || !strings.HasPrefix(got[0], prefix) {
		t.Errorf("made %q", got)
	}
}

func TestRemovedAndNotMadeAgain(t *testing.T) {
	base := t.TempDir()
	d := made(t, base)
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	never := newDir(t, base)
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	for _, d := range []*Dir{d, never} {
		if err := d.Make(); !errors.Is(err, errRemoved) {
			t.Errorf("made again: %v", err)
		}
	}
	if got := names(t, base); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

func TestTwoDirectories(t *testing.T) {
	base := t.TempDir()
	a, b := made(t, base), made(t, base)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if exists(a.Path()) || !exists(filepath.Join(b.Path(), "tasks", "0-1", "spill.tmp")) {
		t.Error("one took the other's away")
	}
}

func TestBaseMustBeThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "")
	for _, base := range []string{file, filepath.Join(file, "below"), filepath.Join(t.TempDir(), "missing")} {
		if _, err := New(base); err == nil || !strings.Contains(err.Error(), base) || !strings.HasPrefix(err.Error(), "scratch directory: ") {
			t.Errorf("%s: got %v", base, err)
		}
	}
}

func TestBaseGoesAway(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	if err := os.Mkdir(base, 0o700); err != nil {
		t.Fatal(err)
	}
	d := newDir(t, base)
	if err := os.Remove(base); err != nil {
		t.Fatal(err)
	}
	var pe *os.PathError
	for range 2 {
		if err := d.Make(); !errors.As(err, &pe) || pe.Path != d.Path() {
			t.Errorf("got %v", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestDefaultIsTheSystems(t *testing.T) {
	d := newDir(t, "")
	if filepath.Dir(d.Path()) != filepath.Clean(os.TempDir()) {
		t.Errorf("in %s, want %s", d.Path(), os.TempDir())
	}
}

// TestEmptyStops: what was stopped goes on later.
func TestEmptyStops(t *testing.T) {
	d := made(t, t.TempDir())
	stop := make(chan struct{})
	close(stop)
	if err := empty(d.Path(), stop); !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
	if !exists(filepath.Join(d.Path(), "tasks", "0-1", "spill.tmp")) {
		t.Error("it did not stop")
	}
	if err := errors.Join(empty(d.Path(), nil), empty(d.Path(), nil)); err != nil || exists(d.Path()) {
		t.Errorf("then: %v", err)
	}
}
