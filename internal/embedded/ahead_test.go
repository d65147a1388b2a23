package embedded

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// TestTasksStayNearTheCaller: while the caller is busy, even with another
// action, no more than a few partitions are computed for it.
func TestTasksStayNearTheCaller(t *testing.T) {
	const partitions, ahead = 60, 5
	w := start(t, 2)
	other := newPlan(resultStage("other", rangePipe(20)))
	var next int
	_, err := w.Do(context.Background(), encoded(t, onePlan(partitions)), driver.Action{Ahead: ahead, Result: func(p int, _ driver.Value) error {
		if p != next {
			t.Errorf("partition %d, want %d", p, next)
		}
		next++
		if p%10 == 0 {
			if _, err := w.Do(context.Background(), encoded(t, other), driver.Action{}); err != nil {
				t.Errorf("an action meanwhile: %v", err)
			}
		}
		if ran := w.fake.count("r"); ran > p+ahead {
			t.Errorf("%d partitions ran before the caller had more than %d", ran, p)
		}
		return nil
	}})
	if err != nil || next != partitions || w.fake.count("r") != partitions {
		t.Errorf("%d partitions of %d that ran, %v", next, w.fake.count("r"), err)
	}
}

// TestCallerThatLeaves ends the action, and nothing works for it any more when
// the caller goes on.
func TestCallerThatLeaves(t *testing.T) {
	for name, leave := range map[string]func(){
		"by a panic": func() { panic("left") },
		"by Goexit":  runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, 2)
			w.fake.hooks["r"] = func(ctx context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
				if task.Partition == 0 {
					return nil, nil
				}
				<-ctx.Done()
				return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
			}
			left := make(chan any)
			go func() {
				defer func() { left <- recover() }()
				_, _ = w.Do(context.Background(), encoded(t, onePlan(10)), driver.Action{Ahead: 3, Result: func(int, driver.Value) error {
					leave()
					return nil
				}})
			}()
			if v := <-left; (v == "left") != (name == "by a panic") {
				t.Errorf("recovered %v", v)
			}
			ran := w.fake.count("r")
			w.fake.clear()
			got, _, err := w.do(onePlan(4))
			if err != nil || len(got) != 4 || w.fake.count("r") != ran+4 {
				t.Errorf("afterwards: %v, %v, %d runs after %d", got, err, w.fake.count("r"), ran)
			}
		})
	}
}

// TestPanicAfterTheEnd: when everything has been computed, there is nothing to
// end and nothing more to hear of.
func TestPanicAfterTheEnd(t *testing.T) {
	w := start(t, 2)
	ended := func() bool {
		answer := make(chan bool)
		w.core.Call(func() model.Event {
			n := w.core.Load().Actions
			go func() { answer <- n == 0 }()
			return nil
		})
		return <-answer
	}
	first := make(chan struct{})
	w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		if task.Partition > 0 {
			<-first
		}
		return nil, nil
	}
	defer func() {
		if v := recover(); v != "left" {
			t.Errorf("recovered %v", v)
		}
	}()
	_, _ = w.Do(context.Background(), encoded(t, onePlan(3)), driver.Action{Result: func(p int, _ driver.Value) error {
		if p > 0 {
			panic("left")
		}
		close(first)
		for !ended() {
			runtime.Gosched()
		}
		return nil
	}})
}

// TestEndedContextsNameTheAction, whenever they end.
func TestEndedContextsNameTheAction(t *testing.T) {
	why := errors.New("enough")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	w := start(t, 1)
	check := func(err error) {
		t.Helper()
		if !errors.Is(err, why) || !strings.HasPrefix(err.Error(), "Collect (main.go:14): ") || strings.Count(err.Error(), "Collect") > 1 {
			t.Errorf("got %v", err)
		}
	}
	s, err := w.Do(ended, encoded(t, onePlan(1)), driver.Action{})
	check(err)
	if s.State != plan.ActionPreparing || w.fake.total() != 0 {
		t.Errorf("%s, %d runs", s.State, w.fake.total())
	}
	during, cancel := context.WithCancelCause(context.Background())
	w.fake.hooks["r"] = func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
		cancel(why)
		<-ctx.Done()
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	}
	s, err = w.Do(during, encoded(t, onePlan(1)), driver.Action{})
	check(err)
	if s.State != plan.ActionCancelled || s.Error != err.Error() {
		t.Errorf("%s, %q", s.State, s.Error)
	}
	within, cancel := context.WithCancelCause(context.Background())
	w.fake.clear()
	_, err = w.Do(within, encoded(t, onePlan(3)), driver.Action{Result: func(p int, _ driver.Value) error {
		if cancel(why); p > 0 {
			t.Errorf("partition %d after the end", p)
		}
		return nil
	}})
	check(err)
}
