package typed_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

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
			dir := t.TempDir()
			s, w, said, log := cutSession(t, func(o *typed.Options) { o.Scratch = dir })
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
				if round == 200 {
					early = weigh(t, dir)
				}
			}
			most, cuts := 0, 0
			for _, st := range w.actions() {
				most = max(most, len(st.Stages))
				if st.Name == "Checkpoint" {
					cuts++
				}
			}
			t.Logf("%d stages at most, %d cuts", most, cuts)
			if most > loop.stages || cuts < rounds/100 || cuts > rounds/70 {
				t.Errorf("%d stages at most, %d cuts", most, cuts)
			}
			late := weigh(t, dir)
			t.Logf("after 200 rounds %+v, after %d %+v", early, rounds, late)
			if late.heap > early.heap+2<<20 || late.goroutines > early.goroutines+2 || late.files > early.files+300 {
				t.Errorf("after 200 rounds %+v, after %d %+v", early, rounds, late)
			}
			if n := strings.Count(said.String(), "has a long lineage"); n != 1 || !strings.Contains(said.String(), "cut_test.go:") {
				t.Errorf("the user was told %d times: %s", n, said)
			}
			if n := strings.Count(log.String(), "lineage cut"); n != cuts {
				t.Errorf("%d lines in the log of %d cuts", n, cuts)
			}
		})
	}
	_ = plan.ActionDone
	_ = fmt.Sprint
}
