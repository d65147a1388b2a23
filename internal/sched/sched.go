package sched

import (
	"fmt"

	"github.com/gordd-project/gordd/internal/sched/blame"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/queue"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Scheduler is the state machine. It is not safe for concurrent use.
type Scheduler struct {
	cfg     model.Config
	now     model.Instant
	out     []model.Command
	stopped bool // stepped down: nothing is decided any more

	jobs    map[plan.JobID]*job
	order   []*job // by submission, until forgotten
	jobSeq  int
	pools   []*pool
	paths   map[string]*action // output paths of active actions
	tasks   int                // of all stages known
	workers []*worker          // by index, lost ones too
	byID    map[plan.WorkerID]*worker

	attempts map[attemptKey]*attempt // that hold a slot
	seq      uint64
	probes   uint64
	verifies []*verify
	bans     []ban
	blame    blame.Cluster
	drains   int // begun so far
	timers   queue.Timers[timer]

	demand   // worklists of stage.go
	placer   // state of place.go
	places   // of places.go
	copies   // of cached blocks, of copy.go
	gangs    gangs
	advances // state of early.go
	twins    // state of speculate.go
	journal  // state of restore.go
	stats
}

// stats count what happened since the start.
type stats struct{ launched, done, failed, lost, discarded, refused int64 }

type attemptKey struct {
	term model.Term
	seq  uint64
}

// New returns a machine that knows nobody. It panics if c lacks what Defaults
// fills in, since nothing could be decided.
func New(c model.Config) *Scheduler {
	if c.MaxFailures < 1 || c.MaxSlots < 1 || c.Term == 0 {
		panic("sched: incomplete configuration: start from model.Defaults or model.Embedded")
	}
	s := &Scheduler{
		cfg:      c,
		jobs:     map[plan.JobID]*job{},
		paths:    map[string]*action{},
		byID:     map[plan.WorkerID]*worker{},
		attempts: map[attemptKey]*attempt{},
	}
	for _, p := range c.Pools {
		s.setPool(p)
	}
	if s.pool(model.DefaultPool) == nil {
		s.setPool(model.Pool{Name: model.DefaultPool})
	}
	return s
}

// Step lets time pass until now, takes in one event, and returns what shall be
// done about it. The slice is valid until the next Step; the commands in it and
// what they hold are not touched again. A now before an earlier one counts as
// the earlier one.
func (s *Scheduler) Step(now model.Instant, ev model.Event) []model.Command {
	clear(s.out)
	s.out = s.out[:0]
	if s.stopped {
		return nil
	}
	s.now = max(s.now, now)
	if !s.begun {
		s.begin()
	}
	for !s.stopped {
		t, ok := s.timers.Pop(int64(s.now))
		if !ok {
			break
		}
		s.expire(t)
		s.settle()
		s.checkGangs()
	}
	s.handle(ev)
	s.settle()
	s.checkGangs()
	if !s.stopped {
		s.place()
		s.copyBlocks()
	}
	return s.out
}

// Next returns when a Tick is wanted, if nothing else happens before.
func (s *Scheduler) Next() (model.Instant, bool) {
	at, ok := s.timers.Next()
	return model.Instant(at), ok && !s.stopped
}

func (s *Scheduler) emit(c model.Command) { s.out = append(s.out, c) }

// record asks for a journal record, if there is a journal. Callers on hot paths
// test s.cfg.Journal first, to save making the record.
func (s *Scheduler) record(r model.Record, sync bool) {
	if s.cfg.Journal && !s.restoring {
		s.emit(model.Append{Record: r, Sync: sync})
	}
}

func (s *Scheduler) handle(ev model.Event) {
	if we, ok := ev.(model.WorkerEvent); ok {
		s.handleWorker(we)
		return
	}
	switch ev := ev.(type) {
	case model.SubmitJob:
		s.submitJob(ev)
	case model.SubmitAction:
		s.submitAction(ev)
	case model.FinishJob:
		s.finishJob(ev)
	case model.Cancel:
		s.cancel(ev)
	case model.DriverAttach:
		s.driverAttach(ev)
	case model.DriverRenewed:
		s.driverRenewed(ev)
	case model.DriverGone:
		s.driverGone(ev)
	case model.ResultAck:
		s.resultAck(ev)
	case model.Release:
		s.release(ev)
	case model.HoldBlob:
		s.holdBlob(ev)
	case model.SetPool:
		s.setPool(ev.Pool)
		s.record(model.PoolSet(ev), true)
	case model.Exclude:
		s.exclude(ev.Worker, true, ev.Reason)
	case model.Readmit:
		s.exclude(ev.Worker, false, "")
	case model.Drain:
		s.drain(ev)
	case model.Undrain:
		s.undrain(ev)
	case model.Renewed:
		s.renewed(ev)
	case model.StreamDown:
		s.streamDown(ev)
	case model.MemberFailed:
		s.memberFailed(ev)
	case model.MemberLeft:
		s.memberLeft(ev)
	case model.MemberUp, model.TagsChanged: // where to dial, not what to decide
	case model.ProbeResult:
		s.probeResult(ev)
	case model.SplitsReady:
		s.splitsReady(ev)
	case model.OutputPrepared:
		s.outputPrepared(ev)
	case model.Published:
		s.published(ev)
	case model.PublishFailed:
		s.publishFailed(ev)
	case model.Collected:
		s.collected(ev)
	case model.JournalFailed:
		s.stepDown(s.cfg.Term, "journal: "+ev.Err.Message)
	case model.Tick:
	default:
		s.refuse("unknown event")
	}
}

// handleWorker passes a worker's message on if its fences hold.
func (s *Scheduler) handleWorker(ev model.WorkerEvent) {
	f := ev.Envelope()
	if f.Cluster != s.cfg.Cluster || f.Protocol != s.cfg.Protocol { // F1
		s.refuse("message of a foreign cluster from " + string(f.Worker))
		return
	}
	if f.Term > s.cfg.Term { // F2
		s.stepDown(f.Term, fmt.Sprintf("worker %s knows a master of term %d, and this one has term %d: if there is no other, start it in the directory "+
			"of the one before it, or end the workers of that one", f.Worker, f.Term, s.cfg.Term))
		return
	}
	if a, ok := ev.(model.Attach); ok {
		s.attach(a)
		return
	}
	if f.Term < s.cfg.Term {
		s.emit(model.NewerTerm{Worker: f.Worker, Term: s.cfg.Term})
		s.refuse("message of an older term from " + string(f.Worker))
		return
	}
	w := s.byID[f.Worker]
	if w == nil || w.inc != f.Inc || w.session != f.Session || w.lost() { // F3
		s.emit(model.Detach{Receiver: model.Receiver{Worker: f.Worker, Inc: f.Inc}, Session: f.Session, Why: "superseded"})
		s.refuse("message of a superseded session from " + string(f.Worker))
		return
	}
	s.fromWorker(w, ev)
}

func (s *Scheduler) fromWorker(w *worker, ev model.WorkerEvent) {
	switch ev := ev.(type) {
	case model.TaskDone:
		s.taskDone(w, ev)
	case model.TaskFailed:
		s.taskFailed(w, ev)
	case model.TaskStarted:
		s.taskStarted(w, ev.Attempt)
	case model.TaskProgress:
		s.taskProgress(w, ev)
	case model.ExecUp:
		s.execUp(w, ev)
	case model.ExecGone:
		s.execGone(w, ev)
	case model.Leaving:
		s.emit(model.Detach{Receiver: w.to(), Session: w.session, Why: model.DetachLeft})
		s.lose(w, left, "it left")
	case model.OutputVerdict:
		s.outputVerdict(ev)
	case model.DiskState:
		w.diskFull = ev.Full
		s.refresh(w)
	case model.BlocksChanged:
		s.blocksChanged(w, ev.Job, ev.Added, ev.Dropped)
	case model.CopyDone:
		s.copyDone(w, ev)
	case model.OutputsMoved:
		s.outputsMoved(ev)
	case model.BarrierArrive:
		s.barrierArrive(w, ev)
	}
}

// stepDown ends this master's decisions: another one may be deciding.
func (s *Scheduler) stepDown(term model.Term, why string) {
	s.emit(model.StepDown{Term: term, Why: why})
	s.stopped = true
}

func (s *Scheduler) refuse(why string) {
	s.refused++
	s.emit(model.Note{Kind: model.NoteRefused, Text: why})
}

// timer says what to look at when its time comes. Whoever it is for decides
// from its own fields whether anything is due: timers are never cancelled.
type timer struct {
	kind timerKind
	w    *worker
	st   *stage
	i    int
	act  *action
	job  *job
	v    *verify
}

type timerKind uint8

const (
	timerTask    timerKind = iota // a task's back-off ends
	timerWorker                   // a worker's lease, probe or quarantine
	timerLevel                    // a stage's locality wait ends
	timerStage                    // exclusions of a stage's tasks relax
	timerPublish                  // a publish is tried again
	timerCollect                  // staging is collected again
	timerEnding                   // a job's end waits no longer
	timerDriver                   // a driver's lease
	timerVerify                   // an owner did not answer
	timerBan                      // an edge is free again
	timerExec                     // an executor did not come up
	timerSpec                     // a stage may have stragglers
	timerHold                     // workers had time to come back
	timerNoWork                   // a job may have nowhere to run
	timerGang                     // a gang may be larger than the cluster
	timerRound                    // a round of a barrier
	timerDrain                    // a draining worker is looked after
	timerBarred                   // a worker that was left out is let in again
	timerCopy                     // a copy of a block may take long
	timerStuck                    // an attempt may have stood still for too long
)

func (s *Scheduler) after(at model.Instant, t timer) {
	if !s.restoring { // begin sets what is needed
		s.timers.Add(int64(at), t)
	}
}

func (s *Scheduler) expire(t timer) {
	switch t.kind {
	case timerTask:
		s.taskHeld(t.st, t.i)
	case timerWorker:
		s.workerDue(t.w)
	case timerLevel:
		s.levelDue(t.st)
	case timerStage:
		s.touch(t.st)
	case timerPublish:
		s.publishAgain(t.act)
	case timerCollect:
		s.emit(model.Collect{Action: t.act.id, Sink: t.act.sink})
	case timerEnding:
		s.endingDue(t.job)
	case timerDriver:
		s.driverDue(t.job)
	case timerVerify:
		s.verifyDue(t.v)
	case timerBan:
		s.banDue()
	case timerExec:
		s.execDue(t.w, t.job, t.i)
	case timerHold:
		s.wake = true
	case timerSpec:
		s.stragglers(t.st)
	case timerNoWork:
		s.noWorkDue(t.job)
	case timerGang:
		s.gangDue(t.st)
	case timerRound:
		s.roundDue(t.st, t.i)
	case timerDrain:
		s.drainDue(t.w, t.i)
	case timerCopy:
		s.copyDue(t.w)
	case timerStuck:
		s.stuckDue(t.w)
	case timerBarred:
		s.refresh(t.w)
		s.wakeAll()
	}
}
