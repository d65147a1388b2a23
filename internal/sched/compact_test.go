package sched

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func (r *rig) compacted() []model.Record {
	r.t.Helper()
	var out []model.Record
	for rec, err := range r.s.Compact(each(records(r.all))) {
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// same demands that a compacted journal restores what the whole one restores,
// once the driver has said what it still refers to, which no record does.
func (r *rig) same() (kept, all int) {
	r.t.Helper()
	whole, short := successor(r.t.(*testing.T), r, records(r.all)), successor(r.t.(*testing.T), r, r.compacted())
	var handles []plan.StageKey
	for _, v := range r.s.View(model.Stages{Job: "j"}).(model.StageList) {
		handles = append(handles, v.Stage.Key)
	}
	for _, n := range []*rig{whole, short} {
		n.step(model.DriverAttach{Job: "j", Session: 9, Handles: handles})
	}
	show := func(n *rig) string {
		stages := n.s.View(model.Stages{Job: "j"}).(model.StageList)
		for k := range stages {
			stages[k].Epoch = 0 // counts losses within a term
		}
		return fmt.Sprintf("%+v\n%+v", stages, n.s.View(model.Workers{}))
	}
	if a, b := show(whole), show(short); a != b {
		r.t.Errorf("%s\n%s", a, b)
	}
	for _, v := range whole.s.View(model.Stages{Job: "j"}).(model.StageList) {
		q := model.Tasks{Stage: v.Stage}
		if a, b := fmt.Sprintf("%+v", whole.s.View(q)), fmt.Sprintf("%+v", short.s.View(q)); a != b {
			r.t.Errorf("%s:\n%s\n%s", v.Stage, a, b)
		}
	}
	return len(r.compacted()), len(records(r.all))
}

func TestCompactKeepsTheState(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1", "w2")
	r.step(model.SetPool{Pool: model.Pool{Name: "p"}})
	r.step(model.SetPool{Pool: model.Pool{Name: "p", Weight: 3}})
	r.step(model.Exclude{Worker: "w2"})
	r.step(model.Readmit{Worker: "w2"})
	r.same()
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 6, "r": 2}, mapStage("m"), result("r", "m"))
	r.same()
	r.finish("m")
	r.fail(r.run("r", 0), model.TaskFailed{Class: model.User, Message: "x"})
	r.same()
	r.finish("r")
	r.same()
	r.lost("w2")
	r.attach(2, "w2")
	r.same()
	r.action(2, model.Sink{Kind: model.Files, Path: "/o"}, map[plan.StageKey]int{"q": 2}, mapStage("m"), result("q", "m"))
	r.same()
	r.finish("m", "q")
	if _, ok := find[model.Publish](r.out); !ok {
		t.Fatal("nothing is published")
	}
	r.same()
	r.step(model.Published{Action: plan.ActionID{Job: "j", N: 2}})
	kept, all := r.same()
	if kept >= all {
		t.Errorf("%d of %d records are kept", kept, all)
	}
}

// A loop must not make the journal longer and longer, though each round reads
// the same stage.
func TestCompactForgetsRounds(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1")
	last := 0
	for n := 1; n <= 300; n++ {
		key := plan.StageKey(fmt.Sprintf("s%d", n))
		r.action(n, model.Sink{}, map[plan.StageKey]int{"m": 2, key: 2, "r": 1}, mapStage("m"), mapStage(key, "m"), result("r", key))
		r.finish("m", key, "r")
		r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: n}, Partitions: []int{0}})
		r.step(model.Release{Job: "j", Keys: []plan.StageKey{key}})
		if n == 100 {
			last = len(r.compacted())
		}
	}
	if got := len(r.compacted()); got > last+2 {
		t.Errorf("%d records after 300 rounds, %d after 100", got, last)
	}
	r.same()
}

// TestCompactKeepsLoneCancels has a master die between the record of a cancel and that of
// the end that it made. No later one runs the action again, also when its end is long
// forgotten and it is kept for the sizes that it brought.
func TestCompactKeepsLoneCancels(t *testing.T) {
	for _, more := range []int{0, keptEnds + 1} {
		r := newRig(t, journalled)
		r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 2, "r": 2}, mapStage("m"), result("r", "m"))
		r.step(model.Cancel{Job: "j", Action: 1})
		r.all = slices.DeleteFunc(r.all, func(c model.Command) bool {
			a, ok := c.(model.Append)
			_, end := a.Record.(model.ActionEnded)
			return ok && end
		})
		n := successor(t, r, records(r.all))
		n.all = slices.Clone(r.all)
		for i := range more {
			key := plan.StageKey(fmt.Sprint("r", i))
			n.action(2+i, model.Sink{}, map[plan.StageKey]int{key: 1}, mapStage("m"), result(key, "m"))
			n.step(model.Cancel{Job: "j", Action: 2 + i})
		}
		last := successor(t, n, n.compacted())
		if active := last.s.jobs["j"].actions; len(active) > 0 {
			t.Errorf("%d actions later: %s runs again", more, active[0].id)
		}
		if last.s.jobs["j"].shared["m"].n != 2 {
			t.Errorf("%d actions later: the stage's sizes are lost", more)
		}
	}
}

func TestCompactForgetsJobs(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(2, "w1")
	r.action(1, model.Sink{Kind: model.Files, Path: "/o"}, map[plan.StageKey]int{"r": 3}, result("r"))
	r.finish("r")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.Published{Action: id})
	r.step(model.FinishJob{Job: "j"})
	find := func() (jobs, actions int) {
		for _, rec := range r.compacted() {
			switch rec.(type) {
			case model.JobAccepted, model.JobEnded:
				jobs++
			case model.ActionAccepted:
				actions++
			case model.Won:
				t.Error("outputs of an ended job are kept")
			}
		}
		return jobs, actions
	}
	if jobs, actions := find(); jobs != 2 || actions != 1 {
		t.Errorf("before its staging is collected: %d, %d", jobs, actions)
	}
	n := successor(t, r, r.compacted())
	if out := n.step(model.Tick{}); len(records(out)) != 1 || need[model.Collect](n).Action != id {
		t.Errorf("the staging is not collected: %v", out)
	}
	r.step(model.Collected{Action: id})
	if jobs, actions := find(); jobs != 2 || actions != 0 {
		t.Errorf("after that: %d, %d", jobs, actions)
	}
}

// A plan is kept only until what was resolved of it is, and what jobs hold until
// they end.
func TestCompactDropsBytes(t *testing.T) {
	r := newRig(t, journalled)
	r.attach(1, "w1")
	r.step(model.HoldBlob{Job: "j", Digest: "d"})
	r.step(model.HoldBlob{Job: "other", Digest: "d"})
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Encoded: []byte("plan"), Graph: []model.StageSpec{result("r")}, Target: "r"})
	held := func() (what string) {
		for _, rec := range r.compacted() {
			switch rec := rec.(type) {
			case model.BlobHeld:
				what += " held"
			case model.ActionAccepted:
				what += " " + string(rec.Submit.Encoded)
			case model.SplitsPlanned:
				what += string(rec.Resolved)
			}
		}
		return what
	}
	if got := held(); got != " held plan" {
		t.Errorf("got %q", got)
	}
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 1}}, Resolved: []byte("resolved")})
	if got := held(); got != " held resolved" {
		t.Errorf("got %q", got)
	}
	r.finish("r")
	r.step(model.FinishJob{Job: "j"})
	if got := held(); got != "" {
		t.Errorf("got %q", got)
	}
}

// What a task made before it lost it is compared with what it makes then, also
// by the next master (R52).
func TestCompactKeepsWhatIsCompared(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.Journal, c.StartWait = true, 0 })
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 2}, mapStage("m"), result("r", "m"))
	r.finish("m")
	r.lost("w2")
	n := successor(t, r, r.compacted())
	n.inc = map[plan.WorkerID]model.Inc{}
	n.now = n.now.Add(time.Second)
	n.inc["w3"] = 1
	n.step(model.Attach{From: n.fromTerm("w3", 1), Store: "w3", Slots: 4})
	n.pass(3*time.Second, "w3")
	id := model.AttemptID{}
	for _, a := range n.runs {
		if a.Attempt.Stage.Key == "m" && n.s.stage(a.Attempt.Stage).tasks[a.Attempt.Partition].again {
			id = a.Attempt
		}
	}
	if id.Seq == 0 {
		t.Fatalf("nothing is made again: %v", n.runs)
	}
	n.step(model.TaskDone{From: n.fromTerm("w3", 1), Attempt: id, Reads: n.read[id.Seq], Rows: 1, RowSum: 4711})
	found := false
	for _, rec := range records(n.all) {
		_, ok := rec.(model.ClassChanged)
		found = found || ok
	}
	if !found {
		t.Error("other rows the second time are not noticed")
	}
}

func TestCompactPassesErrorsOn(t *testing.T) {
	r := newRig(t, journalled)
	broken := func(yield func(model.Record, error) bool) { yield(nil, errBroken) }
	for _, err := range r.s.Compact(broken) {
		if !errors.Is(err, errBroken) {
			t.Error(err)
		}
	}
	passes := 0
	late := func(yield func(model.Record, error) bool) {
		if passes++; passes == 2 {
			yield(nil, errBroken)
		}
	}
	seen := false
	for _, err := range r.s.Compact(late) {
		seen = errors.Is(err, errBroken)
	}
	if !seen {
		t.Error("an error of the second pass is lost")
	}
	for rec, err := range r.s.Compact(each(records(r.all))) {
		if rec == nil || err != nil {
			t.Error(err)
		}
		break
	}
}
