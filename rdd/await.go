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
	full bool          // there is no room for it
	done chan struct{} // closed when it is kept, or will not be
}

// await waits until nobody makes a block any more, and says whether t may make it then. It
// reports false at once where that might be for ever: whoever makes it may wait for t, for
// a block or at a barrier, or is t itself, which reads it twice; and where a block turns
// out to have no room, so that all who waited go on side by side. From a task that has
// ended, and left the rows unread, it takes the block.
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
			return !mk.full, nil
		case <-mk.over():
			b.cede(key, mk, false)
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

// over is closed when the attempt has ended that makes the block.
func (mk *making) over() <-chan struct{} {
	if mk.by == nil {
		return nil
	}
	return mk.by.done
}

// cede ends the making of a block that comes to nothing.
func (b *blocks) cede(key plan.Block, mk *making, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.making[key] == mk {
		mk.full = full
		close(mk.done)
		delete(b.making, key)
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
