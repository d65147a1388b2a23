package typed_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/typed"
)

func add(a, b int64) int64 { return a + b }

func TestActionsOverNothing(t *testing.T) {
	s := open(t, typed.Options{})
	nothing := map[string]typed.RDD[int64]{
		"no partitions":    s.Empty[int64](),
		"empty partitions": s.Range(0, typed.Partitions(3)),
		"filtered":         s.Range(10, typed.Partitions(20)).Filter(func(int64) bool { return false }),
		"after a shuffle":  s.Empty[int64]().Repartition(2),
		"sorted":           s.Empty[int64]().SortBy(func(i int64) int64 { return i }),
		"union":            s.Empty[int64]().Union(s.Empty[int64](), s.Range(0)),
	}
	for name, r := range nothing {
		t.Run(name, func(t *testing.T) {
			if _, err := r.First(ctx); !errors.Is(err, typed.ErrEmpty) || !strings.Contains(err.Error(), "First (action_test.go:") {
				t.Errorf("First: %v, want ErrEmpty with its line", err)
			}
			if _, err := r.Reduce(ctx, add); !errors.Is(err, typed.ErrEmpty) || !strings.Contains(err.Error(), "Reduce (action_test.go:") {
				t.Errorf("Reduce: %v, want ErrEmpty with its line", err)
			}
			if rows, err := r.Collect(ctx); err != nil || rows == nil || len(rows) > 0 {
				t.Errorf("Collect: %v, %v, want an empty slice", rows, err)
			}
			if rows, err := r.Take(ctx, 3); err != nil || len(rows) > 0 {
				t.Errorf("Take: %v, %v", rows, err)
			}
			if rows, err := r.TakeOrdered(ctx, 3, cmp.Compare[int64]); err != nil || len(rows) > 0 {
				t.Errorf("TakeOrdered: %v, %v", rows, err)
			}
			if n, err := r.Count(ctx); err != nil || n != 0 {
				t.Errorf("Count: %d, %v", n, err)
			}
			if err := r.ForEach(ctx, func(int64) { panic("a row of nothing") }); err != nil {
				t.Errorf("ForEach: %v", err)
			}
			for row, err := range r.All(ctx) {
				t.Errorf("All: %v, %v", row, err)
			}
			if err := r.SaveAsTextFile(ctx, t.TempDir()+"/out"); err != nil {
				t.Errorf("SaveAsTextFile: %v", err)
			}
		})
	}
}

// TestFoldsZero says that zero enters once a partition and once in the end.
// TestNothingIsASlice: no rows are an empty slice, not nil, as they always were.
func TestNothingIsASlice(t *testing.T) {
	s := open(t, typed.Options{})
	rows := s.Range(3)
	none := rows.Filter(func(int64) bool { return false })
	for name, f := range map[string]func() ([]int64, error){
		"collect":        func() ([]int64, error) { return none.Collect(ctx) },
		"take":           func() ([]int64, error) { return none.Take(ctx, 5) },
		"take none":      func() ([]int64, error) { return rows.Take(ctx, 0) },
		"least":          func() ([]int64, error) { return none.TakeOrdered(ctx, 5, cmp.Compare[int64]) },
		"the least none": func() ([]int64, error) { return rows.TakeOrdered(ctx, 0, cmp.Compare[int64]) },
	} {
		if got, err := f(); got == nil || len(got) != 0 || err != nil {
			t.Errorf("%s: got %#v, %v", name, got, err)
		}
	}
}

func TestFoldsZero(t *testing.T) {
	s := open(t, typed.Options{})
	for _, p := range []int{1, 2, 7, 100} {
		for _, n := range []int64{0, 1, 10} {
			got, err := s.Range(n, typed.Partitions(p)).Fold(ctx, 1, add)
			if want := n*(n-1)/2 + int64(p) + 1; err != nil || got != want {
				t.Errorf("%d rows in %d partitions: got %d, %v, want %d", n, p, got, err, want)
			}
		}
	}
	if got, err := s.Empty[int64]().Fold(ctx, 5, add); err != nil || got != 5 {
		t.Errorf("no partitions: got %d, %v, want 5", got, err)
	}
}

// TestFoldsZeroIsNotChanged folds into a zero that is a slice.
func TestFoldsZeroIsNotChanged(t *testing.T) {
	s := open(t, typed.Options{})
	zero := make([]int64, 1, 10)
	got, err := s.Range(6, typed.Partitions(3)).Map(func(i int64) []int64 { return []int64{i} }).
		Fold(ctx, zero, func(a, b []int64) []int64 {
			a[0] += b[0]
			return append(a, b[1:]...)
		})
	if err != nil || got[0] != 15 || zero[0] != 0 {
		t.Errorf("got %v, %v, zero %v", got, err, zero)
	}
}

// TestActionsKeepPartitionOrder combines by an operation that is not
// commutative.
func TestActionsKeepPartitionOrder(t *testing.T) {
	s := open(t, typed.Options{Cores: 4})
	words := s.Range(50, typed.Partitions(13)).Map(func(i int64) string { return fmt.Sprint(i, " ") })
	var want strings.Builder
	for i := range 50 {
		fmt.Fprint(&want, i, " ")
	}
	for range 5 {
		if got, err := words.Reduce(ctx, func(a, b string) string { return a + b }); err != nil || got != want.String() {
			t.Fatalf("Reduce: got %q, %v", got, err)
		}
		if got, err := words.Fold(ctx, "", func(a, b string) string { return a + b }); err != nil || got != want.String() {
			t.Fatalf("Fold: got %q, %v", got, err)
		}
		got, err := words.Aggregate(ctx, func() []byte { return nil },
			func(a *[]byte, w string) { *a = append(*a, w...) }, func(a, b *[]byte) { *a = append(*a, *b...) })
		if err != nil || string(got) != want.String() {
			t.Fatalf("Aggregate: got %q, %v", got, err)
		}
	}
}

func TestTakeComputesFewRowsAndPartitions(t *testing.T) {
	s := open(t, typed.Options{})
	var rows, partitions atomic.Int64
	r := s.Range(100_000, typed.Partitions(100)).MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
		partitions.Add(1)
		return rows
	}).Map(func(i int64) int64 { rows.Add(1); return 2 * i })
	tests := []struct {
		n           int
		parts, rows int64
	}{
		{n: 0},
		{n: 1, parts: 1, rows: 1},
		{n: 3, parts: 1, rows: 3},
		{n: 1000, parts: 1, rows: 1000},
		{n: 1001, parts: 5, rows: 1000 + 4},
		{n: 6000, parts: 21, rows: 5000 + 16*1000},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.n), func(t *testing.T) {
			rows.Store(0)
			partitions.Store(0)
			got, err := r.Take(ctx, test.n)
			if err != nil || len(got) != test.n {
				t.Fatalf("got %d rows, %v", len(got), err)
			}
			for i, v := range got {
				if v != int64(2*i) {
					t.Fatalf("row %d is %d", i, v)
				}
			}
			if partitions.Load() > test.parts || rows.Load() > test.rows {
				t.Errorf("%d partitions and %d rows were computed, want at most %d and %d", partitions.Load(), rows.Load(), test.parts, test.rows)
			}
		})
	}
	rows.Store(0)
	if got, err := r.Take(ctx, 1_000_000); err != nil || len(got) != 100_000 {
		t.Errorf("more than there are: got %d, %v", len(got), err)
	}
}

// TestTakeStopsBeforeABadRow goes through chains that give more or fewer rows
// than they take.
func TestTakeStopsBeforeABadRow(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(100, typed.Partitions(1)).
		TryMap(func(i int64) (int64, error) {
			if i > 12 {
				return 0, errors.New("too far")
			}
			return i, nil
		})
	tests := map[string]struct {
		r    typed.RDD[int64]
		n    int
		want []int64
	}{
		"as they are": {r, 13, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"fewer":       {r.Filter(func(i int64) bool { return i%2 == 1 }), 4, []int64{1, 3, 5, 7}},
		"more":        {r.FlatMap(func(i int64) iter.Seq[int64] { return slices.Values([]int64{i, i}) }), 5, []int64{0, 0, 1, 1, 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := test.r.Take(ctx, test.n); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
			if _, err := test.r.Collect(ctx); err == nil || !strings.Contains(err.Error(), "too far") {
				t.Errorf("Collect: %v", err)
			}
		})
	}
}

func TestTakeOrderedAndTop(t *testing.T) {
	s := open(t, typed.Options{})
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]int, 5000)
	for i := range rows {
		rows[i] = r.IntN(300)
	}
	sorted := slices.Sorted(slices.Values(rows))
	down := slices.Clone(sorted)
	slices.Reverse(down)
	x := s.Parallelize(rows, 6)
	for _, n := range []int{0, 1, 2, 100, 4999, 5000, 5001, 1 << 40} {
		least, err := x.TakeOrdered(ctx, n, cmp.Compare[int])
		if want := sorted[:min(n, len(sorted))]; err != nil || !slices.Equal(least, want) {
			t.Errorf("TakeOrdered %d: %d rows, %v", n, len(least), err)
		}
		top, err := x.Top(ctx, n, cmp.Compare[int])
		if want := down[:min(n, len(down))]; err != nil || !slices.Equal(top, want) {
			t.Errorf("Top %d: %d rows, %v", n, len(top), err)
		}
	}
	for name, take := range map[string]func() ([]int, error){
		"TakeOrdered": func() ([]int, error) { return x.TakeOrdered(ctx, -1, cmp.Compare[int]) },
		"Top":         func() ([]int, error) { return x.Top(ctx, -1, cmp.Compare[int]) },
		"Take":        func() ([]int, error) { return x.Take(ctx, -1) },
	} {
		if _, err := take(); err == nil || !strings.HasPrefix(err.Error(), name+" (action_test.go:") || !strings.Contains(err.Error(), "-1 rows") {
			t.Errorf("%s of -1 rows: %v, want an error with its line", name, err)
		}
	}
}

// TestTakeOrderedIsStable takes of equal rows the first ones.
func TestTakeOrderedIsStable(t *testing.T) {
	s := open(t, typed.Options{})
	byFirst := func(a, b string) int { return cmp.Compare(a[0], b[0]) }
	x := s.Parallelize([]string{"b1", "a1", "b2", "a2", "b3", "a3"}, 3)
	got, err := x.TakeOrdered(ctx, 4, byFirst)
	if want := []string{"a1", "a2", "a3", "b1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("TakeOrdered: got %v, %v, want %v", got, err, want)
	}
	got, err = x.Top(ctx, 2, byFirst)
	if want := []string{"b1", "b2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Top: got %v, %v, want %v", got, err, want)
	}
}

func TestAllGivesEverythingInOrder(t *testing.T) {
	s := open(t, typed.Options{Cores: 4})
	want := int64(0)
	for row, err := range s.Range(10_000, typed.Partitions(37)).All(ctx) {
		if err != nil || row != want {
			t.Fatalf("got %d, %v, want %d", row, err, want)
		}
		want++
	}
	if want != 10_000 {
		t.Errorf("%d rows", want)
	}
}

func TestAllStopsEarly(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var ran atomic.Int64
	r := s.Range(1000, typed.Partitions(1000)).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
		if t.Partition() >= 500 { // before the loop has ended
			<-t.Done()
		}
		ran.Add(1)
		return rows
	})
	for row, err := range r.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if row == 3 {
			break
		}
	}
	after := ran.Load()
	if after > 600 {
		t.Errorf("%d partitions ran", after)
	}
	// Nothing runs any more.
	if n, err := s.Range(10).Count(ctx); err != nil || n != 10 || ran.Load() != after {
		t.Errorf("count %d, %v; %d rows were computed after the loop", n, err, ran.Load()-after)
	}
}

func TestAllGivesTheErrorLast(t *testing.T) {
	s := open(t, typed.Options{Cores: 1})
	r := s.Range(4, typed.Partitions(4)).TryMap(func(i int64) (int64, error) {
		if i == 2 {
			return 0, errors.New("no two")
		}
		return i, nil
	})
	var rows []int64
	var last error
	for row, err := range r.All(ctx) {
		if last != nil {
			t.Fatal("something comes after the error")
		}
		if last = err; err == nil {
			rows = append(rows, row)
		}
	}
	if !slices.Equal(rows, []int64{0, 1}) || last == nil || !strings.Contains(last.Error(), "no two") {
		t.Errorf("got %v, then %v", rows, last)
	}
	// An error that is known before anything runs comes the same way.
	for _, err := range s.Range(3).Repartition(-1).All(ctx) {
		if err == nil || !strings.Contains(err.Error(), "Repartition") {
			t.Errorf("got %v", err)
		}
	}
}

// TestAllPanicsInTheLoop leaves nothing behind when the loop's body panics.
func TestAllPanicsInTheLoop(t *testing.T) {
	s := open(t, typed.Options{})
	func() {
		defer func() {
			if v := recover(); v != "in the loop" {
				t.Errorf("recovered %v", v)
			}
		}()
		for _, err := range s.Range(100).All(ctx) {
			_ = err
			panic("in the loop")
		}
	}()
	if n, err := s.Range(10).Count(ctx); err != nil || n != 10 {
		t.Errorf("count %d, %v", n, err)
	}
}

func TestMaxResultSizeNamesTheActionsLine(t *testing.T) {
	s := open(t, typed.Options{MaxResultSize: 100_000})
	big := s.Range(1_000_000, typed.Partitions(8)).Map(func(i int64) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 })
	_, err := big.Collect(ctx)
	if !errors.Is(err, driver.ErrResultTooLarge) || !strings.Contains(err.Error(), "Collect (action_test.go:") {
		t.Errorf("got %v, want ErrResultTooLarge with the line", err)
	}
	if n, err := big.Count(ctx); err != nil || n != 1_000_000 {
		t.Errorf("Count: %d, %v", n, err)
	}
	n := 0
	for _, err := range big.All(ctx) { // one partition after the other
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 1_000_000 {
		t.Errorf("All gave %d rows", n)
	}
}

func TestCountByKeyAndCollectAsMap(t *testing.T) {
	s := open(t, typed.Options{})
	p := s.Range(1000, typed.Partitions(7)).MapToPair(func(i int64) (int64, int64) { return i % 13, i })
	counts, err := p.CountByKey(ctx)
	last, err2 := p.CollectAsMap(ctx)
	if err != nil || err2 != nil || len(counts) != 13 || len(last) != 13 {
		t.Fatalf("%v, %v, %v, %v", counts, last, err, err2)
	}
	for k := range int64(13) {
		want := int64(1000 / 13)
		if k < 1000%13 {
			want++
		}
		if counts[k] != want {
			t.Errorf("key %d: count %d, want %d", k, counts[k], want)
		}
		if latest := k + 13*(want-1); last[k] != latest {
			t.Errorf("key %d: value %d, want the last, %d", k, last[k], latest)
		}
	}
	if m, err := s.Empty[int64]().KeyBy(func(i int64) int64 { return i }).CountByKey(ctx); err != nil || m == nil || len(m) > 0 {
		t.Errorf("of nothing: %v, %v", m, err)
	}
}

// TestTopOfMoreThanThereCanBe compares each row a few times only.
func TestTopOfMoreThanThereCanBe(t *testing.T) {
	s := open(t, typed.Options{})
	const rows = 20_000
	var compared atomic.Int64
	got, err := s.Range(rows, typed.Partitions(2)).Top(ctx, math.MaxInt, func(a, b int64) int {
		compared.Add(1)
		return cmp.Compare(a, b)
	})
	if len(got) != rows || err != nil || compared.Load() > 100*rows {
		t.Errorf("got %d rows, %v, after %d comparisons", len(got), err, compared.Load())
	}
}
