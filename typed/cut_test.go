package typed_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// cutSession is a session whose lineage is cut, with what its actions did, what the user
// was told, and the log.
func cutSession(t *testing.T, change func(*typed.Options)) (s *typed.Session, w *watch, said, log *locked) {
	t.Helper()
	w, said, log = &watch{}, &locked{}, &locked{}
	o := typed.Options{Cores: 2, Scratch: t.TempDir(), Closures: true, Notices: said, Log: slog.New(slog.NewTextHandler(log, nil)), Observe: w.see}
	if change != nil {
		change(&o)
	}
	s, err := typed.NewSession(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, w, said, log
}

// locked is text that several goroutines write.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLongLoopsAreFlat runs loops whose lineage grows with each round and that cut it
// nowhere: what a round takes, and what there is after it, is the same however many there
// were.
func TestLongLoopsAreFlat(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 400
	}
	const keys = 10
	loops := map[string]struct {
		next   func(typed.PairRDD[int64, int64]) typed.PairRDD[int64, int64]
		stages int // the most that an action may have
	}{
		"a shuffle a round": {func(r typed.PairRDD[int64, int64]) typed.PairRDD[int64, int64] {
			return r.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % keys, v }).
				ReduceByKey(func(a, b int64) int64 { return a + b })
		}, 112},
		"kept by each round": {func(r typed.PairRDD[int64, int64]) typed.PairRDD[int64, int64] {
			return r.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % keys, v }).Cache()
		}, 1},
		"a join with itself": {func(r typed.PairRDD[int64, int64]) typed.PairRDD[int64, int64] {
			moved := r.MapToPair(func(k, v int64) (int64, int64) { return (k + 1) % keys, v })
			return moved.Join(r, func(a, b int64) int64 { return a + b - b })
		}, 226},
	}
	for name, loop := range loops {
		t.Run(name, func(t *testing.T) {
			rounds := rounds
			dir := t.TempDir()
			most, cuts := 0, 0
			s, _, said, log := cutSession(t, func(o *typed.Options) {
				o.Scratch = dir
				o.Observe = func(st plan.ActionStatus) { // and keep none
					if most = max(most, len(st.Stages)); st.Name == "Checkpoint" && st.State.Ended() {
						cuts++
					}
				}
			})
			if name == "a join with itself" {
				rounds = 120 // each is computed of all before, up to the last cut
			}
			r := s.Range(keys, typed.Partitions(2)).KeyBy(func(x int64) int64 { return x })
			var early footprint
			for round := 1; round <= rounds; round++ {
				r = loop.next(r)
				if round%10 != 0 {
					continue
				}
				got, err := r.CollectAsMap(t.Context())
				if err != nil || len(got) != keys {
					t.Fatal(round, got, err)
				}
				for k, v := range got {
					if (v+int64(round))%keys != k {
						t.Fatalf("after %d rounds key %d has %d", round, k, v)
					}
				}
				if round == rounds/2 {
					early = weigh(t, dir)
				}
			}
			t.Logf("%d stages at most, %d cuts", most, cuts)
			if most > loop.stages || cuts < rounds/100 || cuts > rounds/70 {
				t.Errorf("%d stages at most, %d cuts", most, cuts)
			}
			late := weigh(t, dir)
			for end := time.Now().Add(20 * time.Second); late.goroutines > early.goroutines+2 && time.Now().Before(end); {
				late = weigh(t, dir) // files of what was cut are being removed
			}
			t.Logf("after %d rounds %+v, after %d %+v", rounds/2, early, rounds, late)
			if late.heap > early.heap+1<<20 || late.goroutines > early.goroutines+2 || late.files > early.files+300 {
				t.Errorf("after %d rounds %+v, after %d %+v", rounds/2, early, rounds, late)
			}
			if n := strings.Count(said.String(), "has a long lineage"); n != 1 || !strings.Contains(said.String(), "cut_test.go:") {
				t.Errorf("the user was told %d times: %s", n, said)
			}
			if n := strings.Count(log.String(), "lineage cut"); n != cuts {
				t.Errorf("%d lines in the log of %d cuts", n, cuts)
			}
		})
	}
}

// lineage is a loop of many rounds, without an action.
func lineage(r typed.PairRDD[int64, int64], rounds int) typed.PairRDD[int64, int64] {
	for range rounds {
		r = r.MapToPair(func(k, v int64) (int64, int64) { return k, v + 1 }).ReduceByKey(func(a, b int64) int64 { return a + b })
	}
	return r
}

// checkLineage has all pairs of a lineage of so many rounds.
func checkLineage(t *testing.T, r typed.PairRDD[int64, int64], keys, rounds int64) {
	t.Helper()
	got, err := r.CollectAsMap(t.Context())
	if err != nil || len(got) != int(keys) {
		t.Fatal(got, err)
	}
	for k, v := range got {
		if v != k+rounds {
			t.Fatalf("key %d has %d, want %d", k, v, k+rounds)
		}
	}
}

func identity(x int64) int64 { return x }

// TestLongLineageIsKept where the session's options say so, and on the way to the first
// hundred.
func TestLongLineageIsKept(t *testing.T) {
	for rounds, change := range map[int]func(*typed.Options){99: nil, 600: func(o *typed.Options) { o.KeepLineage = true }} {
		s, w, said, _ := cutSession(t, change)
		checkLineage(t, lineage(s.Range(4).KeyBy(identity), rounds), 4, int64(rounds))
		if all := w.actions(); len(all) != 1 || len(all[0].Stages) != rounds+1 {
			t.Errorf("%d actions, the first of %d stages", len(all), len(all[0].Stages))
		}
		if advised := strings.Contains(said.String(), "keeps plans short"); advised != (rounds > 500) {
			t.Errorf("after %d rounds the user was told %q", rounds, said)
		}
	}
}

// TestLongLineageIsCutIntoParts that can be planned, however long it was before the
// first action, in the directory for checkpoints.
func TestLongLineageIsCutIntoParts(t *testing.T) {
	dir := t.TempDir()
	s, w, _, _ := cutSession(t, func(o *typed.Options) { o.CheckpointDir = dir })
	r := lineage(s.Range(4).KeyBy(identity), 500)
	checkLineage(t, r, 4, 500)
	all := w.actions()
	for _, st := range all {
		if len(st.Stages) > 100 {
			t.Errorf("%s has %d stages", st.Name, len(st.Stages))
		}
	}
	if len(all) != 7 {
		t.Errorf("%d actions", len(all))
	}
	if got := files(t, dir); len(got) == 0 {
		t.Error("nothing is in the directory for checkpoints")
	}
	checkLineage(t, r, 4, 500)
	checkLineage(t, lineage(r, 10), 4, 510)
}

// TestLostOutputsOfACutLineage are made again of the rows that were saved, and of no more.
func TestLostOutputsOfACutLineage(t *testing.T) {
	dir := t.TempDir()
	s, w, _, _ := cutSession(t, func(o *typed.Options) { o.Scratch = dir })
	early := lineage(s.Range(4).KeyBy(identity), 90)
	checkLineage(t, early, 4, 90)
	r := lineage(early, 15)
	checkLineage(t, r, 4, 105)
	lost := 0
	for _, path := range keptFiles(t, dir) {
		if err := os.Remove(path); err == nil { // what nobody needs goes meanwhile
			lost++
		}
	}
	for _, of := range []struct {
		r      typed.PairRDD[int64, int64]
		rounds int64
	}{{r, 105}, {early, 90}} {
		checkLineage(t, of.r, 4, of.rounds)
	}
	again := w.actions()
	if last := again[len(again)-1]; lost == 0 || len(last.Stages) != 16 || last.Name == "Checkpoint" {
		t.Errorf("%d outputs were lost, and the last action has %d stages", lost, len(last.Stages))
	}
}

// TestLongLineageThatCannotBeSaved is told of once, and runs as it is.
func TestLongLineageThatCannotBeSaved(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, w, said, _ := cutSession(t, func(o *typed.Options) { o.CheckpointDir = file })
	r := lineage(s.Range(4).KeyBy(identity), 150)
	for range 2 {
		checkLineage(t, r, 4, 150)
	}
	if all := w.actions(); len(all) != 2 || strings.Count(said.String(), "stays so") != 1 {
		t.Errorf("%d actions, and the user was told %q", len(all), said)
	}
}

// TestLongLineageCountsOnce what functions add to accumulators, wherever they are in it.
func TestLongLineageCountsOnce(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	moved, joined, kept := typed.NewCounter(s, "moved"), typed.NewCounter(s, "joined"), typed.NewCounter(s, "kept")
	r, sum := s.Range(4).KeyBy(identity), s.Range(4).KeyBy(identity)
	const rounds = 120
	for range rounds {
		r = r.With(moved).MapToPair(func(c typed.Counter, k, v int64) (int64, int64) { c.Add(1); return k, v + 1 }).
			ReduceByKey(func(a, b int64) int64 { return a + b }).
			With(joined).Join(sum, func(c typed.Counter, a, b int64) int64 { c.Add(1); return a }).
			With(kept).MapValues(func(c typed.Counter, v int64) int64 { c.Add(1); return v }).Cache()
	}
	checkLineage(t, r, 4, rounds)
	checkLineage(t, r, 4, rounds)
	for _, c := range []typed.Counter{moved, joined, kept} {
		if n := c.Value(); n != 4*rounds {
			t.Errorf("%d were counted, want %d", n, 4*rounds)
		}
	}
	if all := w.actions(); len(all) < 4 {
		t.Errorf("%d actions: nothing was cut", len(all))
	}
}

// TestLongLineageOfOthers is cut once no action is under way that may have been planned
// before, and all rows are right meanwhile.
func TestLongLineageOfOthers(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	r := lineage(s.Range(4).KeyBy(identity), 150)
	for x, err := range s.Range(3).All(t.Context()) { // while this action is under way
		if err != nil {
			t.Fatal(err)
		}
		checkLineage(t, r, 4, 150)
		if all := w.actions(); len(all[len(all)-1].Stages) != 151 {
			t.Errorf("action %d has %d stages", x, len(all[len(all)-1].Stages))
		}
	}
	checkLineage(t, r, 4, 150)
	if all := w.actions(); len(all[len(all)-1].Stages) > 80 {
		t.Errorf("the last action has %d stages", len(all[len(all)-1].Stages))
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, more := range []int{40, 80, 120, 160} {
				checkLineage(t, lineage(r, more), 4, int64(150+more))
			}
		})
	}
	group.Wait()
}

// TestLongLineageOfSorts is cut at them: what made use of their bounds finds all rows
// without.
func TestLongLineageOfSorts(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	r := s.Range(100).KeyBy(identity)
	var ranges []typed.PairRDD[int64, int64]
	for range 110 {
		r = typed.SortByKey(r.MapToPair(func(k, v int64) (int64, int64) { return 99 - k, v + 1 }), typed.Partitions(3))
		ranges = append(ranges, typed.FilterByRange(r, 10, 19))
	}
	for _, at := range []int{74, 109} {
		for range 2 {
			if n := count(t, ranges[at].Keys()); n != 10 {
				t.Errorf("%d keys in the range of sort %d", n, at)
			}
		}
	}
	if n := count(t, ranges[74].Keys()); n != 10 {
		t.Errorf("%d keys", n)
	}
	got, err := r.Keys().Collect(t.Context())
	if err != nil || len(got) != 100 || got[0] != 0 || got[99] != 99 {
		t.Error(got, err)
	}
	if cuts := w.cuts(); cuts != 1 {
		t.Errorf("%d cuts", cuts)
	}
}

// cuts counts the actions that saved rows.
func (w *watch) cuts() (n int) {
	for _, st := range w.actions() {
		if st.Name == "Checkpoint" {
			n++
		}
	}
	return n
}

// TestLongLineageOfKeptSorts is cut where they are kept.
func TestLongLineageOfKeptSorts(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	r := s.Range(100).KeyBy(identity)
	var ranges []typed.PairRDD[int64, int64]
	for range 60 {
		r = typed.SortByKey(r.MapToPair(func(k, v int64) (int64, int64) { return 99 - k, v + 1 }), typed.Partitions(3)).Cache()
		ranges = append(ranges, typed.FilterByRange(r.MapValues(func(v int64) int64 { return v }), 10, 19))
	}
	for _, at := range []int{54, 37, 59, 36, 38} {
		if n := count(t, ranges[at].Keys()); n != 10 {
			t.Errorf("%d keys in the range of sort %d", n, at)
		}
	}
	if n := count(t, typed.FilterByRange(r, 90, 200).Keys()); n != 10 {
		t.Errorf("%d keys in a range of the last", n)
	}
	if cuts := w.cuts(); cuts == 0 {
		t.Error("no cut")
	}
}

// TestCancelWhileLineageIsSaved ends the action for which that is done, and no other.
func TestCancelWhileLineageIsSaved(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	r := s.Range(3, typed.Partitions(1))
	var stop atomic.Bool
	stop.Store(true)
	r = r.Map(func(x int64) int64 {
		if stop.Swap(false) {
			s.CancelTag("x", nil)
		}
		return x
	})
	for range 110 {
		r = r.Repartition(1)
	}
	if _, err := r.Count(typed.WithTags(t.Context(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while rows are saved: %v", err)
	}
	if n := count(t, r); n != 3 || w.cuts() == 0 {
		t.Errorf("%d rows, %d cuts", n, w.cuts())
	}
}

// TestCountApproxCutsNothing: its time is for counting.
func TestCountApproxCutsNothing(t *testing.T) {
	s, w, _, _ := cutSession(t, nil)
	r := s.Range(3, typed.Partitions(1))
	for range 110 {
		r = r.Repartition(1)
	}
	if got, err := r.CountApprox(t.Context(), time.Minute, 0.95); err != nil || got.Value != 3 || w.cuts() != 0 {
		t.Errorf("%+v, %v, %d cuts", got, err, w.cuts())
	}
}

// TestEveryShuffleCanBeCut has a lineage cut at each of the operators that say what rows
// they give.
func TestEveryShuffleCanBeCut(t *testing.T) {
	pairs := func(r typed.RDD[int64]) typed.PairRDD[int64, int64] {
		return r.KeyBy(func(x int64) int64 { return x % 7 })
	}
	add := func(a, b int64) int64 { return a + b }
	sum := func(k int64, values iter.Seq[int64]) int64 { return sumOf(values) }
	for name, op := range map[string]func(r, other typed.RDD[int64]) typed.RDD[string]{
		"ReduceByKey": func(r, _ typed.RDD[int64]) typed.RDD[string] { return lines(pairs(r).ReduceByKey(add)) },
		"FoldByKey":   func(r, _ typed.RDD[int64]) typed.RDD[string] { return lines(pairs(r).FoldByKey(3, add)) },
		"TopByKey": func(r, _ typed.RDD[int64]) typed.RDD[string] {
			return lines(typed.TopByKey(pairs(r), 2, cmp.Compare[int64]))
		},
		"GroupByKey":  func(r, _ typed.RDD[int64]) typed.RDD[string] { return lines(pairs(r).GroupByKey(sum)) },
		"Distinct":    func(r, _ typed.RDD[int64]) typed.RDD[string] { return printed(typed.Distinct(r)) },
		"Repartition": func(r, _ typed.RDD[int64]) typed.RDD[string] { return printed(r.Repartition(3)) },
		"PartitionBy": func(r, _ typed.RDD[int64]) typed.RDD[string] { return lines(pairs(r).PartitionBy()) },
		"SortBy": func(r, _ typed.RDD[int64]) typed.RDD[string] {
			return printed(r.SortBy(func(x int64) int64 { return -x }))
		},
		"SortFunc": func(r, _ typed.RDD[int64]) typed.RDD[string] {
			return printed(r.SortFunc(func(a, b int64) int { return cmp.Compare(b, a) }))
		},
		"SortByKey": func(r, _ typed.RDD[int64]) typed.RDD[string] { return lines(typed.SortByKey(pairs(r))) },
		"Join": func(r, o typed.RDD[int64]) typed.RDD[string] {
			return lines(pairs(r).Join(pairs(o), add, typed.BroadcastBelow(0)))
		},
		"Subtract":     func(r, o typed.RDD[int64]) typed.RDD[string] { return printed(typed.Subtract(r, o)) },
		"Intersection": func(r, o typed.RDD[int64]) typed.RDD[string] { return printed(typed.Intersection(r, o)) },
		"SubtractByKey": func(r, o typed.RDD[int64]) typed.RDD[string] {
			return lines(pairs(r).SubtractByKey(pairs(o.Filter(func(x int64) bool { return x < 3 }))))
		},
		"Cache":   func(r, _ typed.RDD[int64]) typed.RDD[string] { return printed(r.Cache()) },
		"Persist": func(r, _ typed.RDD[int64]) typed.RDD[string] { return printed(r.Persist(typed.DiskOnly)) },
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, keep := range []bool{true, false} {
				s, w, _, _ := cutSession(t, func(o *typed.Options) { o.KeepLineage = keep })
				r := s.Range(50, typed.Partitions(2))
				for range 74 {
					r = r.Repartition(2)
				}
				rows := op(r, s.Range(20))
				for range 30 {
					rows = rows.Repartition(1)
				}
				got, err := rows.Collect(t.Context())
				if err != nil || len(got) == 0 {
					t.Fatal(got, err)
				}
				slices.Sort(got)
				if keep {
					want = got
					continue
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if first := w.actions()[0]; first.Name != "Checkpoint" || !strings.Contains(first.Stages[len(first.Stages)-1].Name, name) {
					t.Errorf("the first action is %s: %s", first.Name, first.Stages[len(first.Stages)-1].Name)
				}
			}
		})
	}
}

func printed(r typed.RDD[int64]) typed.RDD[string] {
	return r.Map(func(x int64) string { return fmt.Sprint(x) })
}

func lines[V any](p typed.PairRDD[int64, V]) typed.RDD[string] {
	return p.Map(func(k int64, v V) string { return fmt.Sprint(k, v) })
}

func sumOf(values iter.Seq[int64]) (sum int64) {
	for v := range values {
		sum += v
	}
	return sum
}
