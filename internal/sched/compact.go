package sched

import (
	"iter"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Compact yields the records of this machine's journal that a later one still
// needs, in their order: restoring them gives the state that restoring all of
// them gives, but for what nobody can ask for any more. The journal must be
// whole, up to the last Step, and is read twice.
//
// What a stage is made of stays in the record of the action that brought its
// sizes, so an action is kept, after its end, for as long as such a stage is. What a
// cached data set is made of is in the record of the first action that names it.
func (s *Scheduler) Compact(journal iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error] {
	return func(yield func(model.Record, error) bool) {
		c := &compactor{s: s, sized: map[stageKey]plan.ActionID{}, cached: map[stageKey]plan.ActionID{},
			keep: map[plan.ActionID]bool{}, ends: map[plan.ActionID]bool{}, cancels: map[plan.JobID]bool{}}
		for rec, err := range journal {
			if err != nil {
				yield(nil, err)
				return
			}
			c.look(rec)
		}
		c.choose()
		for rec, err := range journal {
			if err != nil {
				yield(nil, err)
				return
			}
			if rec = c.needed(rec); rec != nil && !yield(rec, nil) {
				return
			}
		}
	}
}

type compactor struct {
	s      *Scheduler
	term   model.Term
	sized  map[stageKey]plan.ActionID // who brought the sizes of a stage last
	cached map[stageKey]plan.ActionID // who named a cached data set first
	open   []plan.ActionID            // whose files may not have been collected
	keep   map[plan.ActionID]bool
	ends   map[plan.ActionID]bool // that have a record
	// cancels are the jobs of needed actions that have ended by the record of a cancel alone.
	cancels map[plan.JobID]bool
}

type stageKey struct {
	job plan.JobID
	key plan.StageKey
}

// look is the first pass: which actions may be needed.
func (c *compactor) look(rec model.Record) {
	switch r := rec.(type) {
	case model.TermStarted:
		c.term = r.Term
	case model.SplitsPlanned:
		for _, z := range r.Sizes {
			c.sized[stageKey{r.Action.Job, z.Key}] = r.Action
		}
	case model.ActionAccepted:
		if r.Submit.Sink.Kind == model.Files {
			c.open = append(c.open, r.Submit.Action)
		}
		c.lookAtCaches(r.Submit)
	case model.ActionEnded:
		c.ends[r.Action] = true
	case model.CollectedRecord:
		c.open = slices.DeleteFunc(c.open, func(id plan.ActionID) bool { return id == r.Action })
	}
}

func (c *compactor) lookAtCaches(ev model.SubmitAction) {
	for i := range ev.Graph {
		for _, set := range ev.Graph[i].Caches {
			key := stageKey{ev.Action.Job, set.RDD}
			if _, named := c.cached[key]; !named {
				c.cached[key] = ev.Action
			}
		}
	}
}

// choose decides which actions are needed.
func (c *compactor) choose() {
	for _, id := range c.open {
		c.keep[id] = c.s.jobs[id.Job] != nil
	}
	for _, j := range c.s.order {
		for _, a := range j.actions {
			c.keep[a.id] = true
		}
		for _, e := range j.ended {
			c.keep[e.end.Action] = !j.state.Ended() || c.keep[e.end.Action]
		}
		for rdd := range j.caches {
			c.keep[c.cached[stageKey{j.id, rdd}]] = true
		}
		for _, st := range j.stages {
			if st.act == nil && st.sized {
				c.keep[c.sized[stageKey{j.id, st.id.Key}]] = true
			}
		}
	}
	for id, kept := range c.keep {
		if kept && !c.ends[id] && c.s.active(id) == nil {
			c.cancels[id.Job] = true
		}
	}
}

// needed returns what is needed of a record, or nil.
func (c *compactor) needed(rec model.Record) model.Record {
	keep := false
	switch r := rec.(type) {
	case model.TermStarted:
		keep = r.Term == c.term
	case model.JobAccepted:
		keep = c.s.jobs[r.Submit.Job] != nil
	case model.JobEnded:
		keep = c.s.jobs[r.Job] != nil
	case model.CancelAccepted: // ends of actions have records of their own, unless the master died before them
		j := c.s.jobs[r.Cancel.Job]
		whole := r.Cancel.Action == 0 && r.Cancel.Tag == ""
		keep = j != nil && (j.state == model.JobEnding && whole || !j.state.Ended() && !whole && c.cancels[j.id])
	case model.BlobHeld:
		j := c.s.jobs[r.Job]
		keep = j != nil && !j.state.Ended()
	case model.PoolSet:
		p := c.s.pool(r.Pool.Name)
		keep = p != nil && p.Pool == r.Pool
	case model.WorkerSeen:
		w := c.s.byID[r.Worker]
		keep = w != nil && w.inc == r.Inc
	case model.WorkerRule:
		w := c.s.byID[r.Worker]
		keep = w != nil && w.excluded == r.Excluded && (w.drain != nil) == r.Drain
	default:
		return c.ofAction(rec)
	}
	if keep {
		return rec
	}
	return nil
}

func (c *compactor) ofAction(rec model.Record) model.Record {
	keep := false
	switch r := rec.(type) {
	case model.ActionAccepted:
		keep = c.keep[r.Submit.Action]
		if a := c.s.active(r.Submit.Action); keep && (a == nil || a.sized) {
			r.Submit.Encoded = nil // what was resolved of it is in SplitsPlanned
			return r
		}
	case model.SplitsPlanned:
		keep = c.keep[r.Action]
	case model.Prepared:
		keep = c.keep[r.Action]
	case model.CommitIntent:
		keep = c.keep[r.Manifest.Action]
	case model.Committed:
		keep = c.keep[r.Action]
	case model.ActionEnded:
		keep = c.keep[r.Action]
	case model.CollectedRecord:
		keep = c.keep[r.Action]
	default:
		return c.ofStage(rec)
	}
	if keep {
		return rec
	}
	return nil
}

func (c *compactor) ofStage(rec model.Record) model.Record {
	keep := false
	switch r := rec.(type) {
	case model.GenRaised:
		keep = slices.ContainsFunc(r.Stages, func(g model.StageGen) bool { return c.s.stage(g.Stage) != nil }) ||
			len(r.Caches) > 0 && c.s.jobs[r.Job] != nil && !c.s.jobs[r.Job].state.Ended()
	case model.ClassChanged:
		keep = c.s.stage(r.Stage) != nil
	case model.Launched:
		r.Attempts = slices.DeleteFunc(slices.Clone(r.Attempts), func(id model.AttemptID) bool {
			return c.s.attempts[attemptKey{id.Term, id.Seq}] == nil && !c.history(id.Stage, id.Partition)
		})
		if len(r.Attempts) == 0 {
			return nil
		}
		return r
	case model.OutputAt:
		r.Output.Updates = c.untold(r.Output.Attempt)
		keep, rec = c.output(r.Output.Attempt), r
	case model.Won:
		r.Updates = c.untold(r.File.Attempt)
		keep, rec = c.output(r.File.Attempt), r
	case model.ResultAt:
		r.Updates = c.untold(r.Attempt)
		keep, rec = c.output(r.Attempt), r
	case model.Moved:
		keep = c.output(r.Output)
	case model.OutputGone:
		keep = c.history(r.Stage, r.Partition)
	case model.Failure:
		keep = c.s.stage(r.Attempt.Stage) != nil
	}
	if keep {
		return rec
	}
	return nil
}

// untold gives what the task of an attempt added to accumulators and nobody was told
// of, which is what its first winner said: that record may be the one that goes.
func (c *compactor) untold(id model.AttemptID) plan.Updates {
	st := c.s.stage(id.Stage)
	if st == nil || id.Partition < 0 || id.Partition >= st.n {
		return nil
	}
	updates, _ := st.outs.Noted(id.Partition)
	return updates
}

// output reports whether an output is still there, or is history.
func (c *compactor) output(id model.AttemptID) bool {
	return c.s.isWinner(id) || c.history(id.Stage, id.Partition)
}

// history reports whether what a task made and lost still counts: others may have
// taken its rows in, so it matters whether it makes the same again.
func (c *compactor) history(id model.StageID, part int) bool {
	st := c.s.stage(id)
	if st == nil || part < 0 || part >= st.n {
		return false
	}
	t := &st.tasks[part]
	return st.unsure || st.class == model.Indeterminate || st.made && st.outs.Done() == 0 || t.again && t.state != model.TaskFinished
}
