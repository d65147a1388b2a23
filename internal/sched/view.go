package sched

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// View answers a question about the state. It changes nothing, and what it
// returns stays as it is.
func (s *Scheduler) View(q model.Query) model.Answer {
	switch q := q.(type) {
	case model.Jobs:
		out := model.JobList{}
		for _, j := range s.order {
			out = append(out, j.view())
		}
		return out
	case model.Stages:
		out := model.StageList{}
		if j := s.jobs[q.Job]; j != nil {
			for _, st := range j.stages {
				out = append(out, st.view())
			}
		}
		return out
	case model.Tasks:
		out := model.TaskList{}
		if st := s.stage(q.Stage); st != nil {
			for i := range st.tasks {
				out = append(out, st.taskView(i, s))
			}
		}
		return out
	case model.Workers:
		out := model.WorkerList{}
		for _, w := range s.workers {
			out = append(out, s.workerView(w))
		}
		return out
	case model.Totals:
		return s.totals()
	}
	return nil
}

func (j *job) view() model.JobView {
	v := model.JobView{Job: j.id, Name: j.submit.Name, User: j.submit.User, Owner: j.submit.Owner, Pool: j.pool.Name, State: j.state, Cause: j.cause,
		Running: j.running - j.early, Queued: j.early, Programs: j.submit.Programs, LeftOut: slices.Clone(j.leftOut)}
	for _, e := range j.ended {
		v.Actions = append(v.Actions, model.ActionView{Action: e.end.Action, Name: e.name, Site: e.site, Labels: e.labels, State: e.end.State, Cause: e.end.Cause,
			Done: e.got, Wanted: e.want})
	}
	for _, a := range j.actions {
		v.Actions = append(v.Actions, model.ActionView{Action: a.id, Name: a.name, Site: a.site, Labels: a.labels, State: a.state, Done: a.got, Wanted: a.want})
	}
	return v
}

func (st *stage) view() model.StageView {
	return model.StageView{Stage: st.id, Spec: st.spec, Sized: st.sized, N: st.n, Done: st.outs.Done(), Pending: st.pending.Len(),
		Running: st.live - st.early, Queued: st.early, Demanded: st.active, Gen: st.gen, Try: st.try, Epoch: st.epoch, Counters: st.outs.Sums(), Fraction: st.fraction()}
}

// fraction is how much of a stage is done.
func (st *stage) fraction() float64 {
	if st.n == 0 || st.live == 0 {
		return float64(st.outs.Done()) / float64(max(st.n, 1))
	}
	sum := float64(st.outs.Done())
	for i := range st.tasks {
		best := 0.0
		for _, a := range st.tasks[i].live {
			if a != nil {
				best = max(best, a.fraction)
			}
		}
		sum += best
	}
	return sum / float64(st.n)
}

func (st *stage) taskView(i int, s *Scheduler) model.TaskView {
	t := &st.tasks[i]
	v := model.TaskView{Partition: i, State: t.state, Failures: t.blame.Failures(), Infra: t.blame.Infra(), Level: model.Unplaced}
	if t.state == model.TaskFinished {
		v.Level = t.level
	}
	for _, a := range t.live {
		if a != nil {
			v.Attempts = append(v.Attempts, model.AttemptView{Attempt: a.id(), Worker: a.w.id, Level: a.level, Twin: a.twin,
				Queued: a.early, Started: a.launched, Rows: a.rows, Fraction: a.fraction})
		}
	}
	return v
}

func (s *Scheduler) workerView(w *worker) model.WorkerView {
	v := model.WorkerView{Worker: w.id, Inc: w.inc, State: w.shown(), Rack: w.rack, Slots: w.slots, Free: s.slots.Free(w.idx),
		Running: len(w.attempts) - len(w.early), Queued: len(w.early), Outputs: s.holds(w), Excluded: w.excluded || s.now < w.barredTo}
	if len(w.hosts) > 0 {
		v.Host = w.hosts[0]
	}
	return v
}

// holds counts the outputs that a worker can lose.
func (s *Scheduler) holds(w *worker) int {
	n := 0
	for _, j := range s.order {
		for _, st := range j.stages {
			n += st.outs.Held(w.idx)
		}
	}
	return n
}

func (s *Scheduler) totals() model.Sums {
	v := model.Sums{Term: s.cfg.Term, Jobs: len(s.order), Tasks: s.tasks, Running: len(s.attempts) - s.waiting.Total(), Queued: s.waiting.Total(), Free: s.slots.Total(),
		Launched: s.launched, Done: s.done, Failed: s.failed, Lost: s.lost, Discarded: s.discarded, Refused: s.refused}
	for _, j := range s.order {
		v.Actions += len(j.actions)
		v.Stages += len(j.stages)
		for _, st := range j.runnable {
			v.Pending += st.pending.Len()
		}
	}
	for _, w := range s.workers {
		if !w.lost() {
			v.Workers++
			v.Slots += w.slots
		}
	}
	return v
}
