package worker

import (
	"context"
	"errors"
	"sync"

	"github.com/gordd-project/gordd/internal/agent"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/rdd/plan"
)

// lateInput is a partition of a shuffle that a task may ask for.
type lateInput struct {
	from agent.Input
	read plan.ShuffleRead
}

// lateInputs are those of one task.
type lateInputs struct {
	ctx    context.Context // ends with the task
	cancel context.CancelCauseFunc
	l      *work.Launch
	in     []lateInput

	mu     sync.Mutex
	g      *gathering
	closed bool
}

// get brings one of them.
func (x *lateInputs) get(of plan.StageKey, partition int) ([]byte, *plan.Failure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, in := range x.in {
		if in.from.Key == of && in.read.Partition == partition && !x.closed {
			return x.g.parts(x.ctx, x.l, in.from, in.read)
		}
	}
	return nil, work.NewFailure(plan.FailInfra, "%v", errEnded)
}

func (x *lateInputs) close() {
	x.cancel(errEnded)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.g.close()
}

var errEnded = errors.New("the task has ended")

// lateTasks are the tasks that may ask for inputs.
type lateTasks struct {
	mu sync.Mutex
	m  map[*plan.Task]*lateInputs
}

// add lets a task ask until it is done.
func (a *lateTasks) add(t *plan.Task, x *lateInputs) (done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[*plan.Task]*lateInputs{}
	}
	a.m[t] = x
	return func() {
		a.mu.Lock()
		delete(a.m, t)
		a.mu.Unlock()
		x.close()
	}
}

// get brings what a task asks for.
func (a *lateTasks) get(t *plan.Task, of plan.StageKey, partition int) ([]byte, *plan.Failure) {
	a.mu.Lock()
	x := a.m[t]
	a.mu.Unlock()
	if x == nil {
		return nil, work.NewFailure(plan.FailInfra, "%v", errEnded)
	}
	return x.get(of, partition)
}
