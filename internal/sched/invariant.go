package sched

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Check recounts everything that is kept as a sum or an index and returns all
// that does not agree, by the name of the invariant. It is for tests: it walks
// over every task.
func (s *Scheduler) Check() error {
	c := &checker{s: s}
	for _, w := range s.workers {
		c.worker(w)
	}
	c.attempts()
	for _, j := range s.order {
		c.job(j)
	}
	c.pools()
	c.copies()
	if n := len(s.todoTasks) + len(s.todoStages) + len(s.todoRoll); n > 0 {
		c.bad("settled: %d changes are left", n)
	}
	return errors.Join(c.errs...)
}

type checker struct {
	s    *Scheduler
	errs []error
}

func (c *checker) bad(format string, args ...any) {
	if len(c.errs) < 20 {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

func (c *checker) worker(w *worker) {
	free, unstarted := w.slots-w.busy(), 0
	var used int64
	perJob := map[*job]int{}
	for k, a := range w.attempts {
		if a.pos != k || a.w != w || c.s.attempts[a.key] != a {
			c.bad("I11: attempt %s is not where it says on %s", a.id(), w.id)
		}
		if !a.st.job.fits(w) {
			c.bad("R14: attempt %s is on %s, a worker of %s", a.id(), w.id, w.platform)
		}
		if !a.early {
			used += a.memory
		}
		perJob[a.st.job]++
		if a.state == launching {
			unstarted++
		}
		if a.exec.state == execGone && a.state != killing {
			c.bad("I4: live attempt %s is in an executor that is gone", a.id())
		}
	}
	if used != w.used || unstarted != w.unstarted || len(perJob) != len(w.perJob) {
		c.bad("I11: %s: memory %d, unstarted %d, want %d, %d", w.id, w.used, w.unstarted, used, unstarted)
	}
	if !w.takes(c.s.now) {
		free = 0
	} else if w.OnProbation() {
		free = min(free, 1-w.busy())
	}
	if got := c.s.slots.Free(w.idx); got != max(free, 0) {
		c.bad("I11: %s has %d free slots, want %d", w.id, got, free)
	}
	c.early(w)
	if w.memory > 0 && w.used > w.memory && len(w.attempts) > 1 {
		c.bad("I5: %s has %d bytes reserved of %d", w.id, w.used, w.memory)
	}
	if w.lost() && (len(w.attempts) > 0 || c.s.holds(w) > 0) {
		c.bad("I4, I10: %s is lost and has %d attempts and %d outputs", w.id, len(w.attempts), c.s.holds(w))
	}
}

// early looks at the attempts that wait for a slot of w (R16).
func (c *checker) early(w *worker) {
	s := c.s
	if w.Is() == model.WorkerLive && len(w.attempts)-len(w.early) > w.slots {
		c.bad("I5: %s runs %d attempts in %d slots", w.id, len(w.attempts)-len(w.early), w.slots)
	}
	if n := len(w.early); n > s.mostEarly() || n > 0 && w.busy() < w.slots || s.waiting.Free(w.idx) != n {
		c.bad("I5: %d attempts wait at %s for %d slots, of which %d are taken", n, w.id, w.slots, w.busy())
	}
	claims := s.claimants()
	for _, a := range w.early {
		if !a.early || s.attempts[a.key] != a {
			c.bad("I11: attempt %s does not wait at %s", a.id(), w.id)
		}
		switch {
		case !a.waits() || s.recovering() || w.Is() != model.WorkerLive:
		case !w.takes(s.now):
			c.bad("R16: %s takes no launches, and %s waits there", w.id, a.id())
		case claims.before(a.st.job):
			c.bad("R16: %s waits, and others are entitled to its slot", a.id())
		case s.slots.Total() > s.recalls && s.couldStart(a.st):
			c.bad("R16: %s waits at %s, and could start elsewhere", a.id(), w.id)
		}
	}
}

func (c *checker) attempts() {
	n, recalls, capacity := 0, 0, 0
	for _, w := range c.s.workers {
		n += len(w.attempts)
		for _, a := range w.attempts {
			if a.recalled {
				recalls++
			}
		}
		if w.takes(c.s.now) {
			capacity += w.slots
		}
	}
	if n != len(c.s.attempts) || recalls != c.s.recalls || capacity != c.s.capacity {
		c.bad("I11: %d attempts on workers, %d recalled, %d slots, want %d, %d, %d", n, recalls, capacity, len(c.s.attempts), c.s.recalls, c.s.capacity)
	}
}

func (c *checker) job(j *job) {
	running, early := 0, 0
	for _, w := range c.s.workers {
		for _, a := range w.attempts {
			if a.st.job == j {
				running++
			}
			if a.st.job == j && a.waits() {
				early++
			}
		}
	}
	if running != j.running || early != j.early {
		c.bad("I11: job %s runs %d, of which %d wait, want %d, %d", j.id, j.running, j.early, running, early)
	}
	if j.state.Ended() && (len(j.stages) > 0 || len(j.actions) > 0) {
		c.bad("I32: job %s has ended and keeps %d stages", j.id, len(j.stages))
	}
	for _, st := range j.stages {
		if st.sized {
			c.stage(st)
		}
		c.edges(st)
	}
	for _, a := range j.actions {
		c.action(a)
	}
}

func (c *checker) stage(st *stage) {
	done, active, live, pending, early := 0, 0, 0, 0, 0
	for i := range st.tasks {
		t := &st.tasks[i]
		c.task(st, i)
		if t.state == model.TaskFinished {
			done++
		}
		if t.counted && !t.cached {
			active++
		}
		if t.state == model.TaskPending {
			pending++
		}
		for _, a := range t.live {
			if a != nil {
				live++
			}
			if a != nil && a.waits() {
				early++
			}
		}
	}
	if done != st.outs.Done() || active != st.active || live != st.live || pending != st.pending.Len() {
		c.bad("I11: %s: done %d active %d live %d pending %d, want %d %d %d %d", st.id, st.outs.Done(), st.active, st.live,
			st.pending.Len(), done, active, live, pending)
	}
	if early != st.early || early > 0 && !slices.Contains(c.s.owners, st) {
		c.bad("I11: %s: %d attempts wait, want %d", st.id, st.early, early)
	}
	if st.asserted != (st.active > 0) {
		c.bad("I11: %s: its parents do not know that it has %d demanded tasks", st.id, st.active)
	}
	if k := live + done; st.gang != nil && c.s.begun && active > 0 && k > 0 && k < st.n {
		c.bad("R60: %s: %d of %d tasks of a gang run or are done", st.id, k, st.n)
	}
	if err := st.outs.Check(); err != nil {
		c.bad("I11: %s: %w", st.id, err)
	}
	if err := st.pending.Check(); err != nil {
		c.bad("I11: %s: %w", st.id, err)
	}
	if pending > 0 && !st.listed {
		c.bad("I23: %s has pending tasks and is not looked at", st.id)
	}
}

func (c *checker) task(st *stage, i int) {
	t := &st.tasks[i]
	if st.outs.Has(i) != (t.state == model.TaskFinished) {
		c.bad("I1: %s p%d is %s, output %v", st.id, i, t.state, st.outs.Has(i))
	}
	want := t.state != model.TaskFinished && (st.wantAll > 0 || t.want > 0)
	if want != t.counted {
		c.bad("I11: %s p%d: demanded %v, counted %v", st.id, i, want, t.counted)
	}
	alive := t.live[0] != nil
	if !alive && t.live[1] != nil {
		c.bad("I3: %s p%d: a twin without a first", st.id, i)
	}
	if alive != (t.state == model.TaskRunning) {
		c.bad("I1: %s p%d is %s, alive %v", st.id, i, t.state, alive)
	}
	if alive && !t.counted {
		c.bad("I13: %s p%d runs and nobody wants it", st.id, i)
	}
	for _, a := range t.live {
		if a == nil {
			continue
		}
		if a.gen != st.gen || !a.consistent() {
			c.bad("I8: %s p%d: live attempt of an old generation", st.id, i)
		}
		if a.w.lost() || a.state == killing {
			c.bad("I4: %s p%d: live attempt on %s", st.id, i, a.w.Is())
		}
	}
	inSet := st.pending.Has(i)
	if inSet != (t.state == model.TaskPending) {
		c.bad("I23: %s p%d is %s, queued %v", st.id, i, t.state, inSet)
	}
	ready := t.counted && !alive && (t.cached || st.ready(i))
	if ready && t.state == model.TaskIdle && t.blame.Held() <= c.s.now {
		c.bad("I23: %s p%d could start and is idle", st.id, i)
	}
	if t.state == model.TaskPending && !ready {
		c.bad("I7: %s p%d is pending without its inputs", st.id, i)
	}
}

func (c *checker) edges(st *stage) {
	blocked := 0
	for _, e := range st.parents {
		if e.kind != model.Narrow && !e.st.complete() {
			blocked++
		}
		found := false
		for _, r := range e.st.children {
			found = found || r.st == st && r.kind == e.kind
		}
		if !found {
			c.bad("%s is not among the readers of %s", st.id, e.st.id)
		}
	}
	if blocked != st.blocked {
		c.bad("I11: %s is blocked by %d parents, want %d", st.id, st.blocked, blocked)
	}
	all := 0
	for _, e := range st.children {
		if e.kind != model.Narrow && e.st.asserted {
			all++
		}
	}
	if all != st.wantAll {
		c.bad("I11: %s is wanted by %d readers, want %d", st.id, st.wantAll, all)
	}
}

func (c *checker) action(a *action) {
	if a.state == model.ActionPreparing {
		return
	}
	got, unacked := 0, 0
	var bytes int64
	for k := range a.want {
		i := a.partition(k)
		if a.target.tasks[i].state == model.TaskFinished {
			got++
			bytes += a.target.outs.At(i).Bytes
			if c.s.awaited(a, i) {
				unacked++
			}
		}
	}
	if got != a.got || bytes != a.bytes || unacked != a.unacked {
		c.bad("I26: action %s has %d results, want %d", a.id, a.got, got)
	}
	if c.s.begun && a.state == model.ActionRunning && a.got == a.want && a.unacked == 0 {
		c.bad("action %s has all and does not end", a.id)
	}
}

func (c *checker) copies() {
	for _, key := range c.s.short {
		if _, ok := c.s.listed[key]; !ok {
			c.bad("R61: a copy of %+v is wanted and not listed", key)
		}
	}
	if len(c.s.short) != len(c.s.listed) {
		c.bad("R61: %d copies are wanted, and %d blocks listed", len(c.s.short), len(c.s.listed))
	}
	held := map[int32]int{}
	for _, j := range c.s.order {
		for _, set := range j.caches {
			for _, holders := range set.holders {
				for _, h := range holders {
					held[h]++
				}
			}
		}
	}
	n := 0
	for _, w := range c.s.workers {
		if w.blocks != held[int32(w.idx)] {
			c.bad("R61: %s holds %d blocks, want %d", w.id, w.blocks, held[int32(w.idx)])
		}
		if w.copying.job == "" {
			continue
		}
		n++
		if u := c.s.under[w.copying]; w.lost() || u == nil || u.to != w {
			c.bad("R61: %s, which is %s, has a copy of %+v under way", w.id, w.Is(), w.copying)
		}
	}
	if n != len(c.s.under) {
		c.bad("R61: %d copies are under way, want %d", len(c.s.under), n)
	}
}

func (c *checker) pools() {
	for _, p := range c.s.pools {
		running := 0
		for _, w := range c.s.workers {
			for _, a := range w.attempts {
				if a.st.job.pool == p {
					running++
				}
			}
		}
		if running != p.running {
			c.bad("I11: pool %s runs %d, want %d", p.Name, p.running, running)
		}
	}
}
