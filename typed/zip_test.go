package typed_test

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// TestWhatCannotBeZipped says which partitions do not fit, and where.
func TestWhatCannotBeZipped(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(10, typed.Partitions(2))
	sum := func(a, b int64) int64 { return a + b }
	even := func(v int64) bool { return v%2 == 0 }
	for name, c := range map[string]struct {
		zipped typed.RDD[int64]
		want   string
	}{
		"partitions":    {r.Zip(s.Range(10, typed.Partitions(3)), sum), "Zip (zip_test.go:25): its inputs have 2 and 3 partitions: give them the same number"},
		"fewer rows":    {r.Zip(r.Filter(even), sum), " of the first RDD has more rows than that of the other"},
		"more rows":     {r.Filter(even).Zip(r, sum), " of the second RDD has more rows than that of the other"},
		"nil":           {r.Zip[int64, int64](r, nil), "Zip (zip_test.go:28): the function is nil"},
		"nil with":      {r.With(1).Zip[int64, int64](r, nil), "Zip (zip_test.go:29): the function is nil"},
		"nil partition": {r.ZipPartitions[int64, int64](r, nil), "ZipPartitions (zip_test.go:30): the function is nil"},
		"two sessions":  {r.Zip(session().Range(10), sum), "Zip (zip_test.go:31) mixes RDDs of two sessions"},
		"nil sequence": {
			r.ZipPartitions(r, func(*typed.Task, iter.Seq[int64], iter.Seq[int64]) iter.Seq[int64] { return nil }),
			"the function gave a nil sequence",
		},
	} {
		if _, err := c.zipped.Collect(ctx); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestFailuresOfEitherSide are those of the operator that failed.
func TestFailuresOfEitherSide(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(10, typed.Partitions(2))
	bad := errors.New("not this one")
	failing := r.TryMap(func(v int64) (int64, error) {
		if v == 7 {
			return 0, bad
		}
		return v, nil
	})
	sum := func(a, b int64) int64 { return a + b }
	for name, zipped := range map[string]typed.RDD[int64]{"left": failing.Zip(r, sum), "right": r.Zip(failing, sum)} {
		_, err := zipped.Collect(ctx)
		var stage *plan.StageError
		if !errors.As(err, &stage) || !strings.HasPrefix(err.Error(), "TryMap (zip_test.go:") || !strings.Contains(err.Error(), "not this one") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := r.Zip(r, func(a, b int64) int64 { return 1 / (a - 7) }).Collect(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "Zip (zip_test.go:") || !strings.Contains(err.Error(), "divide by zero") {
		t.Error(err)
	}
}

// TestWhatIsTakenOfAZip ends both sides early.
func TestWhatIsTakenOfAZip(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(100_000, typed.Partitions(2))
	got, err := r.Zip(r, func(a, b int64) int64 { return a + b }).Take(ctx, 3)
	if want := []int64{0, 2, 4}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestMisuseByKey says what is wrong before anything runs.
func TestMisuseByKey(t *testing.T) {
	s := open(t, typed.Options{})
	p := s.Range(4).KeyBy(func(v int64) int64 { return v })
	channels := s.Range(2).MapToPair(func(v int64) (int64, chan int) { return v, nil })
	_, size := typed.Sliding(ctx, s.Range(3), 0)
	_, locally := p.ReduceByKeyLocally(ctx, nil)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"top none":    {typed.TopByKey(p, 0, cmp.Compare[int64]).Err(), "TopByKey (zip_test.go:89): 0 values of each key: give a number from 1 on"},
		"top nil":     {typed.TopByKey(p, 1, nil).Err(), "TopByKey (zip_test.go:90): the function is nil"},
		"fold nil":    {p.FoldByKey(0, nil).Err(), "FoldByKey (zip_test.go:91): the function is nil"},
		"fold with":   {p.With(1).FoldByKey(0, nil).Err(), "FoldByKey (zip_test.go:92): the function is nil"},
		"fold chan":   {channels.FoldByKey(nil, func(a, b chan int) chan int { return a }).Err(), "chan int"},
		"with a chan": {p.With(make(chan int)).FoldByKey(0, func(_ chan int, a, b int64) int64 { return a }).Err(), "With (zip_test.go:94): "},
		"locally":     {locally, "ReduceByKeyLocally (zip_test.go:84): the function is nil"},
		"no windows":  {size, "Sliding (zip_test.go:83): windows of 0 rows: give a number from 1 on"},
		"partitions":  {typed.RepartitionAndSortWithinPartitions(p, typed.Partitions(-1)).Err(), "RepartitionAndSortWithinPartitions (zip_test.go:97): -1 partitions"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// TestSlidingOverFewRows goes over partitions that have none, or less than a window.
func TestSlidingOverFewRows(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(20, typed.Partitions(10)).Filter(func(v int64) bool { return v < 3 || v == 9 || v > 17 })
	for size, want := range map[int][][]int64{
		1: {{0}, {1}, {2}, {9}, {18}, {19}},
		4: {{0, 1, 2, 9}, {1, 2, 9, 18}, {2, 9, 18, 19}},
		6: {{0, 1, 2, 9, 18, 19}},
		7: {},
	} {
		runs, err := typed.Sliding(ctx, r, size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := runs.Collect(ctx)
		if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%d: got %v, %v, want %v", size, got, err, want)
		}
	}
}
