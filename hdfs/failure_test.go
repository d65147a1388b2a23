//go:build unix

package hdfs

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/hdfslab"
	"github.com/gordd-project/gordd/storage"
)

// labTime bounds the wait for the lab to be whole again.
const labTime = 5 * time.Minute

// whole brings a lab back to what other tests expect.
func whole(t *testing.T, l *hdfslab.Lab) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), labTime)
	defer stop()
	if err := l.Repair(ctx); err != nil {
		t.Fatal(err)
	}
}

// replicaFiles finds the files in which data nodes have the only block of a file with these bytes.
func replicaFiles(t *testing.T, l *hdfslab.Lab, data []byte) (files []string) {
	t.Helper()
	for _, d := range l.Data {
		blocks, err := d.Blocks()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			if got, err := os.ReadFile(b); err == nil && bytes.Equal(got, data) {
				files = append(files, b)
			}
		}
	}
	return files
}

func flip(t *testing.T, files []string, at int64) {
	t.Helper()
	for _, f := range files {
		if err := hdfslab.Flip(f, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCorruptReplicaIsNotRead(t *testing.T) {
	l, store, dir := start(t)
	path, data := storage.Join(dir, "f"), text(300_001)
	write(t, store, path, data)
	files := replicaFiles(t, l, data)
	if len(files) != 3 {
		t.Fatalf("%d replicas, not 3", len(files))
	}
	// Two of three: whichever is read first, it is likely a bad one.
	flip(t, files[:2], 100_000)
	for range 10 {
		wantFile(t, store, path, data)
	}
	f, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 64<<10)
	if _, err := f.ReadAt(buf, 99_000); err != nil || !bytes.Equal(buf, data[99_000:99_000+len(buf)]) {
		t.Errorf("ReadAt over the wrong byte: %v", err)
	}
}

func TestOnlyReplicaCorrupt(t *testing.T) {
	l, _, dir := start(t)
	store := other(t, l, map[string]string{keyReplication: "1"})
	path, data := storage.Join(dir, "f"), text(200_003)
	write(t, store, path, data)
	files := replicaFiles(t, l, data)
	if len(files) != 1 {
		t.Fatalf("%d replicas, not 1", len(files))
	}
	flip(t, files, 150_000)
	got, err := read(t.Context(), store, path)
	wantKind(t, "a file whose bytes are wrong", err, storage.Corrupt)
	if !bytes.HasPrefix(data, got) {
		t.Error("wrong bytes were read before the error")
	}
	if err != nil && !strings.Contains(err.Error(), "data node 127.0.0.1") {
		t.Errorf("error does not name the data node: %v", err)
	}
}

// holders finds the data nodes that have a file's first block.
func holders(t *testing.T, l *hdfslab.Lab, store storage.FileSystem, path string) (nodes []int) {
	t.Helper()
	info, err := store.Stat(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Data {
		if slices.Contains(info.Blocks[0].Hosts, l.Address(i)) {
			nodes = append(nodes, i)
		}
	}
	return nodes
}

// nodeOf finds the data node that an open file is being read from.
func nodeOf(t *testing.T, l *hdfslab.Lab, f storage.File) *hdfslab.Daemon {
	t.Helper()
	c := f.(*reader).c
	c.mu.Lock()
	defer c.mu.Unlock()
	for o, to := range c.open {
		if to == toData {
			return l.Data[slices.IndexFunc(l.Data, func(d *hdfslab.Daemon) bool {
				return strings.HasPrefix(o.(*conn).addr, l.Address(slices.Index(l.Data, d))+":")
			})]
		}
	}
	t.Fatal("the file is not being read")
	return nil
}

func TestDataNodeLostWhileReading(t *testing.T) {
	l, _, dir := start(t)
	// A block is more than what may be on its way already.
	store := other(t, l, map[string]string{keyBlockSize: "32m"})
	path, data := storage.Join(dir, "f"), text(32<<20)
	write(t, store, path, data)
	for _, c := range []struct {
		name string
		lose func(*hdfslab.Daemon) error
	}{{"killed", (*hdfslab.Daemon).Kill}, {"hung", (*hdfslab.Daemon).Pause}} {
		t.Run(c.name, func(t *testing.T) {
			defer whole(t, l)
			f, err := store.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			got := make([]byte, 100_000, len(data))
			if _, err := io.ReadFull(f, got); err != nil {
				t.Fatal(err)
			}
			node := nodeOf(t, l, f)
			if err := c.lose(node); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(append(got, rest...), data) {
				t.Error("other bytes were read than written")
			}
		})
	}
}

func TestAllReplicasLost(t *testing.T) {
	l, _, dir := start(t)
	store := other(t, l, map[string]string{keyReplication: "1"})
	path, data := storage.Join(dir, "f"), text(1000)
	write(t, store, path, data)
	node := holders(t, l, store, path)[0]
	defer whole(t, l)
	if err := l.Data[node].Kill(); err != nil {
		t.Fatal(err)
	}
	_, err := read(t.Context(), store, path)
	if err == nil || !strings.Contains(err.Error(), "data node "+l.Address(node)) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error does not say which data node is lost: %v", err)
	}
}

func TestDataNodesLostWhileWriting(t *testing.T) {
	l, store, dir := start(t)
	for _, c := range []struct {
		name string
		lose func(*hdfslab.Daemon) error
	}{{"killed", (*hdfslab.Daemon).Kill}, {"hung", (*hdfslab.Daemon).Pause}} {
		t.Run(c.name, func(t *testing.T) {
			defer whole(t, l)
			// A large file and a small one are being written when two of four nodes go: any
			// pipeline of three has one of them.
			large, small := storage.Join(dir, c.name+".large"), storage.Join(dir, c.name+".small")
			lw, err := store.Create(t.Context(), large)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lw.Write(text(3 << 20)); err != nil {
				t.Fatal(err)
			}
			sw, err := store.Create(t.Context(), small)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sw.Write(text(100_000)); err != nil {
				t.Fatal(err)
			}
			for _, d := range l.Data[:2] {
				if err := c.lose(d); err != nil {
					t.Fatal(err)
				}
			}
			_, err = lw.Write(text(1<<20 + 1))
			if err == nil {
				err = lw.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "data node") {
				t.Errorf("error does not blame a data node: %v", err)
			}
			if again := lw.Close(); again == nil {
				t.Error("the error is not repeated")
			}
			wantKind(t, "the file of a failed writer", second(store.Stat(t.Context(), large)), storage.NotFound)
			if err := sw.Close(); err != nil {
				t.Errorf("the small file was not written again: %v", err)
			}
			wantFile(t, store, small, text(100_000))
			// The replay is a new file.
			whole(t, l)
			write(t, store, large, text(3<<20))
			wantFile(t, store, large, text(3<<20))
		})
	}
}

// A block that nothing was written of goes to data nodes that answer, before the name node knows
// of those that do not.
func TestDataNodesLostBeforeABlockBegins(t *testing.T) {
	l, store, dir := start(t)
	for _, c := range []struct {
		name string
		lose func(*hdfslab.Daemon) error
	}{{"killed", (*hdfslab.Daemon).Kill}, {"hung", (*hdfslab.Daemon).Pause}} {
		t.Run(c.name, func(t *testing.T) {
			defer whole(t, l)
			path, data := storage.Join(dir, c.name), text(2<<20+5)
			w, err := store.Create(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range l.Data[:2] { // of four: one of three is chosen surely
				if err := c.lose(d); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			wantFile(t, store, path, data)
		})
	}
}

func TestNameNodeRestarts(t *testing.T) {
	l, store, dir := start(t)
	path, data := storage.Join(dir, "f"), text(2<<20)
	write(t, store, path, data)
	f, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(t.Context(), path+".small")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data[:100_000]); err != nil {
		t.Fatal(err)
	}
	defer whole(t, l)
	if err := l.Name.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(f); err != nil || !bytes.Equal(rest, data[1:]) {
		t.Errorf("an open file needs no name node: %d bytes, %v", len(rest), err)
	}
	if err := l.Name.Start(); err != nil {
		t.Fatal(err)
	}
	// While it starts, calls wait, and changes until it has left safe mode.
	if err := w.Close(); err != nil {
		t.Errorf("a small file that was being written: %v", err)
	}
	wantFile(t, store, path+".small", data[:100_000])
	if err := store.Rename(t.Context(), path, path+".new"); err != nil {
		t.Error(err)
	}
	wantFile(t, store, path+".new", data)
}

func TestNameNodeHangs(t *testing.T) {
	l, store, dir := start(t)
	path := storage.Join(dir, "f")
	write(t, store, path, text(10))
	defer whole(t, l)
	if err := l.Name.Pause(); err != nil {
		t.Fatal(err)
	}
	resumed := make(chan error)
	go func() {
		time.Sleep(2 * opTime) // longer than a call's deadline: that is what is tested
		resumed <- l.Name.Resume()
	}()
	wantFile(t, store, path, text(10))
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	wantFile(t, store, path, text(10))
}

func TestSafeMode(t *testing.T) {
	l, store, dir := start(t)
	path := storage.Join(dir, "f")
	write(t, store, path, text(10))
	admin := other(t, l, nil)
	safe := func(action int) {
		p, err := admin.at("safe mode", dir)
		if err == nil {
			err = p.call(context.Background(), func(c *client) error { return c.safeMode(action) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const leave, enter = 1, 2
	safe(enter)
	defer safe(leave)
	wantFile(t, store, path, text(10))
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if err := store.MkdirAll(ctx, storage.Join(dir, "d")); err == nil {
		t.Error("a directory was made in safe mode")
	}
	made := make(chan error)
	go func() { made <- store.MkdirAll(t.Context(), storage.Join(dir, "d")) }()
	safe(leave)
	if err := <-made; err != nil {
		t.Errorf("after safe mode: %v", err)
	}
}

func TestFirstOfTwoNameNodesIsDead(t *testing.T) {
	l, store, dir := start(t)
	write(t, store, storage.Join(dir, "f"), text(10))
	under := strings.TrimPrefix(dir, l.URL(""))
	authority := "127.0.0.1:1," + l.Namenode()
	wantFile(t, store, "hdfs://"+authority+under+"/f", text(10))
	files, err := storage.Expand(t.Context(), "hdfs://"+authority+under+"/*,"+storage.Join(dir, "f"), storage.ExpandOptions{})
	if err != nil || len(files) != 2 || files[0].Path != "hdfs://"+authority+under+"/f" {
		t.Errorf("a pattern below two name nodes, and a path below one: %+v, %v", files, err)
	}
	service := other(t, l, map[string]string{
		"fs.defaultFS": "hdfs://both", "dfs.ha.namenodes.both": "a, b",
		"dfs.namenode.rpc-address.both.a": "127.0.0.1:1", "dfs.namenode.rpc-address.both.b": l.Namenode(),
	})
	wantFile(t, service, "hdfs://both"+under+"/f", text(10))
	wantFile(t, service, "hdfs://"+under+"/f", text(10))
}

func TestNobodyAnswers(t *testing.T) {
	l, _, _ := start(t)
	store := other(t, l, nil)
	ctx, stop := context.WithTimeout(t.Context(), labTime)
	defer stop()
	began := time.Now()
	_, err := store.Stat(ctx, "hdfs://127.0.0.1:1/f")
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error does not say who does not answer: %v", err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("a wrong address was tried for %v", took)
	}
	_, err = store.Stat(ctx, "hdfs://no-such-host.invalid/f")
	if err == nil || !strings.Contains(err.Error(), "no-such-host.invalid") {
		t.Errorf("error does not name the host: %v", err)
	}
}

func TestInputChangesUnderAJob(t *testing.T) {
	l, store, dir := start(t)
	raw := other(t, l, nil)
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"appended", func(t *testing.T, path string) {
			p, err := raw.at("append", path)
			if err != nil {
				t.Fatal(err)
			}
			err = p.call(ctx, func(c *client) error {
				w, err := c.lib.Append(p.path)
				if err != nil {
					return err
				}
				if _, err := w.Write([]byte("more\n")); err != nil {
					return err
				}
				return w.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"deleted", func(t *testing.T, path string) {
			if err := store.Remove(ctx, path); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced", func(t *testing.T, path string) {
			if err := store.Remove(ctx, path); err != nil {
				t.Fatal(err)
			}
			write(t, store, path, text(1<<20))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := storage.Join(dir, c.name)
			write(t, store, path, text(1<<20))
			files, err := storage.Expand(ctx, path, storage.ExpandOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s := storage.Splits(files, storage.SplitOptions{MinSplits: 1})[0]
			r := storage.OpenText(s, storage.TextOptions{ChunkBytes: 64 << 10})
			defer func() { _ = r.Close() }()
			if _, err := r.Next(ctx); err != nil {
				t.Fatal(err)
			}
			c.change(t, path)
			for err == nil {
				_, err = r.Next(ctx)
			}
			wantKind(t, "reading on", err, storage.Changed)
		})
	}
}

// A program that is killed leaves a file open; the next makes it anew.
func TestLeftoverIsReplaced(t *testing.T) {
	l, store, dir := start(t)
	path := storage.Join(dir, filepath.Base(t.Name()))
	dead := other(t, l, nil)
	w, err := dead.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text(1<<20 + 1)); err != nil {
		t.Fatal(err)
	}
	w.(*writer).c.cut()
	wantKind(t, "create of what is there", second(store.Create(t.Context(), path)), storage.Exists)
	wantOpen(t, l, path, true)
	if err := store.RemoveAll(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := store.MkdirAll(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	write(t, store, path, text(9))
	wantFile(t, store, path, text(9))
	wantOpen(t, l, path, false)
}

// wantOpen says whether the name node shall take a file to be open for writing.
func wantOpen(t *testing.T, l *hdfslab.Lab, path string, want bool) {
	t.Helper()
	open, err := l.BeingWritten(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(open, strings.TrimPrefix(path, l.URL(""))) != want {
		t.Errorf("open for writing are %q", open)
	}
}
