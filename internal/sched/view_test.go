package sched

import (
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestEndedActionsAreShown with their names, and how far they came, by this master and
// the next.
func TestEndedActionsAreShown(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Request: 1, Action: id, Plan: "1", Graph: []model.StageSpec{result("r")}, Target: "r", Sink: files,
		Name: "SaveAsTextFile", Site: "main.go:7", Labels: plan.Labels{Description: "why", Tags: []string{"t"}}})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 3}}})
	r.step(model.OutputPrepared{Action: id})
	r.done(r.run("r", 0))
	r.done(r.run("r", 1))
	r.step(model.Cancel{Job: "j", Action: 1})
	want := model.ActionView{Action: id, Name: "SaveAsTextFile", Site: "main.go:7", Labels: plan.Labels{Description: "why", Tags: []string{"t"}}, State: model.ActionCancelled, Done: 2, Wanted: 3}
	for name, s := range map[string]*Scheduler{"this": r.s, "the next": successor(t, r, records(r.all)).s} {
		all := s.View(model.Jobs{}).(model.JobList)[0].Actions
		if len(all) != 1 {
			t.Fatalf("%s: %d actions", name, len(all))
		}
		got := all[0]
		got.Cause = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
