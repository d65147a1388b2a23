package worker

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

var (
	errEffects = errors.New("its worker's lease has ended, and it must not run twice at a time")
	errForgot  = errors.New("the worker has not heard of its master for too long")
)

// leasedBy takes the master's answer to a renewal, or to the attach.
func (w *Worker) leasedBy(m model.Lease) {
	sent := w.sentAt
	if m.SentAt != 0 {
		sent = w.zero.Add(time.Duration(m.SentAt))
	}
	w.answered()
	first := !w.tenure.held
	w.tenure.extend(sent)
	if w.tenure.good() {
		w.until.Store(int64(w.tenure.until.Sub(w.zero)))
	}
	if first && w.tenure.held && w.o.Attached != nil {
		w.o.Attached()
	}
}

// leased says whether the worker has a lease. It may be called from anywhere.
func (w *Worker) leased() bool { return int64(w.now()) < w.until.Load() }

// may says whether an attempt may start.
func (w *Worker) may() *plan.Failure {
	if w.leased() {
		return nil
	}
	return work.NewFailure(plan.FailRefused, "the lease of worker %s has ended", w.o.ID)
}

// leaseEnded is the first step after a lease (R29): what runs goes on, for its
// reports are refused if it was done elsewhere, but for what the world would see
// twice. Another stream may bring a new lease.
func (w *Worker) leaseEnded() {
	w.log.Warn("the lease has ended: nothing starts until the master answers")
	w.agent.End(errEffects, func(l *work.Launch) bool { return l.Stage.Sink.Effects })
	if w.out != nil {
		w.cut(errLeaseOver)
	}
}

// orphaned is the second: nobody may be waiting any more for what runs.
func (w *Worker) orphaned() {
	w.log.Warn("the master has not been heard since the lease ended: executors are ended", "after", orphaned)
	w.agent.End(errForgot, func(*work.Launch) bool { return true })
	w.execs.kill()
}

// forget is the last: what the executors left goes too.
func (w *Worker) forget() {
	w.log.Warn("the master has not been heard since the executors ended: what they left is removed", "after", forgotten)
	w.store.clear()
	w.wholes.forget(func(wholeKey) bool { return true })
	w.agent.Forget()
	for id := range w.jobs {
		w.blobs.drop(id)
	}
	w.plans = work.Plans[*work.Plan]{}
	clear(w.jobs)
	clear(w.reports)
	w.tasks.Go(func() {
		fetched := filepath.Join(w.o.Dir, "fetched")
		_ = errors.Join(os.RemoveAll(fetched), os.MkdirAll(fetched, 0o700))
	})
}
