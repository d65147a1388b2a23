package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// planApart plans the nth time that the master hears workers which cannot reach each
// other: one cannot read from another, nobody can read from one, or one from nobody.
func (w *World) planApart(n int) {
	me := fmt.Sprintf("apart#%d", n)
	w.after(time.Duration(float64(w.between(me, 2*time.Second, 60*time.Second))/w.o.Faults), func() {
		if w.now > w.calm {
			return
		}
		w.planApart(n + 1)
		x, y := w.workers[w.upTo(me, len(w.workers))], w.workers[w.upTo(me, len(w.workers))]
		away := w.between(me, time.Millisecond, 20*time.Second)
		switch w.upTo(me, 3) {
		case 0:
			if x != y && w.happens(me, fmt.Sprintf("%s cannot read from %s for %v", x.id, y.id, away)) {
				w.blind(x, y, away)
			}
		case 1:
			if w.happens(me, fmt.Sprintf("nobody can read from %s for %v", x.id, away)) {
				for _, o := range w.workers {
					w.blind(o, x, away)
				}
			}
		case 2:
			if w.happens(me, fmt.Sprintf("%s can read from nobody for %v", x.id, away)) {
				for _, o := range w.workers {
					w.blind(x, o, away)
				}
			}
		}
	})
}

func (w *World) blind(x, y *worker, d time.Duration) {
	x.blind[y.id] = max(x.blind[y.id], w.now.Add(d))
}

// apart reports whether x cannot read from y, if both are there.
func (w *World) apart(x, y *worker) bool {
	return x != y && (x.cut && y.cut || w.now < x.blind[y.id] || w.flaky(x, y))
}

// ordeal is what a stage met since its last success, as its workers know it, not as the
// master counts: rounds of attempts that could not read what lives, each begun after the
// one before had failed.
type ordeal struct {
	rounds, all int // since the last success, and ever
	at          model.Instant
}

// mostLag is how long a message is under way at most.
const mostLag = 3 * time.Millisecond

// couldNot notes that an attempt could not read from a worker that is there. What else
// its job reads may be lost with it, so that counts for all stages.
func (w *World) couldNot(a *attempt, from plan.StageKey) {
	j := w.job(a.id.Stage.Job)
	j.missed[from]++
	w.rep.Missed++
	for k := range j.stages {
		if o := j.ordeals[k]; a.began.Add(mostLag) >= o.at {
			j.ordeals[k] = ordeal{o.rounds + 1, o.all + 1, w.now}
		}
	}
}

// kept notes a success that counts, once: it ends the ordeal of its stage.
func (w *World) kept(id model.AttemptID) {
	j := w.job(id.Stage.Job)
	if _, again := j.kept[id]; !again {
		j.kept[id] = true
		j.relieve(id.Stage.Key)
	}
}

// relieve lets the rounds of a stage begin anew.
func (j *job) relieve(key plan.StageKey) { j.ordeals[key] = ordeal{all: j.ordeals[key].all} }

// stuck reports whether a stage that gives up for lack of progress has met what it needs
// for that. A failure that came just before a success may be judged after it, so one
// round less is enough.
func (w *World) stuck(c *model.Cause) bool {
	j, limits := w.job(c.Stage.Job), w.config()
	if strings.Contains(c.Message, "its output was gone") {
		return j.missed[c.Stage.Key] >= limits.OutputGone
	}
	o := j.ordeals[c.Stage.Key]
	return o.rounds >= limits.NoProgress-1 || o.all >= limits.Episodes
}
