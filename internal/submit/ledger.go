package submit

import (
	"maps"
	"slices"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ledger is what a master that has started again must hear of a job: what has been
// asked for and has not ended, which results are here, and what nobody refers to
// any more. It is not safe for concurrent use.
type ledger struct {
	actions  map[int]*entry
	released []plan.StageKey // as many as the program has made
	shown    *wire.Shown     // the last one
	finish   *wire.Finish
}

// entry is an action that has not ended.
type entry struct {
	begin  *wire.Begin
	cancel *wire.CancelAction
	gen    int
	state  map[int]resultState // of partitions, in this generation
}

// resultState is how far a result is.
type resultState uint8

const (
	onItsWay resultState = iota + 1 // from a worker
	taken                           // and the master may know
)

// said takes note of what the program says to the master.
func (l *ledger) said(m any) {
	switch m := m.(type) {
	case *wire.Begin:
		if l.actions == nil {
			l.actions = map[int]*entry{}
		}
		l.actions[m.N] = &entry{begin: m, state: map[int]resultState{}}
	case *wire.CancelAction:
		if a := l.actions[m.N]; a != nil {
			a.cancel = m
		}
	case *wire.Taken:
		for _, p := range m.Partitions {
			l.mark(m.N, m.Gen, p, taken)
		}
	case *wire.Release:
		l.released = append(l.released, m.Stage)
	case *wire.Shown:
		l.shown = m
	case *wire.Finish:
		l.finish = m
	}
}

// heard takes note of what the master says, and says whether it is news: an end is
// told again to who has asked again before the first word of it came.
func (l *ledger) heard(m any) bool {
	switch m := m.(type) {
	case *wire.Reset:
		if a := l.actions[m.N]; a != nil {
			a.reset(m.Gen)
		}
	case *wire.Added:
		_, open := l.actions[m.N]
		return open
	case *wire.Portion:
		_, open := l.actions[m.N]
		return open
	case *wire.ActionEnd:
		_, open := l.actions[m.Status.ID.N]
		delete(l.actions, m.Status.ID.N)
		return open
	}
	return true
}

// mark notes how far a result is, and says how far it was.
func (l *ledger) mark(n, gen, partition int, s resultState) (before resultState) {
	a := l.actions[n]
	if a == nil || gen < a.gen { // what is late counts no more
		return 0
	}
	a.reset(gen)
	before = a.state[partition]
	if s > before {
		a.state[partition] = s
	}
	return before
}

// reset forgets results of older generations.
func (a *entry) reset(gen int) {
	if gen > a.gen {
		a.gen = gen
		clear(a.state)
	}
}

// resume gives what is said to a master that has started again, in its order.
func (l *ledger) resume() (first msg.Resume, rest []any) {
	first.Released = l.released
	for _, n := range slices.Sorted(maps.Keys(l.actions)) {
		a := l.actions[n]
		held := wire.Taken{N: n, Gen: a.gen}
		for _, p := range slices.Sorted(maps.Keys(a.state)) {
			if a.state[p] == taken {
				held.Partitions = append(held.Partitions, p)
			}
		}
		if len(held.Partitions) > 0 {
			first.Held = append(first.Held, held)
		}
		rest = append(rest, a.begin)
		if a.cancel != nil {
			rest = append(rest, a.cancel)
		}
	}
	if l.shown != nil {
		rest = append(rest, l.shown)
	}
	if l.finish != nil {
		rest = append(rest, l.finish)
	}
	return first, rest
}
