package sched

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// adds answers what runs of a stage until nothing does, each task with an update
// that names its attempt.
func (r *rig) adds(key plan.StageKey) {
	r.t.Helper()
	for len(r.runs1(key)) > 0 {
		r.addsIn(r.run(key, r.runs1(key)[0]))
	}
}

func (r *rig) addsIn(id model.AttemptID) {
	r.t.Helper()
	r.doneWith(id, func(d *model.TaskDone) { d.Updates = plan.Updates(fmt.Sprint("by ", id.Seq)) })
}

// told is what the end of an action says of updates, without who made them.
func told(e model.ActionEnd) string {
	var all []string
	for _, st := range e.Updates {
		for _, t := range st.Tasks {
			all = append(all, fmt.Sprint(st.Stage, t.Partition))
		}
	}
	return strings.Join(all, " ")
}

// TestUpdatesOfWinners has tasks fail, be outrun, and run again for a lost output:
// each counts once, and in the action that it ran for.
func TestUpdatesOfWinners(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1", "w2")
	sizes := map[plan.StageKey]int{"m": 4, "r": 2, "q": 1}
	r.action(1, files, sizes, mapStage("m"), result("r", "m"))
	r.fail(r.run("m", 1), model.TaskFailed{Message: "once"})
	first := r.run("m", 0)
	r.adds("m")
	late := model.TaskDone{From: r.from(r.on[first.Seq]), Attempt: first, Reads: r.read[first.Seq], Updates: plan.Updates("again")}
	r.step(late) // the report of it comes twice
	r.lost("w2") // with the outputs of m that it had
	r.adds("m")
	r.adds("r")
	r.step(model.Published{Action: plan.ActionID{Job: "j", N: 1}})
	e := r.ended(1)
	if got, want := told(e), "m0 m1 m2 m3 r0 r1"; got != want {
		t.Errorf("told of %s, want %s", got, want)
	}
	for _, st := range e.Updates {
		if st.Own != (st.Stage == "r") {
			t.Errorf("%s is the action's own: %t", st.Stage, st.Own)
		}
		for _, task := range st.Tasks {
			if string(task.Updates) == "again" {
				t.Errorf("%s p%d: a second report counts", st.Stage, task.Partition)
			}
		}
	}
	r.action(2, model.Sink{}, sizes, mapStage("m"), result("q", "m"))
	r.adds("q")
	r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: 2}, Partitions: []int{0}})
	if got := told(r.ended(2)); got != "q0" {
		t.Errorf("told of %s, want q0 alone", got)
	}
}

// TestUpdatesOutliveTheMaster asks the next master for the end of an action, which
// the driver may not have heard, and has it end another one.
func TestUpdatesOutliveTheMaster(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1")
	sizes := map[plan.StageKey]int{"m": 2, "r": 2, "q": 1}
	r.action(1, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	r.adds("m")
	running := successor(t, r, records(r.all))
	running.step(model.Cancel{Job: "j", Action: 1})
	if got := told(running.ended(1)); got != "m0 m1" {
		t.Errorf("cancelled, told of %s, want what the earlier master accepted", got)
	}
	r.adds("r")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.ResultAck{Action: id, Partitions: []int{0, 1}})
	want := told(r.ended(1))
	if want != "m0 m1 r0 r1" {
		t.Errorf("told of %s", want)
	}
	n := successor(t, r, records(r.all))
	n.step(model.SubmitAction{Request: 1, Action: id, Plan: "1"})
	if e := n.ended(1); told(e) != want {
		t.Errorf("the next master tells of %s, want %s", told(e), want)
	}
}

// TestUpdatesOfCancelledOutliveTheMaster cancels actions of which a result went to the
// driver: the next master tells what was told, and not what it knows itself.
func TestUpdatesOfCancelledOutliveTheMaster(t *testing.T) {
	for name, cancel := range map[string]model.Cancel{
		"action": {Job: "j", Action: 1}, "tag": {Job: "j", Tag: "x"}, "job": {Job: "j"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, journalled)
			r.deaf = true // a job that has ended is not kept
			r.attach(8, "w1")
			for n, key := range []plan.StageKey{"r", "q"} {
				id := plan.ActionID{Job: "j", N: n + 1}
				r.step(model.SubmitAction{Action: id, Plan: "p", Graph: []model.StageSpec{result(key)}, Target: key,
					Labels: plan.Labels{Tags: []string{"x"}}})
				r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: key, N: 2}}})
				r.addsIn(r.run(key, n))
			}
			r.step(cancel)
			if cancel.Action > 0 {
				r.step(model.Cancel{Job: "j", Action: 2})
			}
			for kind, recs := range map[string][]model.Record{"whole": records(r.all), "compacted": r.compacted()} {
				n := successor(t, r, recs)
				for i, want := range []string{"r0", "q1"} {
					if got := told(r.ended(i + 1)); got != want {
						t.Errorf("told of %q, want %q", got, want)
					}
					n.step(model.SubmitAction{Action: plan.ActionID{Job: "j", N: i + 1}, Plan: "p"})
					if got := told(n.ended(i + 1)); got != want {
						t.Errorf("%s journal: the next master tells of %q, want %q", kind, got, want)
					}
				}
			}
		})
	}
}

// TestUpdatesAreBounded fails the action whose tasks add too much.
func TestUpdatesAreBounded(t *testing.T) {
	r := newRig(t, func(*model.Config) {})
	r.attach(1, "w1")
	r.action(1, files, map[plan.StageKey]int{"m": 40, "r": 1}, mapStage("m"), result("r", "m"))
	for n := 0; len(r.runs) > 0; n++ {
		if n*plan.MaxUpdates > plan.MaxAllUpdates {
			t.Fatal("nothing stops it")
		}
		r.doneWith(r.runs[0].Attempt, func(d *model.TaskDone) { d.Updates = make(plan.Updates, plan.MaxUpdates) })
	}
	e := r.ended(1)
	if e.State != model.ActionFailed || e.Cause.Kind != model.CauseResultBytes || !strings.Contains(e.Cause.Message, "accumulators") {
		t.Errorf("%v: %+v", e.State, e.Cause)
	}
}

// TestFirstUpdatesCount makes lost outputs again by attempts that say otherwise, as
// those do that find kept rows, also for the next masters.
func TestFirstUpdatesCount(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 1}, mapStage("m"), result("r", "m"))
	r.adds("m")
	r.lost("w2")
	for len(r.runs1("m")) > 0 {
		r.doneWith(r.run("m", r.runs1("m")[0]), func(d *model.TaskDone) { d.Updates = plan.Updates("again") })
	}
	for name, recs := range map[string][]model.Record{"whole": records(r.all), "compacted": r.compacted()} {
		n := successor(t, r, recs)
		n.step(model.Cancel{Job: "j", Action: 1})
		e := n.ended(1)
		if got := told(e); got != "m0 m1 m2 m3" {
			t.Errorf("%s journal: told of %s", name, got)
		}
		for _, st := range e.Updates {
			for _, task := range st.Tasks {
				if string(task.Updates) == "again" {
					t.Errorf("%s journal: what m%d added at first is lost", name, task.Partition)
				}
			}
		}
	}
}

// TestToldUpdatesAreNotKept compacts the journal of a stage that lives on: what its
// tasks added was told with the end of the first action.
func TestToldUpdatesAreNotKept(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1")
	sizes := map[plan.StageKey]int{"m": 2, "r": 1, "q": 1}
	r.action(1, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	r.adds("m")
	r.adds("r")
	r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Partitions: []int{0}})
	outputs := 0
	for _, rec := range r.compacted() {
		if o, ok := rec.(model.OutputAt); ok {
			outputs++
			if len(o.Output.Updates) > 0 {
				t.Errorf("m%d still has updates to tell", o.Output.Attempt.Partition)
			}
		}
	}
	if outputs != 2 {
		t.Errorf("%d outputs are kept, want 2", outputs)
	}
	n := successor(t, r, r.compacted())
	n.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 1}, Plan: "1"})
	if got := told(n.ended(1)); got != "m0 m1 r0" {
		t.Errorf("asked again, told of %s", got)
	}
}

// TestBlocksAreToldOnce has two stages tell of the same kept blocks: together that is
// more than goes out, each once it is not.
func TestBlocksAreToldOnce(t *testing.T) {
	r := newRig(t, func(*model.Config) {})
	r.attach(1, "w1")
	const n = 10
	value := make([]byte, plan.MaxAllUpdates/n*6/10)
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": n, "q": n, "r": 1}, mapStage("m"), mapStage("q"), result("r", "m", "q"))
	for _, key := range []plan.StageKey{"m", "q"} {
		for len(r.runs1(key)) > 0 {
			r.doneWith(r.run(key, r.runs1(key)[0]), func(d *model.TaskDone) {
				d.Updates = plan.Updates(nil).With(1, []byte(key)).
					Under(plan.Block{RDD: "c", Partition: d.Attempt.Partition}, plan.Updates(nil).With(2, value))
			})
		}
	}
	r.step(model.Cancel{Job: "j", Action: 1})
	e := r.ended(1)
	if e.State != model.ActionCancelled {
		t.Fatalf("%v: %+v", e.State, e.Cause)
	}
	own, kept := 0, map[plan.Block]int{}
	for _, st := range e.Updates {
		for _, task := range st.Tasks {
			for part, err := range task.Updates.Parts() {
				switch {
				case err != nil:
					t.Fatal(err)
				case part.Kept:
					kept[part.Block]++
				default:
					own++
				}
			}
		}
	}
	if own != 2*n || len(kept) != n {
		t.Errorf("told of %d tasks and %d blocks", own, len(kept))
	}
	for b, times := range kept {
		if times != 1 {
			t.Errorf("%v: told %d times", b, times)
		}
	}
}

// TestHeldUpdatesAreBounded has many stages tell of the same kept blocks.
func TestHeldUpdatesAreBounded(t *testing.T) {
	r := newRig(t, func(*model.Config) {})
	r.attach(1, "w1")
	const n = 40
	var stages []model.StageSpec
	sizes, parents := map[plan.StageKey]int{"r": 1}, []plan.StageKey{}
	for i := range n {
		key := plan.StageKey(fmt.Sprint("m", i))
		stages, parents = append(stages, mapStage(key)), append(parents, key)
		sizes[key] = 1
	}
	r.action(1, model.Sink{}, sizes, append(stages, result("r", parents...))...)
	of := plan.Updates(nil).Under(plan.Block{RDD: "c", Partition: 1}, plan.Updates(nil).With(2, make([]byte, maxHeldUpdates/n*2)))
	for told := 0; len(r.runs) > 0; told += len(of) {
		if told > maxHeldUpdates {
			t.Fatal("nothing stops it")
		}
		r.doneWith(r.runs[0].Attempt, func(d *model.TaskDone) { d.Updates = of })
	}
	if e := r.ended(1); e.State != model.ActionFailed || e.Cause.Kind != model.CauseResultBytes {
		t.Errorf("%v: %+v", e.State, e.Cause)
	}
}
