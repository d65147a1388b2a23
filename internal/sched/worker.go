package sched

import (
	"math"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// loss is how a worker was lost: whether its process is known to have ended.
type loss uint8

const (
	lossSilent loss = iota // its lease ended
	lossDied               // nobody, or another process, answers
	lossLeft               // it said so
)

// attach is R27: a new process ends the old one first; then the worker has a new
// session, its inventory is reconciled, and it has a lease.
func (s *Scheduler) attach(ev model.Attach) {
	w := s.byID[ev.Worker]
	if w != nil && w.state != model.WorkerLost {
		if w.inc != ev.Inc {
			s.lose(w, lossDied, "a newer process attached")
			s.settle()
		} else if ev.Session <= w.session {
			s.refuse("attach of an older session from " + string(ev.Worker))
			return
		}
	}
	if other := s.ownerOf(ev.Store); other != nil && other != w {
		s.emit(model.Detach{Receiver: model.Receiver{Worker: ev.Worker, Inc: ev.Inc}, Session: ev.Session,
			Why: "store " + string(ev.Store) + " is in use by worker " + string(other.id)})
		s.refuse("attach with a store in use from " + string(ev.Worker))
		return
	}
	if w == nil {
		w = s.newWorker(ev.Worker)
	}
	back := w.state == model.WorkerLost
	s.describe(w, &ev)
	if back {
		s.enter(w)
	} else if w.state == model.WorkerSuspect {
		s.setState(w, model.WorkerLive)
	}
	s.record(model.WorkerSeen{Worker: w.id, Inc: w.inc, Store: w.store}, false)
	s.emit(model.Note{Kind: model.NoteWorkerAttached, Worker: w.id, Count: w.slots})
	s.grantLease(w, 0)
	s.reconcile(w, &ev.Inventory)
	s.refresh(w)
}

// newWorker makes a worker that is not there yet.
func (s *Scheduler) newWorker(id plan.WorkerID) *worker {
	w := &worker{id: id, idx: len(s.workers), state: model.WorkerLost, execs: map[*job][]*exec{}, perJob: map[*job]int{},
		sent: map[*stage]uint64{}, zombies: map[attemptKey]bool{}}
	s.workers = append(s.workers, w)
	s.byID[id] = w
	return w
}

// ownerOf returns the worker that is not lost and has a store.
func (s *Scheduler) ownerOf(id model.StoreID) *worker {
	for _, w := range s.workers {
		if id != "" && w.store == id && w.state != model.WorkerLost {
			return w
		}
	}
	return nil
}

// describe takes in what a worker says of itself.
func (s *Scheduler) describe(w *worker, ev *model.Attach) {
	w.inc, w.session, w.store = ev.Inc, ev.Session, ev.Store
	w.rack, w.memory = ev.Rack, ev.Memory
	w.slots = max(min(ev.Slots, s.cfg.MaxSlots), 0)
	w.stream, w.probing = true, false
	w.heard, w.answered, w.sentAt = s.now, s.now, math.MinInt64
	w.sent = map[*stage]uint64{}
	if slices.Equal(w.hosts, ev.Hosts) {
		return
	}
	if w.state == model.WorkerLive {
		s.countHolder(w, -1)
	}
	w.hosts, w.names = slices.Clone(ev.Hosts), nil
	for _, h := range w.hosts {
		if n := s.nameOf(h); !slices.Contains(w.names, n) {
			w.names = append(w.names, n)
		}
	}
	if w.state == model.WorkerLive {
		s.countHolder(w, 1)
	}
}

// enter lets a new or returning worker in, one that keeps flapping after a
// quarantine (R35).
func (s *Scheduler) enter(w *worker) {
	score := s.flapping(w)
	if score <= 1 {
		s.setState(w, model.WorkerLive)
	} else {
		wait := time.Duration(float64(s.cfg.FlapWait) * math.Exp2(min(score, 20)-1))
		w.outUntil = s.now.Add(min(wait, s.cfg.FlapMax))
		s.setState(w, model.WorkerQuarantined)
		s.relaxQuarantine()
	}
	s.arm(w)
}

// relaxQuarantine keeps those that are out below a third of all (I31): whoever
// would be back first is let in, with one slot.
func (s *Scheduler) relaxQuarantine() {
	present, out := 0, 0
	var first *worker
	for _, w := range s.workers {
		if w.state == model.WorkerLost {
			continue
		}
		present++
		if w.state == model.WorkerQuarantined {
			out++
			if first == nil || w.outUntil < first.outUntil {
				first = w
			}
		}
	}
	if out*3 > present {
		first.outUntil, first.probation = s.now, 3
		s.setState(first, model.WorkerLive)
		s.relaxQuarantine()
	}
}

// arm asks to look at w when its next deadline comes. One that is asked for
// already and not later is enough.
func (s *Scheduler) arm(w *worker) {
	if s.cfg.Lease == 0 {
		return
	}
	if at := s.nextDue(w); w.due == 0 || at < w.due {
		w.due = at
		s.after(at, timer{kind: timerWorker, w: w})
	}
}

// flapping returns the score of losses, which halves with time.
func (s *Scheduler) flapping(w *worker) float64 {
	if w.score == 0 || s.cfg.FlapHalf == 0 {
		return 0
	}
	return w.score * math.Exp2(-float64(s.now.Sub(w.scoreAt))/float64(s.cfg.FlapHalf))
}

// setState changes a worker's state, and with it who can serve its hosts.
func (s *Scheduler) setState(w *worker, to model.WorkerState) {
	was := w.state
	w.state = to
	if (was == model.WorkerLive) != (to == model.WorkerLive) {
		d := int32(1)
		if was == model.WorkerLive {
			d = -1
		}
		s.countHolder(w, d)
	}
	s.refresh(w)
}

// countHolder counts the workers of a worker's hosts. With the last one goes the
// wait for it: tasks that prefer the host are queued anew.
func (s *Scheduler) countHolder(w *worker, d int32) {
	gone := false
	for _, n := range w.names {
		s.holders[n] += d
		gone = gone || s.holders[n] == 0
	}
	if gone {
		s.requeue()
	}
}

// requeue queues all pending tasks with preferences anew.
func (s *Scheduler) requeue() {
	for _, j := range s.order {
		for _, st := range slices.Clone(j.runnable) {
			p := &st.pending
			p.local.Clear()
			for i, ok := p.fussy.Min(); ok; i, ok = p.fussy.Next(i + 1) {
				p.fussy.Remove(i)
				s.push(st, i)
			}
		}
	}
}

// grantLease extends a worker's lease, counted here from now.
func (s *Scheduler) grantLease(w *worker, sentAt model.Instant) {
	if s.cfg.Lease == 0 {
		return
	}
	short := w.leaseEnd.Sub(s.now) < s.cfg.LeaseMargin
	w.leaseEnd = s.now.Add(s.cfg.Lease)
	s.emit(model.Lease{Receiver: w.to(), Session: w.session, Term: s.cfg.Term, For: s.cfg.Lease, SentAt: sentAt})
	if short {
		s.refresh(w)
	}
}

// renewed is R28. A renewal of one that hears nothing does not count.
func (s *Scheduler) renewed(ev model.Renewed) {
	for _, r := range ev.Renewals {
		w := s.byID[r.Worker]
		if w == nil || w.inc != r.Inc || w.session != r.Session || w.state == model.WorkerLost || r.SentAt <= w.sentAt || !r.Heard {
			continue
		}
		w.sentAt, w.heard, w.stream = r.SentAt, s.now, true
		s.grantLease(w, r.SentAt)
		if w.state == model.WorkerSuspect && !w.mute(s) {
			s.trust(w)
		}
	}
}

// trust ends a suspicion.
func (s *Scheduler) trust(w *worker) {
	to := model.WorkerLive
	if s.now < w.outUntil {
		to = model.WorkerQuarantined
	}
	s.setState(w, to)
}

// mute reports whether the worker leaves a Launch unanswered (R28).
func (w *worker) mute(s *Scheduler) bool {
	if s.cfg.StartWait == 0 || w.unstarted == 0 {
		return false
	}
	for _, a := range w.attempts {
		if a.state == launching && s.now >= a.launched.Add(s.cfg.StartWait) {
			return true
		}
	}
	return false
}

// silentAt is when two renewals are missed.
func (s *Scheduler) silentAt(w *worker) model.Instant {
	return w.heard.Add(2*s.cfg.Renew + s.cfg.Renew/4)
}

// nextDue is when workerDue has something to look at. It may be early: a renewed
// lease costs no new timer.
func (s *Scheduler) nextDue(w *worker) model.Instant {
	at := w.leaseEnd
	switch w.state {
	case model.WorkerSuspect:
		at = min(at, s.now.Add(s.cfg.ProbeEvery))
	case model.WorkerQuarantined:
		at = min(at, s.silentAt(w), max(w.outUntil, s.now+1))
	default:
		at = min(at, s.silentAt(w))
	}
	if w.unstarted > 0 && s.cfg.StartWait > 0 {
		at = min(at, s.now.Add(s.cfg.StartWait))
	}
	return max(at, s.now+1)
}

// workerDue looks after one worker's lease, probes and quarantine.
func (s *Scheduler) workerDue(w *worker) {
	if w.state == model.WorkerLost || w.due == 0 || s.now < w.due {
		return
	}
	w.due = 0
	s.killStuck(w)
	switch {
	case s.now >= w.leaseEnd:
		s.lose(w, lossSilent, "its lease ended")
		return
	case w.state == model.WorkerSuspect:
		if !w.stream && s.now >= max(w.downAt, w.answered).Add(s.cfg.ProbeWait) {
			s.lose(w, lossDied, "its stream is down and nobody answers")
			return
		}
		s.probe(w)
		s.doubt(w)
	case s.now >= s.silentAt(w):
		s.suspect(w, "two renewals are missing")
	case w.mute(s):
		s.suspect(w, "it does not start what is launched")
	case w.state == model.WorkerQuarantined && s.now >= w.outUntil:
		w.probation = 3
		s.setState(w, model.WorkerLive)
	}
	s.arm(w)
}

// suspect is R30: nothing is launched there, and the process is asked for.
func (s *Scheduler) suspect(w *worker, why string) {
	if w.state != model.WorkerLive && w.state != model.WorkerQuarantined {
		return
	}
	s.emit(model.Note{Kind: model.NoteWorkerSuspect, Worker: w.id, Text: why})
	w.doubted = s.now
	s.setState(w, model.WorkerSuspect)
	s.probe(w)
	s.arm(w)
}

func (s *Scheduler) probe(w *worker) {
	s.probes++
	w.probing, w.probeNo, w.probeAt = true, s.probes, s.now
	s.emit(model.Probe{Worker: w.id, Inc: w.inc, No: w.probeNo})
}

func (s *Scheduler) streamDown(ev model.StreamDown) {
	w := s.byID[ev.Worker]
	if w == nil || w.inc != ev.Inc || w.session != ev.Session || w.state == model.WorkerLost || !w.stream {
		return
	}
	w.stream, w.downAt = false, s.now
	if s.cfg.Lease == 0 {
		return
	}
	s.suspect(w, cmpText("its stream is down", ev.Cause))
}

// memberFailed is R30 and R37: gossip makes the master ask, at most.
func (s *Scheduler) memberFailed(ev model.MemberFailed) {
	w := s.byID[ev.Worker]
	if w == nil || w.inc != ev.Inc || w.state == model.WorkerLost {
		return
	}
	s.emit(model.Note{Kind: model.NoteGossip, Worker: w.id, Text: "gossip does not hear it"})
	if s.cfg.Lease > 0 && s.now >= w.heard.Add(s.cfg.Renew+s.cfg.Renew/4) {
		s.suspect(w, "a renewal is missing, and gossip does not hear it")
	}
}

func (s *Scheduler) memberLeft(ev model.MemberLeft) {
	if w := s.byID[ev.Worker]; w != nil && w.inc == ev.Inc && w.state != model.WorkerLost {
		s.lose(w, lossLeft, "it left")
	}
}

// probeResult is R31, and the verdict that fetch failures wait for (R42).
func (s *Scheduler) probeResult(ev model.ProbeResult) {
	w := s.byID[ev.Worker]
	if w == nil || w.inc != ev.Inc || w.state == model.WorkerLost || !w.probing || w.probeNo != ev.No {
		return
	}
	w.probing = false
	switch ev.Answer {
	case model.ProbeRefused, model.ProbeOther:
		s.lose(w, lossDied, "its process is gone")
	case model.ProbeSame:
		w.answered = s.now
		s.probedAlive(w)
	}
}

// lose is R32. Attempts go back without a charge; all its outputs are
// unregistered at once, so that what must be made again is known as a whole.
func (s *Scheduler) lose(w *worker, how loss, why string) {
	s.emit(model.Note{Kind: model.NoteWorkerLost, Worker: w.id, Text: why})
	s.setState(w, model.WorkerLost)
	w.stream, w.probing, w.reports, w.probation, w.due = false, false, nil, 0, 0
	if how != lossLeft {
		w.score, w.scoreAt = s.flapping(w)+1, s.now
	}
	s.loseBlocks(w, nil)
	// Outputs first: an attempt that is queued again must not find them.
	s.loseOutputs(w)
	for len(w.attempts) > 0 {
		a := w.attempts[len(w.attempts)-1]
		was := a.state
		s.forget(a)
		if a.st.dead {
			continue
		}
		s.lost++
		if was != killing && how == lossDied {
			if v := a.st.tasks[a.part].blame.WorkerDied(&s.cfg, w.idx); v != nil {
				s.charge(a, v, &model.TaskFailed{})
			}
		}
		s.recountLater(a.st, a.part)
	}
	for _, j := range s.order {
		delete(w.execs, j)
	}
	clear(w.sent)
	clear(w.zombies)
	s.dropEdges(w)
	s.relaxQuarantine()
	s.askNeighbours(w)
}

// askNeighbours probes the other workers of a lost one's host (R31).
func (s *Scheduler) askNeighbours(w *worker) {
	if s.cfg.Lease == 0 || len(w.names) == 0 {
		return
	}
	for _, o := range s.workers {
		if o != w && o.state != model.WorkerLost && !o.probing && slices.Contains(o.names, w.names[0]) {
			s.probe(o)
		}
	}
}

// exclude is a person's decision to keep launches away from a worker.
func (s *Scheduler) exclude(id plan.WorkerID, on bool, why string) {
	w := s.byID[id]
	if w == nil || w.excluded == on {
		return
	}
	w.excluded = on
	s.record(model.WorkerRule{Worker: id, Excluded: on, Reason: why}, true)
	s.refresh(w)
	s.wakeAll()
}

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
		}
	}
}

// missingOutputs unregisters what the worker should have and does not.
func (s *Scheduler) missingOutputs(w *worker, inv *model.Inventory) {
	if w.holds == 0 {
		return
	}
	has := map[model.AttemptID]bool{}
	for _, o := range inv.Outputs {
		has[o.Attempt] = true
	}
	for _, j := range s.order {
		for _, st := range j.stages {
			if st.act != nil || st.byOwner[int32(w.idx)] == 0 {
				continue
			}
			var lost []int
			for i := range st.outs {
				if st.tasks[i].state == model.TaskFinished && st.outs[i].owner == int32(w.idx) && !has[st.attemptID(i)] {
					lost = append(lost, i)
				}
			}
			s.loseSome(st, lost, "worker "+string(w.id)+" came back without it", true)
		}
	}
}

// adopt is R33: an output that is still missing and consistent is registered
// again; the rest is dropped.
func (s *Scheduler) adopt(w *worker, o *model.MapOutput) {
	st := s.stage(o.Attempt.Stage)
	i := o.Attempt.Partition
	if s.isWinner(o.Attempt) && st.outs[i].owner == int32(w.idx) {
		if len(o.Sizes) > 0 {
			st.outs[i].sizes = o.Sizes
		}
		return
	}
	fits := st != nil && st.act == nil && st.spec.Kind == model.MapStage && i >= 0 && i < st.n &&
		o.Attempt.Gen == st.gen && st.tasks[i].state != model.TaskFinished && slices.Equal(o.Reads, st.current()) &&
		(st.tasks[i].rowSum == 0 || st.tasks[i].rowSum == o.RowSum)
	if !fits || s.halfDone(st, i) {
		s.emit(model.Drop{Receiver: w.to(), Job: o.Attempt.Stage.Job, Outputs: []model.AttemptID{o.Attempt}})
		return
	}
	s.killAll(st, i, "its output was found again")
	t := &st.tasks[i]
	t.rowSum = o.RowSum
	s.finish(st, i, output{term: o.Attempt.Term, seq: o.Attempt.Seq, rows: o.Rows, bytes: o.Bytes, sum: o.Sum, sizes: o.Sizes, data: o.Output, counters: o.Counters}, w)
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
