package worker

import (
	"time"
)

const (
	// lease is how long after the sending of a renewal the worker may act on its
	// answer: less than the master's own count, so that it ends here first.
	lease = 8 * time.Second
	// orphaned is how long after its lease's end a worker keeps executors.
	orphaned = time.Minute
	// forgotten is how long after that it keeps what they left.
	forgotten = 10 * time.Minute
)

// tenure is for how long a worker may act for its master (R28, R29). What is due
// once that is over comes step by step, unless a new lease comes first. All but
// over is called from the worker's loop.
type tenure struct {
	// call runs a function in the loop.
	call func(func())
	// ended, orphan and forget are the steps.
	ended, orphan, forget func()

	until time.Time // when the next step is due
	step  int       // those that were done
	held  bool      // there was a lease, ever
	timer *time.Timer
}

// extend gives the worker a lease, which counts from the sending of what was
// answered. An answer that is older than what it has changes nothing.
func (t *tenure) extend(sent time.Time) {
	until := sent.Add(lease)
	if !time.Now().Before(until) || t.good() && !until.After(t.until) {
		return
	}
	t.held, t.step, t.until = true, 0, until
	t.arm()
}

// good says whether the lease has not ended: by the clock, since what was to end
// it may come late to a process that was stopped.
func (t *tenure) good() bool {
	return t.held && t.step == 0 && time.Now().Before(t.until)
}

func (t *tenure) arm() {
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Until(t.until), func() { t.call(t.due) })
		return
	}
	t.timer.Reset(time.Until(t.until))
}

// due takes the next step, if it is time for it.
func (t *tenure) due() {
	if t.step > 2 || time.Now().Before(t.until) {
		return // a timer that was overtaken by a new lease
	}
	t.step++
	switch t.step {
	case 1:
		t.until = t.until.Add(orphaned)
		t.ended()
	case 2:
		t.until = t.until.Add(forgotten)
		t.orphan()
	case 3:
		t.forget()
		return
	}
	t.arm()
}

// stop ends it without any step.
func (t *tenure) stop() {
	t.step = 3
	if t.timer != nil {
		t.timer.Stop()
	}
}
