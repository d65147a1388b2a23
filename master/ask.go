package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	grpcstatus "google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// mostListed is how many tasks one answer has.
	mostListed = 10_000
	// logWait is how long workers have to answer about logs.
	logWait = 2 * time.Second
)

// Ask answers a question about the cluster.
func (s service) Ask(st *msg.Stream) error {
	q, err := first[msg.Ask](st)
	if err != nil {
		return err
	}
	v, err := s.answer(&q)
	var b []byte
	if err == nil {
		b, err = json.Marshal(v)
	}
	if err != nil {
		return st.Send(msg.Answer{Error: err.Error()})
	}
	return st.Send(msg.Answer{JSON: b})
}

func (s service) answer(q *msg.Ask) (any, error) {
	switch q.About {
	case msg.AboutJobs:
		return s.Jobs(), nil
	case msg.AboutWorkers:
		return s.Workers(), nil
	case msg.AboutEvents:
		return s.events(q), nil
	case msg.AboutTotals:
		return s.Totals(), nil
	}
	id, err := s.find(q.Job)
	if err != nil {
		return nil, err
	}
	switch q.About {
	case msg.AboutJob:
		for _, j := range s.Jobs() {
			if j.ID == string(id) {
				return j, nil
			}
		}
		return nil, fmt.Errorf("job %s is forgotten", id)
	case msg.AboutStages:
		return s.Stages(id), nil
	case msg.AboutTasks:
		return s.tasks(id, q.Stage)
	case msg.AboutLogs:
		return s.logs(id), nil
	case msg.AboutLog:
		return s.partOf(id, q)
	}
	return nil, fmt.Errorf("question %q is unknown to this master", q.About)
}

// view asks the scheduler, in the engine's loop.
func view[T model.Answer](m *Master, q model.Query) (got T) {
	m.inLoop(func() { got, _ = m.engine.View(q).(T) })
	return got
}

// inLoop runs f in the engine's loop and waits for it.
func (m *Master) inLoop(f func()) {
	done := make(chan struct{})
	m.engine.Call(func() model.Event {
		f()
		close(done)
		return nil
	})
	select {
	case <-done:
	case <-m.engine.Done():
	}
}

// Jobs lists the jobs that are not forgotten, in the order of their submission.
func (m *Master) Jobs() []status.Job {
	out := []status.Job{}
	for _, v := range view[model.JobList](m, model.Jobs{}) {
		j := status.Job{ID: string(v.Job), Name: v.Name, User: v.User, Owner: v.Owner, Pool: v.Pool, State: v.State.String(), Running: v.Running, Actions: []status.Action{}}
		j.Cause = causeText(v.Cause)
		for _, p := range v.Programs {
			j.Programs = append(j.Programs, status.Program{Platform: string(p.Platform), Binary: string(p.Binary)})
		}
		for _, p := range v.LeftOut {
			j.LeftOut = append(j.LeftOut, string(p))
		}
		for _, a := range v.Actions {
			j.Actions = append(j.Actions, status.Action{N: a.Action.N, Name: a.Name, Site: a.Site, Description: a.Labels.Description, Tags: a.Labels.Tags, State: a.State.String(), Done: a.Done, Of: a.Wanted,
				Cause: causeText(a.Cause)})
		}
		m.history.tell(&j)
		out = append(out, j)
	}
	return out
}

func causeText(c *model.Cause) string {
	if c == nil {
		return ""
	}
	return c.Error()
}

// find gives the job that an id, or the beginning of only one, names.
func (m *Master) find(id plan.JobID) (plan.JobID, error) {
	all := view[model.JobList](m, model.Jobs{})
	var found, last []string
	for _, v := range all {
		if v.Job == id {
			return id, nil
		}
		if id != "" && strings.HasPrefix(string(v.Job), string(id)) {
			found = append(found, string(v.Job))
		}
		last = append(last, string(v.Job))
	}
	switch {
	case len(found) == 1:
		return plan.JobID(found[0]), nil
	case len(found) > 1:
		return "", fmt.Errorf("job %s: several begin so: %s", id, strings.Join(found, ", "))
	case len(last) == 0:
		return "", fmt.Errorf("job %s: this master has had no jobs", id)
	}
	return "", fmt.Errorf("job %s is unknown to this master; the last ones are %s", id, strings.Join(last[max(0, len(last)-3):], ", "))
}

// Stages lists the stages of a job, sources first.
func (m *Master) Stages(id plan.JobID) []status.Stage {
	out := []status.Stage{}
	for _, v := range view[model.StageList](m, model.Stages{Job: id}) {
		st := status.Stage{Key: string(v.Stage.Key), Name: v.Spec.Name, Site: v.Spec.Site, State: "waiting", Tasks: v.N, Done: v.Done, Running: v.Running,
			Queued: v.Queued, Pending: v.Pending, Gen: int(v.Gen), Try: v.Try, Locality: locality(work.CountersOf(v.Counters)), Fraction: v.Fraction}
		switch {
		case v.Running > 0:
			st.State = "running"
		case v.Sized && v.Done == v.N:
			st.State = "complete"
		}
		out = append(out, st)
	}
	return out
}

// locality is what counters say of where tasks ran.
func locality(c plan.Counters) status.Locality {
	return status.Locality{Process: c.AtProcess, Node: c.AtNode, Rack: c.AtRack, Any: c.AtAny}
}

// tasks lists the tasks of a job's stages, or of the one that is named.
func (m *Master) tasks(id plan.JobID, stage string) ([]status.Task, error) {
	out, any := []status.Task{}, stage == ""
	for _, st := range view[model.StageList](m, model.Stages{Job: id}) {
		if stage != "" && string(st.Stage.Key) != stage && st.Spec.Name != stage {
			continue
		}
		any = true
		for _, v := range view[model.TaskList](m, model.Tasks{Stage: st.Stage}) {
			t := status.Task{Stage: string(st.Stage.Key), Partition: v.Partition, State: v.State.String(), Failures: v.Failures}
			if v.State == model.TaskFinished {
				t.Level = v.Level.String()
			}
			for _, a := range v.Attempts {
				t.Attempts = append(t.Attempts, status.Attempt{Worker: string(a.Worker), Level: a.Level.String(), Speculative: a.Twin,
					Queued: a.Queued, Rows: a.Rows, Fraction: a.Fraction})
			}
			if n := len(t.Attempts); n > 0 && !slices.ContainsFunc(t.Attempts, func(a status.Attempt) bool { return !a.Queued }) {
				t.State = "queued"
			}
			if out = append(out, t); len(out) == mostListed {
				return out, nil
			}
		}
	}
	if !any {
		return nil, fmt.Errorf("job %s has no stage %q: rddctl stages %s lists them", id, stage, id)
	}
	return out, nil
}

// Workers lists the workers that are or were there, in the order of their coming.
func (m *Master) Workers() []status.Worker {
	out := []status.Worker{}
	m.inLoop(func() {
		all, _ := m.engine.View(model.Workers{}).(model.WorkerList)
		for _, v := range all {
			w := status.Worker{ID: string(v.Worker), State: v.State.String(), Slots: v.Slots, Running: v.Running, Queued: v.Queued, Outputs: v.Outputs, Rack: v.Rack,
				Excluded: v.Excluded, Address: m.peers[v.Worker].Address, Incarnation: strconv.FormatUint(uint64(v.Inc), 16)}
			if at := m.workers[v.Worker]; at != nil {
				w.PID, w.Memory, w.Limits, w.Labels, w.Version = at.said.PID, at.said.Memory, at.said.Limits, at.said.Labels, at.said.Version
				w.OS, w.Arch = at.said.Platform.Of()
				w.Drivers, w.Attached = m.detached.runs(v.Worker), at.since
				w.LeaseAge = (time.Since(at.since) - time.Duration(at.heard.Load())).Seconds()
			}
			out = append(out, w)
		}
	})
	return out
}

// events lists what happened last, or behind an event that is known.
func (m *Master) events(q *msg.Ask) []status.Event {
	n := min(max(q.Limit, 1), 1000)
	if q.Term == 0 {
		return m.history.last(n)
	}
	return m.history.after(model.Term(q.Term), q.After, n)
}

// Totals are sums over all.
func (m *Master) Totals() status.Totals {
	v := view[model.Sums](m, model.Totals{})
	return status.Totals{Term: uint64(v.Term), Workers: v.Workers, Slots: v.Slots, Free: v.Free, Jobs: v.Jobs, Actions: v.Actions, Stages: v.Stages, Tasks: v.Tasks,
		Pending: v.Pending, Running: v.Running, Queued: v.Queued, Launched: v.Launched, Done: v.Done, Failed: v.Failed, Lost: v.Lost, Discarded: v.Discarded, Refused: v.Refused}
}

// Tell does what somebody wants to have done.
func (s service) Tell(st *msg.Stream) error {
	t, err := first[msg.Tell](st)
	if err != nil {
		return err
	}
	err = s.obey(st.Context(), &t)
	switch _, denied := grpcstatus.FromError(err); {
	case err == nil:
		return st.Send(msg.Answer{})
	case denied:
		return err
	}
	return st.Send(msg.Answer{Error: err.Error()})
}

// obey does it for who may: all but to cancel is for administrators.
func (s service) obey(ctx context.Context, t *msg.Tell) error {
	if *t == (msg.Tell{Cancel: t.Cancel, Action: t.Action, Tag: t.Tag, Reason: t.Reason}) && t.Cancel != "" {
		return s.cancel(ctx, t)
	}
	if err := s.access.administers(ctx); err != nil {
		return err
	}
	switch {
	case t.Revoke != "":
		return s.revoke(ctx, t.Revoke)
	case t.RotateGossip:
		return s.rotateGossip(ctx)
	case t.Drain != "" || t.Undrain != "":
		return s.drain(t)
	}
	return errors.New("this master does not know what is wanted")
}

// cancel ends a job, or actions of it, for who may.
func (s service) cancel(ctx context.Context, t *msg.Tell) error {
	id, err := s.find(t.Cancel)
	if err != nil {
		return err
	}
	for _, j := range s.Jobs() {
		if j.ID != string(id) {
			continue
		}
		if err := s.access.ends(ctx, id, j.Owner); err != nil {
			return err
		}
		if j.Over() {
			return fmt.Errorf("job %s has ended already: %s", id, j.State)
		}
		if err := cancellable(&j, t); err != nil {
			return err
		}
		s.engine.Send(model.Cancel{Job: id, Action: t.Action, Tag: t.Tag, Reason: t.Reason})
		return nil
	}
	return fmt.Errorf("job %s is forgotten", id)
}

// cancellable says why there is nothing to cancel of a job that runs.
func cancellable(j *status.Job, t *msg.Tell) error {
	switch {
	case t.Action == 0 && t.Tag == "":
		return nil
	case t.Action != 0 && t.Tag != "":
		return errors.New("cancel an action, or those of a tag: not both")
	}
	for i := range j.Actions {
		if a := &j.Actions[i]; a.N == t.Action || t.Tag != "" && slices.Contains(a.Tags, t.Tag) && !a.Over() {
			if a.Over() {
				return fmt.Errorf("action %d of job %s has ended already: %s", a.N, j.ID, a.State)
			}
			return nil
		}
	}
	if t.Tag != "" {
		return fmt.Errorf("no action of job %s that runs has the tag %q", j.ID, t.Tag)
	}
	return fmt.Errorf("job %s has no action %d, or it is forgotten", j.ID, t.Action)
}

// drain takes a worker out of use, or into it again.
func (s service) drain(t *msg.Tell) error {
	id := t.Drain + t.Undrain
	var names []string
	for _, w := range s.Workers() {
		if w.ID == string(id) && w.State != "lost" {
			if t.Drain != "" {
				s.engine.Send(model.Drain{Worker: id, Force: t.Force})
			} else {
				s.engine.Send(model.Undrain{Worker: id})
			}
			return nil
		}
		names = append(names, w.ID)
	}
	return fmt.Errorf("there is no worker %s; there are %s", id, strings.Join(names, ", "))
}
