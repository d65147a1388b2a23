package ml_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed/ml"
)

// plainly gives the squares of the distances of a point from all centres.
func plainly(points [][]float64, p []float64) []float64 {
	squares := make([]float64, len(points))
	for i, q := range points {
		for d := range q {
			squares[i] += (p[d] - q[d]) * (p[d] - q[d])
		}
	}
	return squares
}

func random(r *rand.Rand, n, dims int, far float64) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		points[i] = make([]float64, dims)
		for d := range points[i] {
			points[i][d] = far + r.NormFloat64()
		}
	}
	return points
}

// TestNearest compares with distances that are computed plainly, near the origin and
// far from it.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		n, dims, far := 1+r.IntN(80), 1+r.IntN(20), []float64{0, 1e6, -1e9}[r.IntN(3)]
		points := random(r, n, dims, far)
		c, err := ml.NewCentres(points)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(random(r, 20, dims, far), points...) {
			i, square := c.Nearest(p)
			squares := plainly(points, p)
			least := math.Inf(1)
			for _, s := range squares {
				least = min(least, s)
			}
			if got := squares[i]; got > least+1e-12*float64(dims) {
				t.Fatalf("%d centres in %d dimensions at %g: %d is at %g, and one at %g", n, dims, far, i, got, least)
			}
			if math.Abs(square-squares[i]) > 1e-13*squares[i] {
				t.Fatalf("centre %d is at %g, not %g", i, squares[i], square)
			}
		}
	}
}

// TestNearestIsTheFirst of centres at the same place.
func TestNearestIsTheFirst(t *testing.T) {
	c, err := ml.NewCentres([][]float64{{5, 5}, {1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if i, square := c.Nearest([]float64{1, 3}); i != 1 || square != 1 {
		t.Error(i, square)
	}
	minus := math.Float64frombits(math.Float64bits(math.NaN()) | 1<<63)
	for _, p := range [][]float64{{math.NaN(), 3}, {3, minus}, {math.Inf(1), math.NaN()}, {math.Inf(-1), minus}} {
		if i, square := c.Nearest(p); i != 0 || !math.IsNaN(square) {
			t.Error(p, i, square)
		}
	}
}

func TestCentresErrors(t *testing.T) {
	for want, points := range map[string][][]float64{
		"there are no centres":                           nil,
		"the centres have no coordinates":                {{}},
		"centre 1 has 1 coordinates, and centre 0 has 2": {{1, 2}, {1}},
		"coordinate 1 of centre 2 is NaN":                {{1, 2}, {1, 3}, {1, math.NaN()}},
		"coordinate 0 of centre 0 is -Inf":               {{math.Inf(-1)}},
	} {
		if _, err := ml.NewCentres(points); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", points, err)
		}
	}
	c, err := ml.NewCentres([][]float64{{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, nearest := range []func(){
		func() { c.Nearest([]float64{1}) },
		func() { ml.Centres{}.Nearest(nil) },
		func() { ml.Centres{}.Nearest([]float64{1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			nearest()
		}()
	}
}

// TestCentresTravel by their encoding, and nothing else is taken for one.
func TestCentresTravel(t *testing.T) {
	points := random(rand.New(rand.NewPCG(3, 4)), 7, 3, 10)
	c, err := ml.NewCentres(points)
	if err != nil {
		t.Fatal(err)
	}
	code, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var d ml.Centres
	if err := d.UnmarshalBinary(code); err != nil || d.Len() != 7 {
		t.Fatal(d.Len(), err)
	}
	for i, p := range points {
		if j, square := d.Nearest(p); i != j || square != 0 {
			t.Errorf("%d is %d, at %g", i, j, square)
		}
	}
	if err := d.UnmarshalBinary(code[:len(code)-1]); err == nil {
		t.Error("no error of a part")
	}
	if code, err = (ml.Centres{}).MarshalBinary(); err != nil || d.UnmarshalBinary(code) != nil || d.Len() != 0 {
		t.Error(err, d.Len())
	}
}

func FuzzCentres(f *testing.F) {
	f.Add([]byte{0})
	f.Add(append([]byte{1}, make([]byte, 16)...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var c ml.Centres
		if c.UnmarshalBinary(b) == nil && c.Len() > 0 {
			c.Nearest(c.At(c.Len() - 1))
		}
	})
}

// plainNearest is what a user would write.
func plainNearest(at [][]float64, p []float64) (nearest int, least float64) {
	least = math.Inf(1)
	for i, q := range at {
		sum := 0.0
		for d, x := range p {
			sum += (x - q[d]) * (x - q[d])
		}
		if sum < least {
			nearest, least = i, sum
		}
	}
	return nearest, least
}

func BenchmarkNearest(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	points := random(r, 1000, 16, 0)
	at := random(r, 16, 16, 0)
	c, err := ml.NewCentres(at)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			c.Nearest(points[i%1000])
		}
	})
	b.Run("plain", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			plainNearest(at, points[i%1000])
		}
	})
}
