package sched

import (
	"cmp"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/locality"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/queue"
)

// placer is the state of the placing pass (R8): what changed since the last one,
// so that a pass looks at that alone.
type placer struct {
	slots   queue.Slots
	fresh   []*worker // gained a slot, or may take more than before
	wake    bool
	pass    uint64
	idle    uint64 // idle epoch: rises when a pass leaves no slot free (R11)
	batches []batch
}

// batch is one Launch in the making.
type batch struct {
	w     *worker
	st    *stage
	exec  *exec
	tasks []model.Assignment
}

// refresh brings a worker's free slots up to date.
func (s *Scheduler) refresh(w *worker) {
	s.seats(w)
	free := 0
	if w.takes(s.now) {
		free = w.slots - w.busy()
		if w.OnProbation() {
			free = min(free, 1-w.busy())
		}
	}
	free = max(free, 0)
	before := s.slots.Free(w.idx)
	s.slots.Set(w.idx, free)
	if free == 0 || free < before {
		return
	}
	if w.fresh != s.pass+1 {
		w.fresh = s.pass + 1
		s.fresh = append(s.fresh, w)
	}
	s.wake = true
}

// listJob puts a job with pending tasks into its pool.
func (s *Scheduler) listJob(j *job) {
	if j.listed {
		return
	}
	j.listed = true
	at, _ := slices.BinarySearchFunc(j.pool.jobs, j, j.pool.compare)
	j.pool.jobs = slices.Insert(j.pool.jobs, at, j)
}

// compare orders jobs by priority and submission. A fair pool looks through them
// for the least served.
func (p *pool) compare(a, b *job) int {
	return cmp.Or(cmp.Compare(b.submit.Priority, a.submit.Priority), cmp.Compare(a.seq, b.seq))
}

// place is a pass: it launches while some stage can use some slot.
func (s *Scheduler) place() {
	if !s.wake || s.recovering() {
		return
	}
	s.wake = false
	s.pass++
	s.gather()
	for s.slots.Total() > 0 {
		p := s.nextPool()
		if p == nil {
			break
		}
		j := p.nextJob(s.pass)
		if j == nil {
			p.parked = s.pass
			continue
		}
		if j.limits.Slots > 0 && j.running >= j.limits.Slots {
			j.parked = s.pass
			continue
		}
		st := j.nextStage(s.pass)
		if st == nil {
			j.parked = s.pass
			continue
		}
		s.placeOne(st)
	}
	s.advance()
	s.endPass()
}

// nextPool is R15: linear, since pools are few.
func (s *Scheduler) nextPool() *pool {
	var best *pool
	for _, p := range s.pools {
		if p.parked == s.pass || len(p.jobs) == 0 || p.MaxShare > 0 && p.running >= p.MaxShare {
			continue
		}
		if best == nil || p.before(best) {
			best = p
		}
	}
	return best
}

// before is R15 without the name, by which pools are sorted already.
func (p *pool) before(q *pool) bool {
	pNeedy, qNeedy := p.running < p.MinShare, q.running < q.MinShare
	if pNeedy != qNeedy {
		return pNeedy
	}
	pPart, qPart := p.weight(), q.weight()
	if pNeedy {
		pPart, qPart = p.MinShare, q.MinShare
	}
	if c := cmp.Compare(p.running*qPart, q.running*pPart); c != 0 {
		return c < 0
	}
	return p.served*int64(q.weight()) < q.served*int64(p.weight())
}

// nextJob returns the job that is entitled to the pool's next slot.
func (p *pool) nextJob(pass uint64) *job {
	var best *job
	for _, j := range p.jobs {
		if j.parked == pass {
			continue
		}
		if p.Mode == model.FIFO {
			return j
		}
		if best == nil || j.running < best.running {
			best = j
		}
	}
	return best
}

// nextStage returns the stage whose turn it is: one that makes lost outputs
// again, else the one nearest to the sources (R9).
func (j *job) nextStage(pass uint64) *stage {
	var first *stage
	for _, st := range j.runnable {
		if st.parked == pass || st.pending.Len() == 0 {
			continue
		}
		if st.lost {
			return st
		}
		if first == nil {
			first = st
		}
	}
	return first
}

// placeOne launches one task of st, or parks st for this pass.
func (s *Scheduler) placeOne(st *stage) {
	if st.gang != nil {
		s.placeGang(st)
		return
	}
	w, i := s.pick(st)
	if w == nil {
		st.parked = s.pass
		st.dirty = false
		return
	}
	s.launch(w, st, i, false)
}

// pick finds a slot for a task of st: among all free slots if the stage has
// something new, else among the fresh ones.
func (s *Scheduler) pick(st *stage) (best *worker, task int) {
	try := func(w *worker) bool {
		if w.kept == s.pass || !s.eligible(st, w) {
			return false
		}
		if i, ok := s.taskFor(st, w); ok {
			best, task = w, i
		}
		return best != nil
	}
	if !st.dirty {
		for _, w := range s.fresh {
			if s.slots.Free(w.idx) > 0 && try(w) {
				break
			}
		}
		return best, task
	}
	for idx := range s.slots.All {
		if try(s.workers[idx]) {
			break
		}
	}
	return best, task
}

// eligible is R14 but for what concerns a single task.
func (s *Scheduler) eligible(st *stage, w *worker) bool {
	return (w.memory == 0 || w.used+st.job.limits.Memory <= w.memory) && s.suitable(st, w)
}

// suitable is eligible whatever memory is left.
func (s *Scheduler) suitable(st *stage, w *worker) bool {
	j := st.job
	switch {
	case s.cfg.Lease > 0 && w.Left(s.now) < s.cfg.LeaseMargin,
		s.cfg.MaxUnstarted > 0 && w.unstarted >= s.cfg.MaxUnstarted,
		j.limits.SlotsPerWorker > 0 && w.perJob[j] >= j.limits.SlotsPerWorker,
		w.diskFull && st.writes(),
		!j.fits(w),
		s.shuns(st, w):
		return false
	}
	return len(s.bans) == 0 || !s.banned(st, w)
}

// shuns reports whether st keeps away from w. When others went, it may be needed
// after all.
func (s *Scheduler) shuns(st *stage, w *worker) bool {
	return st.blame.Shuns(w.idx) && s.another(func(o *worker) bool { return st.job.fits(o) && !st.blame.Shuns(o.idx) })
}

// another reports whether some worker that takes launches will do.
func (s *Scheduler) another(will func(*worker) bool) bool {
	for _, o := range s.workers {
		if o.takes(s.now) && will(o) {
			return true
		}
	}
	return false
}

// writes reports whether tasks of st need room on their worker's disk.
func (st *stage) writes() bool { return st.spec.Kind == model.MapStage }

// taskFor picks the task of st that worker w should run next. A fussy task is taken at another's host only at a looser level.
func (s *Scheduler) taskFor(st *stage, w *worker) (int, bool) {
	p := &st.pending
	for _, i := range p.Picky() {
		if s.suits(st, int(i), w) {
			return int(i), true
		}
	}
	if i, _, ok := p.For(w.place, st.clock.UpTo(s.waits(st))); ok {
		return i, true
	}
	if p.Fussy() > 0 {
		if i, ok := p.Backlog(st.pace.Median(), s.wait(st, model.AtNode), s.slotsAt); ok {
			return i, true
		}
	}
	return 0, false
}

// suits reports whether a task that is picky may run on w: not where it failed,
// unless it waited long enough or failed everywhere (R21, R36).
func (s *Scheduler) suits(st *stage, i int, w *worker) bool {
	t := &st.tasks[i]
	if w.memory > 0 && w.used+st.job.limits.Memory<<t.blame.Grown() > w.memory && len(w.attempts) > 0 {
		return false
	}
	return !t.blame.Avoids(w.idx, s.now) || !s.another(func(o *worker) bool { return st.job.fits(o) && !t.blame.FailedOn(o.idx) })
}

// wait is how long st waits at a level, if anybody serves it (R10, R11). A rebuild
// of a cached block costs more than a wait, so only the looser ones are capped
// (R13).
func (s *Scheduler) wait(st *stage, l model.Level) time.Duration {
	switch {
	case !st.pending.Some(l):
		return 0
	case l == model.AtProcess:
		return s.cfg.WaitProcess
	case l == model.AtNode:
		return locality.Cap(s.cfg.WaitNode, st.pace.Median())
	}
	return locality.Cap(s.cfg.WaitRack, st.pace.Median())
}

func (s *Scheduler) waits(st *stage) locality.Waits {
	return func(l model.Level) time.Duration { return s.wait(st, l) }
}

// endPass sends the launches, forgets what was fresh, and runs the wait clocks.
func (s *Scheduler) endPass() {
	s.placeTwins()
	for k := range s.batches {
		s.flush(&s.batches[k])
		s.batches[k] = batch{}
	}
	s.batches = s.batches[:0]
	clear(s.fresh)
	s.fresh = s.fresh[:0]
	if s.slots.Total() == 0 {
		s.idle++
	}
	for _, p := range s.pools {
		p.jobs = slices.DeleteFunc(p.jobs, func(j *job) bool {
			s.clocks(j)
			j.listed = len(j.runnable) > 0
			return !j.listed
		})
	}
}

// clocks takes drained stages out of a job's list, and lets the wait clock of
// the others run exactly while a free slot exists that they decline (R11).
func (s *Scheduler) clocks(j *job) {
	j.runnable = slices.DeleteFunc(j.runnable, func(st *stage) bool {
		if st.pending.Len() == 0 {
			st.listed = false
			st.clock.Stop()
			return true
		}
		if st.parked != s.pass && st.clock.Waiting(s.idle) && s.slots.Total() > 0 {
			return false // nothing of it was looked at: its declined slots are still idle
		}
		if s.slots.Total() == 0 || st.pending.Fussy() == 0 || st.parked != s.pass {
			st.clock.Stop()
			return false
		}
		if at, ok := st.clock.Declined(s.now, s.idle, s.waits(st)); ok {
			s.after(at, timer{kind: timerLevel, st: st})
		}
		return false
	})
}

// levelDue lets a stage take slots further away.
func (s *Scheduler) levelDue(st *stage) {
	if st.dead || s.slots.Total() == 0 {
		return
	}
	loosened, at, ok := st.clock.Due(s.now, s.idle, s.waits(st))
	if ok {
		s.after(at, timer{kind: timerLevel, st: st})
	}
	if loosened {
		s.touch(st)
	}
}
