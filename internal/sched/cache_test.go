package sched

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// cachedRig has a map stage that caches its blocks, all of them made, and a
// first action that is done.
func cachedRig(t *testing.T, class model.Class) (*rig, model.StageSpec) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	r.attach(2, "w1", "w2")
	src := mapStage("s")
	src.Class = class
	m := mapStage("m", "s")
	m.Cached, m.Caches = "c", []model.Cache{{RDD: "c", Of: []plan.StageKey{"s"}}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"s": 2, "m": 4, "r": 1}, src, m, result("r", "m"))
	for len(r.runs1("s"))+len(r.runs1("m")) > 0 {
		a := r.runs[0].Attempt
		r.doneWith(a, func(d *model.TaskDone) {
			if a.Stage.Key == "m" {
				d.Blocks = []model.HeldBlock{{BlockID: model.BlockID{RDD: "c", Partition: a.Partition}}}
			}
		})
	}
	r.finish("r")
	r.ended(1)
	return r, src
}

// second starts an action of another stage over the same cached data set.
func (r *rig) second(src model.StageSpec) {
	r.t.Helper()
	n := mapStage("n", "s")
	n.Cached, n.Caches = "c", []model.Cache{{RDD: "c", Of: []plan.StageKey{"s"}}}
	r.action(2, model.Sink{}, map[plan.StageKey]int{"s": 2, "n": 4, "q": 1}, src, n, result("q", "n"))
}

func TestR61CachedTasksDoNotReadTheirParents(t *testing.T) {
	r, src := cachedRig(t, model.Determinate)
	r.lost("w2") // with its half of the outputs and blocks
	r.attach(2, "w2")
	r.second(src)
	for _, a := range r.runs {
		if a.Attempt.Stage.Key == "n" && (!a.Held || a.Level != model.AtProcess && len(a.Blocks) == 0) {
			t.Errorf("%+v", a)
		}
	}
	if len(r.runs1("n")) == 0 {
		t.Error("tasks whose blocks are there wait")
	}
	for len(r.runs) > 0 {
		r.finish("s", "n", "q")
	}
	r.ended(2)
}

func TestR61ABlockThatIsGoneIsComputed(t *testing.T) {
	r, src := cachedRig(t, model.Determinate)
	r.second(src)
	a := r.run("n", 0)
	r.fail(a, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Block: &model.BlockID{RDD: "c", Partition: 0}}})
	if c := r.s.jobs["j"].caches["c"]; len(c.holders[0]) != 0 || len(c.holders[1]) == 0 {
		t.Errorf("%+v", c.holders)
	}
	v := r.s.View(model.Tasks{Stage: a.Stage}).(model.TaskList)[0]
	if v.Failures+v.Infra != 0 {
		t.Errorf("it is charged: %+v", v)
	}
	// Of another generation, or of nobody: late news.
	r.fail(r.run("n", 1), model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Block: &model.BlockID{RDD: "c", Partition: 1, Gen: 7}}})
	r.fail(r.run("n", 2), model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Block: &model.BlockID{RDD: "x", Partition: 1}}})
	if c := r.s.jobs["j"].caches["c"]; len(c.holders[1]) == 0 || len(c.holders[2]) == 0 {
		t.Errorf("%+v", c.holders)
	}
	for len(r.runs) > 0 {
		r.finish("n", "q")
	}
	r.ended(2)
}

// TestR61ABlockIsGoneWhereItWasLookedFor, and nowhere else: not from who made it
// meanwhile.
func TestR61ABlockIsGoneWhereItWasLookedFor(t *testing.T) {
	r, src := cachedRig(t, model.Determinate)
	r.attach(1, "w3", "w4")
	c := r.s.jobs["j"].caches["c"]
	b := model.BlockID{RDD: "c", Partition: 0}
	had := plan.WorkerID("w1")
	if c.holders[0][0] == int32(r.s.byID["w2"].idx) {
		had = "w2"
	}
	r.step(model.BlocksChanged{From: r.from("w3"), Job: "j", Added: []model.HeldBlock{{BlockID: b}}})
	r.second(src)
	a := r.run("n", 0)
	told := []plan.WorkerID{r.on[a.Seq], had, "w3"}
	r.step(model.BlocksChanged{From: r.from("w4"), Job: "j", Added: []model.HeldBlock{{BlockID: b}}})
	r.fail(a, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Block: &b}})
	for _, id := range told {
		if slices.Contains(c.holders[0], int32(r.s.byID[id].idx)) {
			t.Errorf("%s is still said to have it", id)
		}
	}
	if !slices.Equal(c.holders[0], []int32{int32(r.s.byID["w4"].idx)}) {
		t.Errorf("%v hold it", c.holders[0])
	}
	for len(r.runs) > 0 {
		r.finish("n", "q")
	}
	r.ended(2)
}

func TestR61WorkersTellOfTheirBlocks(t *testing.T) {
	r, _ := cachedRig(t, model.Determinate)
	c := r.s.jobs["j"].caches["c"]
	b := model.BlockID{RDD: "c", Partition: 3}
	at := len(c.holders[3])
	r.step(model.BlocksChanged{From: r.from("w1"), Job: "j", Added: []model.HeldBlock{{BlockID: b}}})
	r.step(model.BlocksChanged{From: r.from("w2"), Job: "j", Added: []model.HeldBlock{{BlockID: b}}})
	r.step(model.BlocksChanged{From: r.from("w2"), Job: "j", Added: []model.HeldBlock{{BlockID: b}}})
	if at != 1 || len(c.holders[3]) != 2 {
		t.Errorf("%d holders, then %d", at, len(c.holders[3]))
	}
	r.step(model.BlocksChanged{From: r.from("w2"), Job: "j", Dropped: []model.BlockID{b}})
	r.step(model.BlocksChanged{From: r.from("w2"), Job: "j", Dropped: []model.BlockID{b, {RDD: "x"}}})
	r.step(model.BlocksChanged{From: r.from("w2"), Job: "x", Added: []model.HeldBlock{{BlockID: b}}})
	if len(c.holders[3]) != 1 {
		t.Errorf("%d holders", len(c.holders[3]))
	}
}

// Blocks made of rows that are rolled back must not be read with new ones.
func TestR50CachedBlocksAreRolledBack(t *testing.T) {
	r, src := cachedRig(t, model.Indeterminate)
	r.second(src)
	for len(r.runs) > 0 {
		r.finish("n", "q")
	}
	r.ended(2)
	held := r.s.jobs["j"].shared["s"].outs.Held(0)
	gone := plan.WorkerID("w1")
	if held == 0 {
		gone = "w2"
	}
	r.lost(gone)
	p := mapStage("p", "s")
	r.action(3, model.Sink{}, map[plan.StageKey]int{"p": 2, "z": 1}, src, p, result("z", "p"))
	if v := r.stageView("s"); v.Gen != 1 {
		t.Fatalf("%+v", v)
	}
	c := r.s.jobs["j"].caches["c"]
	if c.gen != 1 || len(c.holders) != 0 {
		t.Errorf("generation %d with %d blocks", c.gen, len(c.holders))
	}
	for len(r.runs) > 0 {
		r.finish("s", "p", "z")
	}
	r.ended(3)
}

func TestR51RowsThatWereHandedOut(t *testing.T) {
	for name, sink := range map[string]model.Sink{
		"to the driver's code": {Consumed: true},
		"at least once":        {Kind: model.ForEach, Guarantee: model.AtLeastOnce},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
			r.attach(1, "w1", "w2")
			m := mapStage("m")
			m.Class = model.Indeterminate
			r.action(1, sink, map[plan.StageKey]int{"m": 2, "r": 4}, m, result("r", "m"))
			r.finish("m")
			r.done(r.runs[0].Attempt)
			r.lost("w2")
			if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseConsumed {
				t.Errorf("%+v", e.Cause)
			}
		})
	}
}

func TestR51GenerationsAreLimited(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.FlapWait, c.FlapMax = 0, 1, 1 })
	r.attach(1, "w1", "w2", "w3")
	m := mapStage("m")
	m.Class = model.Indeterminate
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 3, "r": 9}, m, result("r", "m"))
	for k := 0; r.s.stage(model.StageID{Job: "j", Key: "m"}) != nil && k < 10; k++ {
		r.finish("m")
		if len(r.runs) == 0 {
			break
		}
		r.done(r.runs[0].Attempt)
		for o := range r.s.Outputs("j", "m") {
			r.lost(o.Worker)
			r.attach(1, o.Worker)
			break
		}
	}
	if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseGenerations {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR52MayFailInstead(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.IndeterminateBad = 0, true })
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 1}, mapStage("m"), result("r", "m"))
	r.finish("m")
	r.lost("w2")
	a := r.run("m", r.runs1("m")[0])
	r.doneWith(a, func(d *model.TaskDone) { d.RowSum = 4711 })
	if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseIndeterminate {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR7AValueMustBeSmall(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxValue = 10 })
	r.attach(1, "w1")
	v := model.StageSpec{Key: "v", Kind: model.ValueStage}
	q := result("r")
	q.Parents = []model.Parent{{Key: "v", Edge: model.ValueDep}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"v": 1, "r": 1}, v, q)
	r.doneWith(r.run("v", 0), func(d *model.TaskDone) { d.Output = make([]byte, 11) })
	if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseResource {
		t.Errorf("%+v", e.Cause)
	}
}

func TestI32EndedJobsAreForgotten(t *testing.T) {
	r := newRig(t, nil)
	for k := range keptJobs + 50 {
		id := plan.JobID(fmt.Sprintf("x%d", k))
		r.s.Step(r.now, model.SubmitJob{Job: id})
		r.s.Step(r.now, model.FinishJob{Job: id})
	}
	if n := len(r.s.order); n > keptJobs+1 || r.s.jobs["x0"] != nil || r.s.jobs["j"] == nil {
		t.Errorf("%d jobs are known", n)
	}
	r.step(model.Tick{})
}

func TestR48OneHost(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	for _, w := range []plan.WorkerID{"w1", "w2"} {
		r.inc[w]++
		r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{"h"}, Slots: 2})
	}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 4}, result("r"))
	for len(r.runs) > 1 {
		r.done(r.runs[0].Attempt)
	}
	first := r.runs[0].Attempt
	r.pass(5*time.Second, "w1", "w2")
	if len(r.runs) != 2 || !r.runs[1].Twin || r.on[r.runs[1].Attempt.Seq] == r.on[first.Seq] {
		t.Errorf("%+v", r.runs)
	}
	r.done(r.runs[1].Attempt)
	r.ended(1)
}

// What is released is dropped by all who may have some of it, and by who reports some
// later; tasks read their parents.
func TestReleasedBlocksAreDropped(t *testing.T) {
	r, src := cachedRig(t, model.Determinate)
	j := r.s.jobs["j"]
	dropped := func(cmds []model.Command) (at []plan.WorkerID) {
		for _, c := range cmds {
			if d, ok := c.(model.Drop); ok && slices.Contains(d.Keys, "c") {
				at = append(at, d.Worker)
			}
		}
		return at
	}
	if at := dropped(r.step(model.Release{Job: "j", Keys: []plan.StageKey{"c"}})); !slices.Equal(at, []plan.WorkerID{"w1", "w2"}) {
		t.Errorf("dropped at %v", at)
	}
	if c := j.caches["c"]; c == nil || len(c.holders) != 0 {
		t.Errorf("%+v", c)
	}
	late := model.BlocksChanged{From: r.from("w2"), Job: "j", Added: []model.HeldBlock{{BlockID: model.BlockID{RDD: "c", Partition: 3}}}}
	if at := dropped(r.step(late)); !slices.Equal(at, []plan.WorkerID{"w2"}) {
		t.Errorf("what is reported late is dropped at %v", at)
	}
	r.second(src)
	for _, a := range r.runs {
		if a.Attempt.Stage.Key == "n" && (a.Level == model.AtProcess || a.Held || len(a.Blocks) > 0) {
			t.Errorf("%+v", a)
		}
	}
	for len(r.runs) > 0 {
		r.finish("s", "n", "q")
	}
	r.ended(2)
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"m", "n"}})
	if len(j.caches) != 0 {
		t.Errorf("%d caches are left of none", len(j.caches))
	}
}

// A worker's blocks go with it also while no stage starts at them.
func TestLostBlocksOfNoStage(t *testing.T) {
	r, _ := cachedRig(t, model.Determinate)
	j := r.s.jobs["j"]
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"m"}})
	c := j.caches["c"]
	if c == nil || len(c.holders) != 4 || c.stages != 0 {
		t.Fatalf("%+v", c)
	}
	r.lost("w1")
	r.lost("w2")
	if len(c.holders) != 0 {
		t.Errorf("%+v", c.holders)
	}
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"c"}})
	if len(j.caches) != 0 {
		t.Errorf("%d caches", len(j.caches))
	}
}
