package master

import (
	"crypto/rand"
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/internal/journal"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// accepted is what a later master must know of a job beside what the scheduler
// does.
type accepted struct {
	Spec   msg.Job
	Again  string        // lets the driver attach again
	Driver plan.WorkerID // that runs it detached
}

// restore takes over what earlier masters of the directory have left, before the
// engine starts. What it gives goes on behind that.
func (m *Master) restore() (*restorer, error) {
	r := &restorer{m: m, blobs: map[plan.JobID][]plan.Digest{}}
	if err := m.engine.Restore(r.records()); err != nil {
		return nil, err
	}
	for _, j := range r.open {
		m.takeOver(j, r.blobs[j.Spec.ID])
	}
	if err := m.blobs.store.Sweep(); err != nil {
		m.log.Warn("files that no job needs are left", "err", err)
	}
	m.history.add(status.Event{Kind: "master started", Count: len(r.open), Text: fmt.Sprintf("term %d, %d records, %d jobs go on", m.term, r.n, len(r.open))})
	return r, nil
}

// goOn lets the jobs go on, but for those that cannot.
func (r *restorer) goOn() {
	for _, j := range r.open {
		if j.lost != nil {
			r.m.engine.Send(model.FinishJob{Job: j.Spec.ID, Session: j.driver.session, Reason: fmt.Sprintf("the master started again without its program: %v", j.lost)})
		}
		go service{r.m}.part(j.driver)
	}
}

// restorer makes a master's own state of its journal.
type restorer struct {
	m     *Master
	open  []*restoredJob // the oldest first
	blobs map[plan.JobID][]plan.Digest
	n     int
}

// restoredJob is a job that has not ended.
type restoredJob struct {
	accepted
	owner    string
	programs []model.Program
	driver   *jobDriver
	lost     error // why it cannot go on
}

// records passes the journal on to the engine, and takes from it what is the
// master's.
func (r *restorer) records() iter.Seq2[model.Record, error] {
	return func(yield func(model.Record, error) bool) {
		for e, err := range r.m.journal.Entries() {
			if err == nil {
				err = r.take(e)
			}
			if !yield(e.Record, err) {
				return
			}
			r.n++
		}
	}
}

func (r *restorer) take(e journal.Entry) error {
	switch rec := e.Record.(type) {
	case model.JobAccepted:
		id := rec.Submit.Job
		a, err := plan.Decode[accepted](rec.Submit.Data)
		if err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		r.open = append(r.open, &restoredJob{accepted: *a, owner: rec.Submit.Owner, programs: rec.Submit.Programs})
		r.m.history.remember(id, story{driver: a.Driver, began: e.At})
	case model.JobEnded:
		r.open = slices.DeleteFunc(r.open, func(j *restoredJob) bool { return j.Spec.ID == rec.Job })
		delete(r.blobs, rec.Job)
		r.m.history.ended(rec.Job, e.At)
	case model.BlobHeld:
		r.blobs[rec.Job] = append(r.blobs[rec.Job], rec.Digest)
	}
	return nil
}

// takeOver gives a job its place again. Its driver attaches within its lease.
func (m *Master) takeOver(j *restoredJob, held []plan.Digest) {
	j.driver = m.newDriver(j.Spec.ID, j.Again)
	j.driver.owner = j.owner
	m.drivers[j.Spec.ID] = &driverOf{jobDriver: j.driver}
	if j.Driver != "" {
		m.detached.drives(j.Driver, j.Spec.ID)
	}
	j.lost = m.blobs.reopen(j.Spec, j.programs, held)
}

// newDriver makes the driver of a job, with a session above all before it.
func (m *Master) newDriver(id plan.JobID, again string) *jobDriver {
	if again == "" {
		again = rand.Text()
	}
	return &jobDriver{m: m, job: id, session: model.Session(m.sessions.Add(1)), out: msg.NewOutbox(), ended: make(chan struct{}),
		link: link{again: again, parted: make(chan struct{})}}
}

// resumed takes what a driver has that comes back to a master which has started
// again.
func (d *jobDriver) resumed(r msg.Resume) {
	d.m.engine.Call(func() model.Event {
		ev := model.DriverAttach{Job: d.job, Session: d.session}
		for _, t := range r.Held {
			for _, p := range t.Partitions {
				ev.Held = append(ev.Held, model.ResultRef{Action: plan.ActionID{Job: d.job, N: t.N}, Gen: model.Gen(t.Gen), Partition: p})
			}
		}
		all, _ := d.m.engine.View(model.Stages{Job: d.job}).(model.StageList)
		for _, v := range all {
			if !slices.Contains(r.Released, v.Stage.Key) {
				ev.Handles = append(ev.Handles, v.Stage.Key)
			}
		}
		return ev
	})
}
