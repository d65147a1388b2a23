package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// grace is how long attempts have to end after they were told to: with what
// a program does afterwards it is one second.
const grace = 700 * time.Millisecond

// waiter is the side of an action that its caller waits on.
type waiter struct {
	a    *action
	next int              // how many of the wanted values were given
	held map[int]delivery // those before their turn, by partition
	gone error            // why the caller wants no more
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
			return
		case <-w.due():
			w.late = nil
			if w.over != nil {
				w.a.c.o.Link.Abandon(w.a.id)
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
		w.a.stop(as, cause)
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
		if w.a.want.AnyOrder {
			w.give(ctx, d)
			continue
		}
		w.held[d.partition] = d
		for d, ok := w.turn(); ok; d, ok = w.turn() {
			w.give(ctx, d)
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

// wanted is how many values make the result of a target with so many partitions.
func (w *waiter) wanted(partitions int) (n int) {
	if w.a.want.Partitions == nil {
		return partitions
	}
	for _, p := range w.a.want.Partitions {
		if p < partitions {
			n++
		}
	}
	return n
}

// turn says whether the next value is there. Until then the others wait, large
// ones in their files.
func (w *waiter) turn() (delivery, bool) {
	d, ok := w.held[w.partition()]
	return d, ok
}

// give passes the next value on.
func (w *waiter) give(ctx context.Context, d delivery) {
	a, partition := w.a, d.partition
	delete(w.held, partition)
	w.next++
	defer d.value.drop()
	switch {
	case w.gone != nil:
	case ctx.Err() != nil:
		w.cancel(ctx)
	case a.want.Result != nil:
		if err := a.want.Result(partition, d.value); err != nil {
			w.leave(plan.ActionFailed, err)
		}
	}
	if a.want.Ahead > 0 {
		a.c.o.Link.Taken(a.id, d.gen, partition)
	}
}

// reset forgets the values so far.
func (w *waiter) reset(ctx context.Context) {
	for _, d := range w.held {
		d.value.drop()
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

// end gives what Do returns. Files that appeared are there whatever the caller
// wanted meanwhile; values that were not taken are not.
func (w *waiter) end() (plan.ActionStatus, error) {
	a := w.a
	a.mu.Lock()
	defer a.mu.Unlock()
	s, err := a.final, a.err
	if err == nil && w.gone == nil && s.State == plan.ActionDone && a.plan.Output == nil {
		// It cannot be; but rows that are missing without a word would be worse.
		if n := w.wanted(s.Partitions); w.next != n {
			err = a.wrap(fmt.Errorf("it is done, and %d of %d results came: this is a fault of gordd", w.next, n))
			s.State, s.Error = plan.ActionFailed, err.Error()
		}
	}
	if w.gone != nil && (s.State != plan.ActionDone || a.plan.Output == nil) {
		err = w.gone
		s.State, s.Error = w.as, err.Error()
	}
	return s, err
}

func tooLarge(bound int64) error {
	return fmt.Errorf("%w: more than %d bytes: keep them distributed, save them to files, or raise the bound",
		ErrResultTooLarge, bound)
}
