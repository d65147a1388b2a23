package agent

import (
	"context"
	"errors"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// meeting is an attempt's wait at a barrier.
type meeting struct {
	round int
	data  []byte
	all   chan [][]byte // gets what all tasks of the stage brought
}

var (
	errNobody = errors.New("no attempt of that name is under way")
	errTwice  = errors.New("the task waits at a barrier already: one goroutine of a task calls it")
)

// Gather reports that an attempt is at its barrier, and waits until all tasks of
// its stage are: it gives what each of them brought, by partition, which must
// not be changed. It ends with the attempt, or with ctx.
func (a *Agent) Gather(ctx context.Context, attempt string, round int, data []byte) ([][]byte, error) {
	type waiting struct {
		m   *meeting
		end context.Context
		err error
	}
	begun := make(chan waiting, 1)
	a.o.Call(func() {
		m, r, err := a.meet(attempt, round, data)
		if err != nil {
			begun <- waiting{err: err}
			return
		}
		begun <- waiting{m: m, end: r.ctx}
	})
	var w waiting
	select {
	case w = <-begun:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if w.err != nil {
		return nil, w.err
	}
	select {
	case all := <-w.m.all:
		return all, nil
	case <-w.end.Done():
		return nil, context.Cause(w.end)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// meet notes that an attempt waits, and tells the scheduler.
func (a *Agent) meet(attempt string, round int, data []byte) (*meeting, *run, error) {
	for _, r := range a.runs {
		if r.name != attempt || r.finished {
			continue
		}
		if r.meets != nil {
			return nil, nil, errTwice
		}
		r.meets = &meeting{round: round, data: data, all: make(chan [][]byte, 1)}
		a.arrived(r)
		return r.meets, r, nil
	}
	return nil, nil, errNobody
}

func (a *Agent) arrived(r *run) {
	a.o.Upstream.Report(model.BarrierArrive{From: a.o.From, Attempt: r.id, Round: r.meets.round, Data: r.meets.data})
}

// Rearrive tells a scheduler who waits at a barrier, which it may not have heard
// or whose answer may be lost.
func (a *Agent) Rearrive() {
	for _, r := range a.runs {
		if r.meets != nil && !r.finished && !r.killed {
			a.arrived(r)
		}
	}
}

// release lets those go on that wait at the barrier. What is of another round or
// generation is not for them.
func (a *Agent) release(c model.Barrier) {
	for _, r := range a.runs {
		if m := r.meets; m != nil && r.id.Stage == c.Stage && r.id.Gen == c.Gen && m.round == c.Round {
			r.meets = nil
			m.all <- c.Data
		}
	}
}
