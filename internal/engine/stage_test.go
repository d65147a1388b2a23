package engine

import (
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestCachedOf: the kept rows that tasks are sent to.
func TestCachedOf(t *testing.T) {
	kept := plan.Pipe{Source: plan.Source{Cached: &plan.Cached{Key: "c1"}}}
	ranged := kept
	ranged.Ops = []plan.Op{{Placed: &plan.Partitioner{Kind: plan.RangePartitioner, Bounds: "b"}}}
	// Side by side with small sides of joins, which tasks read wherever they run.
	beside := plan.Pipe{Source: plan.Source{Broadcast: true, Wide: []plan.Input{{Shuffle: "s"}, {Pipe: &kept}}}}
	twice := plan.Pipe{Source: plan.Source{Broadcast: true, Wide: []plan.Input{{Pipe: &beside}, {Shuffle: "s"}}}}
	placed := plan.Pipe{Source: plan.Source{Wide: []plan.Input{{Pipe: &kept}, {Shuffle: "s"}}}}
	value := []plan.Parent{{Key: "b", Kind: plan.Value}}
	for name, c := range map[string]struct {
		stage  plan.Stage
		want   plan.StageKey
		beside bool
	}{
		"beside a small side":       {plan.Stage{Pipe: beside}, "c1", true},
		"beside several":            {plan.Stage{Pipe: twice}, "c1", true},
		"beside a shuffle":          {plan.Stage{Pipe: placed}, "", false},
		"none":                      {plan.Stage{}, "", false},
		"as they are":               {plan.Stage{Pipe: kept}, "c1", false},
		"below a filter by bounds":  {plan.Stage{Pipe: ranged, Parents: value}, "c1", false},
		"to be sorted":              {plan.Stage{Pipe: kept, Parents: value, Sink: plan.Sink{Part: &plan.Partitioner{Bounds: "b"}}}, "", false},
		"to be placed by keys":      {plan.Stage{Pipe: kept, Sink: plan.Sink{Part: &plan.Partitioner{}}}, "c1", false},
		"of tasks that run at once": {plan.Stage{Pipe: kept, Barrier: true}, "", false},
	} {
		if got, beside := cached(&c.stage); got != c.want || beside != c.beside {
			t.Errorf("%s: %q, %t, want %q, %t", name, got, beside, c.want, c.beside)
		}
	}
}

// TestAddedIsToldOnce tells what the first winner of each task added to accumulators,
// and again when the stage has started over; not more often than people can read.
func TestAddedIsToldOnce(t *testing.T) {
	a := &action{e: &Engine{o: Options{Pictures: true}}, plan: &work.Plan{Plan: &plan.Plan{Stages: []plan.Stage{{Key: "s1"}}}}}
	st := &stage{action: a, plan: &a.plan.Stages[0]}
	a.stages = map[plan.StageKey]*stage{"s1": st}
	w := &addedDriver{}
	won := func(partition int, gen model.Gen, updates string) {
		st.adds(&attempt{id: model.AttemptID{Stage: model.StageID{Key: "s1", Action: 1}, Partition: partition, Gen: gen}, updates: plan.Updates(updates)})
	}
	tells := func(what string, at model.Instant, want ...plan.TaskUpdates) {
		t.Helper()
		w.told = nil
		a.dirty = false
		a.tellAdded(w, at)
		var told []plan.StageUpdates
		if want != nil {
			told = []plan.StageUpdates{{Stage: "s1", Own: true, Tasks: want}}
		}
		if !reflect.DeepEqual(w.told, told) {
			t.Errorf("%s: %+v, want %+v", what, w.told, told)
		}
	}
	won(0, 0, "a")
	won(1, 0, "")
	tells("the first", 1, plan.TaskUpdates{Partition: 0, Updates: plan.Updates("a")})
	won(0, 0, "made again")
	won(2, 0, "c")
	tells("too soon", 2)
	if !a.dirty {
		t.Error("what is left is forgotten")
	}
	late := model.Instant(1).Add(addedEvery)
	tells("in time", late, plan.TaskUpdates{Partition: 2, Updates: plan.Updates("c")})
	won(0, 1, "")
	won(1, 1, "b")
	tells("of a stage that started over", late.Add(addedEvery), plan.TaskUpdates{Partition: 0},
		plan.TaskUpdates{Partition: 1, Updates: plan.Updates("b")})
	a.e.o.Pictures = false
	won(3, 1, "d")
	tells("nobody looks", late.Add(3*addedEvery))
}

type addedDriver struct {
	Driver
	told []plan.StageUpdates
}

func (w *addedDriver) Added(_ plan.ActionID, all []plan.StageUpdates) { w.told = all }
