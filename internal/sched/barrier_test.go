package sched

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func gangStage(s model.StageSpec) model.StageSpec {
	s.Barrier = true
	return s
}

func gangRig(t *testing.T, change func(*model.Config)) *rig {
	return newRig(t, func(c *model.Config) {
		c.StartWait = 0
		if change != nil {
			change(c)
		}
	})
}

func (r *rig) arrive(id model.AttemptID, round int, data string) []model.Command {
	r.t.Helper()
	return r.step(model.BarrierArrive{From: r.from(r.on[id.Seq]), Attempt: id, Round: round, Data: []byte(data)})
}

// Nothing of a gang starts before all of it can; freed slots are kept for it,
// and what comes later waits behind it.
func TestR59AGangStartsInOneStep(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"a": 3}, result("a"))
	r.action(2, model.Sink{}, map[plan.StageKey]int{"g": 4}, gangStage(result("g")))
	r.action(3, model.Sink{}, map[plan.StageKey]int{"z": 9}, result("z"))
	if len(r.runs1("g")) != 0 || len(r.runs1("z")) != 0 {
		t.Fatalf("running: %v", r.runs)
	}
	r.done(r.run("a", 0))
	r.done(r.run("a", 1))
	if len(r.runs) != 1 {
		t.Fatalf("slots are not kept: %v", r.runs)
	}
	r.done(r.run("a", 2))
	if got := r.runs1("g"); len(got) != 4 || len(r.runs) != 4 {
		t.Fatalf("running: %v", r.runs)
	}
	r.finish("g")
	r.ended(2)
	if len(r.runs1("z")) != 4 {
		t.Errorf("others do not go on: %v", r.runs)
	}
}

func TestR59TwoGangsDoNotBlockEachOther(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"a": 2}, result("a"))
	r.action(2, model.Sink{}, map[plan.StageKey]int{"g": 3}, gangStage(result("g")))
	r.action(3, model.Sink{}, map[plan.StageKey]int{"h": 3}, gangStage(result("h")))
	r.finish("a")
	if g, h := len(r.runs1("g")), len(r.runs1("h")); g+h != 3 || g*h != 0 {
		t.Fatalf("running: %d, %d", g, h)
	}
	r.finish("g", "h")
	r.ended(2)
	r.ended(3)
}

func TestR59LargerThanTheCluster(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 5}, gangStage(result("g")))
	r.action(2, model.Sink{}, map[plan.StageKey]int{"z": 2}, result("z"))
	if len(r.runs1("z")) != 2 {
		t.Fatal("a gang that cannot run keeps slots")
	}
	r.pass(r.s.cfg.BarrierSlots-time.Second, "w1", "w2")
	if v := r.s.View(model.Jobs{}).(model.JobList)[0]; v.Actions[0].State != model.ActionRunning {
		t.Fatalf("too early: %+v", v)
	}
	r.pass(2*time.Second, "w1", "w2")
	e := r.ended(1)
	if e.Cause == nil || e.Cause.Kind != model.CauseBarrier || !strings.Contains(e.Cause.Message, " 5 ") || !strings.Contains(e.Cause.Message, " 4 ") {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR59AClusterThatGrowsInTime(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 4}, gangStage(result("g")))
	r.pass(50*time.Second, "w1")
	r.attach(2, "w2")
	if len(r.runs1("g")) != 4 {
		t.Fatalf("running: %v", r.runs)
	}
	r.pass(time.Minute, "w1", "w2")
	r.finish("g")
	if e := r.ended(1); e.State != model.ActionDone {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR59LimitsBoundAGang(t *testing.T) {
	for name, limit := range map[string]func(*rig){
		"slots of the job":    func(r *rig) { r.s.jobs["j"].limits.Slots = 3 },
		"slots per worker":    func(r *rig) { r.s.jobs["j"].limits.SlotsPerWorker = 1 },
		"share of the pool":   func(r *rig) { r.step(model.SetPool{Pool: model.Pool{Name: model.DefaultPool, MaxShare: 3}}) },
		"memory":              func(r *rig) { r.s.jobs["j"].limits.Memory = 60 },
		"excluded":            func(r *rig) { r.step(model.Exclude{Worker: "w1"}) },
		"draining":            func(r *rig) { r.step(model.Drain{Worker: "w1"}) },
		"a disk that is full": func(r *rig) { r.step(model.DiskState{From: r.from("w1"), Full: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := gangRig(t, nil)
			for _, w := range []plan.WorkerID{"w1", "w2"} {
				r.inc[w]++
				r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w)}, Slots: 2, Memory: 100})
			}
			limit(r)
			r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 4, "r": 1}, gangStage(mapStage("g")), result("r", "g"))
			if len(r.runs) != 0 {
				t.Fatalf("running: %v", r.runs)
			}
			r.pass(r.s.cfg.BarrierSlots+time.Second, "w1", "w2")
			if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseBarrier {
				t.Errorf("%+v", e.Cause)
			}
		})
	}
}

func TestT8AGangStartsOverWhenAWorkerIsLost(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2", "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 4, "r": 1}, gangStage(mapStage("g")), result("r", "g"))
	old := slices.Clone(r.runs)
	r.arrive(old[0].Attempt, 0, "x")
	w := r.on[old[1].Attempt.Seq]
	r.lost(w)
	if v := r.stageView("g"); v.Gen != 1 {
		t.Fatalf("%+v", v)
	}
	if len(r.runs1("g")) != 4 {
		t.Fatalf("running: %v", r.runs)
	}
	for _, a := range r.runs {
		if a.Attempt.Gen != 1 || r.on[a.Attempt.Seq] == w {
			t.Errorf("%+v on %s", a, r.on[a.Attempt.Seq])
		}
	}
	r.arrive(old[0].Attempt, 0, "x") // of the old generation
	if st := r.s.jobs["j"].shared["g"]; st.gang.arrived != 0 {
		t.Error("an arrival of the old generation counts")
	}
	r.finish("g", "r")
	r.ended(1)
}

// A failure is counted for its task alone, though all start over.
func TestR60FailuresAreTheTasksOwn(t *testing.T) {
	r := gangRig(t, func(c *model.Config) { c.ElsewhereWait = 0 })
	r.attach(3, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 3}, gangStage(result("g")))
	for k := 1; k <= r.s.cfg.MaxFailures; k++ {
		if len(r.runs1("g")) != 3 {
			t.Fatalf("before failure %d: %v", k, r.runs)
		}
		r.fail(r.run("g", 1), model.TaskFailed{Class: model.User, Message: "bad"})
	}
	e := r.ended(1)
	if e.Cause == nil || e.Cause.Kind != model.CauseTask || e.Cause.Partition != 1 || len(e.Cause.Tries) != r.s.cfg.MaxFailures {
		t.Errorf("%+v", e.Cause)
	}
}

// The outputs of a gang belong together: one that is lost is made again with all.
func TestR60ALostOutputStartsTheGangOver(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2", "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 4, "r": 1}, gangStage(mapStage("g")), result("r", "g"))
	r.finish("g")
	var w plan.WorkerID
	for o := range r.s.Outputs("j", "g") {
		if w = o.Worker; w != r.on[r.run("r", 0).Seq] {
			break
		}
	}
	r.lost(w)
	if got := r.runs1("g"); len(got) != 4 {
		t.Fatalf("running: %v of %+v", got, r.stageView("g"))
	}
	r.finish("g", "r")
	r.ended(1)
}

func TestR60Rounds(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 3}, gangStage(result("g")))
	runs := slices.Clone(r.runs)
	for round := range 3 {
		for k, a := range runs {
			r.arrive(a.Attempt, round, string(rune('a'+a.Attempt.Partition)))
			if k < 2 {
				none[model.Barrier](r)
				r.arrive(a.Attempt, round, "again") // the second delivery changes nothing
			}
		}
		told := map[plan.WorkerID]bool{}
		for _, c := range r.out {
			if b, ok := c.(model.Barrier); ok {
				told[b.Worker] = true
				if b.Round != round || len(b.Data) != 3 || string(b.Data[0])+string(b.Data[1])+string(b.Data[2]) != "abc" {
					t.Fatalf("round %d: %+v", round, b)
				}
			}
		}
		if !told["w1"] || !told["w2"] {
			t.Fatalf("round %d: told %v", round, told)
		}
		// Its release was lost with a stream.
		r.arrive(runs[0].Attempt, round, "a")
		if b := need[model.Barrier](r); b.Round != round || len(r.out) != 1 {
			t.Fatalf("round %d again: %+v", round, r.out)
		}
	}
	r.finish("g")
	r.ended(1)
}

func TestR60Mismatches(t *testing.T) {
	for name, wrong := range map[string]func(r *rig, a, b model.AttemptID){
		"another round":       func(r *rig, a, b model.AttemptID) { r.arrive(a, 1, "") },
		"too much data":       func(r *rig, a, b model.AttemptID) { r.arrive(a, 0, strings.Repeat("x", mostBarrierData+1)) },
		"another has ended":   func(r *rig, a, b model.AttemptID) { r.done(b); r.arrive(a, 0, "") },
		"another ends":        func(r *rig, a, b model.AttemptID) { r.arrive(a, 0, ""); r.done(b) },
		"another never comes": func(r *rig, a, b model.AttemptID) { r.arrive(b, 0, ""); r.pass(r.s.cfg.BarrierRound+time.Second, "w1") },
	} {
		t.Run(name, func(t *testing.T) {
			r := gangRig(t, func(c *model.Config) { c.MaxFailures = 1 })
			r.attach(2, "w1")
			r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 2}, gangStage(result("g")))
			a, b := r.run("g", 0), r.run("g", 1)
			wrong(r, a, b)
			e := r.ended(1)
			if e.Cause == nil || e.Cause.Kind != model.CauseTask || e.Cause.Partition != a.Partition || !strings.Contains(e.Cause.Message, "barrier") {
				t.Errorf("%+v", e.Cause)
			}
		})
	}
}

func TestR60ARoundHasALimitInAll(t *testing.T) {
	const n = mostRoundData/mostBarrierData + 2
	r := gangRig(t, func(c *model.Config) { c.MaxFailures = 1 })
	r.attach(n, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": n}, gangStage(result("g")))
	for i := range n - 1 { // more than may be without an answer
		a := r.run("g", i)
		r.arrive(a, 0, strings.Repeat("x", mostBarrierData))
		r.arrive(a, 0, "again")
	}
	e := r.ended(1)
	if e.Cause == nil || e.Cause.Kind != model.CauseTask || !strings.Contains(e.Cause.Message, "all together") {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR60ArrivalsOfNobody(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"a": 1}, result("a"))
	a := r.run("a", 0)
	r.arrive(a, 0, "") // a stage without barriers
	a.Seq += 99
	r.on[a.Seq] = "w1"
	r.arrive(a, 0, "")
	if len(r.out) != 0 {
		t.Errorf("%+v", r.out)
	}
	r.finish("a")
	r.ended(1)
}

func TestR59GangsPreferTheirPlaces(t *testing.T) {
	r := gangRig(t, waitsOf)
	r.attach(2, "a", "b", "c")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{gangStage(result("g"))}, Target: "g"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "g", N: 6, Prefs: [][]string{{"c"}, {"c"}, {"c"}, {"b"}, {"x"}, nil}}}})
	if len(r.runs) != 6 {
		t.Fatalf("running: %v", r.runs)
	}
	near := 0
	for _, a := range r.runs {
		if a.Level == model.AtNode {
			near++
		}
	}
	if near != 3 {
		t.Errorf("%d tasks are where they like to be", near)
	}
}

// Workers on probation give a gang all their slots: no other task could prove them.
func TestR59ProbationsEnd(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2", "w3", "w4", "w5")
	for range 3 {
		r.lost("w1")
		r.attach(2, "w1")
	}
	r.pass(30*time.Second, "w1", "w2", "w3", "w4", "w5")
	if v := r.worker("w1"); v.State != model.WorkerLive || v.Free != 1 {
		t.Fatalf("%+v", v)
	}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 10}, gangStage(result("g")))
	if len(r.runs) != 10 {
		t.Errorf("%d run", len(r.runs))
	}
}

// The next master does not know who waits where: gangs start over.
func TestR60RestoreStartsGangsOver(t *testing.T) {
	r := gangRig(t, journalled)
	r.attach(4, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 3, "r": 1}, gangStage(mapStage("g")), result("r", "g"))
	r.arrive(r.runs[0].Attempt, 0, "")
	n := successor(t, r, records(r.all))
	n.step(model.Tick{})
	if v := n.stageView("g"); v.Gen != 1 || v.Running != 0 {
		t.Errorf("%+v", v)
	}
}

// A gang whose input is lost while it waits for slots gives them up: they are
// needed to make it again.
func TestR59AGangWithoutItsInputKeepsNothing(t *testing.T) {
	r := gangRig(t, nil)
	r.attach(2, "w1", "w2", "w3")
	gang := gangStage(result("g"))
	gang.Parents = []model.Parent{{Key: "m", Edge: model.Narrow}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "g": 4}, mapStage("m"), gang)
	r.finish("m")
	if len(r.runs1("g")) != 4 {
		t.Fatalf("running: %v", r.runs)
	}
	for o := range r.s.Outputs("j", "m") {
		r.lost(o.Worker)
		break
	}
	if len(r.runs1("m")) == 0 {
		t.Fatalf("what is lost is not made again: %v", r.runs)
	}
	r.finish("m")
	if len(r.runs1("g")) != 4 {
		t.Fatalf("running: %v", r.runs)
	}
	r.finish("g")
	r.ended(1)
}
