package acceptance_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

var ctx = context.Background()

// shared is the session of all tests that need none of their own.
var shared = sync.OnceValue(func() *typed.Session {
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2, Notices: io.Discard, Closures: true})
	if err != nil {
		panic(err)
	}
	return s
})

// closing runs the tests and closes what they share, before leaks are sought.
type closing struct{ *testing.M }

func (m closing) Run() int {
	code := m.M.Run()
	if err := shared().Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(closing{m}) }

// open starts a session that the test's end closes.
func open(ctx context.Context, t *testing.T, o typed.Options) *typed.Session {
	t.Helper()
	o.Scratch, o.Notices, o.Closures = t.TempDir(), io.Discard, true
	o.Cores = cmp.Or(o.Cores, 2)
	s, err := typed.NewSession(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// promise is one behaviour: what a pipeline gives, or how it fails.
type promise struct {
	does  string
	run   func(s *typed.Session) (any, error)
	want  any
	fails string // a regular expression; "" where it succeeds
}

// check runs each promise on the shared session.
func check(t *testing.T, all []promise) {
	t.Helper()
	for _, p := range all {
		t.Run(p.does, func(t *testing.T) {
			got, err := p.run(shared())
			switch {
			case p.fails != "":
				if err == nil || !regexp.MustCompile(p.fails).MatchString(err.Error()) {
					t.Errorf("got %v, error %v, want one like %q", got, err, p.fails)
				}
			case err != nil:
				t.Error(err)
			case !reflect.DeepEqual(got, p.want):
				t.Errorf("got  %#v\nwant %#v", got, p.want)
			}
		})
	}
}

// rows collects an RDD in its order; no rows are an empty slice.
func rows[T any](r typed.RDD[T]) (any, error) { return r.Collect(ctx) }

// sorted collects an RDD whose order nobody promises.
func sorted[T cmp.Ordered](r typed.RDD[T]) (any, error) {
	all, err := r.Collect(ctx)
	slices.Sort(all)
	return all, err
}

// byKey collects pairs whose order nobody promises as "key=value".
func byKey[K cmp.Ordered, V any](p typed.PairRDD[K, V]) (any, error) {
	return sorted(p.Map(func(k K, v V) string { return fmt.Sprintf("%v=%v", k, v) }))
}

// lengths gives how many rows each partition has.
func lengths[T any](r typed.RDD[T]) ([]int, error) {
	return typed.Glom(r).Map(func(rows []T) int { return len(rows) }).Collect(ctx)
}

// placed gives "partition:key" of each pair, which tells where it is.
func placed[K cmp.Ordered, V any](p typed.PairRDD[K, V]) ([]string, error) {
	all, err := p.MapPartitions(func(t *typed.Task, rows iter.Seq2[K, V]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for k := range rows {
				if !yield(fmt.Sprintf("%d:%v", t.Partition(), k)) {
					return
				}
			}
		}
	}).Collect(ctx)
	slices.Sort(all)
	return all, err
}

// watch keeps the last picture of each action.
type watch struct {
	mu   sync.Mutex
	last plan.ActionStatus
}

func (w *watch) see(st plan.ActionStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st.State.Ended() {
		w.last = st
	}
}

// stages is how many stages the last action had.
func (w *watch) stages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.last.Stages)
}

func add(a, b int64) int64      { return a + b }
func joined(a, b string) string { return a + b }
