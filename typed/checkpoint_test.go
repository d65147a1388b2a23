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

// checkpointing is a session with a directory for checkpoints, that directory, and
// what its actions did.
func checkpointing(t *testing.T) (*typed.Session, string, *watch) {
	t.Helper()
	dir, w := t.TempDir(), &watch{}
	s := open(t, typed.Options{CheckpointDir: dir, Observe: w.see, Closures: true})
	t.Cleanup(func() { // which comes before the end of the session
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
	return s, dir, w
}

func TestCheckpointCutsTheLineage(t *testing.T) {
	s, dir, _ := checkpointing(t)
	for _, parts := range []int{1, 3, 40} { // some of them without rows
		r, ran := counted(t, s, 30, parts)
		cut, err := r.Checkpoint(t.Context())
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
		if again, err := cut.Filter(func(x string) bool { return strings.HasSuffix(x, "7") }).Checkpoint(t.Context()); err != nil || count(t, again) != 3 || ran() != 0 {
			t.Error("a checkpoint of a checkpoint:", err)
		}
	}
	none, err := s.Empty[string]().Checkpoint(t.Context())
	if err != nil || count(t, none) != 0 {
		t.Error("of nothing:", err)
	}
	if len(files(t, dir)) == 0 {
		t.Error("there are no files")
	}
}

// TestCheckpointKeepsPlacement joins what was placed by its keys, which moves nothing,
// and what was sorted, which does not go by keys.
func TestCheckpointKeepsPlacement(t *testing.T) {
	s, _, w := checkpointing(t)
	for _, parts := range [][]typed.ShuffleOption{{typed.Partitions(5)}, nil} {
		pairs := s.Range(1000).KeyBy(func(x int64) int64 { return x % 100 })
		sums := pairs.ReduceByKey(func(a, b int64) int64 { return a + b }, parts...)
		cut, err := sums.Checkpoint(t.Context())
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
		if last := all[len(all)-1]; len(last.Stages) != 1 {
			t.Errorf("%d stages where nothing is to be moved", len(last.Stages))
		}
	}
	cut, err := typed.SortByKey(s.Range(100).KeyBy(func(x int64) int64 { return -x })).Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cut.Values().Collect(t.Context()); err != nil || len(got) != 100 || got[0] != 99 || got[99] != 0 {
		t.Error(got, err)
	}
}

// TestCheckpointKeepsPartitionFunc joins what a function has placed with a checkpoint of
// the like.
func TestCheckpointKeepsPartitionFunc(t *testing.T) {
	s, _, w := checkpointing(t)
	by := typed.PartitionFunc(7, func(k int64) int { return int(k % 7) })
	sums := s.Range(1000).KeyBy(func(x int64) int64 { return x % 100 }).ReduceByKey(func(a, b int64) int64 { return a + b }, by)
	cut, err := sums.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := cut.Join(cut.MapValues(func(v int64) int64 { return v }), func(a, b int64) int64 { return a - b }, by).CollectAsMap(t.Context())
	if err != nil || len(got) != 100 {
		t.Fatal(got, err)
	}
	all := w.actions()
	if last := all[len(all)-1]; len(last.Stages) != 1 {
		t.Errorf("%d stages where nothing is to be moved", len(last.Stages))
	}
}

// single is what cannot be merged.
type single int

func (s single) Merge(o single) single {
	if s != 0 && o != 0 {
		panic("there are two")
	}
	return s + o
}

// TestCheckpointThatFails leaves nothing, whenever that is: of one whose files are there
// when what its tasks counted cannot be merged, and of one that is cancelled.
func TestCheckpointThatFails(t *testing.T) {
	s, dir, _ := checkpointing(t)
	alone := typed.NewAccumulator[single](s, "alone")
	r := s.Range(3, typed.Partitions(3)).With(alone).Map(func(a typed.Accumulator[single], x int64) int64 {
		a.Add(1)
		return x
	})
	if _, err := r.Checkpoint(t.Context()); err == nil {
		t.Error("no error of an accumulator that cannot be merged")
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless := s.Range(math.MaxInt64).With(false).Map(func(_ bool, x int64) int64 { cancel(); return x })
	if _, err := endless.Checkpoint(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, not that it was cancelled", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "[0-9]*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCheckpointsEnd while others of the session are let go of.
func TestCheckpointsEnd(t *testing.T) {
	s, _, _ := checkpointing(t)
	for range 10 {
		if _, err := s.Range(10).Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	go runtime.GC()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Range(10).Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "session is closed") {
		t.Error(err)
	}
}

// TestCheckpointsGo when no RDD needs them.
func TestCheckpointsGo(t *testing.T) {
	s, dir, _ := checkpointing(t)
	r := s.Range(100, typed.Partitions(3))
	for range 20 {
		next, err := r.Map(func(x int64) int64 { return x + 1 }).Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r = next
	}
	late := time.Now().Add(time.Minute)
	for n := 20; n > 1; {
		if time.Now().After(late) {
			t.Fatalf("%d checkpoints are there", n)
		}
		runtime.GC()
		some, err := filepath.Glob(filepath.Join(dir, "*", "*", "_SUCCESS"))
		if err != nil {
			t.Fatal(err)
		}
		n = len(some)
	}
	if got, err := r.Collect(t.Context()); err != nil || len(got) != 100 || got[0] != 20 {
		t.Error(got, err)
	}
}

func TestCheckpointErrors(t *testing.T) {
	s, dir, _ := checkpointing(t)
	if _, err := s.Range(3).Map(func(x int64) int64 { panic("no") }).Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "no") {
		t.Error(err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left by one that failed: %v", left)
	}
	var none typed.RDD[int]
	if _, err := none.Checkpoint(t.Context()); err == nil {
		t.Error("of the zero RDD")
	}
	if _, err := open(t, typed.Options{}).Range(3).Checkpoint(t.Context()); err == nil ||
		!strings.HasPrefix(err.Error(), "Checkpoint (checkpoint_test.go:") || !strings.Contains(err.Error(), "CheckpointDir") {
		t.Error(err)
	}
	for name, damage := range map[string]func(path string) error{
		"a flipped bit": func(path string) error {
			b := read(t, path)
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		},
		"a lost file": os.Remove,
	} {
		cut, err := s.Range(1000, typed.Partitions(3)).Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parts, err := filepath.Glob(filepath.Join(dir, "*", "*", "part-00001"))
		if err != nil || len(parts) == 0 {
			t.Fatal(parts, err)
		}
		for _, path := range parts {
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := cut.Count(t.Context()); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %d rows, %v", name, got, err)
		}
	}
}

// TestCheckpointInALoop makes an RDD of itself: its lineage does not grow.
func TestCheckpointInALoop(t *testing.T) {
	s, _, w := checkpointing(t)
	ranks := s.Range(100).KeyBy(func(x int64) int64 { return x })
	for round := range 30 {
		ranks = ranks.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % 100, v }).
			ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(3))
		if round%10 == 9 {
			next, err := ranks.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ranks = next
		}
	}
	got, err := ranks.CollectAsMap(t.Context())
	if err != nil || len(got) != 100 {
		t.Fatal(got, err)
	}
	for k, v := range got {
		if (v+30)%100 != k {
			t.Errorf("key %d has %d", k, v)
		}
	}
	for i, st := range w.actions() {
		if len(st.Stages) > 11 {
			t.Errorf("action %d has %d stages", i, len(st.Stages))
		}
	}
}

func ExampleRDD_Checkpoint() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := typed.NewSession(ctx, typed.Options{CheckpointDir: dir})
	if err != nil {
		panic(err)
	}
	defer func() { _ = s.Close() }()
	numbers := s.Range(5)
	for range 3 { // a lineage of one round, however many there are
		if numbers, err = numbers.Map(func(x int64) int64 { return 2 * x }).Checkpoint(ctx); err != nil {
			panic(err)
		}
	}
	fmt.Println(numbers.Collect(ctx))
	// Output: [0 8 16 24 32] <nil>
}

func ExamplePairRDD_Checkpoint() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := typed.NewSession(ctx, typed.Options{CheckpointDir: dir})
	if err != nil {
		panic(err)
	}
	defer func() { _ = s.Close() }()
	sums, err := s.Range(6).KeyBy(func(x int64) int64 { return x % 2 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(1)).Checkpoint(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(sums.CollectAsMap(ctx))
	// Output: map[0:6 1:9] <nil>
}
