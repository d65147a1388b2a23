package sched

import (
	"iter"
	"slices"
	"strconv"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
	"github.com/gordd-project/gordd/rdd/plan"
)

// finish makes o the output of task i, which has none. The owner is nil if the
// output cannot be lost with its worker.
func (s *Scheduler) finish(st *stage, i int, o outputs.Output, owner *worker, r outputs.Report) {
	t := &st.tasks[i]
	if t.state == model.TaskPending {
		s.withdraw(st, i)
	}
	t.state = model.TaskFinished
	t.blame.Succeeded()
	who := outputs.Nobody
	if owner != nil {
		who = owner.idx
	}
	t.level = levelIn(r.Counters)
	st.outs.Put(i, o, who, r)
	st.wins++
	st.made = true
	st.noProgress = 0 // R20
	st.locs = nil
	s.recount(st, i)
	for _, e := range st.children {
		if e.kind == model.Narrow && e.st.sized {
			s.recountLater(e.st, i)
		}
	}
	if st.complete() {
		s.completed(st)
	}
}

// unfinish takes the output of task i away. It returns the readers that begin a
// new try by it. The caller raises the epoch, once for all it takes away.
func (s *Scheduler) unfinish(st *stage, i int) []*stage {
	whole := st.complete()
	t := &st.tasks[i]
	if st.act != nil {
		s.unaccepted(st.act, i)
	}
	st.outs.Take(i)
	t.state = model.TaskIdle
	t.again = true
	st.locs = nil
	var readers []*stage
	if whole {
		readers = s.incomplete(st)
	}
	for _, e := range st.children {
		if e.kind == model.Narrow && e.st.sized && e.st.tasks[i].counted {
			if e.st.tasks[i].state == model.TaskPending && !slices.Contains(readers, e.st) {
				readers = append(readers, e.st)
			}
			s.recountLater(e.st, i)
		}
	}
	s.recountLater(st, i)
	return readers
}

// dropOutputs forgets all outputs of a stage that nobody refers to.
func (s *Scheduler) dropOutputs(st *stage) {
	if st.outs.Done() == 0 || st.spec.Kind == model.ValueStage && st.n == 0 {
		return
	}
	for _, w := range s.workers {
		if st.outs.Held(w.idx) > 0 && !w.lost() {
			s.emit(model.Drop{Receiver: w.to(), Job: st.job.id, Keys: []plan.StageKey{st.id.Key}})
		}
	}
	for i := range st.tasks {
		if st.tasks[i].state == model.TaskFinished {
			s.unfinish(st, i)
			st.tasks[i].again = false
		}
	}
	st.epoch++
}

// loseOutputs unregisters all that a worker's store holds, in every shuffle of
// every job, in this one Step (R32).
func (s *Scheduler) loseOutputs(w *worker) {
	for _, j := range s.order {
		for _, st := range j.stages {
			if st.outs.Held(w.idx) > 0 {
				s.loseSome(st, slices.Collect(st.outs.HeldBy(w.idx)), "worker "+string(w.id)+" was lost")
			}
		}
	}
}

// takeAway unregisters outputs that an owner has lost, or that nobody can read from
// it. It returns the readers that begin a new try by it. What is lost while its owner
// lives counts, unless that is drained and would go anyway (R39).
func (s *Scheduler) takeAway(st *stage, lost []int, owner *worker, why string) (readers []*stage) {
	readers = s.loseSome(st, lost, why)
	if owner.drain != nil {
		return nil
	}
	for _, i := range lost {
		if n := st.tasks[i].blame.OutputGone(); n >= s.cfg.OutputGone && !st.dead {
			s.failStage(st, &model.Cause{Kind: model.CauseNoProgress, Stage: st.id, Site: st.spec.Site, Partition: i,
				Message: taskText(st, i) + ": its output was gone " + strconv.Itoa(n) + " times: " + why})
		}
	}
	return readers
}

// loseSome unregisters some outputs of a stage: one loss, one epoch, at most one
// try of each reader. It returns those.
func (s *Scheduler) loseSome(st *stage, lost []int, why string) (readers []*stage) {
	if len(lost) == 0 {
		return nil
	}
	st.epoch++
	st.lost = true
	for _, i := range lost {
		if s.cfg.Journal {
			s.record(model.OutputGone{Stage: st.id, Partition: i, Why: why}, false)
		}
		for _, r := range s.unfinish(st, i) {
			if !slices.Contains(readers, r) {
				r.try++
				readers = append(readers, r)
			}
		}
	}
	if st.class == model.Indeterminate {
		s.mark(st)
	}
	s.emit(model.Note{Kind: model.NoteOutputLost, Job: st.job.id, Stage: st.id, Gen: st.gen, Count: len(lost), Text: why})
	s.tellLost(st, lost)
	return readers
}

// episode counts against a stage that an attempt could not read, launched when it
// began, though the owner lives (R44). One fault is met by many attempts, from many
// workers: whoever was launched before the last episode says nothing new.
func (s *Scheduler) episode(st *stage, began model.Instant, why string) {
	if st.dead || st.episodes > 0 && began < st.episodeAt {
		return
	}
	st.noProgress++
	st.episodes++
	st.episodeAt = s.now
	st.causes = append(st.causes, why)
	if st.noProgress < s.cfg.NoProgress && st.episodes < s.cfg.Episodes {
		return
	}
	text := stageText(st) + ": no progress, its inputs get lost:"
	for _, c := range st.causes[max(0, len(st.causes)-8):] {
		text += "\n" + c
	}
	s.failStage(st, &model.Cause{Kind: model.CauseNoProgress, Stage: st.id, Site: st.spec.Site, Message: text})
}

// tellLost tells the workers that run readers of st what was lost (R47).
func (s *Scheduler) tellLost(st *stage, lost []int) {
	for _, w := range s.workers {
		if _, told := w.sent[st]; !told || !w.runsReader(st) {
			continue
		}
		w.sent[st] = 0 // the next launch sends everything again
		s.emit(model.Locations{Receiver: w.to(), Job: st.job.id, Key: st.id.Key, Gen: st.gen, Epoch: st.epoch, Lost: lost})
	}
}

// tellFound tells them where the outputs are now.
func (s *Scheduler) tellFound(st *stage) {
	if st.epoch == 1 {
		return
	}
	for _, w := range s.workers {
		if w.sent[st] != st.epoch && w.runsReader(st) {
			s.sendAll(w, st)
		}
	}
}

func (w *worker) runsReader(st *stage) bool {
	for _, a := range w.attempts {
		if a.state == killing {
			continue
		}
		for _, e := range a.st.parents {
			if e.st == st {
				return true
			}
		}
	}
	return false
}

// locate sends a worker what it must know to run some tasks of st.
func (s *Scheduler) locate(w *worker, st *stage, tasks []model.Assignment) {
	for _, e := range st.parents {
		if e.kind == model.Narrow {
			s.sendSome(w, e.st, tasks)
		} else if w.sent[e.st] != e.st.epoch && e.st.complete() {
			s.sendAll(w, e.st)
		}
	}
}

func (s *Scheduler) sendAll(w *worker, st *stage) {
	if st.locs == nil {
		st.locs = make([]model.MapOutput, 0, st.n)
		for i := range st.outs.All() {
			st.locs = append(st.locs, s.mapOutput(st, i))
		}
	}
	w.sent[st] = st.epoch
	s.emit(model.Locations{Receiver: w.to(), Job: st.job.id, Key: st.id.Key, Gen: st.gen, Epoch: st.epoch, Full: true, Outputs: st.locs})
}

// sendSome sends the one output that each task of a narrow reader needs.
func (s *Scheduler) sendSome(w *worker, st *stage, tasks []model.Assignment) {
	if w.sent[st] == st.epoch {
		return // it has all of them
	}
	l := model.Locations{Receiver: w.to(), Job: st.job.id, Key: st.id.Key, Gen: st.gen, Epoch: st.epoch}
	for _, t := range tasks {
		if i := t.Attempt.Partition; st.tasks[i].state == model.TaskFinished {
			l.Outputs = append(l.Outputs, s.mapOutput(st, i))
		}
	}
	w.sent[st] = 0 // not all, but losses must be told
	s.emit(l)
}

func (s *Scheduler) mapOutput(st *stage, i int) model.MapOutput {
	o := st.outs.At(i)
	m := model.MapOutput{
		Partition: i, Attempt: st.attemptID(i),
		Rows: o.Rows, Bytes: o.Bytes, Sum: o.Sum, RowSum: st.tasks[i].rowSum, Sizes: o.Sizes, Output: o.Data,
	}
	if w, ok := st.outs.Owner(i); ok {
		m.Worker, m.Store = s.workers[w].id, s.workers[w].store
	}
	return m
}

// attemptID names the attempt that made output i.
func (st *stage) attemptID(i int) model.AttemptID {
	return model.AttemptID{Stage: st.id, Gen: st.gen, Partition: i, Term: st.outs.At(i).Term, Seq: st.outs.At(i).Seq}
}

// Outputs yields where the outputs of a map or value stage are, by partition;
// missing ones are left out. It must not be used across a Step.
func (s *Scheduler) Outputs(id plan.JobID, key plan.StageKey) iter.Seq[model.MapOutput] {
	return func(yield func(model.MapOutput) bool) {
		j := s.jobs[id]
		if j == nil || j.shared[key] == nil {
			return
		}
		st := j.shared[key]
		for i := range st.outs.All() {
			if !yield(s.mapOutput(st, i)) {
				return
			}
		}
	}
}
