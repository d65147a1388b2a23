package sched

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestR1SubmitJob(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxJobs = 3 })
	for _, tt := range []struct {
		name string
		ev   model.SubmitJob
		ok   bool
	}{
		{"a new job", model.SubmitJob{Key: "k", Digest: "d"}, true},
		{"the same again", model.SubmitJob{Key: "k", Digest: "d"}, true},
		{"the same key with something else", model.SubmitJob{Key: "k", Digest: "e"}, false},
		{"an unknown pool", model.SubmitJob{Key: "l", Pool: "x"}, false},
		{"limits out of range", model.SubmitJob{Key: "l", Limits: model.Limits{Slots: -1}}, false},
		{"the last that fits", model.SubmitJob{Key: "l"}, true},
		{"one too many", model.SubmitJob{Key: "n"}, false},
	} {
		tt.ev.Request = 7
		r.step(tt.ev)
		if got := need[model.Reply](r); (got.Err == nil) != tt.ok || got.Request != 7 {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if n := len(r.s.View(model.Jobs{}).(model.JobList)); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
}

func TestR2RefusesBadGraphs(t *testing.T) {
	narrow := model.StageSpec{Key: "r", Kind: model.ResultStage, Parents: []model.Parent{{Key: "m", Edge: model.ValueDep}}}
	gang := mapStage("m")
	gang.Barrier = true
	single := result("r")
	single.Parents = []model.Parent{{Key: "m", Edge: model.Narrow}}
	cached := gang
	cached.Cached, cached.Caches = "c", []model.Cache{{RDD: "c"}}
	for name, g := range map[string][]model.StageSpec{
		"a cycle":             {mapStage("a", "b"), mapStage("b", "a"), result("r", "a")},
		"an unknown parent":   {result("r", "x")},
		"the same key twice":  {mapStage("a"), mapStage("a"), result("r", "a")},
		"a stage too many":    {mapStage("a"), result("r")},
		"no target":           {mapStage("a")},
		"a value of a map":    {mapStage("m"), narrow},
		"two results":         {result("q"), result("r", "q")},
		"one task of a gang":  {gang, single},
		"a cached gang":       {cached, result("r", "m")},
		"a key that is empty": {mapStage(""), result("r", "")},
	} {
		r := newRig(t, nil)
		r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 1}, Graph: g, Target: "r"})
		if got := need[model.Reply](r); got.Err == nil || got.Err.Kind != model.CauseRefused {
			t.Errorf("%s: %+v", name, got)
		}
		if v := r.s.View(model.Stages{Job: "j"}).(model.StageList); len(v) != 0 {
			t.Errorf("%s: left %d stages", name, len(v))
		}
	}
}

func TestR2RefusesBadSizes(t *testing.T) {
	id := plan.ActionID{Job: "j", N: 1}
	for name, sizes := range map[string][]model.StageSize{
		"one missing":    {{Key: "m", N: 1}},
		"negative":       {{Key: "m", N: -1}, {Key: "r", N: 1}},
		"too many":       {{Key: "m", N: 1 << 30}, {Key: "r", N: 1}},
		"narrow differs": {{Key: "m", N: 2}, {Key: "r", N: 3}},
	} {
		r := newRig(t, nil)
		target := result("r")
		target.Parents = []model.Parent{{Key: "m", Edge: model.Narrow}}
		r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{mapStage("m"), target}, Target: "r"})
		r.step(model.SplitsReady{Action: id, Sizes: sizes})
		if e := r.ended(1); e.State != model.ActionFailed || e.Cause.Kind != model.CauseSplits {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestR2OutputThatExistsEndsBeforeAnyTask(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r", Sink: files})
	r.step(model.SubmitAction{Request: 2, Action: plan.ActionID{Job: "j", N: 2}, Graph: []model.StageSpec{result("r")}, Target: "r", Sink: files})
	if got := need[model.Reply](r); got.Err == nil {
		t.Error("two actions write to one path")
	}
	r.step(model.OutputPrepared{Action: id, Err: &model.Problem{Message: "exists", Detail: []byte("d")}})
	e := r.ended(1)
	if e.Cause.Kind != model.CauseOutput || string(e.Cause.Detail) != "d" {
		t.Errorf("end %+v", e)
	}
	if _, ok := find[model.Launch](r.all); ok {
		t.Error("a task ran")
	}
}

func TestR3SameActionAgain(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	again := model.SubmitAction{Request: 5, Action: plan.ActionID{Job: "j", N: 1}, Plan: "1", Graph: []model.StageSpec{result("r")}, Target: "r"}
	r.step(again)
	if got := need[model.Reply](r); got.Err != nil {
		t.Errorf("%+v", got.Err)
	}
	again.Plan = "other"
	r.step(again)
	if got := need[model.Reply](r); got.Err == nil {
		t.Error("another plan under the same number")
	}
	r.finish("r")
	again.Plan = "1"
	r.step(again)
	need[model.ActionEnd](r)
}

func TestR4LaterActionsSkipWhatIsThere(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w")
	sizes := map[plan.StageKey]int{"m": 3, "r": 2}
	r.action(1, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	r.finish("m", "r")
	r.action(2, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	if got := r.runs1("m"); len(got) != 0 {
		t.Errorf("maps %v run again", got)
	}
	r.finish("r")
	e := r.ended(2)
	if !e.Stages[0].Skipped || e.Stages[0].Ran != 0 || e.Stages[1].Skipped {
		t.Errorf("summary %+v", e.Stages)
	}
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"m"}})
	if d := need[model.Drop](r); d.Keys[0] != "m" {
		t.Errorf("%+v", d)
	}
	r.action(3, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	r.finish("m", "r")
	if e := r.ended(3); e.Stages[0].Ran != 3 {
		t.Errorf("released outputs were used: %+v", e.Stages)
	}
}

func TestR3ZeroPartitionsCompleteAtOnce(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 0, "r": 2}, mapStage("m"), result("r", "m"))
	r.finish("r")
	r.action(2, model.Sink{}, map[plan.StageKey]int{"q": 0}, result("q"))
	if r.ended(1).State != model.ActionDone || r.ended(2).State != model.ActionDone {
		t.Error("an empty stage holds its readers up")
	}
}

func TestR5OnlyWhatIsWantedRuns(t *testing.T) {
	r := newRig(t, nil)
	r.attach(8, "w")
	target := result("r")
	target.Parents = []model.Parent{{Key: "m", Edge: model.Narrow}}
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{mapStage("m"), target}, Target: "r", Partitions: []int{1, 3}})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "m", N: 5}, {Key: "r", N: 5}}})
	if got := r.runs1("m"); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("maps %v run, want 1 and 3", got)
	}
	r.done(r.run("m", 3))
	if got := r.runs1("r"); !slices.Equal(got, []int{3}) {
		t.Errorf("a narrow reader waits for the whole stage: %v", got)
	}
	r.finish("m", "r")
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 2 {
		t.Errorf("end %+v", e)
	}
}

func TestR7ValueStage(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w", "v")
	value := mapStage("b", "s")
	value.Kind = model.ValueStage
	target := result("r")
	target.Parents = []model.Parent{{Key: "b", Edge: model.ValueDep}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"s": 2, "b": 1, "r": 2}, mapStage("s"), value, target)
	r.finish("s")
	r.doneWith(r.run("b", 0), func(d *model.TaskDone) { d.Output = []byte("bounds") })
	if l := need[model.Locations](r); string(l.Outputs[0].Output) != "bounds" {
		t.Errorf("%+v", l)
	}
	r.lost("v")
	if r.stageView("b").Done != 1 {
		t.Error("a value was lost with a worker")
	}
	r.finish("r")
	if r.ended(1).State != model.ActionDone {
		t.Error("not done")
	}
}

func TestR10R11LocalityWaits(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.WaitNode = time.Second })
	r.attach(1, "w1", "w2")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	prefs := [][]string{{"w1"}, {"w1"}, {"w1"}, {"gone"}}
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 4, Prefs: prefs}}})
	// p0 at home; p3's host has no worker, so it does not wait for it.
	if got := r.runs1("r"); !slices.Equal(got, []int{0, 3}) || r.on[r.run("r", 0).Seq] != "w1" || r.on[r.run("r", 3).Seq] != "w2" {
		t.Fatalf("launched %v", got)
	}
	r.done(r.run("r", 3))
	none[model.Launch](r) // w2 is declined: its clock runs
	r.pass(900*time.Millisecond, "w1", "w2")
	if got := r.runs1("r"); !slices.Equal(got, []int{0}) {
		t.Fatalf("a wait of 1 s ended after 0.9 s: %v", got)
	}
	at, ok := r.s.Next()
	if !ok || at > r.now.Add(100*time.Millisecond) {
		t.Fatalf("no tick is wanted when the wait ends: %v", at.Sub(r.now))
	}
	r.pass(200*time.Millisecond, "w1", "w2")
	if a := r.run("r", 1); r.on[a.Seq] != "w2" {
		t.Errorf("p1 runs on %s", r.on[a.Seq])
	}
	r.finish("r")
	if r.ended(1).State != model.ActionDone {
		t.Error("not done")
	}
}

func TestR11LaunchesDoNotResetTheWait(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.WaitNode = time.Second })
	r.attach(1, "w1", "w2")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	var prefs [][]string
	for range 50 {
		prefs = append(prefs, []string{"w1"})
	}
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 50, Prefs: prefs}}})
	for range 12 { // w1 launches all the time
		r.pass(100*time.Millisecond, "w1", "w2")
		for _, a := range r.runs {
			if r.on[a.Attempt.Seq] == "w1" {
				r.done(a.Attempt)
				break
			}
		}
	}
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] == "w2" {
			return
		}
	}
	t.Error("w2 was never used: launches at home reset its wait")
}

func TestR14Eligibility(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(r *rig)
		want int
	}{
		{"all", func(*rig) {}, 4},
		{"per worker", func(r *rig) { r.s.jobs["j"].limits.SlotsPerWorker = 1 }, 2},
		{"per job", func(r *rig) { r.s.jobs["j"].limits.Slots = 3 }, 3},
		{"excluded", func(r *rig) { r.step(model.Exclude{Worker: "w1"}) }, 2},
		{"suspect", func(r *rig) {
			r.step(model.StreamDown{Worker: "w1", Inc: 1, Session: 1})
		}, 2},
		{"lease nearly over", func(r *rig) {
			r.s.cfg.LeaseMargin = r.s.cfg.Lease - time.Second/2
			r.pass(time.Second, "w2")
		}, 2},
		{"no lease", func(r *rig) { r.pass(20*time.Second, "w2") }, 2},
	} {
		r := newRig(t, nil)
		r.attach(2, "w1", "w2")
		tt.do(r)
		r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 9}, result("r"))
		if got := len(r.runs); got != tt.want {
			t.Errorf("%s: %d launches, want %d", tt.name, got, tt.want)
		}
	}
}

func TestR14FullDiskTakesNoMaps(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1", "w2")
	r.step(model.DiskState{From: r.from("w1"), Full: true})
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 4}, mapStage("m"), result("r", "m"))
	for _, a := range r.runs {
		if r.on[a.Attempt.Seq] == "w1" {
			t.Error("a map runs on a full disk")
		}
	}
	r.step(model.DiskState{From: r.from("w1")})
	if len(r.runs) != 4 {
		t.Errorf("%d run after room was made", len(r.runs))
	}
}

func TestR15Pools(t *testing.T) {
	r := newRig(t, func(c *model.Config) {
		c.Pools = []model.Pool{{Name: "default"}, {Name: "a", Weight: 3}, {Name: "b", Weight: 1}, {Name: "c", MaxShare: 1}, {Name: "d", MinShare: 2}}
	})
	for _, p := range []string{"a", "b", "c", "d"} {
		r.step(model.SubmitJob{Job: plan.JobID(p), Pool: p})
		id := plan.ActionID{Job: plan.JobID(p), N: 1}
		r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
		r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 100}}})
	}
	r.attach(8, "w1", "w2")
	got := map[plan.JobID]int{}
	for _, a := range r.runs {
		got[a.Attempt.Stage.Job]++
	}
	// 16 slots: c has at most one, d at least two, a three times b.
	if got["c"] != 1 || got["d"] < 2 || got["a"] < 2*got["b"] || got["a"]+got["b"]+got["c"]+got["d"] != 16 {
		t.Errorf("shares %v", got)
	}
}

func TestR9JobsByPriority(t *testing.T) {
	r := newRig(t, nil)
	for _, j := range []struct {
		id       plan.JobID
		priority int
	}{{"low", 0}, {"high", 5}} {
		r.step(model.SubmitJob{Job: j.id, Priority: j.priority})
		id := plan.ActionID{Job: j.id, N: 1}
		r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
		r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 3}}})
	}
	r.attach(3, "w")
	for _, a := range r.runs {
		if a.Attempt.Stage.Job != "high" {
			t.Errorf("%s runs first", a.Attempt)
		}
	}
}

func TestR17DuplicatesChangeNothing(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 1, "r": 1}, mapStage("m"), result("r", "m"))
	id := r.run("m", 0)
	r.done(id)
	r.done(id)
	if a := need[model.Ack](r); !a.Keep {
		t.Error("the second report of a winner is discarded")
	}
	wrong := id
	wrong.Seq = 999
	r.on[999] = "w"
	r.done(wrong)
	if a := need[model.Ack](r); a.Keep {
		t.Error("an unknown attempt is kept")
	}
	if got := r.s.View(model.Totals{}).(model.Sums); got.Done != 1 || got.Discarded != 1 {
		t.Errorf("%+v", got)
	}
}

func TestR18Results(t *testing.T) {
	t.Run("inline results end the action", func(t *testing.T) {
		r := newRig(t, nil)
		r.attach(1, "w")
		r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
		r.doneWith(r.run("r", 0), func(d *model.TaskDone) { d.Result = []byte("rows") })
		if got := need[model.Result](r); string(got.Bytes) != "rows" || got.Partition != 0 {
			t.Errorf("%+v", got)
		}
		r.ended(1)
	})
	t.Run("a result at a worker is waited for, and lost with it", func(t *testing.T) {
		r := newRig(t, nil)
		r.attach(1, "w1", "w2")
		r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
		first := r.run("r", 0)
		r.doneWith(first, func(d *model.TaskDone) { d.Address = "there" })
		none[model.ActionEnd](r)
		r.lost(r.on[first.Seq])
		r.doneWith(r.run("r", 0), func(d *model.TaskDone) { d.Address = "here" })
		r.step(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Partitions: []int{0, 7, -1}})
		need[model.ActionEnd](r)
	})
	t.Run("too many bytes", func(t *testing.T) {
		r := newRig(t, func(c *model.Config) { c.ResultBytes = 10 })
		r.attach(1, "w")
		r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
		r.doneWith(r.run("r", 0), func(d *model.TaskDone) { d.Bytes = 11 })
		if e := r.ended(1); e.Cause.Kind != model.CauseResultBytes {
			t.Errorf("%+v", e)
		}
	})
}

func TestR18FirstN(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ordered bool
		order   []int
		ends    int // after so many results
	}{
		{"any rows", false, []int{3, 2, 1, 0}, 2},
		{"the first rows, out of order", true, []int{3, 1, 0, 2}, 3},
	} {
		r := newRig(t, nil)
		r.attach(4, "w")
		id := plan.ActionID{Job: "j", N: 1}
		r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r", FirstN: 2, Ordered: tt.ordered})
		r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 4}}})
		n := 0
		for _, p := range tt.order {
			n++
			r.done(r.run("r", p))
			if _, ok := find[model.ActionEnd](r.out); ok {
				break
			}
		}
		if n != tt.ends || r.ended(1).State != model.ActionDone {
			t.Errorf("%s: ended after %d, want %d", tt.name, n, tt.ends)
		}
		if _, ok := find[model.Kill](r.out); !ok {
			t.Errorf("%s: the rest is not killed", tt.name)
		}
	}
}

func TestR21FailuresElsewhereThenTheActionFails(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.Deterministic = false })
	r.attach(1, "w1", "w2", "w3", "w4")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	seen := map[plan.WorkerID]bool{}
	for range 4 {
		a := r.run("r", 0)
		if seen[r.on[a.Seq]] {
			t.Errorf("ran twice on %s", r.on[a.Seq])
		}
		seen[r.on[a.Seq]] = true
		r.fail(a, model.TaskFailed{Class: model.User, Message: "boom", Detail: []byte("x")})
	}
	e := r.ended(1)
	if e.Cause.Kind != model.CauseTask || len(e.Cause.Tries) != 4 || string(e.Cause.Detail) != "x" || !strings.Contains(e.Cause.Message, "boom") {
		t.Errorf("%+v", e.Cause)
	}
	r.step(model.SubmitAction{Request: 1, Action: plan.ActionID{Job: "j", N: 2}, Graph: []model.StageSpec{result("r")}, Target: "r"})
	if got := need[model.Reply](r); got.Err != nil {
		t.Errorf("the job cannot go on: %v", got.Err)
	}
}

func TestR21EmbeddedFailsAtOnce(t *testing.T) {
	s := New(model.Embedded())
	f := model.From{Cluster: "embedded", Protocol: 1, Term: 1, Worker: "local", Inc: 1, Session: 1}
	s.Step(0, model.Attach{From: f, Slots: 2})
	s.Step(0, model.SubmitJob{Job: "j"})
	id := plan.ActionID{Job: "j", N: 1}
	s.Step(0, model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	out := s.Step(0, model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 5}}})
	l, _ := find[model.Launch](out)
	if len(l.Tasks) != 2 {
		t.Fatalf("launch %+v", l)
	}
	out = s.Step(0, model.TaskFailed{From: f, Attempt: l.Tasks[0].Attempt, Message: "boom"})
	e, ok := find[model.ActionEnd](out)
	k, killed := find[model.Kill](out)
	if !ok || e.Cause.Kind != model.CauseTask || !killed || k.Attempt != l.Tasks[1].Attempt {
		t.Fatalf("%+v", out)
	}
	out = s.Step(0, model.FinishJob{Job: "j", Reason: "boom"})
	if _, ok := find[model.JobEnd](out); ok {
		t.Error("the job ended with an attempt running")
	}
	out = s.Step(0, model.TaskFailed{From: f, Attempt: l.Tasks[1].Attempt, Class: model.Killed})
	if e, ok := find[model.JobEnd](out); !ok || e.State != model.JobFailed {
		t.Errorf("%+v", out)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if at, ok := s.Next(); ok && at < model.Instant(time.Second) {
		t.Errorf("an idle embedded machine wants a tick at %v", at)
	}
}

func TestR22Deterministic(t *testing.T) {
	row := model.Signature{Site: "x.go:1", Hash: 5, Row: 3, HasRow: true}
	plain := model.Signature{Site: "x.go:1", Hash: 5}
	for _, tt := range []struct {
		name string
		sigs []model.Signature
		ends bool
	}{
		{"the same row elsewhere", []model.Signature{row, row}, true},
		{"another row", []model.Signature{row, {Site: "x.go:1", Hash: 5, Row: 4, HasRow: true}}, false},
		{"no row, twice", []model.Signature{plain, plain}, false},
		{"no row, three times", []model.Signature{plain, plain, plain}, true},
	} {
		r := newRig(t, nil)
		r.attach(1, "w1", "w2", "w3")
		r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
		for _, s := range tt.sigs {
			r.fail(r.run("r", 0), model.TaskFailed{Signature: s})
		}
		e, ok := find[model.ActionEnd](r.out)
		if ok != tt.ends || ok && e.Cause.Kind != model.CauseDeterministic {
			t.Errorf("%s: ended %v, %+v", tt.name, ok, e.Cause)
		}
	}
}

func TestR23InfraBacksOffAndIsBounded(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxInfra = 5 })
	r.attach(1, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	var waits []time.Duration
	for range 4 {
		r.fail(r.run("r", 0), model.TaskFailed{Class: model.Infra})
		at := r.now
		for len(r.runs) == 0 {
			next, _ := r.s.Next()
			r.now = next
			r.step(model.Renewed{Renewals: []model.Renewal{{Worker: "w", Inc: 1, Session: 1, SentAt: r.now, Heard: true}}})
		}
		waits = append(waits, r.now.Sub(at))
	}
	want := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	r.fail(r.run("r", 0), model.TaskFailed{Class: model.Infra})
	if e := r.ended(1); e.Cause.Kind != model.CauseInfra {
		t.Errorf("%+v", e)
	}
}

func TestR26NoProgress(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxFailures, c.Speculation = 2, false })
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	first := r.run("r", 0)
	for k := range 12 {
		r.pass(time.Minute, "w1", "w2")
		r.step(model.TaskProgress{From: r.from(r.on[first.Seq]), Progress: []model.Progress{{Attempt: first, Moves: int64(k + 1)}}})
	}
	if len(r.runs) != 1 {
		t.Fatal("an attempt that gets on was killed")
	}
	r.pass(11*time.Minute, "w1", "w2")
	for _, c := range r.all {
		if k, ok := c.(model.Kill); ok && (k.Attempt != first || !k.Dump) {
			t.Errorf("%+v", k)
		}
	}
	if a := r.run("r", 0); a == first || r.on[a.Seq] == r.on[first.Seq] {
		t.Error("not tried elsewhere")
	}
	r.pass(11*time.Minute, "w1", "w2")
	if e := r.ended(1); e.Cause.Kind != model.CauseTask || !strings.Contains(e.Cause.Message, "no progress") {
		t.Errorf("%+v", e)
	}
}

// An attempt that stands still is ended when its time is over, by the limit of its
// job, and one that moves is not.
func TestR26LimitOfAJob(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.Speculation = false })
	r.s.jobs["j"].limits.NoProgress = 5 * time.Second
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
	still, moves := r.run("r", 0), r.run("r", 1)
	r.pass(3*time.Second, "w1", "w2")
	r.step(model.TaskProgress{From: r.from(r.on[moves.Seq]), Progress: []model.Progress{{Attempt: moves, Moves: 1}}})
	ended := func() (ids []model.AttemptID) {
		for _, c := range r.all {
			if k, ok := c.(model.Kill); ok {
				ids = append(ids, k.Attempt)
			}
		}
		return ids
	}
	r.pass(1900*time.Millisecond, "w1", "w2")
	if ids := ended(); len(ids) > 0 {
		t.Errorf("ended before its time: %v", ids)
	}
	r.pass(200*time.Millisecond, "w1", "w2")
	if ids := ended(); !slices.Equal(ids, []model.AttemptID{still}) {
		t.Errorf("ended %v, want %v", ids, still)
	}
	r.pass(4*time.Second, "w1", "w2")
	if ids := ended(); !slices.Contains(ids, moves) {
		t.Errorf("ended %v: not %v, which stood still later", ids, moves)
	}
}

func TestR36StageKeepsAwayFromABadWorker(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "bad", "w2", "w3")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 30}, result("r"))
	r.done(r.runs[1].Attempt) // the stage succeeds elsewhere
	failed := 0
	for len(r.runs) > 0 {
		k := slices.IndexFunc(r.runs, func(a model.Assignment) bool { return r.on[a.Attempt.Seq] == "bad" })
		if k < 0 {
			r.done(r.runs[0].Attempt)
			continue
		}
		failed++
		r.fail(r.runs[k].Attempt, model.TaskFailed{Message: "bad"})
	}
	if e := r.ended(1); e.State != model.ActionDone || failed != 3 {
		t.Errorf("%s after %d failures on the bad worker, want 3", e.State, failed)
	}
}

func TestR24CrashesMakeATaskRunAlone(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxFailures = 2 })
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	exec := func(id model.AttemptID) int {
		for i := len(r.all) - 1; i >= 0; i-- {
			if l, ok := r.all[i].(model.Launch); ok && l.Tasks[0].Attempt == id {
				return l.Exec
			}
		}
		return 0
	}
	crash := func() model.Assignment {
		a := r.runs[0]
		r.drop(a.Attempt)
		r.step(model.ExecGone{From: r.from(r.on[a.Attempt.Seq]), Job: "j", No: exec(a.Attempt), Signal: 9})
		return a
	}
	if first, second := crash().Alone, crash().Alone; first || second {
		t.Error("alone before two crashes")
	}
	if third, fourth := crash().Alone, crash().Alone; !third || !fourth {
		t.Error("not alone after two crashes")
	}
	if e := r.ended(1); e.Cause.Kind != model.CauseTask || !strings.Contains(e.Cause.Message, "signal 9") {
		t.Errorf("%+v", e.Cause)
	}
}

func TestR24BlamedAttemptOnly(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.MaxFailures = 1 })
	r.attach(2, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.action(2, model.Sink{}, map[plan.StageKey]int{"q": 1}, result("q"))
	blamed := r.run("q", 0)
	r.runs = nil
	r.step(model.ExecGone{From: r.from("w"), Job: "j", No: 1, Blamed: &blamed})
	if e := r.ended(2); e.State != model.ActionFailed {
		t.Errorf("%+v", e)
	}
	r.pass(time.Second, "w")
	r.finish("r")
	if e := r.ended(1); e.State != model.ActionDone {
		t.Errorf("%+v", e)
	}
}

func TestR25MemoryDoublesTwice(t *testing.T) {
	r := newRig(t, nil)
	r.s.jobs["j"].limits.Memory = 100
	r.attach(2, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	for _, want := range []int64{100, 200, 400} {
		a := r.runs[0]
		if a.Memory != want {
			t.Errorf("reserved %d, want %d", a.Memory, want)
		}
		r.fail(a.Attempt, model.TaskFailed{Class: model.Resource, Message: "77 bytes"})
	}
	if e := r.ended(1); e.Cause.Kind != model.CauseResource || !strings.Contains(e.Cause.Message, "77 bytes") {
		t.Errorf("%+v", e)
	}
}

// A process that is killed at its limit of memory is nobody's fault while it has
// several tasks. One that has the process to itself gets twice the memory, twice.
func TestR25OutOfMemory(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	var grown []int
	for len(r.runs) > 0 {
		a, start := r.runs[0], model.StartExec{}
		for _, c := range r.all {
			if c, ok := c.(model.StartExec); ok {
				start = c // the last one
			}
		}
		if grown = append(grown, start.Grown); len(grown) > 9 {
			t.Fatal("it never ends")
		}
		if alone := len(grown) > 2; a.Alone != alone {
			t.Errorf("run %d alone: %t", len(grown), a.Alone)
		}
		r.drop(a.Attempt)
		r.step(model.ExecGone{From: r.from(r.on[a.Attempt.Seq]), Job: "j", No: start.No, Signal: 9, OOM: true, Limit: 256 << 20, Peak: 255 << 20})
	}
	if want := []int{0, 0, 0, 1, 2}; !slices.Equal(grown, want) {
		t.Errorf("grown %v, want %v", grown, want)
	}
	e := r.ended(1)
	if e.Cause.Kind != model.CauseResource {
		t.Errorf("%+v", e.Cause)
	}
	const why = "the executor of job j on worker w"
	for _, part := range []string{"stage r, partition 0: needs more memory", why, "limit 256 MiB, peak 255 MiB"} {
		if !strings.Contains(e.Cause.Message, part) {
			t.Errorf("%q is not in %q", part, e.Cause.Message)
		}
	}
	n, _ := find[model.Note](slices.DeleteFunc(r.all, func(c model.Command) bool {
		n, ok := c.(model.Note)
		return !ok || n.Kind != model.NoteExecutorGone
	}))
	if !strings.HasPrefix(n.Text, why) || !strings.HasSuffix(n.Text, "peak 255 MiB, running stage r, partition 0") {
		t.Errorf("noted %q", n.Text)
	}
}

func TestR23StorageDown(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	for range 200 {
		if len(r.runs) > 0 {
			r.fail(r.run("r", 0), model.TaskFailed{Class: model.Storage, Message: "safe mode"})
		}
		if _, ok := find[model.ActionEnd](r.all); ok {
			break
		}
		r.pass(5*time.Second, "w")
	}
	if e := r.ended(1); e.Cause.Kind != model.CauseStorage {
		t.Errorf("%+v", e)
	}
}

func TestR27Attach(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
	t.Run("a store in use is refused", func(t *testing.T) {
		r.inc["v"] = 9
		f := r.from("v")
		r.step(model.Attach{From: f, Store: "w", Slots: 4})
		if d := need[model.Detach](r); d.Worker != "v" {
			t.Errorf("%+v", d)
		}
	})
	t.Run("a newer process ends the older one", func(t *testing.T) {
		r.runs = nil
		r.attach(2, "w")
		if got := r.runs1("r"); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("relaunched %v", got)
		}
	})
	t.Run("the older one is not heard any more", func(t *testing.T) {
		f := r.from("w")
		f.Inc--
		r.step(model.TaskStarted{From: f})
		if d := need[model.Detach](r); d.Inc != f.Inc {
			t.Errorf("%+v", d)
		}
	})
	t.Run("the same process on a new stream keeps what it runs", func(t *testing.T) {
		f := r.from("w")
		f.Session += 10
		r.step(model.Attach{From: f, Store: "w", Hosts: []string{"w"}, Slots: 2, Inventory: model.Inventory{
			Running: []model.AttemptID{r.run("r", 0)}, Executors: []model.ExecutorRef{{Job: "j", No: r.s.byID["w"].execNo}}}})
		// p1 was lost on its way: it is launched again, p0 goes on.
		if l := need[model.Launch](r); len(l.Tasks) != 1 || l.Tasks[0].Attempt.Partition != 1 {
			t.Errorf("%+v", l)
		}
	})
}

func TestFencesF1F2(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	f := r.from("w")
	f.Cluster = "other"
	r.step(model.TaskStarted{From: f})
	if n := need[model.Note](r); n.Kind != model.NoteRefused {
		t.Errorf("%+v", n)
	}
	f = r.from("w")
	f.Term = 6
	r.step(model.TaskStarted{From: f})
	if n := need[model.NewerTerm](r); n.Term != 7 {
		t.Errorf("%+v", n)
	}
	f.Term = 8
	r.step(model.TaskStarted{From: f})
	if d := need[model.StepDown](r); d.Term != 8 {
		t.Errorf("%+v", d)
	}
	if out := r.step(model.SubmitJob{Job: "k", Request: 1}); len(out) != 0 {
		t.Errorf("a master that stepped down decides: %v", out)
	}
}

func TestR28OneWayLinkIsNoLease(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	for range 30 {
		r.now = r.now.Add(time.Second)
		r.step(model.Renewed{Renewals: []model.Renewal{{Worker: "w", Inc: 1, Session: 1, SentAt: r.now}}})
	}
	if s := r.s.byID["w"].Is(); s != model.WorkerLost {
		t.Errorf("worker is %s", s)
	}
}

// A process that was stopped for longer than its lease has a stream that lives.
func TestR27LostWorkerThatRenews(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.now = r.now.Add(11 * time.Second)
	r.step(model.Tick{})
	if s := r.s.byID["w"].Is(); s != model.WorkerLost {
		t.Fatalf("worker is %s", s)
	}
	renewal := model.Renewal{Worker: "w", Inc: 1, Session: 1, SentAt: r.now, Heard: true}
	r.step(model.Renewed{Renewals: []model.Renewal{renewal}})
	if d := need[model.Detach](r); d.Worker != "w" || d.Session != 1 {
		t.Errorf("%+v", d)
	}
	renewal.Session = 2
	if out := r.step(model.Renewed{Renewals: []model.Renewal{renewal}}); len(out) > 0 {
		t.Errorf("a stream that is not here: %v", out)
	}
}

func TestR35Flapping(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "a", "b", "c", "d")
	for range 3 {
		r.lost("d")
		r.attach(2, "d")
	}
	if s := r.s.byID["d"].Is(); s != model.WorkerQuarantined {
		t.Fatalf("d is %s after three losses", s)
	}
	r.pass(30*time.Second, "a", "b", "c", "d")
	if s := r.s.byID["d"].Is(); s != model.WorkerLive || r.s.slots.Free(3) != 1 {
		t.Errorf("d is %s with %d free slots", s, r.s.slots.Free(3))
	}
}

func TestR41LateNewsIsNoLoss(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 2, "r": 1}, mapStage("m"), result("r", "m"))
	r.finish("m")
	r.fail(r.run("r", 0), model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: 0,
		Attempt: model.AttemptID{Seq: 12345}, Cause: model.FetchMissing}})
	none[model.Verify](r)
	if r.stageView("m").Done != 2 {
		t.Error("an output was dropped for another one's fault")
	}
	r.pass(time.Second, "w1", "w2")
	r.finish("r")
	r.ended(1)
}

func TestR43SilenceOfTheOwnerIsALoss(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 2, "r": 1}, mapStage("m"), result("r", "m"))
	r.finish("m")
	out := slices.Collect(r.s.Outputs("j", "m"))[0]
	r.fail(r.run("r", 0), model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: 0, Attempt: out.Attempt, Cause: model.FetchCorrupt}})
	need[model.Verify](r)
	r.pass(6*time.Second, "w1", "w2")
	if a := r.run("m", 0); r.on[a.Seq] == out.Worker {
		t.Error("made again in the store that lost it")
	}
}

func TestR44NoProgressEnds(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 9, "r": 1}, mapStage("m"), result("r", "m"))
	for round := range 9 {
		r.finish("m")
		out := slices.Collect(r.s.Outputs("j", "m"))[round]
		for range 10 {
			if len(r.runs) == 0 {
				r.pass(time.Second, "w1", "w2")
			}
		}
		r.fail(r.run("r", 0), model.TaskFailed{Class: model.Fetch, Source: &model.FetchSource{Key: "m", Map: round, Attempt: out.Attempt, Cause: model.FetchMissing}})
		r.step(model.OutputVerdict{From: r.from(out.Worker), Output: out.Attempt, Verdict: model.OutputMissing})
		if e, ok := find[model.ActionEnd](r.out); ok {
			if e.Cause.Kind != model.CauseNoProgress || round != 3 || strings.Count(e.Cause.Message, "\n") != 4 {
				t.Errorf("round %d: %+v", round, e.Cause)
			}
			return
		}
	}
	t.Error("goes on for ever")
}

// One loss is one episode, also for a reader that reads each output by itself.
func TestR44OneLossIsOneEpisode(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2", "w3")
	target := result("r")
	target.Parents = []model.Parent{{Key: "m", Edge: model.Narrow}}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 30, "r": 30}, mapStage("m"), target)
	r.finish("m")
	before := r.stageView("r").Try
	m, owner := r.s.jobs["j"].shared["m"], r.s.byID["w1"]
	held := m.outs.Held(owner.idx)
	if held < 4 {
		t.Fatalf("%d outputs are on w1", held)
	}
	readers := r.s.takeAway(m, slices.Collect(m.outs.HeldBy(owner.idx)), owner, "worker w2 cannot read from w1, nor can others")
	if len(readers) != 1 {
		t.Errorf("%d outputs lost at once count as %d episodes", held, len(readers))
	}
	if got := r.stageView("r").Try; got != before+1 {
		t.Errorf("try %d became %d", before, got)
	}
	none[model.ActionEnd](r)
}

func TestR50R51IndeterminateLoss(t *testing.T) {
	for _, tt := range []struct {
		name string
		sink model.Sink
		ends model.CauseKind
	}{
		{"collected rows are reset", model.Sink{}, 0},
		{"rows that user code saw cannot be", model.Sink{Consumed: true}, model.CauseConsumed},
		{"nor can effects", model.Sink{Kind: model.ForEach, Guarantee: model.AtLeastOnce}, model.CauseConsumed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.attach(1, "w1", "w2")
			m := mapStage("m")
			m.Class = model.Indeterminate
			r.action(1, tt.sink, map[plan.StageKey]int{"m": 2, "r": 4}, m, result("r", "m"))
			r.finish("m")
			r.done(r.run("r", 0))
			r.lost("w2")
			if tt.ends != 0 {
				if e := r.ended(1); e.Cause.Kind != tt.ends {
					t.Errorf("%+v", e)
				}
				return
			}
			need[model.ResultReset](r)
			if got := r.stageView("m"); got.Gen != 1 || got.Done != 0 {
				t.Errorf("%+v", got)
			}
			r.finish("m", "r")
			if e := r.ended(1); e.State != model.ActionDone || e.Rows != 4 {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestR50NobodyReadNothingRollsBack(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	m := mapStage("m")
	m.Class = model.Indeterminate
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 4, "r": 1}, m, result("r", "m"))
	r.done(r.run("m", 0))
	r.done(r.run("m", 1))
	r.lost("w2")
	if got := r.stageView("m"); got.Gen != 0 || got.Done != 1 {
		t.Errorf("%+v", got)
	}
}

func TestR56PublishIsTriedAgain(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.action(1, files, map[plan.StageKey]int{"r": 1}, result("r"))
	r.finish("r")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.Cancel{Request: 9, Job: "j", Action: 1})
	if got := need[model.Reply](r); got.Err == nil || !strings.Contains(got.Err.Message, "too late") {
		t.Errorf("%+v", got)
	}
	for range 7 {
		r.step(model.PublishFailed{Action: id, Err: model.Problem{Message: "busy"}})
		none[model.ActionEnd](r)
		before := len(r.all)
		r.pass(2*time.Minute, "w")
		if _, ok := find[model.Publish](r.all[before:]); !ok {
			t.Fatal("not tried again")
		}
	}
	r.step(model.PublishFailed{Action: id, Err: model.Problem{Message: "busy"}, Visible: true})
	if e := r.ended(1); e.Cause.Kind != model.CausePublish || !strings.Contains(e.Cause.Message, "a part of it is visible") {
		t.Errorf("%+v", e)
	}
}

func TestR63CancelledActionLeavesSharedStagesToOthers(t *testing.T) {
	r := newRig(t, nil)
	r.deaf = true
	r.attach(2, "w")
	sizes := map[plan.StageKey]int{"m": 4, "r": 1, "q": 1}
	r.action(1, model.Sink{}, sizes, mapStage("m"), result("r", "m"))
	r.action(2, model.Sink{}, sizes, mapStage("m"), result("q", "m"))
	r.step(model.Cancel{Job: "j", Action: 1, Reason: "no need"})
	none[model.Kill](r)
	if e := r.ended(1); e.State != model.ActionCancelled || !strings.Contains(e.Cause.Message, "no need") {
		t.Errorf("%+v", e)
	}
	killed := r.runs[0].Attempt
	r.step(model.Cancel{Job: "j", Action: 2})
	k := need[model.Kill](r)
	if k.Attempt.Stage.Key != "m" {
		t.Errorf("%+v", k)
	}
	r.step(model.Cancel{Job: "j"})
	none[model.JobEnd](r)
	r.on[killed.Seq] = "w"
	for _, c := range r.all {
		if k, ok := c.(model.Kill); ok {
			r.fail(k.Attempt, model.TaskFailed{Class: model.Killed})
		}
	}
	if e := need[model.JobEnd](r); e.State != model.JobCancelled {
		t.Errorf("%+v", e)
	}
	need[model.StopExec](r)
	need[model.Drop](r)
}

func TestR63EndingDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, nil)
	r.deaf = true
	r.attach(1, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.step(model.Cancel{Job: "j"})
	none[model.JobEnd](r)
	r.pass(31*time.Second, "w")
	if _, ok := find[model.JobEnd](r.all); !ok {
		t.Error("the job waits for an attempt that never ends")
	}
}

func TestR66CancelByTag(t *testing.T) {
	r := newRig(t, nil)
	submit := func(n int, tags ...string) {
		r.step(model.SubmitAction{Action: plan.ActionID{Job: "j", N: n}, Graph: []model.StageSpec{result("r")}, Target: "r", Labels: plan.Labels{Tags: tags}})
	}
	submit(1, "t")
	submit(2, "s", "t")
	submit(3, "s")
	submit(4)
	r.step(model.Cancel{Job: "another", Tag: "t"})
	if r.s.jobs["j"].action(1) == nil {
		t.Fatal("cancelled for another job")
	}
	r.step(model.Cancel{Job: "j", Tag: "t", Reason: "why"})
	for n := 1; n <= 2; n++ {
		if end := r.ended(n); end.State != model.ActionCancelled || end.Cause.Message != "cancelled: why" {
			t.Errorf("action %d: %+v", n, end)
		}
	}
	for n := 3; n <= 4; n++ {
		if r.s.jobs["j"].action(n) == nil {
			t.Errorf("action %d was cancelled too", n)
		}
	}
}

func TestR64DriverLease(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.DriverLease = 30 * time.Second })
	r.pass(29 * time.Second)
	r.step(model.DriverRenewed{Job: "j"})
	r.pass(29 * time.Second)
	if _, ok := find[model.JobEnd](r.all); ok {
		t.Fatal("a renewed driver's job ended")
	}
	r.pass(2 * time.Second)
	for _, c := range r.all {
		if e, ok := c.(model.JobEnd); ok {
			if e.Cause.Kind != model.CauseDriverGone {
				t.Errorf("%+v", e)
			}
			return
		}
	}
	t.Error("a silent driver's job goes on")
}

func TestR65ReattachedDriverGetsWhatItMisses(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.DriverLease = 30 * time.Second })
	r.attach(2, "w")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 3}, result("r"))
	for _, p := range []int{0, 1} {
		r.doneWith(r.run("r", p), func(d *model.TaskDone) { d.Result = []byte{byte(p)} })
	}
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.DriverAttach{Job: "j", Session: 2, Held: []model.ResultRef{{Action: id, Partition: 0}}})
	var got []int
	for _, c := range r.out {
		if res, ok := c.(model.Result); ok {
			got = append(got, int(res.Bytes[0]))
		}
	}
	if !slices.Equal(got, []int{1}) {
		t.Errorf("resent %v, want 1", got)
	}
}

// TestR31Leaving lets a worker go that says so: at once, and without harm to its
// name.
func TestR31Leaving(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w1", "w2")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 2}, result("r"))
	out := r.step(model.Leaving{From: r.from("w1")})
	if d, ok := find[model.Detach](out); !ok || d.Worker != "w1" || d.Session != 1 || d.Why != model.DetachLeft {
		t.Errorf("got %+v", d)
	}
	if v := r.worker("w1"); v.State != model.WorkerLost || r.worker("w2").Running != 1 {
		t.Errorf("%+v", v)
	}
	r.attach(1, "w1")
	if v := r.worker("w1"); v.State != model.WorkerLive {
		t.Errorf("back as %v", v.State)
	}
}

// The lease is for drivers that a worker runs as well.
func TestR64DetachedDriver(t *testing.T) {
	r := newRig(t, func(c *model.Config) { c.DriverLease = 30 * time.Second })
	r.step(model.SubmitJob{Job: "d", Request: 1, Detached: true})
	r.pass(29 * time.Second)
	r.step(model.DriverRenewed{Job: "j"})
	r.pass(2 * time.Second)
	if e, ok := find[model.JobEnd](r.all); !ok || e.Job != "d" || e.Cause.Kind != model.CauseDriverGone {
		t.Errorf("got %+v", e)
	}
}

func TestR38NoWorker(t *testing.T) {
	r := newRig(t, nil)
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": 1}, result("r"))
	r.pass(12 * time.Minute)
	if e := r.ended(1); e.Cause.Kind != model.CauseNoWorker {
		t.Errorf("%+v", e)
	}
}

func TestViewsOfUnknownThings(t *testing.T) {
	s := New(model.Defaults("c", 1))
	if got := s.View(model.Tasks{}).(model.TaskList); len(got) != 0 {
		t.Error(got)
	}
	if got := s.View(model.Stages{Job: "x"}).(model.StageList); len(got) != 0 {
		t.Error(got)
	}
	for range s.Outputs("x", "y") {
		t.Error("outputs of nobody")
	}
}

// Events about things that do not exist, or not any more, change nothing.
func TestStrayEvents(t *testing.T) {
	r := newRig(t, nil)
	id := plan.ActionID{Job: "x", N: 1}
	for _, ev := range []model.Event{
		model.SplitsReady{Action: id}, model.OutputPrepared{Action: id}, model.Published{Action: id}, model.PublishFailed{Action: id},
		model.Collected{Action: id}, model.ResultAck{Action: id}, model.Release{Job: "x"}, model.DriverGone{Job: "x"},
		model.DriverAttach{Job: "x"}, model.DriverRenewed{Job: "x"}, model.FinishJob{Job: "x"}, model.Cancel{Job: "x"},
		model.ProbeResult{Worker: "x"}, model.MemberFailed{Worker: "x"}, model.MemberLeft{Worker: "x"}, model.MemberUp{},
		model.StreamDown{Worker: "x"}, model.Exclude{Worker: "x"}, model.Readmit{Worker: "x"}, model.Drain{}, model.Undrain{},
		model.TagsChanged{}, model.Tick{}, model.Renewed{Renewals: []model.Renewal{{Worker: "x"}}},
		model.TaskDone{From: r.from("x")}, model.SubmitAction{Action: id, Request: 3},
	} {
		r.step(ev)
		none[model.Launch](r)
	}
}
