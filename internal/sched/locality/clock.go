package locality

import (
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// Clock is the wait clock of a stage (R11). It runs exactly while a slot is idle
// that the stage declined; launches do not touch it. Idle slots are told apart by
// an epoch, which rises whenever none was left: a wait that was interrupted so
// begins anew. The zero Clock stands still at the tightest level.
type Clock struct {
	level   model.Level
	waiting bool
	start   model.Instant // of this level
	armed   model.Instant // when somebody looks again; 0: never
	epoch   uint64
}

// Waits says how long to wait at a level; not at all at one that nobody serves.
type Waits func(model.Level) time.Duration

// Stop ends the wait: nothing is declined.
func (k *Clock) Stop() { k.waiting, k.level, k.armed = false, model.AtProcess, 0 }

// Waiting reports whether the clock runs, in an epoch.
func (k *Clock) Waiting(epoch uint64) bool { return k.waiting && k.epoch == epoch }

// UpTo returns the loosest level at which tasks may be taken now.
func (k *Clock) UpTo(waits Waits) model.Level {
	return skip(k.level, waits)
}

// skip returns the first level from l on that must be waited for.
func skip(l model.Level, waits Waits) model.Level {
	for l < model.Anywhere && waits(l) == 0 {
		l++
	}
	return l
}

// Declined lets the clock run from now, if it does not already. If it says when
// to look at it again, somebody must call Due then.
func (k *Clock) Declined(now model.Instant, epoch uint64, waits Waits) (look model.Instant, ok bool) {
	if !k.Waiting(epoch) {
		*k = Clock{waiting: true, epoch: epoch, start: now, level: skip(model.AtProcess, waits)}
	}
	return k.arm(waits)
}

// arm returns when the wait at this level ends, if nobody looks before: the wait
// may have become shorter.
func (k *Clock) arm(waits Waits) (model.Instant, bool) {
	if k.level >= model.Anywhere {
		return 0, false
	}
	at := k.start.Add(waits(k.level))
	if k.armed != 0 && k.armed <= at {
		return 0, false
	}
	k.armed = at
	return at, true
}

// Due loosens the level if its wait is over. It reports whether it did, and when
// to look again.
func (k *Clock) Due(now model.Instant, epoch uint64, waits Waits) (loosened bool, look model.Instant, ok bool) {
	if !k.Waiting(epoch) || k.armed == 0 || now < k.armed {
		return false, 0, false
	}
	k.armed = 0
	if k.level < model.Anywhere && now >= k.start.Add(waits(k.level)) {
		k.level, k.start, loosened = skip(k.level+1, waits), now, true
	}
	look, ok = k.arm(waits)
	return loosened, look, ok
}

// Cap bounds a wait by what a stage's tasks take: twice the median, but not less
// than is worth a timer (R13).
func Cap(wait, median time.Duration) time.Duration {
	if median <= 0 {
		return wait
	}
	return min(wait, max(2*median, 20*time.Millisecond))
}
