package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// outlet is where the loop's commands become the engine's effects.
type outlet struct{ e *Engine }

func (o outlet) Journal(recs []model.Append) (bool, error) { return o.e.effects.Journal(recs) }

// Worker dresses launches and takes note of what becomes of attempts.
func (o outlet) Worker(id plan.WorkerID, cmds []model.Command) {
	e := o.e
	sent := cmds[:0]
	for _, c := range cmds {
		switch c := c.(type) {
		case model.Launch:
			if l := e.launched(id, c); l != nil && !joined(sent, l) {
				sent = append(sent, l)
			}
			continue
		case model.Kill:
			if t := e.attempts[keyOf(c.Attempt)]; t != nil {
				t.killed = true
			}
		case model.Recall:
			for _, id := range c.Attempts {
				if t := e.attempts[keyOf(id)]; t != nil {
					t.recalled = true
				}
			}
		case model.Ack:
			e.acknowledged(c)
			if acked(sent, c) {
				continue
			}
		}
		sent = append(sent, c)
	}
	if len(sent) > 0 {
		e.effects.Worker(id, sent)
	}
}

// joined adds the tasks of a launch to those of another one that is sent, if only
// launches and acknowledgements came since.
func joined(sent []model.Command, l *work.Launch) bool {
	for _, c := range slices.Backward(sent) {
		switch c := c.(type) {
		case model.Ack:
			continue
		case *work.Launch:
			if c.Launch.Stage != l.Launch.Stage || c.Gen != l.Gen || c.Try != l.Try || c.Exec != l.Exec || c.Plan != l.Plan || !slices.Equal(c.Reads, l.Reads) {
				continue
			}
			c.Tasks = append(c.Tasks, l.Tasks...)
			return true
		}
		return false
	}
	return false
}

// acked is joined for acknowledgements.
func acked(sent []model.Command, a model.Ack) bool {
	for i, c := range slices.Backward(sent) {
		switch c := c.(type) {
		case *work.Launch:
			continue
		case model.Ack:
			if c.Keep != a.Keep {
				continue
			}
			c.Attempts = append(c.Attempts, a.Attempts...)
			sent[i] = c
			return true
		}
		return false
	}
	return false
}

// Driver passes commands on to the driver of a job.
func (o outlet) Driver(id plan.JobID, cmds []model.Command) {
	e := o.e
	for _, c := range cmds {
		if end, ok := c.(model.ActionEnd); ok {
			e.forAction(end.Action, func(a *action) { a.end(end) })
			continue
		}
		if end, ok := c.(model.JobEnd); ok {
			e.jobEnded(end)
			continue
		}
		if r, ok := c.(model.Reply); ok && r.Err != nil {
			e.forAction(plan.ActionID{Job: r.Job, N: r.Action}, func(a *action) { a.finish(plan.ActionFailed, nil, a.wrap(r.Err)) })
		}
		if d := e.effects.Driver(id); d != nil {
			tell(d, c)
		}
	}
}

func tell(d Driver, c model.Command) {
	switch c := c.(type) {
	case model.Result:
		d.Result(c)
	case model.ResultReset:
		d.Reset(c)
	case model.Notice:
		d.Notice(c.Text)
	case model.Reply:
		d.Replied(c)
	}
}

// errJobEnded is why an action ends that outlived its job.
var errJobEnded = errors.New("its job has ended")

// jobEnded ends whatever the scheduler did not end by itself.
func (e *Engine) jobEnded(c model.JobEnd) {
	err := errJobEnded
	if c.Cause != nil {
		err = c.Cause
	}
	if j := e.jobs[c.Job]; j != nil {
		j.ended = true
		for _, a := range j.actions {
			a.finish(plan.ActionFailed, nil, a.wrap(err))
		}
		e.leave(j)
	}
	if d := e.effects.Driver(c.Job); d != nil {
		d.JobEnd(c)
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
	a.e.handOver(a)
	state, err := a.outcome(c)
	a.finish(state, c.Updates, err)
}

var states = [...]plan.ActionState{
	model.ActionPreparing: plan.ActionPreparing, model.ActionRunning: plan.ActionRunning,
	model.ActionPublishing: plan.ActionPublishing, model.ActionDone: plan.ActionDone,
	model.ActionFailed: plan.ActionFailed, model.ActionCancelled: plan.ActionCancelled,
}

// Engine starts work on storage.
func (o outlet) Engine(c model.Command) {
	e := o.e
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
		if a := e.action(c.Action); a != nil {
			a.collect = true
		} else {
			e.collect(c)
		}
	case model.Note:
		e.note(c)
		e.effects.Other(c)
	case model.StepDown:
		e.effects.Other(c)
		for id := range e.jobs {
			e.jobEnded(model.JobEnd{Job: id, Cause: &model.Cause{Kind: model.CauseJournal, Message: c.Why}})
		}
	default:
		e.effects.Other(c)
	}
}

func (e *Engine) forAction(id plan.ActionID, f func(*action)) {
	if a := e.action(id); a != nil {
		f(a)
	}
}

// note follows the states that only pictures need, and workers that are gone.
func (e *Engine) note(n model.Note) {
	switch n.Kind {
	case model.NoteWorkerLost:
		e.workerLost(n.Worker)
		return
	case model.NoteRefused:
		e.log.Debug("scheduler refused a message", "why", n.Text)
	}
	a := e.action(plan.ActionID{Job: n.Job, N: n.Action})
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
	a.e.Background(func() {
		then := f()
		a.e.Call(func() model.Event {
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
	ev := model.SplitsReady{Action: a.id}
	sizes, found, err := a.job.sources.plan(a.ctx, a.plan.Plan)
	if ev.Sizes = sizes; err == nil && a.e.o.Config.Journal {
		ev.Resolved, err = (&work.Resolved{Plan: a.plan.Plan, Found: found}).Pack()
	}
	return func() model.Event {
		if err != nil {
			return model.SplitsReady{Action: a.id, Err: a.trouble(err)}
		}
		a.sized(found)
		return ev
	}
}

// trouble keeps an error for the driver while its text goes through the
// scheduler.
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
		winners[i] = storage.Winner{Attempt: work.StagedBy(f.Attempt), Rows: f.Rows, Bytes: f.Bytes, Sum: fmt.Sprintf("%016x", f.Sum)}
	}
	err := a.out.Publish(a.e.ctx, winners)
	return func() model.Event {
		if err != nil {
			return model.PublishFailed{Action: a.id, Err: *a.trouble(err)}
		}
		return model.Published{Action: a.id}
	}
}

// collect removes what is left of an action that is gone: of an earlier engine's,
// or by attempts that were slow to end.
func (e *Engine) collect(c model.Collect) {
	e.Background(func() {
		out, err := work.Committer(c.Action, &plan.Output{Path: c.Sink.Path, Overwrite: c.Sink.Overwrite})
		if err == nil {
			err = out.Collect(e.ctx)
		}
		ev := model.Collected{Action: c.Action}
		if err != nil {
			ev.Err = &model.Problem{Message: err.Error()}
			e.log.Warn("staging directory not removed", "job", string(c.Action.Job), "action", c.Action.N, "err", err)
		}
		e.Send(ev)
	})
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
