package outputs

import (
	"iter"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Report is what the winner of a task says beside its output.
type Report struct {
	Counters []model.Counter
	Updates  []byte // of accumulators
}

// added has what winners added to accumulators: the task's, whatever becomes of its
// output. There is none where no task adds anything.
type added struct {
	of    [][]byte // by task, until it is told
	told  []bool   // once is enough, however often the task runs
	fresh int      // bytes that nobody was told of
}

// put notes what task i of n added, in the place of what it did before.
func (a *added) put(i, n int, updates []byte) {
	if len(updates) == 0 && a.of == nil {
		return
	}
	if a.of == nil {
		a.of, a.told = make([][]byte, n), make([]bool, n)
	}
	if a.told[i] {
		return
	}
	a.fresh += len(updates) - len(a.of[i])
	a.of[i] = updates
}

// Fresh is how many bytes Tell has to tell.
func (t *Table) Fresh() int { return t.added.fresh }

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
