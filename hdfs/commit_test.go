//go:build unix

package hdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/storage"
	"github.com/gordd-project/gordd/typed"
)

// attempt writes the file of an attempt and says what it wrote.
func attempt(t *testing.T, c *storage.Committer, partition int, seq uint64, data []byte) storage.Winner {
	t.Helper()
	a := storage.Attempt{Gen: 1, Partition: partition, Term: 1, Seq: seq}
	w, err := c.Create(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return storage.Winner{Attempt: a, Rows: 1, Bytes: w.Size()}
}

func TestOutputAppearsOnceAndWhole(t *testing.T) {
	_, store, dir := start(t)
	ctx := t.Context()
	out := storage.Output{Dir: storage.Join(dir, "out"), ID: "job.1", Sync: true, Nonce: storage.NewNonce()}
	c, err := storage.NewCommitter(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	const parts = 20
	winners := make([]storage.Winner, parts)
	for i := range parts {
		winners[i] = attempt(t, c, i, 2*uint64(i), fmt.Appendln(nil, "row", i))
	}
	loser := attempt(t, c, 3, 99, []byte("lost\n"))
	if err := c.Discard(ctx, loser.Attempt); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "the output before it is published", second(store.Stat(ctx, out.Dir)), storage.NotFound)
	// Two masters that both believe that they are to publish.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = c.Publish(ctx, winners) })
	}
	wg.Wait()
	// One may have met the other half way; all steps can be repeated.
	if err := errors.Join(errs...); err != nil {
		t.Log(err)
	}
	if err := c.Publish(ctx, winners); err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	infos, err := store.List(ctx, out.Dir)
	if err != nil || len(infos) != parts+2 {
		t.Fatalf("%d files, %v", len(infos), err)
	}
	for i := range parts {
		wantFile(t, store, storage.Join(out.Dir, c.PartName(i)), fmt.Appendln(nil, "row", i))
	}
	wantFile(t, store, storage.Join(out.Dir, storage.SuccessName), nil)
	if m, err := storage.ReadManifest(ctx, out.Dir); err != nil || len(m.Parts) != parts {
		t.Errorf("manifest %+v, %v", m, err)
	}
	wantKind(t, "staging after Collect", second(store.Stat(ctx, c.Staging())), storage.NotFound)

	wantKind(t, "the same output again", prepare(t, out), storage.Exists)
	_, err = c.Create(ctx, storage.Attempt{Gen: 1, Partition: 1, Term: 1, Seq: 100})
	wantKind(t, "an attempt that is late", err, storage.NotFound)
	out.Overwrite, out.ID = true, "job.2"
	if err := prepare(t, out); err != nil {
		t.Errorf("with Overwrite: %v", err)
	}
}

func prepare(t *testing.T, out storage.Output) error {
	t.Helper()
	c, err := storage.NewCommitter(out)
	if err != nil {
		t.Fatal(err)
	}
	return c.Prepare(t.Context())
}

func TestReplicationAndBlockSizeOfOutputs(t *testing.T) {
	l, store, dir := start(t)
	path := storage.Join(dir, "f")
	write(t, other(t, l, map[string]string{keyReplication: "2", keyBlockSize: "64k"}), path, text(200_000))
	wantKept(t, store, path, 2, 64<<10)

	ctx := t.Context()
	s, err := typed.NewSession(ctx, typed.Options{Cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	out := storage.Join(dir, "out")
	err = s.Range(20_000, typed.Partitions(1)).SaveAsTextFile(ctx, out, typed.Replication(1), typed.BlockSize(4096))
	if err != nil {
		t.Fatal(err)
	}
	wantKept(t, store, storage.Join(out, "part-00000"), 1, 4096)
	err = s.Range(2).SaveAsTextFile(ctx, out+"2", typed.BlockSize(1000))
	if err == nil || !strings.Contains(err.Error(), "multiple of 512") {
		t.Errorf("a block size of 1000: %v", err)
	}
}

func wantKept(t *testing.T, store storage.FileSystem, url string, replication uint32, blockSize uint64) {
	t.Helper()
	p, err := store.(*fileSystem).at("stat", url)
	if err == nil {
		err = p.call(t.Context(), func(c *client) error {
			st, err := c.stat(p.path)
			if err == nil && (st.GetBlockReplication() != replication || st.GetBlocksize() != blockSize) {
				t.Errorf("%s has %d replicas of blocks of %d bytes, want %d of %d", url, st.GetBlockReplication(), st.GetBlocksize(), replication, blockSize)
			}
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The whole way of a program: list, read, write, commit.
func TestWordCount(t *testing.T) {
	_, store, dir := start(t)
	ctx := t.Context()
	want := map[string]int64{}
	var lines [3]bytes.Buffer
	for i := range 30_000 {
		word := fmt.Sprint("w", i%97)
		want[word]++
		_, _ = fmt.Fprintf(&lines[i%3], "%s ", word)
		if i%7 == 0 {
			lines[i%3].WriteByte('\n')
		}
	}
	in, out := storage.Join(dir, "in"), storage.Join(dir, "out")
	if err := store.MkdirAll(ctx, in); err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		write(t, store, storage.Join(in, fmt.Sprint(i, ".txt")), lines[i].Bytes())
	}
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.TextFile(in+"/*.txt").
		FlatMap(strings.FieldsSeq).
		MapToPair(func(w string) (string, int64) { return w, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }).
		SaveAsTextFile(ctx, out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	rows, err := s.TextFile(out).Collect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var word string
		var n int64
		if _, err := fmt.Sscan(row, &word, &n); err != nil {
			t.Fatal(err)
		}
		got[word] = n
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	err = s.TextFile(in).SaveAsTextFile(ctx, out)
	wantKind(t, "an output that is there", err, storage.Exists)
	_, err = s.TextFile(storage.Join(dir, "none")).Count(context.WithoutCancel(ctx))
	wantKind(t, "an input that is not there", err, storage.NotFound)
}
