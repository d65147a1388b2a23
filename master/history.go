package master

import (
	"strings"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// keptEvents is how many events are kept.
	keptEvents = 4096
	// keptStories is how many jobs are remembered with their times.
	keptStories = 1000
	// keptText is how much is kept of what an event says.
	keptText = 4 << 10
)

// history is what happened lately, for people. It is safe for concurrent use.
type history struct {
	term   model.Term
	mu     sync.Mutex
	seq    uint64
	events []status.Event // a ring: event n is at n % keptEvents
	jobs   map[plan.JobID]*story
	order  []plan.JobID
}

// story is what the scheduler does not keep of a job.
type story struct {
	driver       plan.WorkerID
	began, ended time.Time
	locality     status.Locality      // of its actions' tasks
	hot          status.HotKeys       // of its actions' joins
	accumulators []status.Accumulator // as its driver told last
}

// add adds an event.
func (h *history) add(e status.Event) {
	if len(e.Text) > keptText {
		e.Text = strings.ToValidUTF8(e.Text[:keptText], "") + "…"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	e.Term, e.Seq, e.Time = uint64(h.term), h.seq, time.Now()
	if len(h.events) < keptEvents {
		h.events = append(h.events, e)
		return
	}
	h.events[(h.seq-1)%keptEvents] = e
}

// last gives the last n events, the oldest first.
func (h *history) last(n int) []status.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from(h.seq-min(h.seq, uint64(n)), n)
}

// after gives at most n of the events behind seq of a term, the oldest first. Behind
// one of another term are all.
func (h *history) after(term model.Term, seq uint64, n int) []status.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	if term != h.term {
		seq = 0
	}
	return h.from(seq, n)
}

// from gives at most n events behind seq. The mutex is held.
func (h *history) from(seq uint64, n int) []status.Event {
	gone := h.seq - uint64(len(h.events))
	es := []status.Event{}
	for s := max(gone, seq) + 1; s <= h.seq && len(es) < n; s++ {
		es = append(es, h.events[(s-1)%keptEvents])
	}
	return es
}

// note takes what the scheduler tells.
func (h *history) note(n model.Note) {
	if n.Kind == model.NoteRefused { // whoever is refused could fill the history
		return
	}
	e := status.Event{Kind: n.Kind.String(), Job: string(n.Job), Partition: n.Partition, Worker: string(n.Worker), Count: n.Count, Text: n.Text}
	if n.Stage.Key != "" {
		e.Stage = string(n.Stage.Key)
	}
	h.add(e)
}

func (h *history) jobBegan(id plan.JobID, o *msg.Open, driver plan.WorkerID) {
	h.add(status.Event{Kind: "job accepted", Job: string(id), Worker: string(driver), Text: o.Name})
	h.remember(id, story{driver: driver, began: time.Now()})
}

// remember adds a job.
func (h *history) remember(id plan.JobID, s story) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs == nil {
		h.jobs = map[plan.JobID]*story{}
	}
	h.jobs[id] = &s
	if h.order = append(h.order, id); len(h.order) > keptStories {
		delete(h.jobs, h.order[0])
		h.order = h.order[1:]
	}
}

func (h *history) jobEnded(e model.JobEnd) {
	text := e.State.String()
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	h.add(status.Event{Kind: "job ended", Job: string(e.Job), Text: text})
	h.ended(e.Job, time.Now())
}

// ended notes when a job ended.
func (h *history) ended(id plan.JobID, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.jobs[id]; s != nil {
		s.ended = at
	}
}

// actionEnded adds up where an action's tasks ran, and what its joins split.
func (h *history) actionEnded(a *plan.ActionStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.jobs[a.ID.Job]
	if s == nil {
		return
	}
	for i := range a.Stages {
		c := &a.Stages[i].Counters
		s.locality.Add(locality(*c))
		s.hot.Keys += c.HotKeys
		s.hot.Parts += c.HotParts
	}
}

// shown notes the values of a job's accumulators.
func (h *history) shown(id plan.JobID, all []plan.Shown) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.jobs[id]; s != nil {
		s.accumulators = nil // which others may be looking at
		for _, a := range all {
			s.accumulators = append(s.accumulators, status.Accumulator{Name: a.Name, Value: a.Value})
		}
	}
}

// tell fills in what is known of a job.
func (h *history) tell(j *status.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.jobs[plan.JobID(j.ID)]
	if s == nil {
		return
	}
	j.Locality, j.HotKeys, j.Accumulators = s.locality, s.hot, s.accumulators
	j.Driver, j.Began, j.Ended = string(s.driver), s.began, s.ended
	end := s.ended
	if end.IsZero() {
		end = time.Now()
	}
	j.Duration = end.Sub(s.began).Seconds()
}
