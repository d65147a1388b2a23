package main

import (
	"cmp"
	"context"
	"errors"
	"math"

	"github.com/gordd-project/gordd/typed"
)

// Centres are the centres of all groups; a group's number is its index.
type Centres []Point

// Nearest gives the group of a point, and the square of its distance. It is what a
// round spends its time in.
func (c Centres) Nearest(p Point) (group int, square float64) {
	square = math.Inf(1)
	for i, q := range c {
		x, y, z := p.X-q.X, p.Y-q.Y, p.Z-q.Z
		if d := x*x + y*y + z*z; d < square {
			group, square = i, d
		}
	}
	return group, square
}

// same says whether the centres have come to rest, to a metre or so. Sums of floats
// depend on their order, so they need not be the same to the last bit.
func (c Centres) same(d Centres) bool {
	for i := range c {
		if c[i].square(d[i]) > 1e-14 {
			return false
		}
	}
	return true
}

// Cluster is what a round knows of a group, or of a part of it.
type Cluster struct {
	Sum    Point
	N      int64
	Square float64 // sum of the squares of the distances
}

// Plus adds another part.
func (c Cluster) Plus(d Cluster) Cluster {
	return Cluster{c.Sum.Plus(d.Sum), c.N + d.N, c.Square + d.Square}
}

// far is how far away places are in the mean: the root of the mean square, in km.
func (c Cluster) far() float64 { return math.Sqrt(c.Square/float64(c.N)) * radius }

// clusters sums up the points that are nearest to each centre.
func clusters(points typed.RDD[Point], c Centres) typed.PairRDD[int, Cluster] {
	return points.With(c).
		MapToPair(func(c Centres, p Point) (int, Cluster) {
			group, square := c.Nearest(p)
			return group, Cluster{p, 1, square}
		}).
		ReduceByKey(Cluster.Plus)
}

// start draws points as the first centres.
func start(ctx context.Context, points typed.RDD[Point], k int, seed uint64) (Centres, error) {
	c, err := points.TakeSample(ctx, k, typed.Seed(seed))
	if err != nil {
		return nil, err
	}
	if len(c) == 0 {
		return nil, errors.New("there are no places")
	}
	return c, nil
}

// improve moves every centre to the middle of its points. It tells how far points were
// from where the centres are now. The centre of no points stays.
func improve(ctx context.Context, points typed.RDD[Point], c Centres) (next Centres, far float64, err error) {
	parts, err := clusters(points, c).CollectAsMap(ctx)
	if err != nil {
		return nil, 0, err
	}
	next = append(next, c...)
	var all Cluster
	for group, part := range parts {
		next[group] = part.Sum.onEarth()
		all = all.Plus(part)
	}
	return next, all.far(), nil
}

// bySize orders groups by their size, and equals by number, the first one greatest.
func bySize(a, b typed.Pair[int, Cluster]) int {
	return cmp.Or(cmp.Compare(a.Value.N, b.Value.N), cmp.Compare(b.Key, a.Key))
}
