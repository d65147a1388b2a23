package sched

import (
	"fmt"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// A worker on which tasks of two jobs fail, and of nobody elsewhere, is left out
// for a while, and then let in again.
func TestR36AWorkerThatFailsEverybodyIsLeftOut(t *testing.T) {
	var names []plan.WorkerID
	for i := range 8 {
		names = append(names, plan.WorkerID(fmt.Sprintf("w%d", i)))
	}
	r := newRig(t, func(c *model.Config) { c.ExcludeStage, c.MaxFailures, c.StartWait = 99, 99, 0 })
	r.attach(2, names...)
	r.step(model.SubmitJob{Job: "k"})
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 40}, result("r"))
	id := plan.ActionID{Job: "k", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("q")}, Target: "q"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "q", N: 40}}})
	failed := 0
	for r.s.byID["w3"].takes(r.now) {
		if len(r.runs) == 0 || failed > 20 {
			t.Fatalf("%d failures do not exclude the worker", failed)
		}
		for _, a := range r.runs {
			if r.on[a.Attempt.Seq] == "w3" {
				r.fail(a.Attempt, model.TaskFailed{Class: model.User, Message: "bad disk"})
				failed++
			} else {
				r.done(a.Attempt)
			}
			break
		}
	}
	if failed < r.s.cfg.ExcludeCluster {
		t.Errorf("excluded after %d failures", failed)
	}
	r.pass(10*time.Second, names...)
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] == "w3" {
			r.done(a.Attempt)
			break
		}
	}
	if r.s.slots.Free(r.s.byID["w3"].idx) != 0 {
		t.Error("the worker has free slots while it is left out")
	}
	r.pass(r.s.cfg.ExcludeFor+time.Second, names...)
	if w := r.s.byID["w3"]; !w.takes(r.now) || len(w.attempts) < 2 {
		t.Error("the worker is not let in again")
	}
}
