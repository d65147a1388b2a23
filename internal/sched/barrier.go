package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

const (
	// mostBarrierData is how much one task may pass on to the others in a round:
	// 64 KiB of its own, and what executors put in front.
	mostBarrierData = 64<<10 + 64
	// mostRoundData is how much all tasks of a round may: one message has it all.
	mostRoundData = 8 << 20
)

// gangs are the barrier stages: their tasks run all at once or not at all.
type gangs struct {
	all      []*stage
	reserved *stage // that free slots are kept for
}

// gang is what is known of a barrier stage's tasks beside their states.
type gang struct {
	short   model.Instant // since when there are too few slots; 0: there are enough
	round   int           // that is waited for
	since   model.Instant // the first arrival of the round
	arrived int
	bytes   int      // that they brought
	data    [][]byte // of the round, by partition; nil: not there yet
	last    [][]byte // of the round before
}

// formGang begins to look after a barrier stage.
func (s *Scheduler) formGang(st *stage) {
	if st.spec.Barrier {
		st.gang = &gang{}
		s.gangs.all = append(s.gangs.all, st)
	}
}

// checkGangs starts a gang over of which some run, or are done, and others are
// not (R60): they were launched in one Step, so something has ended since. What
// of it is counted is the business of whoever ended it.
func (s *Scheduler) checkGangs() {
	s.gangs.all = slices.DeleteFunc(s.gangs.all, func(st *stage) bool { return st.dead })
	for _, st := range s.gangs.all {
		if k := st.live + st.outs.Done(); st.active == 0 || k == 0 || k == st.n {
			continue
		}
		st.unsure = true
		s.todoRoll = append(s.todoRoll, rollback{st, "one of its tasks ended, and all run at once"})
		if s.gangs.reserved == nil {
			s.gangs.reserved = st
		}
	}
	s.settle()
}

// disband forgets the rounds of a gang that starts over.
func (st *stage) disband() {
	if st.gang != nil {
		*st.gang = gang{short: st.gang.short}
	}
}

// gather keeps free slots for the gang whose turn it is, and launches it when
// there are enough (R59). It comes before all else in a pass.
func (s *Scheduler) gather() {
	st := s.gangs.reserved
	if st == nil {
		return
	}
	if st.dead || st.active == 0 || st.live > 0 || !st.gangReady() || s.couldGet(st) < st.n {
		s.gangs.reserved = nil
		return
	}
	if st.pending.Len() == st.n && s.mayTake(st) {
		if s.free(st) < st.n {
			s.endProbations(st)
		}
		if s.free(st) >= st.n {
			s.launchGang(st)
			s.gangs.reserved = nil
			return
		}
	}
	for idx := range s.slots.All {
		if w := s.workers[idx]; s.room(st, w) > 0 {
			w.kept = s.pass
		}
	}
}

// endProbations lets workers use all their slots that would have to prove
// themselves first: a gang that needs them must not wait for successes that only
// others could bring.
func (s *Scheduler) endProbations(st *stage) {
	for _, w := range s.workers {
		if w.takes(s.now) && w.OnProbation() && s.eligible(st, w) {
			w.Prove()
			s.refresh(w)
		}
	}
}

// gangReady reports whether all that a gang reads is there: what is missing needs
// slots to be made, so none are kept. Tasks may be held back.
func (st *stage) gangReady() bool {
	for i := 0; i < st.n && st.pending.Len() < st.n; i++ {
		if !st.ready(i) {
			return false
		}
	}
	return true
}

// placeGang gives a barrier stage whose turn it is the reservation, if nobody has
// it and there could ever be enough slots.
func (s *Scheduler) placeGang(st *stage) {
	st.parked, st.dirty = s.pass, false
	if s.gangs.reserved != nil || st.pending.Len() < st.n {
		return
	}
	if s.couldGet(st) < st.n {
		if st.gang.short == 0 {
			st.gang.short = s.now
			s.after(s.now.Add(s.cfg.BarrierSlots), timer{kind: timerGang, st: st})
		}
		return
	}
	st.gang.short = 0
	s.gangs.reserved = st
	s.gather()
}

// gangDue fails a gang that was larger than the cluster for too long.
func (s *Scheduler) gangDue(st *stage) {
	g := st.gang
	if st.dead || g.short == 0 {
		return
	}
	if st.pending.Len() < st.n { // it waits for something else now
		g.short = 0
		return
	}
	n := s.couldGet(st)
	if n >= st.n {
		g.short = 0
		s.touch(st)
		return
	}
	if left := g.short.Add(s.cfg.BarrierSlots); s.now < left {
		s.after(left, timer{kind: timerGang, st: st})
		return
	}
	g.short = 0 // a later action may find more
	s.failStage(st, &model.Cause{Kind: model.CauseBarrier, Stage: st.id, Site: st.spec.Site, Message: fmt.Sprintf(
		"%s: its %d tasks run all at once, and there are %d slots for them: use fewer partitions or more workers", stageText(st), st.n, n)})
}

// couldGet returns how many slots there were for a stage if nothing else ran.
func (s *Scheduler) couldGet(st *stage) int {
	l, n := st.job.limits, 0
	for _, w := range s.workers {
		if !w.takes(s.now) || !st.job.fits(w) || w.diskFull && st.writes() || s.shuns(st, w) || s.banned(st, w) {
			continue
		}
		here := w.slots
		if l.SlotsPerWorker > 0 {
			here = min(here, l.SlotsPerWorker)
		}
		if w.memory > 0 && l.Memory > 0 {
			here = min(here, int(w.memory/l.Memory))
		}
		n += here
	}
	if l.Slots > 0 {
		n = min(n, l.Slots)
	}
	if most := st.job.pool.MaxShare; most > 0 {
		n = min(n, most)
	}
	return n
}

// mayTake reports whether the limits of job and pool allow all of st now.
func (s *Scheduler) mayTake(st *stage) bool {
	j := st.job
	return (j.limits.Slots == 0 || j.running+st.n <= j.limits.Slots) &&
		(j.pool.MaxShare == 0 || j.pool.running+st.n <= j.pool.MaxShare)
}

// free returns how many tasks of st could start now.
func (s *Scheduler) free(st *stage) (n int) {
	for idx := range s.slots.All {
		n += s.room(st, s.workers[idx])
	}
	return n
}

// room returns how many tasks of st could start on one worker. They are all told
// of at once: what bounds launches without an answer does not bound a gang, which
// has no more of them than there are slots.
func (s *Scheduler) room(st *stage, w *worker) int {
	if !s.eligible(st, w) {
		return 0
	}
	l, n := st.job.limits, s.slots.Free(w.idx)
	if l.SlotsPerWorker > 0 {
		n = min(n, l.SlotsPerWorker-w.perJob[st.job])
	}
	if w.memory > 0 && l.Memory > 0 {
		n = min(n, int((w.memory-w.used)/l.Memory))
	}
	return max(n, 0)
}

// launchGang launches all tasks in this Step: first those that find a place they
// like, or must keep away from some, then the others.
func (s *Scheduler) launchGang(st *stage) {
	st.disband()
	st.gang.short = 0
	rooms := map[int]int{} // by worker: launches change what there seems to be
	for idx := range s.slots.All {
		rooms[idx] = s.room(st, s.workers[idx])
	}
	for _, fit := range []func(w *worker) (int, bool){
		func(w *worker) (int, bool) {
			if i, l, ok := st.pending.For(w.place, model.AtProcess); ok && l < model.Anywhere {
				return i, true
			}
			for _, i := range st.pending.Picky() {
				if s.suits(st, int(i), w) {
					return int(i), true
				}
			}
			return 0, false
		},
		func(w *worker) (int, bool) {
			if p := st.pending.Picky(); len(p) > 0 {
				return int(p[0]), true
			}
			i, _, ok := st.pending.For(w.place, model.Anywhere)
			return i, ok
		},
	} {
		for idx := range slices.Values(slices.Collect(s.slots.All)) {
			w := s.workers[idx]
			for ; rooms[idx] > 0; rooms[idx]-- {
				i, ok := fit(w)
				if !ok {
					break
				}
				s.launch(w, st, i, false)
			}
		}
	}
}

// barrierArrive is the rounds of R60: when all tasks of a gang have arrived, each
// gets what all of them brought.
func (s *Scheduler) barrierArrive(w *worker, ev model.BarrierArrive) {
	a := s.find(w, ev.Attempt)
	if a == nil || a.state == killing || a.st.dead || a.st.gang == nil {
		return // its end is on its way
	}
	s.taskStarted(w, ev.Attempt)
	a.moved = s.now
	st, g := a.st, a.st.gang
	switch {
	case ev.Round == g.round-1: // the release may have been lost with a stream
		s.emit(model.Barrier{Receiver: w.to(), Stage: st.id, Gen: st.gen, Round: ev.Round, Data: g.last})
		return
	case ev.Round != g.round:
		s.offBeat(a, fmt.Sprintf("is at its barrier number %d, others at %d", ev.Round+1, g.round+1))
		return
	case len(ev.Data) > mostBarrierData:
		s.offBeat(a, fmt.Sprintf("brings %d bytes to its barrier; the limit is %d", len(ev.Data), mostBarrierData))
		return
	case st.outs.Done() > 0:
		s.offBeat(a, "waits at a barrier that another task never reached: it has ended")
		return
	}
	if n := g.bytes + len(ev.Data); n > mostRoundData && (g.data == nil || g.data[a.part] == nil) {
		s.offBeat(a, fmt.Sprintf("is at a barrier to which it and others bring %d bytes; the limit of all together is %d", n, mostRoundData))
		return
	}
	if g.data == nil {
		g.data = make([][]byte, st.n)
		g.since = s.now
		s.after(s.now.Add(s.cfg.BarrierRound), timer{kind: timerRound, st: st, i: g.round})
	}
	if g.data[a.part] != nil {
		return
	}
	g.data[a.part] = append([]byte{}, ev.Data...)
	g.bytes += len(ev.Data)
	if g.arrived++; g.arrived == st.n {
		s.releaseRound(st)
	}
}

func (s *Scheduler) releaseRound(st *stage) {
	g := st.gang
	for _, w := range s.workers {
		if slices.ContainsFunc(w.attempts, func(a *attempt) bool { return a.st == st && a.state != killing }) {
			s.emit(model.Barrier{Receiver: w.to(), Stage: st.id, Gen: st.gen, Round: g.round, Data: g.data})
		}
	}
	g.last, g.data, g.arrived, g.bytes = g.data, nil, 0, 0
	g.round++
}

// offBeat fails a task that does not call barriers as the others do.
func (s *Scheduler) offBeat(a *attempt, what string) {
	a.stuck = true
	s.kill(a, what)
	s.ownFault(a, &model.TaskFailed{Message: what})
	if !a.st.dead {
		s.recountLater(a.st, a.part)
	}
}

// leftWaiting looks, when a task of a gang has ended well, for others that wait
// for it at a barrier.
func (s *Scheduler) leftWaiting(st *stage) {
	switch {
	case st.gang == nil:
		return
	case st.outs.Done() == st.n: // nobody asks for it again
		st.gang.last = nil
	}
	if st.gang.arrived == 0 {
		return
	}
	for i, d := range st.gang.data {
		if a := st.tasks[i].live[0]; d != nil && a != nil {
			s.offBeat(a, "waits at a barrier that another task never reached: it has ended")
			return
		}
	}
}

// roundDue fails the first task that others have waited for too long.
func (s *Scheduler) roundDue(st *stage, round int) {
	g := st.gang
	if st.dead || g.round != round || g.arrived == 0 {
		return
	}
	if end := g.since.Add(s.cfg.BarrierRound); s.now < end { // of an earlier generation
		s.after(end, timer{kind: timerRound, st: st, i: round})
		return
	}
	for i, d := range g.data {
		if a := st.tasks[i].live[0]; d == nil && a != nil {
			s.offBeat(a, "did not reach its barrier within "+s.cfg.BarrierRound.String())
			return
		}
	}
}
