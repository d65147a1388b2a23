package sched

import (
	"fmt"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// embedded runs n empty tasks through a machine as the embedded engine does.
func embedded(b testing.TB, n int) {
	s := New(model.Embedded())
	from := model.From{Cluster: "embedded", Protocol: 1, Term: 1, Worker: "local", Inc: 1, Session: 1}
	s.Step(1, model.Attach{From: from, Store: "s", Slots: 8})
	s.Step(1, model.SubmitJob{Job: "j"})
	id := plan.ActionID{Job: "j", N: 1}
	s.Step(1, model.SubmitAction{Action: id, Target: "r", Graph: []model.StageSpec{{Key: "r", Kind: model.ResultStage}}})
	var todo []model.AttemptID
	take := func(out []model.Command) (end bool) {
		for _, c := range out {
			switch c := c.(type) {
			case model.Launch:
				for _, a := range c.Tasks {
					todo = append(todo, a.Attempt)
				}
			case model.ActionEnd:
				end = c.State == model.ActionDone
			}
		}
		return end
	}
	take(s.Step(1, model.SplitsReady{Action: id, Sizes: []model.StageSize{{Key: "r", N: n}}}))
	counters := []model.Counter{{Name: "rows in", Value: 3}, {Name: "rows out", Value: 3}}
	for len(todo) > 0 {
		a := todo[0]
		todo = todo[1:]
		if take(s.Step(2, model.TaskDone{From: from, Attempt: a, Rows: 1, Counters: counters})) {
			return
		}
	}
	b.Fatal("the action did not end")
}

func BenchmarkEmbedded1000Tasks(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		embedded(b, 1000)
	}
}

// BenchmarkDecisions is the steady state of a large cluster: each completion
// frees one slot, which the next task takes.
func BenchmarkDecisions(b *testing.B) {
	for _, workers := range []int{100, 10_000} {
		for _, prefs := range []bool{false, true} {
			b.Run(fmt.Sprintf("workers=%d/prefs=%v", workers, prefs), func(b *testing.B) { decisions(b, workers, prefs) })
		}
	}
}

func decisions(b *testing.B, workers int, prefs bool) {
	c := model.Defaults("c", 1)
	c.Journal, c.Lease, c.StartWait, c.MaxUnstarted = false, 0, 0, 0
	c.MaxTasks, c.MaxTotalTasks = 1<<30, 1<<30
	s := New(c)
	froms := map[plan.WorkerID]model.From{}
	for i := range workers {
		id := plan.WorkerID(fmt.Sprintf("w%d", i))
		froms[id] = model.From{Cluster: "c", Protocol: 1, Term: 1, Worker: id, Inc: 1, Session: 1}
		s.Step(1, model.Attach{From: froms[id], Store: model.StoreID(id), Hosts: []string{string(id)}, Slots: 4})
	}
	s.Step(1, model.SubmitJob{Job: "j"})
	id := plan.ActionID{Job: "j", N: 1}
	graph := []model.StageSpec{{Key: "m"}, {Key: "r", Kind: model.ResultStage, Parents: []model.Parent{{Key: "m"}}}}
	s.Step(1, model.SubmitAction{Action: id, Target: "r", Graph: graph})
	n := b.N + 4*workers
	m := model.StageSize{Key: "m", N: n}
	for i := 0; prefs && i < n; i++ {
		var p []string
		for k := range 3 {
			p = append(p, fmt.Sprintf("w%d", (i*7+k*31)%workers))
		}
		m.Prefs = append(m.Prefs, p)
	}
	type job struct {
		id model.AttemptID
		w  plan.WorkerID
	}
	var todo []job
	take := func(out []model.Command) {
		for _, c := range out {
			if l, ok := c.(model.Launch); ok {
				for _, a := range l.Tasks {
					todo = append(todo, job{a.Attempt, l.Worker})
				}
			}
		}
	}
	take(s.Step(1, model.SplitsReady{Action: id, Sizes: []model.StageSize{m, {Key: "r", N: 1}}}))
	b.ReportAllocs()
	b.ResetTimer()
	for k := range b.N {
		if k >= len(todo) {
			b.Fatal("starved")
		}
		take(s.Step(model.Instant(k), model.TaskDone{From: froms[todo[k].w], Attempt: todo[k].id}))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "completions/s")
}
