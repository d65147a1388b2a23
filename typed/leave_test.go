package typed_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// cutShort writes compressed lines whose end is missing.
func cutShort(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	for i := range 500_000 {
		_, _ = fmt.Fprintln(z, i)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "in.gz")
	if err := os.WriteFile(path, []byte(b.String()[:b.Len()-b.Len()/4]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPartOfAPartitionIsNotTheWhole: a function that ranges over a partition
// does not come to the end of the rows when only a part of them could be read.
func TestPartOfAPartitionIsNotTheWhole(t *testing.T) {
	s := open(t, typed.Options{})
	text := s.TextFile(cutShort(t))
	var rows, ends atomic.Int64
	err := text.ForEachPartition(ctx, func(_ *typed.Task, lines iter.Seq[string]) error {
		for range lines {
			rows.Add(1)
		}
		ends.Add(1)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "truncated") || rows.Load() == 0 || ends.Load() != 0 {
		t.Errorf("ForEachPartition: %d rows, %d ends, %v", rows.Load(), ends.Load(), err)
	}
	if !strings.HasPrefix(err.Error(), "ForEachPartition (leave_test.go:") {
		t.Errorf("the error does not name the action: %v", err)
	}
	err = text.KeyBy(func(string) int { return 1 }).ForEachPartition(ctx, func(_ *typed.Task, lines iter.Seq2[int, string]) error {
		next, stop := iter.Pull2(lines)
		defer stop()
		for _, _, ok := next(); ok; _, _, ok = next() {
		}
		ends.Add(1)
		return nil
	})
	if err == nil || ends.Load() != 0 {
		t.Errorf("pulled pairs: %d ends, %v", ends.Load(), err)
	}
	_, err = text.MapPartitions(func(_ *typed.Task, lines iter.Seq[string]) iter.Seq[int] {
		return func(yield func(int) bool) {
			for range lines {
			}
			ends.Add(1)
			yield(1)
		}
	}).Count(ctx)
	if err == nil || ends.Load() != 0 {
		t.Errorf("MapPartitions: %d ends, %v", ends.Load(), err)
	}
}

func TestCancelledPartitionIsNotTheWhole(t *testing.T) {
	s := open(t, typed.Options{Cores: 1})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ends atomic.Int64
	err := s.Range(math.MaxInt64, typed.Partitions(1)).ForEachPartition(ctx, func(_ *typed.Task, rows iter.Seq[int64]) error {
		for range rows {
			cancel()
		}
		ends.Add(1)
		return nil
	})
	if cerr := s.Close(); cerr != nil {
		t.Error(cerr)
	}
	if !errors.Is(err, context.Canceled) || ends.Load() != 0 {
		t.Errorf("%d ends, %v", ends.Load(), err)
	}
}

// TestRejectedIsRejected: code that recovers from everything, as handlers do,
// does not make a row that was rejected a good one.
func TestRejectedIsRejected(t *testing.T) {
	s := open(t, typed.Options{})
	_, err := s.Range(20, typed.Partitions(2)).MapPartitions(func(task *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
		return func(yield func(int64) bool) {
			for row := range rows {
				func() {
					defer func() { _ = recover() }()
					if row >= 13 {
						task.Reject(row, errors.New("unlucky"))
					}
				}()
				if !yield(row) {
					return
				}
			}
		}
	}).Collect(ctx)
	var stage *plan.StageError
	if !errors.As(err, &stage) || stage.Row != 3 || !strings.Contains(err.Error(), "unlucky: row 13") ||
		!strings.HasPrefix(err.Error(), "MapPartitions (leave_test.go:") {
		t.Errorf("got %v", err)
	}
}

type rude struct{}

func (rude) Error() string { panic("no words") }

// TestPanicsThatCannotBePrinted end the action, and not the process.
func TestPanicsThatCannotBePrinted(t *testing.T) {
	s := open(t, typed.Options{})
	_, err := s.Range(3).Map(func(int64) int64 { panic(rude{}) }).Count(ctx)
	if err == nil || !strings.Contains(err.Error(), "no words") || !strings.Contains(err.Error(), "Map (leave_test.go:") {
		t.Errorf("got %v", err)
	}
}

// TestLargeRowsInErrors: what an error tells of a row is its beginning.
func TestLargeRowsInErrors(t *testing.T) {
	s := open(t, typed.Options{})
	row := strings.Repeat("é", 1<<20)
	r := s.Parallelize([]string{"a", row}, 1)
	for name, run := range map[string]func() error{
		"rejected": func() error {
			return r.TryMap(func(s string) (int, error) {
				if len(s) > 1 {
					return 0, fmt.Errorf("what is %q", s)
				}
				return 1, nil
			}).ForEach(ctx, func(int) {})
		},
		"panic": func() error {
			return r.Map(func(s string) int {
				if len(s) > 1 {
					panic(s)
				}
				return 1
			}).ForEach(ctx, func(int) {})
		},
		"returned": func() error {
			return r.ForEachPartition(ctx, func(_ *typed.Task, rows iter.Seq[string]) error {
				return errors.New(strings.Join(slices.Collect(rows), ""))
			})
		},
	} {
		err := run()
		var stage *plan.StageError
		if !errors.As(err, &stage) || len(err.Error()) > 20<<10 || !strings.Contains(err.Error(), "éé… (") || stage.Op == "" {
			text := fmt.Sprint(err)
			t.Errorf("%s: an error of %d bytes: %.1000s", name, len(text), text)
		}
		if name != "returned" && stage != nil && stage.Row != 1 {
			t.Errorf("%s: row %d", name, stage.Row)
		}
	}
}

// TestComparisonsThatPanic have no row, and a place.
func TestComparisonsThatPanic(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(20, typed.Partitions(2))
	boom := func(a, b int64) int {
		if a == 13 || b == 13 {
			panic("unlucky")
		}
		return cmp.Compare(a, b)
	}
	_, err := r.SortFunc(boom).Collect(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "SortFunc (leave_test.go:") || !strings.Contains(err.Error(), "unlucky: at leave_test.go:") {
		t.Errorf("SortFunc: %v", err)
	}
	_, err = r.Top(ctx, 3, boom)
	if err == nil || !strings.HasPrefix(err.Error(), "Top (leave_test.go:") || !strings.Contains(err.Error(), "unlucky: at leave_test.go:") {
		t.Errorf("Top: %v", err)
	}
}

// TestPanicsInTheDriver, where the partitions' results come together, are as
// those in tasks.
func TestPanicsInTheDriver(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(2, typed.Partitions(2)) // a task has nothing to compare or to add
	sum := func(_, _ int64) int64 { panic("unlucky") }
	for name, run := range map[string]func() error{
		"Top":         func() error { _, err := r.Top(ctx, 3, func(int64, int64) int { panic("unlucky") }); return err },
		"TakeOrdered": func() error { _, err := r.TakeOrdered(ctx, 3, func(int64, int64) int { panic("unlucky") }); return err },
		"Reduce":      func() error { _, err := r.Reduce(ctx, sum); return err },
		"Aggregate": func() error {
			_, err := r.Aggregate(ctx, func() int64 { return 0 }, func(*int64, int64) {}, func(*int64, *int64) { panic("unlucky") })
			return err
		},
		"Aggregate's zero": func() error {
			_, err := r.Aggregate(ctx, func() int64 { panic("unlucky") }, func(*int64, int64) {}, func(*int64, *int64) {})
			return err
		},
	} {
		err := run()
		action, _, _ := strings.Cut(name, "'")
		var stage *plan.StageError
		if !errors.As(err, &stage) || !strings.HasPrefix(err.Error(), action+" (leave_test.go:") ||
			!strings.Contains(err.Error(), "panic: unlucky: at leave_test.go:") || !strings.HasSuffix(err.Error(), ", in the driver") || stage.Stack == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cutSpilled shortens the files that tasks have spilled to.
func cutSpilled(t *testing.T, scratch string) {
	cut := 0
	err := filepath.WalkDir(scratch, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".tmp" {
			return err
		}
		cut++
		return os.Truncate(path, 1000)
	})
	if err != nil || cut == 0 {
		t.Errorf("%d files cut, %v", cut, err)
	}
}

// TestPartOfAGroupIsNotTheWhole: what a function makes of a part of a group
// goes nowhere.
func TestPartOfAGroupIsNotTheWhole(t *testing.T) {
	for _, kind := range []string{"GroupByKey", "FlatMapGroups", "CoGroup"} {
		scratch := t.TempDir()
		s, err := typed.NewSession(ctx, typed.Options{Cores: 1, Memory: 16 << 20, Scratch: scratch, Notices: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		pairs := s.Range(500_000, typed.Partitions(1)).KeyBy(func(int64) int { return 1 })
		var ends, seen atomic.Int64
		read := func(values iter.Seq[int64]) int64 {
			first := true
			for range values {
				if first {
					cutSpilled(t, scratch)
				}
				first = false
			}
			return ends.Add(1)
		}
		switch kind {
		case "GroupByKey":
			err = pairs.GroupByKey(func(_ int, values iter.Seq[int64]) int64 { return read(values) }).
				ForEach(ctx, func(int, int64) { seen.Add(1) })
		case "FlatMapGroups":
			err = pairs.FlatMapGroups(func(_ int, values iter.Seq[int64]) iter.Seq[int64] {
				return slices.Values([]int64{read(values)})
			}).ForEach(ctx, func(int64) { seen.Add(1) })
		case "CoGroup":
			err = pairs.CoGroup(pairs, func(_ int, left, _ iter.Seq[int64]) iter.Seq[int64] {
				return slices.Values([]int64{read(left)})
			}).ForEach(ctx, func(int, int64) { seen.Add(1) })
		}
		if cerr := s.Close(); cerr != nil {
			t.Error(cerr)
		}
		if err == nil || !strings.Contains(err.Error(), kind) || ends.Load() != 0 || seen.Load() != 0 {
			t.Errorf("%s: %d ends, %d results seen, %v", kind, ends.Load(), seen.Load(), err)
		}
	}
}
