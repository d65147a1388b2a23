package sched

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/health"
	"github.com/gordd-project/gordd/internal/sched/locality"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// attach is R27: a new process ends the old one first; then the worker has a new
// session, its inventory is reconciled, and it has a lease.
func (s *Scheduler) attach(ev model.Attach) {
	w := s.byID[ev.Worker]
	if w != nil && !w.lost() {
		if w.inc != ev.Inc {
			s.lose(w, died, "a newer process attached")
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
	s.describe(w, &ev)
	s.health(w, func(h *health.State) {
		back := h.Is() == model.WorkerLost
		h.Attached(s.now)
		if back {
			h.Return(&s.cfg, s.now)
		}
	})
	s.relaxQuarantine()
	s.arm(w)
	s.record(model.WorkerSeen{Worker: w.id, Inc: w.inc, Store: w.store}, false)
	s.emit(model.Note{Kind: model.NoteWorkerAttached, Worker: w.id, Count: w.slots})
	for _, j := range s.order {
		s.leaveOut(j, w)
	}
	s.grantLease(w, 0)
	s.pardon(w)
	s.reconcile(w, &ev.Inventory)
	s.drainAgain(w)
	s.refresh(w)
}

// newWorker makes a worker that is not there yet.
func (s *Scheduler) newWorker(id plan.WorkerID) *worker {
	w := &worker{id: id, idx: len(s.workers), place: locality.Worker{Rack: locality.None}, State: health.New(), execs: map[*job][]*exec{}, perJob: map[*job]int{},
		sent: map[*stage]uint64{}, zombies: map[attemptKey]bool{}}
	s.workers = append(s.workers, w)
	s.byID[id] = w
	return w
}

// ownerOf returns the worker that is not lost and has a store.
func (s *Scheduler) ownerOf(id model.StoreID) *worker {
	for _, w := range s.workers {
		if id != "" && w.store == id && !w.lost() {
			return w
		}
	}
	return nil
}

// describe takes in what a worker says of itself.
func (s *Scheduler) describe(w *worker, ev *model.Attach) {
	w.inc, w.session, w.store, w.memory, w.platform = ev.Inc, ev.Session, ev.Store, ev.Memory, ev.Platform
	w.sent = map[*stage]uint64{}
	slots := max(min(ev.Slots, s.cfg.MaxSlots), 0)
	if slots == w.slots && slices.Equal(w.hosts, ev.Hosts) && w.rack == ev.Rack {
		return
	}
	live := w.Is() == model.WorkerLive
	if live {
		s.countHolder(w, -1)
	}
	w.slots = slots
	s.settleAt(w, ev.Hosts, ev.Rack)
	if live {
		s.countHolder(w, 1)
	}
}

// relaxQuarantine keeps those that are out below a third of all (I31): whoever
// would be back first is let in, with one slot.
func (s *Scheduler) relaxQuarantine() {
	for {
		present, out := 0, 0
		var first *worker
		for _, w := range s.workers {
			if w.lost() {
				continue
			}
			present++
			if w.Is() == model.WorkerQuarantined {
				out++
				if first == nil || w.OutUntil() < first.OutUntil() {
					first = w
				}
			}
		}
		if out*3 <= present {
			return
		}
		s.health(first, func(h *health.State) { h.Admit(s.now) })
	}
}

// arm asks to look at w when its next deadline comes.
func (s *Scheduler) arm(w *worker) {
	if at, ok := w.Arm(&s.cfg, s.now, w.unstarted > 0); ok {
		s.after(at, timer{kind: timerWorker, w: w})
	}
}

// health lets a worker's health change, and with it who can serve its hosts.
func (s *Scheduler) health(w *worker, change func(*health.State)) {
	was := w.Is() == model.WorkerLive
	change(&w.State)
	if is := w.Is() == model.WorkerLive; is != was {
		d := int32(1)
		if was {
			d = -1
		}
		s.countHolder(w, d)
	}
	s.refresh(w)
}

// grantLease extends a worker's lease, counted here from now.
func (s *Scheduler) grantLease(w *worker, sentAt model.Instant) {
	if s.cfg.Lease == 0 {
		return
	}
	short := w.Extend(&s.cfg, s.now)
	s.emit(model.Lease{Receiver: w.to(), Session: w.session, Term: s.cfg.Term, For: s.cfg.Lease, SentAt: sentAt})
	if short {
		s.refresh(w)
	}
}

// renewed is R28. A renewal of one that hears nothing does not count.
func (s *Scheduler) renewed(ev model.Renewed) {
	for _, r := range ev.Renewals {
		w := s.byID[r.Worker]
		switch {
		case w == nil || w.inc != r.Inc || w.session != r.Session:
			continue
		case w.lost():
			// Its stream lives, so nothing else would make it attach again (R27).
			s.emit(model.Detach{Receiver: w.to(), Session: w.session, Why: "superseded"})
			continue
		case !r.Heard || !w.Renewed(s.now, r.SentAt):
			continue
		}
		s.grantLease(w, r.SentAt)
		if w.Is() == model.WorkerSuspect && !w.mute(s) {
			s.health(w, func(h *health.State) { h.Trust(s.now) })
		}
	}
}

// mute reports whether the worker leaves a Launch unanswered (R28).
func (w *worker) mute(s *Scheduler) bool {
	if s.cfg.StartWait == 0 || w.unstarted == 0 {
		return false
	}
	for _, a := range w.attempts {
		if a.state == launching && !a.early && s.now >= a.launched.Add(s.cfg.StartWait) {
			return true
		}
	}
	return false
}

// workerDue looks after one worker's lease, probes and quarantine.
func (s *Scheduler) workerDue(w *worker) {
	if !w.Due(s.now) {
		return
	}
	switch v, why := w.Look(&s.cfg, s.now, w.mute(s)); v {
	case health.Silent:
		s.lose(w, silent, why)
	case health.Dead:
		s.lose(w, died, why)
	case health.Ask:
		s.probe(w)
		s.doubt(w)
	case health.Doubt:
		s.suspect(w, why)
	case health.Readmit:
		s.health(w, func(h *health.State) { h.Admit(s.now) })
	case health.Nothing:
	}
	if !w.lost() {
		s.arm(w)
	}
}

// suspect is R30: nothing is launched there, and the process is asked for.
func (s *Scheduler) suspect(w *worker, why string) {
	news := false
	s.health(w, func(h *health.State) { news = h.Suspect(s.now) })
	if !news {
		return
	}
	s.emit(model.Note{Kind: model.NoteWorkerSuspect, Worker: w.id, Text: why})
	s.probe(w)
	s.arm(w)
}

func (s *Scheduler) probe(w *worker) {
	s.probes++
	w.Probed(s.probes)
	s.emit(model.Probe{Worker: w.id, Inc: w.inc, No: s.probes})
}

func (s *Scheduler) streamDown(ev model.StreamDown) {
	w := s.byID[ev.Worker]
	if w != nil && w.inc == ev.Inc && w.session == ev.Session && w.StreamDown(s.now) && s.cfg.Lease > 0 {
		s.suspect(w, cmpText("its stream is down", ev.Cause))
	}
}

// memberFailed is R30 and R37: gossip makes the master ask, at most.
func (s *Scheduler) memberFailed(ev model.MemberFailed) {
	w := s.byID[ev.Worker]
	if w == nil || w.inc != ev.Inc || w.lost() {
		return
	}
	s.emit(model.Note{Kind: model.NoteGossip, Worker: w.id, Text: "gossip does not hear it"})
	if s.cfg.Lease > 0 && w.Late(&s.cfg, s.now) {
		s.suspect(w, "a renewal is missing, and gossip does not hear it")
	}
}

func (s *Scheduler) memberLeft(ev model.MemberLeft) {
	if w := s.byID[ev.Worker]; w != nil && w.inc == ev.Inc && !w.lost() {
		s.lose(w, left, "it left")
	}
}

// probeResult is R31, and the verdict that fetch failures wait for (R42).
func (s *Scheduler) probeResult(ev model.ProbeResult) {
	w := s.byID[ev.Worker]
	if w == nil || w.inc != ev.Inc || !w.Answer(s.now, ev.No, ev.Answer == model.ProbeSame) {
		return
	}
	switch ev.Answer {
	case model.ProbeRefused, model.ProbeOther:
		s.lose(w, died, "its process is gone")
	case model.ProbeSame:
		s.probedAlive(w)
	}
}

// loss is how a worker was lost: whether its process is known to have ended.
type loss uint8

const (
	silent loss = iota // its lease ended
	died               // nobody, or another process, answers
	left               // it said so
)

// lose is R32. Attempts go back without a charge; all its outputs are
// unregistered at once, so that what must be made again is known as a whole.
func (s *Scheduler) lose(w *worker, how loss, why string) {
	s.emit(model.Note{Kind: model.NoteWorkerLost, Worker: w.id, Text: why})
	s.health(w, func(h *health.State) { h.Lose(&s.cfg, s.now, how != left) })
	s.loseBlocks(w, nil)
	// Outputs first: an attempt that is queued again must not find them.
	s.loseOutputs(w)
	s.spare(w, func(*attempt) bool { return true })
	for len(w.attempts) > 0 {
		a := w.attempts[len(w.attempts)-1]
		was := a.state
		s.forget(a)
		if a.st.dead {
			continue
		}
		s.lost++
		if was != killing && how == died {
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
	if s.cfg.Lease == 0 || len(w.place.Hosts) == 0 {
		return
	}
	for _, o := range s.workers {
		if o != w && !o.lost() && !o.Asked() && slices.Contains(o.place.Hosts, w.place.Hosts[0]) {
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
	s.recordRule(w, why)
	s.refresh(w)
	s.wakeAll()
}
