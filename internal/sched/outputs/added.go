package outputs

import (
	"iter"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Report is what the winner of a task says beside its output.
type Report struct {
	Counters []model.Counter
	Updates  []byte // of accumulators
}

// added has what the first winner of each task added to accumulators, whatever
// becomes of its output: one that makes a lost output again may find kept rows, for
// which it runs no functions. There is none where no task adds anything.
type added struct {
	of    [][]byte // by task, until it is told
	told  []bool   // once is enough, also of a task that starts over
	fresh int      // bytes that nobody was told of
	// seen are the kept blocks of which a task of this generation tells: one is
	// enough.
	seen map[plan.Block]struct{}
}

// put notes what task i of n added, in the place of what it did when it had not
// started over.
func (a *added) put(i, n int, updates []byte) {
	if len(updates) == 0 && a.of == nil {
		return
	}
	if a.of == nil {
		a.of, a.told, a.seen = make([][]byte, n), make([]bool, n), map[plan.Block]struct{}{}
	}
	if a.told[i] {
		return
	}
	updates = plan.Updates(updates).Once(a.seen)
	a.fresh += len(updates) - len(a.of[i])
	a.of[i] = updates
}

// Fresh is how many bytes Tell has to tell.
func (t *Table) Fresh() int { return t.added.fresh }

// Noted reports whether it is known what task i added, and what of that nobody was
// told of.
func (t *Table) Noted(i int) (untold []byte, noted bool) {
	if t.added.of != nil {
		untold = t.added.of[i]
	}
	return untold, t.outs[i].noted
}

// Renew begins another generation: the next winner of each task is the first one.
func (t *Table) Renew() {
	for i := range t.outs {
		t.outs[i].noted = false
	}
	clear(t.added.seen)
}

// Untold yields what Tell would.
func (t *Table) Untold() iter.Seq[[]byte] { return slices.Values(t.added.of) }

// Tell yields what tasks added to accumulators, of each task once.
func (t *Table) Tell() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		a := &t.added
		for i, updates := range a.of {
			if len(updates) == 0 {
				continue
			}
			a.of[i], a.told[i] = nil, true
			if a.fresh -= len(updates); !yield(i, updates) {
				return
			}
		}
	}
}
