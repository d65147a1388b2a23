package sched

import (
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// The traces of the specification's §8, for what is built.

func TestT1WordCount(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.Journal = true })
	r.attach(1, "w1", "w2")
	r.action(1, files, map[plan.StageKey]int{"m": 3, "r": 2}, mapStage("m"), result("r", "m"))
	if got := r.runs1("m"); !slices.Equal(got, []int{0, 1}) {
		t.Fatalf("launched maps %v", got)
	}
	r.done(r.run("m", 0))
	if a := need[model.Ack](r); !a.Keep {
		t.Error("the output is not kept")
	}
	r.run("m", 2)
	r.done(r.run("m", 1))
	none[model.Launch](r)
	r.done(r.run("m", 2))
	if l := need[model.Locations](r); !l.Full || len(l.Outputs) != 3 || l.Outputs[1].Partition != 1 {
		t.Errorf("Locations = %+v", l)
	}
	r.done(r.run("r", 0))
	out := r.done(r.run("r", 1))
	var order []string
	for _, c := range out {
		switch c := c.(type) {
		case model.Append:
			if _, ok := c.Record.(model.CommitIntent); ok && c.Sync {
				order = append(order, "intent")
			}
		case model.Publish:
			order = append(order, "publish")
			if len(c.Manifest.Files) != 2 {
				t.Errorf("manifest %+v", c.Manifest)
			}
		}
	}
	if !slices.Equal(order, []string{"intent", "publish"}) {
		t.Errorf("order %v", order)
	}
	r.step(model.Published{Action: plan.ActionID{Job: "j", N: 1}})
	need[model.Collect](r)
	if e := r.ended(1); e.State != model.ActionDone || e.Stages[0].Ran != 3 || e.Stages[0].Counters[0].Value != 3 {
		t.Errorf("end %+v", e)
	}
	r.step(model.FinishJob{Job: "j"})
	need[model.JobEnd](r)
	syncs := 0
	for _, c := range r.all {
		if a, ok := c.(model.Append); ok && a.Sync {
			if _, start := a.Record.(model.TermStarted); !start {
				syncs++
			}
		}
	}
	if syncs != 4 {
		t.Errorf("%d synced records, want 4", syncs)
	}
}

func TestT2WorkerKilledInReduce(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1", "w2", "w3")
	r.action(1, files, map[plan.StageKey]int{"m": 8, "r": 4}, mapStage("m"), result("r", "m"))
	r.finish("m")
	held := 0
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == "w2" {
			held++
		}
	}
	if held == 0 || held == 8 {
		t.Fatalf("w2 holds %d of 8", held)
	}
	var others []model.AttemptID
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] != "w2" {
			others = append(others, a.Attempt)
		}
	}
	r.lost("w2")
	if v := r.stageView("r"); v.Try != 1 || v.Gen != 0 {
		t.Errorf("reduce has try %d, gen %d; want 1, 0", v.Try, v.Gen)
	}
	if v := r.stageView("m"); v.N-v.Done != held || v.Epoch != 2 {
		t.Errorf("map stage misses %d, epoch %d", v.N-v.Done, v.Epoch)
	}
	r.done(others[0]) // had fetched everything
	if r.stageView("r").Done != 1 {
		t.Error("a consistent success was not used")
	}
	r.finish("m", "r")
	r.step(model.Published{Action: plan.ActionID{Job: "j", N: 1}})
	e := r.ended(1)
	if e.State != model.ActionDone || e.Stages[0].Ran != 8+held || e.Stages[1].Ran != 4 {
		t.Errorf("recomputed %d maps and %d reduces, want %d and 0", e.Stages[0].Ran-8, e.Stages[1].Ran-4, held)
	}
}

func TestT3FetchFailureWithLivingOwner(t *testing.T) {
	for _, tt := range []struct {
		name    string
		verdict model.Verdict
		gone    int
	}{
		{"owner has it: the edge is banned", model.OutputOK, 0},
		{"owner has it damaged: one map again", model.OutputCorrupt, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.attach(1, "w1", "w2", "w3")
			r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 3, "r": 3}, mapStage("m"), result("r", "m"))
			r.finish("m")
			var src model.MapOutput
			for o := range r.s.Outputs("j", "m") {
				if o.Worker == "w2" {
					src = o
				}
			}
			victim := r.run("r", 0)
			if r.on[victim.Seq] == "w2" {
				victim = r.run("r", 1)
			}
			r.fail(victim, model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: src.Partition, Attempt: src.Attempt, Cause: model.FetchTimeout}})
			p := need[model.Probe](r)
			r.step(model.ProbeResult{Worker: p.Worker, Inc: p.Inc, No: p.No, Answer: model.ProbeSame})
			v := need[model.Verify](r)
			if v.Output != src.Attempt || v.Worker != "w2" {
				t.Fatalf("Verify %+v", v)
			}
			r.step(model.OutputVerdict{From: r.from("w2"), Output: v.Output, Verdict: tt.verdict})
			if got := r.stageView("m"); got.N-got.Done != tt.gone {
				t.Errorf("%d outputs gone, want %d", got.N-got.Done, tt.gone)
			}
			for range 50 {
				if len(r.runs) == 0 {
					r.pass(time.Second, "w1", "w2", "w3")
					continue
				}
				a := r.runs[0].Attempt
				if tt.gone == 0 && a.Partition == victim.Partition && r.on[a.Seq] == r.on[victim.Seq] && a != victim {
					t.Fatal("runs again where it cannot read")
				}
				r.done(a)
			}
			if e := r.ended(1); e.State != model.ActionDone || e.Stages[0].Ran != 3+tt.gone {
				t.Errorf("end %+v", e)
			}
		})
	}
}

func TestT5GossipIsAHint(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.pass(2*time.Second, "w3")
	r.step(model.MemberFailed{Worker: "w3", Inc: r.inc["w3"]})
	if r.s.byID["w3"].Is() != model.WorkerLive {
		t.Error("gossip alone made a worker suspect")
	}
	r.now = r.now.Add(3 * time.Second) // one renewal is missing
	r.step(model.MemberFailed{Worker: "w3", Inc: r.inc["w3"]})
	p := need[model.Probe](r)
	r.step(model.ProbeResult{Worker: "w3", Inc: p.Inc, No: p.No, Answer: model.ProbeSame})
	r.pass(time.Second, "w3")
	if w := r.s.byID["w3"]; w.Is() != model.WorkerLive || len(w.attempts) != 1 {
		t.Errorf("worker is %s with %d attempts", w.Is(), len(w.attempts))
	}
}

func TestT6PartitionedWorkerReportsLate(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.Speculation = false })
	r.attach(1, "w1", "w2")
	r.action(1, files, map[plan.StageKey]int{"m": 2, "r": 2}, mapStage("m"), result("r", "m"))
	var out model.MapOutput
	r.finish("m")
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == "w2" {
			out = o
		}
	}
	var late model.AttemptID
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] == "w2" {
			late = a.Attempt
		}
	}
	r.drop(late)
	r.pass(4600*time.Millisecond, "w1")
	if r.s.byID["w2"].Is() != model.WorkerSuspect {
		t.Fatalf("w2 is %s after two renewals", r.s.byID["w2"].Is())
	}
	r.pass(6*time.Second, "w1")
	if r.s.byID["w2"].Is() != model.WorkerLost {
		t.Fatalf("w2 is %s after its lease", r.s.byID["w2"].Is())
	}
	r.done(r.run("r", 1-late.Partition))
	r.done(r.run("m", out.Partition))
	winner := r.run("r", late.Partition)
	f := r.from("w2")
	f.Session = 99
	r.inc["w2"] = f.Inc
	out.Reads = nil
	r.step(model.Attach{From: f, Store: "w2", Hosts: []string{"w2"}, Slots: 1, Inventory: model.Inventory{
		Done:    []model.TaskDone{{From: f, Attempt: late, Reads: r.read[late.Seq], RowSum: uint64(late.Partition) + 1}},
		Outputs: []model.MapOutput{out}}})
	for _, c := range r.out {
		if a, ok := c.(model.Ack); ok && a.Keep {
			t.Errorf("a late success of a lost worker was kept: %+v", a)
		}
	}
	r.done(winner)
	p := need[model.Publish](r)
	if p.Manifest.Files[late.Partition].Attempt != winner {
		t.Error("the manifest does not name the winner")
	}
}

func TestT7CachedBlocksOfALostWorkerAreComputed(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1", "w2")
	m := mapStage("m")
	m.Cached, m.Caches = "points", []model.Cache{{RDD: "points"}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 1}, m, result("r", "m"))
	for len(r.runs1("m")) > 0 {
		a := r.run("m", r.runs1("m")[0])
		r.doneWith(a, func(d *model.TaskDone) {
			d.Blocks = []model.HeldBlock{{BlockID: model.BlockID{RDD: "points", Partition: a.Partition}}}
		})
	}
	r.finish("r")
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"m"}})
	m2 := mapStage("m2")
	m2.Cached, m2.Caches = "points", m.Caches
	r.action(2, model.Sink{}, map[plan.StageKey]int{"m2": 4, "r": 1}, m2, result("r", "m2"))
	for _, a := range r.runs {
		if a.Level != model.AtProcess {
			t.Errorf("%s runs at %s", a.Attempt, a.Level)
		}
	}
	r.lost("w2")
	for len(r.runs) > 0 {
		r.done(r.runs[0].Attempt)
	}
	if e := r.ended(2); e.State != model.ActionDone || e.Stages[0].Done != 4 {
		t.Errorf("end %+v", e)
	}
}

func TestT9FalseDeterminate(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1", "w2", "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 6, "x": 3, "r": 3}, mapStage("m"), mapStage("x", "m"), result("r", "x"))
	r.finish("m", "x")
	r.done(r.run("r", 0))
	r.lost("w3")
	for len(r.runs1("m")) > 0 {
		a := r.run("m", r.runs1("m")[0])
		r.doneWith(a, func(d *model.TaskDone) { d.RowSum = 1000 + uint64(a.Partition) })
		if r.stageView("m").Spec.Class == model.Indeterminate {
			t.Error("the plan's class changed")
		}
	}
	if _, ok := find[model.Notice](r.all); !ok {
		t.Error("nobody was told")
	}
	if g := r.stageView("m").Gen; g != 1 {
		t.Errorf("generation %d after other rows, want 1", g)
	}
	if _, ok := find[model.ResultReset](r.all); !ok {
		t.Error("the driver keeps rows of two generations")
	}
	r.finish("m", "x", "r")
	if e := r.ended(1); e.State != model.ActionDone || e.Stages[2].Gen != 1 {
		t.Errorf("end %+v", e)
	}
}
