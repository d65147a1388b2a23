package sched

import (
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// twins is what is known of second attempts.
type twins struct {
	slow      []taskRef // that want one, oldest first
	twinsLive int
}

// mayTwin reports whether tasks of st may run twice at a time (R48, R58).
func (s *Scheduler) mayTwin(st *stage) bool {
	return s.cfg.Speculation && !st.dead && !st.spec.Barrier && (st.act == nil || st.act.sink.Guarantee != model.AtLeastOnce)
}

// watchRate is R48a: an attempt that gets on much more slowly than others did,
// and has much left to do.
func (s *Scheduler) watchRate(a *attempt) {
	st := a.st
	if a.state != killing && s.mayTwin(st) && st.pace.Slow(&s.cfg, s.now.Sub(a.launched), a.fraction) {
		s.wantTwin(st, a.part)
	}
}

// watchStage looks for stragglers once most of a stage is done.
func (s *Scheduler) watchStage(st *stage) {
	if st.watched || !s.mayTwin(st) || st.live == 0 {
		return
	}
	if _, most := st.pace.Straggler(&s.cfg, st.outs.Done(), st.n); !most {
		return
	}
	st.watched = true
	s.after(s.now.Add(s.cfg.SpecMin), timer{kind: timerSpec, st: st})
}

// stragglers is R48b: most tasks are done, and one runs twice as long as they did.
func (s *Scheduler) stragglers(st *stage) {
	st.watched = false
	limit, most := st.pace.Straggler(&s.cfg, st.outs.Done(), st.n)
	if st.dead || !most {
		return
	}
	for i := range st.tasks {
		if a := st.tasks[i].live[0]; a != nil && !a.early && s.now.Sub(a.launched) > limit {
			s.wantTwin(st, i)
		}
	}
	s.watchStage(st)
}

// doubt is R49: what runs on a worker that has been suspect for a second gets
// twins whatever its pace.
func (s *Scheduler) doubt(w *worker) {
	if w.DoubtedFor(s.now) < time.Second {
		return
	}
	for _, a := range w.attempts {
		if a.state != killing && s.mayTwin(a.st) {
			s.wantTwin(a.st, a.part)
		}
	}
}

func (s *Scheduler) wantTwin(st *stage, i int) {
	if t := &st.tasks[i]; !t.slow && t.live[0] != nil && t.live[1] == nil {
		t.slow = true
		s.slow = append(s.slow, taskRef{st, i})
		s.wake = true
	}
}

// placeTwins uses slots that nobody else takes.
func (s *Scheduler) placeTwins() {
	if len(s.slow) == 0 || s.slots.Total() == 0 {
		return
	}
	s.slow = slices.DeleteFunc(s.slow, func(r taskRef) bool {
		t := &r.st.tasks[r.i]
		if r.st.dead || t.live[0] == nil || t.live[1] != nil {
			t.slow = false
			return true
		}
		w := s.twinPlace(r.st, r.i)
		if w == nil {
			return false
		}
		t.slow = false
		s.emit(model.Note{Kind: model.NoteSpeculated, Job: r.st.job.id, Stage: r.st.id, Gen: r.st.gen, Partition: r.i, Worker: w.id})
		s.launch(w, r.st, r.i, true)
		return true
	})
}

// twinPlace finds a worker for a twin on another host than the first attempt's,
// or another worker if all are on one host.
func (s *Scheduler) twinPlace(st *stage, i int) *worker {
	j, t := st.job, &st.tasks[i]
	switch {
	case s.twinsLive >= max(1, int(s.cfg.SpecShare*float64(len(s.attempts)))),
		!st.pace.Worthwhile(),
		t.cached || !st.ready(i),
		j.limits.Slots > 0 && j.running >= j.limits.Slots,
		j.pool.MaxShare > 0 && j.pool.running >= j.pool.MaxShare:
		return nil
	}
	first := t.live[0].w
	var near *worker
	for idx := range s.slots.All {
		w := s.workers[idx]
		if w == first || w.kept == s.pass || !s.eligible(st, w) || !s.suits(st, i, w) {
			continue
		}
		if !s.sameHost(int32(w.idx), int32(first.idx)) {
			return w
		}
		near = w
	}
	if near != nil && s.oneHost() {
		return near
	}
	return nil
}

// oneHost reports whether all live workers share a host.
func (s *Scheduler) oneHost() bool {
	first := -1
	for _, w := range s.workers {
		if w.Is() != model.WorkerLive {
			continue
		}
		if first >= 0 && !s.sameHost(int32(first), int32(w.idx)) {
			return false
		}
		first = w.idx
	}
	return true
}

// overtaken kills the attempts of a task that another one finished before, and
// remembers what they cost.
func (s *Scheduler) overtaken(st *stage, i int) {
	for _, a := range st.tasks[i].live {
		if a != nil {
			st.pace.Wasted(s.now.Sub(a.launched))
		}
	}
	s.killAll(st, i, "another attempt was first")
}
