package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// idle fails the test when the engine still knows of an attempt or action while
// nothing runs. The acknowledgement that it waits for may be of the same turn, so
// it asks for longer than a turn can last.
func (w *world) idle() {
	w.t.Helper()
	got := ""
	for range 500 {
		answer := make(chan string, 1)
		w.core.Call(func() model.Event {
			l := w.core.Load()
			answer <- fmt.Sprintf("%d actions, %d and %d attempts", l.Actions, l.Attempts, w.agent.Attempts())
			return nil
		})
		select {
		case got = <-answer:
		case <-w.core.Done():
			return
		}
		if got == "0 actions, 0 and 0 attempts" {
			return
		}
	}
	w.t.Errorf("idle engine knows of %s", got)
}

// Indeterminate rows that were lost make everything anew that has read them.
func TestRollBack(t *testing.T) {
	for _, taken := range []bool{true, false} {
		t.Run(fmt.Sprint("reset ", taken), func(t *testing.T) {
			w := start(t, 1)
			lost := false
			w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
				if task.Partition != 2 || lost {
					return nil, nil
				}
				lost = true
				f := work.NewFailure(plan.FailFetch, "checksum")
				f.Fetch = &plan.FetchSource{Stage: "m", Map: 1}
				return nil, f
			}
			p := twoPlan(3, 4)
			p.Stages[0].Class = plan.Indeterminate
			got, resets := map[int]uint64{}, 0
			want := driver.Action{Result: func(i int, v driver.Value) error {
				b, err := v.Bytes()
				got[i] += number(b)
				return err
			}}
			if taken {
				want.Reset = func() { clear(got); resets++ }
			}
			_, err := w.Do(t.Context(), encoded(t, p), want)
			if !taken {
				if err == nil {
					t.Error("values were given and made anew, and nobody knows")
				}
				return
			}
			if err != nil || resets != 1 || len(got) != 4 || got[0] != 6 || got[3] != 6 || w.fake.count("m") != 6 {
				t.Errorf("%v after %d resets, %d attempts: %v", got, resets, w.fake.count("m"), err)
			}
		})
	}
}

// stress runs actions at random that fail and are cancelled at random.
type stress struct {
	w   *world
	out string
}

var errPlanned = errors.New("planned")

func (s stress) plan(r *rand.Rand, n int) *plan.Plan {
	var stages []plan.Stage
	var last plan.StageKey
	pipe := rangePipe(1 + r.IntN(20))
	for d := range r.IntN(4) {
		// Chains of shuffles, some shared, whose shape follows from their keys.
		key := plan.StageKey(fmt.Sprintf("%s/%d", last, r.IntN(3)))
		size := 1 + (int(key[len(key)-1])+d)%7
		if last == "" {
			stages = append(stages, mapStage(key, rangePipe(2*size), size))
		} else {
			stages = append(stages, mapStage(key, widePipe(last), size, last))
		}
		last, pipe = key, widePipe(key)
	}
	if last == "" {
		stages = append(stages, resultStage("r", pipe))
	} else {
		stages = append(stages, resultStage("r", pipe, last))
	}
	p := newPlan(stages...)
	if r.IntN(3) == 0 {
		p.Stages[len(p.Stages)-1].Sink.Staged = true
		p.Output = &plan.Output{Path: filepath.Join(s.out, fmt.Sprint(n))}
	}
	return p
}

// bad makes one in a hundred attempts fail.
func (s stress) bad(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
	if rand.IntN(100) > 0 {
		return nil, nil
	}
	_ = os.WriteFile(filepath.Join(task.Store, task.Attempt+".part"), nil, 0o600)
	if len(task.Inputs) > 0 && rand.IntN(2) == 0 {
		f := work.NewFailure(plan.FailFetch, "planned")
		in := task.Inputs[0]
		f.Fetch = &plan.FetchSource{Stage: in.Stage, Map: rand.IntN(len(in.Outputs))}
		return nil, f
	}
	return nil, work.NewFailure(plan.FailUser, "planned")
}

func (s stress) action(t *testing.T, r *rand.Rand, n int) {
	p := s.plan(r, n)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	values, limit := map[int]uint64{}, r.IntN(30)
	st, err := s.w.Do(ctx, encoded(t, p), driver.Action{Result: func(i int, v driver.Value) error {
		b, err := v.Bytes()
		values[i] = number(b)
		switch limit--; limit {
		case 1:
			cancel(errPlanned)
		case 0:
			return errPlanned
		}
		return err
	}})
	var se *plan.StageError
	switch {
	case errors.Is(err, errPlanned), errors.As(err, &se) && se.Message == "planned":
	case err != nil:
		t.Errorf("action %d: %v", n, err)
	case p.Output == nil && len(values) != st.Stages[len(st.Stages)-1].Tasks:
		t.Errorf("action %d has %d values of %+v", n, len(values), st)
	case p.Output != nil && !slices.Contains(filesIn(t, p.Output.Path), "_SUCCESS"):
		t.Errorf("action %d has no output", n)
	}
	if err != nil && p.Output != nil {
		if _, err := os.Stat(p.Output.Path); err == nil {
			t.Errorf("action %d failed and has output", n)
		}
	}
	for i, v := range values {
		if v != values[0] && len(p.Stages) > 1 && values[0] != 0 {
			t.Errorf("action %d: partition %d is %d, another %d", n, i, v, values[0])
		}
	}
}

func TestStress(t *testing.T) {
	w := start(t, 4)
	s := stress{w: w, out: t.TempDir()}
	keys := map[plan.StageKey]bool{}
	w.fake.all = s.bad
	var g sync.WaitGroup
	for worker := range 4 {
		g.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for n := range 50 {
				s.action(t, r, worker*1000+n)
			}
		})
	}
	g.Wait()
	w.idle()
	w.fake.mu.Lock()
	for k := range w.fake.runs {
		keys[k] = true
	}
	w.fake.mu.Unlock()
	if _, err := os.Stat(filepath.Join(s.out, "_temporary")); err == nil {
		t.Error("staging is left")
	}
	for k := range keys {
		w.Release(k)
	}
	if _, _, err := w.do(onePlan(0)); err != nil { // all releases are through
		t.Error(err)
	}
	w.core.Settle()
	w.wantFiles()
}
