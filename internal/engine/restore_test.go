package engine

import (
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// withJournal starts an engine of a term that goes on with records, if there are
// any. Its worker has not attached.
func withJournal(t *testing.T, term model.Term, recs []model.Record) (*world, error) {
	t.Helper()
	c := model.Embedded()
	c.Journal, c.Term = true, term
	w := &world{t: t, launch: make(chan *work.Launch, 100), told: make(chan string, 100), results: make(chan model.Result, 100),
		from: model.From{Cluster: c.Cluster, Protocol: c.Protocol, Term: term, Worker: "w", Inc: 1, Session: model.Session(term)}}
	w.Engine = New(Options{Config: c, Slots: func() int { return 2 }, Log: slog.New(slog.DiscardHandler)}, w)
	if err := w.Restore(records(recs)); err != nil {
		return nil, err
	}
	w.Start()
	t.Cleanup(func() {
		if !w.Close() {
			t.Error("storage does not answer")
		}
	})
	return w, nil
}

func records(recs []model.Record) iter.Seq2[model.Record, error] {
	return func(yield func(model.Record, error) bool) {
		for _, r := range recs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// journal gives the records so far: those of all that was sent before.
func (w *world) journal() []model.Record {
	turned := make(chan struct{})
	w.Call(func() model.Event {
		close(turned)
		return nil
	})
	<-turned // what follows is of a later turn, behind the records of this one
	got := make(chan []model.Record)
	w.Call(func() model.Event {
		recs := slices.Clone(w.recs)
		go func() { got <- recs }()
		return nil
	})
	return <-got
}

// submits submits an action with its plan, as a driver of a cluster does.
func (w *world) submits(n int, p *plan.Plan) {
	w.t.Helper()
	b, err := plan.Encode(p)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Call(func() model.Event {
		return w.Begin(work.Submission{ID: plan.ActionID{Job: "j", N: n}, Plan: p, Hash: plan.DigestOf(b), Encoded: b})
	})
}

// launches waits for launches of so many attempts.
func (w *world) launches(n int) (ids []model.AttemptID) {
	for len(ids) < n {
		for _, t := range (<-w.launch).Tasks {
			ids = append(ids, t.Attempt)
		}
	}
	return ids
}

func (w *world) does(id model.AttemptID) {
	w.Send(model.TaskDone{From: w.from, Attempt: id, Rows: 1, Address: "a/b"})
	w.Send(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Partitions: []int{id.Partition}})
}

// begun is an engine with an action of four tasks, of which one is done, one has
// been reported and not heard of, one runs, and one is lost.
func begun(t *testing.T) (recs []model.Record, ids []model.AttemptID) {
	t.Helper()
	w, err := withJournal(t, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4})
	w.Send(model.SubmitJob{Job: "j", Key: "j"})
	w.submits(1, collect(4))
	ids = w.launches(4)
	w.Send(model.TaskDone{From: w.from, Attempt: ids[0], Rows: 1, Address: "a/b"})
	<-w.results
	return w.journal(), ids
}

// An engine goes on where the one before it has ended, and hears from the worker
// what has happened meanwhile.
func TestRestoreGoesOn(t *testing.T) {
	recs, ids := begun(t)
	w, err := withJournal(t, 2, recs)
	if err != nil {
		t.Fatal(err)
	}
	w.Call(func() model.Event {
		if l := w.Load(); l.Actions != 1 || l.Running != 1 || l.Attempts != 3 {
			t.Errorf("%+v", l)
		}
		a := w.action(plan.ActionID{Job: "j", N: 1})
		if st := a.status(w.loop.now()); st.Stages[0].Done != 1 || st.Stages[0].Running != 3 || st.Partitions != 4 || st.Started.IsZero() {
			t.Errorf("%+v", st)
		}
		return nil
	})
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4, Inventory: model.Inventory{Executors: []model.ExecutorRef{{Job: "j", No: 1}},
		Running: ids[1:2], Done: []model.TaskDone{{Attempt: ids[2], Rows: 1, Address: "a/b"}}}})
	again := w.launches(1)
	if again[0].Partition != ids[3].Partition || again[0].Term != 2 {
		t.Errorf("launched %s, want what was lost, %s", again[0], ids[3])
	}
	w.submits(1, collect(4)) // the driver asks again
	for _, id := range []model.AttemptID{ids[0], ids[2]} {
		w.Send(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Partitions: []int{id.Partition}})
	}
	w.does(ids[1])
	w.does(again[0])
	w.wants("1 done: <nil>", "1 quiet")
	w.submits(1, collect(4)) // it has not heard of the end
	w.wants("1 done: <nil>", "1 quiet")
}

// What comes of a compacted journal is the same.
func TestRestoreCompacted(t *testing.T) {
	recs, ids := begun(t)
	old, err := withJournal(t, 2, recs)
	if err != nil {
		t.Fatal(err)
	}
	short := make(chan []model.Record, 1)
	old.Call(func() model.Event {
		var kept []model.Record
		for r, err := range old.Compact(records(append(recs, old.recs...))) {
			if err != nil {
				t.Error(err)
			}
			kept = append(kept, r)
		}
		short <- kept
		return nil
	})
	w, err := withJournal(t, 3, <-short)
	if err != nil {
		t.Fatal(err)
	}
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4, Inventory: model.Inventory{Executors: []model.ExecutorRef{{Job: "j", No: 1}}, Running: ids[1:]}})
	w.Send(model.ResultAck{Action: plan.ActionID{Job: "j", N: 1}, Partitions: []int{ids[0].Partition}})
	for _, id := range ids[1:] {
		w.does(id)
	}
	w.wants("1 done: <nil>", "1 quiet")
}

// A later action reads an input as the one before the restart has found it.
func TestRestoreRemembersInputs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count := func() *plan.Plan {
		p := collect(1)
		p.Stages[0].Pipe.Source = plan.Source{Files: &plan.Files{ID: 1, Paths: dir, Whole: true, MinSplits: 2}}
		return p
	}
	w, err := withJournal(t, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4})
	w.Send(model.SubmitJob{Job: "j", Key: "j"})
	w.submits(1, count())
	w.launches(2)
	recs := w.journal()
	if err := os.WriteFile(filepath.Join(dir, "c"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err = withJournal(t, 2, recs); err != nil {
		t.Fatal(err)
	}
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4})
	l := <-w.launch
	if splits := l.Found[*l.Files[0]]; len(splits) != 2 || splits[0].Parts[0].Path != filepath.Join(dir, "a") {
		t.Errorf("found %+v", splits)
	}
	w.submits(2, count())
	for l.Action.N != 2 {
		for _, task := range l.Tasks {
			w.does(task.Attempt)
		}
		l = <-w.launch
	}
	if splits := l.Found[*l.Files[0]]; len(splits) != 2 {
		t.Errorf("the next action found %+v", splits)
	}
}

// Staging of an action that ended before the restart is removed by the next engine.
func TestRestoreCollects(t *testing.T) {
	dir := t.TempDir()
	p := collect(1)
	p.Stages[0].Sink.Staged, p.Output = true, &plan.Output{Path: filepath.Join(dir, "out")}
	w, err := withJournal(t, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Send(model.Attach{From: w.from, Store: "s", Slots: 4})
	w.Send(model.SubmitJob{Job: "j", Key: "j"})
	w.submits(1, p)
	id := w.launches(1)[0]
	w.Cancel(plan.ActionID{Job: "j", N: 1}, errors.New("enough"))
	<-w.told
	recs := w.journal()
	out, err := work.Committer(actionOf(id), p.Output)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out.Staging()); err != nil {
		t.Fatalf("there is no staging: %v", err)
	}
	w, err = withJournal(t, 2, recs)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if _, err := os.Stat(out.Staging()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("staging is there: %v", err)
	}
	if last := w.journal(); last[len(last)-1] != (model.CollectedRecord{Action: actionOf(id)}) {
		t.Errorf("the last record is %+v", last[len(last)-1])
	}
}

func actionOf(id model.AttemptID) plan.ActionID {
	return plan.ActionID{Job: id.Stage.Job, N: id.Stage.Action}
}

func TestRestoreRefusesWhatItCannotRead(t *testing.T) {
	job := model.JobAccepted{Submit: model.SubmitJob{Job: "j"}}
	id := plan.ActionID{Job: "j", N: 1}
	submit := model.SubmitAction{Action: id, Graph: []model.StageSpec{{Key: "r", Kind: model.ResultStage}}, Target: "r"}
	bad := submit
	bad.Encoded = []byte{0xdd}
	for name, recs := range map[string][]model.Record{
		"a plan":            {job, model.ActionAccepted{Submit: bad}},
		"a resolved plan":   {job, model.ActionAccepted{Submit: submit}, model.SplitsPlanned{Action: id, Resolved: []byte("x")}},
		"an equal term":     {model.TermStarted{Term: 2}},
		"what is no splits": {job, model.SplitsPlanned{Action: id}},
	} {
		if _, err := withJournal(t, 2, recs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// What is left of a job that is forgotten is no concern.
	if _, err := withJournal(t, 2, []model.Record{model.ActionAccepted{Submit: bad}, model.SplitsPlanned{Action: id}}); err != nil {
		t.Error(err)
	}
}
