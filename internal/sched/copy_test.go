package sched

import (
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// copyRig has workers that run executors of a job, and the first of which made the
// blocks of a data set that two are to hold.
func copyRig(t *testing.T, parts int, ws ...plan.WorkerID) *rig {
	r := newRig(t, func(c *model.Config) { c.StartWait = 0 })
	for _, w := range ws {
		r.inc[w]++
		r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w[:2])}, Slots: 1})
	}
	r.action(1, model.Sink{}, map[plan.StageKey]int{"r": len(ws)}, result("r"))
	for _, c := range r.all {
		if e, ok := c.(model.StartExec); ok {
			r.step(model.ExecUp{From: r.from(e.Worker), Job: "j", No: e.No})
		}
	}
	m := mapStage("m")
	m.Cached, m.Caches = "c", []model.Cache{{RDD: "c", Copies: 2}}
	r.action(2, model.Sink{}, map[plan.StageKey]int{"m": 0, "q": 1}, m, result("q", "m"))
	r.finish("r", "q")
	r.all = nil
	for i := range parts {
		r.holds(ws[0], i)
	}
	return r
}

func (r *rig) holds(w plan.WorkerID, part int) []model.Command {
	return r.step(model.BlocksChanged{From: r.from(w), Job: "j", Added: []model.HeldBlock{keptAs(part)}})
}

func keptAs(part int) model.HeldBlock {
	return model.HeldBlock{BlockID: model.BlockID{RDD: "c", Partition: part}, Bytes: 10}
}

// copied answers the copies that are under way, and those that follow.
func (r *rig) copied(done bool) (all []model.Copy) {
	for len(r.all) > 0 {
		c, ok := r.all[0].(model.Copy)
		if r.all = r.all[1:]; ok {
			all = append(all, c)
			r.step(model.CopyDone{From: r.from(c.Worker), Job: c.Job, Block: model.HeldBlock{BlockID: c.Block, Bytes: 7}, Done: done})
		}
	}
	return all
}

func (r *rig) holdersOf(part int) (all []plan.WorkerID) {
	for _, w := range r.s.jobs["j"].caches["c"].holders[part] {
		all = append(all, r.s.workers[w].id)
	}
	return all
}

func TestR61EachBlockHasTwoHolders(t *testing.T) {
	r := copyRig(t, 4, "h1a", "h1b", "h2a", "h3a")
	if c, _ := find[model.Copy](r.all); c.Worker != "h2a" || c.Block != keptAs(0).BlockID || !slices.Equal(c.From, []plan.WorkerID{"h1a"}) {
		t.Errorf("the first copy is %+v", c)
	}
	all := r.copied(true)
	to := map[plan.WorkerID]int{}
	for _, c := range all {
		to[c.Worker]++
	}
	if len(all) != 4 || to["h2a"] != 2 || to["h3a"] != 2 {
		t.Errorf("%d copies, to %v", len(all), to)
	}
	for i := range 4 {
		if len(r.holdersOf(i)) != 2 {
			t.Errorf("block %d is held by %v", i, r.holdersOf(i))
		}
	}
	if r.step(model.Tick{}); len(r.copied(true)) > 0 || len(r.s.short) > 0 {
		t.Error("copies of what has two holders")
	}
}

func TestR61OneCopyAtATime(t *testing.T) {
	r := copyRig(t, 6, "h1a", "h2a", "h3a")
	under := map[plan.WorkerID]int{}
	for _, c := range r.all {
		if c, ok := c.(model.Copy); ok {
			under[c.Worker]++
		}
	}
	if len(under) != 2 || under["h2a"] != 1 || under["h3a"] != 1 {
		t.Errorf("%v", under)
	}
}

func TestR61LostCopiesAreMadeAgain(t *testing.T) {
	for name, lose := range map[string]func(r *rig){
		"worker": func(r *rig) { r.lost("h1a") },
		"executor": func(r *rig) {
			for no := 1; no < 3; no++ {
				r.step(model.ExecGone{From: r.from("h1a"), Job: "j", No: no, Signal: 9})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := copyRig(t, 3, "h1a", "h2a", "h3a")
			r.copied(true)
			lose(r)
			all := r.copied(true)
			if len(all) != 3 {
				t.Errorf("%+v", all)
			}
			for i := range 3 {
				if got := r.holdersOf(i); len(got) != 2 || slices.Contains(got, "h1a") {
					t.Errorf("block %d is held by %v", i, got)
				}
			}
		})
	}
}

// What is evicted is not copied again and again, nor what could not be kept.
func TestR61CopiesThatCannotBe(t *testing.T) {
	r := copyRig(t, 1, "h1a", "h2a")
	if all := r.copied(false); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	r.holds("h1a", 1)
	r.copied(true)
	r.step(model.BlocksChanged{From: r.from("h2a"), Job: "j", Dropped: []model.BlockID{keptAs(1).BlockID}})
	if all := r.copied(true); len(all) != 0 || len(r.holdersOf(1)) != 1 {
		t.Errorf("%+v", all)
	}
}

// Whoever is lost while it copies leaves the copy to others; a late word does no harm.
func TestR61TheCopierIsLost(t *testing.T) {
	r := copyRig(t, 1, "h1a", "h2a", "h3a")
	c, _ := find[model.Copy](r.all)
	f := r.from(c.Worker)
	r.all = nil
	r.lost(c.Worker)
	again := r.copied(true)
	if len(again) != 1 || again[0].Worker == c.Worker {
		t.Errorf("%+v", again)
	}
	r.step(model.CopyDone{From: f, Job: c.Job, Block: keptAs(0), Done: true})
	if got := r.holdersOf(0); slices.Contains(got, c.Worker) || len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// There is nobody to copy to before a second executor is up.
func TestR61CopiesWaitForAnExecutor(t *testing.T) {
	r := copyRig(t, 2, "h1a")
	r.attach(1, "h2a")
	if len(r.copied(true)) > 0 {
		t.Error("a copy where the job has no executor")
	}
	r.action(3, model.Sink{}, map[plan.StageKey]int{"s": 2}, result("s"))
	for _, c := range slices.Clone(r.all) {
		if e, ok := c.(model.StartExec); ok {
			r.step(model.ExecUp{From: r.from(e.Worker), Job: "j", No: e.No})
		}
	}
	if all := r.copied(true); len(all) != 2 || all[0].Worker != "h2a" {
		t.Errorf("%+v", all)
	}
	r.finish("s")
}

// A copy of what was released meanwhile goes, and no other is begun.
func TestReleasedBlocksAreNotCopied(t *testing.T) {
	r := copyRig(t, 3, "h1a", "h2a")
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"m"}})
	r.step(model.Release{Job: "j", Keys: []plan.StageKey{"c"}})
	c, _ := find[model.Copy](r.all)
	out := r.step(model.CopyDone{From: r.from(c.Worker), Job: "j", Block: keptAs(0), Done: true})
	if d, ok := find[model.Drop](out); !ok || d.Worker != c.Worker || !slices.Equal(d.Keys, []plan.StageKey{"c"}) {
		t.Errorf("%+v", out)
	}
	if _, ok := find[model.Copy](out); ok {
		t.Error("another copy")
	}
}

// What waits for a copy waits once, however many reasons there are to look at it.
func TestR61CopiesWaitOnce(t *testing.T) {
	r := copyRig(t, 5, "h1a", "h2a")
	for range 3 {
		r.attach(1, "h3a") // each time as another process
		r.step(model.Exclude{Worker: "h1a"})
		r.step(model.Readmit{Worker: "h1a"})
	}
	if n := len(r.s.short); n > 5 {
		t.Errorf("%d blocks of 5 wait", n)
	}
	if all := r.copied(true); len(all) != 5 {
		t.Errorf("%d copies of 5 blocks", len(all))
	}
}

// up has a worker come, and an executor of the job start there for action n.
func (r *rig) up(w plan.WorkerID, n int) {
	r.t.Helper()
	r.inc[w]++
	r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w[:2])}, Slots: 1})
	key := plan.StageKey("up " + w)
	r.action(n, model.Sink{}, map[plan.StageKey]int{key: len(r.inc)}, result(key))
	for _, c := range slices.Clone(r.all) {
		if e, ok := c.(model.StartExec); ok && e.Worker == w {
			r.step(model.ExecUp{From: r.from(w), Job: "j", No: e.No})
		}
	}
	r.finish(key)
}

// underWay lists who was told to copy which block and has not answered.
func (r *rig) underWay() map[plan.WorkerID]int {
	all := map[plan.WorkerID]int{}
	for key, c := range r.s.under {
		all[c.to.id] = key.block.Partition
	}
	return all
}

// answer answers the copy that is under way to a worker, if one is.
func (r *rig) answer(w plan.WorkerID, done bool) (part int, ok bool) {
	if part, ok = r.underWay()[w]; ok {
		r.step(model.CopyDone{From: r.from(w), Job: "j", Block: keptAs(part), Done: done})
	}
	return part, ok
}

// Whoever comes later does not get all copies alone, but more until it holds as much.
func TestR61WhoComesLaterIsOneOfMany(t *testing.T) {
	r := copyRig(t, 6, "h1a", "h2a")
	r.copied(true)
	r.up("h3a", 3)
	r.all = nil
	for i := 6; i < 9; i++ {
		r.holds("h1a", i)
	}
	if under := r.underWay(); len(under) != 2 {
		t.Errorf("copies are under way to %v", under)
	}
	r.copied(true)
	r.holds("h1a", 9)
	if _, ok := r.underWay()["h3a"]; !ok {
		t.Errorf("%v: the fewest blocks are held by h3a", r.underWay())
	}
}

// What one worker cannot keep is tried with one other.
func TestR61AnotherMayKeepACopy(t *testing.T) {
	r := copyRig(t, 4, "h1a", "h2a", "h3a")
	for range 10 {
		r.answer("h2a", false)
		r.answer("h3a", true)
	}
	for i := range 4 {
		if got := r.holdersOf(i); !slices.Equal(got, []plan.WorkerID{"h1a", "h3a"}) {
			t.Errorf("block %d is held by %v", i, got)
		}
	}
	r.up("h4a", 3)
	r.all = nil
	r.holds("h1a", 4)
	if all := r.copied(false); len(all) != 2 || all[0].Worker == all[1].Worker {
		t.Errorf("%+v", all)
	}
	if r.step(model.Tick{}); len(r.underWay()) > 0 || len(r.s.short) > 0 {
		t.Errorf("%v, and %v", r.underWay(), r.s.short)
	}
}

// A copy that is not answered holds up nothing but itself, nor does a block that could
// only go to its worker.
func TestR61ACopyThatHangs(t *testing.T) {
	r := copyRig(t, 40, "h1a", "h2a", "h3a")
	hangs := r.underWay()["h2a"]
	waits, _ := r.answer("h3a", false)
	for {
		if _, ok := r.answer("h3a", true); !ok {
			break
		}
	}
	for i := range 40 {
		if len(r.holdersOf(i)) != 2 && i != hangs && i != waits {
			t.Errorf("block %d is held by %v", i, r.holdersOf(i))
		}
	}
	r.answer("h2a", true)
	if part, ok := r.answer("h2a", true); !ok || part != waits || len(r.s.short) > 0 {
		t.Errorf("block %d is copied then, want %d; %v are left", part, waits, r.s.short)
	}
}

// A worker of another host is waited for, where there is one, but not for ever.
func TestR61AnotherHostIsWaitedFor(t *testing.T) {
	r := copyRig(t, 3, "h1a", "h1b", "h2a")
	if under := r.underWay(); len(under) != 1 || under["h2a"] != 0 {
		t.Errorf("%v", under)
	}
	r.pass(slowCopy, "h1a", "h1b", "h2a")
	if _, ok := r.underWay()["h1b"]; !ok {
		t.Errorf("%v", r.underWay())
	}
}

// What ended jobs kept is not held by anybody.
func TestR61BlocksOfEndedJobsDoNotCount(t *testing.T) {
	r := copyRig(t, 3, "h1a", "h2a")
	r.copied(true)
	r.step(model.FinishJob{Job: "j"})
	if j := r.s.jobs["j"]; !j.state.Ended() || j.caches != nil || r.s.workers[0].blocks+r.s.workers[1].blocks > 0 {
		t.Errorf("%v: %+v", j.state, j.caches)
	}
}
