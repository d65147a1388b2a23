package typed

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCountApproxBounds asks that the number of rows is as often within the bounds as
// they say, whichever partitions are done.
func TestCountApproxBounds(t *testing.T) {
	const parts, tries, confidence = 40, 2000, 0.9
	for _, done := range []int{2, 3, 4, 10, 39} {
		draw := rand.New(rand.NewPCG(uint64(done), 1))
		sizes, total := make([]int64, parts), 0.0
		for i := range sizes {
			sizes[i] = int64(1000 + 100*draw.NormFloat64())
			total += float64(sizes[i])
		}
		within := 0
		for range tries {
			draw.Shuffle(parts, func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
			if got := estimate(sizes[:done], parts, confidence); got.Low <= total && total <= got.High {
				within++
			}
		}
		if share := float64(within) / tries; math.Abs(share-confidence) > 0.04 {
			t.Errorf("%d of %d partitions: in %v of the tries within the bounds, want %v", done, parts, share, confidence)
		}
	}
}

// TestStudent compares with what tables have.
func TestStudent(t *testing.T) {
	for _, c := range []struct {
		probability float64
		freedom     int
		want        float64
	}{
		{0.95, 1, 12.706}, {0.95, 2, 4.303}, {0.95, 3, 3.182}, {0.95, 10, 2.228}, {0.99, 5, 4.032}, {0.9, 30, 1.697}, {0.95, 1000, 1.962},
	} {
		if got := student(c.probability, c.freedom); math.Abs(got/c.want-1) > 0.002 {
			t.Errorf("%v, %d degrees of freedom: %v, want %v", c.probability, c.freedom, got, c.want)
		}
	}
}
