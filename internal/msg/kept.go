package msg

import (
	"fmt"
	"sync"
)

// AckEvery is after how many messages their receiver says that it has them, if
// it has not said so for another reason.
const AckEvery = 64

// Kept has the messages that were sent to a peer and may not have arrived: what
// one stream lost goes again over the next. Both ends number what they send and
// receive from 1 on, but for Open, Opened and Renewal, which belong to a stream.
// It is safe for concurrent use.
type Kept struct {
	mu      sync.Mutex
	arrived uint64 // messages before those in ms
	ms      []any
}

// Keep takes a message that is about to be sent.
func (k *Kept) Keep(m any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ms = append(k.ms, m)
}

// Arrived forgets the first n messages ever sent, which the peer says that it
// has.
func (k *Kept) Arrived(n uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.forget(n)
}

func (k *Kept) forget(n uint64) error {
	switch {
	case n < k.arrived:
		return nil // said late
	case n > k.arrived+uint64(len(k.ms)):
		return fmt.Errorf("%d messages are said to have arrived of %d that were sent", n, k.arrived+uint64(len(k.ms)))
	}
	over := int(n - k.arrived)
	clear(k.ms[:over])
	k.ms = k.ms[over:]
	k.arrived = n
	return nil
}

// Missing gives what a peer has not got that has the first n messages.
func (k *Kept) Missing(n uint64) ([]any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n < k.arrived {
		return nil, fmt.Errorf("%d messages are said to have arrived, and %d were", n, k.arrived)
	}
	if err := k.forget(n); err != nil {
		return nil, err
	}
	return append([]any(nil), k.ms...), nil
}

// Restart forgets how much was sent, and gives what may not have arrived: the peer
// is another one.
func (k *Kept) Restart() []any {
	k.mu.Lock()
	defer k.mu.Unlock()
	ms := k.ms
	k.arrived, k.ms = 0, nil
	return ms
}

// Len is how many may not have arrived.
func (k *Kept) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.ms)
}
