package typed_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// counted gives the numbers below n in parts, and how many were computed. It is a
// helper of tests: what its function counts would not travel.
func counted(t *testing.T, s *typed.Session, n int64, parts int) (typed.RDD[string], func() int64) {
	t.Helper()
	var rows atomic.Int64
	var before int64
	r := s.Range(n, typed.Partitions(parts)).Map(func(x int64) string {
		rows.Add(1)
		return strings.Repeat("x", 100) + fmt.Sprint(x)
	})
	return r, func() int64 {
		since := rows.Load() - before
		before = rows.Load()
		return since
	}
}

func count[T any](t *testing.T, r typed.RDD[T]) int64 {
	t.Helper()
	n, err := r.Count(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCacheComputesOnce(t *testing.T) {
	for _, level := range []typed.StorageLevel{typed.MemoryOnly, typed.MemoryOnlySer, typed.MemoryAndDisk, typed.MemoryAndDiskSer, typed.DiskOnly, typed.MemoryOnly2, typed.DiskOnly2} {
		t.Run(level.String(), func(t *testing.T) {
			s := session()
			r, ran := counted(t, s, 5000, 4)
			kept := r.Persist(level)
			if n := ran(); n != 0 {
				t.Errorf("%d rows were computed before an action", n)
			}
			for round, want := range []int64{5000, 0, 0} {
				if n := count(t, kept.Filter(func(x string) bool { return x != "" })); n != 5000 {
					t.Errorf("%d rows", n)
				}
				if n := ran(); n != want {
					t.Errorf("round %d computed %d rows, want %d", round, n, want)
				}
			}
			kept.Unpersist()
			if count(t, kept); ran() != 5000 {
				t.Error("it is kept after Unpersist")
			}
		})
	}
}

// TestUnpersistBelowASample: what has been sorted, or joined by way of a sample, is there
// when the rows that were sampled are not kept any more.
func TestUnpersistBelowASample(t *testing.T) {
	for name, made := range map[string]func(*typed.Session, typed.RDD[int64]) typed.RDD[int64]{
		"sort": func(_ *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			return r.SortBy(func(i int64) int64 { return -i })
		},
		"join": func(s *typed.Session, r typed.RDD[int64]) typed.RDD[int64] {
			few := s.Range(1).KeyBy(func(int64) int64 { return 1 })
			return r.KeyBy(func(int64) int64 { return 1 }).Join(few, sum2, typed.BroadcastBelow(0), typed.SkewJoin(1)).Values()
		},
	} {
		s := open(t, typed.Options{Cores: 2})
		kept := s.Range(1000).Repartition(3).Cache()
		rows := made(s, kept)
		for range 2 {
			if n, err := rows.Count(ctx); n != 1000 || err != nil {
				t.Errorf("%s: %d rows, %v", name, n, err)
			}
			kept.Unpersist()
		}
	}
}

// TestTakeKeepsNoPart reads a part of a partition, of which nothing may stay, and
// whole ones, which do.
func TestTakeKeepsNoPart(t *testing.T) {
	s := session()
	r, ran := counted(t, s, 40_000, 4)
	kept := r.Cache()
	if _, err := kept.Take(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if n := ran(); n == 0 || n >= 10_000 {
		t.Fatalf("Take computed %d rows", n)
	}
	if count(t, kept); ran() != 40_000 {
		t.Error("a partition of which a part was read is kept")
	}
	if _, err := kept.Take(t.Context(), 3); err != nil || ran() != 0 {
		t.Error("Take does not read what is kept", err)
	}
}

// TestCacheGivesWay has more rows than memory: what fits is kept, round after
// round, the rest is computed, and tasks have the memory that they need.
func TestCacheGivesWay(t *testing.T) {
	s, err := typed.NewSession(t.Context(), typed.Options{Memory: 16 << 20, Cores: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const n = 200_000 // of more than 100 bytes: twice what there is
	r, ran := counted(t, s, n, 40)
	kept := r.Cache()
	for round := range 3 {
		if got := count(t, kept); got != n {
			t.Fatalf("%d rows", got)
		}
		switch again := ran(); {
		case round == 0 && again != n:
			t.Errorf("%d rows were computed first", again)
		case round > 0 && (again == 0 || again > n*3/4):
			t.Errorf("round %d computed %d of %d rows again", round, again, n)
		}
	}
	groups := kept.KeyBy(func(x string) string { return x }).GroupByKey(func(_ string, rows iter.Seq[string]) int { return 1 })
	if got := count(t, groups.Values()); got != n {
		t.Errorf("%d groups", got)
	}
	small, ranSmall := counted(t, s, 1000, 2)
	few := small.Cache()
	count(t, few)
	count(t, few)
	if n := ranSmall(); n != 1000 {
		t.Errorf("of another RDD %d rows were computed: it found no room", n)
	}
}

// TestCacheOfNobodyGoes has a loop whose rounds each keep their rows: what nobody
// refers to any more must make room without being asked to.
func TestCacheOfNobodyGoes(t *testing.T) {
	s, err := typed.NewSession(t.Context(), typed.Options{Memory: 16 << 20, Cores: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 20 {
		r, ran := counted(t, s, 30_000, 4)
		kept := r.Cache()
		count(t, kept)
		count(t, kept)
		if n := ran(); n != 30_000 {
			t.Fatalf("%d rows were computed: the RDDs of earlier rounds are in the way", n)
		}
		runtime.GC()
	}
}

// TestFailedTaskKeepsNothing fails behind the kept rows: the next action computes
// them again, and they are right.
func TestFailedTaskKeepsNothing(t *testing.T) {
	s := session()
	r, ran := counted(t, s, 10_000, 1)
	kept := r.Cache()
	_, err := kept.Map(func(x string) string { panic("no") }).Count(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no") {
		t.Fatal(err)
	}
	ran()
	if n := count(t, kept); n != 10_000 || ran() != 10_000 {
		t.Error(n, "rows")
	}
}

func ExampleRDD_Cache() {
	words := session().Parallelize([]string{"a", "b", "a"}, 2).Cache()
	fmt.Println(words.Count(ctx)) // computes and keeps them
	fmt.Println(typed.CountByValue(ctx, words))
	// Output:
	// 3 <nil>
	// map[a:2 b:1] <nil>
}

func ExampleRDD_Persist() {
	squares := session().Range(4).Map(func(x int64) int64 { return x * x }).Persist(typed.MemoryOnlySer)
	fmt.Println(squares.Collect(ctx))
	// Output: [0 1 4 9] <nil>
}

func ExampleRDD_Unpersist() {
	kept := session().Range(4).Cache()
	fmt.Println(kept.Count(ctx))
	kept.Unpersist() // from here on it is computed again
	fmt.Println(kept.Count(ctx))
	// Output:
	// 4 <nil>
	// 4 <nil>
}

func ExamplePairRDD_Cache() {
	byKey := session().Range(6).KeyBy(func(x int64) int64 { return x % 2 }).Cache()
	fmt.Println(byKey.Count(ctx))
	fmt.Println(byKey.CountByKey(ctx))
	// Output:
	// 6 <nil>
	// map[0:3 1:3] <nil>
}

func ExamplePairRDD_Persist() {
	byKey := session().Range(3).KeyBy(func(x int64) int64 { return x }).Persist(typed.MemoryOnly)
	fmt.Println(byKey.Collect(ctx))
	// Output: [{0 0} {1 1} {2 2}] <nil>
}

func ExamplePairRDD_Unpersist() {
	byKey := session().Range(3).KeyBy(func(x int64) int64 { return x }).Cache()
	byKey.Unpersist()
	fmt.Println(byKey.Count(ctx))
	// Output: 3 <nil>
}
