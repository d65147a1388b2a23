package rdd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// open counts the files of a directory that this process has open.
func open(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("only where /proc tells of open files")
	}
	for _, fd := range fds {
		if path, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && filepath.Dir(path) == dir {
			n++
		}
	}
	return n
}

// TestFilesOfOutputsStayOpen for later readers, and no longer than there are any.
func TestFilesOfOutputsStayOpen(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var encoded [][]byte
	for i := range 3 {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte{byte('a' + i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := plan.Encode(&shuffle.Output{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, b)
	}
	var o outputs
	o.files.once.Do(func() { o.files.left = 2 })
	got, err := o.get("s", encoded)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		for i, out := range got {
			wg.Go(func() {
				f, c, err := out.input(0).Open()
				if err != nil {
					t.Error(err)
					return
				}
				var b [1]byte
				if _, err := f.ReadAt(b[:], 0); err != nil && err != io.EOF || b[0] != byte('a'+i) {
					t.Errorf("file %d: %q, %v", i, b, err)
				}
				_, _ = c.Close(), c.Close()
			})
		}
	}
	wg.Wait()
	if n := open(t, dir); n != 2 {
		t.Errorf("%d files are open, want 2", n)
	}
	reader := got[0]
	if got[0].file.kept == nil {
		reader = got[1]
	}
	_, c, err := reader.input(0).Open()
	if err != nil {
		t.Fatal(err)
	}
	o.drop("s")
	if n := open(t, dir); n != 1 {
		t.Errorf("%d files are open with one reader, want 1", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n := open(t, dir); n != 0 || o.files.left != 2 {
		t.Errorf("%d files are open in the end, and there is room for %d", n, o.files.left)
	}
	if _, c, err = reader.input(0).Open(); err != nil || c.Close() != nil || open(t, dir) != 0 {
		t.Errorf("a late reader: %v, and %d files are open", err, open(t, dir))
	}
}
