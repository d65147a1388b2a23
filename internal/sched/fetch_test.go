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

// timesOut fails a reader that could not reach the owner of an output.
func (r *rig) timesOut(a model.AttemptID, o model.MapOutput) {
	r.t.Helper()
	r.fail(a, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: o.Partition, Attempt: o.Attempt,
		Store: o.Store, Cause: model.FetchTimeout}})
}

// answers lets the process of a worker answer the last probe for it.
func (r *rig) answers(w plan.WorkerID) {
	r.t.Helper()
	for _, c := range slices.Backward(r.all) {
		if p, ok := c.(model.Probe); ok && p.Worker == w {
			r.step(model.ProbeResult{Worker: w, Inc: p.Inc, No: p.No, Answer: model.ProbeSame})
			return
		}
	}
	r.t.Fatalf("nobody asks for %s", w)
}

// comesBack is a process that attaches again, with what it runs and the outputs that
// it had.
func (r *rig) comesBack(w plan.WorkerID, had []model.MapOutput) {
	r.t.Helper()
	ev := model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w)}, Slots: 2}
	ev.Session += 100
	for _, o := range had {
		if o.Worker == w {
			ev.Inventory.Outputs = append(ev.Inventory.Outputs, o)
		}
	}
	ev.Inventory.Running = r.runningOn(w)
	for _, c := range r.all {
		if x, ok := c.(model.StartExec); ok && x.Worker == w {
			ev.Inventory.Executors = append(ev.Inventory.Executors, model.ExecutorRef{Job: x.Job, No: x.No})
		}
	}
	r.step(ev)
}

// A network that fails for a moment is met by readers on many workers, of many
// owners. That is one episode, however they are paired.
func TestR44OneFaultIsOneEpisode(t *testing.T) {
	ws := []plan.WorkerID{"w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10"}
	r := readers(t, 30, ws...)
	st := r.s.jobs["j"].stages[1]
	outputs := map[plan.WorkerID]model.MapOutput{}
	first := map[plan.WorkerID]model.AttemptID{}
	for _, w := range ws {
		outputs[w], first[w] = r.outputOn(w), r.runningOn(w)[0]
	}
	r.pass(time.Second, ws...)
	for k := 0; k < len(ws); k += 2 { // from each other, in pairs that have nothing in common
		r.cannotFetch(first[ws[k]], outputs[ws[k+1]])
		r.now++
	}
	if len(r.s.bans) != 5 || st.noProgress != 1 || st.episodes != 1 {
		t.Fatalf("%d bans, %d episodes of %d", len(r.s.bans), st.noProgress, st.episodes)
	}
}

// Whoever starts later and cannot read either is another episode, unless one of the
// two is known to have trouble with somebody.
func TestR44WaysWithAnEndInCommonAreOneFault(t *testing.T) {
	ws := []plan.WorkerID{"w1", "w2", "w3", "w4"}
	r := readers(t, 40, ws...)
	st := r.s.jobs["j"].stages[1]
	outputs := map[plan.WorkerID]model.MapOutput{}
	for _, w := range ws {
		outputs[w] = r.outputOn(w)
	}
	for k, x := range []struct {
		reader, owner plan.WorkerID
		want          int
	}{{"w1", "w2", 1}, {"w2", "w1", 1}, {"w4", "w3", 2}, {"w3", "w1", 2}} {
		r.pass(time.Second, ws...)
		for _, a := range r.runningOn(x.reader) { // others start
			r.done(a)
		}
		r.cannotFetch(r.runningOn(x.reader)[0], outputs[x.owner])
		if st.episodes != x.want {
			t.Fatalf("report %d: %d episodes, want %d", k, st.episodes, x.want)
		}
	}
	for n := st.episodes; n < 4; n++ { // it is never repaired
		r.pass(r.s.cfg.EdgeBan+time.Second, ws...)
		for _, a := range r.runningOn("w1") {
			r.done(a)
		}
		r.finish("m")
		var o model.MapOutput
		for x := range r.s.Outputs("j", "m") {
			if x.Worker != "w1" {
				o = x
			}
		}
		r.cannotFetch(r.runningOn("w1")[0], o)
		if st.episodes != n+1 || st.noProgress != 1 { // R20: others succeeded in between
			t.Errorf("%d episodes after %d, %d since a success", st.episodes, n, st.noProgress)
		}
	}
}

// What readers said of an owner that was away is not held against it when it is back:
// nobody could have read from it.
func TestR42AnOwnerThatComesBackIsAskedNothing(t *testing.T) {
	r := readers(t, 6, "w1", "w2", "w3")
	o := r.outputOn("w3")
	r.timesOut(r.runningOn("w1")[0], o)
	r.timesOut(r.runningOn("w2")[0], o)
	r.comesBack("w3", slices.Collect(r.s.Outputs("j", "m")))
	r.answers("w3")
	none[model.Verify](r)
	r.pass(time.Second, "w1", "w2", "w3")
	third := r.runningOn("w1")[0]
	r.timesOut(third, o) // who still cannot is heard
	r.answers("w3")
	w3 := r.from("w3")
	w3.Session += 100
	r.step(model.OutputVerdict{From: w3, Output: o.Attempt, Verdict: model.OutputOK})
	if len(r.s.bans) != 1 || r.s.jobs["j"].stages[1].episodes != 1 || r.stageView("m").Done != 6 {
		t.Errorf("%d bans; %+v", len(r.s.bans), r.stageView("m"))
	}
}

// A question that went with the owner's stream is not taken for unanswered: what it
// has is in its inventory.
func TestR43AQuestionEndsWhenTheOwnerComesBack(t *testing.T) {
	for name, away := range map[string]func(*rig){
		"its stream broke": func(*rig) {},
		"it was lost": func(r *rig) {
			r.step(model.MemberLeft{Worker: "w3", Inc: r.inc["w3"]})
			for _, a := range r.runningOn("w3") {
				r.drop(a)
			}
		},
	} {
		r := readers(t, 6, "w1", "w2", "w3")
		o := r.outputOn("w3")
		r.fail(r.runningOn("w1")[0], model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: o.Partition,
			Attempt: o.Attempt, Store: o.Store, Cause: model.FetchMissing}})
		need[model.Verify](r)
		had := slices.Collect(r.s.Outputs("j", "m"))
		away(r)
		for k := range had {
			had[k].RowSum = uint64(had[k].Partition) + 1
		}
		r.comesBack("w3", had)
		r.pass(r.s.cfg.VerifyWait+time.Second, "w1", "w2")
		if v := r.stageView("m"); v.Done != 6 || len(r.s.verifies) != 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// What a lost worker could not read says nothing of its owner any more.
func TestR46ReportsGoWithTheirReaders(t *testing.T) {
	for _, asked := range []bool{false, true} {
		r := readers(t, 6, "w1", "w2", "w3")
		o := r.outputOn("w3")
		r.timesOut(r.runningOn("w1")[0], o)
		if asked {
			r.answers("w3")
			need[model.Verify](r)
		}
		r.lost("w1")
		if !asked {
			r.answers("w3")
			none[model.Verify](r)
		}
		r.step(model.OutputVerdict{From: r.from("w3"), Output: o.Attempt, Verdict: model.OutputOK})
		if len(r.s.bans) != 0 || r.s.jobs["j"].stages[1].episodes != 0 {
			t.Errorf("asked %v: %d bans, %d episodes", asked, len(r.s.bans), r.s.jobs["j"].stages[1].episodes)
		}
	}
}

// accusing has an owner w3 that has most room, and that others cannot read from.
func accusing(t *testing.T) *rig {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.EarlyMost = 0, 0 })
	r.attach(2, "w1", "w2")
	r.attach(8, "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 12, "r": 12}, mapStage("m"), result("r", "m"))
	r.finish("m")
	for _, a := range r.runningOn("w3") {
		r.done(a)
	}
	o := r.outputOn("w3")
	r.cannotFetch(r.runningOn("w1")[0], o)
	r.cannotFetch(r.runningOn("w2")[0], o)
	if v := r.stageView("m"); v.Done == 12 {
		t.Fatal("nothing is made again")
	}
	return r
}

// An owner that nobody can read from does not make again what it had, nor anything else
// that others would read: they would accuse it of the same. What nobody reads it may do.
func TestR46WhatNobodyCanReadIsMadeElsewhere(t *testing.T) {
	r := accusing(t)
	r.pass(time.Second, "w1", "w2", "w3")
	for _, a := range r.runningOn("w3") {
		if a.Stage.Key == "m" {
			t.Errorf("%v runs there", a)
		}
	}
	if len(r.runs1("m")) == 0 {
		t.Error("nobody makes them")
	}
	r.finish("m")
	r.pass(time.Second, "w1", "w2", "w3")
	if n := len(r.runningOn("w3")); n == 0 {
		t.Error("no reader runs there")
	}
	r.finish("m", "r")
	r.ended(1)
}

// Another job has its own network, and workers of its own perhaps.
func TestR46AnotherJobDoesNotMind(t *testing.T) {
	r := accusing(t)
	r.step(model.SubmitJob{Job: "k", Key: "k", Request: 1})
	id := plan.ActionID{Job: "k", N: 1}
	r.step(model.SubmitAction{Request: 1, Action: id, Plan: "k", Graph: []model.StageSpec{mapStage("x"), result("y", "x")}, Target: "y"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "x", N: 4}, {Key: "y", N: 1}}})
	r.pass(time.Second, "w1", "w2", "w3")
	for _, a := range r.runningOn("w3") {
		if a.Stage.Key == "x" {
			return
		}
	}
	t.Error("its tasks do not run there")
}

// When it is the only one left, it may as well read what it makes.
func TestR46TheLastWorkerIsNotAccused(t *testing.T) {
	r := accusing(t)
	r.lost("w1")
	r.lost("w2")
	r.pass(time.Second, "w3")
	if len(r.runs1("m")) == 0 {
		t.Error("nobody makes what is lost")
	}
}

// A verdict counts as long as the output is where it was: a copy that was moved is not
// lost with the old one.
func TestR43AVerdictOnWhatWasMoved(t *testing.T) {
	r := readers(t, 6, "w1", "w2", "w3")
	o := r.outputOn("w3")
	r.fail(r.runningOn("w1")[0], model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: o.Partition,
		Attempt: o.Attempt, Store: o.Store, Cause: model.FetchMissing}})
	need[model.Verify](r)
	r.step(model.Drain{Worker: "w3"})
	r.step(model.OutputsMoved{From: r.from("w2"), Moved: []model.MovedOutput{{Output: o.Attempt, From: "w3", To: "w2"}}})
	r.step(model.OutputVerdict{From: r.from("w3"), Output: o.Attempt, Verdict: model.OutputMissing})
	if v := r.stageView("m"); v.Done != 6 {
		t.Errorf("%+v", v)
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
