package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

func TestScratchCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake()
	e := New(Options{Slots: 1, Scratch: file}, f)
	defer func() { _ = e.Close() }()
	_, err := e.Do(t.Context(), encoded(t, onePlan(3)), Action{})
	var se *plan.StageError
	if !errors.As(err, &se) || se.Class != plan.FailResource || se.Path == "" || f.total() != 0 {
		t.Errorf("got %v after %d attempts", err, f.total())
	}
}

// The output is whole, so that what is left beside it fails nothing.
func TestStagingCannotBeRemoved(t *testing.T) {
	w := start(t, 1)
	dir := filepath.Join(t.TempDir(), "sticky", "out")
	if _, _, err := w.do(savePlan("slow://"+dir, 1)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.log.String(), "it sticks") {
		t.Error("nobody is told")
	}
}

func TestJobEndsByItself(t *testing.T) {
	w := start(t, 1)
	running := make(chan struct{})
	w.fake.hooks["r"] = func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
		close(running)
		<-ctx.Done()
		return nil, newFailure(plan.FailKilled, "told to")
	}
	go func() {
		<-running
		w.loop.send(model.FinishJob{Job: w.o.Job, Reason: "somebody said so"})
	}()
	_, _, err := w.do(onePlan(2))
	wantError(t, err, "somebody said so")
	if _, _, err = w.do(onePlan(2)); err == nil {
		t.Error("an action of a job that has ended")
	}
}

// A scheduler that stepped down tells nobody anything any more.
func TestStepDown(t *testing.T) {
	w := start(t, 1)
	w.fake.hooks["r"] = func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
		w.loop.send(model.JournalFailed{Err: model.Problem{Message: "disk full"}})
		<-ctx.Done()
		return nil, newFailure(plan.FailKilled, "told to")
	}
	_, _, err := w.do(onePlan(1))
	wantError(t, err, "disk full")
	w.loop.call(func() model.Event { clear(w.worker.runs); return nil })
}

func TestLaunchOfNothing(t *testing.T) {
	w := start(t, 1)
	w.loop.call(func() model.Event {
		w.worker.launch(model.Launch{Stage: model.StageID{Job: w.o.Job, Key: "x"}, Tasks: make([]model.Assignment, 2)})
		if len(w.loop.own) != 2 || len(w.worker.runs) != 0 {
			t.Errorf("%d reports, %d attempts", len(w.loop.own), len(w.worker.runs))
		}
		return nil
	})
	if _, _, err := w.do(onePlan(1)); err != nil {
		t.Error(err)
	}
}

func TestPreferences(t *testing.T) {
	a, b := plan.Files{Paths: "a"}, plan.Files{Paths: "b"}
	found := map[plan.Files][]storage.Split{a: {{}, {Hosts: []string{"h1", "h2"}}}, b: {{Hosts: []string{"h3"}}}}
	pipe := func(f *plan.Files, n int) plan.Pipe { return plan.Pipe{Source: plan.Source{Files: f}, N: n} }
	st := plan.Stage{Pipe: plan.Pipe{N: 3, Source: plan.Source{Union: []plan.Pipe{pipe(&a, 2), pipe(&b, 1)}}}}
	got := preferences(&st, found)
	if want := [][]string{nil, {"h1", "h2"}, {"h3"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := preferences(&st, map[plan.Files][]storage.Split{a: {{}, {}}, b: {{}}}); got != nil {
		t.Errorf("got %q for splits without hosts", got)
	}
}

func TestCountersTravel(t *testing.T) {
	c := plan.Counters{RowsIn: 1, RowsOut: 2, BytesRead: 3, ShuffleRead: 4, ShuffleWrite: 5, Spilled: 6, Output: 7, Rejected: 8}
	if n := reflect.TypeFor[plan.Counters]().NumField(); n != len(counterNames) {
		t.Errorf("%d counters have names, want %d", len(counterNames), n)
	}
	if got := countersOf(countersFor(c)); got != c {
		t.Errorf("got %+v, want %+v", got, c)
	}
	if got := countersFor(plan.Counters{}); got != nil {
		t.Errorf("zeros travel: %v", got)
	}
}

func TestValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range []Value{valueOf(&plan.Result{Value: []byte("abc")}), valueOf(&plan.Result{ValuePath: path})} {
		r, err := v.Open()
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Error(err)
		}
		whole, err := v.Bytes()
		if err != nil || string(whole) != "abc" || string(streamed) != "abc" || v.Len() != 3 {
			t.Errorf("got %q, %q, %d, %v", whole, streamed, v.Len(), err)
		}
		v.drop()
	}
	gone := valueOf(&plan.Result{ValuePath: path})
	if _, err := gone.Bytes(); err == nil {
		t.Error("a value without its file was read")
	}
	if _, err := gone.Open(); err == nil {
		t.Error("a value without its file was opened")
	}
}

// An action keeps its blobs while it runs, whatever the driver lets go.
func TestActionHoldsBlobs(t *testing.T) {
	w := start(t, 1)
	d := w.PutBlob([]byte("env"))
	w.fake.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		w.ReleaseBlob(d)
		if b, err := w.Blob(d); err != nil || string(b) != "env" {
			return nil, newFailure(plan.FailUser, "%q, %v", b, err)
		}
		return nil, nil
	}
	p := onePlan(1)
	p.Blobs = []plan.Digest{d}
	if _, _, err := w.do(p); err != nil {
		t.Error(err)
	}
	if _, err := w.Blob(d); err == nil {
		t.Error("the blob is held for ever")
	}
}

// What nobody can ask for any more is not remembered, however long a session
// lives.
func TestSourcesForget(t *testing.T) {
	s := newSources(1)
	f := plan.Files{ID: 1, Paths: "file://" + t.TempDir()}
	if err := os.WriteFile(filepath.Join(strings.TrimPrefix(f.Paths, "file://"), "a"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPlan(plan.Stage{Key: "m", Kind: plan.MapStage, Pipe: plan.Pipe{Source: plan.Source{Files: &f}},
		Sink: plan.Sink{Part: &plan.Partitioner{Kind: plan.HashPartitioner, N: 2}}})
	if _, _, err := s.plan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if len(s.splits) != 1 || s.parts["m"] != 2 {
		t.Errorf("it knows %v and %v", s.splits, s.parts)
	}
	s.forget("m")
	s.forgetFiles(f)
	if len(s.splits)+len(s.parts) != 0 {
		t.Errorf("it still knows %v and %v", s.splits, s.parts)
	}
}
