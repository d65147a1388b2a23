package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/storage"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out, err := storage.NewCommitter(storage.Output{Dir: filepath.Join(dir, "out"), ID: "job-1.0", Compression: "zstd"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := commit(ctx, out, "one\ntwo\n", "three\n"); err != nil {
		fmt.Println(err)
		return
	}
	if err := show(ctx, out.Dir()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// part-00000.zst 0 one
	// part-00000.zst 4 two
	// part-00001.zst 0 three
}

func commit(ctx context.Context, out *storage.Committer, parts ...string) error {
	if err := out.Prepare(ctx); err != nil {
		return err
	}
	var winners []storage.Winner
	for p, content := range parts {
		a := storage.Attempt{Partition: p}
		w, err := out.Create(ctx, a)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return errors.Join(err, w.Abort())
		}
		if err := w.Close(); err != nil {
			return err
		}
		winners = append(winners, storage.Winner{Attempt: a, Bytes: w.Size()})
	}
	if err := out.Publish(ctx, winners); err != nil {
		return err
	}
	return out.Collect(ctx)
}

func show(ctx context.Context, path string) error {
	files, err := storage.Expand(ctx, path, storage.ExpandOptions{})
	if err != nil {
		return err
	}
	for _, s := range storage.Splits(files, storage.SplitOptions{}) {
		r := storage.OpenText(s, storage.TextOptions{})
		for {
			c, err := r.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
			for i, line := range c.Lines {
				fmt.Println(filepath.Base(c.Path), c.Offset(i), line)
			}
		}
	}
	return nil
}
