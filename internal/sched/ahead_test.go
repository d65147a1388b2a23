package sched

import (
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestAheadOfTheDriver: no more partitions run than the driver can take soon,
// and all of them in the end.
func TestAheadOfTheDriver(t *testing.T) {
	r := newRig(t, nil)
	r.attach(8, "w")
	r.action(1, model.Sink{Consumed: true, Ahead: 3}, map[plan.StageKey]int{"m": 2, "r": 6}, mapStage("m"), result("r", "m"))
	r.finish("m")
	runs := func(want ...int) {
		t.Helper()
		if got := r.runs1("r"); !slices.Equal(got, want) {
			t.Errorf("%v run, want %v", got, want)
		}
	}
	ack := func(parts ...int) {
		r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Gen: r.stageView("r").Gen, Partitions: parts})
	}
	runs(0, 1, 2)
	r.done(r.run("r", 1))
	r.done(r.run("r", 2))
	runs(0)
	ack(0, 3, 7, -1) // none of which is there
	runs(0)
	r.done(r.run("r", 0))
	runs()
	ack(0)
	runs(3)
	ack(0) // a second time
	runs(3)
	ack(1, 2)
	runs(3, 4, 5)
	r.fail(r.run("r", 3), model.TaskFailed{Class: model.User, Message: "once"})
	r.done(r.run("r", 4))
	r.done(r.run("r", 5))
	runs(3)
	r.done(r.run("r", 3))
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 6 {
		t.Errorf("end %+v", e)
	}
}

// TestAheadOfChosenPartitions counts those that are wanted.
func TestAheadOfChosenPartitions(t *testing.T) {
	r := newRig(t, nil)
	r.attach(8, "w")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r", Partitions: []int{1, 5, 6, 9},
		Sink: model.Sink{Ahead: 2}})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 7}}})
	if got := r.runs1("r"); !slices.Equal(got, []int{1, 5}) {
		t.Errorf("%v run, want 1 and 5", got)
	}
	r.done(r.run("r", 1))
	r.step(model.ResultAck{Action: id, Gen: r.stageView("r").Gen, Partitions: []int{1}})
	if got := r.runs1("r"); !slices.Equal(got, []int{5, 6}) {
		t.Errorf("%v run, want 5 and 6", got)
	}
	r.finish("r")
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 3 {
		t.Errorf("end %+v", e)
	}
}
