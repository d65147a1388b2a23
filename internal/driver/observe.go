package driver

import (
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
)

// observer hands pictures to a function that may be slow: a picture that was
// not looked at when the next one comes is skipped, but for an action's last.
type observer struct {
	f    func(plan.ActionStatus)
	wake chan struct{}
	done chan struct{}

	mu     sync.Mutex
	fresh  map[plan.ActionID]plan.ActionStatus
	order  []plan.ActionID
	seen   map[plan.ActionID]chan struct{} // to close after the last one
	closed bool
}

func newObserver(f func(plan.ActionStatus)) *observer {
	o := &observer{
		f: f, wake: make(chan struct{}, 1), done: make(chan struct{}),
		fresh: map[plan.ActionID]plan.ActionStatus{}, seen: map[plan.ActionID]chan struct{}{},
	}
	go o.run()
	return o
}

// put leaves a picture. After the last one of an action seen is closed, when
// the function has returned from it.
func (o *observer) put(s plan.ActionStatus, seen chan struct{}) {
	o.mu.Lock()
	if _, there := o.fresh[s.ID]; !there {
		o.order = append(o.order, s.ID)
	}
	o.fresh[s.ID] = s
	if seen != nil {
		o.seen[s.ID] = seen
	}
	o.mu.Unlock()
	o.poke()
}

func (o *observer) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *observer) run() {
	defer close(o.done)
	for {
		s, seen, more, closed := o.take()
		switch {
		case more:
			o.f(s)
			if seen != nil {
				close(seen)
			}
		case closed:
			return
		default:
			<-o.wake
		}
	}
}

func (o *observer) take() (s plan.ActionStatus, seen chan struct{}, more, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.order) == 0 {
		return s, nil, false, o.closed
	}
	id := o.order[0]
	o.order = o.order[1:]
	s, seen = o.fresh[id], o.seen[id]
	delete(o.fresh, id)
	delete(o.seen, id)
	return s, seen, true, false
}

func (o *observer) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.poke()
	<-o.done
}
