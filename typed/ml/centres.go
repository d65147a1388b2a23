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
	dims  int
	at    []float64 // centre i is at[i*dims : (i+1)*dims]
	shift []float64 // the mean of the centres
	quads []float64 // centres less shift, by fours: for each dimension the numbers of the four
	half  []float64 // of each centre less shift half the square of its length; +Inf where a four is not full
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
	c := Centres{dims: dims, at: at, shift: make([]float64, dims)}
	n := float64(c.Len())
	for i, x := range at {
		if !(math.Abs(x) <= farthest) { // or it is not a number
			return Centres{}, fmt.Errorf("ml: coordinate %d of centre %d is %v, not from −1e150 to 1e150", i%dims, i/dims, x)
		}
		c.shift[i%dims] += x / n
	}
	c.arrange()
	return c, nil
}

// arrange makes what Nearest reads, which takes four centres at a time: their sums
// do not wait for one another.
func (c *Centres) arrange() {
	full := (c.Len() + 3) / 4 * 4
	c.quads, c.half = make([]float64, full*c.dims), make([]float64, full)
	for i := range full {
		if i >= c.Len() {
			c.half[i] = math.Inf(1)
			continue
		}
		for d, x := range c.At(i) {
			x -= c.shift[d]
			c.quads[i/4*4*c.dims+4*d+i%4] = x
			c.half[i] += x * x / 2
		}
	}
}

// Len is how many there are.
func (c Centres) Len() int {
	if c.dims == 0 {
		return 0
	}
	return len(c.at) / c.dims
}

// At gives the coordinates of centre i, which are not to be changed.
func (c Centres) At(i int) []float64 { return c.at[i*c.dims : (i+1)*c.dims : (i+1)*c.dims] }

// Nearest gives the number of the centre nearest to a point with as many coordinates,
// and the square of its Euclidean distance. Of several that are as near, but for
// rounding, it gives one, and always the same; squares of distances that differ by less
// than a 10¹⁵th of that of the centres' spread are not told apart. It allocates nothing. A point with a
// coordinate that is not a number is at a distance that is none, from centre 0. It
// panics if there are no centres, or the point has another number of coordinates.
func (c Centres) Nearest(p []float64) (i int, square float64) {
	if len(p) != c.dims || c.dims == 0 {
		panic(fmt.Sprintf("ml: a point with %d coordinates and %d centres with %d", len(p), c.Len(), c.dims))
	}
	i = c.nearest(p)
	return i, distance(c.At(i), p)
}

// nearest finds the least |c|²/2 − p·c, which is half the square of the distance less
// |p|²/2. Both are taken from the mean of the centres: in one that is far from the
// origin the difference of such great numbers would know little of small distances.
func (c *Centres) nearest(p []float64) (nearest int) {
	least := math.Inf(1)
	shift := c.shift[:len(p)]
	for q := 0; q+4 <= len(c.half); q += 4 {
		four := c.quads[q*len(p):][:4*len(p)]
		var s0, s1, s2, s3 float64
		for d, x := range p {
			x -= shift[d]
			at := four[4*d : 4*d+4 : 4*d+4]
			s0 += x * at[0]
			s1 += x * at[1]
			s2 += x * at[2]
			s3 += x * at[3]
		}
		half := c.half[q : q+4 : q+4]
		if s := half[0] - s0; s < least {
			nearest, least = q, s
		}
		if s := half[1] - s1; s < least {
			nearest, least = q+1, s
		}
		if s := half[2] - s2; s < least {
			nearest, least = q+2, s
		}
		if s := half[3] - s3; s < least {
			nearest, least = q+3, s
		}
	}
	return nearest
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
	b := binary.AppendUvarint(nil, uint64(c.dims))
	for _, x := range c.at {
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
