package fault_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/internal/fault"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session starts one whose tasks fail.
func session(t *testing.T, f *fault.Faults, attempts int) *typed.Session {
	t.Helper()
	ctx := embedded.WithTrial(t.Context(), embedded.Trial{Wrap: f.Wrap, Attempts: attempts})
	scratch := t.TempDir()
	s, err := typed.NewSession(ctx, typed.Options{Cores: 3, Closures: true, Scratch: scratch, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return s
}

func word(n int64) (string, int64) { return strings.Repeat("x", int(n%13)), n }

func add(a, b int64) int64 { return a + b }

// TestResultsAreTheSame runs a pipeline of several stages until every kind of
// fault has been seen.
func TestResultsAreTheSame(t *testing.T) {
	var all fault.Counts
	for seed := range uint64(4) {
		f := fault.New(seed)
		s := session(t, f, fault.Attempts)
		sums := s.Range(1000, typed.Partitions(5)).MapToPair(word).ReduceByKey(add, typed.Partitions(4))
		for range 2 { // the second time over a shuffle that is there
			got, err := typed.SortByKey(sums, typed.Partitions(3)).Values().Collect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var want [13]int64
			for n := range int64(1000) {
				want[n%13] += n
			}
			if !slices.Equal(got, want[:]) {
				t.Errorf("seed %d: got %v, want %v", seed, got, want)
			}
		}
		c := f.Counts()
		all.Before, all.Middle, all.After, all.Lost = all.Before+c.Before, all.Middle+c.Middle, all.After+c.After, all.Lost+c.Lost
	}
	if all.Before == 0 || all.Middle == 0 || all.After == 0 || all.Lost == 0 {
		t.Errorf("not all kinds of faults were seen: %+v", all)
	}
}

// TestASeedGivesTheSameFaults compares what is made to fail by one task at a
// time.
func TestASeedGivesTheSameFaults(t *testing.T) {
	counts := func() fault.Counts {
		f := fault.New(3)
		ex := f.Wrap(executor(func(ctx context.Context) (*plan.Result, *plan.Failure) { return &plan.Result{}, nil }))
		for i := range 50 {
			_, _ = ex.Run(t.Context(), &plan.Plan{}, &plan.Stage{}, &plan.Task{Partition: i})
		}
		return f.Counts()
	}
	if a, b := counts(), counts(); a != b {
		t.Errorf("%+v and %+v", a, b)
	}
}

type executor func(ctx context.Context) (*plan.Result, *plan.Failure)

func (e executor) Forget(plan.StageKey) {}

func (e executor) Run(ctx context.Context, _ *plan.Plan, _ *plan.Stage, _ *plan.Task) (*plan.Result, *plan.Failure) {
	return e(ctx)
}

// TestOnlyFirstAttemptsFail looks at what an executor is asked to do.
func TestOnlyFirstAttemptsFail(t *testing.T) {
	var ran, cancelled int
	f := fault.New(9)
	ex := f.Wrap(executor(func(ctx context.Context) (*plan.Result, *plan.Failure) {
		ran++
		if ctx.Err() != nil {
			cancelled++
		}
		return &plan.Result{}, nil
	}))
	const tasks = 200
	failed := 0
	for i := range 2 * tasks {
		res, fail := ex.Run(t.Context(), &plan.Plan{}, &plan.Stage{Name: "Map"}, &plan.Task{Partition: i % tasks})
		if (res == nil) != (fail != nil) {
			t.Fatalf("%v and %v", res, fail)
		}
		if fail == nil {
			continue
		}
		if failed++; i >= tasks {
			t.Errorf("task %d failed again", i-tasks)
		}
		if fail.Class != plan.FailUser || !strings.Contains(fail.Message, "stage Map") {
			t.Errorf("failure %+v", fail)
		}
	}
	c := f.Counts()
	if failed != c.Before+c.Middle+c.After || ran != 2*tasks-c.Before || cancelled != c.Middle {
		t.Errorf("%d failed, %d ran, %d were cancelled: %+v", failed, ran, cancelled, c)
	}
}

// TestRealErrorsStay fails as often as tasks are tried.
func TestRealErrorsStay(t *testing.T) {
	s := session(t, fault.New(5), fault.Attempts)
	var calls atomic.Int64
	bad := errors.New("no such row")
	_, err := s.Range(10, typed.Partitions(1)).TryMap(func(n int64) (int64, error) {
		if n == 7 {
			calls.Add(1)
			return 0, bad
		}
		return n, nil
	}).Count(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such row") || calls.Load() > fault.Attempts {
		t.Errorf("%d calls: %v", calls.Load(), err)
	}
}

// TestAStageOfManyShufflesMakesProgress reads more shuffles than a stage may
// find gone one after the other.
func TestAStageOfManyShufflesMakesProgress(t *testing.T) {
	for seed := range uint64(3) {
		s := session(t, fault.New(seed), fault.Attempts)
		all := s.Empty[int64]()
		for range 8 {
			all = all.Union(s.Range(100, typed.Partitions(3)).MapToPair(word).ReduceByKey(add, typed.Partitions(1)).Values())
		}
		for range 2 {
			if n, err := all.Count(t.Context()); err != nil || n != 8*13 {
				t.Errorf("seed %d: %d rows: %v", seed, n, err)
			}
		}
	}
}

// TestWithoutAttemptsFaultsShow is how a session ends that does not try again.
func TestWithoutAttemptsFaultsShow(t *testing.T) {
	s := session(t, fault.New(1), 0)
	_, err := s.Range(100, typed.Partitions(20)).Count(t.Context())
	if err == nil || !strings.Contains(err.Error(), "fault injected by a test") {
		t.Error(err)
	}
}
