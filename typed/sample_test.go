package typed_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// TestWhatCannotBeDrawn says what is wrong, and where, at the first action.
func TestWhatCannotBeDrawn(t *testing.T) {
	s := session()
	r := s.Range(10)
	pairs := r.KeyBy(func(x int64) int64 { return x })
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"fraction":    {r.Sample(1.5).Err(), "Sample (sample_test.go:25): fraction 1.5"},
		"nan":         {pairs.Sample(math.NaN()).Err(), "Sample (sample_test.go:26): fraction NaN"},
		"by key":      {pairs.SampleByKey(map[int64]float64{3: -1}).Err(), "SampleByKey (sample_test.go:27): fraction -1"},
		"weights":     {r.RandomSplit([]float64{1, -2})[0].Err(), "RandomSplit (sample_test.go:28): weights [1 -2]"},
		"all zero":    {r.RandomSplit([]float64{0, 0})[1].Err(), "weights [0 0]"},
		"replacement": {r.Sample(3, typed.WithReplacement()).Err(), ""},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

func TestWhatHasNoStatistics(t *testing.T) {
	ctx, s := context.Background(), session()
	none := s.Range(0)
	if _, err := typed.Mean(ctx, none); !errors.Is(err, typed.ErrEmpty) || !strings.HasPrefix(err.Error(), "Mean (sample_test.go:") {
		t.Error(err)
	}
	if _, err := typed.Max(ctx, none); !errors.Is(err, typed.ErrEmpty) || !strings.HasPrefix(err.Error(), "Max (") {
		t.Error(err)
	}
	if _, _, err := typed.Histogram(ctx, none, 3); !errors.Is(err, typed.ErrEmpty) {
		t.Error(err)
	}
	if sum, err := typed.Sum(ctx, none); sum != 0 || err != nil {
		t.Error(sum, err)
	}
	if _, _, err := typed.Histogram(ctx, s.Parallelize([]float64{1, math.Inf(1)}, 2), 3); err == nil || !strings.Contains(err.Error(), "HistogramIn") {
		t.Error(err)
	}
	if _, err := typed.HistogramIn(ctx, none, []float64{1, 1}); err == nil || !strings.Contains(err.Error(), "each greater") {
		t.Error(err)
	}
	if _, _, err := typed.Histogram(ctx, none, 0); err == nil || !strings.Contains(err.Error(), "0 buckets") {
		t.Error(err)
	}
}

// TestTakeSampleIsFair draws one row of ten many times: each is as likely as any
// other, wherever it lies (within five standard errors).
func TestTakeSampleIsFair(t *testing.T) {
	ctx, s := context.Background(), session()
	r, counts := s.Range(10, typed.Partitions(3)), make([]float64, 10)
	const n = 600
	for i := range n {
		rows, err := r.TakeSample(ctx, 2, typed.Seed(uint64(i)))
		if err != nil || len(rows) != 2 || rows[0] == rows[1] {
			t.Fatal(rows, err)
		}
		counts[rows[0]]++ // the first of two says that their order is fair too
	}
	for row, c := range counts {
		if math.Abs(c-n/10) > 5*math.Sqrt(n*0.1*0.9) {
			t.Errorf("row %d was drawn %v times of %d", row, c, n)
		}
	}
	a, err := r.TakeSample(ctx, 5, typed.Seed(1))
	b, err2 := r.TakeSample(ctx, 5, typed.Seed(1))
	if !slices.Equal(a, b) || err != nil || err2 != nil {
		t.Error(a, b, err, err2)
	}
}

// TestTakeSampleGivesItsValueBackOnce has an RDD with the very value that a sample's
// picks are, which must not go with these.
func TestTakeSampleGivesItsValueBackOnce(t *testing.T) {
	one := session().Range(1, typed.Partitions(1))
	kept := one.With([][]int64{{0}}).Map(func(picks [][]int64, x int64) int { return len(picks) })
	for range 20 {
		if rows, err := one.TakeSample(ctx, 1); err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		runtime.GC() // what the last call left
	}
	if rows, err := kept.Collect(ctx); err != nil || !slices.Equal(rows, []int{1}) {
		t.Error(rows, err)
	}
}

// TestSampleByKeyExact: so many of each key, all of them there, the same with one seed,
// and each with the same chance.
func TestSampleByKeyExact(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	p := s.Range(1000, typed.Partitions(7)).KeyBy(func(x int64) int64 { return x % 10 })
	fractions := map[int64]float64{0: 0, 1: 0.001, 2: 0.5, 3: 0.333, 4: 1, 77: 0.5}
	want := map[int64]int{1: 1, 2: 50, 3: 34, 4: 100}
	times := map[int64]int{}
	for seed := range uint64(100) {
		for _, opts := range [][]typed.SampleOption{{typed.Seed(seed)}, {typed.Seed(seed), typed.WithReplacement()}} {
			drawn, err := p.SampleByKeyExact(ctx, fractions, opts...)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := drawn.Collect(ctx)
			got, seen := map[int64]int{}, map[int64]bool{}
			for _, row := range rows {
				if got[row.Key]++; row.Value%10 != row.Key || seen[row.Value] && len(opts) == 1 {
					t.Errorf("%v is drawn", row)
				}
				seen[row.Value] = true
				if len(opts) == 1 {
					times[row.Value]++
				}
			}
			if err != nil || !maps.Equal(got, want) {
				t.Fatalf("%v, %v, want %v", got, err, want)
			}
			again, err := p.SampleByKeyExact(ctx, fractions, opts...)
			if err != nil {
				t.Fatal(err)
			}
			if more, err := again.Collect(ctx); err != nil || !slices.Equal(more, rows) {
				t.Error("another draw with the same seed: ", err)
			}
		}
	}
	for x, n := range times { // 50 in the mean, with a deviation of 5
		if x%10 == 2 && (n < 25 || n > 75) {
			t.Errorf("%d was drawn %d times of 100", x, n)
		}
	}
	_, err := p.SampleByKeyExact(ctx, map[int64]float64{3: 2})
	if err == nil || !strings.Contains(err.Error(), "SampleByKeyExact (sample_test.go:") {
		t.Error(err)
	}
}
