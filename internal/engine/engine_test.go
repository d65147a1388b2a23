package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an engine whose worker and driver are the test.
type world struct {
	*Engine
	t       *testing.T
	from    model.From
	launch  chan *work.Launch
	told    chan string // what the driver hears
	deaf    bool        // nobody drives the job
	results chan model.Result
	recs    []model.Record // of the journal
}

func (w *world) Journal(recs []model.Append) (bool, error) {
	for _, r := range recs {
		w.recs = append(w.recs, r.Record)
	}
	return true, nil
}

func (w *world) Worker(_ plan.WorkerID, cmds []model.Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case model.StartExec:
			w.Reply(model.ExecUp{From: w.from, Job: c.Job, No: c.No})
		case *work.Launch:
			w.launch <- c
		}
	}
}

func (w *world) Driver(plan.JobID) Driver {
	if w.deaf {
		return nil
	}
	return w
}

func (w *world) Other(model.Command)     {}
func (w *world) Replied(r model.Reply)   {}
func (w *world) Result(r model.Result)   { w.results <- r }
func (w *world) Reset(model.ResultReset) { w.told <- "reset" }
func (w *world) Picture(plan.ActionStatus) {
	w.told <- "picture"
}
func (w *world) End(s plan.ActionStatus, _ []plan.StageUpdates, err error) {
	w.told <- fmt.Sprintf("%d %s: %v", s.ID.N, s.State, err)
}
func (w *world) Added(plan.ActionID, []plan.StageUpdates) {}
func (w *world) Quiet(id plan.ActionID)                   { w.told <- fmt.Sprint(id.N, " quiet") }
func (w *world) Notice(text string)                       { w.told <- text }
func (w *world) JobEnd(model.JobEnd)                      { w.told <- "job end" }

var errEnough = errors.New("enough")

func start(t *testing.T) *world {
	t.Helper()
	c := model.Embedded()
	w := &world{t: t, launch: make(chan *work.Launch, 100), told: make(chan string, 100), results: make(chan model.Result, 100),
		from: model.From{Cluster: c.Cluster, Protocol: c.Protocol, Term: c.Term, Worker: "w", Inc: 1, Session: 1}}
	w.Engine = New(Options{Config: c, Slots: func() int { return 2 }, Log: slog.New(slog.DiscardHandler)}, w)
	w.Start()
	t.Cleanup(func() {
		if !w.Close() {
			t.Error("storage does not answer")
		}
	})
	w.Send(model.Attach{From: w.from, Store: "s", Hosts: []string{"h"}, Slots: 2})
	w.Send(model.SubmitJob{Job: "j", Key: "j"})
	return w
}

func (w *world) begin(n int, p *plan.Plan) {
	w.Call(func() model.Event {
		return w.Begin(work.Submission{ID: plan.ActionID{Job: "j", N: n}, Plan: p, Hash: plan.DigestOf(fmt.Append(nil, n))})
	})
}

func (w *world) wants(lines ...string) {
	w.t.Helper()
	for _, want := range lines {
		if got := <-w.told; got != want {
			w.t.Errorf("the driver heard %q, want %q", got, want)
		}
	}
}

func collect(n int64) *plan.Plan {
	return &plan.Plan{Action: "Collect", Site: plan.Site{File: "main.go", Line: 14}, Target: "r", Stages: []plan.Stage{{
		Key: "r", Kind: plan.ResultStage, Name: "result r", Pipe: plan.Pipe{Source: plan.Source{Range: &plan.Range{Count: n, Step: 1, N: int(n)}}}}}}
}

func TestActionComesAndGoes(t *testing.T) {
	w := start(t)
	w.begin(1, collect(2))
	for range 2 {
		l := <-w.launch
		if l.Action.N != 1 || l.Stage.Name != "result r" || l.Plan.Target != "r" {
			t.Errorf("launch of %v, stage %q", l.Action, l.Stage.Name)
		}
		for _, task := range l.Tasks {
			w.Send(model.TaskDone{From: w.from, Attempt: task.Attempt, Rows: 1, Result: []byte("x")})
		}
		if len(l.Tasks) == 2 {
			break
		}
	}
	w.wants("1 done: <nil>", "1 quiet")
	for range 2 {
		<-w.results
	}
	w.Send(model.FinishJob{Job: "j"})
	w.wants("job end")
	w.Call(func() model.Event {
		if len(w.jobs)+len(w.attempts) > 0 {
			t.Errorf("it still knows %d jobs, %d attempts", len(w.jobs), len(w.attempts))
		}
		return nil
	})
}

// The attempts of a worker that is lost are at rest: nobody will hear of them.
func TestWorkerLostIsQuiet(t *testing.T) {
	w := start(t)
	w.begin(1, collect(1))
	<-w.launch
	w.Cancel(plan.ActionID{Job: "j", N: 1}, errEnough)
	w.wants("1 cancelled: Collect (main.go:14): cancelled: enough")
	w.Send(model.Leaving{From: w.from})
	w.wants("1 quiet")
}

// So are those of an executor whose process ended, while its worker lives.
func TestExecutorLostIsQuiet(t *testing.T) {
	w := start(t)
	w.begin(1, collect(1))
	l := <-w.launch
	w.Send(model.ExecGone{From: w.from, Job: "j", No: l.Exec + 1}) // another's
	w.Send(model.ExecGone{From: w.from, Job: "j", No: l.Exec, Signal: 9})
	l = <-w.launch
	w.Send(model.TaskDone{From: w.from, Attempt: l.Tasks[0].Attempt, Rows: 1, Result: []byte("x")})
	w.wants("1 done: <nil>", "1 quiet")
}

func TestNobodyDrives(t *testing.T) {
	w := start(t)
	w.deaf = true
	w.begin(1, collect(1))
	l := <-w.launch
	w.Send(model.TaskDone{From: w.from, Attempt: l.Tasks[0].Attempt})
	done := make(chan Load)
	for n := 1; n > 0; {
		w.Call(func() model.Event {
			l := w.Load()
			go func() { done <- l }()
			return nil
		})
		n = (<-done).Actions
	}
}

func TestSubmissionsAreRefused(t *testing.T) {
	w := start(t)
	p := collect(1)
	p.Stages[0].Sink.Staged = true
	p.Output = &plan.Output{Path: "/"}
	w.begin(1, p)
	if got := <-w.told; !strings.Contains(got, "1 failed") || !strings.Contains(got, "top of a store") {
		t.Errorf("got %q", got)
	}
	w.wants("1 quiet")
	for _, bad := range []*plan.Plan{{Target: "none"}, {Target: "r", Stages: p.Stages}} {
		if work.Check(bad) == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

func TestLaunchOfNothing(t *testing.T) {
	w := start(t)
	own := make(chan []event, 1)
	w.Call(func() model.Event {
		if l := w.launched("w", model.Launch{Stage: model.StageID{Job: "j", Key: "x"}, Tasks: make([]model.Assignment, 2)}); l != nil {
			t.Errorf("got %+v", l)
		}
		own <- slices.Clone(w.loop.own)
		return nil
	})
	for _, ev := range <-own {
		if f, ok := ev.(model.TaskFailed); !ok || f.Class != model.Refused || f.From != w.from {
			t.Errorf("got %+v", ev)
		}
	}
}

func TestOutcome(t *testing.T) {
	disk := fmt.Errorf("disk")
	detail, err := plan.Encode(&plan.Failure{Message: "deep", Row: -1, Offset: -1})
	if err != nil {
		t.Fatal(err)
	}
	cause := func(k model.CauseKind) *model.Cause { return &model.Cause{Kind: k, Message: "because"} }
	task := &model.Cause{Kind: model.CauseTask, Message: "because", Stage: model.StageID{Key: "r"}, Detail: detail}
	bare := &model.Cause{Kind: model.CauseNoProgress, Message: "because", Stage: model.StageID{Key: "gone"}}
	for _, c := range []struct {
		name    string
		problem error
		state   model.ActionState
		cause   *model.Cause
		want    plan.ActionState
		text    string
	}{
		{"done", nil, model.ActionDone, nil, plan.ActionDone, "<nil>"},
		{"cancelled", nil, model.ActionCancelled, cause(model.CauseCancelled), plan.ActionCancelled, "Collect (main.go:14): because"},
		{"failed", nil, model.ActionFailed, task, plan.ActionFailed, `Collect (main.go:14): deep: stage "result r", partition 0`},
		{"storage", disk, model.ActionFailed, cause(model.CausePublish), plan.ActionFailed, "Collect (main.go:14): disk"},
		{"a stage without detail", nil, model.ActionFailed, bare, plan.ActionFailed, `Collect (main.go:14): because: stage "", partition 0`},
		{"no cause", nil, model.ActionFailed, nil, plan.ActionFailed, "Collect (main.go:14): failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &action{plan: &work.Plan{Plan: collect(1)}, problem: c.problem, stages: map[plan.StageKey]*stage{}}
			a.graph()
			state, err := a.outcome(model.ActionEnd{State: c.state, Cause: c.cause})
			if state != c.want || fmt.Sprint(err) != c.text {
				t.Errorf("got %s, %v; want %s, %s", state, err, c.want, c.text)
			}
		})
	}
}

// TestR58Guarantee tells the scheduler of effects, which must not happen twice at a
// time.
func TestR58Guarantee(t *testing.T) {
	w := start(t)
	for n, want := range map[int]model.Guarantee{1: model.Atomic, 2: model.AtLeastOnce} {
		got := make(chan model.Event, 1)
		w.Call(func() model.Event {
			p := collect(1)
			p.Stages[0].Sink.Effects = n == 2
			ev := w.Begin(work.Submission{ID: plan.ActionID{Job: "j", N: n}, Plan: p, Hash: plan.DigestOf(fmt.Append(nil, n))})
			got <- ev
			return ev
		})
		if ev := (<-got).(model.SubmitAction); ev.Sink.Guarantee != want {
			t.Errorf("action %d has guarantee %v, want %v", n, ev.Sink.Guarantee, want)
		}
	}
}
