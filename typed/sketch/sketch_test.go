package sketch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/sketch"
)

// through gives a sketch by way of its encoding.
func through[S any](t *testing.T, s S, marshal func(S) ([]byte, error), unmarshal func(*S, []byte) error) (back S) {
	t.Helper()
	b, err := marshal(s)
	if err == nil {
		err = unmarshal(&back, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func distinct(t *testing.T, d sketch.Distinct) sketch.Distinct {
	return through(t, d, sketch.Distinct.MarshalBinary, (*sketch.Distinct).UnmarshalBinary)
}

func quantiles(t *testing.T, q sketch.Quantiles) sketch.Quantiles {
	return through(t, q, sketch.Quantiles.MarshalBinary, (*sketch.Quantiles).UnmarshalBinary)
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 2, 50, 3000, 200_000} {
		var parts [4]sketch.Distinct
		for i := range n {
			parts[i%4].AddString(strconv.Itoa(i))
			parts[(i+1)%4].AddString(strconv.Itoa(i)) // twice
		}
		var all sketch.Distinct
		for _, p := range parts {
			all = all.Merge(distinct(t, p))
		}
		if got := float64(distinct(t, all).Estimate()); math.Abs(got-float64(n)) > 0.03*float64(n) {
			t.Errorf("%d different ones: about %g", n, got)
		}
		if b, err := all.MarshalBinary(); err != nil || len(b) > 17<<10 {
			t.Errorf("%d different ones take %d bytes, %v", n, len(b), err)
		}
	}
}

func TestQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var parts [3]sketch.Quantiles
	var all []float64
	for i := range 30_000 {
		x := math.Exp(rng.NormFloat64() * 3)
		if i%5 == 0 {
			x = -x
		}
		all = append(all, x)
		if err := parts[i%3].Add(x); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	q := quantiles(t, sketch.Quantiles{}).Merge(quantiles(t, parts[0])).Merge(quantiles(t, parts[1])).Merge(quantiles(t, parts[2]))
	if q.Count() != int64(len(all)) {
		t.Errorf("%d numbers, want %d", q.Count(), len(all))
	}
	for _, p := range []float64{0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(p*float64(len(all)-1))]
		got, ok := q.Quantile(p)
		if !ok || math.Abs(got-want) > 0.0101*math.Abs(want) {
			t.Errorf("quantile %g is %g, want about %g", p, got, want)
		}
	}
	if b, err := q.MarshalBinary(); err != nil || len(b) > 64<<10 {
		t.Errorf("it takes %d bytes, %v", len(b), err)
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if q.Add(x) == nil {
			t.Errorf("%g is taken", x)
		}
	}
	if _, ok := (sketch.Quantiles{}).Quantile(0.5); ok {
		t.Error("there is a median of nothing")
	}
}

// TestQuantilesOf compares those of rows in several partitions with the sorted rows.
func TestQuantilesOf(t *testing.T) {
	s, err := typed.NewSession(t.Context(), typed.Options{Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rng := rand.New(rand.NewPCG(3, 4))
	rows := make([]int32, 20_000)
	for i := range rows {
		rows[i] = int32(rng.ExpFloat64()*1e6) - 100_000
	}
	shares := []float64{0.99, 0.5, 0, 1, 0.05}
	got, err := sketch.QuantilesOf(t.Context(), s.Parallelize(rows, 7), shares...)
	if err != nil || len(got) != len(shares) {
		t.Fatal(got, err)
	}
	slices.Sort(rows)
	for i, p := range shares {
		at := int(p * float64(len(rows)-1)) // or the row beside it: shares are of ranks
		if near := rows[max(at-1, 0):min(at+2, len(rows))]; !slices.ContainsFunc(near, func(row int32) bool {
			return math.Abs(got[i]-float64(row)) <= 0.0101*math.Abs(float64(row))
		}) {
			t.Errorf("quantile %g is %g, want about one of %d", p, got[i], near)
		}
	}
	odd := s.Parallelize([]float64{1, math.NaN(), 2, math.Inf(1), 3}, 3)
	for name, c := range map[string]struct {
		r      typed.RDD[float64]
		shares []float64
		says   string
	}{
		"of NaN":        {odd, []float64{0.5}, "QuantilesOf: 2 of 5 rows: "},
		"of none":       {s.Empty[float64](), []float64{0.5}, "QuantilesOf: no rows"},
		"of a percent":  {odd, []float64{0.5, 50}, "share 50: give numbers from 0 to 1"},
		"of no number":  {odd, []float64{math.NaN()}, "share NaN"},
		"of what fails": {odd.Map(func(float64) float64 { panic("at work") }), []float64{0.5}, "at work"},
	} {
		if _, err := sketch.QuantilesOf(t.Context(), c.r, c.shares...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sketch.QuantilesOf(t.Context(), s.Range(0), 0.5); !errors.Is(err, typed.ErrEmpty) {
		t.Errorf("of no rows: %v", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	var d sketch.Distinct
	var q sketch.Quantiles
	for i := range 10 {
		d.AddString(strconv.Itoa(i))
		_ = q.Add(float64(i))
	}
	for _, marshal := range []func() ([]byte, error){d.MarshalBinary, q.MarshalBinary} {
		b, err := marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var d sketch.Distinct
		if d.UnmarshalBinary(b) == nil {
			d = d.Merge(d)
			d.Estimate()
		}
		var q sketch.Quantiles
		if q.UnmarshalBinary(b) == nil {
			q.Quantile(0.5)
		}
	})
}

type seen struct {
	Words typed.Accumulator[sketch.Distinct]
	Sizes typed.Accumulator[sketch.Quantiles]
}

func Example() {
	ctx := context.Background()
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	v := seen{typed.NewAccumulator[sketch.Distinct](s, "words"), typed.NewAccumulator[sketch.Quantiles](s, "sizes")}
	n, err := s.Range(1000, typed.Partitions(4)).With(v).FlatMap(func(v seen, i int64) iter.Seq[int64] {
		v.Words.Local().AddString(strconv.FormatInt(i%10, 10))
		_ = v.Sizes.Local().Add(float64(i)) // refuses none of these
		return slices.Values([]int64{i})
	}).Count(ctx)
	median, _ := v.Sizes.Value().Quantile(0.5)
	fmt.Println(n, v.Words.Value().Estimate(), 490 < median && median < 510, err)
	// Output: 1000 10 true <nil>
}

func ExampleQuantilesOf() {
	ctx := context.Background()
	s, err := typed.NewSession(ctx, typed.Options{Cores: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	q, err := sketch.QuantilesOf(ctx, s.Range(1001), 0.5, 0.99)
	fmt.Println(math.Abs(q[0]-500) < 5, math.Abs(q[1]-990) < 10, err)
	// Output: true true <nil>
}
