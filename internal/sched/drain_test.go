package sched

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// drainRig has three workers; the outputs of m0 to m5 are spread over them, and
// two reduce tasks wait to be answered.
func drainRig(t *testing.T, change func(*model.Config)) *rig {
	r := newRig(t, func(c *model.Config) {
		c.StartWait = 0
		if change != nil {
			change(c)
		}
	})
	r.attach(2, "w1", "w2", "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 6, "r": 2}, mapStage("m"), result("r", "m"))
	r.finish("m")
	if len(r.runs1("r")) != 2 {
		t.Fatalf("running: %v", r.runs)
	}
	return r
}

// moved answers a Move as a worker that did all of it.
func (r *rig) moved(m model.Move) []model.Command {
	r.t.Helper()
	ev := model.OutputsMoved{From: r.from(m.Worker)}
	for _, id := range m.Outputs {
		ev.Moved = append(ev.Moved, model.MovedOutput{Output: id, From: model.StoreID(m.Worker), To: model.StoreID(m.Target), Where: []byte("there")})
	}
	return r.step(ev)
}

func (r *rig) moves() (out []model.Move) {
	for _, c := range r.all {
		if m, ok := c.(model.Move); ok {
			out = append(out, m)
		}
	}
	return out
}

func (r *rig) worker(id plan.WorkerID) model.WorkerView {
	for _, v := range r.s.View(model.Workers{}).(model.WorkerList) {
		if v.Worker == id {
			return v
		}
	}
	r.t.Fatalf("no worker %s", id)
	return model.WorkerView{}
}

func TestR39DrainMovesOutputsAndEnds(t *testing.T) {
	r := drainRig(t, nil)
	before := r.stageView("m")
	r.step(model.Drain{Worker: "w1"})
	if v := r.worker("w1"); v.State != model.WorkerDraining || v.Free != 0 {
		t.Fatalf("%+v", v)
	}
	r.pass(time.Second, "w1", "w2", "w3")
	moves := r.moves()
	n := 0
	for _, m := range moves {
		if m.Worker != "w1" || m.Target == "w1" {
			t.Errorf("%+v", m)
		}
		n += len(m.Outputs)
		r.moved(m)
	}
	if n != 2 || len(moves) != 2 {
		t.Fatalf("%d outputs in %d moves", n, len(moves))
	}
	if v := r.stageView("m"); v.Done != 6 || v.Gen != before.Gen || v.Try != before.Try || v.Epoch == before.Epoch {
		t.Errorf("%+v", v)
	}
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == "w1" {
			t.Errorf("p%d is still there", o.Partition)
		}
	}
	for _, a := range slices.Clone(r.runs) {
		r.done(a.Attempt)
	}
	r.ended(1)
	r.pass(time.Second, "w1", "w2", "w3")
	if v := r.worker("w1"); v.State != model.WorkerDrained {
		t.Errorf("%+v", v)
	}
	if v := r.stageView("m"); v.Done != 6 {
		t.Errorf("outputs were lost: %+v", v)
	}
}

func TestR39ReadersLearnTheNewPlaces(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1"})
	r.pass(time.Second, "w1", "w2", "w3")
	out := r.moved(r.moves()[0])
	told := map[plan.WorkerID]bool{}
	for _, c := range out {
		if l, ok := c.(model.Locations); ok && l.Full && l.Key == "m" {
			told[l.Worker] = true
		}
	}
	for _, a := range r.runs {
		if w := r.on[a.Attempt.Seq]; !told[w] {
			t.Errorf("%s reads and was not told", w)
		}
	}
	// A reader that read the old place is as good as any.
	for _, a := range slices.Clone(r.runs) {
		r.done(a.Attempt)
	}
	r.ended(1)
}

func TestR39RunningTasksMayEndTwinsHelpAndTimeIsLimited(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0; c.SpecQuantile = 2 })
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 3}, result("r"))
	var old model.AttemptID
	for _, a := range slices.Clone(r.runs) {
		if r.on[a.Attempt.Seq] == "w1" && old == (model.AttemptID{}) {
			old = a.Attempt
			continue
		}
		r.done(a.Attempt)
	}
	if len(r.runs) != 1 {
		t.Fatalf("running: %v", r.runs)
	}
	r.step(model.Drain{Worker: "w1", Deadline: 20 * time.Second})
	r.pass(9*time.Second, "w1", "w2")
	if len(r.runs) != 1 {
		t.Fatalf("a twin in the first half: %v", r.runs)
	}
	r.pass(2*time.Second, "w1", "w2")
	if len(r.runs) != 2 || !r.runs[1].Twin || r.on[r.runs[1].Attempt.Seq] != "w2" {
		t.Fatalf("no twin: %v", r.runs)
	}
	r.pass(10*time.Second, "w1", "w2")
	if v := r.worker("w1"); v.State != model.WorkerDrained || v.Running != 0 {
		t.Fatalf("%+v", v)
	}
	killed, detached := false, false
	for _, c := range r.all {
		switch c := c.(type) {
		case model.Kill:
			killed = killed || c.Attempt == old
		case model.Detach:
			detached = detached || c.Worker == "w1" && c.Why == model.DetachDrained
		}
	}
	if !killed || !detached {
		t.Errorf("killed %v, detached %v", killed, detached)
	}
	r.finish("r")
	r.ended(1)
}

// What could not be moved is lost as with any other worker.
func TestR39WhatIsNotMovedIsLost(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1", Deadline: 5 * time.Second})
	r.pass(6*time.Second, "w1", "w2", "w3")
	if v := r.stageView("m"); v.Done != 4 || v.Try != 0 {
		t.Fatalf("%+v", v)
	}
	r.finish("m", "r")
	r.ended(1)
}

func TestR39MovesAreAskedForAgain(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1"})
	r.pass(moveWait-2*time.Second, "w1", "w2", "w3")
	n := len(r.moves())
	r.pass(4*time.Second, "w1", "w2", "w3")
	if again := len(r.moves()); n != 2 || again != 4 {
		t.Errorf("%d moves, then %d", n, again)
	}
}

func TestR39MovesThatDoNotFit(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1"})
	r.pass(time.Second, "w1", "w2", "w3")
	m := r.moves()[0]
	id := m.Outputs[0]
	other := id
	other.Seq += 1000
	stray := id
	stray.Stage.Key = "x"
	epoch := r.stageView("m").Epoch
	for name, mv := range map[string]model.MovedOutput{
		"of another attempt": {Output: other, From: "w1", To: "w2"},
		"of no stage":        {Output: stray, From: "w1", To: "w2"},
		"to no store":        {Output: id, From: "w1", To: "w9"},
		"from another store": {Output: id, From: "w3", To: "w2"},
		"to itself":          {Output: id, From: "w1", To: "w1"},
	} {
		r.step(model.OutputsMoved{From: r.from("w1"), Moved: []model.MovedOutput{mv}})
		if got := r.stageView("m").Epoch; got != epoch {
			t.Errorf("a move %s counts", name)
		}
	}
	r.moved(m)
	epoch = r.stageView("m").Epoch
	r.moved(m) // the second delivery changes nothing (I28)
	if got := r.stageView("m").Epoch; got != epoch {
		t.Error("a move counts twice")
	}
}

func TestR39TheLastWorkerNeedsForce(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.step(model.Exclude{Worker: "w2"})
	r.step(model.Drain{Worker: "w1"})
	if n := need[model.Note](r); n.Kind != model.NoteRefused || !strings.Contains(n.Text, "force") {
		t.Errorf("%+v", n)
	}
	r.step(model.Drain{Worker: "w1", Force: true})
	r.step(model.Tick{})
	if v := r.worker("w1"); v.State != model.WorkerDrained { // it had nothing
		t.Errorf("%+v", v)
	}
	r.step(model.Drain{Worker: "w9"})
	if n := need[model.Note](r); n.Kind != model.NoteRefused {
		t.Errorf("%+v", n)
	}
}

func TestR39Undrain(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1"})
	r.step(model.Undrain{Worker: "w1"})
	if v := r.worker("w1"); v.State != model.WorkerLive || v.Free == 0 {
		t.Fatalf("%+v", v)
	}
	r.pass(10*time.Minute, "w1", "w2", "w3") // timers of the drain do nothing
	if v := r.worker("w1"); v.State != model.WorkerLive {
		t.Errorf("%+v", v)
	}
	r.step(model.Undrain{Worker: "w1"})
	none[model.Append](r)
}

// A drained worker that comes back stays out of use until somebody says so.
func TestR39ADrainedWorkerThatComesBack(t *testing.T) {
	r := drainRig(t, nil)
	r.step(model.Drain{Worker: "w1", Deadline: time.Second})
	r.pass(2*time.Second, "w1", "w2", "w3")
	r.attach(2, "w1")
	if v := r.worker("w1"); v.Free != 0 {
		t.Fatalf("%+v", v)
	}
	r.step(model.Undrain{Worker: "w1"})
	r.attach(2, "w1")
	if v := r.worker("w1"); v.State != model.WorkerLive || v.Free == 0 {
		t.Errorf("%+v", v)
	}
}

// Failures to fetch from a store that is drained are nobody's lack of progress.
func TestR39FetchFailuresDoNotCount(t *testing.T) {
	r := drainRig(t, func(c *model.Config) { c.OutputGone, c.NoProgress = 1, 1 })
	r.step(model.Drain{Worker: "w1"})
	var src model.AttemptID
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == "w1" {
			src = o.Attempt
		}
	}
	r.fail(r.runs[0].Attempt, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{
		Key: "m", Map: src.Partition, Attempt: src, Store: "w1", Cause: model.FetchMissing}})
	r.step(model.OutputVerdict{From: r.from("w1"), Output: src, Verdict: model.OutputMissing})
	if v := r.stageView("m"); v.Done != 5 {
		t.Fatalf("%+v", v)
	}
	for r.pass(time.Second, "w1", "w2", "w3"); len(r.runs) > 0; r.pass(time.Second, "w1", "w2", "w3") {
		r.finish("m", "r")
	}
	if e := r.ended(1); e.State != model.ActionDone {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR39RestoreGoesOnWithADrain(t *testing.T) {
	r := drainRig(t, journalled)
	r.step(model.Drain{Worker: "w1"})
	r.pass(time.Second, "w1", "w2", "w3")
	r.moved(r.moves()[0])
	n := successor(t, r, records(r.all))
	if v := n.worker("w1"); v.Outputs != 1 || n.s.byID["w1"].drain == nil {
		t.Errorf("%+v", v)
	}
	if v := n.stageView("m"); v.Done != 6 {
		t.Errorf("%+v", v)
	}
	for o := range n.s.Outputs("j", "m") {
		if o.Partition == r.moves()[0].Outputs[0].Partition && (string(o.Output) != "there" || o.Worker == "w1") {
			t.Errorf("%+v", o)
		}
	}
	r.step(model.Undrain{Worker: "w1"})
	if n := successor(t, r, records(r.all)); n.s.byID["w1"].drain != nil {
		t.Error("the end of the drain is forgotten")
	}
}

func TestR39SameRackFirst(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	r.attachAt("a", 4, "r1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 1}, mapStage("m"), result("r", "m"))
	r.finish("m")
	r.attachAt("b", 4, "r2")
	r.attachAt("c", 4, "r1")
	r.attachAt("d", 4, "r1")
	r.step(model.DiskState{From: r.from("d"), Full: true})
	r.step(model.Drain{Worker: "a"})
	r.step(model.Tick{})
	if m := r.moves(); len(m) != 1 || m[0].Target != "c" || len(m[0].Outputs) != 4 {
		t.Errorf("%+v", m)
	}
}
