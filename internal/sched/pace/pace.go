// Package pace knows how long the tasks of a stage take, which of them are
// stragglers, and whether second attempts have been worth it (R48).
package pace

import (
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/queue"
)

// Stage has the statistics of one stage. The zero Stage knows nothing yet.
type Stage struct {
	durations queue.Sketch
	spent     time.Duration // by winners
	wasted    time.Duration // by those that another attempt overtook
}

// enough is how many tasks make a median.
const enough = 3

// Done counts a success.
func (p *Stage) Done(took time.Duration) {
	p.durations.Add(took)
	p.spent += took
}

// Wasted counts the time of an attempt that another one overtook.
func (p *Stage) Wasted(took time.Duration) { p.wasted += took }

// Median returns how long a task takes, or 0 while too few are done.
func (p *Stage) Median() time.Duration {
	if p.durations.Len() < enough {
		return 0
	}
	return p.durations.Quantile(0.5)
}

// Slow is R48a: an attempt that gets on much more slowly than others did, and has
// much left to do. It has run for age, and done a fraction of its work.
func (p *Stage) Slow(c *model.Config, age time.Duration, fraction float64) bool {
	median := p.Median()
	if median == 0 || fraction <= 0 || fraction >= 1 || age < max(c.SpecMin, median/2) {
		return false
	}
	left := time.Duration(float64(age) * (1 - fraction) / fraction)
	return fraction*float64(median) < c.SpecRate*float64(age) && 2*left > 3*median
}

// Straggler is R48b: it returns how long an attempt may run before it is one, if
// most of the stage's tasks are done.
func (p *Stage) Straggler(c *model.Config, done, n int) (time.Duration, bool) {
	if p.durations.Len() == 0 || float64(done) < c.SpecQuantile*float64(n) {
		return 0, false
	}
	return max(c.SpecMin, time.Duration(c.SpecMultiple*float64(p.durations.Quantile(0.5)))), true
}

// Worthwhile reports whether second attempts have not wasted more than a tenth of
// what the stage took.
func (p *Stage) Worthwhile() bool { return p.wasted == 0 || p.wasted*10 <= p.spent }
