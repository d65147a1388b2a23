package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// used reports whether anybody took in rows of st's generation, or is about to. Blocks
// that are made of them outlive the stages that made them.
func (st *stage) used() bool {
	return slices.ContainsFunc(st.children, func(e edge) bool { return e.st.took() }) ||
		slices.ContainsFunc(st.keptIn(), func(c *cacheSet) bool { return c.made && !c.released })
}

// took reports whether st took in what its parents made in their generations. An
// output that is lost again counts: readers of st may have rows of it.
func (st *stage) took() bool { return st.made || st.live > 0 }

// mark notes that an output of an indeterminate stage is gone. When it is wanted
// again, now or later, the stage starts over: what was read of its generation
// does not go together with what it would make (R50). Nobody read any: it can be
// made again as if nothing had happened.
func (s *Scheduler) mark(st *stage) {
	if !st.unsure && st.used() {
		st.unsure = true
		for i := range st.tasks {
			if st.tasks[i].counted {
				s.todoRoll = append(s.todoRoll, rollback{st, "an output that is needed was lost"})
				return
			}
		}
	}
}

// rollBack starts a stage over, and with it all that took in its rows. What
// belongs together is one record, so that a master that dies in between leaves
// no half of it.
func (s *Scheduler) rollBack(st *stage, why string) {
	if !st.unsure || st.dead || s.restoring {
		return
	}
	stages, caches := affected(st)
	if s.cfg.Journal {
		rec := model.GenRaised{Job: st.job.id, Why: why}
		for _, x := range stages {
			rec.Stages = append(rec.Stages, model.StageGen{Stage: x.id, Gen: x.gen + 1})
		}
		for _, x := range caches {
			rec.Caches = append(rec.Caches, model.Read{Key: x.rdd, Gen: x.gen + 1})
		}
		s.record(rec, true)
	}
	for _, x := range caches {
		s.renewCache(st.job, x, x.gen+1)
	}
	var failed []*stage
	var causes []*model.Cause
	for _, x := range stages {
		c := s.cannotRaise(x, why)
		if c != nil {
			failed, causes = append(failed, x), append(causes, c)
		}
		if c == nil || x.act == nil {
			s.raise(x, why)
		}
	}
	// What ends by it may roll back more: that begins where this has ended, or the
	// generations would not be those of the record.
	for k, x := range failed {
		if !x.dead {
			s.failStage(x, causes[k])
		}
	}
}

// affected returns st and the stages that took in its rows, through however many
// others, and the cached data sets that may have blocks of them.
func affected(st *stage) (stages []*stage, caches []*cacheSet) {
	seen := map[*stage]bool{st: true}
	for work := []*stage{st}; len(work) > 0; {
		x := work[0]
		work = work[1:]
		if x.dead || x.act != nil && x.act.state != model.ActionRunning || x != st && !x.took() {
			continue
		}
		stages = append(stages, x)
		work = visit(seen, work, x.readers())
		for _, c := range x.keptIn() {
			// Even if nobody is known to have a block: an attempt that was lost
			// may still make one of old rows.
			if !slices.Contains(caches, c) {
				caches = append(caches, c)
				work = visit(seen, work, c.readers(st.job))
			}
		}
	}
	return stages, caches
}

func visit(seen map[*stage]bool, work, more []*stage) []*stage {
	for _, y := range more {
		if !seen[y] {
			seen[y] = true
			work = append(work, y)
		}
	}
	return work
}

func (st *stage) readers() []*stage {
	out := make([]*stage, len(st.children))
	for k, e := range st.children {
		out[k] = e.st
	}
	return out
}

// readers returns the stages that may read blocks of a data set.
func (c *cacheSet) readers(j *job) []*stage {
	var out []*stage
	for _, y := range j.stages {
		if slices.Contains(y.caches, c) {
			out = append(out, y)
		}
	}
	return out
}

// raise begins a stage's next generation. A stage that outlives the action that
// fails by it starts over all the same: what it has must not go into a later one.
func (s *Scheduler) raise(st *stage, why string) {
	for i := range st.tasks {
		s.killAll(st, i, "rolled back: "+why)
	}
	s.startOver(st, st.gen+1)
	s.emit(model.Note{Kind: model.NoteRollback, Job: st.job.id, Stage: st.id, Gen: st.gen, Text: why})
	if st.act != nil && st.act.sink.Kind == model.RowsToDriver {
		s.emit(model.ResultReset{Action: st.act.id, Gen: st.gen})
	}
}

// startOver drops all that a stage's generations made so far.
func (s *Scheduler) startOver(st *stage, gen model.Gen) {
	for i := range st.tasks {
		s.dropLive(st, i)
		if st.tasks[i].state == model.TaskFinished {
			s.unfinish(st, i)
		}
		st.tasks[i].rowSum, st.tasks[i].again = 0, false
		s.recountLater(st, i)
	}
	st.outs.Renew()
	st.gen = gen
	st.epoch++
	st.disband()
	st.unsure, st.made, st.reads = false, false, nil
	for _, e := range st.children {
		e.st.reads = nil
	}
}

// renewCache begins the next generation of a cached data set.
func (s *Scheduler) renewCache(j *job, c *cacheSet, gen model.Gen) {
	c.gen, c.made = gen, false
	s.clearHolders(j, c)
	for _, y := range c.readers(j) {
		y.reads = nil
		for i := range y.tasks {
			s.recountLater(y, i)
		}
	}
}

// cannotRaise is R51: rows that user code saw cannot be taken back.
func (s *Scheduler) cannotRaise(st *stage, why string) *model.Cause {
	c := &model.Cause{Stage: st.id, Site: st.spec.Site}
	if int(st.gen) >= s.cfg.Generations && st.gang == nil { // a gang's failures are counted by task
		c.Kind = model.CauseGenerations
		c.Message = fmt.Sprintf("%s: rolled back %d times: %s", stageText(st), st.gen, why)
		return c
	}
	if a := st.act; a != nil && (a.sink.Consumed || a.sink.Guarantee == model.AtLeastOnce) && st.outs.Done() > 0 {
		c.Kind = model.CauseConsumed
		c.Message = fmt.Sprintf("%s: rows were handed out that must be taken back, since %s: sort them first, or Checkpoint what makes them", stageText(st), why)
		return c
	}
	return nil
}

// compare looks whether a task that is done again made the same rows (R52).
func (s *Scheduler) compare(st *stage, i int, ev *model.TaskDone) {
	if t := &st.tasks[i]; t.again && s.differs(st, i, ev) {
		t.rowSum = 0
		s.unstable(st, i)
	}
}

// compareLate does the same for a report that is not used. Only one that read
// what the winner read can say anything.
func (s *Scheduler) compareLate(ev *model.TaskDone) {
	st := s.stage(ev.Attempt.Stage)
	i := ev.Attempt.Partition
	if st == nil || i < 0 || i >= st.n || ev.Attempt.Gen != st.gen || st.tasks[i].state != model.TaskFinished ||
		len(ev.Reads) == 0 && len(st.parents) > 0 || len(ev.Reads) > 0 && !slices.Equal(ev.Reads, st.current()) {
		return
	}
	if s.differs(st, i, ev) && st.class != model.Indeterminate {
		s.changeClass(st, i)
	}
}

func (s *Scheduler) differs(st *stage, i int, ev *model.TaskDone) bool {
	t := &st.tasks[i]
	return t.rowSum != 0 && ev.RowSum != 0 && t.rowSum != ev.RowSum
}

// unstable handles other rows from a stage that promised the same. A stage that
// promised nothing never gets here with rows that somebody took in.
func (s *Scheduler) unstable(st *stage, i int) {
	if st.class != model.Indeterminate {
		s.changeClass(st, i)
	}
	if st.used() && !st.dead {
		st.unsure = true
		s.todoRoll = append(s.todoRoll, rollback{st, fmt.Sprintf("%s made other rows the second time", taskText(st, i))})
	}
}

func (s *Scheduler) changeClass(st *stage, i int) {
	why := fmt.Sprintf("%s made other rows the second time, or dealt them otherwise: it is not deterministic", taskText(st, i))
	st.class = model.Indeterminate
	s.record(model.ClassChanged{Stage: st.id, Class: st.class, Why: why}, true)
	s.emit(model.Note{Kind: model.NoteClassChanged, Job: st.job.id, Stage: st.id, Gen: st.gen, Partition: i, Text: why})
	s.emit(model.Notice{Job: st.job.id, Text: why})
	if s.cfg.IndeterminateBad {
		s.failStage(st, &model.Cause{Kind: model.CauseIndeterminate, Stage: st.id, Site: st.spec.Site, Partition: i, Message: why})
	}
}
