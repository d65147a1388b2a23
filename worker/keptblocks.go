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
// the attempt's directory. The attempt may stand still for so long; 0: as long as most.
func (w *Worker) bring(ctx context.Context, l *work.Launch, t *plan.Task, b plan.Block, stuck time.Duration) (string, error) {
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
	holders := l.Tasks[i].Blocks[k].Holders
	err = w.fetchBlock(ctx, g, b, holders, f, silence(stuck, len(holders)))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

var errNoHolder = errors.New("no worker that can be reached is known to keep it")

const (
	// silentHolder is the longest that a holder may bring no byte: it may have to write
	// gigabytes before the first.
	silentHolder = 5 * time.Minute
	// standStill is how long tasks may stand still of whose job nothing else is known.
	standStill = 10 * time.Minute
)

// silence is how long each of some holders may bring nothing to a task that may stand
// still for a time: when all of them hang there is some left to compute the block.
func silence(stuck time.Duration, holders int) time.Duration {
	if stuck == 0 {
		stuck = standStill
	}
	return min(silentHolder, stuck/time.Duration(holders+1))
}

var errSilent = errors.New("it brings nothing")

// unlessSilent ends what f does when it has not got on for a time.
func unlessSilent(ctx context.Context, most time.Duration, f func(ctx context.Context, gotOn func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(most, func() { cancel(fmt.Errorf("%w for %s", errSilent, most)) })
	defer late.Stop()
	return f(ctx, func() { late.Reset(most) })
}

// fetchBlock fetches a block from the first of some workers that gives it whole, and is
// not silent for too long.
func (w *Worker) fetchBlock(ctx context.Context, g *gathering, b plan.Block, from []plan.WorkerID, to *os.File, silent time.Duration) error {
	err := errNoHolder
	for _, id := range from {
		peer := w.peers.get(id)
		if peer.Address == "" || id == w.o.ID {
			continue
		}
		err = unlessSilent(ctx, silent, func(ctx context.Context, gotOn func()) error {
			return w.fetch.Block(ctx, transfer.BlockRequest{Job: g.job, Block: b, Owner: transfer.Source{Worker: id, Addr: peer.Address},
				Got:   func() { gotOn(); g.gotOn() },
				Check: func(f *os.File, size int64) error { return keptfile.Verify(f, size, b) }}, to)
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
		w.log.Info("a kept block is not to be had", "job", string(g.job), "from", string(id), "err", err)
	}
	return fmt.Errorf("partition %d of the cached RDD %s: %w", b.Partition, b.RDD, err)
}

// keepWait is how long an executor may take to keep a copy of so many bytes, which are in
// a file of this machine.
func keepWait(bytes int64) time.Duration {
	const perSecond = 4 << 20
	return time.Minute + time.Duration(bytes/perSecond)*time.Second
}

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
	select {
	case <-e.up:
	case <-w.ctx.Done():
		return 0, context.Cause(w.ctx)
	}
	if e.process == nil {
		return 0, errors.New("its executor did not start")
	}
	f, err := w.unnamed()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := w.fetchBlock(w.ctx, &gathering{w: w, job: ref.Job, told: time.Now()}, b, from, f, silence(0, len(from))); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(w.ctx, keepWait(info.Size()))
	defer cancel()
	return e.process.Keep(ctx, b, f.Name())
}
