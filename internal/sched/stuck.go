package sched

import (
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// watchStuck looks at an attempt again when it may have stood still for too long
// (R26). A worker has one look ahead, the next that is due.
func (s *Scheduler) watchStuck(a *attempt) {
	limit, w := a.st.job.limits.NoProgress, a.w
	if limit == 0 || s.restoring {
		return
	}
	if due := a.moved.Add(limit); w.stuckAt == 0 || due < w.stuckAt {
		w.stuckAt = due
		s.after(due, timer{kind: timerStuck, w: w})
	}
}

// stuckDue ends attempts of a worker that have not moved for as long as their job
// allows. They are to blame.
func (s *Scheduler) stuckDue(w *worker) {
	if s.now < w.stuckAt {
		return // an earlier look has set another time
	}
	w.stuckAt = 0
	for _, a := range slices.Clone(w.attempts) {
		limit := a.st.job.limits.NoProgress
		switch {
		case a.state == killing || a.st.dead || limit == 0:
			continue
		case a.early && a.state == launching:
			a.moved = s.now // it waits for others that hang
		case a.st.gang != nil && a.st.gang.arrived > 0:
			a.moved = s.now // a round of a barrier has a limit of its own
		case s.now.Sub(a.moved) >= limit:
			s.endStuck(a)
			continue
		}
		s.watchStuck(a)
	}
}

// endStuck ends an attempt that hangs, and has its executor tell where.
func (s *Scheduler) endStuck(a *attempt) {
	still := a.st.job.limits.NoProgress.String()
	a.stuck = true
	s.kill(a, "no progress for "+still)
	s.ownFault(a, &model.TaskFailed{Message: "made no progress for " + still +
		": what it was doing is in the log of its executor: rddctl logs " + string(a.st.job.id)})
	if !a.st.dead {
		s.recountLater(a.st, a.part)
	}
}
