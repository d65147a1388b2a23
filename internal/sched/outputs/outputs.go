// Package outputs keeps what the tasks of one stage have made: where each output
// is, which worker can lose it, and the sums of what the winners counted.
//
// Workers are the small numbers that the scheduler knows them by. A Table does
// not decide anything: when an output is lost, and what follows, are the
// scheduler's rules.
package outputs

import (
	"fmt"
	"iter"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Output is what is kept of a success.
type Output struct {
	Term  model.Term // with Seq, of the attempt that made it
	Seq   uint64
	Rows  int64
	Bytes int64
	Sum   uint64
	Sizes []byte
	Data  []byte
	Where string // staged file or address of a result
	owner int32  // nothing, nobodys, or a worker's number above that
	Acked bool   // the driver has it
	noted bool   // what the task added to accumulators is known, whoever makes this again
}

const (
	nothing int32 = iota // there is no output
	nobodys              // nobody can lose it
	first                // of the workers
)

// Nobody owns an output that cannot be lost with a worker.
const Nobody = -1

// Table has the outputs of one stage, by task. Use Make.
type Table struct {
	outs   []Output
	done   int
	owners map[int32]int32 // outputs by owner
	tally  tally
	added  added
}

// Make returns a Table for n tasks that have made nothing.
func Make(n int) Table {
	return Table{outs: make([]Output, n), owners: map[int32]int32{}}
}

// Len returns the number of tasks.
func (t *Table) Len() int { return len(t.outs) }

// Done returns how many of them have an output.
func (t *Table) Done() int { return t.done }

// Has reports whether task i has an output.
func (t *Table) Has(i int) bool { return i >= 0 && i < len(t.outs) && t.outs[i].owner != nothing }

// At returns the output of task i, to be looked at and completed. Without one
// only Rows counts: what the last one had.
func (t *Table) At(i int) *Output { return &t.outs[i] }

// Made reports whether an attempt made the output that task i has.
func (t *Table) Made(i int, term model.Term, seq uint64) bool {
	return t.Has(i) && t.outs[i].Term == term && t.outs[i].Seq == seq
}

// Put makes o the output of task i, which has none, in the hands of a worker or
// of Nobody.
func (t *Table) Put(i int, o Output, owner int, r Report) {
	if t.Has(i) {
		panic(fmt.Sprintf("outputs: task %d has an output", i))
	}
	o.owner = nobodys
	if owner != Nobody {
		o.owner = first + int32(owner)
		t.owners[o.owner]++
	}
	if !t.outs[i].noted {
		t.added.put(i, len(t.outs), r.Updates)
	}
	o.noted = true
	t.outs[i] = o
	t.done++
	t.tally.add(i, len(t.outs), r.Counters)
}

// Take takes the output of task i away. Its Rows stay, to be compared when it is
// made again, and so does what it added to accumulators.
func (t *Table) Take(i int) {
	if !t.Has(i) {
		return
	}
	t.Disown(i)
	t.outs[i] = Output{Rows: t.outs[i].Rows, noted: t.outs[i].noted}
	t.done--
	t.tally.remove(i)
}

// Disown says that the output of task i cannot be lost with a worker any more.
func (t *Table) Disown(i int) {
	o := &t.outs[i]
	if o.owner < first {
		return
	}
	if t.owners[o.owner]--; t.owners[o.owner] == 0 {
		delete(t.owners, o.owner)
	}
	o.owner = nobodys
}

// DisownAll does so with all.
func (t *Table) DisownAll() {
	for i := range t.outs {
		t.Disown(i)
	}
}

// Move puts the output of task i into the hands of another worker.
func (t *Table) Move(i, owner int, where []byte) {
	t.Disown(i)
	o := &t.outs[i]
	o.owner, o.Data = first+int32(owner), where
	t.owners[o.owner]++
}

// Owner returns the worker that has the output of task i, if one has.
func (t *Table) Owner(i int) (worker int, ok bool) {
	o := t.outs[i].owner
	return int(o - first), o >= first
}

// Held returns how many outputs a worker has.
func (t *Table) Held(worker int) int { return int(t.owners[first+int32(worker)]) }

// HeldBy yields the tasks whose outputs a worker has, rising.
func (t *Table) HeldBy(worker int) iter.Seq[int] {
	return func(yield func(int) bool) {
		left := t.Held(worker)
		for i := 0; i < len(t.outs) && left > 0; i++ {
			if t.outs[i].owner == first+int32(worker) {
				if left--; !yield(i) {
					return
				}
			}
		}
	}
}

// All yields the tasks that have outputs, rising.
func (t *Table) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range t.outs {
			if t.outs[i].owner != nothing && !yield(i) {
				return
			}
		}
	}
}

// Sums returns what the tasks that have outputs counted, by name.
func (t *Table) Sums() []model.Counter { return t.tally.sums() }

// Check recounts what is kept as sums. It is for tests.
func (t *Table) Check() error {
	done, owners := 0, map[int32]int32{}
	for i := range t.outs {
		if o := t.outs[i].owner; o != nothing {
			done++
			if o >= first {
				owners[o]++
			}
		}
	}
	if done != t.done || len(owners) != len(t.owners) {
		return fmt.Errorf("%d outputs of %d workers, want %d of %d", t.done, len(t.owners), done, len(owners))
	}
	for o, n := range owners {
		if t.owners[o] != n {
			return fmt.Errorf("worker %d has %d outputs, want %d", o-first, t.owners[o], n)
		}
	}
	return nil
}
