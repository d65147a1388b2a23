package master

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// driverStart is how long a worker may take to start a driver: the program may
// have to travel first.
const driverStart = time.Minute

// detached are the drivers that workers were told to run and that have not opened
// their jobs yet. It is safe for concurrent use.
type detached struct {
	mu     sync.Mutex
	all    map[string]*starting         // by key
	driven map[plan.JobID]plan.WorkerID // jobs that are open, and who drives them
}

// starting is one of them.
type starting struct {
	job    plan.JobID
	worker plan.WorkerID
	owner  string   // who asked for it
	opened chan any // takes msg.Opened, or an error
}

func (d *detached) add(key string, s *starting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]*starting{}
	}
	d.all[key] = s
}

// claim gives the job that a driver may open by its key, with the worker that was told
// to run that driver and who wanted it; nil: none may.
func (d *detached) claim(key string) *starting {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[key]
}

// drives notes that a worker drives a job, until left.
func (d *detached) drives(w plan.WorkerID, job plan.JobID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.driven == nil {
		d.driven = map[plan.JobID]plan.WorkerID{}
	}
	d.driven[job] = w
}

// left forgets who drove a job.
func (d *detached) left(job plan.JobID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.driven, job)
}

// driver gives the worker that drives a job; "" if none does.
func (d *detached) driver(job plan.JobID) plan.WorkerID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.driven[job]
}

// runs counts the drivers of a worker.
func (d *detached) runs(w plan.WorkerID) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		if s.worker == w {
			n++
		}
	}
	for _, by := range d.driven {
		if by == w {
			n++
		}
	}
	return n
}

// opened takes what became of a driver: msg.Opened, or an error.
func (d *detached) opened(key string, how any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.all[key]; s != nil {
		s.opened <- how
		delete(d.all, key)
	}
}

// workerGone ends what a worker was to start.
func (d *detached) workerGone(id plan.WorkerID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, s := range d.all {
		if s.worker == id {
			s.opened <- fmt.Errorf("worker %s, which was to run the driver, is gone", id)
			delete(d.all, key)
		}
	}
}

// Detach has a job's driver run by a worker.
func (s service) Detach(st *msg.Stream) error {
	d, err := first[msg.Detach](st)
	if err != nil {
		return err
	}
	if err := s.check(&d.Open); err != nil {
		return refuse(st, "%w", err)
	}
	key := rand.Text()
	start := &starting{job: newJobID(), owner: s.access.owner(st.Context()), opened: make(chan any, 1)}
	if err := s.assign(key, start, d); err != nil {
		return refuse(st, "%w", err)
	}
	s.log.Info("driver starts", "job", string(start.job), "name", d.Open.Name, "worker", string(start.worker))
	late := time.NewTimer(driverStart)
	defer late.Stop()
	select {
	case how := <-start.opened:
		if err, ok := how.(error); ok {
			return refuse(st, "%w", err)
		}
		return st.Send(how)
	case <-late.C:
	case <-s.engine.Done():
	}
	err = fmt.Errorf("worker %s has not started the driver within %s", start.worker, driverStart)
	s.detached.opened(key, err)
	return refuse(st, "%w", err)
}

// assign tells a worker to start a driver: of those that have a program, and are not
// about to go, the one that runs fewest.
func (s service) assign(key string, start *starting, d msg.Detach) error {
	chosen := make(chan error, 1)
	s.engine.Call(func() model.Event {
		var w *worker
		fewest := 0
		all, _ := s.engine.View(model.Workers{}).(model.WorkerList)
		for _, v := range all {
			other := s.workers[v.Worker]
			if other == nil || v.State != model.WorkerLive || !d.Open.For(other.said.Platform) {
				continue
			}
			if n := s.detached.runs(other.id); w == nil || n < fewest || n == fewest && other.id < w.id {
				w, fewest = other, n
			}
		}
		if w == nil {
			chosen <- errors.New("no worker is there that could run the driver: one of the program's platform has to come first")
			return nil
		}
		start.worker = w.id
		s.detached.add(key, start)
		w.out.Put(msg.StartDriver{Key: key, Job: start.job, Detach: d})
		chosen <- nil
		return nil
	})
	select {
	case err := <-chosen:
		return err
	case <-s.engine.Done():
		return errors.New("the master ends")
	}
}

// driverEnded takes a worker's word on a driver. One whose job is open has said
// itself how that ended.
func (s service) driverEnded(w *worker, e msg.DriverEnded) {
	s.log.Info("driver ended", "worker", string(w.id), "code", e.Code, "why", e.Why)
	why := e.Why
	if why == "" {
		why = fmt.Sprintf("it ended with exit code %d", e.Code)
	}
	if e.Tail != "" {
		why += ":\n" + e.Tail
	}
	s.detached.opened(e.Key, fmt.Errorf("the driver has opened no job: %s", why))
}
