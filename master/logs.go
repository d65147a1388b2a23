package master

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// asked are the questions about logs that workers have not answered.
type asked struct {
	mu   sync.Mutex
	last uint64
	all  map[uint64]chan msg.LogPart
}

// ask makes a place for an answer.
func (a *asked) ask() (uint64, <-chan msg.LogPart, func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[uint64]chan msg.LogPart{}
	}
	a.last++
	no, c := a.last, make(chan msg.LogPart, 1)
	a.all[no] = c
	return no, c, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.all, no)
	}
}

// answered takes an answer, for which somebody may wait.
func (a *asked) answered(p msg.LogPart) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.all[p.No]; c != nil {
		c <- p
		delete(a.all, p.No)
	}
}

// logs lists the logs of a job that the workers have which are there.
func (m *Master) logs(id plan.JobID) []status.Log {
	var workers []*worker
	m.inLoop(func() {
		workers = slices.SortedFunc(maps.Values(m.workers), func(a, b *worker) int { return cmp.Compare(a.id, b.id) })
	})
	answers := make([][]status.Log, len(workers))
	var all sync.WaitGroup
	for i, w := range workers {
		all.Go(func() {
			p, err := m.askLog(w, msg.WantLog{Job: id})
			if err != nil {
				return
			}
			for _, f := range p.Files {
				answers[i] = append(answers[i], status.Log{Worker: string(w.id), Name: f.Name, Size: f.Size})
			}
		})
	}
	all.Wait()
	return slices.Concat(append(answers, []status.Log{})...)
}

// partOf gives a piece of a log.
func (m *Master) partOf(id plan.JobID, q *msg.Ask) ([]byte, error) {
	var w *worker
	m.inLoop(func() { w = m.workers[q.Worker] })
	if w == nil {
		return nil, fmt.Errorf("worker %s is not there, and the log is with it", q.Worker)
	}
	p, err := m.askLog(w, msg.WantLog{Job: id, Name: q.Log, Offset: int64(q.After)})
	if err != nil {
		return nil, err
	}
	if p.Error != "" {
		return nil, fmt.Errorf("worker %s: %s", q.Worker, p.Error)
	}
	return p.Bytes, nil
}

func (m *Master) askLog(w *worker, q msg.WantLog) (msg.LogPart, error) {
	no, answer, forget := m.asked.ask()
	defer forget()
	q.No = no
	w.out.Put(q)
	late := time.NewTimer(logWait)
	defer late.Stop()
	select {
	case p := <-answer:
		return p, nil
	case <-late.C:
		return msg.LogPart{}, fmt.Errorf("worker %s does not answer", w.id)
	}
}
