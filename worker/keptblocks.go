package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/keptfile"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// give has a process of a job write a block that it keeps to a file without a name. It
// waits for the process even when the reader has gone: nobody stops what it writes, and
// as long as it does, its place is not another's.
func (x *executors) give(ctx context.Context, job plan.JobID, b plan.Block) (*os.File, error) {
	all := x.ofJob(job)
	if len(all) == 0 {
		return nil, transfer.ErrMissing
	}
	select {
	case x.giving <- struct{}{}:
		defer func() { <-x.giving }()
	default:
		return nil, transfer.ErrBusy
	}
	f, err := x.w.unnamed()
	if err != nil {
		return nil, err
	}
	name := f.Name()
	defer func() { _ = os.Remove(name) }()
	for _, p := range all {
		if err = p.Give(context.WithoutCancel(ctx), b, name); err == nil {
			return f, nil
		}
		if ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), f.Close())
		}
	}
	x.w.log.Debug("a kept block is not given", "job", string(job), "rdd", string(b.RDD), "partition", b.Partition, "err", err)
	return nil, errors.Join(transfer.ErrMissing, f.Close())
}

// unnamed makes a file that the caller removes, before it reads what others wrote.
func (w *Worker) unnamed() (*os.File, error) {
	dir := filepath.Join(w.o.Dir, "fetched")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, "block-*.tmp")
}

// ofJob lists the processes of a job that are there.
func (x *executors) ofJob(job plan.JobID) (all []running) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for ref, e := range x.all {
		if ref.Job == job && e.process != nil {
			all = append(all, e.process)
		}
	}
	return all
}

// bring fetches a block for an attempt from one of those that its launch names, into
// the attempt's directory.
func (w *Worker) bring(ctx context.Context, l *work.Launch, t *plan.Task, b plan.Block) (string, error) {
	i := slices.IndexFunc(l.Tasks, func(a model.Assignment) bool { return a.Attempt.Partition == t.Partition })
	if i < 0 {
		return "", errNoHolder
	}
	k := slices.IndexFunc(l.Tasks[i].Blocks, func(at model.BlockAt) bool { return at.Block == b })
	if k < 0 {
		return "", errNoHolder
	}
	f, err := os.CreateTemp(t.Scratch, "block-*")
	if err != nil {
		return "", err
	}
	g := &gathering{w: w, job: l.Action.Job, attempt: t.Attempt, told: time.Now()}
	err = w.fetchBlock(ctx, g, b, l.Tasks[i].Blocks[k].Holders, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

var errNoHolder = errors.New("no worker that can be reached is known to keep it")

// fetchBlock fetches a block from the first of some workers that gives it whole.
func (w *Worker) fetchBlock(ctx context.Context, g *gathering, b plan.Block, from []plan.WorkerID, to *os.File) error {
	err := errNoHolder
	for _, id := range from {
		peer := w.peers.get(id)
		if peer.Address == "" || id == w.o.ID {
			continue
		}
		r := transfer.BlockRequest{Job: g.job, Block: b, Owner: transfer.Source{Worker: id, Addr: peer.Address}, Got: g.gotOn,
			Check: func(f *os.File, size int64) error { return keptfile.Verify(f, size, b) }}
		if err = w.fetch.Block(ctx, r, to); err == nil || ctx.Err() != nil {
			return err
		}
		w.log.Info("a kept block is not to be had", "job", string(g.job), "from", string(id), "err", err)
	}
	return fmt.Errorf("partition %d of the cached RDD %s: %w", b.Partition, b.RDD, err)
}

// copyWait bounds how long a copy of a block may take.
const copyWait = 10 * time.Minute

// copyBlock has an executor keep a block that others hold, too, and says what became of
// it.
func (w *Worker) copyBlock(m model.Copy) {
	w.copies.Lock()
	defer w.copies.Unlock()
	b := plan.Block{RDD: m.Block.RDD, Partition: m.Block.Partition}
	bytes, err := w.copyTo(model.ExecutorRef{Job: m.Job, No: m.Exec}, b, m.From)
	w.call(func() {
		done := model.CopyDone{Job: m.Job, Block: model.HeldBlock{BlockID: m.Block, Bytes: bytes}, Done: err == nil}
		if done.From = w.from; done.Done {
			w.agent.Copied(m.Job, done.Block)
		}
		w.send(done)
		text := "a kept block is copied here"
		if err != nil {
			text = "a kept block is not copied here"
		}
		w.log.Info(text, "job", string(m.Job), "rdd", string(b.RDD), "partition", b.Partition, "bytes", bytes, "err", err)
	})
}

func (w *Worker) copyTo(ref model.ExecutorRef, b plan.Block, from []plan.WorkerID) (bytes int64, err error) {
	e := w.execs.find(ref)
	if e == nil {
		return 0, errors.New("its executor is not there")
	}
	ctx, cancel := context.WithTimeout(w.ctx, copyWait)
	defer cancel()
	select {
	case <-e.up:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if e.process == nil {
		return 0, errors.New("its executor did not start")
	}
	f, err := w.unnamed()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := w.fetchBlock(ctx, &gathering{w: w, job: ref.Job, told: time.Now()}, b, from, f); err != nil {
		return 0, err
	}
	return e.process.Keep(ctx, b, f.Name())
}
