package rdd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPoisson compares mean and variance, which are one for Poisson's law, within
// five standard errors.
func TestPoisson(t *testing.T) {
	const n = 20_000
	for _, mean := range []float64{0, 0.01, 0.5, 3, 40, 1200} {
		rng := rand.New(rand.NewPCG(1, 2))
		st := NewStatCounter()
		for range n {
			st.Add(float64(poisson(rng, mean)))
		}
		if off := math.Abs(st.Mean - mean); off > 5*math.Sqrt(mean/n) {
			t.Errorf("mean %v, want %v", st.Mean, mean)
		}
		if off := math.Abs(st.SampleVariance() - mean); off > 5*math.Sqrt((mean+2*mean*mean)/n) {
			t.Errorf("variance %v, want %v", st.SampleVariance(), mean)
		}
	}
}

// TestDraws holds the chance of a draw to what was asked for, and partitions to
// draws of their own.
func TestDraws(t *testing.T) {
	const n = 100_000
	var patterns [2][]int
	for partition := range patterns {
		draw, sum := Sampling{Seed: 9, From: 0.2, To: 0.5}.draws(partition), 0
		for range n {
			d := draw()
			sum += d
			patterns[partition] = append(patterns[partition], d)
		}
		if off := math.Abs(float64(sum) - 0.3*n); off > 5*math.Sqrt(0.3*0.7*n) {
			t.Errorf("partition %d: %d of %d rows", partition, sum, n)
		}
	}
	if slices.Equal(patterns[0], patterns[1]) {
		t.Error("two partitions draw alike")
	}
}

func TestStatCounterMerges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	whole, merged := NewStatCounter(), NewStatCounter()
	for range 50 {
		part := NewStatCounter()
		for range rng.IntN(100) {
			x := 1e9 + rng.NormFloat64() // a sum of squares would lose all of the spread
			whole.Add(x)
			part.Add(x)
		}
		merged.Merge(&part)
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }
	if merged.Count != whole.Count || merged.Min != whole.Min || merged.Max != whole.Max ||
		!near(merged.Mean, whole.Mean) || !near(merged.Variance(), whole.Variance()) {
		t.Errorf("merged %+v, whole %+v", merged, whole)
	}
	if v := whole.Variance(); v < 0.8 || v > 1.2 {
		t.Errorf("variance %v of a normal distribution", v)
	}
	if empty := NewStatCounter(); !math.IsNaN(empty.Variance()) || !math.IsNaN(empty.SampleStdev()) || empty.Sum() != 0 {
		t.Errorf("of nothing: %v %v %v", empty.Variance(), empty.SampleStdev(), empty.Sum())
	}
}

func TestBucket(t *testing.T) {
	bounds := []float64{0, 1, 2}
	for x, want := range map[float64]int{-1: -1, 0: 0, 0.5: 0, 1: 1, 1.5: 1, 2: 1, 2.1: -1, math.Inf(1): -1} {
		if got := bucket(bounds, x); got != want {
			t.Errorf("%v is in bucket %d, want %d", x, got, want)
		}
	}
	if got := bucket(bounds, math.NaN()); got != -1 {
		t.Errorf("NaN is in bucket %d", got)
	}
}
