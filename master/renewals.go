package master

import (
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// renewEvery is how often renewals are handed to the scheduler, all at once.
const renewEvery = 200 * time.Millisecond

// renewals gathers workers' signs of life.
type renewals struct {
	send func(model.Event)
	quit chan struct{}
	done sync.WaitGroup

	mu  sync.Mutex
	all []model.Renewal
}

func newRenewals(send func(model.Event)) *renewals {
	r := &renewals{send: send, quit: make(chan struct{})}
	r.done.Go(r.run)
	return r
}

func (r *renewals) add(n model.Renewal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, n)
}

func (r *renewals) run() {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-r.quit:
			return
		}
		r.mu.Lock()
		all := r.all
		r.all = nil
		r.mu.Unlock()
		if len(all) > 0 {
			r.send(model.Renewed{Renewals: all})
		}
	}
}

func (r *renewals) close() {
	close(r.quit)
	r.done.Wait()
}
