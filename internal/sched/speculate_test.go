package sched

import (
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// straggle runs a stage of 8 tasks of which the last one does not end.
func straggle(t *testing.T, sink model.Sink, change func(*model.Config)) (*rig, model.AttemptID) {
	r := newRig(t, change)
	r.attach(4, "w1", "w2")
	r.action(1, sink, map[plan.StageKey]int{"r": 8}, result("r"))
	r.pass(200*time.Millisecond, "w1", "w2")
	for p := range 7 {
		r.done(r.run("r", p))
	}
	return r, r.run("r", 7)
}

func TestR48bTwinOfAStraggler(t *testing.T) {
	r, slow := straggle(t, files, nil)
	r.pass(2*time.Second, "w1", "w2")
	if len(r.runs) != 2 {
		t.Fatalf("%d attempts run, want a twin", len(r.runs))
	}
	twin := r.runs[1]
	if !twin.Twin || r.on[twin.Attempt.Seq] == r.on[slow.Seq] {
		t.Errorf("%+v on %s", twin, r.on[twin.Attempt.Seq])
	}
	r.done(twin.Attempt)
	k := need[model.Kill](r)
	if k.Attempt != slow {
		t.Errorf("%+v", k)
	}
	if p := need[model.Publish](r); p.Manifest.Files[7].Attempt != twin.Attempt {
		t.Error("the winner is not the twin")
	}
	r.on[slow.Seq] = k.Worker
	r.done(slow)
	if a := need[model.Ack](r); a.Keep {
		t.Error("the loser is kept")
	}
}

func TestR48NoTwins(t *testing.T) {
	for _, tt := range []struct {
		name string
		sink model.Sink
		conf func(*model.Config)
	}{
		{"of effects", model.Sink{Kind: model.ForEach, Guarantee: model.AtLeastOnce}, nil},
		{"when off", model.Sink{}, func(c *model.Config) { c.Speculation = false }},
	} {
		r, _ := straggle(t, tt.sink, tt.conf)
		r.pass(5*time.Second, "w1", "w2")
		if len(r.runs) != 1 {
			t.Errorf("%s: %d attempts run", tt.name, len(r.runs))
		}
	}
}

func TestR48aSlowRate(t *testing.T) {
	r := newRig(t, nil)
	r.attach(8, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 16}, result("r"))
	r.pass(500*time.Millisecond, "w1", "w2")
	for p := range 4 {
		r.done(r.run("r", p))
	}
	r.pass(500*time.Millisecond, "w1", "w2")
	report := func(p int, f float64) {
		a := r.run("r", p)
		r.step(model.TaskProgress{From: r.from(r.on[a.Seq]), Progress: []model.Progress{{Attempt: a, Rows: 1, Fraction: f, Moves: 1}}})
	}
	before := len(r.runs)
	report(8, 0.9)
	if len(r.runs) != before {
		t.Error("a twin of an attempt that is nearly done")
	}
	report(9, 0.05)
	if len(r.runs) != before+1 || r.runs[before].Attempt.Partition != 9 {
		t.Errorf("no twin of a slow attempt: %v", r.runs[before:])
	}
	report(10, 0.05)
	if len(r.runs) != before+1 {
		t.Error("more twins than 5 % of what runs")
	}
}

func TestR49TwinOfASuspectWorkersAttempt(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	first := r.run("r", 0)
	other := plan.WorkerID("w2")
	if r.on[first.Seq] == "w2" {
		other = "w1"
	}
	r.pass(500*time.Millisecond, "w1", "w2")
	r.pass(7*time.Second, other)
	if len(r.runs) != 2 || r.on[r.runs[1].Attempt.Seq] != other {
		t.Fatalf("running %v", r.runs)
	}
	r.done(r.runs[1].Attempt)
	if r.ended(1).State != model.ActionDone {
		t.Error("not done")
	}
}
