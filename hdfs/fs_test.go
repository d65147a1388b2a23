//go:build unix

package hdfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/storage"
)

func TestFilesComeBackAsWritten(t *testing.T) {
	_, store, dir := start(t)
	for _, n := range []int{0, 1, 511, 512, 513, 64 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 77} {
		path := storage.Join(dir, "f"+strings.Repeat("x", n%7)+string(rune('a'+n%26)))
		data := text(n)
		write(t, store, path, data)
		wantFile(t, store, path, data)
		info, err := store.Stat(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != int64(n) || !info.Regular || info.Dir || info.ID == 0 || info.ModTime.IsZero() || info.Path != path {
			t.Errorf("file of %d bytes is described as %+v", n, info)
		}
		wantBlocks(t, info)
		if err := store.Remove(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
}

// wantBlocks looks whether blocks cover a file, each on hosts of the lab's rack. Of three replicas
// some may not have been reported yet.
func wantBlocks(t *testing.T, info storage.Info) {
	t.Helper()
	var at int64
	for _, b := range info.Blocks {
		racks := slices.Repeat([]string{"/rack1"}, len(b.Hosts))
		if b.Offset != at || len(b.Hosts) < 1 || len(b.Hosts) > 3 || !slices.Equal(b.Racks, racks) {
			t.Errorf("%s: block %+v begins not at %d, or is not on hosts of a rack", info.Path, b, at)
		}
		at += b.Length
	}
	if at != info.Size {
		t.Errorf("%s: blocks end at %d of %d bytes", info.Path, at, info.Size)
	}
}

func TestReadAnywhere(t *testing.T) {
	_, store, dir := start(t)
	path, data := storage.Join(dir, "f"), text(2<<20+100)
	write(t, store, path, data)
	f, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, at := range []int64{0, 5, 1 << 20, 1<<20 - 3, 2<<20 + 99, 700, 701, 2<<20 + 100} {
		buf := make([]byte, 900)
		n, err := f.ReadAt(buf, at)
		want := data[at:min(at+900, int64(len(data)))]
		if string(buf[:n]) != string(want) || (err != nil) != (len(want) < 900) || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt %d: %d bytes, %v", at, n, err)
		}
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != string(data) {
		t.Errorf("Read after ReadAt: %d bytes, %v", len(got), err)
	}
	if at, err := f.Seek(-50, io.SeekEnd); err != nil || at != int64(len(data)-50) {
		t.Errorf("Seek: %d, %v", at, err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != string(data[len(data)-50:]) {
		t.Errorf("Read after Seek: %d bytes, %v", len(got), err)
	}
}

func TestErrorsHaveTheirKinds(t *testing.T) {
	l, store, dir := start(t)
	ctx := t.Context()
	file, full, none := storage.Join(dir, "file"), storage.Join(dir, "full"), storage.Join(dir, "none")
	write(t, store, file, text(10))
	if err := store.MkdirAll(ctx, storage.Join(full, "sub")); err != nil {
		t.Fatal(err)
	}
	if err := store.MkdirAll(ctx, full); err != nil {
		t.Errorf("a directory that is there: %v", err)
	}
	if err := store.RemoveAll(ctx, none); err != nil {
		t.Errorf("RemoveAll of nothing: %v", err)
	}
	for _, c := range []struct {
		what string
		err  error
		want storage.Kind
	}{
		{"stat of nothing", second(store.Stat(ctx, none)), storage.NotFound},
		{"open of nothing", second(store.Open(ctx, none)), storage.NotFound},
		{"list of nothing", second(store.List(ctx, none)), storage.NotFound},
		{"list of a file", second(store.List(ctx, file)), storage.Invalid},
		{"open of a directory", second(store.Open(ctx, full)), storage.Invalid},
		{"create of what is there", second(store.Create(ctx, file)), storage.Exists},
		{"create over a directory", second(store.Create(ctx, full)), storage.Exists},
		{"create in nothing", second(store.Create(ctx, storage.Join(none, "f"))), storage.NotFound},
		{"make a directory of a file", store.MkdirAll(ctx, file), storage.Exists},
		{"make a directory in a file", store.MkdirAll(ctx, storage.Join(file, "d")), storage.Invalid},
		{"remove of nothing", store.Remove(ctx, none), storage.NotFound},
		{"remove of a full directory", store.Remove(ctx, full), storage.Exists},
		{"rename of nothing", store.Rename(ctx, none, storage.Join(dir, "new")), storage.NotFound},
		{"rename over a file", store.Rename(ctx, file, storage.Join(full, "sub")), storage.Exists},
		{"rename over a directory", store.Rename(ctx, storage.Join(full, "sub"), full), storage.Exists},
		{"rename into nothing", store.Rename(ctx, file, storage.Join(none, "f")), storage.NotFound},
		{"rename to another cluster", store.Rename(ctx, file, strings.Replace(file, "127.0.0.1", "localhost", 1)), storage.Invalid},
		{"bad address", second(store.Stat(ctx, "hdfs://a:b:c/f")), storage.Invalid},
	} {
		wantKind(t, c.what, c.err, c.want)
		if text := c.err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "java.") {
			t.Errorf("%s: error has Java in it: %s", c.what, text)
		}
	}
	if !errors.Is(second(store.Stat(ctx, none)), fs.ErrNotExist) {
		t.Error("errors.Is does not find fs.ErrNotExist")
	}
	nobody := newFileSystem(func() (*site, error) { return newSite(nil, "", "nobody") })
	err := nobody.MkdirAll(ctx, l.URL("/not-for-nobody"))
	wantKind(t, "directory of another user", err, storage.Permission)
	if !strings.Contains(err.Error(), "user=nobody") {
		t.Errorf("error does not say who may not: %v", err)
	}
	wantKind(t, "file of another user", second(nobody.Create(ctx, l.URL("/f"))), storage.Permission)
}

func second[T any](_ T, err error) error { return err }

func TestListInManyPieces(t *testing.T) {
	_, store, dir := start(t)
	const n = 400 // three replicas each: more than the name node puts into one answer
	var want []string
	for i := range n {
		path := storage.Join(dir, strings.Repeat(string(rune('a'+i%26)), 1+i/26))
		want = append(want, path)
		write(t, store, path, []byte("x"))
	}
	slices.Sort(want)
	infos, err := store.List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, info := range infos {
		got = append(got, info.Path)
		wantBlocks(t, info)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d files are listed, not the %d that are there in their order", len(got), len(want))
	}
}

func TestCancelEndsWhatIsUnderWay(t *testing.T) {
	_, store, dir := start(t)
	path := storage.Join(dir, "f")
	write(t, store, path, text(3<<20))
	ctx, cancel := context.WithCancelCause(t.Context())
	f, err := store.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(ctx, path+".new")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text(2 << 20)); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("the job was stopped")
	cancel(stopped)
	if _, err := io.ReadAll(f); !errors.Is(err, stopped) {
		t.Errorf("read after the end of its context: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := w.Write(text(2 << 20)); err == nil {
		t.Error("write after the end of its context succeeded")
	}
	if err := w.Close(); err == nil {
		t.Error("close of a cancelled file succeeded")
	}
	wantKind(t, "the file of a cancelled writer", second(store.Stat(t.Context(), path+".new")), storage.NotFound)
	if err := second(store.Stat(ctx, path)); !errors.Is(err, stopped) {
		t.Errorf("call after the end of its context: %v", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	_, store, dir := start(t)
	path := storage.Join(dir, "f")
	w, err := store.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text(1<<20 + 5)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "an aborted file", second(store.Stat(t.Context(), path)), storage.NotFound)
	write(t, store, path, text(5)) // its lease is in nobody's way
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, store, path, text(5))
}
