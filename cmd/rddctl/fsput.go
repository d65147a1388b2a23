package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/storage"
)

// putOptions are put's flags.
type putOptions struct {
	overwrite   bool
	replication int
	blockSize   bytesFlag
}

func fsPut() *cobra.Command {
	var o putOptions
	c := &cobra.Command{
		Use:   "put FILE… PATH",
		Short: "Copy local files to a store",
		Long: `Put copies local files to PATH: into it if it is a directory that is there, or
ends with /, which is made then; else to a file of that name. FILE may be - for
standard input. A file is there when all of it is; one that is there already is
left alone and is an error, unless --overwrite is given.`,
		Example: "  rddctl fs put day.log hdfs://namenode/logs/\n  zcat old.gz | rddctl fs put - /data/in/old.txt",
		Args:    needs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return onFiles(c.Context(), func(ctx context.Context) error {
				return o.put(ctx, args[:len(args)-1], args[len(args)-1])
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&o.overwrite, "overwrite", false, "replace files that are there")
	f.IntVar(&o.replication, "replication", 0, "copies of each block, in a store that keeps blocks (default the store's)")
	f.Var(&o.blockSize, "block-size", "bytes of a block there, as in 128MiB (default the store's)")
	return c
}

func (o *putOptions) put(ctx context.Context, from []string, to string) error {
	fs, path, err := storage.Lookup(to)
	if err != nil {
		return err
	}
	dir := to[len(to)-1] == '/'
	info, err := fs.Stat(ctx, path)
	switch {
	case err == nil && info.Dir:
		dir = true
	case err == nil && dir:
		return &storage.PathError{Op: "put", Path: path, Kind: storage.Invalid, Offset: -1, Err: errors.New("is a file, not a directory")}
	case err != nil && storage.KindOf(err) != storage.NotFound:
		return err
	case err != nil && dir:
		err = fs.MkdirAll(ctx, path)
		if err != nil {
			return err
		}
	}
	if len(from) > 1 && !dir {
		return fmt.Errorf("%s is no directory: end it with / to put %d files into it", to, len(from))
	}
	for _, f := range from {
		target := path
		if dir {
			if f == "-" {
				return fmt.Errorf("standard input has no name: give the path of a file instead of directory %s", to)
			}
			target = storage.Join(path, filepath.Base(f))
		}
		if err := o.putOne(ctx, fs, f, target); err != nil {
			return err
		}
	}
	return nil
}

// asked has an error tell of the file that is wanted, where it is about the one aside.
func asked(err error, aside, to string) error {
	if p := (*storage.PathError)(nil); errors.As(err, &p) && p.Path == aside {
		of := *p
		of.Op, of.Path = "put", to
		return &of
	}
	return err
}

// putOne writes one file aside, under a name that no job reads, and moves it to
// its place.
func (o *putOptions) putOne(ctx context.Context, fs storage.FileSystem, from, to string) (err error) {
	in := os.Stdin
	if from != "-" {
		if in, err = os.Open(from); err != nil {
			return &storage.PathError{Op: "put", Path: from, Kind: storage.NotFound, Offset: -1, Err: errors.Unwrap(err)}
		}
		defer func() { err = errors.Join(err, in.Close()) }()
		if i, err := in.Stat(); err == nil && i.IsDir() {
			return &storage.PathError{Op: "put", Path: from, Kind: storage.Invalid, Offset: -1, Err: errors.New("is a directory: give its files")}
		}
	}
	old, err := fs.Stat(ctx, to)
	switch {
	case err == nil && old.Dir:
		return &storage.PathError{Op: "put", Path: to, Kind: storage.Exists, Offset: -1, Err: errors.New("a directory is in the way")}
	case err == nil && !o.overwrite:
		return &storage.PathError{Op: "put", Path: to, Kind: storage.Exists, Offset: -1, Err: errors.New("is there already: choose another name, or --overwrite it")}
	case err != nil && storage.KindOf(err) != storage.NotFound:
		return err
	}
	there := err == nil
	aside := storage.Join(to, "..", "_put."+rand.Text())
	w, err := storage.CreateWith(ctx, fs, aside, storage.FileOptions{Replication: o.replication, BlockSize: int64(o.blockSize)})
	if err != nil {
		return asked(err, aside, to)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, readUntil{ctx, in}, make([]byte, 4<<20)); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if there {
		err = replace(ctx, fs, aside, to)
	} else {
		err = fs.Rename(ctx, aside, to)
	}
	if err != nil {
		return errors.Join(err, fs.Remove(context.WithoutCancel(ctx), aside))
	}
	return nil
}

// replace moves a file to the place of another one, which comes back if that fails:
// stores do not do it in one step.
func replace(ctx context.Context, fs storage.FileSystem, from, to string) error {
	old := storage.Join(to, "..", "_put."+rand.Text())
	if err := fs.Rename(ctx, to, old); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := fs.Rename(ctx, from, to); err != nil {
		return errors.Join(err, fs.Rename(ctx, old, to))
	}
	return fs.Remove(ctx, old)
}
