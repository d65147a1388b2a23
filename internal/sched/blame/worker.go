package blame

import (
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Stage knows which workers a stage keeps away from, since several of its tasks
// failed there while others succeed elsewhere (R36). The zero Stage trusts all.
type Stage struct {
	fails   map[int32]int
	shunned []int32
}

// Failed counts a task's own failure on w. It reports whether the stage keeps
// away from w from now on, and how many failures say so: never from more than a
// third of the live workers.
func (b *Stage) Failed(w int, least, live int, succeeds bool) (failures int, shun bool) {
	if b.fails == nil {
		b.fails = map[int32]int{}
	}
	b.fails[int32(w)]++
	failures = b.fails[int32(w)]
	if failures < least || !succeeds || b.Shuns(w) || 3*(len(b.shunned)+1) > live {
		return failures, false
	}
	b.shunned = append(b.shunned, int32(w))
	return failures, true
}

// Shuns reports whether the stage keeps away from w.
func (b *Stage) Shuns(w int) bool { return slices.Contains(b.shunned, int32(w)) }

// Cluster counts failures by worker, whatever job they are of: a worker on which
// tasks of several jobs fail far more often than elsewhere is at fault itself
// (R36). The zero Cluster has seen none.
type Cluster struct {
	failures []failure // oldest first, none older than the window
	before   map[int32]time.Duration
}

type failure struct {
	at  model.Instant
	w   int32
	job plan.JobID
}

// kept bounds how many failures are remembered at a time.
const kept = 4096

// Failed counts a task's own failure on w. If w is to be left out now, it returns
// for how long: longer each time. live is the number of workers there are, out
// how many of them are left out already.
func (b *Cluster) Failed(c *model.Config, now model.Instant, w int, job plan.JobID, live, out int) (time.Duration, bool) {
	if c.ExcludeCluster == 0 {
		return 0, false
	}
	b.expire(now.Add(-c.ExcludeFor))
	b.failures = append(b.failures, failure{now, int32(w), job})
	here, jobs := 0, map[plan.JobID]bool{}
	for _, f := range b.failures {
		if f.w == int32(w) {
			here++
			jobs[f.job] = true
		}
	}
	share := float64(len(b.failures)) / float64(max(live, 1))
	if here < c.ExcludeCluster || len(jobs) < 2 || float64(here) < 4*share || 3*(out+1) > live {
		return 0, false
	}
	b.failures = slices.DeleteFunc(b.failures, func(f failure) bool { return f.w == int32(w) })
	return b.next(c, w), true
}

// expire forgets failures at or before an instant, and the oldest beyond what is
// kept.
func (b *Cluster) expire(before model.Instant) {
	k := max(0, len(b.failures)+1-kept)
	for k < len(b.failures) && b.failures[k].at <= before {
		k++
	}
	b.failures = slices.Delete(b.failures, 0, k)
}

// next doubles how long w is left out.
func (b *Cluster) next(c *model.Config, w int) time.Duration {
	if b.before == nil {
		b.before = map[int32]time.Duration{}
	}
	d := c.ExcludeFor
	if last := b.before[int32(w)]; last > 0 {
		d = min(2*last, c.ExcludeMost)
	}
	b.before[int32(w)] = d
	return d
}
