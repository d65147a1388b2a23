package master

import (
	"sync"
)

// outboxLimit is how many messages may wait for a peer. One that is that far
// behind is cut off: it attaches again and is told where things stand.
const outboxLimit = 200_000

// outbox holds what is to be sent to one peer. Putting never blocks.
type outbox struct {
	mu     sync.Mutex
	some   chan struct{} // holds a token while there is something
	ms     []any
	closed bool
	over   bool // too much was put
}

func newOutbox() *outbox { return &outbox{some: make(chan struct{}, 1)} }

// put adds messages. What is put into a closed one goes nowhere.
func (o *outbox) put(ms ...any) {
	o.mu.Lock()
	switch {
	case o.closed:
	case len(o.ms)+len(ms) > outboxLimit:
		o.closed, o.over, o.ms = true, true, nil
	default:
		o.ms = append(o.ms, ms...)
	}
	o.mu.Unlock()
	o.poke()
}

func (o *outbox) poke() {
	select {
	case o.some <- struct{}{}:
	default:
	}
}

// close ends the outbox after what is in it.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.poke()
}

// take gives all that is there; ok is false when nothing will be any more.
func (o *outbox) take() (ms []any, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ms, o.ms = o.ms, nil
	return ms, len(ms) > 0 || !o.closed
}

// overflowed says whether the peer was too slow.
func (o *outbox) overflowed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over
}
