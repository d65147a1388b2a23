package worker

import (
	"context"
	"sync"
)

// outbox holds what is to be sent to the master. What is put there and not sent
// is in the next stream's inventory.
type outbox struct {
	mu   sync.Mutex
	some chan struct{} // holds a token while there is something
	ms   []any
}

func newOutbox() *outbox { return &outbox{some: make(chan struct{}, 1)} }

func (o *outbox) put(m any) {
	o.mu.Lock()
	o.ms = append(o.ms, m)
	o.mu.Unlock()
	select {
	case o.some <- struct{}{}:
	default:
	}
}

func (o *outbox) take() (ms []any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ms, o.ms = o.ms, nil
	return ms
}

// drain sends what is put there until ctx or the stream ends.
func (o *outbox) drain(ctx context.Context, send func(...any) error) {
	for {
		select {
		case <-o.some:
			if err := send(o.take()...); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
