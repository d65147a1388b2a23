package master

import (
	"errors"

	"github.com/gordd-project/gordd/internal/engine"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// effects are where the engine's decisions go.
type effects struct{ *Master }

func (e effects) Worker(id plan.WorkerID, cmds []model.Command) {
	w := e.workers[id]
	if w == nil {
		return
	}
	for _, c := range cmds {
		if d, ok := c.(model.Detach); ok && d.Session == w.session && (d.Why == model.DetachLeft || d.Why == model.DetachDrained) {
			w.leaves = true
		}
		if ack, ok := c.(model.Ack); ok {
			w.out.Later(ack)
			continue
		}
		w.out.Put(c)
	}
}

func (e effects) Driver(id plan.JobID) engine.Driver {
	if d := e.drivers[id]; d != nil && !e.stepped {
		return d
	}
	return nil
}

func (e effects) Other(c model.Command) {
	switch c := c.(type) {
	case model.Probe:
		e.probe(c)
	case model.NewerTerm:
		if w := e.workers[c.Worker]; w != nil {
			w.out.Put(c)
		}
	case model.StepDown:
		e.stepped = true
		e.fail(errors.New("this master has stepped down: " + c.Why))
	case model.Note:
		e.history.note(c)
		if c.Kind == model.NoteWorkerLost && e.workers[c.Worker] == nil {
			delete(e.peers, c.Worker)
		}
		e.log.Debug("scheduler", "note", c.Kind.String(), "job", string(c.Job), "worker", string(c.Worker), "text", c.Text)
	}
}
