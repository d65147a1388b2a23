package sched

import (
	"slices"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// short runs a few tasks of stage r on worker w, of n in all, each of which takes
// d.
func (r *rig) short(n int, d time.Duration) {
	r.t.Helper()
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": n}, result("r"))
	for range 4 {
		r.now = r.now.Add(d)
		r.done(r.runs[0].Attempt)
	}
}

// queued gives the partitions of r that wait for a slot, as views have it.
func (r *rig) queued() (parts []int) {
	st := r.stageView("r")
	for _, t := range r.s.View(model.Tasks{Stage: st.Stage}).(model.TaskList) {
		for _, a := range t.Attempts {
			if a.Queued {
				parts = append(parts, t.Partition)
			}
		}
	}
	if st.Queued > len(parts) {
		r.t.Errorf("the stage has %d queued attempts, its tasks %d", st.Queued, len(parts))
	}
	return parts
}

func (r *rig) recalled() (parts []int) {
	r.t.Helper()
	for _, c := range r.out {
		if c, ok := c.(model.Recall); ok {
			for _, id := range c.Attempts {
				parts = append(parts, id.Partition)
			}
		}
	}
	slices.Sort(parts)
	return parts
}

func (r *rig) parts(what string, got []int, want ...int) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// giveBack answers a recall that was in time.
func (r *rig) giveBack(parts ...int) {
	r.t.Helper()
	for _, p := range parts {
		r.fail(r.run("r", p), model.TaskFailed{Class: model.Killed, Message: "it had not begun"})
	}
}

func TestR16ShortTasksComeEarly(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w")
	r.short(12, 10*time.Millisecond)
	r.parts("run or wait", r.runs1("r"), 4, 5, 6, 7, 8, 9)
	r.parts("wait", r.queued(), 6, 7, 8, 9)
	w := r.s.View(model.Workers{}).(model.WorkerList)[0]
	if w.Running != 2 || w.Queued != 4 || w.Free != 0 {
		t.Errorf("worker %+v", w)
	}
	r.done(r.run("r", 5))
	r.parts("wait, with one more for the slot that became free", r.queued(), 7, 8, 9, 10)
	r.done(r.run("r", 4))
	r.parts("wait, and no more tasks than slots are left", r.queued(), 8, 9, 10)
	r.finish("r")
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 12 {
		t.Errorf("end %+v", e)
	}
}

func TestR16LongTasksDoNot(t *testing.T) {
	r := newRig(t, nil)
	r.attach(2, "w")
	r.short(40, 60*10*time.Millisecond)
	r.parts("run", r.runs1("r"), 4, 5)
	r.finish("r") // at once, so that the median falls
	if e := r.ended(1); e.State != model.ActionDone {
		t.Errorf("end %+v", e)
	}
}

// TestR16Bounds has many slots, few of each, and a limit of the job's.
func TestR16Bounds(t *testing.T) {
	r := newRig(t, nil)
	r.attach(20, "w")
	r.short(100, 10*time.Millisecond)
	if got := len(r.queued()); got != 16 {
		t.Errorf("%d wait at one worker", got)
	}

	r = newRig(t, nil)
	r.attach(1, "w")
	r.short(100, 3*time.Millisecond)
	if got := len(r.queued()); got != 3 {
		t.Errorf("%d wait of those that take 3 ms", got)
	}

	r = newRig(t, nil)
	r.attach(2, "w")
	r.step(model.SubmitJob{Job: "k", Limits: model.Limits{Slots: 3}})
	id := plan.ActionID{Job: "k", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 30}}})
	for range 5 {
		r.done(r.runs[0].Attempt)
	}
	if len(r.runs) != 3 {
		t.Errorf("%d attempts of a job that may have 3", len(r.runs))
	}
}

// TestR16FreeSlots takes back what could run elsewhere at once. An attempt that has
// begun meanwhile goes on.
func TestR16FreeSlots(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.short(8, 10*time.Millisecond)
	r.parts("wait", r.queued(), 5, 6)
	r.attach(1, "v")
	r.parts("the free slot takes a pending one", r.recalled())
	r.done(r.run("r", 7)) // on v
	r.parts("the last that waits is asked for", r.recalled(), 6)
	r.step(model.Tick{})
	r.parts("once", r.recalled())
	r.giveBack(6)
	if w := r.on[r.run("r", 6).Seq]; w != "v" {
		t.Errorf("partition 6 runs on %s", w)
	}
	r.done(r.run("r", 6))
	r.parts("then the other", r.recalled(), 5)
	r.done(r.run("r", 4))
	r.done(r.run("r", 5)) // the recall came too late
	if e := r.ended(1); e.State != model.ActionDone || e.Rows != 8 {
		t.Errorf("end %+v", e)
	}
	if sum := r.s.View(model.Totals{}).(model.Sums); sum.Failed != 0 || sum.Queued != 0 || sum.Free != 2 {
		t.Errorf("sums %+v", sum)
	}
}

// TestR16Others lets jobs come that are entitled to the next slot, or not.
func TestR16Others(t *testing.T) {
	for name, c := range map[string]struct {
		job  model.SubmitJob
		want []int
	}{
		"after it":        {model.SubmitJob{Job: "k"}, nil},
		"before it":       {model.SubmitJob{Job: "k", Priority: 1}, []int{5, 6}},
		"of another pool": {model.SubmitJob{Job: "k", Pool: "b"}, []int{5, 6}},
	} {
		r := newRig(t, func(c *model.Config) { c.Pools = append(c.Pools, model.Pool{Name: "b"}) })
		r.attach(1, "w")
		r.short(20, 10*time.Millisecond)
		r.step(c.job)
		id := plan.ActionID{Job: "k", N: 2}
		r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("q")}, Target: "q"})
		r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "q", N: 1}}})
		r.parts(name, r.recalled(), c.want...)
		r.giveBack(c.want...)
		if c.want != nil {
			r.parts(name+": wait", r.queued())
		}
		r.done(r.run("r", 4))
		if next := r.runs[0].Attempt.Stage.Job; next == "k" != (c.want != nil) {
			t.Errorf("%s: the slot goes to job %s", name, next)
		}
		r.finish("q", "r")
		if e := r.ended(1); e.State != model.ActionDone || e.Rows != 20 {
			t.Errorf("%s: end %+v", name, e)
		}
	}
}

func TestR16Drain(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w", "v")
	r.short(20, 10*time.Millisecond)
	before := r.queued()
	r.step(model.Drain{Worker: "w"})
	got := r.recalled()
	if len(got) != 2 || len(before) != 4 {
		t.Fatalf("%v waited, %v are asked for", before, got)
	}
	for _, p := range got {
		if r.on[r.run("r", p).Seq] != "w" {
			t.Errorf("partition %d is asked for, and not on w", p)
		}
	}
}

// TestR16NobodyIsBlamed ends the process in which attempts would have run, and the
// worker, as often as it takes to suspect who was there.
func TestR16NobodyIsBlamed(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.short(20, 10*time.Millisecond)
	for no := 1; no <= 3; no++ {
		wait := r.queued()
		if len(wait) != 2 {
			t.Fatalf("%v wait", wait)
		}
		r.runs = nil
		r.step(model.ExecGone{From: r.from("w"), Job: "j", No: no, Signal: 9})
		for _, p := range wait {
			if s := r.s.jobs["j"].actions[0].target.tasks[p].blame; s.Alone() || s.Failures() > 0 || s.Infra() > 0 {
				t.Errorf("partition %d is blamed", p)
			}
		}
		r.done(r.runs[0].Attempt) // the executor is up
	}
}

// TestR16WaitingIsNotStuck has an attempt wait for its slot behind one that hangs.
func TestR16WaitingIsNotStuck(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.short(20, 10*time.Millisecond)
	wait := r.queued()
	r.step(model.TaskStarted{From: r.from("w"), Attempt: r.run("r", 4)})
	r.on = map[uint64]plan.WorkerID{} // nothing else starts
	r.pass(r.s.jobs["j"].limits.NoProgress+time.Second, "w")
	if !slices.ContainsFunc(r.all, func(c model.Command) bool { k, ok := c.(model.Kill); return ok && k.Dump }) {
		t.Fatal("nothing was ended")
	}
	for _, p := range wait {
		if n := r.s.jobs["j"].actions[0].target.tasks[p].blame.Failures(); n > 0 {
			t.Errorf("partition %d is blamed for what it waited for", p)
		}
	}
}

// TestR16Attach brings back a worker that says what waits there, after a recall was
// lost with its stream.
func TestR16Attach(t *testing.T) {
	r := newRig(t, nil)
	r.attach(1, "w")
	r.short(6, 10*time.Millisecond)
	r.parts("wait", r.queued(), 5)
	inv := model.Inventory{Running: []model.AttemptID{r.run("r", 4)}, Queued: []model.AttemptID{r.run("r", 5)},
		Executors: []model.ExecutorRef{{Job: "j", No: 1}}}
	r.attach(1, "v")
	r.parts("asked for", r.recalled(), 5)
	from := r.from("w")
	from.Session++
	r.step(model.Attach{From: from, Store: "w", Hosts: []string{"w"}, Slots: 1, Inventory: inv})
	r.parts("asked for again", r.recalled(), 5)
	r.parts("still there", r.queued(), 5)

	inv.Queued[0].Seq += 100
	from.Session++
	r.step(model.Attach{From: from, Store: "w", Hosts: []string{"w"}, Slots: 1, Inventory: inv})
	if k := need[model.Kill](r); k.Attempt != inv.Queued[0] {
		t.Errorf("%+v instead of one that nobody knows", k)
	}
	if on := r.on[r.run("r", 5).Seq]; on != "w" {
		t.Errorf("it was not there, and its task runs on %s", on)
	}
}
