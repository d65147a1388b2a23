package engine

import (
	"slices"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// attempt is an attempt that was launched and is not acknowledged, as the
// engine follows it: for pictures, and to know when an action is at rest.
type attempt struct {
	id       model.AttemptID
	worker   plan.WorkerID
	exec     int      // number of the executor that runs it
	owner    *action  // that waits for its end
	stages   []*stage // in all actions that follow the stage
	begun    bool     // it has, or had, a slot
	killed   bool
	recalled bool // it may end without having begun
	finished bool
	done     bool // with success
	level    model.Level
	counters plan.Counters
	updates  plan.Updates
}

// attemptKey is the part of an attempt's id that alone is unique.
type attemptKey struct {
	term model.Term
	seq  uint64
}

func keyOf(id model.AttemptID) attemptKey { return attemptKey{id.Term, id.Seq} }

// launched dresses a launch and follows its attempts. It gives nil, and fails
// the attempts, when no action wants them.
func (e *Engine) launched(w plan.WorkerID, c model.Launch) *work.Launch {
	stages := e.following(c.Stage)
	if len(stages) == 0 {
		for _, t := range c.Tasks {
			e.loop.reply(model.TaskFailed{From: e.froms[w], Attempt: t.Attempt, Class: model.Refused, Message: "no action wants it"})
		}
		return nil
	}
	// Of plans that differ the one that is cut has what the tasks are given to read.
	first := slices.MinFunc(stages, func(a, b *stage) int { return len(a.plan.Parents) - len(b.plan.Parents) })
	for _, t := range c.Tasks {
		e.follow(attempt{id: t.Attempt, worker: w, exec: c.Exec, owner: first.action, stages: stages, level: t.Level}, !t.Early)
	}
	return &work.Launch{Launch: c, Action: first.action.id, Plan: first.action.plan, Stage: first.plan,
		Files: first.files, Found: first.action.found}
}

// follow follows an attempt, which begins now or waits for a slot.
func (e *Engine) follow(t attempt, begins bool) {
	e.attempts[keyOf(t.id)] = &t
	t.owner.tasks++
	if begins {
		t.begin(e.loop.now())
	}
}

// begin takes note of an attempt's start.
func (t *attempt) begin(now model.Instant) {
	if t.begun {
		return
	}
	t.begun = true
	for _, st := range t.stages {
		st.started(now)
	}
}

// following finds a stage in the actions that are under way, the oldest first.
func (e *Engine) following(id model.StageID) []*stage {
	var found []*stage
	j := e.jobs[id.Job]
	if j == nil {
		return nil
	}
	for _, a := range j.actions {
		if id.Action != 0 && id.Action != a.id.N || a.state.Ended() {
			continue
		}
		if st := a.stages[id.Key]; st != nil && a.found != nil {
			found = append(found, st)
		}
	}
	slices.SortFunc(found, func(a, b *stage) int { return a.action.id.N - b.action.id.N })
	return found
}

// seen looks at an event before the scheduler does.
func (e *Engine) seen(ev model.Event) {
	switch ev := ev.(type) {
	case model.Attach:
		e.froms[ev.Worker] = ev.From
		e.attached(&ev)
	case model.TaskStarted:
		if t := e.attempts[keyOf(ev.Attempt)]; t != nil && !t.finished {
			t.begin(e.loop.now())
		}
	case model.TaskDone:
		if t := e.attempts[keyOf(ev.Attempt)]; t != nil && !t.finished {
			t.begin(e.loop.now())
			// The scheduler will count the level of a winner too.
			t.done, t.counters = true, work.CountersOf(append(ev.Counters, model.Counter{Name: t.level.Counter(), Value: 1}))
			t.updates = ev.Updates
			e.finished(t, false)
		}
	case model.TaskFailed:
		if t := e.attempts[keyOf(ev.Attempt)]; t != nil && !t.finished {
			e.finished(t, !t.killed && (!t.recalled || ev.Class != model.Killed))
		}
	case model.ExecGone:
		e.executorLost(ev)
	}
}

// finished takes note of an attempt's end.
func (e *Engine) finished(t *attempt, failed bool) {
	now := e.loop.now()
	t.finished = true
	for _, st := range t.stages {
		if t.begun {
			st.stopped(now, failed)
		}
	}
	t.owner.tasks--
	t.owner.settle()
}

// acknowledged is the scheduler's last word about attempts.
func (e *Engine) acknowledged(c model.Ack) {
	for _, id := range c.Attempts {
		t := e.attempts[keyOf(id)]
		if t == nil || !t.finished {
			continue
		}
		delete(e.attempts, keyOf(id))
		if t.done && c.Keep {
			for _, st := range t.stages {
				st.won(t.counters)
				st.adds(t)
			}
		}
	}
}

// workerLost forgets the attempts of a worker, of which nobody will hear.
func (e *Engine) workerLost(w plan.WorkerID) {
	e.drop(func(t *attempt) bool { return t.worker == w })
}

// drop forgets attempts of which nothing will be heard any more.
func (e *Engine) drop(gone func(*attempt) bool) {
	for key, t := range e.attempts {
		if !gone(t) {
			continue
		}
		delete(e.attempts, key)
		if !t.finished {
			e.finished(t, false)
		}
	}
}

// executorLost forgets the attempts that an executor's process took along: its
// end is all that is heard of them.
func (e *Engine) executorLost(ev model.ExecGone) {
	for key, t := range e.attempts {
		if t.worker == ev.Worker && t.id.Stage.Job == ev.Job && t.exec == ev.No && !t.finished {
			delete(e.attempts, key)
			e.finished(t, !t.killed)
		}
	}
}

// join lets an action follow the attempts that run already at stages it shares.
func (e *Engine) join(a *action) {
	now := e.loop.now()
	for _, t := range e.attempts {
		st := a.stages[t.id.Stage.Key]
		if st == nil || t.id.Stage.Job != a.id.Job || t.id.Stage.Action != 0 || t.finished {
			continue
		}
		t.stages = append(slices.Clip(t.stages), st)
		if t.begun {
			st.started(now)
		}
	}
}

// handOver finds other actions for the attempts of one that has ended and that
// nobody told to end.
func (e *Engine) handOver(a *action) {
	if a.tasks == 0 {
		return
	}
	for _, t := range e.attempts {
		if t.owner != a || t.finished || t.killed {
			continue
		}
		for _, st := range t.stages {
			if st.action != a && !st.action.state.Ended() {
				t.owner = st.action
				a.tasks--
				t.owner.tasks++
				break
			}
		}
	}
}
