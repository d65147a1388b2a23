package worker

import (
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// farewell is how long the master has to let a worker go that wants to leave.
const farewell = 2 * time.Second

// Leave tells the master that the worker is about to end, so that it need not find
// out, and waits for its word, but not for long. What runs and what the store
// holds is lost to the cluster. Close follows.
func (w *Worker) Leave() {
	w.call(func() {
		if w.out == nil {
			w.letGo() // nobody is there to tell
			return
		}
		w.send(model.Leaving{From: w.from})
	})
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-w.left:
	case <-late.C:
		w.log.Warn("the master does not answer a farewell", "after", farewell)
		w.letGo()
	case <-w.ctx.Done():
	}
}

// Left is closed when the master has let the worker go, because it was drained or
// wanted to leave: it takes no part any more, and can be closed.
func (w *Worker) Left() <-chan struct{} { return w.left }

func (w *Worker) letGo() { w.gone.Do(func() { close(w.left) }) }

func (w *Worker) isLeft() bool {
	select {
	case <-w.left:
		return true
	default:
		return false
	}
}
