package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/blame"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/size"
)

// execFor returns the executor of a job on a worker, started if there is none. A
// task that runs alone gets one of its own (R24), with more memory if it ran out of
// that (R25).
func (s *Scheduler) execFor(j *job, w *worker, b blame.Task) *exec {
	start := model.StartExec{Receiver: w.to(), Job: j.id}
	if b.Alone() {
		start.Grown = b.Grown()
	} else {
		for _, e := range w.execs[j] {
			if !e.alone && e.state != execGone {
				return e
			}
		}
	}
	w.execNo++
	e := &exec{no: w.execNo, alone: b.Alone()}
	w.execs[j] = append(slices.DeleteFunc(w.execs[j], func(e *exec) bool { return e.state == execGone }), e)
	start.No = e.no
	s.emit(start)
	if s.cfg.Lease > 0 {
		s.after(s.now.Add(s.cfg.ExecutorWait), timer{kind: timerExec, w: w, job: j, i: e.no})
	}
	return e
}

func (s *Scheduler) stopExec(w *worker, j *job, e *exec) {
	e.state = execGone
	s.emit(model.StopExec{Receiver: w.to(), Job: j.id, No: e.no})
}

func (w *worker) exec(j *job, no int) *exec {
	for _, e := range w.execs[j] {
		if e.no == no {
			return e
		}
	}
	return nil
}

func (s *Scheduler) execUp(w *worker, ev model.ExecUp) {
	if j := s.jobs[ev.Job]; j != nil {
		if e := w.exec(j, ev.No); e != nil && e.state == execStarting {
			e.state = execUp
			s.wantCopies(j)
		}
	}
}

// seen notes that something was heard from inside an executor.
func (e *exec) seen() {
	if e.state == execStarting {
		e.state = execUp
	}
}

// execDue gives up on an executor that did not come up.
func (s *Scheduler) execDue(w *worker, j *job, no int) {
	e := w.exec(j, no)
	if e == nil || e.state != execStarting || w.lost() {
		return
	}
	s.stopExec(w, j, e)
	for _, a := range w.of(e) {
		s.endedByExec(a, &model.TaskFailed{Class: model.Infra, Message: "its executor did not start"})
	}
}

// of returns the attempts in an executor.
func (w *worker) of(e *exec) []*attempt {
	var out []*attempt
	for _, a := range w.attempts {
		if a.exec == e {
			out = append(out, a)
		}
	}
	return out
}

// execGone is R24 and R34: files stay with the agent, memory is gone, and the
// one who is named is blamed. If nobody is, everyone is suspected: whoever was
// there twice runs alone from then on, and only then can be guilty. Who runs out of
// memory alone is given more, but not for ever (R25).
func (s *Scheduler) execGone(w *worker, ev model.ExecGone) {
	j := s.jobs[ev.Job]
	if j == nil {
		return
	}
	e := w.exec(j, ev.No)
	if e == nil || e.state == execGone {
		return
	}
	e.state = execGone
	if ev.Refused {
		s.refuseExec(w, j, e, ev.Says)
		return
	}
	if !e.alone {
		s.loseBlocks(w, j)
	}
	crash := &model.TaskFailed{Class: model.Crash, Message: exitText(ev),
		Signature: model.Signature{Kind: "crash", Hash: uint64(ev.Signal), Row: ev.Row, HasRow: ev.Row > 0}}
	s.spare(w, func(a *attempt) bool { return a.exec == e })
	all := w.of(e)
	if ev.OOM {
		crash.Message = oomText(w, ev)
	}
	if len(all) > 0 {
		s.emit(model.Note{Kind: model.NoteExecutorGone, Job: j.id, Stage: all[0].st.id, Worker: w.id, Count: len(all), Text: crash.Message + runningText(all)})
	}
	for _, a := range all {
		switch {
		case ev.Blamed == nil && a.alone && ev.OOM:
			short := *crash
			short.Class = model.Resource
			s.endedByExec(a, &short)
		case ev.Blamed != nil && *ev.Blamed == a.id(), ev.Blamed == nil && a.alone:
			blamed := *crash
			blamed.Class = model.User
			s.endedByExec(a, &blamed)
		case ev.Blamed != nil:
			s.endedByExec(a, &model.TaskFailed{Class: model.Infra, Message: crash.Message})
		default:
			s.suspectTask(a)
			s.endedByExec(a, crash)
		}
	}
}

// spare ends attempts that waited for a slot of w: what happened there was not
// their doing.
func (s *Scheduler) spare(w *worker, which func(*attempt) bool) {
	for _, a := range slices.Clone(w.early) {
		if a.state == launching && which(a) {
			s.forget(a)
			if !a.st.dead {
				s.recountLater(a.st, a.part)
			}
		}
	}
}

// refuseExec ends a job whose programs are not of one code: what one of them made
// could not be put together with what another one did.
func (s *Scheduler) refuseExec(w *worker, j *job, e *exec, why string) {
	for _, a := range w.of(e) {
		s.endedByExec(a, &model.TaskFailed{Class: model.Infra, Message: why})
	}
	s.endJob(j, model.JobFailed, refusal("worker %s: %s", w.id, why))
}

func exitText(ev model.ExecGone) string {
	text := fmt.Sprintf("its process exited with %d", ev.Exit)
	if ev.Signal != 0 {
		text = fmt.Sprintf("its process ended by signal %d", ev.Signal)
	}
	if ev.Says != "" {
		text += ": " + ev.Says
	}
	return text
}

func oomText(w *worker, ev model.ExecGone) string {
	text := fmt.Sprintf("the executor of job %s on worker %s ran out of memory: limit %s", ev.Job, w.id, size.String(ev.Limit))
	if ev.Peak > 0 {
		text += ", peak " + size.String(ev.Peak)
	}
	return text
}

// namedTasks is how many tasks a message names.
const namedTasks = 4

// runningText says what an executor was doing.
func runningText(all []*attempt) (text string) {
	for i, a := range all[:min(len(all), namedTasks)] {
		text += []string{", running ", "; "}[min(i, 1)] + taskText(a.st, a.part)
	}
	if more := len(all) - namedTasks; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (s *Scheduler) suspectTask(a *attempt) {
	if a.state == killing || a.st.dead {
		return
	}
	a.st.tasks[a.part].blame.Crashed()
}

// endedByExec ends an attempt whose process is gone.
func (s *Scheduler) endedByExec(a *attempt, ev *model.TaskFailed) {
	was := a.state
	s.forget(a)
	if a.st.dead {
		return
	}
	if was != killing {
		s.failed++
		if ev.Class != model.Crash {
			s.judge(a, ev)
		}
	}
	s.recountLater(a.st, a.part)
}
