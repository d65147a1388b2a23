package typed_test

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// marked gives the numbers below n, each of them counted when it is computed, and
// how many were computed in truth.
func marked(s *typed.Session, seen typed.Counter, n int64, parts int) (typed.RDD[int64], *atomic.Int64) {
	ran := new(atomic.Int64)
	return s.Range(n, typed.Partitions(parts)).With(seen).Map(func(c typed.Counter, x int64) int64 {
		ran.Add(1)
		c.Add(1)
		return x
	}), ran
}

var allLevels = []typed.StorageLevel{typed.MemoryOnly, typed.MemoryOnlySer, typed.MemoryAndDisk, typed.MemoryAndDiskSer, typed.DiskOnly, typed.MemoryAndDisk2}

// TestAccumulatorsUnderKeptRows counts what is computed once for rows that are
// kept, whichever task it is that makes or reads them.
func TestAccumulatorsUnderKeptRows(t *testing.T) {
	less := func(x int64) int64 { return -x }
	for what, run := range map[string]func(kept typed.RDD[int64]) error{
		"a sort, whose sample makes them": func(kept typed.RDD[int64]) error {
			_, err := kept.SortBy(less).Collect(ctx)
			return err
		},
		"a count, and then a sort": func(kept typed.RDD[int64]) error {
			if _, err := kept.Count(ctx); err != nil {
				return err
			}
			_, err := kept.SortBy(less).Collect(ctx)
			return err
		},
		"two branches of an action": func(kept typed.RDD[int64]) error {
			_, err := kept.Union(kept.Filter(func(x int64) bool { return x > 5 })).Count(ctx)
			return err
		},
		"one task for all partitions": func(kept typed.RDD[int64]) error {
			_, err := kept.Coalesce(1).Count(ctx)
			return err
		},
		"kept rows of kept rows": func(kept typed.RDD[int64]) error {
			again := kept.Coalesce(2).Cache()
			if _, err := again.SortBy(less).Collect(ctx); err != nil {
				return err
			}
			_, err := again.Cartesian(kept, func(x, y int64) int64 { return x + y }).Count(ctx)
			return err
		},
		"a zip that reads them twice": func(kept typed.RDD[int64]) error {
			_, err := kept.Zip(kept, func(x, y int64) int64 { return x + y }).Count(ctx)
			return err
		},
	} {
		for _, level := range allLevels {
			t.Run(what+", in "+level.String(), func(t *testing.T) {
				s := open(t, typed.Options{Cores: 2})
				seen := typed.NewCounter(s, "seen")
				r, _ := marked(s, seen, 1000, 4)
				kept := r.Persist(level)
				for range 2 {
					if err := run(kept); err != nil || seen.Value() != 1000 {
						t.Fatalf("%d seen, want 1000, %v", seen.Value(), err)
					}
				}
				kept.Unpersist()
				if _, err := kept.Count(ctx); err != nil || seen.Value() != 2000 {
					t.Errorf("%d seen, want 1000 more when nothing is kept, %v", seen.Value(), err)
				}
			})
		}
	}
}

// TestAccumulatorsOfAFailedAttempt has the first attempt fail when its rows are
// kept already: the second one finds them.
func TestAccumulatorsOfAFailedAttempt(t *testing.T) {
	for _, level := range allLevels {
		t.Run(level.String(), func(t *testing.T) {
			s := openIn(embedded.WithTrial(ctx, embedded.Trial{Attempts: 2}), t, typed.Options{Cores: 1})
			inner, outer := typed.NewCounter(s, "inner"), typed.NewCounter(s, "outer")
			r, ran := marked(s, inner, 1000, 2)
			failed := new(atomic.Bool)
			kept := r.Persist(level).With(outer).Filter(func(c typed.Counter, x int64) bool {
				c.Add(1)
				return x%2 == 0
			}).Persist(level)
			_, err := kept.MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
				all := slices.Collect(rows)
				if !failed.Swap(true) {
					panic("once")
				}
				return slices.Values(all)
			}).Count(ctx)
			if err != nil || inner.Value() != 1000 || outer.Value() != 1000 || ran.Load() != 1000 {
				t.Errorf("%d and %d seen, %d computed, want 1000 of each, %v", inner.Value(), outer.Value(), ran.Load(), err)
			}
		})
	}
}

// TestAccumulatorsOfATake count what was computed of rows that nobody kept, and the
// rows that are kept then.
func TestAccumulatorsOfATake(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	seen := typed.NewCounter(s, "seen")
	r, ran := marked(s, seen, 40_000, 4)
	kept := r.Cache().Filter(func(x int64) bool { return x >= 0 }).Cache()
	if _, err := kept.Take(ctx, 3); err != nil || seen.Value() != ran.Load() || ran.Load() >= 10_000 {
		t.Fatalf("%d seen, %d computed, %v", seen.Value(), ran.Load(), err)
	}
	part := ran.Load()
	if _, err := kept.Count(ctx); err != nil || seen.Value() != part+40_000 {
		t.Errorf("%d seen, want 40000 more than %d, %v", seen.Value(), part, err)
	}
}

// TestAccumulatorsOfEvictedRows has kept rows make room for others, and be computed
// again.
func TestAccumulatorsOfEvictedRows(t *testing.T) {
	s := open(t, typed.Options{Cores: 2, Memory: 16 << 20})
	seen := typed.NewCounter(s, "seen")
	r, ran := marked(s, seen, 500_000, 4)
	kept := r.Cache()
	for range 3 {
		if _, err := kept.Count(ctx); err != nil || seen.Value() != 500_000 {
			t.Fatalf("%d seen, %v", seen.Value(), err)
		}
		if _, err := s.Range(1_500_000, typed.Partitions(8)).Cache().Count(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if ran.Load() == 500_000 {
		t.Error("nothing made room")
	}
}

// contexts tells of the context of each attempt.
type contexts struct {
	embedded.Executor
	last atomic.Pointer[context.Context]
}

func (c *contexts) Run(ctx context.Context, p *plan.Plan, st *plan.Stage, spec *plan.Task) (*plan.Result, *plan.Failure) {
	c.last.Store(&ctx)
	return c.Executor.Run(ctx, p, st, spec)
}

// TestCancelledTaskKeepsNoPart cancels an action in the middle of a partition whose
// rows are to be kept.
func TestCancelledTaskKeepsNoPart(t *testing.T) {
	tasks := &contexts{}
	s := openIn(embedded.WithTrial(ctx, embedded.Trial{Wrap: func(ex embedded.Executor) embedded.Executor {
		tasks.Executor = ex
		return tasks
	}}), t, typed.Options{Cores: 1})
	cancelled, cancel := context.WithCancel(ctx)
	var once atomic.Bool
	kept := s.Range(100_000, typed.Partitions(1)).Filter(func(x int64) bool {
		if x == 50_000 && !once.Swap(true) {
			cancel()
			<-(*tasks.last.Load()).Done()
		}
		return x < 10_000 || x >= 90_000 // of the batch in hand there are no rows to hand on
	}).Cache()
	if _, err := kept.Count(cancelled); err == nil {
		t.Fatal("it was not cancelled")
	}
	if n, err := kept.Count(ctx); n != 20_000 || err != nil {
		t.Errorf("%d rows, %v: a part of them was kept as the whole", n, err)
	}
}
