package sched

import (
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// nearRig has three workers with a slot each, which hold blocks of two data sets, as if
// tasks had left them there.
func nearRig(t *testing.T, of map[plan.StageKey]map[int][]plan.WorkerID, bytes map[plan.StageKey]int64) *rig {
	r := newRig(t, func(c *model.Config) { c.StartWait, c.WaitProcess = 0, time.Second })
	r.attach(1, "w1", "w2", "w3")
	m := mapStage("m")
	m.Caches = []model.Cache{{RDD: "a"}, {RDD: "b"}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 0, "r": 1}, m, result("r", "m"))
	r.finish("r")
	for rdd, parts := range of {
		for part, holders := range parts {
			for _, w := range holders {
				r.step(model.BlocksChanged{From: r.from(w), Job: "j", Added: []model.HeldBlock{
					{BlockID: model.BlockID{RDD: rdd, Partition: part}, Bytes: bytes[rdd]}}})
			}
		}
	}
	return r
}

// reading starts a stage of one task that reads blocks, and gives where it runs.
func (r *rig) reading(reads ...model.BlockRead) (plan.WorkerID, model.Assignment) {
	r.t.Helper()
	n := mapStage("n")
	n.Caches = []model.Cache{{RDD: "a"}, {RDD: "b"}}
	out := r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 2}, Plan: "2", Graph: []model.StageSpec{n, result("q", "n")}, Target: "q"})
	if _, ok := find[model.PlanSplits](out); !ok {
		r.t.Fatalf("%+v", out)
	}
	r.step(model.SplitsReady{Action: plan.ActionID{Job: "j", N: 2}, Sizes: []model.StageSize{
		{Key: "n", N: 1, Blocks: [][]model.BlockRead{reads}}, {Key: "q", N: 1}}})
	if len(r.runs) == 0 {
		r.pass(2*time.Second, "w1", "w2", "w3")
	}
	if len(r.runs) != 1 {
		r.t.Fatalf("%+v", r.runs)
	}
	return r.on[r.runs[0].Attempt.Seq], r.runs[0]
}

func TestR10TheMostOfABlocksBytes(t *testing.T) {
	at := func(k, part, under int) model.BlockRead {
		return model.BlockRead{Cache: k, Partition: part, Under: under}
	}
	w := func(ws ...plan.WorkerID) []plan.WorkerID { return ws }
	type held = map[plan.StageKey]map[int][]plan.WorkerID
	even := map[plan.StageKey]int64{"a": 10, "b": 10}
	for _, c := range []struct {
		name  string
		held  held
		bytes map[plan.StageKey]int64
		reads []model.BlockRead
		want  plan.WorkerID
		away  int // blocks that others have
	}{
		{"one of another number", held{"a": {5: w("w3")}}, even, []model.BlockRead{at(0, 5, 0)}, "w3", 0},
		{"two against one", held{"a": {0: w("w1"), 1: w("w3"), 2: w("w3")}}, even, []model.BlockRead{at(0, 0, 0), at(0, 1, 0), at(0, 2, 0)}, "w3", 1},
		{"the larger one", held{"a": {0: w("w2")}, "b": {0: w("w3")}}, map[plan.StageKey]int64{"a": 9, "b": 10},
			[]model.BlockRead{at(0, 0, 0), at(1, 0, 0)}, "w3", 1},
		{"both here", held{"a": {0: w("w2", "w3")}, "b": {0: w("w3", "w1")}}, even, []model.BlockRead{at(0, 0, 0), at(1, 0, 0)}, "w3", 2},
		{"not what it is made of", held{"a": {0: w("w3")}, "b": {0: w("w2"), 1: w("w2")}}, even,
			[]model.BlockRead{at(0, 0, 2), at(1, 0, 0), at(1, 1, 0)}, "w3", 0},
		{"what it is made of", held{"b": {0: w("w2"), 1: w("w3")}}, map[plan.StageKey]int64{"b": -1},
			[]model.BlockRead{at(0, 0, 2), at(1, 1, 0), at(1, 1, 0)}, "w3", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := nearRig(t, c.held, c.bytes)
			got, a := r.reading(c.reads...)
			if got != c.want || a.Level != model.AtProcess || len(a.Blocks) != c.away || a.Held {
				t.Errorf("it runs at %s, %+v", got, a)
			}
		})
	}
}

// A preference goes with the worker that is lost, and another one is there at once.
func TestR61TheNextBestHolder(t *testing.T) {
	r := nearRig(t, map[plan.StageKey]map[int][]plan.WorkerID{"a": {0: {"w3"}, 1: {"w3"}, 2: {"w2"}}}, nil)
	r.lost("w3")
	if got, a := r.reading(model.BlockRead{}, model.BlockRead{Partition: 1}, model.BlockRead{Partition: 2}); got != "w2" || a.Level != model.AtProcess {
		t.Errorf("it runs at %s, %+v", got, a)
	}
}

// What is read of a data set that is no cache of the stage fails its action.
func TestBlocksOfNobody(t *testing.T) {
	for _, bad := range []model.BlockRead{{Cache: 2}, {Cache: -1}, {Partition: -1}, {Under: 1}, {Under: -1}} {
		r := newRig(t, nil)
		n := mapStage("n")
		n.Caches = []model.Cache{{RDD: "a"}, {RDD: "b"}}
		r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 1}, Plan: "1", Graph: []model.StageSpec{n, result("q", "n")}, Target: "q"})
		r.step(model.SplitsReady{Action: plan.ActionID{Job: "j", N: 1}, Sizes: []model.StageSize{
			{Key: "n", N: 1, Blocks: [][]model.BlockRead{{bad}}}, {Key: "q", N: 1}}})
		if e := r.ended(1); e.Cause == nil || e.Cause.Kind != model.CauseSplits {
			t.Errorf("%+v: %+v", bad, e.Cause)
		}
	}
}

// Launches name those that have a block, up to a few, and the generations.
func TestHoldersAreNamed(t *testing.T) {
	r := nearRig(t, map[plan.StageKey]map[int][]plan.WorkerID{"a": {0: {"w1", "w2"}}}, nil)
	r.step(model.Exclude{Worker: "w1"})
	r.step(model.Exclude{Worker: "w2"})
	got, a := r.reading(model.BlockRead{})
	if got != "w3" || len(a.Blocks) != 1 || !slices.Equal(a.Blocks[0].Holders, []plan.WorkerID{"w1", "w2"}) {
		t.Errorf("it runs at %s: %+v", got, a)
	}
	l, ok := find[model.Launch](r.all)
	for _, c := range r.all {
		if x, is := c.(model.Launch); is {
			l = x
		}
	}
	if !ok || len(l.Caches) != 2 || l.Caches[0].Key != "a" {
		t.Errorf("%+v", l.Caches)
	}
}
