package sched

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/health"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
	"github.com/gordd-project/gordd/rdd/plan"
)

// comeBack is how long nothing is launched after a restart while workers that
// the journal names are not back.
const comeBack = 2 * time.Second

// journal is the state of a machine that takes over from an earlier one.
type journal struct {
	restoring   bool
	begun       bool
	restored    bool
	holdUntil   model.Instant
	uncollected []model.Collect
}

// Restore takes in the records of earlier masters' journals, oldest first, before
// the first Step. The term of the configuration must be above all of theirs.
//
// Records are applied by the rules that wrote them, with their commands left
// out; the first Step then asks again for whatever had not been answered. Workers
// are taken for alive, and what was launched there for running, until they
// attach and say what they have, or are lost.
func (s *Scheduler) Restore(recs iter.Seq2[model.Record, error]) error {
	s.restoring = true
	defer func() { s.restoring, s.out = false, s.out[:0] }()
	n := 0
	for rec, err := range recs {
		if err == nil {
			err = s.apply(rec)
		}
		if err != nil {
			return fmt.Errorf("restore scheduler: record %d: %w", n, err)
		}
		s.settle()
		s.out = s.out[:0]
		n++
	}
	s.restored = n > 0
	return nil
}

func (s *Scheduler) apply(rec model.Record) error {
	switch r := rec.(type) {
	case model.TermStarted:
		if r.Term >= s.cfg.Term {
			return fmt.Errorf("term %d of the journal is not below %d", r.Term, s.cfg.Term)
		}
	case model.PoolSet:
		s.setPool(r.Pool)
	case model.JobAccepted:
		r.Submit.Request = 0
		s.submitJob(r.Submit)
	case model.JobEnded:
		s.applyJobEnded(r)
	case model.CancelAccepted:
		s.cancel(r.Cancel)
	case model.WorkerSeen:
		s.applyWorker(r)
	case model.WorkerRule:
		s.applyRule(r)
	case model.Moved:
		s.applyMoved(r)
	case model.BlobHeld: // the master's affair
	default:
		s.applyToAction(rec)
	}
	return nil
}

func (s *Scheduler) applyToAction(rec model.Record) {
	switch r := rec.(type) {
	case model.ActionAccepted:
		r.Submit.Request = 0
		s.submitAction(r.Submit)
	case model.SplitsPlanned:
		s.splitsReady(model.SplitsReady{Action: r.Action, Sizes: r.Sizes})
	case model.Prepared:
		s.outputPrepared(model.OutputPrepared{Action: r.Action})
	case model.CommitIntent:
		if a := s.active(r.Manifest.Action); a != nil {
			a.state, a.manifest = model.ActionPublishing, r.Manifest
		}
	case model.Committed:
		if a := s.active(r.Action); a != nil {
			a.committed = true
		}
	case model.ActionEnded:
		if a := s.active(r.Action); a != nil {
			s.endAction(a, r.State, r.Cause)
		}
		if j := s.jobs[r.Action.Job]; j != nil { // the record of a cancel may have ended it
			j.toldBefore(r.Action, r.Updates)
		}
	case model.CollectedRecord:
		s.uncollected = slices.DeleteFunc(s.uncollected, func(c model.Collect) bool { return c.Action == r.Action })
	default:
		s.applyToStage(rec)
	}
}

func (s *Scheduler) active(id plan.ActionID) *action {
	if j := s.jobs[id.Job]; j != nil {
		return j.action(id.N)
	}
	return nil
}

func (s *Scheduler) applyToStage(rec model.Record) {
	switch r := rec.(type) {
	case model.GenRaised:
		s.applyRaised(r)
	case model.ClassChanged:
		if st := s.stage(r.Stage); st != nil {
			st.class = r.Class
			st.unsure = st.unsure || st.used() // the roll-back may have no record
		}
	case model.Launched:
		for _, id := range r.Attempts {
			s.applyLaunched(s.known(r.Worker), r.Exec, id)
		}
	case model.OutputAt:
		o := r.Output
		s.applyDone(o.Attempt, o.Worker, o.RowSum, outputs.Output{Rows: o.Rows, Bytes: o.Bytes, Sum: o.Sum, Data: o.Output},
			outputs.Report{Counters: o.Counters, Updates: o.Updates})
	case model.Won:
		f := r.File
		s.applyDone(f.Attempt, f.Worker, 0, outputs.Output{Rows: f.Rows, Bytes: f.Bytes, Sum: f.Sum, Data: f.Output, Where: f.File},
			outputs.Report{Counters: r.Counters, Updates: r.Updates})
	case model.ResultAt:
		s.applyResult(r)
	case model.OutputGone:
		if st := s.stage(r.Stage); st != nil && r.Partition < st.n && st.tasks[r.Partition].state == model.TaskFinished {
			s.unfinish(st, r.Partition)
			st.epoch++
			if st.class == model.Indeterminate {
				s.mark(st)
			}
		}
	case model.Failure:
		s.applyFailure(r)
	}
}

// applyRaised starts over what started over then, and nothing else: the restored
// state is not the one in which that was decided.
func (s *Scheduler) applyRaised(r model.GenRaised) {
	j := s.jobs[r.Job]
	if j == nil {
		return
	}
	for _, c := range r.Caches {
		if set := j.caches[c.Key]; set != nil {
			s.renewCache(j, set, c.Gen)
		}
	}
	for _, g := range r.Stages {
		if st := s.stage(g.Stage); st != nil {
			s.startOver(st, g.Gen)
		}
	}
	// Attempts that ended before without a record are still on the books, with
	// reads of the old generation.
	for _, a := range s.sortedAttempts() {
		if a.st.job == j && !a.consistent() {
			s.applyGone(a.id())
		}
	}
}

// sortedAttempts returns all attempts in the order of their workers.
func (s *Scheduler) sortedAttempts() []*attempt {
	var out []*attempt
	for _, w := range s.workers {
		out = append(out, w.attempts...)
	}
	return out
}

// applyResult counts a result that is still somewhere. One that went to the
// driver inline may not have got there: its task is done again, and the driver
// takes it once.
func (s *Scheduler) applyResult(r model.ResultAt) {
	st := s.stage(r.Attempt.Stage)
	if st == nil || st.act == nil {
		return
	}
	if st.act.sink.Kind == model.RowsToDriver && r.Address == "" {
		s.applyGone(r.Attempt)
		return
	}
	s.applyDone(r.Attempt, r.Worker, 0, outputs.Output{Rows: r.Rows, Bytes: r.Bytes, Data: r.Output, Where: r.Address},
		outputs.Report{Counters: r.Counters, Updates: r.Updates})
}

// applyDone registers a success of an earlier term.
func (s *Scheduler) applyDone(id model.AttemptID, by plan.WorkerID, rowSum uint64, o outputs.Output, r outputs.Report) {
	st, i := s.stage(id.Stage), id.Partition
	if st == nil || i < 0 || i >= st.n || id.Gen != st.gen || st.tasks[i].state == model.TaskFinished {
		return
	}
	s.applyGone(id)
	s.dropLive(st, i)
	var owner *worker
	switch {
	case st.spec.Kind == model.MapStage:
		owner = s.known(by)
	case st.act != nil && st.act.sink.Kind == model.RowsToDriver:
		owner = s.known(by)
		st.act.unacked++
	}
	o.Term, o.Seq = id.Term, id.Seq
	t := &st.tasks[i]
	t.rowSum = rowSum
	s.finish(st, i, o, owner, r)
	if st.act != nil {
		s.accepted(st.act, i)
	}
}

// applyLaunched puts an attempt on its worker's books, as if it ran. What has
// ended meanwhile without a record goes when the worker attaches.
func (s *Scheduler) applyLaunched(w *worker, no int, id model.AttemptID) {
	st, i := s.stage(id.Stage), id.Partition
	if st == nil || i < 0 || i >= st.n || id.Gen != st.gen || st.tasks[i].state == model.TaskFinished {
		return
	}
	t := &st.tasks[i]
	if t.live[1] != nil {
		s.forget(t.live[0])
	}
	e := w.exec(st.job, no)
	if e == nil {
		e = &exec{no: no, state: execUp}
		w.execs[st.job] = append(w.execs[st.job], e)
		w.execNo = max(w.execNo, no)
	}
	a := &attempt{key: attemptKey{id.Term, id.Seq}, gen: id.Gen, st: st, part: i, w: w, pos: len(w.attempts), exec: e,
		level: model.Unplaced, reads: st.current(), memory: st.job.limits.Memory << t.blame.Grown()}
	s.book(a)
	s.recount(st, i)
	if !t.counted {
		s.kill(a, "not needed any more") // said again when its worker attaches
		s.review(st, i)
	}
}

// applyGone forgets an attempt that has ended.
func (s *Scheduler) applyGone(id model.AttemptID) {
	if a := s.attempts[attemptKey{id.Term, id.Seq}]; a != nil {
		s.forget(a)
		if !a.st.dead {
			s.recountLater(a.st, a.part)
		}
	}
}

// dropLive forgets the attempts of a task that is done.
func (s *Scheduler) dropLive(st *stage, i int) {
	for st.tasks[i].live[0] != nil {
		s.forget(st.tasks[i].live[0])
	}
}

func (s *Scheduler) applyFailure(r model.Failure) {
	st, i := s.stage(r.Attempt.Stage), r.Attempt.Partition
	s.applyGone(r.Attempt)
	if st == nil || i < 0 || i >= st.n {
		return
	}
	t := &st.tasks[i]
	t.blame.Avoid(s.known(r.Worker).idx, 0)
	// A verdict that followed has a record of its own.
	t.blame.Own(&s.cfg, st.job.limits.MaxFailures, model.Try{Attempt: r.Attempt, Worker: r.Worker, Class: r.Class, Signature: r.Signature})
	s.recountLater(st, i)
}

func (s *Scheduler) applyJobEnded(r model.JobEnded) {
	j := s.jobs[r.Job]
	if j == nil || j.state.Ended() {
		return
	}
	s.endJob(j, r.State, r.Cause)
	for _, a := range slices.Clone(j.actions) {
		s.endAction(a, model.ActionCancelled, r.Cause)
	}
	s.forgetAttempts(j)
	j.then, j.cause = r.State, r.Cause
	s.jobEnded(j)
}

// known returns a worker that the journal names, made if it is new.
func (s *Scheduler) known(id plan.WorkerID) *worker {
	w := s.byID[id]
	if w == nil {
		w = s.newWorker(id)
		w.State = health.Journalled()
	}
	return w
}

// applyWorker notes which process of a worker was there last. What an earlier
// one ran is gone; the outputs it lost have records of their own.
func (s *Scheduler) applyWorker(r model.WorkerSeen) {
	w := s.known(r.Worker)
	if w.inc != r.Inc {
		for len(w.attempts) > 0 {
			s.applyGone(w.attempts[len(w.attempts)-1].id())
		}
		clear(w.execs)
	}
	w.inc, w.store = r.Inc, r.Store
}

// begin is the first Step: what was asked for before is asked for again.
func (s *Scheduler) begin() {
	s.begun = true
	s.record(model.TermStarted{Term: s.cfg.Term}, true)
	if !s.restored {
		return
	}
	s.holdUntil = s.now.Add(comeBack)
	s.after(s.holdUntil, timer{kind: timerHold})
	for _, w := range s.workers {
		w.Resume(&s.cfg, s.now, s.holdUntil)
		s.drainAgain(w)
		s.arm(w)
		for _, a := range w.attempts {
			a.launched, a.moved = s.now, s.now
			s.watchStuck(a)
		}
	}
	for _, c := range s.uncollected {
		s.emit(c)
	}
	s.uncollected = nil
	for _, j := range slices.Clone(s.order) {
		s.beginJob(j)
	}
	s.settle()
}

func (s *Scheduler) beginJob(j *job) {
	if j.state.Ended() {
		return
	}
	j.leaseEnd = 0
	s.driverHeard(j)
	for _, a := range slices.Clone(j.actions) {
		switch {
		case a.committed:
			s.endAction(a, model.ActionDone, nil)
		case a.state == model.ActionPublishing:
			s.emit(model.Publish{Manifest: a.manifest})
		case a.state == model.ActionPreparing:
			s.askFor(a)
		default:
			s.repeatReset(a)
			s.maybeDone(a)
		}
	}
	for _, st := range j.stages {
		if st.gang != nil && st.live > 0 { // nobody knows who waits at which barrier
			st.unsure = true
		}
		if st.unsure && st.active > 0 {
			s.todoRoll = append(s.todoRoll, rollback{st, "an output that is needed was lost"})
		}
	}
	s.watchWork(j)
	if j.state == model.JobEnding {
		s.after(s.now.Add(s.cfg.Ending), timer{kind: timerEnding, job: j})
		s.maybeEndJob(j)
	}
}

// recovering reports whether launches wait for workers to come back.
func (s *Scheduler) recovering() bool {
	if s.now >= s.holdUntil {
		return false
	}
	for _, w := range s.workers {
		if !w.lost() && w.session == 0 {
			return true
		}
	}
	return false
}
