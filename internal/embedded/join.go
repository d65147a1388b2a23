package embedded

import (
	"os"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// effects passes the engine's decisions on to the agent and the driver.
type effects struct{ *Engine }

// Journal keeps nothing: an engine that ends with its process has nothing to
// remember.
func (effects) Journal([]model.Append) (bool, error) { return true, nil }

func (e effects) Worker(_ plan.WorkerID, cmds []model.Command) {
	for _, c := range cmds {
		if c, ok := c.(model.StartExec); ok { // it is there
			e.core.Reply(model.ExecUp{From: e.agent.From(), Job: c.Job, No: c.No})
		}
	}
	e.agent.CarryOut(cmds)
}

func (e effects) Driver(plan.JobID) engine.Driver { return drive(e) }

// Other has nothing to do: nobody is probed, and the end of a scheduler ends the
// job.
func (effects) Other(model.Command) {}

// drive tells the driver what the engine says.
type drive struct{ *Engine }

func (d drive) Replied(model.Reply) {}

func (d drive) Result(r model.Result) {
	of := d.values[r.Action.N]
	v, ok := of[r.Partition]
	if !ok || v.gen != r.Gen {
		return
	}
	delete(of, r.Partition)
	d.client.Result(r.Action.N, r.Gen, r.Partition, v.v)
}

func (d drive) Reset(r model.ResultReset)   { d.client.Reset(r.Action.N, r.Gen) }
func (d drive) Picture(s plan.ActionStatus) { d.client.Picture(s) }

func (d drive) Added(id plan.ActionID, updates []plan.StageUpdates) { d.client.Added(id.N, updates) }

func (d drive) End(s plan.ActionStatus, updates []plan.StageUpdates, err error) {
	d.client.End(s, updates, err)
}

func (d drive) Quiet(id plan.ActionID) {
	delete(d.values, id.N)
	d.blobs.Release(d.held[id.N]...)
	delete(d.held, id.N)
	d.client.Quiet(id.N)
}

func (d drive) Notice(text string) { d.o.Log.Warn("scheduler", "notice", text) }

// JobEnd ends what the job's own end did not: that of a session finds nothing
// left.
func (d drive) JobEnd(c model.JobEnd) {
	err := driver.ErrClosed
	if c.Cause != nil {
		err = c.Cause
	}
	d.agent.EndAll(err)
	d.client.JobEnd(err)
}

// upstream gives the engine what the agent reports.
type upstream struct{ *Engine }

func (u upstream) Report(ev model.Event) { u.core.Reply(ev) }

// Done keeps the rows for the driver beside the scheduler, which only passes on
// that they are there.
func (u upstream) Done(ev model.TaskDone, res *plan.Result) {
	if n := ev.Attempt.Stage.Action; n != 0 && res.Staged == nil {
		of := u.values[n]
		if of == nil {
			of = map[int]value{}
			u.values[n] = of
		}
		v := driver.Inline(res.Value)
		if res.ValuePath != "" {
			v = driver.InFile(res.ValuePath)
		}
		of[ev.Attempt.Partition] = value{ev.Attempt.Gen, v}
	}
	u.core.Reply(ev)
}

// link is the driver's way to the engine.
type link struct{ *Engine }

func (l link) Begin(s work.Submission) error {
	if err := l.blobs.Hold(s.Plan.Blobs); err != nil {
		return err
	}
	l.core.Call(func() model.Event {
		l.held[s.ID.N] = s.Plan.Blobs
		return l.core.Begin(s)
	})
	return nil
}

func (l link) Cancel(id plan.ActionID, cause error) { l.core.Cancel(id, cause) }

func (l link) Taken(id plan.ActionID, gen model.Gen, partition int) {
	l.core.Send(model.ResultAck{Action: id, Gen: gen, Partitions: []int{partition}})
}

func (l link) Abandon(id plan.ActionID) { l.core.Abandon(id) }

// Forget removes the action's results before it returns, so that nothing is left
// of one that has ended.
func (l link) Forget(id plan.ActionID) {
	dirs := make(chan []string, 1)
	l.core.Call(func() model.Event {
		dirs <- l.agent.ForgetResults(id)
		return nil
	})
	select {
	case gone := <-dirs:
		for _, dir := range gone {
			_ = os.RemoveAll(dir)
		}
	case <-l.core.Done(): // all files go
	}
}
