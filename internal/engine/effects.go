package engine

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// local is the Effects of an engine that is one process.
type local struct{ e *Engine }

// Journal keeps nothing: an engine that ends with its process has nothing to
// remember.
func (local) Journal(model.Append) error { return nil }

// Worker passes commands on to the one worker.
func (l local) Worker(_ plan.WorkerID, cmds []model.Command) { l.e.worker.carryOut(cmds) }

// Driver passes commands on to the callers of Do.
func (l local) Driver(_ plan.JobID, cmds []model.Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case model.Result:
			l.e.forAction(c.Action, func(a *action) { a.result(c) })
		case model.ResultReset:
			l.e.forAction(c.Action, func(a *action) { a.reset(c.Gen) })
		case model.ActionEnd:
			l.e.forAction(c.Action, func(a *action) { a.end(c) })
		case model.Reply:
			l.e.replied(c)
		case model.JobEnd:
			l.e.jobEnded(c)
		case model.Notice:
			l.e.log.Warn("scheduler", "job", string(c.Job), "notice", c.Text)
		}
	}
}

// replied hears of actions that the scheduler refuses.
func (e *Engine) replied(r model.Reply) {
	if r.Err == nil {
		return
	}
	if a := e.actions[plan.ActionID{Job: r.Job, N: r.Action}]; a != nil {
		a.finish(plan.ActionFailed, a.wrap(r.Err))
	}
}

// jobEnded ends whatever the scheduler did not end by itself.
func (e *Engine) jobEnded(c model.JobEnd) {
	err := ErrClosed
	if c.Cause != nil && !e.ending {
		err = c.Cause
	}
	e.ending = true
	e.worker.endAll(err)
	for _, a := range e.actions {
		a.finish(plan.ActionFailed, a.wrap(err))
	}
}

// end takes over the scheduler's summary. Attempts that go on do so for another
// action that shares their stage.
func (a *action) end(c model.ActionEnd) {
	for _, sum := range c.Stages {
		if st := a.stages[sum.Stage.Key]; st != nil {
			st.summed(sum)
		}
	}
	a.e.worker.handOver(a)
	a.finish(a.ended(c))
}

var states = [...]plan.ActionState{
	model.ActionPreparing: plan.ActionPreparing, model.ActionRunning: plan.ActionRunning,
	model.ActionPublishing: plan.ActionPublishing, model.ActionDone: plan.ActionDone,
	model.ActionFailed: plan.ActionFailed, model.ActionCancelled: plan.ActionCancelled,
}

// Engine starts work on storage.
func (l local) Engine(c model.Command) {
	e := l.e
	switch c := c.(type) {
	case model.PlanSplits:
		e.forAction(c.Action, func(a *action) { a.work(a.planSplits) })
	case model.PrepareOutput:
		e.forAction(c.Action, func(a *action) { a.work(a.prepareOutput) })
	case model.Publish:
		e.forAction(c.Manifest.Action, func(a *action) {
			a.state, a.dirty = plan.ActionPublishing, true
			a.work(func() func() model.Event { return a.publish(c.Manifest) })
		})
	case model.Collect:
		e.forAction(c.Action, func(a *action) { a.collect = true })
	case model.Note:
		e.note(c)
	case model.StepDown:
		e.jobEnded(model.JobEnd{Job: e.o.Job, Cause: &model.Cause{Kind: model.CauseJournal, Message: c.Why}})
	}
}

func (e *Engine) forAction(id plan.ActionID, f func(*action)) {
	if a := e.actions[id]; a != nil {
		f(a)
	}
}

// note follows the states that only pictures need.
func (e *Engine) note(n model.Note) {
	a := e.actions[plan.ActionID{Job: n.Job, N: n.Action}]
	if n.Kind == model.NoteRefused {
		e.log.Debug("scheduler refused a message", "why", n.Text)
	}
	if a == nil || n.Kind > model.NoteStageSkipped {
		return
	}
	if a.state == plan.ActionPreparing {
		a.state = plan.ActionRunning
	}
	a.dirty = true
	if st := a.stages[n.Stage.Key]; st != nil {
		st.skipped = n.Kind == model.NoteStageSkipped
		st.done = st.total - n.Count
		a.log.Debug("stage", "stage", st.plan.Name, "tasks", n.Count, "skipped", st.skipped)
	}
}

// work runs f outside the loop, and what it returns within.
func (a *action) work(f func() func() model.Event) {
	a.working++
	a.e.background(func() {
		then := f()
		a.e.loop.call(func() model.Event {
			var ev model.Event
			if then != nil {
				ev = then()
			}
			a.working--
			a.settle()
			return ev
		})
	})
}

func (a *action) planSplits() func() model.Event {
	sizes, found, err := a.e.sources.plan(a.ctx, a.plan)
	return func() model.Event {
		if err != nil {
			return model.SplitsReady{Action: a.id, Err: a.trouble(err)}
		}
		a.sized(found)
		return model.SplitsReady{Action: a.id, Sizes: sizes}
	}
}

// trouble keeps an error for Do while its text goes through the scheduler.
func (a *action) trouble(err error) *model.Problem {
	a.problem = err
	return &model.Problem{Message: err.Error()}
}

func (a *action) prepareOutput() func() model.Event {
	err := a.out.Prepare(a.ctx)
	return func() model.Event {
		if err != nil {
			return model.OutputPrepared{Action: a.id, Err: a.trouble(err)}
		}
		return model.OutputPrepared{Action: a.id}
	}
}

// publish is not cancelled with the action: it has been decided.
func (a *action) publish(m model.Manifest) func() model.Event {
	winners := make([]storage.Winner, len(m.Files))
	for i, f := range m.Files {
		winners[i] = storage.Winner{Attempt: attemptOf(f.Attempt), Rows: f.Rows, Bytes: f.Bytes, Sum: fmt.Sprintf("%016x", f.Sum)}
	}
	err := a.out.Publish(a.e.ctx, winners)
	return func() model.Event {
		if err != nil {
			return model.PublishFailed{Action: a.id, Err: *a.trouble(err)}
		}
		return model.Published{Action: a.id}
	}
}

func attemptOf(id model.AttemptID) storage.Attempt {
	return storage.Attempt{Gen: uint64(id.Gen), Partition: id.Partition, Term: uint64(id.Term), Seq: id.Seq}
}

// removeStaging runs after the action's end, so it has its own context.
func (a *action) removeStaging() func() model.Event {
	err := a.out.Collect(context.WithoutCancel(a.ctx))
	return func() model.Event {
		if err == nil {
			return model.Collected{Action: a.id}
		}
		// The output is whole or not there; what is left beside it is only untidy.
		a.log.Warn("staging directory not removed", "err", err)
		return model.Collected{Action: a.id, Err: &model.Problem{Message: err.Error()}}
	}
}
