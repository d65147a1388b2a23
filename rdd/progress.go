package rdd

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// progress is how far a task is, for others than the goroutine that runs it.
type progress struct {
	rows     atomic.Int64  // that its sources gave
	read     atomic.Int64  // rows of shuffles
	beside   atomic.Int64  // changes while a task gets on that this one waits for
	fraction atomic.Uint64 // bits of the part of its input that it is done with

	source  atomic.Pointer[rawRows]    // the source's batch in hand
	batches atomic.Pointer[[]*rawRows] // those that kernels fill

	// Of the Runner, under its lock.
	last  sample
	moves int64
}

// sample is what changes while a task gets on.
type sample struct {
	rows, read int64
	beside     int64
	source     *rawRows
	at         int // rows in hand, and in batches that are filled
}

// batchesSeen is how many of a task's batches are looked at, the last ones: a pipe
// that is run again and again has others each time.
const batchesSeen = 16

// fills says that a batch is one that a kernel of the task fills.
func (p *progress) fills(r *rawRows) {
	all := []*rawRows{r}
	if old := p.batches.Load(); old != nil {
		all = append(slices.Clone((*old)[max(0, len(*old)+1-batchesSeen):]), r)
	}
	p.batches.Store(&all)
}

// sample looks at a task that runs. Within a batch that is but a glimpse: to count
// rows so that others may read the count would cost more than many rows do.
func (p *progress) sample() sample {
	s := sample{rows: p.rows.Load(), read: p.read.Load(), beside: p.beside.Load(), source: p.source.Load()}
	if s.source != nil {
		s.at = glimpse(&s.source.Row)
	}
	if all := p.batches.Load(); all != nil {
		for _, r := range *all {
			s.at += glimpse(&r.n)
		}
	}
	return s
}

// reading counts the rows that come from a shuffle.
func (p *progress) reading(rows shuffle.RawStream) shuffle.RawStream {
	return func(yield func(codec.Rows) bool) error {
		return rows(func(b codec.Rows) bool {
			p.read.Add(int64(b.Len))
			return yield(b)
		})
	}
}

// Progress tells how far the tasks are that run, in no order. Moves rise from one
// call to a later one if the task did anything in between.
func (r *Runner) Progress() []plan.Progress {
	r.tasks.Lock()
	defer r.tasks.Unlock()
	all := make([]plan.Progress, 0, len(r.running))
	for attempt, p := range r.running {
		if s := p.sample(); s != p.last {
			p.last = s
			p.moves++
		}
		all = append(all, plan.Progress{Attempt: attempt, Rows: p.last.rows, Fraction: math.Float64frombits(p.fraction.Load()), Moves: p.moves})
	}
	return all
}

// runs takes note of a task until it ends.
func (r *Runner) runs(attempt string, p *progress) (ended func()) {
	r.tasks.Lock()
	defer r.tasks.Unlock()
	r.running[attempt] = p
	return func() {
		r.tasks.Lock()
		defer r.tasks.Unlock()
		if r.running[attempt] == p {
			delete(r.running, attempt)
		}
	}
}
