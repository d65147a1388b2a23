package sched

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	keptEnds = 64   // ends of actions that are repeated when asked for again
	keptJobs = 1000 // ended jobs that are still known by name
)

func (s *Scheduler) reply(r model.Request, j plan.JobID, action int, err *model.Cause) {
	if r != 0 {
		s.emit(model.Reply{Request: r, Job: j, Action: action, Err: err})
	}
}

func refusal(format string, args ...any) *model.Cause {
	return &model.Cause{Kind: model.CauseRefused, Message: fmt.Sprintf(format, args...)}
}

func ended(id plan.JobID) *model.Cause {
	return &model.Cause{Kind: model.CauseEnded, Message: fmt.Sprintf("job %s has ended", id)}
}

// submitJob is R1.
func (s *Scheduler) submitJob(ev model.SubmitJob) {
	if old := s.submitted(ev); old != nil {
		var err *model.Cause
		if old.submit.Digest != ev.Digest || old.submit.Key != ev.Key {
			err = refusal("job %s was submitted with something else", old.id)
		}
		s.reply(ev.Request, old.id, 0, err)
		return
	}
	s.jobSeq++
	if ev.Job == "" {
		ev.Job = plan.JobID(fmt.Sprintf("job-%d.%d", s.cfg.Term, s.jobSeq))
	}
	err := s.admit(&ev)
	j := &job{
		id: ev.Job, submit: ev, seq: s.jobSeq, pool: s.pool(ev.Pool), limits: s.limits(ev.Limits),
		state: model.JobRunning, session: ev.Session, shared: map[plan.StageKey]*stage{},
	}
	if why := s.unfit(j); err == nil && why != "" {
		err = refusal("no worker could run it: %s: build it for one of them", why)
	}
	if err != nil {
		s.reply(ev.Request, ev.Job, 0, err)
		return
	}
	s.jobs[j.id] = j
	s.order = append(s.order, j)
	s.record(model.JobAccepted{Submit: ev}, true)
	s.reply(ev.Request, j.id, 0, nil)
	for _, w := range s.workers {
		s.leaveOut(j, w)
	}
	s.driverHeard(j)
}

// submitted finds the job that ev asks for again.
func (s *Scheduler) submitted(ev model.SubmitJob) *job {
	if j := s.jobs[ev.Job]; j != nil {
		return j
	}
	if ev.Key == "" {
		return nil
	}
	for _, j := range s.order {
		if j.submit.Key == ev.Key && j.submit.User == ev.User {
			return j
		}
	}
	return nil
}

func (s *Scheduler) admit(ev *model.SubmitJob) *model.Cause {
	if ev.Pool == "" {
		ev.Pool = model.DefaultPool
	}
	l := ev.Limits
	open := 0
	for _, j := range s.order {
		if !j.state.Ended() {
			open++
		}
	}
	switch {
	case open >= s.cfg.MaxJobs:
		return refusal("%d jobs are open, which is the limit", open)
	case s.pool(ev.Pool) == nil:
		return refusal("there is no pool %q", ev.Pool)
	case l.MaxFailures < 0 || l.MaxFailures > 200, l.Slots < 0, l.SlotsPerWorker < 0, l.Memory < 0, l.ResultBytes < 0, l.NoProgress < 0:
		return refusal("limits out of range: %+v", l)
	}
	return nil
}

func (s *Scheduler) limits(l model.Limits) model.Limits {
	if l.MaxFailures == 0 {
		l.MaxFailures = s.cfg.MaxFailures
	}
	if l.ResultBytes == 0 {
		l.ResultBytes = s.cfg.ResultBytes
	}
	if l.NoProgress == 0 {
		l.NoProgress = s.cfg.NoProgressKill
	}
	return l
}

// finishJob is the driver's own end: what still runs is cancelled.
func (s *Scheduler) finishJob(ev model.FinishJob) {
	j := s.jobs[ev.Job]
	if j == nil || j.state >= model.JobEnding || ev.Session < j.session {
		return
	}
	j.finished = true
	if ev.Reason != "" {
		s.endJob(j, model.JobFailed, &model.Cause{Kind: model.CauseTask, Message: ev.Reason})
		return
	}
	s.endJob(j, model.JobDone, nil)
}

// holdBlob notes what a job holds. An ended one holds nothing.
func (s *Scheduler) holdBlob(ev model.HoldBlob) {
	j := s.jobs[ev.Job]
	if j == nil || j.state.Ended() {
		s.reply(ev.Request, ev.Job, 0, ended(ev.Job))
		return
	}
	s.record(model.BlobHeld{Job: ev.Job, Digest: ev.Digest}, false)
	s.reply(ev.Request, ev.Job, 0, nil)
}

// cancel is the request of R63.
func (s *Scheduler) cancel(ev model.Cancel) {
	cause := &model.Cause{Kind: model.CauseCancelled, Message: cmpText("cancelled", ev.Reason)}
	if ev.Tag != "" {
		s.cancelTagged(ev, cause)
		s.reply(ev.Request, ev.Job, 0, nil)
		return
	}
	j := s.jobs[ev.Job]
	if j == nil {
		s.reply(ev.Request, ev.Job, ev.Action, refusal("there is no job %q", ev.Job))
		return
	}
	if ev.Action == 0 {
		if j.state < model.JobEnding {
			s.record(model.CancelAccepted{Cancel: ev}, true)
			s.endJob(j, model.JobCancelled, cause)
		}
		s.reply(ev.Request, j.id, 0, nil)
		return
	}
	a := j.action(ev.Action)
	if a != nil && a.state == model.ActionPublishing {
		s.reply(ev.Request, j.id, ev.Action, refusal("too late: action %s is publishing", a.id))
		return
	}
	if a != nil {
		s.record(model.CancelAccepted{Cancel: ev}, true)
		s.endAction(a, model.ActionCancelled, cause)
	}
	s.reply(ev.Request, j.id, ev.Action, nil)
}

func (s *Scheduler) cancelTagged(ev model.Cancel, cause *model.Cause) {
	s.record(model.CancelAccepted{Cancel: ev}, true)
	for _, j := range s.order {
		if ev.Job != "" && j.id != ev.Job {
			continue
		}
		for _, a := range slices.Clone(j.actions) {
			if slices.Contains(a.labels.Tags, ev.Tag) && a.state != model.ActionPublishing {
				s.endAction(a, model.ActionCancelled, cause)
			}
		}
	}
}

func cmpText(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// endJob begins the end of a job: every action ends at once, but one that is
// publishing, and the job when nothing is outstanding any more (R63).
func (s *Scheduler) endJob(j *job, to model.JobState, cause *model.Cause) {
	if j.state >= model.JobEnding {
		return
	}
	j.state, j.then, j.cause = model.JobEnding, to, cause
	for _, a := range slices.Clone(j.actions) {
		if a.state != model.ActionPublishing {
			s.endAction(a, actionState(to), cause)
		}
	}
	s.after(s.now.Add(s.cfg.Ending), timer{kind: timerEnding, job: j})
	s.maybeEndJob(j)
}

// actionState is how an action ends that still ran when its job ended so.
func actionState(to model.JobState) model.ActionState {
	if to == model.JobFailed {
		return model.ActionFailed
	}
	return model.ActionCancelled
}

func (s *Scheduler) maybeEndJob(j *job) {
	if !s.restoring && j.state == model.JobEnding && len(j.actions) == 0 && j.running == 0 {
		s.jobEnded(j)
	}
}

// endingDue gives up waiting for attempts that do not end. An action that is
// publishing is waited for: its output appears in any case.
func (s *Scheduler) endingDue(j *job) {
	if j.state != model.JobEnding {
		return
	}
	if len(j.actions) > 0 {
		s.after(s.now.Add(s.cfg.Ending), timer{kind: timerEnding, job: j})
		return
	}
	s.forgetAttempts(j)
	if j.state == model.JobEnding {
		s.jobEnded(j)
	}
}

func (s *Scheduler) forgetAttempts(j *job) {
	for _, w := range s.workers {
		for i := len(w.attempts) - 1; i >= 0; i-- {
			if i < len(w.attempts) && w.attempts[i].st.job == j {
				s.forget(w.attempts[i])
			}
		}
	}
}

func (s *Scheduler) jobEnded(j *job) {
	j.state = j.then
	s.record(model.JobEnded{Job: j.id, State: j.state, Cause: j.cause}, true)
	for _, w := range s.workers {
		s.leaveWorker(j, w)
	}
	for _, st := range j.stages {
		s.forgetStage(st)
	}
	s.forgetCaches(j)
	j.shared, j.stages, j.runnable = nil, nil, nil
	s.emit(model.JobEnd{Job: j.id, State: j.state, Cause: j.cause})
	s.forgetJobs()
}

// leaveWorker drops what a worker holds of an ended job. Also one without an executor
// may: it was lost and came back, or outputs were moved there. Who is lost tells of the
// job with its next attach.
func (s *Scheduler) leaveWorker(j *job, w *worker) {
	if !w.lost() {
		for _, e := range w.execs[j] {
			if e.state != execGone {
				s.emit(model.StopExec{Receiver: w.to(), Job: j.id, No: e.no})
			}
		}
		s.emit(model.Drop{Receiver: w.to(), Job: j.id, All: true})
	}
	delete(w.execs, j)
	delete(w.perJob, j)
}

// forgetJobs keeps the number of ended jobs bounded (I32).
func (s *Scheduler) forgetJobs() {
	over := len(s.order) - keptJobs
	for i := 0; i < len(s.order) && over > 0; {
		if j := s.order[i]; j.state.Ended() {
			delete(s.jobs, j.id)
			s.order = slices.Delete(s.order, i, i+1)
			over--
			continue
		}
		i++
	}
}

// driverHeard extends a driver's lease (R64).
func (s *Scheduler) driverHeard(j *job) {
	if s.cfg.DriverLease == 0 {
		return
	}
	first := j.leaseEnd == 0
	j.leaseEnd = s.now.Add(s.cfg.DriverLease)
	if first {
		s.after(j.leaseEnd, timer{kind: timerDriver, job: j})
	}
}

func (s *Scheduler) driverDue(j *job) {
	if j.state >= model.JobEnding {
		return
	}
	if s.now < j.leaseEnd {
		s.after(j.leaseEnd, timer{kind: timerDriver, job: j})
		return
	}
	s.endJob(j, model.JobCancelled, &model.Cause{Kind: model.CauseDriverGone,
		Message: "the driver was not heard for " + s.cfg.DriverLease.String()})
}

func (s *Scheduler) driverRenewed(ev model.DriverRenewed) {
	if j := s.jobs[ev.Job]; j != nil && ev.Session == j.session {
		s.driverHeard(j)
	}
}

func (s *Scheduler) driverGone(ev model.DriverGone) {
	j := s.jobs[ev.Job]
	if j == nil || ev.Session < j.session || j.state >= model.JobEnding {
		return
	}
	s.endJob(j, model.JobFailed, &model.Cause{Kind: model.CauseDriverGone,
		Message: cmpText("the driver's process ended", ev.Reason)})
}

// driverAttach is R65. Results are not kept here, so those that the driver does
// not have and nobody else holds cannot be sent again: their tasks are done anew.
func (s *Scheduler) driverAttach(ev model.DriverAttach) {
	j := s.jobs[ev.Job]
	if j == nil || ev.Session < j.session {
		return
	}
	again := ev.Session > j.session
	j.session = ev.Session
	if j.state.Ended() {
		s.emit(model.JobEnd{Job: j.id, State: j.state, Cause: j.cause})
		return
	}
	s.driverHeard(j)
	if !again {
		return
	}
	for _, e := range j.ended {
		s.emit(e.end)
	}
	for _, r := range ev.Held {
		s.resultAck(model.ResultAck{Action: r.Action, Gen: r.Gen, Partitions: []int{r.Partition}})
	}
	for _, a := range slices.Clone(j.actions) {
		s.resend(a)
	}
	var gone []plan.StageKey
	for _, st := range j.stages {
		if st.act == nil && !slices.Contains(ev.Handles, st.id.Key) {
			gone = append(gone, st.id.Key)
		}
	}
	s.release(model.Release{Job: j.id, Keys: gone})
}

func (s *Scheduler) pool(name string) *pool {
	for _, p := range s.pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// setPool keeps pools sorted by name, the last tie-break of R15.
func (s *Scheduler) setPool(c model.Pool) {
	if c.Preempt > 0 {
		s.refuse("preemption for pool " + c.Name + " is not supported")
		c.Preempt = 0
	}
	if p := s.pool(c.Name); p != nil {
		p.Pool = c
		slices.SortFunc(p.jobs, p.compare)
		s.wakeAll()
		return
	}
	s.pools = append(s.pools, &pool{Pool: c})
	slices.SortFunc(s.pools, func(a, b *pool) int {
		return slices.Compare([]byte(a.Name), []byte(b.Name))
	})
}

// action returns the active action n.
func (j *job) action(n int) *action {
	for _, a := range j.actions {
		if a.id.N == n {
			return a
		}
	}
	return nil
}

// failTask fails a task's job: one task that cannot be done makes the whole
// action useless. Only the actions that need the task end; the driver decides
// what becomes of the job.
func (s *Scheduler) failTask(st *stage, i int, kind model.CauseKind, message string, tries []model.Try, detail []byte) {
	c := &model.Cause{Kind: kind, Message: message, Stage: st.id, Site: st.spec.Site, Partition: i, Tries: tries, Detail: detail}
	s.failStage(st, c)
}

// failStage ends every action that refers to a stage. A stage that nobody refers
// to has no attempt that could fail.
func (s *Scheduler) failStage(st *stage, c *model.Cause) {
	for _, a := range slices.Clone(st.job.actions) {
		if a.state == model.ActionRunning && slices.Contains(a.stages, st) {
			s.endAction(a, model.ActionFailed, c)
		}
	}
}

func stageText(st *stage) string {
	if st.spec.Name == "" {
		return "stage " + string(st.id.Key)
	}
	if st.spec.Site == "" {
		return st.spec.Name
	}
	return st.spec.Name + " at " + st.spec.Site
}

func taskText(st *stage, i int) string {
	return stageText(st) + ", partition " + strconv.Itoa(i)
}
