package transfer

import (
	"context"
	"slices"
	"sync"
)

// credit is an amount that is lent out. Who waits for some is served in order,
// so that a large one is not starved by small ones.
type credit struct {
	mu    sync.Mutex
	all   int64
	left  int64
	queue []*waiter
}

type waiter struct {
	n     int64
	ready chan struct{}
}

func newCredit(n int64) *credit { return &credit{all: n, left: n} }

// take waits until n can be had, and says how much was taken: no more than
// there is in all.
func (c *credit) take(ctx context.Context, n int64) (int64, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n = min(n, c.all)
	c.mu.Lock()
	if len(c.queue) == 0 && n <= c.left {
		c.left -= n
		c.mu.Unlock()
		return n, nil
	}
	w := &waiter{n, make(chan struct{})}
	c.queue = append(c.queue, w)
	c.mu.Unlock()
	select {
	case <-w.ready:
		return n, nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.queue, w); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
	} else {
		c.left += n // it came together with the end
	}
	c.serve()
	return 0, context.Cause(ctx)
}

// try takes n if it can be had at once.
func (c *credit) try(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 || n > c.left {
		return false
	}
	c.left -= n
	return true
}

func (c *credit) give(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left += n
	c.serve()
}

func (c *credit) serve() {
	for len(c.queue) > 0 && c.queue[0].n <= c.left {
		w := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		c.left -= w.n
		close(w.ready)
	}
}
