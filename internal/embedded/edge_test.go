package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestScratchCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake()
	e := New(Options{Slots: 1, Scratch: file}, f)
	defer func() { _ = e.Close() }()
	_, err := e.Do(t.Context(), encoded(t, onePlan(3)), driver.Action{})
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
		return nil, work.NewFailure(plan.FailKilled, "told to")
	}
	go func() {
		<-running
		w.core.Send(model.FinishJob{Job: w.o.Job, Reason: "somebody said so"})
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
		w.core.Send(model.JournalFailed{Err: model.Problem{Message: "disk full"}})
		<-ctx.Done()
		return nil, work.NewFailure(plan.FailKilled, "told to")
	}
	_, _, err := w.do(onePlan(1))
	wantError(t, err, "disk full")
	w.stepped = true
}

// An action keeps its blobs while it runs, whatever the driver lets go.
func TestActionHoldsBlobs(t *testing.T) {
	w := start(t, 1)
	d := w.PutBlob([]byte("env"))
	w.fake.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		w.ReleaseBlob(d)
		if b, err := w.Blob(d); err != nil || string(b) != "env" {
			return nil, work.NewFailure(plan.FailUser, "%q, %v", b, err)
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
