package sched

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// What a task takes in all, with three hosts that hold its input, while it is
// pending and when it is done: the fields, preferences, queues and counters (§6).
func TestMemoryOfManyTasks(t *testing.T) {
	if testing.Short() {
		t.Skip("a large stage")
	}
	const n, workers, counters = 150_000, 300, 4
	c := model.Defaults("c", 1)
	c.Journal, c.Lease, c.StartWait, c.MaxUnstarted, c.DriverLease, c.Speculation = false, 0, 0, 0, 0, false
	s := New(c)
	from := func(w int) model.From {
		return model.From{Cluster: "c", Protocol: 1, Term: 1, Worker: plan.WorkerID(fmt.Sprint(w)), Inc: 1, Session: 1}
	}
	for w := range workers {
		s.Step(1, model.Attach{From: from(w), Store: model.StoreID(fmt.Sprint(w)), Hosts: []string{fmt.Sprint(w)}, Slots: 4})
	}
	s.Step(1, model.SubmitJob{Job: "j"})
	id := plan.ActionID{Job: "j", N: 1}
	s.Step(1, model.SubmitAction{Action: id, Graph: []model.StageSpec{mapStage("m"), result("r", "m")}, Target: "r"})
	z := model.StageSize{Key: "m", N: n, Prefs: make([][]string, n)}
	names := make([]string, workers)
	for w := range names {
		names[w] = fmt.Sprint(w)
	}
	for i := range n {
		z.Prefs[i] = []string{names[i%workers], names[(i*7+3)%workers], names[(i*31+11)%workers]}
	}
	before := heapNow()
	var todo []model.AttemptID
	var on []int
	take := func(out []model.Command) {
		for _, c := range out {
			if l, ok := c.(model.Launch); ok {
				for _, a := range l.Tasks {
					w, err := strconv.Atoi(string(l.Worker))
					if err != nil {
						t.Fatal(err)
					}
					todo, on = append(todo, a.Attempt), append(on, w)
				}
			}
		}
	}
	take(s.Step(2, model.SplitsReady{Action: id, Sizes: []model.StageSize{z, {Key: "r", N: 1}}}))
	pending := heapNow()
	cs := make([]model.Counter, counters)
	for k := range cs {
		cs[k] = model.Counter{Name: fmt.Sprintf("counter %d", k), Value: 1}
	}
	for k := 0; len(todo) > 0; k++ {
		a, w := todo[0], on[0]
		todo, on = todo[1:], on[1:]
		take(s.Step(model.Instant(3+k), model.TaskDone{From: from(w), Attempt: a, Rows: 1, Counters: cs}))
	}
	todo, on = nil, nil
	done := heapNow()
	runtime.KeepAlive(s)
	runtime.KeepAlive(z)
	per := func(x uint64) int { return int(int64(x-before) / n) }
	t.Logf("pending %d bytes a task, done %d", per(pending), per(done))
	// 200 MiB for a million, and 8 bytes for each counter.
	if per(pending) > 209 || per(done) > 209+8*counters {
		t.Errorf("pending %d bytes a task, done %d", per(pending), per(done))
	}
}

func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
