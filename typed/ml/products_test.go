package ml

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestProducts compares with sums that are computed plainly, of whole numbers: they are
// the same in any order.
func TestProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	whole := func(n int) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(r.IntN(2001) - 1000)
		}
		return xs
	}
	for range 500 {
		n, dims := 4*(1+r.IntN(atOnce/4)), 1+r.IntN(40)
		fours, p, shift := whole(n*dims), whole(dims), whole(dims)
		got, inGo := whole(n+1), whole(n+1)
		after := got[n]
		products(&got[0], &fours[0], &p[0], &shift[0], dims, n/4)
		productsInGo(inGo[:n], fours, p, shift)
		for i := range n {
			want := 0.0
			for d := range dims {
				want += (p[d] - shift[d]) * fours[i/4*4*dims+4*d+i%4]
			}
			if got[i] != want || inGo[i] != want {
				t.Fatalf("%d of %d in %d dimensions: %g and in Go %g, not %g", i, n, dims, got[i], inGo[i], want)
			}
		}
		if got[n] != after {
			t.Fatalf("%d sums in %d dimensions: more was written", n, dims)
		}
	}
}

// TestOrdered numbers are in the order of their integers.
func TestOrdered(t *testing.T) {
	up := []float64{math.Inf(-1), -math.MaxFloat64, -2, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, 2, math.MaxFloat64, math.Inf(1)}
	for i, x := range up[1:] {
		if ordered(up[i]) >= ordered(x) {
			t.Errorf("%g is not before %g", up[i], x)
		}
	}
}
