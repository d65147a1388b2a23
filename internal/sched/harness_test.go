package sched

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// rig drives a machine by hand: time moves when told, workers answer when told.
type rig struct {
	t    testing.TB
	s    *Scheduler
	now  model.Instant
	out  []model.Command // of the last step
	all  []model.Command
	inc  map[plan.WorkerID]model.Inc
	runs []model.Assignment // launched and not answered, in order
	on   map[uint64]plan.WorkerID
	read map[uint64][]model.Read
	deaf bool // workers do not obey Kill
}

func newRig(t testing.TB, change func(*model.Config)) *rig {
	return newRigOf(t, change, model.SubmitJob{Job: "j", Request: 1})
}

// newRigOf makes a rig with a job of one's own, which is called j.
func newRigOf(t testing.TB, change func(*model.Config), submit model.SubmitJob) *rig {
	c := model.Defaults("c", 7)
	c.Journal, c.DriverLease = false, 0
	c.WaitNode, c.WaitProcess, c.WaitRack = 0, 0, 0
	if change != nil {
		change(&c)
	}
	r := &rig{t: t, s: New(c), now: model.Instant(time.Hour), inc: map[plan.WorkerID]model.Inc{},
		on: map[uint64]plan.WorkerID{}, read: map[uint64][]model.Read{}}
	r.step(submit)
	return r
}

func (r *rig) step(ev model.Event) []model.Command {
	r.t.Helper()
	r.out = slices.Clone(r.s.Step(r.now, ev))
	r.all = append(r.all, r.out...)
	for _, c := range r.out {
		switch c := c.(type) {
		case model.Launch:
			for _, a := range c.Tasks {
				r.runs = append(r.runs, a)
				r.on[a.Attempt.Seq] = c.Worker
				r.read[a.Attempt.Seq] = c.Reads
			}
		case model.Kill:
			r.drop(c.Attempt)
		}
	}
	if err := r.s.Check(); err != nil {
		r.t.Fatalf("after %T: %v", ev, err)
	}
	out := r.out
	for _, c := range out {
		if k, ok := c.(model.Kill); ok && !r.deaf {
			out = append(out, r.fail(k.Attempt, model.TaskFailed{Class: model.Killed})...)
		}
	}
	r.out = out
	return out
}

func (r *rig) drop(id model.AttemptID) {
	r.runs = slices.DeleteFunc(r.runs, func(a model.Assignment) bool { return a.Attempt == id })
}

func (r *rig) from(w plan.WorkerID) model.From {
	return model.From{Cluster: "c", Protocol: 1, Term: 7, Worker: w, Inc: r.inc[w], Session: model.Session(r.inc[w])}
}

// attach lets workers in, each on a host of its own name.
func (r *rig) attach(slots int, ws ...plan.WorkerID) {
	r.t.Helper()
	r.attachOn("", slots, ws...)
}

// attachOn is attach for workers of a platform.
func (r *rig) attachOn(p plan.Platform, slots int, ws ...plan.WorkerID) {
	r.t.Helper()
	for _, w := range ws {
		r.inc[w]++
		r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w)}, Slots: slots, Platform: p})
	}
}

// pass lets time go by in small steps while the named workers renew.
func (r *rig) pass(d time.Duration, ws ...plan.WorkerID) {
	r.t.Helper()
	for _, a := range slices.Clone(r.runs) {
		if w := r.on[a.Attempt.Seq]; slices.Contains(ws, w) {
			r.step(model.TaskStarted{From: r.from(w), Attempt: a.Attempt})
		}
	}
	for end := r.now.Add(d); r.now < end; {
		r.now = min(end, r.now.Add(500*time.Millisecond))
		var l []model.Renewal
		for _, w := range ws {
			l = append(l, model.Renewal{Worker: w, Inc: r.inc[w], Session: model.Session(r.inc[w]), SentAt: r.now, Heard: true})
		}
		r.step(model.Renewed{Renewals: l})
	}
}

// action submits a graph with sizes by key; the target is the last stage.
func (r *rig) action(n int, sink model.Sink, sizes map[plan.StageKey]int, graph ...model.StageSpec) {
	r.t.Helper()
	target := graph[len(graph)-1].Key
	out := r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: n}, Plan: plan.Digest(fmt.Sprint(n)),
		Graph: graph, Target: target, Sink: sink})
	for _, c := range out {
		switch c := c.(type) {
		case model.Reply:
			if c.Err != nil {
				r.t.Fatalf("action %d: %s", n, c.Err.Message)
			}
		case model.PrepareOutput:
			r.step(model.OutputPrepared{Action: c.Action})
		case model.PlanSplits:
			ev := model.SplitsReady{Action: c.Action}
			for _, k := range c.Stages {
				ev.Sizes = append(ev.Sizes, model.StageSize{Key: k, N: sizes[k]})
			}
			r.step(ev)
		}
	}
}

func mapStage(key plan.StageKey, parents ...plan.StageKey) model.StageSpec {
	s := model.StageSpec{Key: key, Kind: model.MapStage}
	for _, p := range parents {
		s.Parents = append(s.Parents, model.Parent{Key: p})
	}
	return s
}

func result(key plan.StageKey, parents ...plan.StageKey) model.StageSpec {
	s := mapStage(key, parents...)
	s.Kind = model.ResultStage
	return s
}

// run returns the running attempt of a task.
func (r *rig) run(key plan.StageKey, part int) model.AttemptID {
	r.t.Helper()
	for _, a := range r.runs {
		if a.Attempt.Stage.Key == key && a.Attempt.Partition == part {
			return a.Attempt
		}
	}
	r.t.Fatalf("%s p%d does not run; running: %v", key, part, r.runs)
	return model.AttemptID{}
}

func (r *rig) runs1(key plan.StageKey) (parts []int) {
	for _, a := range r.runs {
		if a.Attempt.Stage.Key == key {
			parts = append(parts, a.Attempt.Partition)
		}
	}
	slices.Sort(parts)
	return parts
}

func (r *rig) done(id model.AttemptID) []model.Command {
	r.t.Helper()
	return r.doneWith(id, func(*model.TaskDone) {})
}

func (r *rig) doneWith(id model.AttemptID, change func(*model.TaskDone)) []model.Command {
	r.t.Helper()
	r.drop(id)
	d := model.TaskDone{From: r.from(r.on[id.Seq]), Attempt: id, Reads: r.read[id.Seq], Rows: 1, Bytes: 1,
		RowSum: uint64(id.Partition) + 1, Counters: []model.Counter{{Name: "n", Value: 1}}}
	change(&d)
	return r.step(d)
}

// finish answers everything that runs, of the given stages, until nothing does.
func (r *rig) finish(keys ...plan.StageKey) {
	r.t.Helper()
	for {
		k := slices.IndexFunc(r.runs, func(a model.Assignment) bool { return slices.Contains(keys, a.Attempt.Stage.Key) })
		if k < 0 {
			return
		}
		r.done(r.runs[k].Attempt)
	}
}

func (r *rig) fail(id model.AttemptID, f model.TaskFailed) []model.Command {
	r.t.Helper()
	r.drop(id)
	f.From, f.Attempt = r.from(r.on[id.Seq]), id
	return r.step(f)
}

// lost ends a worker's process, as a refused probe tells.
func (r *rig) lost(w plan.WorkerID) {
	r.t.Helper()
	out := r.step(model.StreamDown{Worker: w, Inc: r.inc[w], Session: model.Session(r.inc[w])})
	p, ok := find[model.Probe](out)
	if !ok {
		r.t.Fatalf("nobody asks for %s: %v", w, out)
	}
	r.runs = slices.DeleteFunc(r.runs, func(a model.Assignment) bool { return r.on[a.Attempt.Seq] == w })
	r.step(model.ProbeResult{Worker: w, Inc: p.Inc, No: p.No, Answer: model.ProbeRefused})
}

func find[C model.Command](out []model.Command) (C, bool) {
	for _, c := range out {
		if c, ok := c.(C); ok {
			return c, true
		}
	}
	var zero C
	return zero, false
}

func need[C model.Command](r *rig) C {
	r.t.Helper()
	c, ok := find[C](r.out)
	if !ok {
		r.t.Fatalf("no %T in %+v", c, r.out)
	}
	return c
}

func none[C model.Command](r *rig) {
	r.t.Helper()
	if c, ok := find[C](r.out); ok {
		r.t.Fatalf("unexpected %T %+v", c, c)
	}
}

// ended returns the end of action n.
func (r *rig) ended(n int) model.ActionEnd {
	r.t.Helper()
	for _, c := range r.all {
		if e, ok := c.(model.ActionEnd); ok && e.Action.N == n {
			return e
		}
	}
	r.t.Fatalf("action %d has not ended: %+v", n, r.s.View(model.Stages{Job: "j"}))
	return model.ActionEnd{}
}

func (r *rig) stageView(key plan.StageKey) model.StageView {
	for _, v := range r.s.View(model.Stages{Job: "j"}).(model.StageList) {
		if v.Stage.Key == key {
			return v
		}
	}
	r.t.Fatalf("no stage %s", key)
	return model.StageView{}
}

var files = model.Sink{Kind: model.Files, Path: "/out"}
