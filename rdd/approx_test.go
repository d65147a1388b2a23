package rdd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRegisters: estimates are within four standard deviations, and in the mean of many
// the error has the deviation that the precision is for; whatever is merged.
func TestRegisters(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, precision := range []int{MinPrecision, 9, 14, MaxPrecision} {
		sd := 1.054 / math.Sqrt(float64(int(1)<<precision))
		for _, n := range []int{0, 1, 2, 10, 1000, 30_000} {
			t.Run(fmt.Sprintf("%d values in 2^%d", n, precision), func(t *testing.T) {
				const rounds = 30
				var squares float64
				for range rounds {
					parts := []Registers{NewRegisters(precision), NewRegisters(precision)}
					for i := range n {
						h := rng.Uint64()
						parts[i%2].Add(h)
						parts[i/2%2].Add(h)
					}
					parts[0].Merge(parts[1])
					off := (float64(parts[0].Estimate()) - float64(n)) / float64(max(n, 1))
					if math.Abs(off) > 5*sd {
						t.Errorf("it is off by %.3f, want at most %.3f", off, 5*sd)
					}
					squares += off * off
				}
				if got := math.Sqrt(squares / rounds); got > 1.6*sd {
					t.Errorf("standard deviation %.4f, want %.4f", got, sd)
				}
			})
		}
	}
}
