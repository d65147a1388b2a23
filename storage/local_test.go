package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var local Local

func TestLocalErrors(t *testing.T) {
	top := tree(t, "file", "dir/inner", "empty/")
	at := func(p string) string { return filepath.Join(top, p) }
	ctx := t.Context()
	open := func(p string) error { _, err := local.Open(ctx, p); return err }
	create := func(p string) error { _, err := local.Create(ctx, p); return err }
	list := func(p string) error { _, err := local.List(ctx, p); return err }
	stat := func(p string) error { _, err := local.Stat(ctx, p); return err }
	cases := []struct {
		name string
		err  error
		kind Kind
		is   error
		says string
	}{
		{"open nothing", open(at("no")), NotFound, fs.ErrNotExist, "open " + at("no") + ": no such file or directory"},
		{"open a directory", open(at("dir")), Invalid, nil, "is a directory"},
		{"open below a file", open(at("file/x")), Invalid, nil, "not a directory"},
		{"create over a file", create(at("file")), Exists, fs.ErrExist, "create " + at("file")},
		{"create without a directory", create(at("no/x")), NotFound, fs.ErrNotExist, at("no/x")},
		{"list nothing", list(at("no")), NotFound, fs.ErrNotExist, "list " + at("no")},
		{"list a file", list(at("file")), Invalid, nil, "not a directory"},
		{"stat nothing", stat(at("no")), NotFound, fs.ErrNotExist, "stat " + at("no")},
		{"make a directory over a file", local.MkdirAll(ctx, at("file")), Invalid, nil, at("file")},
		{"remove nothing", local.Remove(ctx, at("no")), NotFound, fs.ErrNotExist, at("no")},
		{"remove a full directory", local.Remove(ctx, at("dir")), Exists, nil, at("dir")},
		{"rename nothing", local.Rename(ctx, at("no"), at("x")), NotFound, fs.ErrNotExist, at("no")},
		{"rename a file over a file", local.Rename(ctx, at("file"), at("dir/inner")), Exists, fs.ErrExist, at("dir/inner")},
		{"rename a directory over an empty one", local.Rename(ctx, at("dir"), at("empty")), Exists, fs.ErrExist, at("empty")},
		{"rename a file over a directory", local.Rename(ctx, at("file"), at("empty")), Exists, fs.ErrExist, at("empty")},
		{"sync nothing", local.Sync(ctx, at("no")), NotFound, fs.ErrNotExist, at("no")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantKind(t, c.err, c.kind, c.says)
			if c.is != nil && !errors.Is(c.err, c.is) {
				t.Errorf("%v is not %v", c.err, c.is)
			}
		})
	}
	must(t, local.RemoveAll(ctx, at("no")))
	if got := read(t, at("file")) + read(t, at("dir/inner")); got != "filedir/inner" {
		t.Errorf("contents %q", got)
	}
}

func TestLocalFile(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), "0123456789")
	f, err := local.Open(t.Context(), path)
	must(t, err)
	defer f.Close() //nolint:errcheck // reading only
	info, err := f.Stat()
	if err != nil || info.Path != path || info.Size != 10 || !info.Regular || info.Dir {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := f.Seek(7, io.SeekStart); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(f); err != nil || string(rest) != "789" {
		t.Errorf("%q, %v", rest, err)
	}
	b := make([]byte, 2)
	if _, err := f.ReadAt(b, 3); err != nil || string(b) != "34" {
		t.Errorf("%q, %v", b, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := local.Open(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("open with a cancelled context: %v", err)
	}
	if _, err := local.Create(ctx, path+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("create with a cancelled context: %v", err)
	}
}

func TestRenameHasOneWinner(t *testing.T) {
	for range 100 {
		dir := t.TempDir()
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 4 {
			from := write(t, filepath.Join(dir, string(rune('a'+i))), "x")
			wg.Go(func() {
				err := local.Rename(t.Context(), from, filepath.Join(dir, "to"))
				if err == nil {
					won.Add(1)
				} else if KindOf(err) != Exists {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d renames to one name succeeded", won.Load())
		}
	}
}

// TestNoSpace fills a small disk: the error says where and how far, and the file is gone.
func TestNoSpace(t *testing.T) {
	dir := smallDisk(t)
	for _, name := range []string{"", "gzip"} {
		path := filepath.Join(dir, "f")
		w, err := local.Create(t.Context(), path)
		must(t, err)
		z, err := Compress(w, name)
		must(t, err)
		for err == nil {
			_, err = io.WriteString(z, randomText(1<<16))
		}
		wantKind(t, err, NoSpace, path, "after ", "bytes", "no space left")
		if err := z.Close(); KindOf(err) != NoSpace {
			t.Errorf("Close after a failed write: %v", err)
		}
		must(t, z.Abort())
		if left := names(t, dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	c := committer(t, Output{Dir: filepath.Join(dir, "out")})
	must(t, c.Prepare(t.Context()))
	w, err := c.Create(t.Context(), Attempt{})
	must(t, err)
	for err == nil {
		_, err = io.WriteString(w, strings.Repeat("x", 1<<16))
	}
	wantKind(t, err, NoSpace, c.AttemptPath(Attempt{}))
	must(t, c.Collect(t.Context()))
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKinds(t *testing.T) {
	for k := Other; k <= TooLarge; k++ {
		if strings.HasPrefix(k.String(), "kind") {
			t.Errorf("kind %d has no name", k)
		}
	}
	if got := Kind(200).String(); got != "kind 200" {
		t.Error(got)
	}
	if KindOf(nil) != Other || KindOf(os.ErrNotExist) != Other {
		t.Error("kinds of errors that are not ours")
	}
	err := error(&PathError{Op: "read", Path: "p", Kind: Corrupt, Offset: 5, Err: io.ErrUnexpectedEOF})
	if got := err.Error(); got != "read p at offset 5: unexpected EOF" {
		t.Error(got)
	}
}
