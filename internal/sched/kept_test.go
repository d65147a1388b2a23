package sched

import (
	"fmt"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// keptRig has an action that is done, whose tasks read rows of "s", which nobody can
// make the same again, and kept what they made of them: in "a", and what they made of
// that in "b". Each worker has one of two blocks of both.
func keptRig(t *testing.T) (*rig, model.StageSpec, []model.Cache) {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.Journal = 0, true })
	r.attach(1, "w1", "w2")
	src := mapStage("s")
	src.Class = model.Indeterminate
	caches := []model.Cache{{RDD: "b", Of: []plan.StageKey{"a"}}, {RDD: "a", Of: []plan.StageKey{"s"}}}
	q := result("r", "s")
	q.Cached, q.Caches = "b", caches
	r.action(1, model.Sink{}, map[plan.StageKey]int{"s": 2, "r": 2}, src, q)
	r.finish("s")
	for len(r.runs) > 0 {
		a := r.runs[0].Attempt
		r.doneWith(a, func(d *model.TaskDone) {
			for _, c := range caches {
				d.Blocks = append(d.Blocks, model.HeldBlock{BlockID: model.BlockID{RDD: c.RDD, Partition: a.Partition}})
			}
		})
	}
	r.taken(1)
	return r, src, caches
}

// taken is a driver that has the results of an action, which ends then.
func (r *rig) taken(n int) {
	r.t.Helper()
	r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: n}, Partitions: []int{0, 1}})
	r.ended(n)
}

// again is an action over the same rows.
func (r *rig) again(n int, src model.StageSpec, caches []model.Cache) {
	q := result(plan.StageKey(fmt.Sprint("r", n)), "s")
	q.Caches = caches
	if len(caches) > 0 && caches[0].RDD == "b" {
		q.Cached = "b"
	}
	r.action(n, model.Sink{}, map[plan.StageKey]int{"s": 2, q.Key: 2}, src, q)
}

// TestR50BlocksOutliveTheirAction: what was kept is rolled back with the rows that it is
// made of when the action that made it has long ended.
func TestR50BlocksOutliveTheirAction(t *testing.T) {
	r, src, caches := keptRig(t)
	r.lost("w2")
	r.attach(1, "w2")
	r.again(2, src, caches)
	if v := r.stageView("s"); v.Gen != 1 {
		t.Fatalf("what is kept would be read together with other rows: %+v", v)
	}
	for _, rdd := range []plan.StageKey{"a", "b"} {
		if c := r.s.jobs["j"].caches[rdd]; c.gen != 1 || len(c.holders) != 0 {
			t.Errorf("%s: generation %d with %d blocks", rdd, c.gen, len(c.holders))
		}
	}
	r.finish("s", "r2")
	r.taken(2)
}

// TestR50BlocksThatNobodyKnows: nobody is known to have a block, and a worker that was
// lost may come back with some.
func TestR50BlocksThatNobodyKnows(t *testing.T) {
	r, src, caches := keptRig(t)
	held := r.s.jobs["j"].caches["a"].holders
	if len(held) != 2 {
		t.Fatalf("%v", held)
	}
	r.lost("w1")
	r.lost("w2")
	if len(held) != 0 {
		t.Fatalf("%v", held)
	}
	r.attach(1, "w1", "w2")
	r.again(2, src, caches)
	if v := r.stageView("s"); v.Gen != 1 {
		t.Errorf("%+v", v)
	}
}

// TestR50WhatIsNotKeptOfThem is left as it is, and so is what was let go of: its rows go
// together with no others.
func TestR50WhatIsNotKeptOfThem(t *testing.T) {
	r, src, _ := keptRig(t)
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"a", "b"}})
	other := []model.Cache{{RDD: "x"}}
	r.again(2, src, other)
	for len(r.runs) > 0 {
		r.doneWith(r.runs[0].Attempt, func(d *model.TaskDone) {
			d.Blocks = []model.HeldBlock{{BlockID: model.BlockID{RDD: "x", Partition: d.Attempt.Partition}}}
		})
	}
	r.taken(2)
	if st := r.s.jobs["j"].shared["s"]; len(st.kept) != 0 || len(r.s.jobs["j"].caches) != 1 {
		t.Errorf("%d data sets are kept of it, of %d", len(st.kept), len(r.s.jobs["j"].caches))
	}
	r.lost("w2")
	r.attach(1, "w2")
	r.again(3, src, other)
	if v := r.stageView("s"); v.Gen != 0 {
		t.Errorf("%+v", v)
	}
	if c := r.s.jobs["j"].caches["x"]; c.gen != 0 || len(c.holders) != 1 {
		t.Errorf("generation %d with %d blocks", c.gen, len(c.holders))
	}
	r.finish("s", "r3")
	r.taken(3)
}

// TestR50BlocksOfBlocksThatWentAre made of what those were made of.
func TestR50BlocksOfBlocksThatWent(t *testing.T) {
	r, src, _ := keptRig(t)
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"a"}})
	j := r.s.jobs["j"]
	if st := j.shared["s"]; len(st.kept) != 1 || st.kept[0] != j.caches["b"] || len(j.caches["b"].under) != 0 {
		t.Errorf("%+v", st.kept)
	}
	r.lost("w2")
	r.attach(1, "w2")
	r.again(2, src, []model.Cache{{RDD: "b", Of: []plan.StageKey{"s"}}})
	if v, c := r.stageView("s"), j.caches["b"]; v.Gen != 1 || c.gen != 1 || len(c.holders) != 0 {
		t.Errorf("%+v, generation %d with %d blocks", v, c.gen, len(c.holders))
	}
	r.finish("s", "r2")
	r.taken(2)
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"b", "s"}})
	if len(j.caches) != 0 || len(j.stages) != 0 {
		t.Errorf("%d data sets and %d stages are left", len(j.caches), len(j.stages))
	}
}

// TestR50RestoredBlocks: the journal does not say whose blocks are where, so a later
// master takes it that there are some.
func TestR50RestoredBlocks(t *testing.T) {
	r, _, _ := keptRig(t)
	s := successor(t, r, records(r.all)).s
	for _, rdd := range []plan.StageKey{"a", "b"} {
		if c := s.jobs["j"].caches[rdd]; c == nil || !c.made || c.stages != 0 {
			t.Errorf("%s: %+v", rdd, c)
		}
	}
	if !s.jobs["j"].shared["s"].used() {
		t.Error("nobody read the rows of s")
	}
}

// TestR50CompactedBlocks: what is kept stays in a journal that is made shorter for as long
// as it is kept, though the action that made it is long forgotten.
func TestR50CompactedBlocks(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1")
	src := mapStage("s")
	src.Class = model.Indeterminate
	r.action(1, model.Sink{}, map[plan.StageKey]int{"s": 2, "r": 2}, src, result("r", "s"))
	r.finish("s", "r")
	r.taken(1)
	r.again(2, src, []model.Cache{{RDD: "b", Of: []plan.StageKey{"a"}}, {RDD: "a", Of: []plan.StageKey{"s"}}})
	r.finish("r2")
	r.taken(2)
	for n := 3; n < keptEnds+4; n++ {
		r.again(n, src, nil)
		r.step(model.Cancel{Job: "j", Action: n})
	}
	s := successor(t, r, r.compacted()).s
	if j := s.jobs["j"]; j.caches["a"] == nil || j.caches["b"] == nil || !j.shared["s"].used() {
		t.Errorf("it is forgotten that rows of s are kept: %+v", j.caches)
	}
	long := len(r.compacted())
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"a", "b"}})
	if short := len(r.compacted()); short >= long || len(r.s.jobs["j"].caches) > 0 {
		t.Errorf("%d records when the blocks are let go of, %d before", short, long)
	}
}

// TestR50BlocksOfABarrier: tasks of a barrier keep blocks, too, though they are sent to none.
func TestR50BlocksOfABarrier(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.Journal = 0, true })
	r.attach(1, "w1", "w2")
	src := mapStage("s")
	src.Class = model.Indeterminate
	caches := []model.Cache{{RDD: "a", Of: []plan.StageKey{"s"}}}
	q := result("r", "s")
	q.Barrier, q.Caches = true, caches
	r.action(1, model.Sink{}, map[plan.StageKey]int{"s": 2, "r": 2}, src, q)
	r.finish("s")
	keeps := func(d *model.TaskDone) {
		d.Blocks = []model.HeldBlock{{BlockID: model.BlockID{RDD: "a", Partition: d.Attempt.Partition}}}
	}
	for len(r.runs) > 0 {
		if a := r.runs[0]; len(a.Blocks) > 0 || a.Held {
			t.Errorf("a task of a barrier is sent to blocks: %+v", a)
		}
		r.doneWith(r.runs[0].Attempt, keeps)
	}
	if c := r.s.jobs["j"].caches["a"]; len(c.holders) != 2 {
		t.Errorf("%d blocks are known", len(c.holders))
	}
	r.taken(1)
	r.lost("w2")
	r.attach(1, "w2")
	r.again(2, src, caches)
	if v := r.stageView("s"); v.Gen != 1 {
		t.Errorf("what a barrier kept would be read together with other rows: %+v", v)
	}
	r.finish("s", "r2")
	r.taken(2)
}
