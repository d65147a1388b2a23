package hdfs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	lib "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"

	"github.com/gordd-project/gordd/storage"
)

var errClosed = &knownError{storage.Invalid, "file is closed", fs.ErrClosed}

const (
	// maxHead is how many bytes a writer remembers: a file that is not longer survives the loss
	// of data nodes and of the name node's connection, by being written again.
	maxHead = 1 << 20
	// What HDFS takes: copies of a block, and of what its size is a multiple.
	maxReplication   = 512
	bytesPerChecksum = 512
	// endTime bounds the wait for the last replicas of a file, and how long it is written again and
	// again. A restart of the name node may take most of it: there are some tries in any case.
	endTime  = 30 * time.Second
	minTries = 4
)

// Create makes a new file in an existing directory, with the site's replication and block size or
// else the cluster's.
func (fs *fileSystem) Create(ctx context.Context, url string) (storage.Writer, error) {
	return fs.CreateWith(ctx, url, storage.FileOptions{})
}

// CreateWith makes a new file with the replication and block size given.
func (fs *fileSystem) CreateWith(ctx context.Context, url string, opt storage.FileOptions) (storage.Writer, error) {
	p, err := fs.at("create", url)
	if err != nil {
		return nil, err
	}
	if opt.Replication < 0 || opt.Replication > maxReplication || opt.BlockSize < 0 || opt.BlockSize%bytesPerChecksum != 0 {
		return nil, pathError("create", url, &knownError{storage.Invalid, fmt.Sprintf(
			"replication %d and block size %d: at most %d copies, and blocks of a multiple of %d bytes", opt.Replication, opt.BlockSize, maxReplication, bytesPerChecksum), nil})
	}
	w := &writer{place: p}
	w.again = func() error { return w.create(ctx, opt) }
	w.delete = func() error { return w.remove(ctx) }
	w.wait = func(d time.Duration) error { return wait(ctx, d) }
	w.move = func() bool { return w.elsewhere(ctx) }
	if err := w.again(); err != nil {
		return nil, pathError("create", url, err)
	}
	return w, nil
}

// writer is a file being written. It has a client for itself, so that its lease ends with it.
type writer struct {
	place
	again  func() error // makes the file anew
	delete func() error
	wait   func(time.Duration) error
	move   func() bool // gives a block that cannot be begun to other data nodes

	c       *client // nil once closed or failed
	f       *lib.FileWriter
	stop    func() bool  // watching the context
	head    bytes.Buffer // all that was written, while that is little
	written int64
	err     error
	silent  []proto.Message // data nodes that did not answer for the block that is to begin
}

// create makes the file with a new client. The parent is not made: a writer that is late finds its
// directory gone.
func (w *writer) create(ctx context.Context, opt storage.FileOptions) error {
	return w.retry(ctx, func() error {
		c, err := w.take(ctx)
		if err != nil {
			return err
		}
		replication := cmp.Or(opt.Replication, w.site.replication, c.defaults.Replication)
		blockSize := cmp.Or(opt.BlockSize, w.site.blockSize, c.defaults.BlockSize)
		f, err := c.lib.CreateFile(w.path, replication, blockSize, fileMode)
		if err = w.judge(libraryError(err, w.site.user)); err != nil {
			if lost(err) {
				c.cut()
			}
			w.give(c)
			return err
		}
		w.c, w.f = c, f
		w.stop = context.AfterFunc(ctx, c.cut)
		return nil
	})
}

// Write appends p. An error removes the file, and is repeated by later calls.
func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil && w.c == nil {
		return 0, pathError("write", w.url, errClosed)
	}
	if w.err != nil {
		return 0, w.err
	}
	if len(p) == 0 { // the library would ask for a block, and never fill it
		return 0, nil
	}
	small := w.remember(p)
	err := w.put(p)
	if err != nil && small {
		err = w.rewrite(err, false)
	}
	if err != nil {
		w.fail(err)
		return 0, w.err
	}
	w.written += int64(len(p))
	return len(p), nil
}

// remember keeps p, and says whether all that was written is still known.
func (w *writer) remember(p []byte) bool {
	if int64(w.head.Len()) != w.written || w.head.Len()+len(p) > maxHead {
		w.head = bytes.Buffer{}
		return false
	}
	w.head.Write(p)
	return true
}

func (w *writer) put(p []byte) error {
	w.silent = nil
	n, err := w.f.Write(p)
	for moves := 0; err != nil && moves < maxMoves && w.move(); {
		moves++
		p = p[n:]
		if n, err = w.f.Write(p); n > 0 { // another block, for which the name node may choose the same nodes
			moves = 0
		}
	}
	// What a data node did not take is in the client's notes before the library sees it.
	if troubles := w.c.forget(); troubles != nil {
		return troubles
	}
	if err == nil && w.c.broken() {
		return errCut
	}
	return w.pipelineError(err)
}

// pipelineError says whose an error is: the name node's, or that of data nodes, of which the
// library does not name the one that failed.
func (w *writer) pipelineError(err error) error {
	if err = libraryError(err, w.site.user); err == nil || kindOf(err) != storage.Other {
		return err
	}
	if _, e := remote(err); e != nil {
		return err
	}
	if e := w.c.nameLost(); e != nil {
		return w.judge(e)
	}
	return fmt.Errorf("a data node that the block was sent to failed: %w", err)
}

// rewrite makes the file anew with what is remembered, since any data node may be to blame and the
// library does not change them: the name node chooses others, after a while surely.
func (w *writer) rewrite(err error, end bool) error {
	began, pause := time.Now(), 200*time.Millisecond
	for try := 0; try < minTries || time.Since(began) < endTime; try++ {
		w.leave()
		if e := w.wait(pause); e != nil {
			return e
		}
		pause = min(2*pause, maxPause)
		if e := w.delete(); e != nil {
			return errors.Join(err, e)
		}
		if e := w.again(); e != nil {
			return errors.Join(err, e)
		}
		err = w.put(w.head.Bytes())
		if err == nil && end {
			err = w.complete()
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// leave ends the client, and so the lease.
func (w *writer) leave() {
	if w.c == nil {
		return
	}
	w.stop()
	w.c.cut()
	_ = w.f.Close() // it ends the library's goroutines, not the file: nothing is sent any more
	w.give(w.c)
	w.c, w.f = nil, nil
}

// fail records the error with the bytes written before and removes the file.
func (w *writer) fail(err error) {
	w.leave()
	e := pathError("write", w.url, err)
	var pe *storage.PathError
	if errors.As(e, &pe) {
		pe.Offset = w.written
	}
	w.err = e
	_ = w.delete() // what is left of it is removed with its directory
}

// complete sends the rest of the file and waits until the name node has the last block.
func (w *writer) complete() error {
	err := w.f.Close()
	for began, pause := time.Now(), 5*time.Millisecond; lib.IsErrReplicating(err); pause = min(2*pause, time.Second) {
		if time.Since(began) > endTime {
			return fmt.Errorf("no data node has reported the last block in %s", endTime)
		}
		if err := w.wait(pause); err != nil {
			return err
		}
		err = w.f.Close()
	}
	if troubles := w.c.forget(); err != nil && troubles != nil {
		return troubles
	}
	return w.pipelineError(err)
}

// Close completes the file. When it returns an error the file has been removed.
func (w *writer) Close() error {
	if w.err != nil || w.c == nil {
		return w.err
	}
	err := w.complete()
	if err != nil && int64(w.head.Len()) == w.written {
		err = w.rewrite(err, true)
	}
	if err != nil {
		w.fail(err)
		return w.err
	}
	if !w.stop() {
		w.c.cut()
	}
	w.give(w.c)
	w.c, w.f = nil, nil
	return nil
}

// Abort removes the file unless Close has completed it.
func (w *writer) Abort() error {
	if w.c == nil {
		return nil
	}
	w.leave()
	return w.delete()
}

// Size returns the bytes written.
func (w *writer) Size() int64 { return w.written }

// remove deletes the file, also when the context has ended.
func (w *writer) remove(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	return w.do(ctx, "remove", func(c *client) error {
		_, err := c.remove(w.path, false)
		return err
	})
}
