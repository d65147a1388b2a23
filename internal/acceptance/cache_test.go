package acceptance_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/typed"
)

var levels = []typed.StorageLevel{typed.MemoryOnly, typed.MemoryOnlySer, typed.MemoryAndDisk, typed.MemoryAndDiskSer, typed.DiskOnly, typed.MemoryOnly2, typed.DiskOnly2}

// counting gives the numbers below n, and how many of them were computed since it was
// last asked.
func counting(s *typed.Session, n int64, parts int) (typed.RDD[int64], func() int64) {
	ran := new(atomic.Int64)
	return s.Range(n, typed.Partitions(parts)).Map(func(x int64) int64 {
		ran.Add(1)
		return x
	}), func() int64 { return ran.Swap(0) }
}

// TestKeptRowsAreComputedOnce asks each level for rows that were counted before, in ways
// that read them more than once.
func TestKeptRowsAreComputedOnce(t *testing.T) {
	all := numbers(0, 600)
	for _, level := range levels {
		s := open(ctx, t, typed.Options{})
		for name, c := range map[string]struct {
			use  func(kept typed.RDD[int64]) (any, error)
			want any
		}{
			"collect": {func(kept typed.RDD[int64]) (any, error) { return kept.Collect(ctx) }, all},
			"two branches": {func(kept typed.RDD[int64]) (any, error) {
				return kept.Filter(func(x int64) bool { return x < 3 }).Union(kept.Filter(func(x int64) bool { return x > 597 })).Collect(ctx)
			}, []int64{0, 1, 2, 598, 599}},
			"a join with itself": {func(kept typed.RDD[int64]) (any, error) {
				p := kept.KeyBy(func(x int64) int64 { return x })
				return p.Join(p, add).Count(ctx)
			}, int64(600)},
			"a product with itself": {func(kept typed.RDD[int64]) (any, error) { return kept.Cartesian(kept, add).Count(ctx) }, int64(600 * 600)},
			"a sort": {func(kept typed.RDD[int64]) (any, error) {
				return kept.SortBy(func(x int64) int64 { return x }).Collect(ctx)
			}, all},
			"another number of partitions": {func(kept typed.RDD[int64]) (any, error) { return kept.Coalesce(2).Collect(ctx) }, all},
		} {
			r, ran := counting(s, 600, 5)
			kept := r.Persist(level)
			if n := ran(); n != 0 {
				t.Errorf("%s, %s: %d rows were computed before an action", level, name, n)
			}
			if n, err := kept.Count(ctx); err != nil || n != 600 || ran() != 600 {
				t.Errorf("%s, %s: %d rows, %v", level, name, n, err)
			}
			for range 2 {
				got, err := c.use(kept)
				if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
					t.Errorf("%s, %s: got %v, %v", level, name, got, err)
				}
				if n := ran(); n != 0 {
					t.Errorf("%s, %s: %d rows were computed again", level, name, n)
				}
			}
			kept.Unpersist()
			kept.Unpersist() // twice is as once
			got, err := kept.Collect(ctx)
			if n := ran(); err != nil || !slices.Equal(got, all) || n != 600 {
				t.Errorf("%s, %s: %d rows were computed after Unpersist, %v", level, name, n, err)
			}
		}
	}
}

func TestKept(t *testing.T) {
	check(t, []promise{
		{does: "no rows", run: func(s *typed.Session) (any, error) {
			r, ran := counting(s, 0, 3)
			kept := r.Cache()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			n, err := kept.Count(ctx)
			return n + ran(), err
		}, want: int64(0)},
		{does: "a level that there is not", run: func(s *typed.Session) (any, error) {
			return s.Range(3).Persist(typed.StorageLevel(99)).Count(ctx)
		}, fails: `^Persist \(cache_test.go:\d+\): .*99`},
		{does: "kept twice, in two levels", run: func(s *typed.Session) (any, error) {
			r, ran := counting(s, 50, 2)
			kept := r.Cache().Persist(typed.DiskOnly)
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			got, err := rows(kept)
			return fmt.Sprint(ran(), len(got.([]int64))), err
		}, want: "50 50"},
		{does: "only the one RDD that Cache gave is kept", run: func(s *typed.Session) (any, error) {
			r, ran := counting(s, 50, 2)
			kept := r.Cache()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			_, err := r.Count(ctx)
			return ran(), err
		}, want: int64(100)},
		{does: "rows of any type, and absent ones", run: func(s *typed.Session) (any, error) {
			kept := s.Parallelize([]map[string][]int64{{"a": {1}}, nil, {"b": nil}}, 2).Persist(typed.DiskOnly)
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			return rows(kept.Map(func(m map[string][]int64) string { return fmt.Sprint(m, m == nil) }))
		}, want: []string{"map[a:[1]] false", "map[] true", "map[b:[]] false"}},
		{does: "what is read in part is not kept, what is read whole is", run: func(s *typed.Session) (any, error) {
			r, ran := counting(s, 40_000, 4)
			kept := r.Cache()
			if _, err := kept.Take(ctx, 3); err != nil {
				return nil, err
			}
			part := ran()
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			rest := ran()
			_, err := kept.Take(ctx, 3)
			return fmt.Sprint(part < 10_000, rest, ran()), err
		}, want: "true 40000 0"},
	})
}

// TestKeptPairsStayWhereTheyAre joins kept pairs without moving them.
func TestKeptPairsStayWhereTheyAre(t *testing.T) {
	w := &watch{}
	s := open(ctx, t, typed.Options{Observe: w.see})
	for _, level := range levels {
		p := s.Range(100, typed.Partitions(3)).KeyBy(func(x int64) int64 { return x % 10 }).ReduceByKey(add, typed.Partitions(4)).Persist(level)
		if _, err := p.Count(ctx); err != nil {
			t.Fatal(err)
		}
		got, err := p.Join(p, func(a, b int64) int64 { return a - b }).CollectAsMap(ctx)
		if err != nil || len(got) != 10 || w.stages() > 2 {
			t.Errorf("%s: %v in %d stages, %v", level, got, w.stages(), err)
		}
		for k, v := range got {
			if v != 0 {
				t.Errorf("%s: key %d has %d", level, k, v)
			}
		}
	}
}

// TestMoreRowsThanMemory keeps more than there is room for: without disk some are
// computed again, with disk none are, and all are right.
func TestMoreRowsThanMemory(t *testing.T) {
	const n = 1_000_000
	for _, level := range levels {
		s := open(ctx, t, typed.Options{Memory: 16 << 20})
		r, ran := counting(s, n, 12)
		wide := r.Map(func(x int64) [2]int64 { return [2]int64{x, -x} }).Persist(level)
		onDisk := level.Disk()
		for round := range 3 {
			sum, err := wide.Map(func(x [2]int64) int64 { return 2*x[0] + x[1] }).Reduce(ctx, add)
			if err != nil || sum != int64(n)*(n-1)/2 {
				t.Fatalf("%s: sum %d, %v", level, sum, err)
			}
			again := ran()
			switch {
			case round == 0 && again != n, round > 0 && onDisk && again != 0,
				round > 0 && level.Single() == typed.MemoryOnly && (again == 0 || again == n):
				t.Errorf("%s: round %d computed %d of %d rows", level, round, again, n)
			}
		}
	}
}

// TestOnlyTheAttemptThatSucceedsKeeps has the first attempt of each partition fail in
// its middle.
func TestOnlyTheAttemptThatSucceedsKeeps(t *testing.T) {
	for _, level := range levels {
		s := open(embedded.WithTrial(ctx, embedded.Trial{Attempts: 2}), t, typed.Options{})
		kept := failOnce(s.Range(400, typed.Partitions(4)), 30).Persist(level)
		for range 2 {
			if got, err := kept.Collect(ctx); err != nil || !slices.Equal(got, numbers(0, 400)) {
				t.Errorf("%s: %d rows, %v", level, len(got), err)
			}
		}
	}
}

// TestPartitionsBeforeAFailureAreKept asks again for rows of which one partition could
// not be computed.
func TestPartitionsBeforeAFailureAreKept(t *testing.T) {
	s := open(ctx, t, typed.Options{Cores: 1})
	r, ran := counting(s, 400, 4)
	kept := r.Cache()
	bad := new(atomic.Bool)
	bad.Store(true)
	late := kept.Filter(func(x int64) bool {
		if x == 250 && bad.Load() {
			panic("not yet")
		}
		return true
	})
	if _, err := late.Count(ctx); err == nil {
		t.Fatal("it did not fail")
	}
	first := ran()
	bad.Store(false)
	n, err := late.Count(ctx)
	if again := ran(); err != nil || n != 400 || first <= 200 || first > 300 || again != 200 {
		t.Errorf("%d rows, computed %d and %d, %v", n, first, again, err)
	}
}
