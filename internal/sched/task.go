package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/blame"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
)

// launch starts an attempt of task i on w (R16). Launches of one pass are sent
// together.
func (s *Scheduler) launch(w *worker, st *stage, i int, twin bool) {
	t := &st.tasks[i]
	level := s.nearness(st, i, w)
	if !twin {
		s.withdraw(st, i)
		t.state = model.TaskRunning
	}
	s.seq++
	s.launched++
	a := &attempt{
		key: attemptKey{s.cfg.Term, s.seq}, gen: st.gen, st: st, part: i, w: w, pos: len(w.attempts),
		level: level, twin: twin, alone: t.blame.Alone(), reads: st.current(), launched: s.now, moved: s.now,
		memory: st.job.limits.Memory << t.blame.Grown(), early: s.slots.Free(w.idx) == 0,
	}
	a.exec = s.execFor(st.job, w, t.blame)
	st.job.pool.served++
	s.book(a)
	s.batch(a)
}

// book puts an attempt on the books.
func (s *Scheduler) book(a *attempt) {
	w, st := a.w, a.st
	if a.twin {
		s.twinsLive++
	}
	s.attempts[a.key] = a
	w.attempts = append(w.attempts, a)
	if a.early {
		s.stand(a)
	} else {
		w.used += a.memory
	}
	w.unstarted++
	w.perJob[st.job]++
	st.job.running++
	st.job.pool.running++
	st.live++
	for _, c := range st.caches {
		c.made = true
	}
	if t := &st.tasks[a.part]; t.live[0] == nil {
		t.live[0] = a
	} else {
		t.live[1] = a
	}
	s.watchStuck(a)
	s.refresh(w)
}

// current returns the generations that an attempt of st would read now.
func (st *stage) current() []model.Read {
	if st.reads == nil && len(st.parents)+len(st.spec.Cached) > 0 {
		for _, e := range st.parents {
			st.reads = append(st.reads, model.Read{Key: e.st.id.Key, Gen: e.st.gen})
		}
		if st.cache != nil {
			st.reads = append(st.reads, model.Read{Key: st.spec.Cached, Gen: st.cache.gen})
		}
	}
	return st.reads
}

func (s *Scheduler) batch(a *attempt) {
	w := a.w
	as := model.Assignment{Attempt: a.id(), Level: a.level, Twin: a.twin, Early: a.early, Alone: a.alone, Memory: a.memory}
	as.Held, as.Blocks = a.st.tasks[a.part].cached, s.elsewhere(a.st, a.part, w)
	a.blocks = as.Blocks
	if w.batchPass == s.pass {
		if b := &s.batches[w.batch]; b.st == a.st && b.exec == a.exec {
			b.tasks = append(b.tasks, as)
			return
		}
	}
	w.batchPass, w.batch = s.pass, len(s.batches)
	s.batches = append(s.batches, batch{w: w, st: a.st, exec: a.exec, tasks: []model.Assignment{as}})
}

// flush sends one Launch, after the locations its tasks need.
func (s *Scheduler) flush(b *batch) {
	s.locate(b.w, b.st, b.tasks)
	if s.cfg.Journal {
		ids := make([]model.AttemptID, len(b.tasks))
		for k := range b.tasks {
			ids[k] = b.tasks[k].Attempt
		}
		s.record(model.Launched{Worker: b.w.id, Inc: b.w.inc, Exec: b.exec.no, Attempts: ids}, false)
	}
	s.emit(model.Launch{Receiver: b.w.to(), Exec: b.exec.no, Stage: b.st.id, Gen: b.st.gen, Try: b.st.try,
		Reads: b.st.current(), Caches: b.st.cacheGens(), Tasks: b.tasks})
}

// forget takes an attempt off the books; its slot is free. What becomes of the
// task is the caller's.
func (s *Scheduler) forget(a *attempt) {
	w, st := a.w, a.st
	delete(s.attempts, a.key)
	if a.early {
		s.unstand(a)
	} else {
		w.used -= a.memory
	}
	s.answered(a)
	last := len(w.attempts) - 1
	w.attempts[a.pos] = w.attempts[last]
	w.attempts[a.pos].pos = a.pos
	w.attempts[last] = nil
	w.attempts = w.attempts[:last]
	if w.perJob[st.job]--; w.perJob[st.job] == 0 {
		delete(w.perJob, st.job)
	}
	if a.state == launching {
		w.unstarted--
	}
	if a.state != killing {
		a.unlink()
	}
	if a.twin {
		s.twinsLive--
	}
	st.job.running--
	st.job.pool.running--
	if a.alone && a.exec.state != execGone {
		s.stopExec(w, st.job, a.exec)
	}
	s.refresh(w)
	if st.job.limits.Slots > 0 {
		for _, r := range st.job.runnable {
			s.touch(r) // the job was at its limit, so idle slots were not looked at
		}
	}
	if st.job.pool.MaxShare > 0 {
		s.wakeAll()
	}
	s.maybeEndJob(st.job)
}

// unlink takes a live attempt out of its task.
func (a *attempt) unlink() {
	t := &a.st.tasks[a.part]
	switch a {
	case t.live[0]:
		t.live[0], t.live[1] = t.live[1], nil
	case t.live[1]:
		t.live[1] = nil
	}
	a.st.live--
}

// kill tells an attempt to end. It holds its slot until its worker says so.
func (s *Scheduler) kill(a *attempt, reason string) {
	if a.state == killing {
		return
	}
	if a.state == launching {
		a.w.unstarted--
	}
	a.unlink()
	s.unwait(a)
	a.state = killing
	s.emit(model.Kill{Receiver: a.w.to(), Attempt: a.id(), Reason: reason, Dump: a.stuck})
}

// shun keeps a stage away from a worker on which several of its tasks failed
// while others succeed, and everybody if those of several jobs do (R36).
func (s *Scheduler) shun(st *stage, w *worker) {
	live, out := 0, 0
	for _, o := range s.workers {
		switch {
		case o.takes(s.now):
			live++
		case o.Is() == model.WorkerLive, o.Is() == model.WorkerQuarantined:
			live++
			out++
		}
	}
	note := model.Note{Kind: model.NoteExcluded, Job: st.job.id, Stage: st.id, Worker: w.id}
	n, shun := st.blame.Failed(w.idx, s.cfg.ExcludeStage, live, st.wins > 0)
	if shun {
		note.Count = n
		s.emit(note)
	}
	if d, bar := s.blame.Failed(&s.cfg, s.now, w.idx, st.job.id, live, out); bar && w.takes(s.now) {
		w.barredTo = s.now.Add(d)
		s.after(w.barredTo, timer{kind: timerBarred, w: w})
		s.refresh(w)
		s.emit(model.Note{Kind: model.NoteExcluded, Worker: w.id, Text: "tasks of several jobs fail there: left out for " + d.String()})
	}
}

func (s *Scheduler) killAll(st *stage, i int, reason string) {
	for st.tasks[i].live[0] != nil {
		s.kill(st.tasks[i].live[0], reason)
	}
}

// find returns the attempt of an id, if it is on w's books.
func (s *Scheduler) find(w *worker, id model.AttemptID) *attempt {
	a := s.attempts[attemptKey{id.Term, id.Seq}]
	if a == nil || a.w != w || a.part != id.Partition || a.gen != id.Gen || a.st.id != id.Stage {
		return nil
	}
	return a
}

func (s *Scheduler) taskStarted(w *worker, id model.AttemptID) {
	if a := s.find(w, id); a != nil && a.state == launching {
		s.unwait(a)
		if a.early {
			a.launched = s.now
		}
		a.state, a.moved = running, s.now
		s.answered(a)
		a.exec.seen()
		w.unstarted--
		if s.cfg.MaxUnstarted > 0 && w.unstarted == s.cfg.MaxUnstarted-1 {
			s.refresh(w)
		}
	}
}

func (s *Scheduler) taskProgress(w *worker, ev model.TaskProgress) {
	for _, p := range ev.Progress {
		a := s.find(w, p.Attempt)
		if a == nil || p.Moves <= a.moves {
			continue
		}
		s.taskStarted(w, p.Attempt)
		a.rows, a.fraction, a.moves, a.moved = max(a.rows, p.Rows), max(a.fraction, p.Fraction), p.Moves, s.now
		s.watchRate(a)
	}
}

// consistent reports whether all that the attempt read is current (F5), but for what
// its stage does not read any more.
func (a *attempt) consistent() bool {
	now := a.st.current()
	if a.gen != a.st.gen {
		return false
	}
	return len(now) == 0 || &now[0] == &a.reads[0] || covers(a.reads, now)
}

// covers says whether all that a stage reads now was read: it may read less than it did.
func covers(reads, now []model.Read) bool {
	return !slices.ContainsFunc(now, func(r model.Read) bool { return !slices.Contains(reads, r) })
}

// taskDone is R17: a success counts iff its attempt is live and consistent.
func (s *Scheduler) taskDone(w *worker, ev model.TaskDone) {
	a := s.find(w, ev.Attempt)
	if a == nil || a.state == killing || !a.consistent() || a.st.dead {
		s.discard(w, a, &ev)
		return
	}
	st, i := a.st, a.part
	a.exec.seen()
	s.done++
	st.pace.Done(s.now.Sub(a.launched))
	w.Succeeded()
	s.forget(a)
	if st.spec.Kind == model.ValueStage && len(ev.Output) > s.cfg.MaxValue {
		s.ack(w, ev.Attempt, false)
		s.failTask(st, i, model.CauseResource, fmt.Sprintf("%s: its value has %d bytes; the limit is %d",
			taskText(st, i), len(ev.Output), s.cfg.MaxValue), nil, nil)
		return
	}
	s.overtaken(st, i)
	s.compare(st, i, &ev)
	s.accept(w, st, i, a, &ev)
	s.leftWaiting(st)
	s.watchStage(st)
}

// accept registers a success, by the kind of its stage (R18).
func (s *Scheduler) accept(w *worker, st *stage, i int, a *attempt, ev *model.TaskDone) {
	o := outputs.Output{Term: a.key.term, Seq: a.key.seq, Rows: ev.Rows, Bytes: ev.Bytes, Sum: ev.Sum, Sizes: ev.Sizes}
	if a.level != model.Unplaced {
		ev.Counters = append(slices.Clip(ev.Counters), model.Counter{Name: a.level.Counter(), Value: 1})
	}
	t := &st.tasks[i]
	t.rowSum = ev.RowSum
	t.blame.Succeeded()
	owner := w
	switch {
	case st.spec.Kind == model.MapStage:
		o.Data = ev.Output
	case st.spec.Kind == model.ValueStage:
		o.Data, owner = ev.Output, nil
	case st.act.sink.Kind == model.Files:
		o.Data, o.Where, owner = ev.Output, ev.File, nil
	case st.act.sink.Kind == model.ForEach:
		owner = nil
	case ev.Address != "":
		o.Where = ev.Address
		o.Data = ev.Output
		st.act.unacked++
	default:
		owner = nil
		if s.mayMiss() {
			o.Data = append([]byte{}, ev.Result...) // for a driver that comes back; not nil, of no rows either
			st.act.unacked++
		}
	}
	s.finish(st, i, o, owner, outputs.Report{Counters: ev.Counters, Updates: ev.Updates})
	s.recordDone(w, st, i, ev)
	s.ack(w, ev.Attempt, true)
	if len(ev.Blocks) > 0 {
		s.blocksChanged(w, st.job.id, ev.Blocks, nil)
	}
	if len(ev.Updates) > 0 {
		s.boundUpdates(st)
	}
	if st.act == nil || st.dead {
		return
	}
	if st.act.sink.Kind == model.RowsToDriver {
		s.sendResult(st.act, i, ev.Result, ev.Output)
	}
	s.accepted(st.act, i)
}

func (s *Scheduler) recordDone(w *worker, st *stage, i int, ev *model.TaskDone) {
	if !s.cfg.Journal {
		return
	}
	switch {
	case st.act == nil:
		out := s.mapOutput(st, i)
		out.Worker, out.Store, out.Sizes, out.Reads = w.id, w.store, nil, st.current()
		out.Counters, out.Updates = ev.Counters, ev.Updates
		s.record(model.OutputAt{Output: out}, false)
	case st.act.sink.Kind == model.Files:
		s.record(model.Won{File: s.staged(st, i, w), Counters: ev.Counters, Updates: ev.Updates}, false)
	default:
		s.record(model.ResultAt{Attempt: ev.Attempt, Worker: w.id, Rows: ev.Rows, Bytes: ev.Bytes, Address: ev.Address,
			Output: ev.Output, Counters: ev.Counters, Updates: ev.Updates}, false)
	}
}

func (s *Scheduler) ack(w *worker, id model.AttemptID, keep bool) {
	s.emit(model.Ack{Receiver: w.to(), Attempts: []model.AttemptID{id}, Keep: keep})
}

// discard answers a success that comes too late or does not fit (F4, F5). The
// same report may come twice: what was kept is confirmed.
func (s *Scheduler) discard(w *worker, a *attempt, ev *model.TaskDone) {
	if s.isWinner(ev.Attempt) {
		s.ack(w, ev.Attempt, true)
		if a != nil {
			s.forget(a)
		}
		return
	}
	s.discarded++
	s.ack(w, ev.Attempt, false)
	s.compareLate(ev)
	if a == nil {
		s.bury(w, ev.Attempt)
		return
	}
	st, i := a.st, a.part
	s.forget(a)
	if !st.dead {
		s.recountLater(st, i)
	}
}

// bury frees the slot of an attempt that was not on the books.
func (s *Scheduler) bury(w *worker, id model.AttemptID) {
	if key := (attemptKey{id.Term, id.Seq}); w.zombies[key] {
		delete(w.zombies, key)
		s.refresh(w)
	}
}

// isWinner reports whether the attempt's output is registered.
func (s *Scheduler) isWinner(id model.AttemptID) bool {
	st := s.stage(id.Stage)
	if st == nil || id.Partition < 0 || id.Partition >= st.n || st.tasks[id.Partition].state != model.TaskFinished {
		return false
	}
	return st.attemptID(id.Partition) == id
}

// stage returns the stage of an id, if it is known.
func (s *Scheduler) stage(id model.StageID) *stage {
	j := s.jobs[id.Job]
	if j == nil {
		return nil
	}
	if id.Action == 0 {
		return j.shared[id.Key]
	}
	if a := j.action(id.Action); a != nil && a.target.id == id {
		return a.target
	}
	return nil
}

// taskFailed is R21 to R25.
func (s *Scheduler) taskFailed(w *worker, ev model.TaskFailed) {
	s.ack(w, ev.Attempt, false)
	a := s.find(w, ev.Attempt)
	if a == nil {
		s.discarded++
		s.bury(w, ev.Attempt)
		return
	}
	ended := a.state == killing || a.recalled && ev.Class == model.Killed
	s.forget(a)
	if ended || a.st.dead {
		if !a.st.dead {
			s.recountLater(a.st, a.part)
		}
		return
	}
	s.failed++
	st, i := a.st, a.part
	s.emit(model.Note{Kind: model.NoteTaskFailed, Job: st.job.id, Stage: st.id, Gen: st.gen, Try: st.try, Partition: i,
		Worker: w.id, Text: ev.Class.String() + ": " + ev.Message})
	s.judge(a, &ev)
	s.recountLater(st, i)
}

// judge charges a failure to whom it belongs.
func (s *Scheduler) judge(a *attempt, ev *model.TaskFailed) {
	b := &a.st.tasks[a.part].blame
	switch ev.Class {
	case model.Fetch:
		s.fetchFailed(a, ev)
	case model.Infra, model.Killed, model.Refused, model.Crash:
		s.charge(a, b.Worker(&s.cfg, s.now, ev.Message), ev)
	case model.Storage:
		s.charge(a, b.Storage(&s.cfg, s.now, ev.Message), ev)
	case model.Resource:
		if ev.Disk {
			s.avoid(a.st, a.part, a.w)
		}
		s.charge(a, b.Resource(ev, a.st.job.limits.MaxFailures > 1), ev)
	default: // User, Input, and whatever a newer worker may mean
		s.ownFault(a, ev)
	}
}

// charge fails a task for good, or lets it wait for its next attempt.
func (s *Scheduler) charge(a *attempt, v *blame.Verdict, ev *model.TaskFailed) {
	st, i := a.st, a.part
	if v == nil {
		s.hold(st, i)
		return
	}
	c := &model.Cause{Kind: v.Kind, Message: taskText(st, i) + ": " + v.Text, Stage: st.id, Site: st.spec.Site, Partition: i}
	if v.Kind != model.CauseInfra {
		c.Detail = ev.Detail
	}
	if v.Kind == model.CauseTask || v.Kind == model.CauseDeterministic || v.Kind == model.CauseCrash {
		c.Tries = st.tasks[i].blame.Tries()
	}
	s.failStage(st, c)
}

// ownFault counts a failure that is the task's own (R21).
func (s *Scheduler) ownFault(a *attempt, ev *model.TaskFailed) {
	st, i := a.st, a.part
	s.avoid(st, i, a.w)
	s.shun(st, a.w)
	s.record(model.Failure{Attempt: a.id(), Worker: a.w.id, Class: ev.Class, Signature: ev.Signature}, false)
	s.charge(a, st.tasks[i].blame.Own(&s.cfg, st.job.limits.MaxFailures, model.Try{Attempt: a.id(), Worker: a.w.id,
		Class: ev.Class, Signature: ev.Signature, Message: ev.Message}), ev)
}

// avoid keeps a task away from a worker for a while (R21, R36).
func (s *Scheduler) avoid(st *stage, i int, w *worker) {
	until := s.now.Add(s.cfg.ElsewhereWait)
	st.tasks[i].blame.Avoid(w.idx, until)
	if s.cfg.ElsewhereWait > 0 {
		s.after(until, timer{kind: timerStage, st: st})
	}
}

// hold looks at a task again when it is not held back any more.
func (s *Scheduler) hold(st *stage, i int) {
	if at := st.tasks[i].blame.Held(); at > s.now {
		s.after(at, timer{kind: timerTask, st: st, i: i})
	}
}

func (s *Scheduler) taskHeld(st *stage, i int) {
	if !st.dead {
		s.review(st, i)
	}
}
