package rdd

import (
	"context"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// making is a block that a task makes, or, by nobody, that is copied from elsewhere.
type making struct {
	by   *Task
	keep bool          // nobody has let go of its RDD since
	done chan struct{} // closed when it is kept, or will not be
}

// await waits until nobody makes a block any more. It reports false at once where that
// might be for ever: whoever makes it may wait for t, for a block or at a barrier, or
// is t itself, which reads it twice.
func (b *blocks) await(t *Task, key plan.Block) (bool, error) {
	mk := b.waitFor(t, key)
	if mk == nil {
		return false, nil
	}
	defer b.waited(t)
	looks := time.NewTicker(plan.ProgressEvery)
	defer looks.Stop()
	for {
		select {
		case <-mk.done:
			return true, nil
		case <-t.Done():
			return false, context.Cause(t)
		case <-looks.C:
			if mk.by != nil { // as long as that one gets on, so does this one
				s := mk.by.seen.sample()
				t.seen.beside.Store(s.rows + s.read + int64(s.at) + s.beside)
			}
		}
	}
}

func (b *blocks) waitFor(t *Task, key plan.Block) *making {
	b.mu.Lock()
	defer b.mu.Unlock()
	mk := b.making[key]
	if mk == nil || t.stage.Barrier {
		return nil
	}
	for x := mk; x != nil && x.by != nil; x = b.waits[x.by] {
		if x.by == t || x.by.stage.Barrier {
			return nil
		}
	}
	b.waits[t] = mk
	return mk
}

func (b *blocks) waited(t *Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waits, t)
}
