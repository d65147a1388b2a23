package engine

import (
	"fmt"
	"iter"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Restore takes in the records of earlier engines' journals, oldest first, before
// Start. What was under way goes on from there.
func (e *Engine) Restore(recs iter.Seq2[model.Record, error]) error {
	err := e.sched.Restore(func(yield func(model.Record, error) bool) {
		for r, err := range recs {
			if err == nil {
				err = e.restored(r)
			}
			if !yield(r, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	e.catchUp()
	return nil
}

// Compact yields what a later engine needs of this one's journal, which it reads
// twice and which must be whole. It is called from the loop's goroutine.
func (e *Engine) Compact(journal iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] {
	return e.sched.Compact(journal)
}

// restored takes in one record: what there is beside the scheduler's state.
func (e *Engine) restored(rec model.Record) error {
	switch r := rec.(type) {
	case model.JobAccepted:
		e.job(r.Submit.Job)
	case model.JobEnded:
		if j := e.jobs[r.Job]; j != nil {
			for _, a := range j.actions {
				a.restoreEnd(model.ActionCancelled)
			}
			delete(e.jobs, r.Job)
		}
	case model.ActionAccepted:
		return e.restoreAction(&r.Submit)
	case model.SplitsPlanned:
		return e.restoreResolved(r)
	case model.CommitIntent:
		e.forAction(r.Manifest.Action, func(a *action) { a.state = plan.ActionPublishing })
	case model.ActionEnded:
		e.forAction(r.Action, func(a *action) { a.restoreEnd(r.State) })
	case model.Launched:
		e.restoreLaunched(r)
	case model.OutputAt:
		e.restoreEnded(r.Output.Attempt)
	case model.Won:
		e.restoreEnded(r.File.Attempt)
	case model.ResultAt:
		e.restoreEnded(r.Attempt)
	case model.Failure:
		e.restoreEnded(r.Attempt)
	case model.WorkerSeen:
		if e.froms[r.Worker].Inc != r.Inc { // what its earlier process ran is gone
			e.workerLost(r.Worker)
		}
		e.froms[r.Worker] = model.From{Worker: r.Worker, Inc: r.Inc}
	}
	return nil
}

// restoreAction makes an action that was accepted. Its plan is in its own record
// until its inputs were listed, and then in that of those.
func (e *Engine) restoreAction(s *model.SubmitAction) error {
	if e.jobs[s.Action.Job] == nil {
		return nil
	}
	a := e.newAction(s.Action, s.Partitions, s.Name)
	a.begun, a.started = s.Began, a.started.Add(-max(time.Since(s.Began), 0))
	if len(s.Encoded) == 0 {
		return nil
	}
	p, err := plan.Decode[plan.Plan](s.Encoded)
	if err == nil {
		_, err = a.follow(p)
	}
	if err != nil {
		return fmt.Errorf("action %s: %w", s.Action, err)
	}
	return nil
}

// restoreResolved takes in what was found of an action's inputs, for it and for
// those after it.
func (e *Engine) restoreResolved(r model.SplitsPlanned) error {
	j := e.jobs[r.Action.Job]
	if j == nil {
		return nil
	}
	res, err := work.Unpack(r.Resolved)
	if err == nil {
		j.sources.remember(res)
		e.forAction(r.Action, func(a *action) {
			if _, err = a.follow(res.Plan); err == nil {
				a.state = plan.ActionRunning
				a.sized(res.Found)
			}
		})
	}
	if err != nil {
		return fmt.Errorf("action %s: %w", r.Action, err)
	}
	return nil
}

// restoreEnd forgets an action that has ended. Its driver has heard, or asks again.
func (a *action) restoreEnd(state model.ActionState) {
	a.state = states[state]
	a.cancel(nil)
	a.e.handOver(a)
	delete(a.job.actions, a.id.N)
}

func (e *Engine) restoreLaunched(r model.Launched) {
	for _, id := range r.Attempts {
		if stages := e.following(id.Stage); len(stages) > 0 {
			e.follow(attempt{id: id, worker: r.Worker, exec: r.Exec, owner: stages[0].action, stages: stages}, true)
		}
	}
}

func (e *Engine) restoreEnded(id model.AttemptID) {
	if t := e.attempts[keyOf(id)]; t != nil {
		delete(e.attempts, keyOf(id))
		e.finished(t, false)
	}
}

// catchUp takes over from the scheduler how far the actions are.
func (e *Engine) catchUp() {
	for id, j := range e.jobs {
		all, _ := e.sched.View(model.Stages{Job: id}).(model.StageList)
		for _, v := range all {
			for _, a := range j.actions {
				if st := a.stages[v.Stage.Key]; st != nil && (v.Stage.Action == 0 || v.Stage.Action == a.id.N) {
					st.done, a.dirty = v.Done, true
				}
			}
		}
	}
}

// attached takes in what a worker holds when it comes back: reports that it could
// not send, and which attempts it does not know any more, since the launches were
// lost on the way to it or the ends on the way from it.
func (e *Engine) attached(ev *model.Attach) {
	known := map[attemptKey]bool{}
	for _, id := range ev.Inventory.Running {
		known[keyOf(id)] = true
	}
	for _, d := range ev.Inventory.Done {
		e.seen(d)
	}
	for _, f := range ev.Inventory.Failed {
		e.seen(f)
	}
	e.drop(func(t *attempt) bool { return t.worker == ev.Worker && !t.finished && !known[keyOf(t.id)] })
}
