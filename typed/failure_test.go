package typed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// line is the line after the one that calls it, with its file.
func line() string {
	_, file, n, _ := runtime.Caller(1)
	return fmt.Sprint(filepath.Base(file), ":", n+1)
}

// TestErrorsOfLazyOperators come out of the first action and of Err, with the
// operator's line.
func TestErrorsOfLazyOperators(t *testing.T) {
	s, other := open(t, typed.Options{}), open(t, typed.Options{})
	x := s.Range(10)
	p := x.KeyBy(func(i int64) int64 { return i })
	type bad struct{ F func() }
	tests := map[string]struct {
		r    typed.RDD[int64]
		want string
	}{
		"repartition to 0":    {x.Repartition(0), `^Repartition \(failure_test.go:\d+\): 0 partitions`},
		"repartition to −1":   {x.Repartition(-1), `^Repartition \(.*-1 partitions`},
		"repartition to many": {x.Repartition(plan.MaxPartitions + 1), `^Repartition \(failure_test.go:\d+\): 1000001 partitions`},
		"two sessions":        {x.Union(other.Range(3)), `^Union \(failure_test.go:\d+\).* two sessions`},
		"join of two sessions": {
			p.Join(other.Range(3).KeyBy(func(i int64) int64 { return i }), func(a, _ int64) int64 { return a }).Values(),
			`^Join \(failure_test.go:\d+\).* two sessions`,
		},
		"element":       {x.Map(func(int64) bad { return bad{} }).Repartition(2).Map(func(bad) int64 { return 0 }), `^Repartition \(failure_test.go:\d+\): .*func\(\)`},
		"slice element": {s.Parallelize([]chan int{nil}, 1).Map(func(chan int) int64 { return 0 }), `^Parallelize \(failure_test.go:\d+\): .*chan int`},
		"key": {
			x.KeyBy(func(i int64) *int64 { return &i }).ReduceByKey(func(a, _ int64) int64 { return a }).Values(),
			`^ReduceByKey \(failure_test.go:\d+\): key: .*\*int64`,
		},
		"combination": {
			p.CombineByKey(func(int64) bad { return bad{} }, func(b bad, _ int64) bad { return b }, func(b, _ bad) bad { return b }).
				Values().Map(func(bad) int64 { return 0 }),
			`^CombineByKey \(failure_test.go:\d+\): .*func\(\)`,
		},
		"partitions of a shuffle": {p.ReduceByKey(func(a, _ int64) int64 { return a }, typed.Partitions(-3)).Values(), `^ReduceByKey \(failure_test.go:\d+\): -3 partitions`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.r.Map(func(i int64) int64 { return i }).Count(ctx)
			want := regexp.MustCompile(test.want)
			if err == nil || !want.MatchString(err.Error()) {
				t.Errorf("Count: %v, want %s", err, want)
			}
			if e := test.r.Err(); e == nil || !want.MatchString(e.Error()) {
				t.Errorf("Err: %v", e)
			}
		})
	}
	if _, err := x.Map(func(int64) bad { return bad{} }).Count(ctx); err != nil {
		t.Errorf("rows that do not travel need no code: %v", err)
	}
	_, err := x.Map(func(int64) bad { return bad{} }).Collect(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "Collect (failure_test.go:") {
		t.Errorf("Collect of what cannot be encoded: %v", err)
	}
}

func TestErrorsOfSources(t *testing.T) {
	s := open(t, typed.Options{})
	missing := filepath.Join(t.TempDir(), "missing.txt")
	_, err := s.TextFile(missing).Count(ctx)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := s.TextFile(missing, typed.Partitions(-1)).Count(ctx); err == nil || !strings.HasPrefix(err.Error(), "TextFile (failure_test.go:") {
		t.Errorf("partitions: %v", err)
	}
	dir := t.TempDir()
	if err := s.Range(1).SaveAsTextFile(ctx, dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("output that is there: %v", err)
	}
	type point struct{ X int }
	if err := s.Parallelize([]point{{1}}, 1).SaveAsTextFile(ctx, dir+"/a"); err == nil || !strings.Contains(err.Error(), "typed.Format") {
		t.Errorf("rows without text: %v", err)
	}
	err = s.Range(1).SaveAsTextFile(ctx, dir+"/b", typed.Format(func(s string) string { return s }))
	if err == nil || !strings.HasPrefix(err.Error(), "SaveAsTextFile (failure_test.go:") {
		t.Errorf("wrong Format: %v", err)
	}
}

// TestFailureNamesItsPlace looks at the error of a panic and of an error in
// user code, over text and over other rows.
func TestFailureNamesItsPlace(t *testing.T) {
	s := open(t, typed.Options{})
	path := write(t, "in.txt", strings.Repeat("12345\n", 10)+"x\n12345\n")
	text := s.TextFile(path, typed.Partitions(1))
	boom := s.Range(1000, typed.Partitions(4)).Filter(func(i int64) bool { return i%2 == 0 })
	// Tasks of several partitions may get there at the same time.
	var at atomic.Value
	tests := map[string]struct {
		run  func() error
		want []string
	}{
		"panic over text": {func() error {
			return text.Map(func(row string) int {
				if row == "x" {
					at.Store(line())
					panic("what is x")
				}
				return len(row)
			}).ForEach(ctx, func(int) {})
		}, []string{"panic: what is x", `stage "TextFile → Map → ForEach"`, "partition 0", "row 10", path + " at byte 60"}},
		"runtime error": {func() error {
			_, err := boom.Map(func(i int64) int64 {
				at.Store(line())
				return 10 / (i - 600)
			}).Count(ctx)
			return err
		}, []string{"integer divide by zero", "partition 2", "row 100"}},
		"error of Try": {func() error {
			_, err := text.TryMap(strconv.Atoi).Collect(ctx)
			at.Store("TryMap (failure_test.go:")
			return err
		}, []string{`parsing "x": invalid syntax`, "row 10", path + " at byte 60"}},
		"in a reduce": {func() error {
			_, err := boom.KeyBy(func(i int64) int64 { return i % 3 }).ReduceByKey(func(a, b int64) int64 {
				at.Store(line())
				panic(errors.New("no sums"))
			}).Count(ctx)
			return err
		}, []string{"panic: no sums", "ReduceByKey (failure_test.go:"}},
		"in an action": {func() error {
			return boom.ForEachPartition(ctx, func(t *typed.Task, rows iter.Seq[int64]) error {
				at.Store("ForEachPartition")
				return errors.New("not today")
			})
		}, []string{"not today", "stage"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.run()
			var stage *plan.StageError
			if !errors.As(err, &stage) {
				t.Fatalf("got %v, want a StageError", err)
			}
			for _, want := range append(test.want, at.Load().(string)) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %q in it", err, want)
				}
			}
		})
	}
}

func TestGoexitInUserCode(t *testing.T) {
	s := open(t, typed.Options{})
	_, err := s.Range(10).Map(func(i int64) int64 {
		if i == 7 {
			runtime.Goexit()
		}
		return i
	}).Collect(ctx)
	if err == nil || !strings.Contains(err.Error(), "runtime.Goexit") || !strings.Contains(err.Error(), "Map (failure_test.go:") {
		t.Errorf("got %v", err)
	}
	if n, err := s.Range(10).Count(ctx); err != nil || n != 10 {
		t.Errorf("the session is of no use any more: %d, %v", n, err)
	}
}

// rejected adds up what an action's stages rejected.
func rejected(st plan.ActionStatus) (n int64) {
	for i := range st.Stages {
		if !st.Stages[i].Skipped {
			n += st.Stages[i].Counters.Rejected
		}
	}
	return n
}

func linesIn(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, name := range files(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), "\n")
	}
	return n
}

func TestPolicies(t *testing.T) {
	path := write(t, "in.txt", "1\nbad\n3\nworse\n5\n")
	numbers := func(s *typed.Session) typed.RDD[int] {
		return s.TextFile(path, typed.Partitions(1)).TryMap(strconv.Atoi)
	}
	t.Run("skip", func(t *testing.T) {
		w := &watch{}
		s := open(t, typed.Options{Policy: typed.Skip(0), Observe: w.see})
		got, err := numbers(s).Collect(ctx)
		if err != nil || !slices.Equal(got, []int{1, 3, 5}) {
			t.Errorf("got %v, %v", got, err)
		}
		if n := w.actions()[0].Stages[0].Counters.Rejected; n != 2 {
			t.Errorf("%d rows were counted as rejected", n)
		}
	})
	t.Run("each action counts what it computes", func(t *testing.T) {
		w := &watch{}
		dir := filepath.Join(t.TempDir(), "bad")
		s := open(t, typed.Options{Policy: typed.SetAside(dir, 0), Observe: w.see})
		r := numbers(s)
		sorted := r.SortBy(func(n int) int { return -n })
		pairs := sorted.KeyBy(func(n int) int { return n })
		lines := 0
		for i, act := range []struct {
			name     string
			run      func() (int64, error)
			rejected int64
		}{
			{"first", func() (int64, error) { return r.Count(ctx) }, 2},
			{"again", func() (int64, error) { return r.Count(ctx) }, 2},
			{"sort", func() (int64, error) { return sorted.Count(ctx) }, 2},
			{"behind the shuffle", func() (int64, error) { return sorted.Count(ctx) }, 0},
			{"another sort of the shuffle", func() (int64, error) { return typed.SortByKey(pairs).Count(ctx) }, 0},
			{"twice in one", func() (int64, error) { return r.Union(r).Count(ctx) }, 4},
		} {
			if _, err := act.run(); err != nil {
				t.Errorf("%s: %v", act.name, err)
			}
			if n := rejected(w.actions()[i]); n != act.rejected {
				t.Errorf("%s: %d rows were counted as rejected, want %d", act.name, n, act.rejected)
			}
			lines += int(act.rejected)
			if n := linesIn(t, dir); n != lines {
				t.Errorf("%s: %d rows are set aside, want %d", act.name, n, lines)
			}
		}
	})
	t.Run("a sort fails at the first look", func(t *testing.T) {
		s := open(t, typed.Options{Policy: typed.Skip(1)})
		if _, err := numbers(s).SortBy(func(n int) int { return n }).Count(ctx); err == nil || !strings.Contains(err.Error(), "more than 1 rows") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("skip a few", func(t *testing.T) {
		if _, err := numbers(open(t, typed.Options{Policy: typed.Skip(1)})).Collect(ctx); err == nil || !strings.Contains(err.Error(), "more than 1 rows") {
			t.Errorf("got %v", err)
		}
		if got, err := numbers(open(t, typed.Options{Policy: typed.Skip(2)})).Collect(ctx); err != nil || len(got) != 3 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("set aside", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "bad")
		got, err := numbers(open(t, typed.Options{Policy: typed.SetAside(dir, 0)})).Collect(ctx)
		if err != nil || !slices.Equal(got, []int{1, 3, 5}) {
			t.Fatalf("got %v, %v", got, err)
		}
		names := files(t, dir)
		if len(names) != 1 {
			t.Fatalf("files %v", names)
		}
		text, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		for i, want := range []string{path + "\t2\t", path + "\t8\t"} {
			if i >= len(lines) || !strings.HasPrefix(lines[i], want) || !strings.Contains(lines[i], "invalid syntax") {
				t.Errorf("line %d of %q, want it to begin with %q", i, lines, want)
			}
		}
	})
	t.Run("set aside, but the job fails", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "bad")
		if _, err := numbers(open(t, typed.Options{Policy: typed.SetAside(dir, 1)})).Collect(ctx); err == nil {
			t.Error("no error")
		}
		if left := files(t, dir); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("reject", func(t *testing.T) {
		s := open(t, typed.Options{Policy: typed.Skip(0)})
		got, err := s.Range(6, typed.Partitions(1)).MapPartitions(func(task *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
			return func(yield func(int64) bool) {
				for i := range rows {
					if i%2 == 1 {
						task.Reject(i, errors.New("odd"))
						continue
					}
					if !yield(i) {
						return
					}
				}
			}
		}).Collect(ctx)
		if err != nil || !slices.Equal(got, []int64{0, 2, 4}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestCancelEndsWithinASecond cancels while tasks run: code that heeds its
// task's context, and plain code between rows.
func TestCancelEndsWithinASecond(t *testing.T) {
	why := errors.New("enough")
	began := make(chan struct{}, 100)
	begin := func() {
		select {
		case began <- struct{}{}:
		default:
		}
	}
	tests := map[string]func(s *typed.Session, ctx context.Context) error{
		"endless rows": func(s *typed.Session, ctx context.Context) error {
			return s.Range(1<<50).ForEach(ctx, func(int64) { begin() })
		},
		"waits for its context": func(s *typed.Session, ctx context.Context) error {
			return s.Range(10).ForEachPartition(ctx, func(t *typed.Task, _ iter.Seq[int64]) error {
				begin()
				<-t.Done()
				return t.Err()
			})
		},
		"shuffle": func(s *typed.Session, ctx context.Context) error {
			_, err := s.Range(1 << 50).KeyBy(func(i int64) int64 { begin(); return i % 1000 }).
				ReduceByKey(func(a, b int64) int64 { return a + b }).Count(ctx)
			return err
		},
		"sort": func(s *typed.Session, ctx context.Context) error {
			_, err := s.Range(1 << 50).Map(func(i int64) int64 { begin(); return -i }).Repartition(3).Count(ctx)
			return err
		},
		"output": func(s *typed.Session, ctx context.Context) error {
			out := filepath.Join(t.TempDir(), "out")
			err := s.Range(1<<50).Map(func(i int64) int64 { begin(); return i % 10 }).SaveAsTextFile(ctx, out)
			if left := files(t, filepath.Dir(out)); len(left) > 0 {
				t.Errorf("left beside the output: %v", left)
			}
			return err
		},
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, typed.Options{}) // whose end looks for what is left in Scratch
			ctx, cancel := context.WithCancelCause(ctx)
			ended := make(chan error, 1)
			go func() { ended <- run(s, ctx) }()
			<-began
			cancel(why)
			late := time.AfterFunc(time.Minute, func() { panic("the action does not end") })
			defer late.Stop()
			if err := <-ended; !errors.Is(err, why) {
				t.Errorf("got %v, want the cause", err)
			}
			for len(began) > 0 {
				<-began
			}
		})
	}
}

func TestClosedAndCancelledSessions(t *testing.T) {
	cctx, cancel := context.WithCancel(ctx)
	scratch := t.TempDir()
	s, err := typed.NewSession(cctx, typed.Options{Scratch: scratch, Notices: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Range(3)
	cancel()
	if _, err := r.Count(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "Count (failure_test.go:") {
		t.Errorf("after the session's context ended: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := r.Count(ctx); err == nil || !strings.HasPrefix(err.Error(), "Count (failure_test.go:") ||
		!strings.Contains(err.Error(), "the session is closed: ") {
		t.Errorf("a closed session counts, or does not say what it is: %v", err)
	}
	large := s.Parallelize(make([]string, 5<<20), 1) // goes to no directory
	if _, err := large.Count(ctx); err == nil {
		t.Error("a closed session counts what it got later")
	}
	if left := files(t, scratch); len(left) > 0 {
		t.Errorf("left in scratch: %v", left)
	}
	if _, err := typed.NewSession(ctx, typed.Options{Memory: 1}); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("too little memory: %v", err)
	}
}

// TestSecondActionSkipsShuffles looks at which stages run.
func TestSecondActionSkipsShuffles(t *testing.T) {
	w := &watch{}
	s := open(t, typed.Options{Observe: w.see})
	var calls atomic.Int64
	sums := s.Range(100).KeyBy(func(i int64) int64 { calls.Add(1); return i % 5 }).ReduceByKey(add)
	for i, want := range []int{0, 1, 1} {
		if n, err := sums.Count(ctx); err != nil || n != 5 {
			t.Fatalf("count %d, %v", n, err)
		}
		skipped := 0
		for _, st := range w.actions()[i].Stages {
			if st.Skipped {
				skipped++
			}
		}
		if skipped != want {
			t.Errorf("action %d skipped %d stages, want %d", i, skipped, want)
		}
	}
	if calls.Load() != 100 {
		t.Errorf("%d calls before the shuffle, want 100", calls.Load())
	}
}

func TestSeveralActionsAtOnce(t *testing.T) {
	s := open(t, typed.Options{Cores: 3})
	sums := s.Range(1000).KeyBy(func(i int64) int64 { return i % 7 }).ReduceByKey(add)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			switch i % 4 {
			case 0:
				if n, err := sums.Count(ctx); err != nil || n != 7 {
					t.Errorf("Count: %d, %v", n, err)
				}
			case 1:
				if sum, err := sums.Values().Reduce(ctx, add); err != nil || sum != 499_500 {
					t.Errorf("Reduce: %d, %v", sum, err)
				}
			case 2:
				got, err := sums.With(int64(i)).MapValues(func(e, v int64) int64 { return e * v }).Values().Reduce(ctx, add)
				if err != nil || got != int64(i)*499_500 {
					t.Errorf("With: %d, %v", got, err)
				}
			case 3:
				if _, err := sums.TryMap(func(k, v int64) (int64, error) { return 0, errors.New("mine alone") }).Count(ctx); err == nil {
					t.Error("no error")
				}
			}
		})
	}
	wg.Wait()
}
