package typed_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

type gangFunc = func(*typed.BarrierTask, iter.Seq[int64]) iter.Seq[string]

// once makes a function that gives one row: what f makes of the task.
func once(f func(t *typed.BarrierTask) string) gangFunc {
	return func(t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for range rows {
			}
			yield(f(t))
		}
	}
}

func gathers(t *typed.BarrierTask) string {
	own := fmt.Sprint("p", t.Partition())
	all := fmt.Sprintf("%s", t.AllGather([]byte(own)))
	return own + all
}

// TestBarrierHoldsAllTasks: no task passes a barrier that another one has not
// reached, round after round, and each gets what the others brought in it.
func TestBarrierHoldsAllTasks(t *testing.T) {
	const tasks, rounds = 5, 50
	for _, closures := range []bool{false, true} {
		s := open(t, typed.Options{Cores: tasks, Closures: closures})
		var before [rounds]atomic.Int64
		got, err := s.Range(40, typed.Partitions(tasks)).MapPartitionsWithBarrier(once(func(t *typed.BarrierTask) string {
			for round := range rounds {
				before[round].Add(1)
				if round%2 == 0 {
					t.Barrier()
				} else {
					for i, b := range t.AllGather(fmt.Append(nil, round, t.Partition())) {
						if string(b) != fmt.Sprint(round, i) {
							return fmt.Sprintf("round %d: partition %d brought %q", round, i, b)
						}
						clear(b) // it is the caller's
					}
				}
				if n := before[round].Load(); n != tasks {
					return fmt.Sprintf("round %d was passed with %d tasks", round, n)
				}
			}
			return "passed"
		})).Collect(ctx)
		if want := slices.Repeat([]string{"passed"}, tasks); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestBarrierStages: where the operator stands in a plan.
func TestBarrierStages(t *testing.T) {
	s := open(t, typed.Options{Cores: 4})
	two := func(n int64) typed.RDD[int64] { return s.Range(n, typed.Partitions(2)) }
	long := func(x string) int64 { return int64(len(x)) }
	for name, c := range map[string]struct {
		rows typed.RDD[string]
		want string
	}{
		"behind a union":   {two(4).Union(two(2)).MapPartitionsWithBarrier(once(gathers)), "p0[p0 p1 p2 p3] p1[p0 p1 p2 p3] p2[p0 p1 p2 p3] p3[p0 p1 p2 p3]"},
		"behind a cache":   {two(4).Cache().MapPartitionsWithBarrier(once(gathers)), "p0[p0 p1] p1[p0 p1]"},
		"behind a shuffle": {two(9).Repartition(3).MapPartitionsWithBarrier(once(gathers)), "p0[p0 p1 p2] p1[p0 p1 p2] p2[p0 p1 p2]"},
		"before a shuffle": {two(9).MapPartitionsWithBarrier(once(gathers)).Repartition(1).SortBy(strings.Clone), "p0[p0 p1] p1[p0 p1]"},
		"without rows":     {two(0).MapPartitionsWithBarrier(once(gathers)), "p0[p0 p1] p1[p0 p1]"},
		"no partitions":    {s.Empty[int64]().MapPartitionsWithBarrier(once(gathers)), ""},
		"twice": {two(9).MapPartitionsWithBarrier(once(gathers)).Map(long).MapPartitionsWithBarrier(once(gathers)),
			"p0[p0 p1] p1[p0 p1]"},
		"cached behind a shuffle": {two(9).MapPartitionsWithBarrier(once(gathers)).Repartition(2).Cache().SortBy(strings.Clone, typed.Partitions(1)),
			"p0[p0 p1] p1[p0 p1]"},
	} {
		for range 2 {
			got, err := c.rows.Collect(ctx)
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
			}
		}
	}
	var loop []string
	for row, err := range two(4).MapPartitionsWithBarrier(once(gathers)).All(ctx) {
		loop = append(loop, fmt.Sprint(row, err))
	}
	if want := []string{"p0[p0 p1]<nil>", "p1[p0 p1]<nil>"}; !slices.Equal(loop, want) {
		t.Errorf("All: %q", loop)
	}
}

// TestBarrierRunsOnceBeforeASort: what waits for others is not run for the
// sample as well.
func TestBarrierRunsOnceBeforeASort(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var ran atomic.Int64
	rows := s.Range(100, typed.Partitions(2)).Cache().MapPartitionsWithBarrier(func(t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[int64] {
		ran.Add(1)
		t.Barrier()
		return rows
	})
	got, err := rows.SortFunc(func(a, b int64) int { return int(b - a) }).Collect(ctx)
	if err != nil || len(got) != 100 || got[0] != 99 || ran.Load() != 2 {
		t.Errorf("%d rows, %v; %d tasks", len(got), err, ran.Load())
	}
}

// TestBarrierRefusals: what only some tasks of a stage would run is refused
// before anything runs.
func TestBarrierRefusals(t *testing.T) {
	s := open(t, typed.Options{Cores: 4})
	gang := s.Range(4, typed.Partitions(2)).MapPartitionsWithBarrier(func(*typed.BarrierTask, iter.Seq[int64]) iter.Seq[int64] {
		t.Error("the function ran")
		return nil
	})
	last := func(_ any, err error) error { return err }
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"Union":     {last(gang.Union(s.Range(3)).Collect(ctx)), "Union (barrier_test.go:"},
		"Coalesce":  {last(gang.Coalesce(1).Collect(ctx)), "computes several partitions in one task"},
		"Cartesian": {last(gang.Cartesian(s.Range(3), func(a, b int64) int64 { return a * b }).Collect(ctx)), "computes a partition in several tasks"},
		"of itself": {last(gang.Filter(even).Union(gang.Filter(even)).Count(ctx)), "has other partitions beside its own"},
		"Cache":     {last(gang.Cache().Count(ctx)), "Cache (barrier_test.go:"},
		"Persist":   {last(gang.Filter(even).Persist(typed.MemoryOnlySer).KeyBy(func(x int64) int64 { return x }).CountByKey(ctx)), "keeps partitions"},
		"Take":      {last(gang.Take(ctx, 1)), "Take (barrier_test.go:"},
		"First":     {last(gang.First(ctx)), "First (barrier_test.go:"},
		"IsEmpty":   {last(gang.IsEmpty(ctx)), "run all at once: collect all rows"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) || !strings.Contains(c.err.Error(), "Repartition") {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

func even(x int64) bool { return x%2 == 0 }

// TestBarrierFailures: what is wrong with calls is an error that says what, and
// where; nobody waits for ever.
func TestBarrierFailures(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(t *typed.BarrierTask) string
		says []string
	}{
		"a message too long": {func(t *typed.BarrierTask) string {
			return string(t.AllGather(make([]byte, 64<<10+1))[0])
		}, []string{"AllGather: a message of 65537 bytes; the most is 65536"}},
		"other calls": {func(t *typed.BarrierTask) string {
			if t.Partition() == 1 {
				t.Barrier()
			}
			return string(t.AllGather(nil)[0])
		}, []string{"is at another call", "same order", "MapPartitionsWithBarrier (barrier_test.go:"}},
		"fewer calls": {func(t *typed.BarrierTask) string {
			if t.Partition() == 0 {
				t.Barrier()
			}
			return ""
		}, []string{"partition 0", "waits at a barrier that another task never reached"}},
		"a failure while others wait": {func(t *typed.BarrierTask) string {
			if t.Partition() == 2 {
				panic("no more")
			}
			t.Barrier()
			return ""
		}, []string{"partition 2", "no more"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, typed.Options{Cores: 3})
			_, err := s.Range(6, typed.Partitions(3)).MapPartitionsWithBarrier(once(c.f)).Collect(ctx)
			for _, says := range c.says {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v\nwant %q", err, says)
				}
			}
		})
	}
}

func TestBarrierMessages(t *testing.T) {
	s := open(t, typed.Options{Cores: 3})
	got, err := s.Range(3, typed.Partitions(3)).MapPartitionsWithBarrier(once(func(t *typed.BarrierTask) string {
		sizes := []int{0, 1, 64 << 10}
		all := t.AllGather(slices.Repeat([]byte{'x'}, sizes[t.Partition()]))
		return fmt.Sprint(len(all), len(all[0]), len(all[1]), len(all[2]), all[0] == nil)
	})).Collect(ctx)
	if want := slices.Repeat([]string{"3 0 1 65536 false"}, 3); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBarrierNeedsASlotForEachTask(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	_, err := s.Range(6, typed.Partitions(3)).MapPartitionsWithBarrier(once(gathers)).Collect(ctx)
	if err == nil || !strings.Contains(err.Error(), "its 3 tasks run all at once, and there are 2 slots for them: use fewer partitions or more workers") {
		t.Error(err)
	}
}

// TestBarrierAfterItsFunction: a handle that outlives its function is of no use.
func TestBarrierAfterItsFunction(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var kept *typed.BarrierTask
	if _, err := s.Range(6, typed.Partitions(1)).MapPartitionsWithBarrier(once(func(t *typed.BarrierTask) string {
		kept = t
		return gathers(t)
	})).Collect(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v := fmt.Sprint(recover()); !strings.Contains(v, "AllGather is called when its function has ended") {
			t.Error(v)
		}
	}()
	kept.AllGather(nil)
}

// TestCancelFreesWhoWaits: tasks at a barrier end with their action.
func TestCancelFreesWhoWaits(t *testing.T) {
	s := open(t, typed.Options{Cores: 3})
	ctx, cancel := context.WithCancelCause(ctx)
	enough := errors.New("enough")
	var there atomic.Int64
	_, err := s.Range(6, typed.Partitions(3)).MapPartitionsWithBarrier(once(func(t *typed.BarrierTask) string {
		if t.Partition() == 0 { // the others wait for it
			for there.Load() < 2 {
			}
			cancel(enough)
			<-t.Done()
			return ""
		}
		there.Add(1)
		return gathers(t)
	})).Collect(ctx)
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	got, err := s.Range(6, typed.Partitions(3)).MapPartitionsWithBarrier(once(gathers)).Count(t.Context())
	if err != nil || got != 3 {
		t.Errorf("the slots are not free: %d, %v", got, err)
	}
}

// TestABarrierErrorIsTheTasks: it is a StageError like any other.
func TestABarrierErrorIsTheTasks(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	_, err := s.Range(6, typed.Partitions(2)).MapPartitionsWithBarrier(once(func(t *typed.BarrierTask) string {
		if t.Partition() == 1 {
			t.AllGather(make([]byte, 1<<20))
		}
		return gathers(t)
	})).Collect(ctx)
	var stage *plan.StageError
	if !errors.As(err, &stage) || stage.Partition != 1 || stage.Class != plan.FailUser {
		t.Errorf("%#v, %v", stage, err)
	}
}
