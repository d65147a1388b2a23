package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// action is one action under way. Its fields belong to the loop's goroutine but
// for those that never change.
type action struct {
	e    *Engine
	job  *job
	id   plan.ActionID
	plan *work.Plan
	log  *slog.Logger
	// ctx is for the action's work on storage; it ends when the action shall.
	ctx    context.Context
	cancel context.CancelCauseFunc

	want      []int
	out       *storage.Committer // nil: no output
	state     plan.ActionState
	begun     time.Time
	started   model.Instant
	elapsed   time.Duration
	problem   error // of storage
	stages    map[plan.StageKey]*stage
	found     map[plan.Files][]storage.Split
	tasks     int  // attempts that have not ended
	working   int  // work on storage that has not ended
	collect   bool // staging is to be removed when no attempt can write to it
	dirty     bool
	pictureAt model.Instant
	addedAt   model.Instant
	shown     int                     // bytes of updates that are shown
	shownOf   map[plan.Block]struct{} // and the kept blocks that they are of
}

func (a *action) wrap(err error) error { return work.Wrap(a.plan.Plan, err) }

// Begin starts an action whose plan has passed work.Check. What becomes of it the
// job's driver hears. One that is under way already, for a driver that asks again,
// goes on as it is. It is called from the loop's goroutine, by Call, and gives the
// event that hands the action to the scheduler.
func (e *Engine) Begin(s work.Submission) model.Event {
	ev := model.SubmitAction{Request: model.Request(s.ID.N), Action: s.ID, Plan: s.Hash}
	if e.action(s.ID) != nil {
		return ev
	}
	a := e.newAction(s.ID, s.Partitions, s.Plan.Action)
	graph, err := a.follow(s.Plan)
	if err != nil {
		a.finish(plan.ActionFailed, nil, a.wrap(err))
		return nil
	}
	ev.Graph, ev.Target, ev.Partitions, ev.Name, ev.Site = graph, s.Plan.Target, s.Partitions, s.Plan.Action, s.Plan.Site.String()
	ev.Labels = s.Plan.Labels
	ev.Sink = model.Sink{Kind: model.RowsToDriver, Consumed: s.Consumed, Ahead: s.Ahead}
	if target, ok := s.Plan.Stage(s.Plan.Target); ok {
		if target.Sink.Effects {
			ev.Sink.Guarantee = model.AtLeastOnce
		}
		if target.Barrier { // tasks wait for each other, so none can wait for the driver
			ev.Sink.Ahead = 0
		}
	}
	if a.out != nil {
		ev.Sink = model.Sink{Kind: model.Files, Path: a.out.Dir(), Overwrite: s.Plan.Output.Overwrite}
	}
	if e.o.Config.Journal {
		ev.Encoded, ev.Began = s.Encoded, a.begun
	}
	a.log.Info("action started", "name", s.Plan.Action, "site", s.Plan.Site.String(), "stages", len(graph))
	return ev
}

// newAction makes an action of a job, which then is to follow its plan.
func (e *Engine) newAction(id plan.ActionID, want []int, name string) *action {
	j := e.job(id.Job)
	a := &action{
		e: e, job: j, id: id, plan: &work.Plan{Plan: &plan.Plan{Action: name}}, want: want, begun: time.Now(), started: e.loop.now(),
		log: e.log.With("job", string(id.Job), "action", id.N), stages: map[plan.StageKey]*stage{},
	}
	a.ctx, a.cancel = context.WithCancelCause(e.ctx)
	j.actions[id.N] = a
	return a
}

// follow gives an action its plan, and gives the stages that its target needs.
func (a *action) follow(p *plan.Plan) (graph []model.StageSpec, err error) {
	a.plan, a.stages = &work.Plan{Plan: p}, map[plan.StageKey]*stage{}
	graph = a.graph()
	if p.Output != nil {
		a.out, err = work.Committer(a.id, p.Output)
	}
	return graph, err
}

// Cancel asks for an action's end. It is too late for that once its output is
// being put in place.
func (e *Engine) Cancel(id plan.ActionID, cause error) {
	e.Call(func() model.Event {
		a := e.action(id)
		if a == nil || a.state.Ended() {
			return nil
		}
		if a.state != plan.ActionPublishing {
			a.cancel(cause)
		}
		return model.Cancel{Job: id.Job, Action: id.N, Reason: cause.Error()}
	})
}

// Abandon says that nobody waits for an action's attempts any more. Staging is
// cleared now, since the process may end before they do, and again after them.
func (e *Engine) Abandon(id plan.ActionID) {
	e.Call(func() model.Event {
		a := e.action(id)
		if a == nil {
			return nil
		}
		if a.tasks > 0 {
			a.log.Warn("attempts do not heed their context", "attempts", a.tasks)
		}
		if a.collect {
			a.work(a.removeStaging)
		}
		return nil
	})
}

// graph is the plan as the scheduler needs it: without stages that the target
// does not need.
func (a *action) graph() []model.StageSpec {
	p := a.plan.Plan
	for i := range p.Stages {
		a.stages[p.Stages[i].Key] = &stage{action: a, plan: &p.Stages[i], skipped: true}
	}
	a.stages[p.Target].skipped = false
	for todo := []plan.StageKey{p.Target}; len(todo) > 0; {
		st := a.stages[todo[0]]
		todo = todo[1:]
		for _, parent := range st.plan.Parents {
			if ps := a.stages[parent.Key]; ps != nil && ps.skipped {
				ps.skipped = false
				todo = append(todo, parent.Key)
			}
		}
	}
	var specs []model.StageSpec
	for i := range p.Stages {
		if st := a.stages[p.Stages[i].Key]; !st.skipped {
			specs = append(specs, st.spec())
		}
	}
	return specs
}

// finish sets how the action ended, and tells the driver.
func (a *action) finish(state plan.ActionState, updates []plan.StageUpdates, err error) {
	if a.state.Ended() {
		return
	}
	now := a.e.loop.now()
	a.state, a.elapsed = state, now.Sub(a.started)
	a.cancel(err)
	final := a.status(now)
	if err != nil {
		final.Error = err.Error()
	}
	if d := a.driver(); d != nil {
		d.End(final, updates, err)
	}
	a.log.Info("action ended", "name", a.plan.Action, "state", state.String(), "elapsed", a.elapsed)
	a.settle()
}

func (a *action) driver() Driver { return a.e.effects.Driver(a.id.Job) }

// settle starts what waits for the action's attempts to end, and tells the
// driver when nothing is left.
func (a *action) settle() {
	if a.tasks > 0 || a.working > 0 || !a.state.Ended() || a.job.actions[a.id.N] == nil {
		return
	}
	if a.collect {
		a.collect = false
		a.work(a.removeStaging)
		return
	}
	delete(a.job.actions, a.id.N)
	a.e.leave(a.job)
	if d := a.driver(); d != nil {
		d.Quiet(a.id)
	}
}

// outcome turns the scheduler's word about an action's end into the driver's.
func (a *action) outcome(end model.ActionEnd) (plan.ActionState, error) {
	c, state := end.Cause, states[end.State]
	switch {
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
		Failure: *work.NewFailure(plan.FailInfra, "%s", c.Message)}
	if st := a.stages[c.Stage.Key]; st != nil {
		e.Name = st.plan.Name
	}
	if f, err := plan.Decode[plan.Failure](c.Detail); err == nil && len(c.Detail) > 0 {
		e.Failure = *f
	}
	if e.Op == "" { // of no operator in particular, such as an input
		e.Op = work.Name(a.plan.Plan)
	}
	return e
}
