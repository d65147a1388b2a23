package sim

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// planCrash plans the nth death of a master: between two commands of whatever
// Step comes next.
func (w *World) planCrash(n int) {
	if w.o.Restarts == 0 {
		return
	}
	me := fmt.Sprintf("master#%d", n)
	w.after(time.Duration(float64(w.between(me, time.Second, 60*time.Second))/w.o.Restarts), func() {
		if w.now < w.calm {
			if w.happens(me, "dies") {
				w.crash = me
			}
			w.planCrash(n + 1)
		}
	})
}

// compact replaces the journal by what is needed of it, now and then, as a master
// does when it grows. What it writes is durable.
func (w *World) compact() {
	if w.o.Restarts == 0 {
		return
	}
	w.after(w.between("compact", time.Second, 20*time.Second), func() {
		if w.now > w.calm {
			return
		}
		if w.happens("compact", "the journal") {
			w.rep.Compacted -= len(w.journal)
			var kept []model.Record
			for r, err := range w.s.Compact(each(w.journal)) {
				if err != nil {
					w.fail("compact: %w", err)
				}
				kept = append(kept, r)
			}
			w.rep.Compacted += len(kept)
			w.journal, w.durable = kept, len(kept)
		}
		w.compact()
	})
}

func each(recs []model.Record) iter.Seq2[model.Record, error] {
	return func(yield func(model.Record, error) bool) {
		for _, r := range recs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// restart ends the master between two commands, with or without the records that
// were not yet durable, and lets another one take over.
func (w *World) restart(me string) {
	w.rep.Restarts++
	w.trace("master", "restarts")
	w.journal = w.journal[:w.durable+w.upTo(me, len(w.journal)-w.durable+1)]
	w.durable = len(w.journal)
	w.term++
	w.s = sched.New(w.config())
	err := w.s.Restore(each(w.journal))
	if err != nil {
		w.fail("%w", err)
	}
	if err := w.s.Check(); err != nil {
		w.fail("after restore: %w", err)
	}
	w.after(w.between("master", time.Millisecond, 100*time.Millisecond), func() { w.step(model.Tick{}) })
	for _, x := range w.workers {
		if !x.up {
			continue
		}
		x.stream = false
		inc, term := x.inc, w.term
		w.after(w.between("dial", 100*time.Millisecond, 4*time.Second), func() {
			if x.up && x.inc == inc && !x.stream && w.term == term {
				x.connect(w)
			}
		})
	}
	for _, j := range w.jobs {
		for k := range j.stages {
			j.relieve(k) // the next master knows of none
		}
		j.stale++
		w.after(w.between("dial", 100*time.Millisecond, time.Second), func() {
			j.stale--
			w.repeat(j)
		})
	}
}

// repeat is a driver that finds a new master: it submits again what has not
// ended, and attaches with what it holds.
func (w *World) repeat(j *job) {
	if !j.submitted || j.ended {
		return
	}
	term := w.term
	tell := func(ev model.Event) {
		if w.term == term { // the next master is told everything again
			w.step(ev)
		}
	}
	tell(j.submission())
	for _, a := range j.actions[:j.next] {
		if !a.ended && !a.refused {
			tell(w.submission(j, a))
		}
	}
	j.session++
	keys := []plan.StageKey{}
	for k, st := range j.stages {
		if !st.saved {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	at := model.DriverAttach{Job: j.id, Session: j.session, Handles: keys}
	for _, a := range j.actions[:j.next] {
		for i := range a.target.n {
			if _, ok := a.got[i]; ok && !a.ended {
				at.Held = append(at.Held, model.ResultRef{Action: a.id, Gen: a.gen, Partition: i})
			}
		}
	}
	tell(at)
	if j.asked {
		tell(model.Cancel{Job: j.id, Reason: "again"})
	}
	if j.finished {
		tell(model.FinishJob{Job: j.id, Session: j.session})
	}
}
