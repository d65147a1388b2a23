package engine

import (
	"fmt"
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
	value := []plan.Parent{{Key: "b", Kind: plan.Value}}
	for name, c := range map[string]struct {
		stage plan.Stage
		want  plan.StageKey
	}{
		"none":                      {plan.Stage{}, ""},
		"as they are":               {plan.Stage{Pipe: kept}, "c1"},
		"below a filter by bounds":  {plan.Stage{Pipe: ranged, Parents: value}, "c1"},
		"to be sorted":              {plan.Stage{Pipe: kept, Parents: value, Sink: plan.Sink{Part: &plan.Partitioner{Bounds: "b"}}}, ""},
		"to be placed by keys":      {plan.Stage{Pipe: kept, Sink: plan.Sink{Part: &plan.Partitioner{}}}, "c1"},
		"of tasks that run at once": {plan.Stage{Pipe: kept, Barrier: true}, ""},
	} {
		if got := cached(&c.stage); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestBlockReads: where the tasks of a stage would rather run, for all that they read
// of kept rows.
func TestBlockReads(t *testing.T) {
	const n = 3
	kept := func(key plan.StageKey) plan.Pipe {
		return plan.Pipe{N: n, Source: plan.Source{Cached: &plan.Cached{Key: key}, Wide: []plan.Input{{Pipe: &plan.Pipe{N: n}}}}}
	}
	a, b := kept("a"), kept("b")
	join := plan.Pipe{N: n, Source: plan.Source{Wide: []plan.Input{{Pipe: &a}, {Pipe: &b}}}}
	read := func(cache, partition int) model.BlockRead { return model.BlockRead{Cache: cache, Partition: partition} }
	for name, c := range map[string]struct {
		stage  plan.Stage
		caches int
		want   [][]model.BlockRead
	}{
		"none":                      {plan.Stage{Pipe: plan.Pipe{N: n}}, 0, nil},
		"of their own numbers":      {plan.Stage{Pipe: a}, 1, nil},
		"of both sides of a join":   {plan.Stage{Pipe: join}, 2, [][]model.BlockRead{{read(0, 0), read(1, 0)}, {read(0, 1), read(1, 1)}, {read(0, 2), read(1, 2)}}},
		"of tasks that run at once": {plan.Stage{Pipe: join, Barrier: true}, 2, nil},
		"of one side of a union": {plan.Stage{Pipe: plan.Pipe{N: 1 + n, Source: plan.Source{Union: []plan.Pipe{{N: 1}, b}}}}, 1,
			[][]model.BlockRead{nil, {read(0, 0)}, {read(0, 1)}, {read(0, 2)}}},
	} {
		got := blockReads(&c.stage)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if caches := (&stage{plan: &c.stage}).spec().Caches; len(caches) != c.caches {
			t.Errorf("%s: of %v", name, caches)
		}
	}
}

// A chain of very many kept RDDs costs no more than one of a few.
func TestBlockReadsAreBounded(t *testing.T) {
	const n, rounds = 2, 500
	pipe := plan.Pipe{N: n}
	for i := range rounds {
		below := pipe
		pipe = plan.Pipe{N: n, Source: plan.Source{Cached: &plan.Cached{Key: plan.StageKey(fmt.Sprint("c", i))}, Wide: []plan.Input{{Pipe: &below}}}}
	}
	for i, reads := range blockReads(&plan.Stage{Pipe: pipe}) {
		if len(reads) != mostCaches || reads[0] != (model.BlockRead{Partition: i, Under: mostCaches - 1}) {
			t.Errorf("task %d: %d blocks, %+v first", i, len(reads), reads[0])
		}
	}
}

// What is beyond the cached RDDs that are known is under none of those.
func TestBlockReadsOfTooManyCaches(t *testing.T) {
	kept := func(i int, of ...plan.Pipe) plan.Pipe {
		of = append(of, plan.Pipe{N: 1})
		return plan.Pipe{N: 1, Source: plan.Source{Cached: &plan.Cached{Key: plan.StageKey(fmt.Sprint("c", i))}, Wide: []plan.Input{{Pipe: &of[0]}}}}
	}
	var union plan.Pipe
	for i := range mostCaches - 1 {
		union.Source.Union = append(union.Source.Union, kept(i))
	}
	union.Source.Union = append(union.Source.Union, kept(1000, kept(1001)), kept(1002))
	union.N = len(union.Source.Union)
	all := blockReads(&plan.Stage{Pipe: union})
	if got := all[mostCaches-1]; len(got) != 1 || got[0].Cache != mostCaches-1 || got[0].Under != 0 {
		t.Errorf("%+v", got)
	}
	if got := all[mostCaches]; len(got) != 0 {
		t.Errorf("%+v", got)
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
