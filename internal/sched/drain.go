package sched

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
)

const (
	drainLook  = time.Second      // how often a draining worker is looked at
	moveWait   = 30 * time.Second // a move without an answer is asked for again
	mostMoving = 4096             // outputs on their way from one worker
)

// drain is what is known of a worker that is taken out of use (R39).
type drain struct {
	half, end model.Instant // twins for what still runs; the end of it
	moving    map[attemptKey]model.Instant
	count     int // of drains, so that timers of an earlier one do nothing
}

// drain lets a worker finish what it runs and hands its outputs to others.
func (s *Scheduler) drain(ev model.Drain) {
	w := s.byID[ev.Worker]
	switch {
	case w == nil || w.lost():
		s.refuse("drain of " + string(ev.Worker) + ": there is no such worker")
		return
	case w.drain != nil:
		return
	case !ev.Force && !s.another(func(o *worker) bool { return o != w }):
		s.refuse("drain of " + string(ev.Worker) + ": it is the last worker that takes tasks; to drain it all the same, use force")
		return
	}
	s.beginDrain(w, cmp.Or(ev.Deadline, s.cfg.DrainDeadline))
	s.recordRule(w, "drained")
}

func (s *Scheduler) beginDrain(w *worker, wait time.Duration) {
	s.drains++
	w.drain = &drain{half: s.now.Add(wait / 2), end: s.now.Add(wait), moving: map[attemptKey]model.Instant{}, count: s.drains}
	s.refresh(w)
	s.wakeAll() // tasks may have kept away from others
	s.after(s.now, timer{kind: timerDrain, w: w, i: s.drains})
}

func (s *Scheduler) undrain(ev model.Undrain) {
	if w := s.byID[ev.Worker]; w != nil && w.drain != nil {
		w.drain = nil
		s.recordRule(w, "in use again")
		s.refresh(w)
		s.wakeAll()
	}
}

// recordRule notes what a person decided about a worker.
func (s *Scheduler) recordRule(w *worker, why string) {
	s.record(model.WorkerRule{Worker: w.id, Drain: w.drain != nil, Excluded: w.excluded, Reason: why}, true)
}

// drainDue looks after a draining worker: it asks for moves, sees to it that what
// runs there is in time, and ends the drain when nothing is left, or time is up.
func (s *Scheduler) drainDue(w *worker, count int) {
	d := w.drain
	if d == nil || d.count != count || w.lost() {
		return
	}
	left := s.moveOutputs(w)
	if w.busy() == 0 && left == 0 || s.now >= d.end {
		s.drained(w)
		return
	}
	if s.now >= d.half {
		for _, a := range w.attempts { // R49
			if a.state != killing && s.mayTwin(a.st) {
				s.wantTwin(a.st, a.part)
			}
		}
	}
	s.after(min(s.now.Add(drainLook), d.end), timer{kind: timerDrain, w: w, i: count})
}

// drained ends a drain. What still runs and what was not moved is lost, as with
// any other worker (R32).
func (s *Scheduler) drained(w *worker) {
	for _, a := range slices.Clone(w.attempts) {
		if a.state != killing {
			s.kill(a, "its worker is drained")
			s.recountLater(a.st, a.part)
		}
	}
	s.emit(model.Detach{Receiver: w.to(), Session: w.session, Why: model.DetachDrained})
	s.lose(w, left, "it was drained")
}

// moveOutputs asks a draining worker to copy what it holds, and returns how much
// that is. Results are left to the driver, which takes them anyway.
func (s *Scheduler) moveOutputs(w *worker) (held int) {
	maps.DeleteFunc(w.drain.moving, func(_ attemptKey, at model.Instant) bool { return s.now >= at.Add(moveWait) })
	var moves []model.Move
	for _, j := range s.order {
		for _, st := range j.stages {
			held += st.outs.Held(w.idx)
			if st.act != nil {
				continue
			}
			for i := range st.outs.HeldBy(w.idx) {
				id := st.attemptID(i)
				key := attemptKey{id.Term, id.Seq}
				if _, asked := w.drain.moving[key]; asked || len(w.drain.moving) >= mostMoving {
					continue
				}
				to := s.moveTo(w, moves)
				if to == nil {
					continue
				}
				w.drain.moving[key] = s.now
				moves = addMove(moves, w, to, id)
			}
		}
	}
	for _, m := range moves {
		s.emit(m)
	}
	return held
}

func addMove(moves []model.Move, w, to *worker, id model.AttemptID) []model.Move {
	for k := range moves {
		if moves[k].Target == to.id {
			moves[k].Outputs = append(moves[k].Outputs, id)
			return moves
		}
	}
	return append(moves, model.Move{Receiver: w.to(), Target: to.id, Outputs: []model.AttemptID{id}})
}

// moveTo returns the worker that takes the next output: one of the same rack if
// there is any, that with the fewest so far.
func (s *Scheduler) moveTo(w *worker, moves []model.Move) *worker {
	load := func(o *worker) int {
		n := 0
		for _, m := range moves {
			if m.Target == o.id {
				n += len(m.Outputs)
			}
		}
		return n
	}
	var best *worker
	var most [3]int
	for _, o := range s.workers {
		if o == w || !o.takes(s.now) || o.diskFull {
			continue
		}
		near := 1
		if o.rack == w.rack {
			near = 0
		}
		if x := [3]int{near, load(o), o.idx}; best == nil || slices.Compare(x[:], most[:]) < 0 {
			best, most = o, x
		}
	}
	return best
}

// outputsMoved books outputs to the store that they are in now: the same outputs
// of the same attempts, so nothing that was read is put in question.
func (s *Scheduler) outputsMoved(ev model.OutputsMoved) {
	var told []*stage
	for _, m := range ev.Moved {
		st, i := s.stage(m.Output.Stage), m.Output.Partition
		to := s.ownerOf(m.To)
		if to == nil {
			continue
		}
		from := outputs.Nobody
		if st != nil && s.isWinner(m.Output) {
			from = st.holder(i)
		}
		if from == to.idx {
			continue // it is said again
		}
		if from == outputs.Nobody || s.workers[from].store != m.From || to.drain != nil || st.act != nil {
			s.emit(model.Drop{Receiver: to.to(), Job: m.Output.Stage.Job, Outputs: []model.AttemptID{m.Output}})
			continue
		}
		if d := s.workers[from].drain; d != nil {
			delete(d.moving, attemptKey{m.Output.Term, m.Output.Seq})
		}
		s.moveOutput(st, i, to, m.Where)
		s.record(model.Moved{Output: m.Output, To: m.To, Where: m.Where}, false)
		if !slices.Contains(told, st) {
			told = append(told, st)
		}
	}
	for _, st := range told {
		st.epoch++
		if st.complete() {
			s.tellFound(st)
		}
	}
}

func (s *Scheduler) moveOutput(st *stage, i int, to *worker, where []byte) {
	st.outs.Move(i, to.idx, where)
	st.locs = nil
}

// applyMoved books a move of an earlier term.
func (s *Scheduler) applyMoved(r model.Moved) {
	st := s.stage(r.Output.Stage)
	for _, w := range s.workers {
		if w.store == r.To && st != nil && s.isWinner(r.Output) {
			s.moveOutput(st, r.Output.Partition, w, r.Where)
			st.epoch++
			return
		}
	}
}

// applyRule sets what a person decided about a worker.
func (s *Scheduler) applyRule(r model.WorkerRule) {
	w := s.known(r.Worker)
	w.excluded, w.drain = r.Excluded, nil
	if r.Drain {
		w.drain = &drain{}
	}
	s.refresh(w)
}

// drainAgain goes on with the drain of a worker that attaches, or after a restart:
// what it was asked for may not have arrived.
func (s *Scheduler) drainAgain(w *worker) {
	if w.drain == nil {
		return
	}
	wait := w.drain.end.Sub(s.now)
	if wait <= 0 {
		wait = s.cfg.DrainDeadline
	}
	s.beginDrain(w, wait)
}

// shown is a worker's state for people: being drained is beside its health.
func (w *worker) shown() model.WorkerState {
	switch {
	case w.drain == nil || w.Is() == model.WorkerSuspect:
		return w.Is()
	case w.lost():
		return model.WorkerDrained
	}
	return model.WorkerDraining
}
