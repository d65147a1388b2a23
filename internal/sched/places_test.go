package sched

import (
	"container/heap"
	"fmt"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// source submits an action of one stage whose tasks prefer hosts.
func (r *rig) source(n int, prefs ...[]string) {
	r.t.Helper()
	id := plan.ActionID{Job: "j", N: n}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: len(prefs), Prefs: prefs}}})
}

func (r *rig) attachAt(w plan.WorkerID, slots int, rack string) {
	r.t.Helper()
	r.inc[w]++
	r.step(model.Attach{From: r.from(w), Store: model.StoreID(w), Hosts: []string{string(w)}, Rack: rack, Slots: slots})
}

func waitsOf(c *model.Config) {
	c.WaitProcess, c.WaitNode, c.WaitRack, c.StartWait = 3*time.Second, time.Second, time.Second/2, 0
}

func TestR10RackBeforeAny(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attachAt("a", 1, "r1")
	r.attachAt("b", 1, "r1")
	r.attachAt("c", 1, "r2")
	r.source(1, []string{"a"}, []string{"a"}, []string{"a"})
	if len(r.runs) != 1 || r.runs[0].Level != model.AtNode {
		t.Fatalf("at first: %+v", r.runs)
	}
	r.pass(999*time.Millisecond, "a", "b", "c")
	if len(r.runs) != 1 {
		t.Fatalf("within the wait for the host: %+v", r.runs)
	}
	r.pass(2*time.Millisecond, "a", "b", "c")
	if len(r.runs) != 2 || r.runs[1].Level != model.AtRack || r.on[r.runs[1].Attempt.Seq] != "b" {
		t.Fatalf("then in the rack: %+v", r.runs)
	}
	r.pass(500*time.Millisecond, "a", "b", "c")
	if len(r.runs) != 3 || r.runs[2].Level != model.Anywhere || r.on[r.runs[2].Attempt.Seq] != "c" {
		t.Fatalf("then anywhere: %+v", r.runs)
	}
}

func TestR10ARackServesForAHostThatIsGone(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attachAt("a", 1, "r1")
	r.attachAt("b", 1, "r1")
	r.attachAt("c", 4, "r2")
	r.lost("a")
	r.source(1, []string{"a"})
	if len(r.runs) != 1 || r.runs[0].Level != model.AtRack || r.on[r.runs[0].Attempt.Seq] != "b" {
		t.Fatalf("%+v", r.runs)
	}
}

// How near winners ran is counted with their counters, and taken back with an
// output that is lost.
func TestR19LevelsAreCounted(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attachAt("a", 1, "r1")
	r.attachAt("b", 1, "r1")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{mapStage("m"), result("r", "m")}, Target: "r"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "m", N: 3, Prefs: [][]string{{"a"}, {"b"}, nil}}, {Key: "r", N: 1}}})
	levels := func() map[string]int64 {
		got := map[string]int64{}
		for _, st := range r.s.View(model.Stages{Job: "j"}).(model.StageList) {
			for _, c := range st.Counters {
				if st.Stage.Key == "m" && c.Name != "n" && c.Value != 0 {
					got[c.Name] = c.Value
				}
			}
		}
		return got
	}
	for i := range 3 {
		r.done(r.run("m", i))
	}
	if got := levels(); len(got) != 1 || got["atNode"] != 2 {
		t.Errorf("two have a place, and ran there: %v", got)
	}
	tasks := r.s.View(model.Tasks{Stage: model.StageID{Job: "j", Key: "m"}}).(model.TaskList)
	if tasks[0].Level != model.AtNode || tasks[2].Level != model.Unplaced {
		t.Errorf("got %+v", tasks)
	}
	r.lost("a")
	if got := levels(); got["atNode"] != 1 {
		t.Errorf("an output was lost: %v", got)
	}
	r.done(r.run("m", 0))
	if got := levels(); got["atNode"] != 1 || got["atRack"] != 1 {
		t.Errorf("it was made again in the rack: %v", got)
	}
}

// Storage may know the rack of a host on which no worker is.
func TestR10ARackThatStorageKnows(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attachAt("a", 1, "r1")
	r.attachAt("b", 1, "r2")
	id := plan.ActionID{Job: "j", N: 1}
	r.step(model.SubmitAction{Action: id, Graph: []model.StageSpec{result("r")}, Target: "r"})
	r.step(model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: 2, Prefs: [][]string{{"X", "y"}, {"A"}},
		Racks: map[string]string{"X": "/r2", "y": "", "A": "/r2"}}}})
	if len(r.runs) != 2 {
		t.Fatalf("%+v", r.runs)
	}
	for _, a := range r.runs {
		want := [...]struct {
			w plan.WorkerID
			l model.Level
		}{{"b", model.AtRack}, {"a", model.AtNode}}[a.Attempt.Partition]
		if got := r.on[a.Attempt.Seq]; got != want.w || a.Level != want.l {
			t.Errorf("task %d on %s at %s, want %s at %s", a.Attempt.Partition, got, a.Level, want.w, want.l)
		}
	}
}

func TestR10ANewHostGetsItsTasks(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attachAt("a", 1, "")
	r.source(1, []string{"x"}, []string{"b"}, []string{"b"})
	if len(r.runs) != 1 || r.runs[0].Attempt.Partition != 0 {
		t.Fatalf("nobody is waited for: %+v", r.runs)
	}
	r.attachAt("b", 1, "")
	if len(r.runs) != 2 || r.runs[1].Level != model.AtNode {
		t.Fatalf("%+v", r.runs)
	}
}

// Reduce tasks go to where much of their input is.
func TestR10ReduceInputs(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attach(2, "a", "b", "c")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 3, "r": 3}, mapStage("m"), result("r", "m"))
	heavy := map[plan.WorkerID]int{}
	for k, w := range []plan.WorkerID{"a", "b", "c"} {
		heavy[w] = k
	}
	for len(r.runs1("m")) > 0 {
		a := r.run("m", r.runs1("m")[0])
		r.doneWith(a, func(d *model.TaskDone) {
			d.Sizes = []byte{model.SizeByte(1000), model.SizeByte(1000), model.SizeByte(1000)}
			d.Sizes[heavy[d.Worker]] = model.SizeByte(1e9)
		})
	}
	if len(r.runs) != 3 {
		t.Fatalf("%d reduce tasks run", len(r.runs))
	}
	for _, a := range r.runs {
		if w := r.on[a.Attempt.Seq]; a.Level != model.AtNode || heavy[w] != a.Attempt.Partition {
			t.Errorf("reduce %d runs on %s at %s", a.Attempt.Partition, w, a.Level)
		}
	}
}

// The places are weighed again when outputs were made again elsewhere, and are
// left out when there are too many to look at.
func TestR10ReduceInputsMove(t *testing.T) {
	r := newRig(t, waitsOf)
	r.attach(4, "a", "b")
	r.action(1, model.Sink{}, map[plan.StageKey]int{"m": 1, "r": 8}, mapStage("m"), result("r", "m"))
	sizes := func(d *model.TaskDone) {
		for range 8 {
			d.Sizes = append(d.Sizes, 200)
		}
	}
	a := r.run("m", 0)
	first := r.on[a.Seq]
	r.doneWith(a, sizes)
	other := map[plan.WorkerID]plan.WorkerID{"a": "b", "b": "a"}[first]
	if len(r.runs) != 4 {
		t.Fatalf("%d run where the input is", len(r.runs))
	}
	r.lost(first)
	for len(r.runs1("r")) > 0 { // they ran elsewhere as soon as the host was in doubt
		r.fail(r.runs[0].Attempt, model.TaskFailed{Class: model.Refused})
	}
	r.doneWith(r.run("m", 0), sizes)
	if len(r.runs) == 0 {
		t.Fatal("nothing runs")
	}
	for _, x := range r.runs {
		if r.on[x.Attempt.Seq] != other || x.Level != model.AtNode {
			t.Errorf("%+v", x)
		}
	}
	st := r.s.jobs["j"].actions[0].target
	m := st.parents[0].st
	m.n = weighed
	r.s.weigh(st)
	m.n = 1
	if !st.heavy.Empty() {
		t.Error("too many pairs are looked at")
	}
}

// The figures of R12: 256 tasks of 0.5 s on 4 hosts with 2 slots, a remote read
// takes 1.3 times as long. Times are of the model, not of this machine.
func TestR12ABacklogIsSharedOut(t *testing.T) {
	for _, c := range []struct {
		name        string
		hosts       func(i int) []string
		most        time.Duration
		least, over float64 // share of tasks at their host
	}{
		{"all on one host", func(int) []string { return []string{"h0"} }, 24 * time.Second, 0.1, 0.6},
		{"even", func(i int) []string { return []string{fmt.Sprintf("h%d", i%4)} }, 18 * time.Second, 0.95, 1},
		{"three replicas", func(i int) []string {
			return []string{fmt.Sprintf("h%d", i%4), fmt.Sprintf("h%d", (i+1)%4), fmt.Sprintf("h%d", (i*7+2)%4)}
		}, 18 * time.Second, 0.98, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			took, share := backlog(t, c.hosts)
			t.Logf("%v, %.1f %% at their hosts", took, 100*share)
			if took > c.most || share < c.least || share > c.over {
				t.Errorf("took %v with %.3f at their hosts", took, share)
			}
		})
	}
}

type ends []end

type end struct {
	at model.Instant
	id model.AttemptID
}

func (e ends) Len() int { return len(e) }
func (e ends) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].id.Seq < e[j].id.Seq
}
func (e ends) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)   { *e = append(*e, x.(end)) }
func (e *ends) Pop() any {
	x := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return x
}

func backlog(t *testing.T, hosts func(int) []string) (took time.Duration, share float64) {
	r := newRig(t, func(c *model.Config) {
		c.WaitNode, c.WaitRack, c.Lease, c.StartWait, c.Speculation = time.Second, 0, 0, 0, false
	})
	r.attach(2, "h0", "h1", "h2", "h3")
	var prefs [][]string
	for i := range 256 {
		prefs = append(prefs, hosts(i))
	}
	begin := r.now
	r.source(1, prefs...)
	var q ends
	near, seen := 0, 0
	take := func() {
		for ; seen < len(r.runs); seen++ {
			d := 500 * time.Millisecond
			if r.runs[seen].Level == model.AtNode {
				near++
			} else {
				d = d * 13 / 10
			}
			heap.Push(&q, end{r.now.Add(d), r.runs[seen].Attempt})
		}
	}
	for take(); len(q) > 0; take() {
		if at, ok := r.s.Next(); ok && at < q[0].at {
			r.now = at
			r.step(model.Tick{})
			continue
		}
		e := heap.Pop(&q).(end)
		r.now = max(r.now, e.at)
		seen-- // done takes it out of the runs
		r.done(e.id)
	}
	r.ended(1)
	return r.now.Sub(begin), float64(near) / 256
}
