package typed

import (
	"context"
	"runtime"
	"testing"

	"github.com/gordd-project/gordd/rdd"
)

// TestReleaseReachesTheRunner: what tasks keep of a shuffle goes with it, also
// when nothing was kept.
func TestReleaseReachesTheRunner(t *testing.T) {
	ctx := context.Background()
	s, err := NewSession(ctx, Options{Cores: 1, Scratch: t.TempDir(), Closures: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	sums := s.Range(10).KeyBy(func(v int64) int64 { return v % 3 }).ReduceByKey(func(a, b int64) int64 { return a + b })
	for range 2 { // the second time the shuffle is made anew
		if n, err := sums.Count(ctx); n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		p, err := s.graph.Plan(sums.n, newUse(s, sums.n, rowType{}).action(rdd.CountOp[Pair[int64, int64]]()))
		if err != nil {
			t.Fatal(err)
		}
		s.engine.Release(p.Stages[0].Key)
	}
}

// TestLookupGivesItsKeyBackOnce: a With value that is encoded like the key is another's.
func TestLookupGivesItsKeyBackOnce(t *testing.T) {
	ctx := context.Background()
	s, err := NewSession(ctx, Options{Cores: 1, Scratch: t.TempDir(), Closures: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	sevens := s.Range(10).With(int64(7)).Map(func(seven, v int64) int64 { return seven })
	pairs := s.Range(10).KeyBy(func(v int64) int64 { return v })
	for range 20 {
		if found, err := pairs.Lookup(ctx, 7); err != nil || len(found) != 1 {
			t.Fatalf("found %v, %v", found, err)
		}
		runtime.GC() // what Lookup made gives its key back
		if n, err := sevens.Count(ctx); n != 10 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	}
}
