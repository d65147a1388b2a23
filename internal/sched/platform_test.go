package sched

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	intel plan.Platform = "linux/amd64"
	arm   plan.Platform = "linux/arm64"
)

// programsFor is a submission of programs for platforms.
func programsFor(job plan.JobID, ps ...plan.Platform) model.SubmitJob {
	s := model.SubmitJob{Job: job, Request: 1}
	for _, p := range ps {
		s.Programs = append(s.Programs, model.Program{Platform: p, Binary: plan.DigestOf([]byte(p))})
	}
	return s
}

// leftOut gives the notes on platforms that get no tasks.
func (r *rig) leftOut() (texts []string) {
	for _, c := range r.all {
		if n, ok := c.(model.Note); ok && n.Kind == model.NoteExcluded {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

// R14: workers for whose platform there is no program get no tasks, also those that
// come later, and it is said once.
func TestTasksGoWhereAProgramIs(t *testing.T) {
	r := newRigOf(t, nil, programsFor("j", intel))
	r.attachOn(intel, 1, "w1")
	r.attachOn(arm, 4, "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 4}, result("r"))
	r.attachOn(arm, 4, "w3")
	for range 4 {
		if len(r.runs) != 1 || r.on[r.runs[0].Attempt.Seq] != "w1" {
			t.Fatalf("runs %+v on %v", r.runs, r.on)
		}
		r.done(r.runs[0].Attempt)
	}
	if e := r.ended(1); e.State != model.ActionDone {
		t.Errorf("got %+v", e)
	}
	want := []string{"workers of linux/arm64 get no tasks of the job: its program is for linux/amd64"}
	if got := r.leftOut(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	jobs := r.s.View(model.Jobs{}).(model.JobList)
	if j := jobs[0]; !slices.Equal(j.LeftOut, []plan.Platform{arm}) || len(j.Programs) != 1 {
		t.Errorf("got %+v", j)
	}
}

func TestProgramsForSeveralPlatforms(t *testing.T) {
	r := newRigOf(t, nil, programsFor("j", intel, arm))
	r.attachOn(intel, 1, "w1")
	r.attachOn(arm, 1, "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
	if len(r.runningOn("w1")) != 1 || len(r.runningOn("w2")) != 1 || len(r.leftOut()) > 0 {
		t.Errorf("%v %v %q", r.runningOn("w1"), r.runningOn("w2"), r.leftOut())
	}
}

// A job that nobody could run is refused; where nobody is yet, it waits.
func TestNobodyHasTheJobsPlatform(t *testing.T) {
	r := newRigOf(t, nil, programsFor("j", arm))
	if reply := need[model.Reply](r); reply.Err != nil {
		t.Fatal(reply.Err)
	}
	r.attachOn(intel, 1, "w1")
	r.attachOn("", 1, "w2")
	r.step(programsFor("k", arm, "windows/arm64"))
	want := "its program is for linux/arm64, windows/arm64, and the workers here are linux/amd64, an unknown platform"
	if reply := need[model.Reply](r); reply.Err == nil || reply.Err.Kind != model.CauseRefused || !strings.Contains(reply.Err.Message, want) {
		t.Errorf("got %+v", reply.Err)
	}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.pass(12*time.Minute, "w1", "w2")
	if e := r.ended(1); e.Cause.Kind != model.CauseNoWorker || !strings.HasSuffix(e.Cause.Message, "an unknown platform") {
		t.Errorf("got %+v", e.Cause)
	}
}

// A task that failed waits for no other worker if none of those could run it.
func TestNoOtherWorkerOfThePlatform(t *testing.T) {
	r := newRigOf(t, nil, programsFor("j", intel))
	r.attachOn(intel, 1, "w1")
	r.attachOn(arm, 1, "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.fail(r.run("r", 0), model.TaskFailed{Class: model.User, Message: "no"})
	if len(r.runningOn("w1")) != 1 {
		t.Error("it waits for a worker of another platform")
	}
}

func TestGangsFindTheirPlatform(t *testing.T) {
	r := newRigOf(t, nil, programsFor("j", intel))
	r.attachOn(intel, 2, "w1")
	r.attachOn(arm, 4, "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"g": 3}, gangStage(result("g")))
	r.pass(r.s.cfg.BarrierSlots+time.Second, "w1", "w2")
	if e := r.ended(1); e.Cause.Kind != model.CauseBarrier || !strings.Contains(e.Cause.Message, "there are 2 slots") {
		t.Errorf("got %+v", e.Cause)
	}
}

// An executor of other code than the driver's ends the job: no task of it ran.
func TestExecutorOfOtherCode(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.step(model.ExecGone{From: r.from("w1"), Job: "j", No: 1, Exit: -1, Refused: true, Says: "its code is a, the driver's b"})
	e := need[model.JobEnd](r)
	if e.State != model.JobFailed || e.Cause.Kind != model.CauseRefused || e.Cause.Message != "worker w1: its code is a, the driver's b" {
		t.Errorf("got %+v, %+v", e, e.Cause)
	}
}
