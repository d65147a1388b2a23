// Package ml has what learning from data spends its time in, made fast: functions
// that stage code calls for each row. What is learned is written with RDDs:
//
//	clusters, err := points.With(centres).
//		MapToPair(func(c ml.Centres, p Point) (int, Near) {
//			i, square := c.Nearest(p[:])
//			return i, Near{p, square}
//		}).
//		AggregateByKey(newCluster, (*Cluster).Add, (*Cluster).Merge).
//		CollectAsMap(ctx)
package ml

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Centres are points that others are compared with, such as those of k-means. They
// do not change, and travel by With. The zero value has none.
type Centres struct {
	all *arranged // shared by copies, of which calls make one for each row
}

// arranged are centres as Nearest reads them.
type arranged struct {
	dims  int
	at    []float64 // centre i is at[i*dims : (i+1)*dims]
	shift []float64 // the mean of the centres
	fours []float64 // centres less shift, as productsInGo reads them; the last four is filled up with zeros
	half  []float64 // of each centre less shift half the square of its length
}

// farthest is the greatest coordinate whose squares can be added up.
const farthest = 1e150

// NewCentres gives the centres at points, which it copies: one or more, all with as
// many coordinates, which are numbers from −1e150 to 1e150.
func NewCentres(points [][]float64) (Centres, error) {
	if len(points) == 0 {
		return Centres{}, errors.New("ml: there are no centres")
	}
	dims := len(points[0])
	at := make([]float64, 0, len(points)*dims)
	for i, p := range points {
		if len(p) != dims {
			return Centres{}, fmt.Errorf("ml: centre %d has %d coordinates, and centre 0 has %d", i, len(p), dims)
		}
		at = append(at, p...)
	}
	return centres(dims, at)
}

func centres(dims int, at []float64) (Centres, error) {
	if dims == 0 {
		return Centres{}, errors.New("ml: the centres have no coordinates")
	}
	a := &arranged{dims: dims, at: at, shift: make([]float64, dims)}
	n := float64(a.len())
	for i, x := range at {
		if !(math.Abs(x) <= farthest) { // or it is not a number
			return Centres{}, fmt.Errorf("ml: coordinate %d of centre %d is %v, not from −1e150 to 1e150", i%dims, i/dims, x)
		}
		a.shift[i%dims] += x / n
	}
	a.arrange()
	return Centres{a}, nil
}

func (a *arranged) arrange() {
	a.fours, a.half = make([]float64, (a.len()+3)/4*4*a.dims), make([]float64, a.len())
	for i := range a.half {
		for d, x := range a.centre(i) {
			x -= a.shift[d]
			a.fours[i/4*4*a.dims+4*d+i%4] = x
			a.half[i] += x * x / 2
		}
	}
}

func (a *arranged) len() int { return len(a.at) / a.dims }

func (a *arranged) centre(i int) []float64 { return a.at[i*a.dims : (i+1)*a.dims : (i+1)*a.dims] }

// Len is how many there are.
func (c Centres) Len() int {
	if c.all == nil {
		return 0
	}
	return c.all.len()
}

// At gives the coordinates of centre i, which are not to be changed.
func (c Centres) At(i int) []float64 { return c.all.centre(i) }

// Nearest gives the number of the centre nearest to a point with as many coordinates,
// and the square of its Euclidean distance. Of several that are as near, but for
// rounding, it gives one, and always the same; squares of distances that differ by less
// than a 10¹⁵th of that of the centres' spread are not told apart. It allocates nothing. A point with a
// coordinate that is not a number is at a distance that is none, from centre 0. It
// panics if there are no centres, or the point has another number of coordinates.
func (c Centres) Nearest(p []float64) (i int, square float64) {
	if c.all == nil || len(p) != c.all.dims {
		panic(c.unlike(p))
	}
	i = c.all.nearest(p)
	if square = distance(c.At(i), p); math.IsNaN(square) {
		return 0, square
	}
	return i, square
}

func (c Centres) unlike(p []float64) string {
	dims := 0
	if c.all != nil {
		dims = c.all.dims
	}
	return fmt.Sprintf("ml: a point with %d coordinates and %d centres with %d", len(p), c.Len(), dims)
}

// nearest finds the least |c|²/2 − p·c, which is half the square of the distance less
// |p|²/2. Both are taken from the mean of the centres: in one that is far from the
// origin the difference of such great numbers would know little of small distances.
func (a *arranged) nearest(p []float64) (nearest int) {
	var sums [atOnce]float64
	least := int64(math.MaxInt64)
	for from := 0; from < len(a.half); from += atOnce {
		half := a.half[from:min(from+atOnce, len(a.half))]
		products(&sums[0], &a.fours[from*len(p)], &p[0], &a.shift[0], len(p), (len(half)+3)/4)
		for i, h := range half {
			if s := ordered(h - sums[i]); s < least {
				nearest, least = from+i, s
			}
		}
	}
	return nearest
}

// atOnce is of how many centres products are taken at a time, a multiple of four.
const atOnce = 32

// ordered gives integers in the order of numbers. Which of several is the least is hard
// to foretell, and integers are compared without a branch that would be.
func ordered(x float64) int64 {
	b := int64(math.Float64bits(x))
	return b ^ int64(uint64(b>>63)>>1)
}

// productsInGo gives for each of a number of centres the sum of the products of its
// coordinates and those of p less shift. The centres come by fours, whose sums do not
// wait for one another: for each dimension the numbers of the four.
func productsInGo(sums, fours, p, shift []float64) {
	shift = shift[:len(p)]
	for ; len(sums) >= 4; sums = sums[4:] {
		four := fours[:4*len(p)]
		fours = fours[len(four):]
		var s0, s1, s2, s3 float64
		for d, x := range p {
			x -= shift[d]
			at := four[4*d : 4*d+4 : 4*d+4]
			s0 += x * at[0]
			s1 += x * at[1]
			s2 += x * at[2]
			s3 += x * at[3]
		}
		sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
	}
}

// distance gives the square of the distance of two points.
func distance(p, q []float64) float64 {
	var even, odd float64
	q = q[:len(p)]
	for len(p) >= 2 && len(q) >= 2 {
		x, y := p[0]-q[0], p[1]-q[1]
		even, odd = even+x*x, odd+y*y
		p, q = p[2:], q[2:]
	}
	if len(p) == 1 {
		x := p[0] - q[0]
		even += x * x
	}
	return even + odd
}

// MarshalBinary encodes the number of dimensions and the coordinates of the centres.
func (c Centres) MarshalBinary() ([]byte, error) {
	if c.all == nil {
		return []byte{0}, nil
	}
	b := binary.AppendUvarint(nil, uint64(c.all.dims))
	for _, x := range c.all.at {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b, nil
}

// UnmarshalBinary decodes what MarshalBinary gave.
func (c *Centres) UnmarshalBinary(b []byte) error {
	dims, n := binary.Uvarint(b)
	if n <= 0 {
		return errors.New("ml: no encoded centres")
	}
	b = b[n:]
	if dims == 0 && len(b) == 0 {
		*c = Centres{}
		return nil
	}
	if dims > uint64(len(b)/8) || len(b)%(8*max(1, int(dims))) != 0 {
		return fmt.Errorf("ml: %d bytes are no centres with %d coordinates", len(b), dims)
	}
	at := make([]float64, len(b)/8)
	for i := range at {
		at[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	decoded, err := centres(int(dims), at)
	if err == nil {
		*c = decoded
	}
	return err
}
