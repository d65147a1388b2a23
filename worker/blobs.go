package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/rdd/plan"
)

// blobs are the files of blobs and programs that this worker has. What is missing
// is fetched once for all that want it at a time.
type blobs struct {
	dir      string
	download func(ctx context.Context, d plan.Digest, to io.Writer) error

	mu  sync.Mutex
	all map[plan.Digest]*blob
}

// blob is one of them, or one under way.
type blob struct {
	here chan struct{} // closed when the fetch has ended
	path string
	err  error
}

func newBlobs(dir string, download func(context.Context, plan.Digest, io.Writer) error) *blobs {
	return &blobs{dir: dir, download: download, all: map[plan.Digest]*blob{}}
}

// find gives the file of a blob. What failed is tried again by who asks next.
func (b *blobs) find(ctx context.Context, d plan.Digest) (string, error) {
	if !d.Valid() {
		return "", fmt.Errorf("%q is no digest", d)
	}
	b.mu.Lock()
	x := b.all[d]
	mine := x == nil
	if mine {
		x = &blob{here: make(chan struct{})}
		b.all[d] = x
	}
	b.mu.Unlock()
	if !mine {
		select {
		case <-x.here:
			return x.path, x.err
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	x.path, x.err = b.get(ctx, d)
	if x.err != nil {
		b.mu.Lock()
		delete(b.all, d)
		b.mu.Unlock()
	}
	close(x.here)
	return x.path, x.err
}

// get fetches a blob into a file that has its name only when it is whole. Programs
// are blobs too, so all can be run.
func (b *blobs) get(ctx context.Context, d plan.Digest) (path string, err error) {
	path = filepath.Join(b.dir, string(d))
	f, err := os.CreateTemp(b.dir, "new-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
			path = ""
		}
	}()
	h := plan.NewHash()
	if err := b.download(ctx, d, io.MultiWriter(f, h)); err != nil {
		return path, fmt.Errorf("fetch blob %.12s: %w", d, err)
	}
	if got := plan.HashDigest(h); got != d {
		return path, fmt.Errorf("fetch blob %.12s: what came has digest %.12s", d, got)
	}
	return path, f.Chmod(0o700)
}

// download fetches a blob from the master.
func (w *Worker) download(ctx context.Context, d plan.Digest, to io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := msg.Dial(ctx, w.conn, msg.MethodGetBlob)
	if err != nil {
		return err
	}
	size, r, err := st.Get(d)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
