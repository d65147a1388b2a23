package engine

import (
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

var failClasses = map[plan.FailureClass]model.FailClass{
	plan.FailUser: model.User, plan.FailFetch: model.Fetch, plan.FailResource: model.Resource,
	plan.FailCrash: model.Crash, plan.FailInfra: model.Infra, plan.FailInput: model.Input,
	plan.FailKilled: model.Killed, plan.FailRefused: model.Refused,
}

// newFailure is a failure that the engine itself finds.
func newFailure(class plan.FailureClass, format string, args ...any) *plan.Failure {
	return &plan.Failure{Class: class, Row: -1, Offset: -1, Message: fmt.Sprintf(format, args...)}
}

// panicked is what an executor should have made of a panic. v is nil when the
// code left its goroutine.
func panicked(v any) *plan.Failure {
	if v == nil {
		return newFailure(plan.FailUser, "user code called runtime.Goexit")
	}
	f := newFailure(plan.FailUser, "panic: %v", v)
	f.Stack = string(debug.Stack())
	return f
}

// report is a failed attempt as the scheduler hears of it.
func (r *run) report(from model.From, f *plan.Failure) model.TaskFailed {
	ev := model.TaskFailed{From: from, Attempt: r.id, Class: failClasses[f.Class], Message: f.Message, Signature: signature(f)}
	switch {
	case r.killed:
		ev.Class = model.Killed
	case ev.Class == model.Fetch:
		if ev.Source = r.source(f.Fetch); ev.Source == nil {
			ev.Class = model.User
		}
	case ev.Class == model.Resource:
		// Executors spill rather than run out of memory.
		ev.Disk, ev.Path = true, f.Path
	case ev.Class != model.Input:
		// What another worker might do better, or was killed without being told
		// to, fails at once: there is no other worker.
		ev.Class = model.User
	}
	if detail, err := plan.Encode(f); err == nil {
		ev.Detail = detail
	}
	return ev
}

func signature(f *plan.Failure) model.Signature {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.Message))
	return model.Signature{Site: f.Op, Kind: fmt.Sprint(f.Class), Hash: h.Sum64(), Row: f.Row, HasRow: f.Row >= 0}
}

// source says of which attempt the output is that could not be read; nil when
// the attempt had no such input.
func (r *run) source(f *plan.FetchSource) *model.FetchSource {
	if f == nil {
		return nil
	}
	for _, in := range r.inputs {
		if in.key != f.Stage {
			continue
		}
		for i := range in.outputs {
			if o := &in.outputs[i]; o.Partition == f.Map {
				return &model.FetchSource{Key: f.Stage, Map: f.Map, Attempt: o.Attempt, Store: o.Store, Cause: model.FetchCorrupt}
			}
		}
	}
	return nil
}

// ended turns the scheduler's word about an action's end into Do's. An action
// that was asked to end when it was done has still not given all its values.
func (a *action) ended(end model.ActionEnd) (plan.ActionState, error) {
	c, state := end.Cause, states[end.State]
	switch {
	case a.cause != nil && (state == plan.ActionCancelled || state == plan.ActionDone && a.out == nil):
		return a.as, a.cause
	case state == plan.ActionDone:
		return state, nil
	case c == nil:
		return state, a.wrap(errors.New(state.String()))
	case a.problem != nil && (c.Kind == model.CauseOutput || c.Kind == model.CauseSplits || c.Kind == model.CausePublish):
		return state, a.wrap(a.problem)
	case c.Stage.Key == "":
		return state, a.wrap(c)
	}
	return state, a.stageError(c)
}

// stageError is the error of a task that failed for good. What the executor
// reported came through the scheduler as bytes.
func (a *action) stageError(c *model.Cause) error {
	e := &plan.StageError{Action: a.id, Stage: c.Stage.Key, Partition: c.Partition, Attempts: len(c.Tries),
		Failure: *newFailure(plan.FailInfra, "%s", c.Message)}
	if st := a.stages[c.Stage.Key]; st != nil {
		e.Name = st.plan.Name
	}
	if f, err := plan.Decode[plan.Failure](c.Detail); err == nil && len(c.Detail) > 0 {
		e.Failure = *f
	}
	if e.Op == "" { // of no operator in particular, such as an input
		e.Op = a.name()
	}
	return e
}
