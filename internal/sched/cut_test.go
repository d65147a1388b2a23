package sched

import (
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ownRead is a result stage whose tasks read the outputs of a parent of their numbers.
func ownRead(key, parent plan.StageKey) model.StageSpec {
	st := result(key, parent)
	st.Parents[0].Own = true
	return st
}

// cutRig has a stage that was made of another, which was let go of then.
func cutRig(t *testing.T, change func(*model.Config)) (r *rig, cut model.StageSpec) {
	r = newRig(t, change)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"s": 2, "m": 4, "r": 4}, mapStage("s"), mapStage("m", "s"), ownRead("r", "m"))
	for len(r.runs) > 0 {
		r.doneWith(r.runs[0].Attempt, func(d *model.TaskDone) { d.Sizes = []byte{100} })
	}
	r.ended(1)
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"s"}})
	cut = mapStage("m")
	cut.Cut = true
	return r, cut
}

// TestR4ACutStageIsAlone has what it was made of forgotten as soon as a plan says that it
// is cut, and its outputs read as before.
func TestR4ACutStageIsAlone(t *testing.T) {
	r, cut := cutRig(t, nil)
	if r.s.jobs["j"].shared["s"] == nil {
		t.Error("what a stage reads is forgotten")
	}
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	if len(r.runs1("m")) > 0 || len(r.runs1("q")) != 4 {
		t.Errorf("running: %v", r.runs)
	}
	for len(r.runs) > 0 {
		r.finish("q")
	}
	r.ended(2)
	if r.s.jobs["j"].shared["s"] != nil {
		t.Error("what a stage does not read any more is kept")
	}
	// Lost, it is made by the plan that has it now, without what it was made of.
	r.lost("w1")
	r.action(3, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	if got := len(r.runs1("m")); got == 0 || got == 4 || len(r.runs1("s")) > 0 {
		t.Errorf("running: %v", r.runs)
	}
}

// TestR4AStageIsCutWhileItIsMade does not happen, but a plan may say so.
func TestR4AStageIsCutWhileItIsMade(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1")
	r.action(1, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"s": 1, "m": 2, "r": 2}, mapStage("s"), mapStage("m", "s"), result("r", "m"))
	cut := mapStage("m")
	cut.Cut = true
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 1}, cut, result("q", "m"))
	if st := r.s.jobs["j"].shared["s"]; st.wantAll != 0 || len(r.runs1("s")) > 0 {
		t.Errorf("%v runs, and %d want it", r.runs1("s"), st.wantAll)
	}
	for len(r.runs) > 0 {
		r.finish("m", "r", "q")
	}
	r.ended(1)
	r.ended(2)
}

// TestCutStagesAreRestored by a master that has all of the journal or what is left of it.
func TestCutStagesAreRestored(t *testing.T) {
	r, cut := cutRig(t, journalled)
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	for len(r.runs) > 0 {
		r.finish("q")
	}
	r.same()
}

// TestR10TasksRunWhereTheirOwnInputIs has a task read the output of its number alone.
func TestR10TasksRunWhereTheirOwnInputIs(t *testing.T) {
	r, cut := cutRig(t, func(c *model.Config) { *c = model.Defaults("c", 7); c.Journal, c.DriverLease = false, 0 })
	at := map[int]plan.WorkerID{}
	for o := range r.s.Outputs("j", "m") {
		at[o.Partition] = o.Worker
	}
	r.attach(8, "w3") // which has nothing, and more slots than all others
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	for _, a := range r.runs {
		if w := r.on[a.Attempt.Seq]; w != at[a.Attempt.Partition] {
			t.Errorf("task %d runs at %s, its input is at %s", a.Attempt.Partition, w, at[a.Attempt.Partition])
		}
	}
}

// TestR4AStageThatIsToBeCutIsCutWithItsAction, not when a later action reads it: what it
// was made of is lost before that, and made again with other rows.
func TestR4AStageThatIsToBeCutIsCutWithItsAction(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	s, local := mapStage("s"), mapStage("m", "s")
	s.Class, local.Local = model.Indeterminate, true
	finish := func() {
		for len(r.runs) > 0 {
			r.doneWith(r.runs[0].Attempt, func(d *model.TaskDone) { d.Sizes = []byte{100} })
		}
	}
	outputs := func() (on []plan.WorkerID) {
		for o := range r.s.Outputs("j", "m") {
			on = append(on, o.Worker)
		}
		return on
	}
	r.action(1, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"s": 2, "m": 1, "r": 1}, s, local, ownRead("r", "m"))
	finish()
	r.ended(1)
	at := outputs()
	if len(at) != 1 {
		t.Fatalf("outputs on %v", at)
	}
	lose := plan.WorkerID("w1")
	if at[0] == lose {
		lose = "w2"
	}
	r.lost(lose)
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"s": 2, "q": 1}, s, result("q", "s"))
	finish()
	r.ended(2)
	if got := outputs(); len(got) != 1 {
		t.Errorf("outputs on %v, want one on %s, which is there", got, at[0])
	}
	cut := mapStage("m")
	cut.Cut = true
	r.action(3, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"p": 1}, cut, ownRead("p", "m"))
	if again := r.runs1("m"); len(again) > 0 {
		t.Errorf("tasks %v of the cut stage run again", again)
	}
	finish()
	r.ended(3)
}

// shedRig has a stage that reads two others.
func shedRig(t *testing.T, change func(*model.Config)) *rig {
	r := newRig(t, change)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"s": 1, "u": 1, "m": 4, "r": 1},
		mapStage("s"), mapStage("u"), mapStage("m", "s", "u"), result("r", "m"))
	return r
}

// TestR4AStageReadsLess when what it read has been cut off: the rest is made again with
// it, and what it does not read any more is not.
func TestR4AStageReadsLess(t *testing.T) {
	for _, change := range []func(*model.Config){nil, journalled} {
		r := shedRig(t, change)
		r.finish("s", "u", "m", "r")
		r.ended(1)
		r.step(model.Release{Job: "j", Keys: []plan.StageKey{"s"}})
		r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 1}, mapStage("u"), mapStage("m", "u"), result("q", "m"))
		if len(r.runs1("m")) > 0 || len(r.runs1("q")) != 1 {
			t.Errorf("running: %v", r.runs)
		}
		r.finish("q")
		r.ended(2)
		if r.s.jobs["j"].shared["s"] != nil {
			t.Error("what nobody reads any more is kept")
		}
		r.lost("w1")
		r.lost("w2")
		r.attach(2, "w3")
		r.action(3, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"p": 1}, mapStage("u"), mapStage("m", "u"), result("p", "m"))
		if len(r.runs1("u")) != 1 || len(r.runs1("m")) > 0 || len(r.runs1("s")) > 0 {
			t.Errorf("running: %v", r.runs)
		}
		r.finish("u", "m", "p")
		r.ended(3)
		if change != nil {
			r.same()
		}
	}
}

// TestR4AStageReadsLessWhileItIsMade, which goes on, of what is there.
func TestR4AStageReadsLessWhileItIsMade(t *testing.T) {
	r := shedRig(t, nil)
	r.finish("s")
	r.done(r.run("u", 0))
	before := r.runs1("m")
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 1}, mapStage("u"), mapStage("m", "u"), result("q", "m"))
	if got := r.runs1("m"); len(before) != 4 || len(got) != 4 {
		t.Errorf("%v of m ran, now %v", before, got)
	}
	r.finish("m", "r", "q")
	r.ended(1)
	r.ended(2)

	r = shedRig(t, nil)
	r.finish("u")
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 1}, mapStage("u"), mapStage("m", "u"), result("q", "m"))
	if len(r.runs1("s")) > 0 || len(r.runs1("m")) != 4 {
		t.Errorf("running: %v", r.runs)
	}
	r.finish("m", "r", "q")
	r.ended(1)
	r.ended(2)
}

// TestR3AStageReadsTheSame in another order, as where the first to name a stage was cut off.
func TestR3AStageReadsTheSame(t *testing.T) {
	r := shedRig(t, nil)
	r.finish("s", "u", "m", "r")
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 1}, mapStage("s"), mapStage("u"), mapStage("m", "u", "s"), result("q", "m"))
	r.finish("q")
	r.ended(2)
}

// TestR3AStageReadsNoOthers than it was known to read.
func TestR3AStageReadsNoOthers(t *testing.T) {
	own := mapStage("m", "u")
	own.Parents[0].Own = true
	for name, m := range map[string]model.StageSpec{"another": mapStage("m", "u", "v"), "one more": mapStage("m", "s", "u", "v"), "otherwise": own} {
		r := shedRig(t, nil)
		out := r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 2}, Plan: "2",
			Graph: []model.StageSpec{mapStage("s"), mapStage("u"), mapStage("v"), m, result("q", "m", "s", "u", "v")}, Target: "q", Sink: model.Sink{Kind: model.ForEach}})
		if reply, ok := find[model.Reply](out); !ok || reply.Err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// TestR33OutputsOfACutStageAreFoundAgain by a worker that comes back with them: they were
// made of more than the stage reads now.
func TestR33OutputsOfACutStageAreFoundAgain(t *testing.T) {
	r, cut := cutRig(t, nil)
	var held []model.MapOutput
	for o := range r.s.Outputs("j", "m") {
		if o.Worker == "w1" {
			o.Reads = []model.Read{{Key: "s"}}
			held = append(held, o)
		}
	}
	r.action(2, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	r.finish("q")
	r.lost("w1")
	r.inc["w1"]++
	r.step(model.Attach{From: r.from("w1"), Store: "w1", Hosts: []string{"w1"}, Slots: 2, Inventory: model.Inventory{Outputs: held}})
	none[model.Drop](r)
	r.action(3, model.Sink{Kind: model.ForEach}, map[plan.StageKey]int{"q": 4}, cut, ownRead("q", "m"))
	if again := r.runs1("m"); len(held) == 0 || len(again) > 0 || len(r.runs1("q")) != 4 {
		t.Errorf("%d were held, and are made again: %v", len(held), again)
	}
}
