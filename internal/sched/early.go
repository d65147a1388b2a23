package sched

import (
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/queue"
)

// advances are attempts that were launched before there is a slot for them, so
// that a worker need not ask after each of many short tasks (R16). They wait at
// their worker, and are asked back when somebody else should have what they wait
// for, or could run them at once.
type advances struct {
	capacity int         // slots of the workers that take launches
	waiting  queue.Slots // workers by how many attempts wait there
	roomy    queue.Slots // and by how many more may; 0 if one was declined since its last change
	owners   []*stage    // that may have attempts in wait, and not asked back
	recalls  int         // attempts that were asked back, and not answered
}

// seats brings up to date which attempts of a worker have a slot, and how many
// more may wait there.
func (s *Scheduler) seats(w *worker) {
	takes, counted := w.takes(s.now), 0
	if takes {
		counted = w.slots
	}
	s.capacity += counted - w.counted
	w.counted = counted
	for len(w.early) > 0 && w.busy() < w.slots {
		// The worker goes by the order of launches; one that says that it started
		// is right all the same.
		s.seat(w.early[max(0, slices.IndexFunc(w.early, func(a *attempt) bool { return a.state == running }))])
	}
	if !takes && w.Is() == model.WorkerLive {
		s.recall(w, len(w.early), (*attempt).waits)
	}
	room := 0
	if takes && !w.OnProbation() && w.busy() >= w.slots {
		room = max(s.mostEarly()-len(w.early), 0)
	}
	if room > s.roomy.Free(w.idx) {
		s.wake = true
	}
	s.roomy.Set(w.idx, room)
}

// mostEarly returns how many attempts may wait at a worker, of whatever stage.
func (s *Scheduler) mostEarly() int {
	if s.cfg.EarlyBelow == 0 {
		return 0
	}
	return s.cfg.EarlyMost
}

// depth returns how many attempts may wait at a worker where one of st is the
// last: a few for each slot, and more of those that are over in no time.
func (s *Scheduler) depth(st *stage, w *worker) int {
	n := max(s.cfg.EarlyPerSlot, int(s.cfg.EarlyWait/max(st.pace.Median(), time.Microsecond)))
	return min(n, s.mostEarly()) * w.slots
}

// waits reports whether an attempt waits for a slot, for all that is known, and
// nobody asked for it back.
func (a *attempt) waits() bool { return a.early && a.state == launching && !a.recalled }

// stand lets an attempt wait for a slot of its worker.
func (s *Scheduler) stand(a *attempt) {
	w, st := a.w, a.st
	w.early = append(w.early, a)
	s.waiting.Set(w.idx, len(w.early))
	if a.waits() {
		st.job.early++
		if st.early++; !slices.Contains(s.owners, st) {
			s.owners = append(s.owners, st)
		}
	}
}

// seat gives an attempt that waited a slot.
func (s *Scheduler) seat(a *attempt) {
	s.unstand(a)
	a.w.used += a.memory
	if a.state != running {
		a.launched, a.moved = s.now, s.now
	}
}

// unstand takes an attempt out of those that wait.
func (s *Scheduler) unstand(a *attempt) {
	w := a.w
	s.unwait(a)
	a.early = false
	k := slices.Index(w.early, a)
	w.early = slices.Delete(w.early, k, k+1)
	s.waiting.Set(w.idx, len(w.early))
}

// unwait comes before any change after which an attempt may not wait any more.
func (s *Scheduler) unwait(a *attempt) {
	if a.waits() {
		a.st.early--
		a.st.job.early--
	}
}

// answered notes that a recall has an answer, whatever it is.
func (s *Scheduler) answered(a *attempt) {
	if a.recalled {
		a.recalled = false
		s.recalls--
		s.wake = true // another one may be asked for in its place
	}
}

// recall asks for up to n attempts of w back, the last ones first. One that has
// started meanwhile goes on.
func (s *Scheduler) recall(w *worker, n int, which func(*attempt) bool) (asked int) {
	var ids []model.AttemptID
	for _, a := range slices.Backward(w.early) {
		if len(ids) == n {
			break
		}
		if !a.waits() || !which(a) {
			continue
		}
		s.unwait(a)
		a.recalled = true
		s.recalls++
		ids = append(ids, a.id())
	}
	if len(ids) > 0 {
		s.emit(model.Recall{Receiver: w.to(), Attempts: ids})
	}
	return len(ids)
}

// claims is who would get the next slot.
type claims struct {
	first   *job // nil: nobody waits for one
	several bool // it depends on what ends first
}

// claimants looks for who would get the next slot, if there were one.
func (s *Scheduler) claimants() (c claims) {
	if s.gangs.reserved != nil {
		return claims{several: true}
	}
	for _, p := range s.pools {
		if len(p.jobs) == 0 || p.MaxShare > 0 && p.running >= p.MaxShare {
			continue
		}
		for _, j := range p.jobs {
			if j.limits.Slots > 0 && j.running >= j.limits.Slots || j.firstPending() == nil {
				continue
			}
			if c.first != nil {
				return claims{several: true}
			}
			c.first = j
			if p.Mode == model.FIFO {
				break
			}
		}
	}
	return c
}

// before reports whether somebody is entitled to a slot before job j is.
func (c claims) before(j *job) bool {
	switch {
	case c.several:
		return true
	case c.first == nil || c.first == j:
		return false
	}
	return c.first.pool != j.pool || j.pool.Mode != model.FIFO || j.pool.compare(c.first, j) < 0
}

// firstPending returns the first stage in the order of R9 with a pending task.
func (j *job) firstPending() *stage {
	for _, st := range j.runnable {
		if st.pending.Len() > 0 {
			return st
		}
	}
	return nil
}

// advance launches attempts early, or asks for some back. It ends a pass: what
// has a free slot was launched.
func (s *Scheduler) advance() {
	if s.roomy.Total() == 0 && s.waiting.Total() == 0 {
		return
	}
	c := s.claimants()
	if c.first != nil && !c.several {
		s.launchEarly(c.first)
	}
	if s.waiting.Total() > 0 {
		s.yield(c)
		s.spread()
	}
}

// launchEarly lets tasks of the stage whose turn it is wait where slots will soon
// be free: if they are short, and so many that no slot stays free meanwhile.
func (s *Scheduler) launchEarly(j *job) {
	st := j.firstPending()
	if m := st.pace.Median(); st.gang != nil || m == 0 || m >= s.cfg.EarlyBelow {
		return
	}
	for st.pending.Len() >= s.capacity && (j.limits.Slots == 0 || j.running < j.limits.Slots) {
		w, i := s.pickEarly(st)
		if w == nil {
			return
		}
		s.launch(w, st, i, false)
	}
}

// pickEarly finds a task of st and a worker at which it may wait, the one with
// most room first.
func (s *Scheduler) pickEarly(st *stage) (w *worker, task int) {
	for st.pending.Len() > 0 {
		at, ok := s.roomy.First()
		if !ok {
			break
		}
		w = s.workers[at]
		if s.mayWait(st, w) {
			if i, _, ok := st.pending.For(w.place, st.clock.UpTo(s.waits(st))); ok && st.tasks[i].blame.Grown() == 0 {
				return w, i
			}
		}
		s.roomy.Set(at, 0)
	}
	return nil, 0
}

// mayWait reports whether tasks of st may wait at w. The executor must be there:
// others could do much while it starts. Whoever gives them a slot must free enough
// memory.
func (s *Scheduler) mayWait(st *stage, w *worker) bool {
	j := st.job
	if len(w.early) >= s.depth(st, w) || !s.suitable(st, w) || w.memory > 0 && j.limits.Memory > 0 && w.perJob[j] < len(w.attempts) {
		return false
	}
	return slices.ContainsFunc(w.execs[j], func(e *exec) bool { return !e.alone && e.state == execUp })
}

// yield asks for what waits of jobs that are not entitled to the next slots.
func (s *Scheduler) yield(c claims) {
	s.owners = slices.DeleteFunc(s.owners, func(st *stage) bool {
		if st.early > 0 && c.before(st.job) {
			s.recallOf(st, st.early)
		}
		return st.early == 0
	})
}

// spread asks for what waits elsewhere, of stages without pending tasks, when
// slots are free that could run it.
func (s *Scheduler) spread() {
	n := s.slots.Total() - s.recalls
	for _, st := range s.owners {
		if n <= 0 {
			return
		}
		if st.early > 0 && s.couldStart(st) {
			n -= s.recallOf(st, n)
		}
	}
}

// recallOf asks for up to n attempts of st back, from the longest queues first.
func (s *Scheduler) recallOf(st *stage, n int) (asked int) {
	for at := range s.waiting.All {
		if asked == n {
			break
		}
		asked += s.recall(s.workers[at], n-asked, func(a *attempt) bool { return a.st == st })
	}
	return asked
}

// couldStart reports whether another task of st, if it were pending, could have
// one of the free slots.
func (s *Scheduler) couldStart(st *stage) bool {
	if st.pending.Len() > 0 {
		return false // which would have it already
	}
	for at := range s.slots.All {
		if s.eligible(st, s.workers[at]) {
			return true
		}
	}
	return false
}
