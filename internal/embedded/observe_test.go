package embedded

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestPicturesAreRare(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			time.Sleep(10 * time.Millisecond)
			return nil, nil
		}
		var seen []plan.ActionStatus
		e := New(Options{Slots: 1, Scratch: dir, Observe: func(s plan.ActionStatus) { seen = append(seen, s) }}, f)
		if _, err := e.Do(t.Context(), encoded(t, onePlan(100)), driver.Action{}); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if len(seen) < 8 || len(seen) > 13 {
			t.Errorf("%d pictures of an action of one second, want about 11", len(seen))
		}
		done := 0
		for _, s := range seen {
			if s.State != plan.ActionRunning && !s.State.Ended() && s.State != plan.ActionPreparing {
				t.Errorf("state %s", s.State)
			}
			if s.Stages[0].Done < done {
				t.Errorf("done fell from %d to %d", done, s.Stages[0].Done)
			}
			done = s.Stages[0].Done
		}
		if last := seen[len(seen)-1]; last.State != plan.ActionDone || done != 100 {
			t.Errorf("last picture: %+v", last)
		}
	})
}
