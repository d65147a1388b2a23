// Package blame keeps the books of failures: whose each one is, how long what
// failed is held back or kept away from a worker, and when it has failed often
// enough.
//
// It has three books, each a plain value without clock or identity: Task for one
// task's failures (R21 to R25, R40, R44), Stage for the workers that one stage
// keeps away from, and Cluster for those that everybody does (R36). Workers are
// the small numbers that the scheduler knows them by.
package blame

import (
	"fmt"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Task is what the failures of one task left. The zero Task has none, and takes
// one word: most tasks never fail.
type Task struct{ h *history }

type history struct {
	failures, crashes, gone, grown, fetches uint8
	alone                                   bool
	infra                                   uint16
	held                                    model.Instant // back-off
	relax                                   model.Instant // avoid counts until then
	stalled                                 model.Instant // storage unavailable since
	disks                                   int
	tries                                   []model.Try // that count, for the error
	avoid                                   []int32     // workers it failed on
	deaths                                  []int32     // workers whose process died under it
}

// Verdict says that a task has failed for good. Text lacks the task's name.
type Verdict struct {
	Kind model.CauseKind
	Text string
}

func (t *Task) get() *history {
	if t.h == nil {
		t.h = &history{}
	}
	return t.h
}

// Failures returns how many failures were the task's own.
func (t Task) Failures() int {
	if t.h == nil {
		return 0
	}
	return int(t.h.failures)
}

// Infra returns how many failures of workers it met.
func (t Task) Infra() int {
	if t.h == nil {
		return 0
	}
	return int(t.h.infra)
}

// Grown returns how often its memory reservation was doubled.
func (t Task) Grown() int {
	if t.h == nil {
		return 0
	}
	return int(t.h.grown)
}

// Alone reports whether nothing else may run in its executor.
func (t Task) Alone() bool { return t.h != nil && t.h.alone }

// Picky reports whether not every worker may run the task.
func (t Task) Picky() bool { return t.h != nil && (t.h.alone || len(t.h.avoid) > 0) }

// Held returns until when the task is held back.
func (t Task) Held() model.Instant {
	if t.h == nil {
		return 0
	}
	return t.h.held
}

// Relax returns until when the task keeps away from where it failed.
func (t Task) Relax() model.Instant {
	if t.h == nil {
		return 0
	}
	return t.h.relax
}

// Tries returns the failures that count. The slice must not be changed.
func (t Task) Tries() []model.Try {
	if t.h == nil {
		return nil
	}
	return t.h.tries
}

// Avoids reports whether the task keeps away from w.
func (t Task) Avoids(w int, now model.Instant) bool {
	return t.h != nil && now < t.h.relax && slices.Contains(t.h.avoid, int32(w))
}

// FailedOn reports whether the task failed on w by its own fault, however long
// ago.
func (t Task) FailedOn(w int) bool { return t.h != nil && slices.Contains(t.h.avoid, int32(w)) }

// Avoid keeps the task away from w for a while (R21, R36).
func (t *Task) Avoid(w int, until model.Instant) {
	h := t.get()
	if !slices.Contains(h.avoid, int32(w)) {
		h.avoid = append(h.avoid, int32(w))
	}
	h.relax = until
}

// Succeeded ends the hold and the row of failed fetches.
func (t Task) Succeeded() {
	if t.h != nil {
		t.h.fetches, t.h.held = 0, 0
	}
}

// Own counts a failure that is the task's own (R21): it fails for good at the
// limit, or sooner if it fails the same way wherever it runs (R22).
func (t *Task) Own(c *model.Config, limit int, try model.Try) *Verdict {
	h := t.get()
	h.failures = up(h.failures)
	h.tries = append(h.tries, try)
	switch {
	case int(h.failures) >= limit && h.failures == 1:
		return &Verdict{model.CauseTask, try.Message}
	case int(h.failures) >= limit:
		return &Verdict{model.CauseTask, fmt.Sprintf("failed %d times, last: %s", h.failures, try.Message)}
	case c.Deterministic && h.deterministic(try):
		return &Verdict{model.CauseDeterministic, "fails the same way wherever it runs: " + try.Message}
	}
	return nil
}

// deterministic is R22: the same failure elsewhere decides at once if it names a
// row, else the third one does.
func (h *history) deterministic(last model.Try) bool {
	if last.Signature == (model.Signature{}) {
		return false
	}
	equal, elsewhere := 0, false
	for _, t := range h.tries {
		if t.Signature == last.Signature {
			equal++
			elsewhere = elsewhere || t.Worker != last.Worker
		}
	}
	return elsewhere && (last.Signature.HasRow || equal >= 3)
}

// Worker counts a failure of the worker, not the task: it is tried again after
// an ever longer pause, but not for ever (R23).
func (t *Task) Worker(c *model.Config, now model.Instant, message string) *Verdict {
	h := t.get()
	h.infra++
	if int(h.infra) >= c.MaxInfra {
		return &Verdict{model.CauseInfra, fmt.Sprintf("met %d failures of workers, last: %s", h.infra, message)}
	}
	h.held = now.Add(backoff(c, int(h.infra)-1, c.BackoffMax))
	return nil
}

// Fetch holds back a task that could not have an input (R40). That is never its
// fault.
func (t *Task) Fetch(c *model.Config, now model.Instant) {
	h := t.get()
	h.fetches = min(h.fetches+1, 16)
	h.held = now.Add(backoff(c, int(h.fetches)-1, c.BackoffMax))
}

// Storage holds back a task while a storage system is down as a whole (R23).
func (t *Task) Storage(c *model.Config, now model.Instant, message string) *Verdict {
	h := t.get()
	if h.stalled == 0 {
		h.stalled = now
	}
	if down := now.Sub(h.stalled); down >= c.StorageWait {
		return &Verdict{model.CauseStorage, fmt.Sprintf("storage was unavailable for %s: %s", down, message)}
	}
	h.disks++
	h.held = now.Add(backoff(c, h.disks-1, c.StorageBackoff))
	return nil
}

// Resource is R25: twice the memory, twice; or, if another worker's disk may have
// room, that one.
func (t *Task) Resource(f *model.TaskFailed, again bool) *Verdict {
	h := t.get()
	if h.grown < 2 {
		h.grown++
		if !f.Disk || again {
			return nil
		}
	}
	if f.Disk {
		return &Verdict{model.CauseResource, "no disk space for " + f.Path + ": " + f.Message}
	}
	return &Verdict{model.CauseResource, "needs more memory than it can have, also in a process of its own: " + f.Message +
		": use more partitions, keep less in memory, or give more by --memory"}
}

// Crashed says that the task's executor ended and nobody was blamed: who is
// there twice runs alone from then on, and only then can be guilty (R24).
func (t *Task) Crashed() {
	h := t.get()
	h.crashes = up(h.crashes)
	h.alone = h.alone || h.crashes >= 2
	h.held = 0 // nothing says that a pause would help
}

// WorkerDied says that the process of worker w died under the task: one that
// fells worker after worker runs alone, then not at all (R24).
func (t *Task) WorkerDied(c *model.Config, w int) *Verdict {
	h := t.get()
	h.deaths = append(h.deaths, int32(w))
	distinct := len(slices.Compact(slices.Sorted(slices.Values(h.deaths))))
	if distinct < c.CrashWorkers {
		return nil
	}
	h.alone = true
	if len(h.deaths) < c.CrashWorkers+c.CrashLosses {
		return nil
	}
	return &Verdict{model.CauseCrash, "every worker that ran it died"}
}

// OutputGone counts a loss of the task's output while its owner lived, and
// returns how many there were (R44).
func (t *Task) OutputGone() int {
	h := t.get()
	h.gone = up(h.gone)
	return int(h.gone)
}

// up adds one without wrapping around.
func up(n uint8) uint8 { return max(n+1, n) }

// backoff doubles from the least to most.
func backoff(c *model.Config, k int, most time.Duration) time.Duration {
	return min(c.BackoffMin<<min(max(k, 0), 20), most)
}
