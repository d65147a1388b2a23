package sched

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func records(out []model.Command) []model.Record {
	var recs []model.Record
	for _, c := range out {
		if a, ok := c.(model.Append); ok {
			recs = append(recs, a.Record)
		}
	}
	return recs
}

func each(recs []model.Record) iter.Seq2[model.Record, error] {
	return func(yield func(model.Record, error) bool) {
		for _, r := range recs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// successor restores a machine of the next term from what r's journal has.
func successor(t *testing.T, r *rig, recs []model.Record) *rig {
	t.Helper()
	c := r.s.cfg
	c.Term++
	n := &rig{t: t, s: New(c), now: r.now, inc: r.inc, on: r.on, read: r.read}
	if err := n.s.Restore(each(recs)); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Check(); err != nil {
		t.Fatal(err)
	}
	return n
}

func (r *rig) fromTerm(w plan.WorkerID, session model.Session) model.From {
	f := r.from(w)
	f.Term, f.Session = r.s.cfg.Term, session
	return f
}

func journalled(c *model.Config) { c.Journal = true }

// TestR65ResultsAreAwaited has a driver that does not get what it is sent: the action
// has not ended as long as it could lack a result, for this master and for the next.
func TestR65ResultsAreAwaited(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
	r.finish("r")
	r.step(model.DriverAttach{Job: "j", Session: 2})
	var again []int
	for _, c := range r.out {
		if c, ok := c.(model.Result); ok {
			again = append(again, c.Partition)
		}
	}
	r.parts("sent again, and not made again", again, 0, 1)
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.ResultAck{Action: id, Partitions: []int{1}})
	for _, c := range r.all {
		if e, ok := c.(model.ActionEnd); ok {
			t.Fatalf("ended without a word of partition 0: %+v", e)
		}
	}
	n := successor(t, r, records(r.all))
	n.step(model.SubmitAction{Action: id})
	if e, ok := find[model.ActionEnd](n.out); ok {
		t.Errorf("the next master says %+v", e)
	}
	r.step(model.ResultAck{Action: id, Partitions: []int{0}})
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 2 {
		t.Errorf("end %+v", e)
	}
}

func TestT4MasterKilledAfterTheIntent(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1")
	r.action(1, files, map[plan.StageKey]int{"r": 2}, result("r"))
	r.finish("r")
	before := need[model.Publish](r).Manifest
	n := successor(t, r, records(r.all))
	n.step(model.Tick{})
	if got := need[model.Publish](n).Manifest; len(got.Files) != 2 || got.Files[1].Attempt != before.Files[1].Attempt {
		t.Errorf("manifest %+v, want %+v", got, before)
	}
	n.step(model.Cancel{Request: 1, Job: "j", Action: 1})
	if got := need[model.Reply](n); got.Err == nil {
		t.Error("cancelled after the intent")
	}
	n.step(model.Published{Action: plan.ActionID{Job: "j", N: 1}})
	if n.ended(1).State != model.ActionDone {
		t.Error("not done")
	}
	n.step(model.TaskDone{From: r.from("w1"), Attempt: before.Files[0].Attempt})
	need[model.NewerTerm](n)
}

func TestRestoreAdoptsWhatRuns(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1", "w2")
	r.action(1, files, map[plan.StageKey]int{"m": 3, "r": 1}, mapStage("m"), result("r", "m"))
	r.done(r.run("m", 0))
	held := slices.Collect(r.s.Outputs("j", "m"))
	n := successor(t, r, records(r.all))
	n.step(model.Tick{})
	none[model.Launch](n)
	for _, w := range []plan.WorkerID{"w1", "w2"} {
		inv := model.Inventory{Executors: []model.ExecutorRef{{Job: "j", No: 1}}}
		for _, a := range r.runs {
			if r.on[a.Attempt.Seq] == w {
				inv.Running = append(inv.Running, a.Attempt)
			}
		}
		for _, o := range held {
			if o.Worker == w {
				inv.Outputs = append(inv.Outputs, o)
			}
		}
		n.step(model.Attach{From: n.fromTerm(w, 50), Store: model.StoreID(w), Hosts: []string{string(w)}, Slots: 1, Inventory: inv})
		none[model.Kill](n)
		none[model.Launch](n)
	}
	for _, a := range r.runs {
		w := r.on[a.Attempt.Seq]
		n.step(model.TaskDone{From: n.fromTerm(w, 50), Attempt: a.Attempt, Reads: r.read[a.Attempt.Seq]})
		if ack := need[model.Ack](n); !ack.Keep {
			t.Errorf("%s is discarded", a.Attempt)
		}
	}
	l := need[model.Launch](n)
	if l.Stage.Key != "r" || l.Tasks[0].Attempt.Term != 8 {
		t.Errorf("%+v", l)
	}
	if got := n.stageView("m"); got.Done != 3 {
		t.Errorf("%+v", got)
	}
}

func TestRestoreWithoutTheWorkers(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 2, "r": 1}, mapStage("m"), result("r", "m"))
	r.finish("m")
	n := successor(t, r, records(r.all))
	n.step(model.Tick{})
	if n.stageView("m").Done != 2 {
		t.Error("outputs of workers that may come back are dropped")
	}
	n.inc = map[plan.WorkerID]model.Inc{}
	n.pass(11 * time.Second)
	if n.stageView("m").Done != 0 {
		t.Error("outputs of workers that did not come back are kept")
	}
	n.inc["w3"] = 0
	f := n.fromTerm("w3", 1)
	n.step(model.Attach{From: f, Store: "w3", Slots: 2})
	if l := need[model.Launch](n); l.Stage.Key != "m" || len(l.Tasks) != 2 {
		t.Errorf("%+v", l)
	}
}

// Every prefix of a journal restores to a state that holds together, and that
// goes on to the end (I30).
func TestRestoreEveryPrefix(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1", "w2")
	sizes := map[plan.StageKey]int{"m": 4, "r": 2, "q": 2}
	r.action(1, files, sizes, mapStage("m"), result("r", "m"))
	r.done(r.run("m", 0))
	r.fail(r.run("m", 1), model.TaskFailed{Message: "once"})
	r.lost("w2")
	r.finish("m", "r")
	r.step(model.Published{Action: plan.ActionID{Job: "j", N: 1}})
	r.step(model.Collected{Action: plan.ActionID{Job: "j", N: 1}})
	r.action(2, model.Sink{}, sizes, mapStage("m"), result("q", "m"))
	r.finish("q")
	r.step(model.FinishJob{Job: "j"})
	recs := records(r.all)
	if len(recs) < 20 {
		t.Fatalf("only %d records", len(recs))
	}
	for k := range recs {
		n := successor(t, r, recs[:k])
		n.step(model.Tick{})
		n.step(model.SubmitJob{Job: "j", Request: 1})
		if got := need[model.Reply](n); got.Err != nil {
			t.Errorf("prefix %d: %+v", k, got.Err)
		}
	}
	n := successor(t, r, recs)
	if v := n.s.View(model.Jobs{}).(model.JobList); len(v) != 1 || v[0].State != model.JobDone {
		t.Errorf("%+v", v)
	}
}

func TestRestoreRefusesItsOwnTermAndErrors(t *testing.T) {
	s := New(model.Defaults("c", 3))
	if err := s.Restore(each([]model.Record{model.TermStarted{Term: 3}})); err == nil {
		t.Error("two masters of one term")
	}
	s = New(model.Defaults("c", 3))
	err := s.Restore(func(yield func(model.Record, error) bool) { yield(nil, errBroken) })
	if err == nil || err.Error() != "restore scheduler: record 0: broken" {
		t.Error(err)
	}
}

func TestRestoreSkipsWhatHasNoHome(t *testing.T) {
	id := model.AttemptID{Stage: model.StageID{Job: "x", Key: "m"}, Term: 1, Seq: 1}
	s := New(model.Defaults("c", 3))
	err := s.Restore(each([]model.Record{
		model.TermStarted{Term: 1}, model.OutputAt{Output: model.MapOutput{Attempt: id}}, model.Won{File: model.StagedFile{Attempt: id}},
		model.ResultAt{Attempt: id}, model.Failure{Attempt: id, Worker: "w"}, model.OutputGone{Stage: id.Stage}, model.GenRaised{Job: "x"},
		model.ClassChanged{Stage: id.Stage}, model.Launched{Worker: "w", Attempts: []model.AttemptID{id}}, model.Prepared{}, model.Committed{},
		model.CommitIntent{}, model.ActionEnded{}, model.CollectedRecord{}, model.JobEnded{Job: "x"}, model.WorkerRule{Worker: "w", Excluded: true},
		model.WorkerSeen{Worker: "w", Inc: 4, Store: "s"}, model.PoolSet{Pool: model.Pool{Name: "p"}}, model.SplitsPlanned{},
		model.CancelAccepted{Cancel: model.Cancel{Job: "x"}}, model.ActionAccepted{}, model.Moved{Output: id, To: "s"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	s.Step(1, model.Tick{})
	if v := s.View(model.Workers{}).(model.WorkerList); len(v) != 1 || !v[0].Excluded {
		t.Errorf("%+v", v)
	}
}

type brokenError struct{}

func (brokenError) Error() string { return "broken" }

var errBroken error = brokenError{}
