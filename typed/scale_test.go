package typed_test

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// The bounds below are far from what is measured; what takes quadratic time or
// overflows the stack does not come near to the end of the test's own time.

func TestLongLineages(t *testing.T) {
	s := open(t, typed.Options{})
	t.Run("10,000 narrow operators", func(t *testing.T) {
		r := s.Range(10)
		for range 10_000 {
			r = r.Map(func(i int64) int64 { return i + 1 })
		}
		if got, err := r.Reduce(ctx, add); err != nil || got != 45+10*10_000 {
			t.Errorf("got %d, %v", got, err)
		}
	})
	t.Run("200 shuffles", func(t *testing.T) {
		p := s.Range(100, typed.Partitions(2)).KeyBy(func(i int64) int64 { return i })
		for range 200 {
			p = p.MapToPair(func(k, v int64) (int64, int64) { return k / 2, v }).ReduceByKey(add, typed.Partitions(2))
		}
		if got, err := p.CollectAsMap(ctx); err != nil || len(got) != 1 || got[0] != 4950 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("500 unions", func(t *testing.T) {
		r := s.Range(2, typed.Partitions(1))
		for range 500 {
			r = r.Union(s.Range(2, typed.Partitions(1)))
		}
		if got, err := r.Count(ctx); err != nil || got != 1002 {
			t.Errorf("got %d, %v", got, err)
		}
	})
	t.Run("a loop of joins with itself", func(t *testing.T) {
		p := s.Range(4).KeyBy(func(i int64) int64 { return i }).PartitionBy(typed.Partitions(2))
		for range 8 {
			p = p.Join(p, func(a, b int64) int64 { return a + b })
		}
		if got, err := p.Values().Reduce(ctx, add); err != nil || got != 6*256 {
			t.Errorf("got %d, %v", got, err)
		}
	})
}

// TestLongPlansAreSaid once, where they are not cut.
func TestLongPlansAreSaid(t *testing.T) {
	var notices bytes.Buffer
	s := open(t, typed.Options{Notices: &notices, Closures: true, KeepLineage: true})
	p := s.Range(4, typed.Partitions(1)).KeyBy(func(i int64) int64 { return i })
	for round := range 600 {
		p = p.MapToPair(func(k, v int64) (int64, int64) { return k / 2, v }).ReduceByKey(add, typed.Partitions(1))
		if round%100 != 99 {
			continue
		}
		if _, err := p.Count(ctx); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(notices.String(), "LocalCheckpoint in each tenth round"); said != (round >= 499) {
			t.Errorf("after %d rounds: %q", round+1, notices.String())
		}
	}
	if n := strings.Count(notices.String(), "stages"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// many is the number of partitions of the tests below: the most there may be
// where GORDD_SCALE is set, and else what takes a few seconds.
func many() int {
	if os.Getenv("GORDD_SCALE") != "" {
		return plan.MaxPartitions
	}
	return plan.MaxPartitions / 50
}

func TestManyPartitions(t *testing.T) {
	s := open(t, typed.Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rows := make([]int, 100)
	n, err := s.Parallelize(rows, many()).Count(ctx)
	if err != nil || n != 100 {
		t.Errorf("count %d, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	grown := int64(after.Sys) - int64(before.Sys)
	t.Logf("%d partitions took %d MiB", many(), grown>>20)
	if grown > 2<<30 {
		t.Error("which is too much")
	}
	if _, err := s.Parallelize(rows, plan.MaxPartitions+1).Count(ctx); err == nil {
		t.Error("one more than the most is allowed")
	}
	if got, err := s.Range(1<<40, typed.Partitions(plan.MaxPartitions)).Take(ctx, 3); err != nil || !slices.Equal(got, []int64{0, 1, 2}) {
		t.Errorf("take %v, %v", got, err)
	}
}

// TestRepartitionToMany reads few rows from many partitions.
func TestRepartitionToMany(t *testing.T) {
	s := open(t, typed.Options{})
	got, err := s.Range(5, typed.Partitions(2)).Repartition(many()).Count(ctx)
	if err != nil || got != 5 {
		t.Errorf("count %d, %v", got, err)
	}
}
