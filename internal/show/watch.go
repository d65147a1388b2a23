package show

import (
	"sync"

	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Watch shows what a running program does, and adds it up. It is what package
// launch calls a Watcher.
type Watch struct {
	Progress

	mu           sync.Mutex
	sum          tally.Tally
	accumulators []plan.Shown
}

// NewWatch makes a Watch that shows by p.
func NewWatch(p Progress) *Watch { return &Watch{Progress: p} }

// Status takes a picture of an action.
func (w *Watch) Status(s *plan.ActionStatus) {
	w.Progress.Status(s)
	if !s.State.Ended() {
		return
	}
	w.mu.Lock()
	w.sum.Add(tally.Of(s))
	w.accumulators = s.Accumulators
	w.mu.Unlock()
}

// Notice shows a line for the user.
func (w *Watch) Notice(program, text string) { w.Println(program + ": " + text) }

// Explained is for those who asked for it.
func (w *Watch) Explained(*wire.Explained) {}

// Accumulators returns the values of accumulators at the end of the last action.
func (w *Watch) Accumulators() []plan.Shown {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accumulators
}

// Sum returns what the ended actions come to.
func (w *Watch) Sum() tally.Tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum
}
