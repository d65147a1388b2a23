package typed_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// shown prints what may be missing.
func shown[T any](v *T) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(*v)
}

// joinsOf gives all joins of two sides as rows of text, sorted.
func joinsOf[K comparable](t *testing.T, left typed.PairRDD[K, string], right typed.PairRDD[K, int64], opt ...typed.JoinOption) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	add := func(name string, rows typed.PairRDD[K, string]) {
		all, err := rows.Map(func(k K, s string) string { return fmt.Sprint(k, ": ", s) }).Collect(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		slices.Sort(all)
		got[name] = all
	}
	add("Join", left.Join(right, func(l string, r int64) string { return fmt.Sprint(l, r) }, opt...))
	add("LeftOuterJoin", left.LeftOuterJoin(right, func(l string, r *int64) string { return l + shown(r) }, opt...))
	add("RightOuterJoin", left.RightOuterJoin(right, func(l *string, r int64) string { return shown(l) + fmt.Sprint(r) }, opt...))
	add("FullOuterJoin", left.FullOuterJoin(right, func(l *string, r *int64) string { return shown(l) + shown(r) }, opt...))
	return got
}

// nested gives the same of two slices, row by row.
func nested[K comparable](left []typed.Pair[K, string], right []typed.Pair[K, int64]) map[string][]string {
	want := map[string][]string{"Join": {}, "LeftOuterJoin": {}, "RightOuterJoin": {}, "FullOuterJoin": {}}
	add := func(k K, row string, names ...string) {
		for _, name := range names {
			want[name] = append(want[name], fmt.Sprint(k, ": ", row))
		}
	}
	met := make([]bool, len(right))
	for _, l := range left {
		alone := true
		for i, r := range right {
			if l.Key == r.Key {
				alone, met[i] = false, true
				add(l.Key, fmt.Sprint(l.Value, r.Value), "Join", "LeftOuterJoin", "RightOuterJoin", "FullOuterJoin")
			}
		}
		if alone {
			add(l.Key, l.Value+"none", "LeftOuterJoin", "FullOuterJoin")
		}
	}
	for i, r := range right {
		if !met[i] {
			add(r.Key, fmt.Sprint("none", r.Value), "RightOuterJoin", "FullOuterJoin")
		}
	}
	for _, rows := range want {
		slices.Sort(rows)
	}
	return want
}

// stagesOf gathers the names of the stages that a session runs.
type stagesOf struct {
	mu    sync.Mutex
	names map[string]int64 // and the bytes that they write to shuffles
}

func (s *stagesOf) observe(st plan.ActionStatus) {
	if !st.State.Ended() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil {
		s.names = map[string]int64{}
	}
	for i := range st.Stages {
		s.names[st.Stages[i].Name] += st.Stages[i].Counters.ShuffleWrite
	}
}

// take gives how many stages have a join by broadcast, and all bytes shuffled.
func (s *stagesOf) take() (broadcasts int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.names {
		broadcasts += strings.Count(name, "by broadcast")
		bytes += n
	}
	s.names = nil
	return broadcasts, bytes
}

func keyedJoins[K comparable](t *testing.T, name string, key func(int64) K, lefts, rights int64) {
	t.Run(fmt.Sprint(name, " ", lefts, " ", rights), func(t *testing.T) {
		var stages stagesOf
		s := open(t, typed.Options{Cores: 2, Observe: stages.observe, Closures: true})
		left, right := s.Range(lefts, typed.Partitions(3)).MapToPair(func(i int64) (K, string) { return key(i % 40), fmt.Sprint("l", i, " ") }),
			s.Range(rights, typed.Partitions(2)).MapToPair(func(i int64) (K, int64) { return key(i%50 + 20), i })
		rows, err := left.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		others, err := right.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := nested(rows, others)
		for how, opt := range map[string]typed.JoinOption{"shuffled": typed.BroadcastBelow(0), "broadcast": typed.BroadcastBelow(1 << 30)} {
			stages.take()
			for kind, got := range joinsOf(t, left, right, opt) {
				if !slices.Equal(got, want[kind]) {
					t.Errorf("%s, %s: got %d rows %.300q, want %d %.300q", kind, how, len(got), got, len(want[kind]), want[kind])
				}
			}
			// Of the outer joins only that which keeps the rows of the larger side.
			if n, _ := stages.take(); how == "broadcast" && lefts != rights && n != 2 || how == "shuffled" && n != 0 {
				t.Errorf("%s: %d joins by broadcast", how, n)
			}
		}
	})
}

type spot struct{ X, Y int64 }

func TestBroadcastJoins(t *testing.T) {
	for _, n := range [][2]int64{{0, 0}, {300, 0}, {0, 300}, {300, 1}, {300, 90}, {90, 300}, {1, 5}} {
		keyedJoins(t, "numbers", func(i int64) int64 { return i - 3 }, n[0], n[1])
		keyedJoins(t, "texts", func(i int64) string { return strings.Repeat("k", int(i)) }, n[0], n[1])
		keyedJoins(t, "structs", func(i int64) spot { return spot{i % 7, i / 7} }, n[0], n[1])
		keyedJoins(t, "floats", func(i int64) float64 { return float64(i) / 2 }, n[0], n[1])
		keyedJoins(t, "one key", func(int64) struct{} { return struct{}{} }, min(n[0], 30), min(n[1], 20))
	}
}

// TestBroadcastInLittleMemory joins with a side that has no room in memory: rows and
// their order are the same.
func TestBroadcastInLittleMemory(t *testing.T) {
	join := func(memory int64) (rows []string) {
		var stages stagesOf
		s := open(t, typed.Options{Cores: 2, Memory: memory, Seed: 5, Observe: stages.observe})
		few := s.Range(120_000, typed.Partitions(3)).MapToPair(func(i int64) (string, int64) { return fmt.Sprint("key ", i%90_000), i })
		rows, err := s.Range(150_000, typed.Partitions(4)).MapToPair(func(i int64) (string, int64) { return fmt.Sprint("key ", i%100_000), i }).
			LeftOuterJoin(few, func(v int64, w *int64) string { return fmt.Sprint(v, shown(w)) }, typed.BroadcastBelow(1<<30)).Values().Collect(ctx)
		if n, _ := stages.take(); err != nil || n != 1 {
			t.Fatalf("%d joins by broadcast, %v", n, err)
		}
		return rows
	}
	want, got := join(1<<30), join(16<<20)
	if len(want) != 210_000 || !slices.Equal(got, want) {
		t.Errorf("%d rows with much memory and %d with little, which differ", len(want), len(got))
	}
}

// TestBroadcastUnasked broadcasts a side that is small, and none that is not, or whose
// join was told how to place its rows.
func TestBroadcastUnasked(t *testing.T) {
	var stages stagesOf
	s := open(t, typed.Options{Cores: 2, Observe: stages.observe})
	sum := func(a, b int64) int64 { return a + b }
	side := func(n int64) typed.PairRDD[int64, int64] {
		return s.Range(n).KeyBy(func(i int64) int64 { return i })
	}
	large, small := side(400_000), side(1000)
	for name, test := range map[string]struct {
		rows typed.PairRDD[int64, int64]
		want int
	}{
		"right":                   {large.Join(small, sum), 1},
		"left":                    {small.Join(large, sum), 1},
		"after it was filtered":   {large.Filter(func(k, _ int64) bool { return k > 3 }).Join(small, sum), 1},
		"sides of about one size": {large.Join(side(200_000), sum), 0},
		"both small":              {small.Join(side(100), sum), 0},
		"with a number":           {large.Join(small, sum, typed.Partitions(4)), 0},
		"with a function":         {large.Join(small, sum, typed.PartitionFunc(2, func(k int64) int { return int(k % 2) })), 0},
		"told not to":             {large.Join(small, sum, typed.BroadcastBelow(0)), 0},
		"told less":               {large.Join(small, sum, typed.BroadcastBelow(100)), 0},
		"large side placed":       {large.PartitionBy(typed.Partitions(3)).Join(small, sum), 0},
		"small side placed":       {small.PartitionBy(typed.Partitions(3)).Join(large, sum), 1},
		"small side reduced":      {small.ReduceByKey(sum).Join(large, sum), 1},
		"read by key":             {large.Join(small, sum).ReduceByKey(sum), 1},
		"twice":                   {large.Join(small, sum).Join(small, sum), 2},
		"joined with itself":      {large.Join(small.Join(large, sum), sum), 1},
		"zipped": {large.Join(small, sum).Keys().ZipPartitions(large.Join(side(10), sum).Keys(), func(_ *typed.Task, a, b iter.Seq[int64]) iter.Seq[int64] { return a }).
			KeyBy(func(i int64) int64 { return i }), 0},
		"three sides":  {large.Join(small, sum).MapToPair(func(k, v int64) (int64, int64) { return v, k }).Join(small, sum), 2},
		"of all pairs": {large.Join(side(30).Keys().Cartesian(side(30).Keys(), sum).KeyBy(func(i int64) int64 { return i }), sum), 0},
	} {
		stages.take()
		if _, err := test.rows.Count(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n, _ := stages.take(); n != test.want {
			t.Errorf("%s: %d joins by broadcast, want %d", name, n, test.want)
		}
	}
}

// TestBroadcastLeavesCountsAlone: what the larger side adds to accumulators counts once for
// all actions, however large it is, unless the join was told to broadcast.
func TestBroadcastLeavesCountsAlone(t *testing.T) {
	for name, c := range map[string]struct {
		rows int64
		opts []typed.JoinOption
		want int // times that each row counts, in two actions
	}{
		"little":     {1_000, nil, 1},
		"much":       {400_000, nil, 1},
		"much, told": {400_000, []typed.JoinOption{typed.BroadcastBelow(1 << 20)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, typed.Options{Cores: 2})
			seen := typed.NewCounter(s, "seen")
			few := s.Range(10).KeyBy(func(i int64) int64 { return i })
			joined := s.Range(c.rows).With(seen).MapToPair(func(seen typed.Counter, i int64) (int64, int64) {
				seen.Add(1)
				return i, i
			}).Join(few, func(a, b int64) int64 { return a + b }, c.opts...)
			for range 2 {
				if n, err := joined.Count(ctx); n != 10 || err != nil {
					t.Fatal(n, err)
				}
			}
			if got := seen.Value(); got != int64(c.want)*c.rows {
				t.Errorf("%d rows counted, want %d × %d", got, c.want, c.rows)
			}
		})
	}
}

// TestBroadcastOff broadcasts nothing in a session that says so, but where a join does.
func TestBroadcastOff(t *testing.T) {
	var stages stagesOf
	s := open(t, typed.Options{Cores: 2, Observe: stages.observe, BroadcastBelow: -1})
	sum := func(a, b int64) int64 { return a + b }
	large, small := s.Range(400_000).KeyBy(func(i int64) int64 { return i }), s.Range(10).KeyBy(func(i int64) int64 { return i })
	for want, rows := range []typed.PairRDD[int64, int64]{large.Join(small, sum), large.Join(small, sum, typed.BroadcastBelow(1<<20))} {
		if n, err := rows.Count(ctx); n != 10 || err != nil {
			t.Error(n, err)
		}
		if n, _ := stages.take(); n != want {
			t.Errorf("%d joins by broadcast, want %d", n, want)
		}
	}
}
