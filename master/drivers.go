package master

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// jobDriver is a job's driver, whatever stream it has. It is the engine's Driver
// of the job: those methods are called from the engine's loop.
type jobDriver struct {
	m       *Master
	job     plan.JobID
	owner   string // who submitted it, by certificate; "": there are none
	session model.Session
	out     *msg.Outbox
	ended   chan struct{} // closed when the job has ended
	once    sync.Once     // closes it
	link    link
	begun   int // the last action; of whoever serves the stream at hand
}

const (
	// maxPlatforms is for how many platforms a job may have programs.
	maxPlatforms = 16
	// maxName is the most bytes of a name that a driver gives: those are remembered.
	maxName = 256
	// maxArguments is the most bytes of a program's arguments and environment, about
	// what Linux can start one with.
	maxArguments = 2 << 20
)

// check refuses what cannot be a job.
func (s service) check(o *msg.Open) error {
	n := 0
	for _, text := range slices.Concat(o.Args, o.Env) {
		n += len(text) + 1
	}
	switch name := max(len(o.Name), len(o.User), len(o.Pool)); {
	case o.Protocol != msg.Protocol:
		return fmt.Errorf("the driver speaks protocol %d, this master %d: use one release of gordd for both", o.Protocol, msg.Protocol)
	case name > maxName:
		return fmt.Errorf("a name of %d bytes: the most is %d", name, maxName)
	case n > maxArguments:
		return fmt.Errorf("arguments and environment of %d bytes: the most is %d", n, maxArguments)
	case len(o.Programs) == 0 || len(o.Programs) > maxPlatforms:
		return fmt.Errorf("programs for %d platforms: give at least one, and at most %d", len(o.Programs), maxPlatforms)
	case o.Memory < 0 || o.Slots < 0 || o.Failures < 0 || o.Stuck < 0:
		return errors.New("limits below zero")
	}
	for i, p := range o.Programs {
		switch {
		case !p.Platform.Valid():
			return fmt.Errorf("%q is no platform", p.Platform)
		case slices.ContainsFunc(o.Programs[:i], func(q model.Program) bool { return q.Platform == p.Platform }):
			return fmt.Errorf("two programs for %s", p.Platform)
		case !p.Binary.Valid() || !s.blobs.store.Has(p.Binary):
			return fmt.Errorf("the program for %s was not uploaded", p.Platform)
		}
	}
	if err := s.checkFiles(o.Files); err != nil {
		return err
	}
	return s.room()
}

// checkFiles refuses files that cannot be a job's.
func (s service) checkFiles(files []msg.File) error {
	var names []string
	for _, f := range files {
		if !f.Digest.Valid() || !s.blobs.store.Has(f.Digest) {
			return fmt.Errorf("file %q was not uploaded", f.Name)
		}
		names = append(names, f.Name)
	}
	return wire.CheckFiles(names)
}

// accept hands a job to the scheduler, and gives its answer.
func (d *jobDriver) accept(submit model.SubmitJob) error {
	answer := make(chan *model.Cause, 1)
	d.m.engine.Call(func() model.Event {
		of := &driverOf{jobDriver: d}
		d.m.drivers[d.job] = of
		submit.Request, submit.Job, submit.Key, submit.Session = of.expect(answer), d.job, string(d.job), d.session
		return submit
	})
	select {
	case cause := <-answer:
		if cause != nil {
			return cause
		}
		return nil
	case <-d.m.engine.Done():
		return errors.New("the master ends")
	}
}

func (d *jobDriver) heed(m any) (finished bool, err error) {
	e := d.m.engine
	id := func(n int) plan.ActionID { return plan.ActionID{Job: d.job, N: n} }
	switch m := m.(type) {
	case *wire.Begin:
		return false, d.begin(m)
	case msg.Resume:
		d.resumed(m)
	case *wire.CancelAction:
		e.Cancel(id(m.N), errors.New(m.Reason))
	case *wire.Taken:
		e.Send(model.ResultAck{Action: id(m.N), Gen: model.Gen(m.Gen), Partitions: m.Partitions})
	case *wire.Abandon:
		e.Abandon(id(m.N))
	case *wire.ForgetAction:
	case *wire.Release:
		e.Release(d.job, m.Stage)
	case *wire.ReleaseFiles:
		e.ReleaseFiles(d.job, m.Files)
	case *wire.ReleaseBlob:
		d.m.blobs.release(d.job, m.Digest)
	case *wire.Shown:
		d.m.history.shown(d.job, m.Accumulators)
	case *wire.Finish:
		e.Send(model.FinishJob{Job: d.job, Session: d.session, Reason: m.Reason})
		return true, nil
	default:
		return false, fmt.Errorf("a driver says %T", m)
	}
	return false, nil
}

// begin hands an action to the engine. What is wrong with it its driver hears as
// the action's end.
func (d *jobDriver) begin(m *wire.Begin) error {
	id := plan.ActionID{Job: d.job, N: m.N}
	if m.N <= d.begun { // it would take the place of one that may be under way
		return fmt.Errorf("action %d begins after action %d", m.N, d.begun)
	}
	d.begun = m.N
	p, err := plan.Decode[plan.Plan](m.Plan)
	if err != nil {
		return err
	}
	if err := work.Check(p); err != nil {
		d.End(plan.ActionStatus{ID: id, Name: p.Action, Site: p.Site, State: plan.ActionFailed}, nil, work.Wrap(p, err))
		d.Quiet(id)
		return nil
	}
	d.m.engine.Call(func() model.Event {
		return d.m.engine.Begin(work.Submission{ID: id, Plan: p, Hash: plan.DigestOf(m.Plan), Encoded: m.Plan, Partitions: m.Partitions,
			Consumed: m.Consumed, Ahead: m.Ahead})
	})
	return nil
}

// driverOf is a driver with what the scheduler has not answered yet.
type driverOf struct {
	*jobDriver
	asked   model.Request // the last one
	answers map[model.Request]chan<- *model.Cause
}

// expect gives the number of a request whose answer goes to a channel with room for
// it: why it is refused, or nil.
func (d *driverOf) expect(answer chan<- *model.Cause) model.Request {
	if d.answers == nil {
		d.answers = map[model.Request]chan<- *model.Cause{}
	}
	d.asked++
	d.answers[d.asked] = answer
	return d.asked
}

// Replied takes the scheduler's answers. Those to actions come as their ends.
func (d *driverOf) Replied(r model.Reply) {
	if answer := d.answers[r.Request]; r.Action == 0 && answer != nil {
		delete(d.answers, r.Request)
		answer <- r.Err
	}
}

// Result passes on where a result is.
func (d *jobDriver) Result(r model.Result) {
	d.out.Later(&wire.Result{N: r.Action.N, Gen: int(r.Gen), Partition: r.Partition, Bytes: r.Bytes, Address: r.Address})
}

// Reset voids results.
func (d *jobDriver) Reset(r model.ResultReset) {
	d.out.Put(&wire.Reset{N: r.Action.N, Gen: int(r.Gen)})
}

// Picture passes on how far an action is.
func (d *jobDriver) Picture(s plan.ActionStatus) { d.out.Put(&s) }

// Added passes on what is to be shown.
func (d *jobDriver) Added(id plan.ActionID, updates []plan.StageUpdates) {
	d.out.Put(&wire.Added{N: id.N, Updates: updates})
}

// End passes on how an action ended.
func (d *jobDriver) End(s plan.ActionStatus, updates []plan.StageUpdates, err error) {
	d.m.history.actionEnded(&s)
	portions := plan.Portions(updates)
	last := len(portions) - 1
	for i, p := range portions[:last] {
		d.out.Put(&wire.Portion{N: s.ID.N, At: i, Updates: p})
	}
	d.out.Put(&wire.ActionEnd{Status: s, Portions: last, Updates: portions[last], Trouble: driver.Trouble(err)})
}

// Quiet passes on that nothing works for an action any more.
func (d *jobDriver) Quiet(id plan.ActionID) { d.out.Put(&wire.Quiet{N: id.N}) }

// Notice passes on a line for the user.
func (d *jobDriver) Notice(text string) { d.out.Put(&wire.Notice{Text: text}) }

// JobEnd is the end of the job.
func (d *jobDriver) JobEnd(e model.JobEnd) {
	why := "the job has ended"
	if e.Cause != nil {
		why = e.Cause.Error()
	}
	d.out.Put(&wire.JobEnd{Why: why})
	d.m.history.jobEnded(e)
	d.m.log.Info("job ended", "job", string(d.job), "state", e.State.String())
	d.once.Do(func() { close(d.ended) })
}
