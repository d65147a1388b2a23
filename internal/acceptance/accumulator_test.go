package acceptance_test

import (
	"io"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/typed"
)

// words is a set that an accumulator collects.
type words map[string]bool

func (w words) Merge(o words) words {
	if w == nil {
		return o
	}
	maps.Copy(w, o)
	return w
}

// seen gives the numbers below n, and counts those that are computed by a counter and
// in truth.
func seen(s *typed.Session, c typed.Counter, n int64, parts int) (typed.RDD[int64], *atomic.Int64) {
	ran := new(atomic.Int64)
	return s.Range(n, typed.Partitions(parts)).With(c).Map(func(c typed.Counter, x int64) int64 {
		ran.Add(1)
		c.Add(1)
		return x
	}), ran
}

func TestAccumulators(t *testing.T) {
	check(t, []promise{
		{does: "tasks add, and the driver reads the sum", run: func(s *typed.Session) (any, error) {
			sum := typed.NewCounter(s, "sum")
			err := s.Range(21, typed.Partitions(10)).With(sum).ForEach(ctx, func(sum typed.Counter, x int64) { sum.Add(x) })
			return sum.Value(), err
		}, want: int64(210)},
		{does: "nothing was added yet", run: func(s *typed.Session) (any, error) {
			return typed.NewTotal[float64](s, "none").Value(), nil
		}, want: 0.0},
		{does: "the driver adds as well", run: func(s *typed.Session) (any, error) {
			sum := typed.NewTotal[float64](s, "sum")
			sum.Add(0.5)
			err := s.Range(4, typed.Partitions(2)).With(sum).ForEach(ctx, func(sum typed.Total[float64], x int64) { sum.Add(float64(x)) })
			sum.Add(0.25)
			return sum.Value(), err
		}, want: 6.75},
		{does: "several count for themselves, whatever their names are", run: func(s *typed.Session) (any, error) {
			type both struct{ Even, Odd typed.Counter }
			b := both{typed.NewCounter(s, "rows"), typed.NewCounter(s, "rows")}
			err := s.Range(9, typed.Partitions(4)).With(b).ForEach(ctx, func(b both, x int64) {
				if x%2 == 0 {
					b.Even.Add(1)
				} else {
					b.Odd.Add(1)
				}
			})
			return []int64{b.Even.Value(), b.Odd.Value()}, err
		}, want: []int64{5, 4}},
		{does: "a set of what was seen", run: func(s *typed.Session) (any, error) {
			set := typed.NewAccumulator[words](s, "words")
			err := s.Parallelize([]string{"a", "b", "a", "c", "b"}, 3).With(set).ForEach(ctx, func(set typed.Accumulator[words], w string) {
				set.Add(words{w: true})
			})
			return slices.Sorted(maps.Keys(set.Value())), err
		}, want: []string{"a", "b", "c"}},
		{does: "the least and the greatest", run: func(s *typed.Session) (any, error) {
			ends := typed.NewExtremes[int64](s, "ends")
			if _, any := ends.Min(); any {
				return "a least of nothing", nil
			}
			err := s.Parallelize([]int64{7, -3, 12, 5}, 3).With(ends).ForEach(ctx, func(ends typed.Extremes[int64], x int64) { ends.Add(x) })
			least, _ := ends.Min()
			greatest, _ := ends.Max()
			return []int64{least, greatest}, err
		}, want: []int64{-3, 12}},
		{does: "a task cannot read the sum", run: func(s *typed.Session) (any, error) {
			sum := typed.NewCounter(s, "sum")
			return rows(s.Range(3).With(sum).Map(func(sum typed.Counter, x int64) int64 { return sum.Value() + x }))
		}, fails: `^Map \(accumulator_test.go:\d+\): panic: Value of .*"sum"`},
		{does: "no action, no sum", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, _ := seen(s, c, 100, 3)
			r.Filter(func(x int64) bool { return x > 3 })
			return c.Value(), r.Err()
		}, want: int64(0)},
		{does: "each action computes and counts again", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, _ := seen(s, c, 100, 3)
			for range 3 {
				if _, err := r.Count(ctx); err != nil {
					return nil, err
				}
			}
			return c.Value(), nil
		}, want: int64(300)},
		{does: "what is kept counts once", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, _ := seen(s, c, 100, 3)
			kept := r.Cache()
			for range 3 {
				if _, err := kept.Count(ctx); err != nil {
					return nil, err
				}
			}
			return c.Value(), nil
		}, want: int64(100)},
		{does: "what is kept counts once, also where an action reads it while another makes it", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, _ := seen(s, c, 100, 3)
			kept, second := r.Cache(), false
			for _, err := range kept.All(ctx) {
				if err != nil {
					return nil, err
				}
				if !second {
					second = true
					if n, err := kept.Count(ctx); n != 100 || err != nil {
						return n, err
					}
				}
			}
			return c.Value(), nil
		}, want: int64(100)},
		{does: "map tasks of a shuffle count once for all actions", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, _ := seen(s, c, 100, 3)
			sums := r.KeyBy(func(x int64) int64 { return x % 7 }).ReduceByKey(add)
			for range 3 {
				if _, err := sums.Count(ctx); err != nil {
					return nil, err
				}
			}
			return c.Value(), nil
		}, want: int64(100)},
		{does: "a take counts no more than it computes", run: func(s *typed.Session) (any, error) {
			c := typed.NewCounter(s, "rows")
			r, ran := seen(s, c, 100_000, 4)
			_, err := r.Take(ctx, 2)
			return c.Value() == ran.Load() && ran.Load() < 50_000, err
		}, want: true},
		{does: "one of another session", run: func(s *typed.Session) (any, error) {
			other, err := typed.NewSession(ctx, typed.Options{Cores: 1, Notices: io.Discard})
			if err != nil {
				return nil, err
			}
			defer func() { _ = other.Close() }()
			r, _ := seen(s, typed.NewCounter(other, "strange"), 10, 1)
			return r.Count(ctx)
		}, fails: `strange.*session`},
	})
}

// TestAccumulatorsCountAttemptsThatSucceed fails the first attempt of each partition in
// its middle: what it added must not count.
func TestAccumulatorsCountAttemptsThatSucceed(t *testing.T) {
	for name, run := range map[string]func(typed.RDD[int64]) (int64, error){
		"result tasks": func(r typed.RDD[int64]) (int64, error) { return r.Count(ctx) },
		"map tasks": func(r typed.RDD[int64]) (int64, error) {
			return r.KeyBy(func(x int64) int64 { return x }).ReduceByKey(add).Count(ctx)
		},
		"tasks that keep": func(r typed.RDD[int64]) (int64, error) { return r.Cache().Count(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(embedded.WithTrial(ctx, embedded.Trial{Attempts: 2}), t, typed.Options{})
			c := typed.NewCounter(s, "rows")
			r, ran := seen(s, c, 120, 4)
			n, err := run(failOnce(r, 15))
			if err != nil || n != 120 || c.Value() != 120 {
				t.Errorf("%d rows, %d counted, want 120; %v", n, c.Value(), err)
			}
			if ran.Load() <= 120 {
				t.Errorf("%d rows were computed: no attempt failed", ran.Load())
			}
		})
	}
}

// TestAccumulatorsOfWhatFails counts the tasks that succeeded before the action failed.
func TestAccumulatorsOfWhatFails(t *testing.T) {
	s := open(ctx, t, typed.Options{Cores: 1})
	c := typed.NewCounter(s, "rows")
	r, _ := seen(s, c, 40, 4)
	_, err := r.Map(func(x int64) int64 {
		if x == 25 {
			panic("no")
		}
		return x
	}).Count(ctx)
	if err == nil || c.Value() != 20 {
		t.Errorf("%d counted, want the 20 rows of two partitions; %v", c.Value(), err)
	}
}

// failOnce fails each partition the first time that it is at its row after so many.
func failOnce(r typed.RDD[int64], rows int) typed.RDD[int64] {
	failed := make([]atomic.Bool, 64)
	return r.MapPartitions(func(t *typed.Task, all iter.Seq[int64]) iter.Seq[int64] {
		return func(yield func(int64) bool) {
			n := 0
			for x := range all {
				if n++; n > rows && !failed[t.Partition()].Swap(true) {
					panic("once")
				}
				if !yield(x) {
					return
				}
			}
		}
	})
}
