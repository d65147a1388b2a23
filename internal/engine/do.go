package engine

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Do runs one action: encoded is its plan. It blocks until the action has ended
// and nothing works for it any more, and returns its last picture with the
// error it ended with: a *plan.StageError when a task failed, an error that
// wraps storage's for inputs and output, or the cause of ctx when that ended
// first, the error of Action.Result as it is. An action that is publishing its output when ctx
// ends is done all the same. Attempts that do not heed their context within a
// second are left to themselves.
func (e *Engine) Do(ctx context.Context, encoded []byte, want Action) (plan.ActionStatus, error) {
	a, err := e.newAction(encoded, want)
	if err != nil {
		return plan.ActionStatus{}, err
	}
	if err := e.enter(); err != nil {
		return plan.ActionStatus{}, a.wrap(err)
	}
	defer e.doing.Done()
	if err := context.Cause(ctx); err != nil {
		return plan.ActionStatus{}, a.wrap(err)
	}
	if err := e.blobs.Hold(a.plan.Blobs); err != nil {
		return plan.ActionStatus{}, a.wrap(err)
	}
	a.ctx, a.cancel = context.WithCancelCause(e.ctx)
	defer a.cancel(nil)
	e.loop.call(a.begin)
	w := waiter{a: a, held: map[int]Value{}}
	w.wait(ctx)
	if a.seen != nil {
		<-a.seen
	}
	return w.end()
}

func (e *Engine) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.doing.Add(1)
	return nil
}

// waiter is the side of an action that its caller waits on.
type waiter struct {
	a    *action
	next int           // how many of the wanted values were given
	held map[int]Value // those before their turn, by partition
	gone error         // why the caller wants no more
	as   plan.ActionState
	late *time.Timer   // set when the action shall end
	over chan struct{} // the action's quiet, once it has ended
}

var errLeft = errors.New("the function that takes the results did not return")

// wait runs until the end. When Result panics or leaves its goroutine, the
// action is ended before that goes on.
func (w *waiter) wait(ctx context.Context) {
	returned := false
	defer func() {
		if !returned {
			w.leave(plan.ActionCancelled, errLeft)
			w.run(ctx)
		}
	}()
	w.run(ctx)
	returned = true
}

// run delivers values until the action has ended, and waits until it is quiet.
func (w *waiter) run(ctx context.Context) {
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			w.cancel(ctx)
		case <-w.a.told:
			w.deliver(ctx)
		case <-w.over:
			_ = os.RemoveAll(w.a.e.resultDir(w.a.id.N))
			return
		case <-w.due():
			w.late = nil
			if w.over != nil {
				w.abandon()
				return
			}
			// It is publishing, which is a matter of renames, and better whole.
		}
	}
}

func (w *waiter) due() <-chan time.Time {
	if w.late == nil {
		return nil
	}
	return w.late.C
}

// leave asks for the action's end. Even where nothing can be ended any more, the
// caller does not wait for long.
func (w *waiter) leave(as plan.ActionState, cause error) {
	if w.gone == nil {
		w.gone, w.as = cause, as
		w.a.e.loop.call(func() model.Event { return w.a.stop(as, cause) })
	}
	w.hurry()
}

// cancel is leave when ctx has ended.
func (w *waiter) cancel(ctx context.Context) {
	w.leave(plan.ActionCancelled, w.a.wrap(context.Cause(ctx)))
}

func (w *waiter) hurry() {
	if w.late == nil {
		w.late = time.NewTimer(grace)
	}
}

func (w *waiter) deliver(ctx context.Context) {
	news, over := w.a.take()
	if over {
		w.over = w.a.quiet // now, since a Result that panics does not come back here
	}
	for _, d := range news {
		if d.reset {
			w.reset(ctx)
			continue
		}
		w.held[d.partition] = d.value
		for v, ok := w.turn(); ok; v, ok = w.turn() {
			w.give(ctx, v)
		}
	}
	if over && w.a.final.State != plan.ActionDone {
		w.hurry()
	}
}

// partition is the one whose value is next.
func (w *waiter) partition() int {
	wanted := w.a.want.Partitions
	switch {
	case wanted == nil:
		return w.next
	case w.next < len(wanted):
		return wanted[w.next]
	}
	return -1
}

// turn says whether the next value is there. Until then the others wait, large
// ones in their files.
func (w *waiter) turn() (Value, bool) {
	v, ok := w.held[w.partition()]
	return v, ok
}

// give passes the next value on.
func (w *waiter) give(ctx context.Context, v Value) {
	a, partition := w.a, w.partition()
	delete(w.held, partition)
	w.next++
	defer v.drop()
	switch {
	case w.gone != nil:
	case ctx.Err() != nil:
		w.cancel(ctx)
	case a.want.Result != nil:
		if err := a.want.Result(partition, v); err != nil {
			w.leave(plan.ActionFailed, err)
		}
	}
	if a.want.Ahead > 0 {
		a.e.loop.call(func() model.Event { return a.taken(partition) })
	}
}

// reset forgets the values so far.
func (w *waiter) reset(ctx context.Context) {
	for _, v := range w.held {
		v.drop()
	}
	clear(w.held)
	w.next = 0
	switch {
	case w.gone != nil:
	case ctx.Err() != nil:
		w.cancel(ctx)
	case w.a.want.Reset != nil:
		w.a.want.Reset()
	}
}

// abandon gives up on attempts that do not end. Staging is cleared now, since
// the process may end before they do, and again after them.
func (w *waiter) abandon() {
	a := w.a
	a.e.loop.call(func() model.Event {
		if a.tasks > 0 {
			a.log.Warn("attempts do not heed their context", "attempts", a.tasks)
		}
		if a.collect {
			a.work(a.removeStaging)
		}
		return nil
	})
}

// end gives what Do returns. Files that appeared are there whatever the caller
// wanted meanwhile; values that were not taken are not.
func (w *waiter) end() (plan.ActionStatus, error) {
	a := w.a
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.final, a.err
	if w.gone != nil && (s.State != plan.ActionDone || a.plan.Output == nil) {
		err = w.gone
		s.State, s.Error = w.as, err.Error()
	}
	return s, err
}
