package embedded

import (
	"context"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func TestTrialComesWithTheContext(t *testing.T) {
	if got := TrialOf(context.Background()); got.Attempts != 0 || got.Wrap != nil || got.Strict {
		t.Errorf("without one: %+v", got)
	}
	ctx := WithTrial(t.Context(), Trial{Attempts: 3, Memory: 5, Strict: true})
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if got := TrialOf(ctx); got.Attempts != 3 || got.Memory != 5 || !got.Strict {
		t.Errorf("got %+v", got)
	}
}

func TestAttemptsAreThoseOfTheOptions(t *testing.T) {
	for attempts, want := range map[int]int{0: 1, 1: 1, 4: 4} {
		if got := config(Options{Slots: 1, Attempts: attempts}).MaxFailures; got != want {
			t.Errorf("%d attempts: %d failures end a task, want %d", attempts, got, want)
		}
	}
	if model.Embedded().MaxFailures != 1 {
		t.Error("the embedded engine tries again by itself")
	}
}
