package embedded

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestBarrierStage: its tasks run at once, however few the driver wants to be
// ahead of it, and get what each of them brings.
func TestBarrierStage(t *testing.T) {
	const tasks = 4
	w := start(t, tasks)
	w.fake.hooks["r"] = func(ctx context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		for round := range 3 {
			all, err := w.Gather(ctx, task.Attempt, round, fmt.Append(nil, round, task.Partition))
			if err != nil {
				return nil, work.NewFailure(plan.FailUser, "%v", err)
			}
			for i, b := range all {
				if want := fmt.Append(nil, round, i); len(all) != tasks || !bytes.Equal(b, want) {
					return nil, work.NewFailure(plan.FailUser, "round %d: %q of %d", round, b, len(all))
				}
			}
		}
		return nil, nil
	}
	p := onePlan(tasks)
	p.Stages[0].Barrier = true
	got := 0
	_, err := w.Do(t.Context(), encoded(t, p), driver.Action{Ahead: 1, Result: func(int, driver.Value) error {
		got++
		return nil
	}})
	if err != nil || got != tasks || w.fake.count("r") != tasks {
		t.Errorf("%d of %d tasks, %d results, %v", w.fake.count("r"), tasks, got, err)
	}
}

// TestBarrierStageIsRunWhole: a driver cannot ask for a part of it.
func TestBarrierStageIsRunWhole(t *testing.T) {
	w := start(t, 4)
	p := onePlan(4)
	p.Stages[0].Barrier = true
	_, err := w.Do(t.Context(), encoded(t, p), driver.Action{Partitions: []int{0, 1}})
	wantError(t, err, "all at once, not some of them")
	if n := w.fake.total(); n != 0 {
		t.Errorf("%d tasks ran", n)
	}
}
