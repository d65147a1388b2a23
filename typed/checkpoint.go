package typed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// Checkpoint writes the rows to files below Options.CheckpointDir, which runs at once,
// and gives an RDD of the same rows, in the same partitions, that reads them there.
// What the rows were computed of is not needed any more: by no action, nor when a
// worker is lost. It is for loops that make an RDD of itself again and again, whose
// lineage would grow with each round, and for what is dear to compute. Rows that are
// read by it and by other actions too are better kept with Persist before.
//
// The files have checksums, appear once and whole, and go when no RDD needs them any
// more, or with the session; a program that is killed leaves them. On a cluster the
// directory must be one that all workers see.
func (r RDD[T]) Checkpoint(ctx context.Context) (RDD[T], error) {
	n, err := newUse(r.s, r.n, typeOf[T]()).checkpoint(ctx, rdd.CheckpointOp[T]())
	return RDD[T]{r.s, n}, err
}

// Checkpoint is RDD.Checkpoint. Pairs that were placed by their keys are known to be
// so as before: joins of what is placed alike need no shuffle.
func (p PairRDD[K, V]) Checkpoint(ctx context.Context) (PairRDD[K, V], error) {
	n, err := newUse(p.s, p.n, typeOf[Pair[K, V]]()).checkpoint(ctx, rdd.CheckpointOp[Pair[K, V]]())
	return PairRDD[K, V]{p.s, n}, err
}

func (u *use) checkpoint(ctx context.Context, op *rdd.Op) (*rdd.Node, error) {
	u.c = u.as(op)
	a := u.action(op)
	if u.c.Err != nil || u.s == nil {
		return nil, a.On(u.n)
	}
	dir, err := u.s.checkpoints.next(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("%s (%s): %w", op.Name, u.c.Site, err)
	}
	a.Output = &plan.Output{Path: dir}
	st, err := u.s.saved(ctx, u.n, a, dir)
	switch {
	case err != nil:
		return nil, err
	case st.Partitions == 0: // there is nothing to read, and when it was only explained nothing was written
		return u.n, nil
	}
	return u.n.Checkpointed(op, u.c, dir, st.Partitions), nil
}

// saved runs an action that writes rows to a directory for checkpoints.
func (s *Session) saved(ctx context.Context, n *rdd.Node, a rdd.Action, dir string) (plan.ActionStatus, error) {
	st, err := s.act(ctx, n, a, driver.Action{Result: func(int, driver.Value) error { return nil }})
	if err != nil || st.Partitions == 0 {
		s.checkpoints.discard(dir)
	}
	return st, err
}

// checkpoints are the files of a session's checkpoints.
type checkpoints struct {
	base string // directory of all sessions
	// own makes and names one of the session, for those that nobody asked for where
	// base is ""; nil: all tasks would not see it.
	own func() (string, error)

	mu     sync.Mutex
	dir    string // of this one; "": there is none yet
	fs     storage.FileSystem
	n      int
	gone   []string // directories that no RDD needs
	sweep  bool     // a goroutine removes them
	closed bool     // no goroutine begins any more
	ended  sync.WaitGroup
}

// possible says whether there is a place for checkpoints that nobody asked for.
func (c *checkpoints) possible() bool { return c.base != "" || c.own != nil }

// next names the directory of the next checkpoint. Unasked says that nobody asked for it.
func (c *checkpoints) next(ctx context.Context, unasked bool) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", driver.ErrClosed
	}
	base := c.base
	if base == "" && unasked {
		var err error
		if base, err = c.own(); err != nil {
			return "", fmt.Errorf("directory for checkpoints: %w", err)
		}
	}
	if base == "" {
		return "", errors.New("there is no directory for checkpoints: give one with Options.CheckpointDir, RDD_CHECKPOINT_DIR or rddctl's --checkpoint-dir")
	}
	if c.dir == "" {
		fs, base, err := storage.Lookup(base)
		if err != nil {
			return "", fmt.Errorf("directory for checkpoints: %w", err)
		}
		dir := storage.Join(base, "gordd-checkpoints-"+strings.ToLower(rand.Text()[:16]))
		if err := fs.MkdirAll(ctx, dir); err != nil {
			return "", fmt.Errorf("directory for checkpoints: %w", err)
		}
		c.dir, c.fs = dir, fs
	}
	c.n++
	return storage.Join(c.dir, strconv.Itoa(c.n)), nil
}

// discard removes what there is of a checkpoint that no RDD will read. What cannot be
// removed now goes with the session.
func (c *checkpoints) discard(dir string) {
	c.mu.Lock()
	fs, there := c.fs, c.dir != ""
	c.mu.Unlock()
	if there {
		_ = fs.RemoveAll(context.Background(), dir)
	}
}

// release removes the files of a source soon, if it is a checkpoint. It does not wait:
// it is called by the collector of garbage.
func (c *checkpoints) release(f plan.Files) {
	if f.Parts == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed { // all goes
		return
	}
	c.gone = append(c.gone, f.Paths)
	if !c.sweep {
		c.sweep = true
		c.ended.Go(c.remove)
	}
}

// remove removes what is gone. What cannot be removed now goes with the session.
func (c *checkpoints) remove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.gone) > 0 && c.dir != "" {
		gone, fs := c.gone, c.fs
		c.gone = nil
		c.mu.Unlock()
		for _, dir := range gone {
			_ = fs.RemoveAll(context.Background(), dir)
		}
		c.mu.Lock()
	}
	c.sweep = false
}

// close removes all files. The session has ended: nobody reads them.
func (c *checkpoints) close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.ended.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	dir := c.dir
	c.dir = ""
	if dir == "" {
		return nil
	}
	if err := c.fs.RemoveAll(context.Background(), dir); err != nil {
		return fmt.Errorf("remove checkpoints: %w", err)
	}
	return nil
}
