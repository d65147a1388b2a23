package sched

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
)

// reconcile makes the books agree with what an attaching worker holds.
func (s *Scheduler) reconcile(w *worker, inv *model.Inventory) {
	w.zombies = map[attemptKey]bool{}
	s.sameExecs(w, inv)
	s.loseBlocks(w, nil)
	for _, j := range s.order {
		s.blocksChanged(w, j.id, inv.Blocks[j.id], nil)
	}
	there := map[attemptKey]bool{}
	for _, id := range inv.Running {
		key := attemptKey{id.Term, id.Seq}
		there[key] = true
		if a := s.find(w, id); a == nil || a.state == killing {
			if a == nil {
				w.zombies[key] = true
			}
			s.emit(model.Kill{Receiver: w.to(), Attempt: id, Reason: "not expected any more"})
		} else {
			s.taskStarted(w, id)
		}
	}
	for _, id := range inv.Queued {
		key := attemptKey{id.Term, id.Seq}
		there[key] = true
		s.queuedThere(w, id)
	}
	for _, d := range inv.Done {
		if a := s.find(w, d.Attempt); a != nil && a.state != killing {
			s.taskDone(w, d)
		}
	}
	for _, f := range inv.Failed {
		s.taskFailed(w, f)
	}
	for i := len(w.attempts) - 1; i >= 0; i-- {
		if i < len(w.attempts) && !there[w.attempts[i].key] {
			a := w.attempts[i]
			s.forget(a)
			if !a.st.dead {
				s.recountLater(a.st, a.part)
			}
		}
	}
	for _, id := range inv.Jobs {
		if j := s.jobs[id]; j == nil || j.state.Ended() {
			s.emit(model.Drop{Receiver: w.to(), Job: id, All: true})
		}
	}
	s.settle()
	s.missingOutputs(w, inv)
	s.settle()
	for k := range inv.Outputs {
		s.adopt(w, &inv.Outputs[k])
	}
	// Reports of what is not expected come last: an output that was adopted is
	// confirmed by its report, and the worker deletes what is discarded.
	for _, d := range inv.Done {
		s.taskDone(w, d)
	}
	s.settle()
}

// queuedThere takes in that an attempt waits for a slot. What an earlier stream
// said about that may be lost.
func (s *Scheduler) queuedThere(w *worker, id model.AttemptID) {
	a := s.find(w, id)
	if a == nil {
		w.zombies[attemptKey{id.Term, id.Seq}] = true
	}
	if a == nil || a.state == killing {
		s.emit(model.Kill{Receiver: w.to(), Attempt: id, Reason: "not expected any more"})
	}
	if a == nil {
		return
	}
	if a.early {
		s.unstand(a)
	} else {
		w.used -= a.memory
	}
	s.answered(a)
	a.early = true
	s.stand(a)
}

// sameExecs takes over which executors there are. The attempts of those that are
// gone are not in the inventory either.
func (s *Scheduler) sameExecs(w *worker, inv *model.Inventory) {
	for _, j := range s.order {
		for _, e := range w.execs[j] {
			if !slices.Contains(inv.Executors, model.ExecutorRef{Job: j.id, No: e.no}) {
				e.state = execGone
			}
		}
	}
	for _, e := range inv.Executors {
		w.execNo = max(w.execNo, e.No)
		j := s.jobs[e.Job]
		if j == nil || j.state.Ended() {
			s.emit(model.StopExec{Receiver: w.to(), Job: e.Job, No: e.No})
			continue
		}
		if known := w.exec(j, e.No); known == nil || known.state == execGone {
			s.emit(model.StopExec{Receiver: w.to(), Job: e.Job, No: e.No})
		} else {
			known.state = execUp
			s.wantCopies(j)
		}
	}
}

// missingOutputs unregisters what the worker should have and does not.
func (s *Scheduler) missingOutputs(w *worker, inv *model.Inventory) {
	has := map[model.AttemptID]bool{}
	for _, o := range inv.Outputs {
		has[o.Attempt] = true
	}
	for _, j := range s.order {
		for _, st := range slices.Clone(j.stages) { // a loss too many ends actions, and their stages go
			if st.dead || st.act != nil || st.outs.Held(w.idx) == 0 {
				continue
			}
			var lost []int
			for i := range st.outs.HeldBy(w.idx) {
				if !has[st.attemptID(i)] {
					lost = append(lost, i)
				}
			}
			// As with a lost worker: an earlier master may have had it dropped.
			s.loseSome(st, lost, "worker "+string(w.id)+" came back without it")
		}
	}
}

// adopt is R33: an output that is still missing and consistent is registered
// again; the rest is dropped.
func (s *Scheduler) adopt(w *worker, o *model.MapOutput) {
	st := s.stage(o.Attempt.Stage)
	i := o.Attempt.Partition
	if s.isWinner(o.Attempt) && st.holder(i) == w.idx {
		if len(o.Sizes) > 0 {
			st.outs.At(i).Sizes = o.Sizes
		}
		return
	}
	fits := st != nil && st.act == nil && st.spec.Kind == model.MapStage && i >= 0 && i < st.n &&
		o.Attempt.Gen == st.gen && st.tasks[i].state != model.TaskFinished && covers(o.Reads, st.current()) &&
		(st.tasks[i].rowSum == 0 || st.tasks[i].rowSum == o.RowSum)
	if !fits || s.halfDone(st, i) {
		s.emit(model.Drop{Receiver: w.to(), Job: o.Attempt.Stage.Job, Outputs: []model.AttemptID{o.Attempt}})
		return
	}
	s.killAll(st, i, "its output was found again")
	t := &st.tasks[i]
	t.rowSum = o.RowSum
	s.finish(st, i, outputs.Output{Term: o.Attempt.Term, Seq: o.Attempt.Seq, Rows: o.Rows, Bytes: o.Bytes,
		Sum: o.Sum, Sizes: o.Sizes, Data: o.Output}, w, outputs.Report{Counters: o.Counters, Updates: o.Updates})
	s.record(model.OutputAt{Output: *o}, false)
	s.settle()
}

func (s *Scheduler) halfDone(st *stage, i int) bool {
	for _, a := range st.tasks[i].live {
		if a != nil && a.fraction >= 0.5 {
			return true
		}
	}
	return false
}

// holder returns the worker that holds output i, or outputs.Nobody.
func (st *stage) holder(i int) int {
	if w, ok := st.outs.Owner(i); ok {
		return w
	}
	return outputs.Nobody
}
