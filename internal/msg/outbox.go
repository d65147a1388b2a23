package msg

import (
	"context"
	"sync"
	"time"
)

const (
	// OutboxLimit is how many messages may wait for a peer. One that is that far
	// behind is cut off: it attaches again and is told where things stand.
	OutboxLimit = 200_000
	// gather is how long a message may wait for others to go with, and gathered
	// how many are enough.
	gather   = time.Millisecond
	gathered = 64
)

// Outbox holds what is to be sent to one peer, in order. Putting never blocks. It
// is safe for concurrent use.
type Outbox struct {
	some chan struct{} // holds a token while something is due

	mu     sync.Mutex
	ms     []any
	due    bool // what is there is to be sent
	timer  *time.Timer
	closed bool
	over   bool // too much was put
}

// NewOutbox makes an empty one.
func NewOutbox() *Outbox { return &Outbox{some: make(chan struct{}, 1)} }

// Put adds messages that are to be sent at once, with all before them. What is put
// into a closed outbox goes nowhere.
func (o *Outbox) Put(ms ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.add(ms) {
		o.wake()
	}
}

// Later adds a message that nobody waits for: it is sent with the next that
// somebody waits for, or when many are there, or within a millisecond.
func (o *Outbox) Later(m any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.add([]any{m}) || o.due:
	case len(o.ms) >= gathered:
		o.wake()
	case len(o.ms) > 1: // the timer runs
	case o.timer == nil:
		o.timer = time.AfterFunc(gather, o.flush)
	default:
		o.timer.Reset(gather)
	}
}

func (o *Outbox) add(ms []any) bool {
	switch {
	case o.closed:
		return false
	case len(o.ms)+len(ms) > OutboxLimit:
		o.over, o.ms = true, nil
		o.end()
		return false
	}
	o.ms = append(o.ms, ms...)
	return true
}

func (o *Outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
}

func (o *Outbox) wake() {
	o.due = true
	select {
	case o.some <- struct{}{}:
	default:
	}
}

// Close ends the outbox after what is in it.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
}

func (o *Outbox) end() {
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
	o.wake()
}

// Overflowed says whether the peer was too slow.
func (o *Outbox) Overflowed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over
}

// take gives all that is there, if something of it is due; ok is false when
// nothing will be any more.
func (o *Outbox) take() (ms []any, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.due {
		ms, o.ms, o.due = o.ms, nil, false
	}
	return ms, len(ms) > 0 || !o.closed
}

// Drain sends what is put into the outbox until that is closed and empty, or ctx
// ends, or something cannot be sent: that is the error.
func (o *Outbox) Drain(ctx context.Context, send func(...any) error) error {
	for {
		ms, ok := o.take()
		if !ok {
			return nil
		}
		if len(ms) > 0 {
			if err := send(ms...); err != nil {
				return err
			}
			continue
		}
		select {
		case <-o.some:
		case <-ctx.Done():
			return nil
		}
	}
}
