package typed_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// localSession is a session with its scratch directory, and what its actions did.
func localSession(t *testing.T) (*typed.Session, string, *watch) {
	t.Helper()
	dir, w := t.TempDir(), &watch{}
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Scratch: dir, Closures: true, Notices: devNull{}, Observe: w.see})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
	return s, dir, w
}

func TestLocalCheckpointCutsTheLineage(t *testing.T) {
	s, dir, w := localSession(t)
	for _, parts := range []int{1, 3, 40} { // some of them without rows
		r, ran := counted(t, s, 30, parts)
		cut, err := r.LocalCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := ran(); n != 30 {
			t.Errorf("%d rows were computed", n)
		}
		for range 2 {
			same(t, cut, 30)
		}
		lengths, err := typed.Glom(cut).Map(func(rows []string) int { return len(rows) }).Collect(t.Context())
		want, err2 := typed.Glom(r).Map(func(rows []string) int { return len(rows) }).Collect(t.Context())
		if fmt.Sprint(lengths) != fmt.Sprint(want) || err != nil || err2 != nil {
			t.Errorf("partitions of %v rows, want %v; %v, %v", lengths, want, err, err2)
		}
		ran()
		again, err := cut.Filter(func(x string) bool { return strings.HasSuffix(x, "7") }).LocalCheckpoint(t.Context())
		if err != nil || count(t, again) != 3 || ran() != 0 {
			t.Error("a checkpoint of a checkpoint:", err)
		}
		if n := count(t, again.Union(cut).Cache()); n != 33 || ran() != 0 {
			t.Errorf("%d rows of both", n)
		}
		if last := w.actions()[len(w.actions())-1]; len(last.Stages) != 3 {
			t.Errorf("%d stages to read what is kept", len(last.Stages))
		}
	}
	none, err := s.Empty[string]().LocalCheckpoint(t.Context())
	if err != nil || count(t, none) != 0 {
		t.Error("of nothing:", err)
	}
	if len(keptFiles(t, dir)) == 0 {
		t.Error("there are no files")
	}
}

// TestLocalCheckpointKeepsPlacement joins what was placed by its keys, by their hash or
// by a function, which moves nothing.
func TestLocalCheckpointKeepsPlacement(t *testing.T) {
	s, _, w := localSession(t)
	by := typed.PartitionFunc(7, func(k int64) int { return int(k % 7) })
	for _, how := range [][]typed.ShuffleOption{{typed.Partitions(5)}, {by}, nil} {
		sums := s.Range(1000).KeyBy(func(x int64) int64 { return x % 100 }).
			ReduceByKey(func(a, b int64) int64 { return a + b }, how...)
		cut, err := sums.LocalCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := cut.MapValues(func(v int64) int64 { return 2 * v }).ReduceByKey(func(a, b int64) int64 { return a + b })
		got, err := next.Join(cut, func(a, b int64) int64 { return a - b }).CollectAsMap(t.Context())
		if err != nil || len(got) != 100 {
			t.Fatal(got, err)
		}
		for k, v := range got {
			if want := 10*k + 4500; v != want {
				t.Errorf("key %d has %d, want %d", k, v, want)
			}
		}
		all := w.actions()
		if last := all[len(all)-1]; len(last.Stages) != 2 || !last.Stages[0].Skipped {
			t.Errorf("%d stages where nothing is to be moved", len(last.Stages))
		}
	}
	cut, err := typed.SortByKey(s.Range(100).KeyBy(func(x int64) int64 { return -x })).LocalCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cut.Values().Collect(t.Context()); err != nil || len(got) != 100 || got[0] != 99 || got[99] != 0 {
		t.Error(got, err)
	}
}

// TestLocalCheckpointsCountOnce what functions add to accumulators.
func TestLocalCheckpointsCountOnce(t *testing.T) {
	s, _, _ := localSession(t)
	seen := typed.NewCounter(s, "seen")
	cut, err := s.Range(100, typed.Partitions(3)).With(seen).Map(func(c typed.Counter, x int64) int64 {
		c.Add(1)
		return x
	}).LocalCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n := count(t, cut); n != 100 || seen.Value() != 100 {
			t.Errorf("%d rows, and %d were counted", n, seen.Value())
		}
	}
}

// TestLocalCheckpointThatFails leaves nothing.
func TestLocalCheckpointThatFails(t *testing.T) {
	s, dir, _ := localSession(t)
	if _, err := s.Range(3).Map(func(x int64) int64 { panic("no") }).LocalCheckpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "no") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless := s.Range(math.MaxInt64).With(false).Map(func(_ bool, x int64) int64 { cancel(); return x })
	if _, err := endless.LocalCheckpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, not that it was cancelled", err)
	}
	filesGo(t, dir, 0)
	var none typed.RDD[int]
	if _, err := none.LocalCheckpoint(t.Context()); err == nil {
		t.Error("of the zero RDD")
	}
}

// keptFiles are those of shuffles and of what is kept as their outputs.
func keptFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "shuffle", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// filesGo waits until there are so many of them at most.
func filesGo(t *testing.T, dir string, most int) {
	t.Helper()
	late := time.Now().Add(time.Minute)
	for n := len(keptFiles(t, dir)); n > most; n = len(keptFiles(t, dir)) {
		if time.Now().After(late) {
			t.Fatalf("%d files are there", n)
		}
		runtime.GC()
	}
}

// TestLocalCheckpointsGo when no RDD needs them, and what they were made of, which is
// in no plan.
func TestLocalCheckpointsGo(t *testing.T) {
	s, dir, w := localSession(t)
	const parts = 3
	ranks := s.Range(100, typed.Partitions(parts)).KeyBy(func(x int64) int64 { return x })
	for round := range 100 {
		next, err := ranks.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % 100, v }).
			ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(parts)).LocalCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ranks = next; round == 50 {
			filesGo(t, dir, 2*parts)
		}
	}
	filesGo(t, dir, parts)
	got, err := ranks.CollectAsMap(t.Context())
	if err != nil || len(got) != 100 {
		t.Fatal(got, err)
	}
	for k, v := range got {
		if (v+100)%100 != k {
			t.Errorf("key %d has %d", k, v)
		}
	}
	for i, st := range w.actions() {
		if len(st.Stages) > 4 {
			t.Errorf("action %d has %d stages", i, len(st.Stages))
		}
	}
}

// TestLocalCheckpointIsLost with the files that have it: there is nothing to make the
// rows of, and the error says so.
func TestLocalCheckpointIsLost(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a flipped bit": func(path string) error {
			b := read(t, path)
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		},
		"a lost file": os.Remove,
	} {
		s, dir, _ := localSession(t)
		r, ran := counted(t, s, 1000, 3)
		cut, err := r.LocalCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range keptFiles(t, dir) {
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
		}
		ran()
		if got, err := cut.Count(t.Context()); err == nil || !strings.Contains(err.Error(), "LocalCheckpoint (localcheckpoint_test.go:") ||
			!strings.Contains(err.Error(), "use Checkpoint") || ran() != 0 {
			t.Errorf("%s: %d rows, %v", name, got, err)
		}
	}
}

func ExampleRDD_LocalCheckpoint() {
	s, err := typed.NewSession(ctx, typed.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = s.Close() }()
	numbers := s.Range(5)
	for range 3 { // a lineage of one round, however many there are
		if numbers, err = numbers.Map(func(x int64) int64 { return 2 * x }).LocalCheckpoint(ctx); err != nil {
			panic(err)
		}
	}
	fmt.Println(numbers.Collect(ctx))
	// Output: [0 8 16 24 32] <nil>
}

func ExamplePairRDD_LocalCheckpoint() {
	s, err := typed.NewSession(ctx, typed.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = s.Close() }()
	sums, err := s.Range(6).KeyBy(func(x int64) int64 { return x % 2 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(1)).LocalCheckpoint(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(sums.CollectAsMap(ctx))
	// Output: map[0:6 1:9] <nil>
}
