//go:build unix

package hdfs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/storage"
)

// BenchmarkPlan lists ten thousand files with the places of their blocks and makes splits.
func BenchmarkPlan(b *testing.B) {
	const files = 10_000
	l, _, dir := start(b)
	store := other(b, l, map[string]string{keyReplication: "3"})
	if there, err := store.List(b.Context(), dir); err != nil || len(there) != files {
		fill(b, store, dir, files)
	}
	var before, after runtime.MemStats
	var splits []storage.Split
	var held uint64
	for b.Loop() {
		clear(splits)
		runtime.GC()
		runtime.ReadMemStats(&before)
		infos, err := storage.Expand(b.Context(), dir, storage.ExpandOptions{})
		if err != nil || len(infos) != files {
			b.Fatalf("%d files, %v", len(infos), err)
		}
		splits = storage.Splits(infos, storage.SplitOptions{MinSplits: 64})
		runtime.GC() // infos are not used any more, splits are
		runtime.ReadMemStats(&after)
		held = after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
	}
	b.ReportMetric(float64(held)/files, "B/file")
	b.ReportMetric(float64(len(splits)), "splits")
}

// fill makes small files, many at a time.
func fill(b *testing.B, store storage.FileSystem, dir string, files int) {
	b.Helper()
	names := make(chan string)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for name := range names {
				write(b, store, storage.Join(dir, name), []byte("one line\n"))
			}
		})
	}
	for i := range files {
		names <- fmt.Sprintf("part-%05d", i)
	}
	close(names)
	wg.Wait()
}

// BenchmarkRead reads a file of 128 MiB, from HDFS and from the local disk.
func BenchmarkRead(b *testing.B) {
	const size = 128 << 20
	l, _, dir := start(b)
	hdfs := other(b, l, map[string]string{keyBlockSize: "64m"})
	local := filepath.Join(b.TempDir(), "f")
	data := text(size)
	if err := os.WriteFile(local, data, 0o644); err != nil {
		b.Fatal(err)
	}
	remote := storage.Join(dir, "f")
	if err := hdfs.RemoveAll(b.Context(), remote); err != nil {
		b.Fatal(err)
	}
	write(b, hdfs, remote, data)
	for _, c := range []struct {
		name, path string
		store      storage.FileSystem
	}{{"hdfs", remote, hdfs}, {"local", local, storage.Local{}}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			buf := make([]byte, 1<<20)
			for b.Loop() {
				f, err := c.store.Open(b.Context(), c.path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
				if err != nil || n != size {
					b.Fatalf("%d bytes, %v", n, err)
				}
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWrite writes a file of 64 MiB with three replicas.
func BenchmarkWrite(b *testing.B) {
	const size = 64 << 20
	l, _, dir := start(b)
	store := other(b, l, map[string]string{keyBlockSize: "64m"})
	data := text(size)
	b.SetBytes(size)
	for b.Loop() {
		path := storage.Join(dir, "f")
		if err := store.RemoveAll(b.Context(), path); err != nil {
			b.Fatal(err)
		}
		write(b, store, path, data)
	}
}
