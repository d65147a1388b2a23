package sched

import (
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// readers has outputs on all workers and a reduce stage that reads them.
func readers(t *testing.T, reduces int, ws ...plan.WorkerID) *rig {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	r.attach(2, ws...)
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 2 * len(ws), "r": reduces}, mapStage("m"), result("r", "m"))
	r.finish("m")
	return r
}

// outputOn returns an output that a worker holds.
func (r *rig) outputOn(w plan.WorkerID) model.MapOutput {
	r.t.Helper()
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == w {
			return o
		}
	}
	r.t.Fatalf("%s holds nothing", w)
	return model.MapOutput{}
}

// cannotFetch fails a reader on a worker with what it could not have, whose owner
// then says that it is there and well.
func (r *rig) cannotFetch(a model.AttemptID, o model.MapOutput) {
	r.t.Helper()
	r.fail(a, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: o.Partition, Attempt: o.Attempt,
		Store: o.Store, Cause: model.FetchCorrupt}})
	r.step(model.OutputVerdict{From: r.from(o.Worker), Output: o.Attempt, Verdict: model.OutputOK})
}

func (r *rig) runningOn(w plan.WorkerID) (out []model.AttemptID) {
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] == w {
			out = append(out, a.Attempt)
		}
	}
	return out
}

func TestR46ABannedEdgeIsFreeAgain(t *testing.T) {
	r := readers(t, 4, "w1", "w2")
	o := r.outputOn("w2")
	first := r.runningOn("w1")[0]
	r.cannotFetch(first, o)
	r.pass(2*time.Second, "w1", "w2")
	if n := len(r.runningOn("w1")); n != 1 {
		t.Fatalf("%d run where they cannot read", n)
	}
	if v := r.stageView("m"); v.Done != 4 {
		t.Fatalf("the owner's outputs are gone: %+v", v)
	}
	r.pass(r.s.cfg.EdgeBan, "w1", "w2")
	if n := len(r.runningOn("w1")); n != 2 || len(r.s.bans) != 0 {
		t.Errorf("%d run after the ban, %d bans", n, len(r.s.bans))
	}
}

func TestR46TwoReadersAccuseTheOwner(t *testing.T) {
	r := readers(t, 6, "w1", "w2", "w3")
	o := r.outputOn("w3")
	r.cannotFetch(r.runningOn("w1")[0], o)
	r.cannotFetch(r.runningOn("w1")[0], o) // the same reader again says nothing new
	if v := r.stageView("m"); v.Done != 6 || len(r.s.bans) != 1 {
		t.Fatalf("%+v, %d bans", v, len(r.s.bans))
	}
	r.cannotFetch(r.runningOn("w2")[0], o)
	if v := r.stageView("m"); v.Done != 4 {
		t.Errorf("%+v", v)
	}
}

func TestR46BansGoWithTheirWorkers(t *testing.T) {
	r := readers(t, 6, "w1", "w2", "w3")
	r.cannotFetch(r.runningOn("w1")[0], r.outputOn("w3"))
	if len(r.s.bans) != 1 {
		t.Fatal("no ban")
	}
	r.lost("w3")
	if len(r.s.bans) != 0 {
		t.Error("a ban with nobody is left")
	}
}

func TestR42OneProbeForAllReports(t *testing.T) {
	r := readers(t, 6, "w1", "w2", "w3")
	o := r.outputOn("w3")
	probes := func() (n int, last model.Probe) {
		for _, c := range r.all {
			if p, ok := c.(model.Probe); ok && p.Worker == "w3" {
				n, last = n+1, p
			}
		}
		return n, last
	}
	for _, w := range []plan.WorkerID{"w1", "w2"} {
		r.fail(r.runningOn(w)[0], model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: o.Partition,
			Attempt: o.Attempt, Store: o.Store, Cause: model.FetchTimeout}})
	}
	n, p := probes()
	if n != 1 {
		t.Fatalf("%d probes", n)
	}
	out := r.step(model.ProbeResult{Worker: "w3", Inc: p.Inc, No: p.No, Answer: model.ProbeSame})
	verifies := 0
	for _, c := range out {
		if _, ok := c.(model.Verify); ok {
			verifies++
		}
	}
	if verifies != 1 {
		t.Errorf("%d questions about one output", verifies)
	}
}

func TestR43AFetchFailureWithoutASourceIsTheWorkers(t *testing.T) {
	r := readers(t, 2, "w1", "w2")
	a := r.runs[0].Attempt
	r.fail(a, model.TaskFailed{Class: model.Fetch, Message: "?"})
	v := r.s.View(model.Tasks{Stage: a.Stage}).(model.TaskList)[a.Partition]
	if v.Infra != 1 || v.Failures != 0 {
		t.Errorf("%+v", v)
	}
}

// Running readers hear at once of what is lost, and then where it is (R47).
func TestR47RunningReadersAreTold(t *testing.T) {
	r := readers(t, 4, "w1", "w2", "w3")
	reader := r.on[r.run("r", 0).Seq]
	gone := plan.WorkerID("w3")
	if reader == gone {
		gone = "w1"
	}
	at := len(r.all)
	r.lost(gone)
	lost, full := -1, -1
	for k, c := range r.all[at:] {
		if l, ok := c.(model.Locations); ok && l.Worker == reader {
			if len(l.Lost) == 2 && lost < 0 {
				lost = k
			}
		}
	}
	r.finish("m")
	for k, c := range r.all[at:] {
		if l, ok := c.(model.Locations); ok && l.Worker == reader && l.Full && len(l.Outputs) == 6 {
			full = k
		}
	}
	if lost < 0 || full < lost {
		t.Errorf("lost told at %d, found at %d", lost, full)
	}
	r.finish("r")
	r.ended(1)
}

func TestR33AdoptsWhatIsStillMissing(t *testing.T) {
	r := readers(t, 2, "w1", "w2")
	o := r.outputOn("w2")
	r.lost("w2")
	if v := r.stageView("m"); v.Done != 2 {
		t.Fatalf("%+v", v)
	}
	o.Reads, o.RowSum = nil, uint64(o.Partition)+1
	strange := o
	strange.Attempt.Seq += 100
	strange.RowSum = 4711 // other rows: it must not come in
	r.inc["w2"]++
	r.step(model.Attach{From: r.from("w2"), Store: "w2", Hosts: []string{"w2"}, Slots: 2,
		Inventory: model.Inventory{Outputs: []model.MapOutput{strange, o}}})
	d := need[model.Drop](r)
	if len(d.Outputs) != 1 || d.Outputs[0] != strange.Attempt {
		t.Errorf("%+v", d)
	}
	if v := r.stageView("m"); v.Done != 3 {
		t.Errorf("%+v", v)
	}
}

func TestR33AReplacementThatIsHalfDoneGoesOn(t *testing.T) {
	r := readers(t, 2, "w1", "w2")
	o := r.outputOn("w2")
	r.lost("w2")
	a := r.run("m", o.Partition)
	r.step(model.TaskProgress{From: r.from("w1"), Progress: []model.Progress{{Attempt: a, Rows: 1, Fraction: 0.6, Moves: 1}}})
	o.Reads = nil
	r.inc["w2"]++
	r.step(model.Attach{From: r.from("w2"), Store: "w2", Hosts: []string{"w2"}, Slots: 2,
		Inventory: model.Inventory{Outputs: []model.MapOutput{o}}})
	need[model.Drop](r)
	if !slices.ContainsFunc(r.runs, func(x model.Assignment) bool { return x.Attempt == a }) {
		t.Error("it was killed")
	}
}

func TestR16AnExecutorThatDoesNotStart(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	r.attach(1, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	up := need[model.StartExec](r)
	a := r.run("r", 0)
	for k := range 20 { // it renews, and nothing is heard of its executor
		r.now = r.now.Add(r.s.cfg.ExecutorWait / 20)
		r.step(model.Renewed{Renewals: []model.Renewal{{Worker: "w1", Inc: 1, Session: 1, SentAt: model.Instant(k + 1), Heard: true}}})
	}
	r.step(model.Tick{})
	stopped := false
	for _, c := range r.all {
		if s, ok := c.(model.StopExec); ok && s.No == up.No {
			stopped = true
		}
	}
	v := r.s.View(model.Tasks{Stage: a.Stage}).(model.TaskList)[0]
	if !stopped || v.Infra != 1 || v.Failures != 0 {
		t.Errorf("stopped %v, %+v", stopped, v)
	}
}

func TestR16AnExecutorThatStartsIsLeftAlone(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	r.attach(1, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	up := need[model.StartExec](r)
	r.step(model.ExecUp{From: r.from("w1"), Job: "j", No: up.No})
	for k := range 40 {
		r.now = r.now.Add(r.s.cfg.ExecutorWait / 20)
		r.step(model.Renewed{Renewals: []model.Renewal{{Worker: "w1", Inc: 1, Session: 1, SentAt: model.Instant(k + 1), Heard: true}}})
	}
	none[model.StopExec](r)
	r.finish("r")
	r.ended(1)
}
