package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/ml"
)

// dims is how many coordinates a point has.
const dims = 16

type point [dims]float64

// parsePoint reads numbers with commas between them.
func parsePoint(line string) (p point, err error) {
	var numbers [dims]string
	typed.Columns(line, ',', numbers[:])
	for i := range p {
		if p[i], err = typed.ParseFloat(numbers[i]); err != nil {
			return p, err
		}
	}
	return p, nil
}

// decodePoint reads little-endian numbers of 8 bytes.
func decodePoint(record []byte) (p point) {
	for i := range p {
		p[i] = math.Float64frombits(binary.LittleEndian.Uint64(record[8*i:]))
	}
	return p
}

// csvPoints and binPoints are the points of a workload's input.
func csvPoints(s *typed.Session) typed.RDD[point] {
	return s.TextFile(filepath.Join(*in, "csv", "part-*")).TryMap(parsePoint).Cache()
}

func binPoints(s *typed.Session) typed.RDD[point] {
	return s.BinaryRecords(filepath.Join(*in, "bin", "part-*"), 8*dims).Map(decodePoint).Cache()
}

// square gives the square of the distance of two points, in two sums that do not wait
// for each other.
func (p *point) square(q *point) float64 {
	even, odd := 0.0, 0.0
	for i := 0; i < dims; i += 2 {
		x, y := p[i]-q[i], p[i+1]-q[i+1]
		even += x * x
		odd += y * y
	}
	return even + odd
}

// nearest gives the nearest centre, and the square of its distance.
func nearest(centres []point, p point) (best int32, square float64) {
	square = math.Inf(1)
	for c := range centres {
		if s := p.square(&centres[c]); s < square {
			best, square = int32(c), s
		}
	}
	return best, square
}

// cluster is what is known of a centre's points, or of some of them.
type cluster struct {
	Sum    point
	N      int64
	Square float64
}

func (c cluster) plus(d cluster) cluster {
	for i := range c.Sum {
		c.Sum[i] += d.Sum[i]
	}
	c.N += d.N
	c.Square += d.Square
	return c
}

func newCluster() cluster { return cluster{} }

// near is a point with the square of the distance from its centre.
type near struct {
	P      point
	Square float64
}

func (c *cluster) add(n near) {
	for i := range c.Sum {
		c.Sum[i] += n.P[i]
	}
	c.N++
	c.Square += n.Square
}

func (c *cluster) merge(d *cluster) { *c = c.plus(*d) }

// roundFunc sums up the points that are nearest to each centre.
type roundFunc func(points typed.RDD[point], centres []point) (typed.PairRDD[int32, cluster], error)

// textbook is a round as it is in books: to (centre, (point, 1)), reduced by key.
func textbook(points typed.RDD[point], centres []point) (typed.PairRDD[int32, cluster], error) {
	return points.With(centres).
		MapToPair(func(centres []point, p point) (int32, cluster) {
			c, square := nearest(centres, p)
			return c, cluster{p, 1, square}
		}).
		ReduceByKey(cluster.plus), nil
}

// inPlace adds points to their cluster where it is.
func inPlace(points typed.RDD[point], centres []point) (typed.PairRDD[int32, cluster], error) {
	return points.With(centres).
		MapToPair(func(centres []point, p point) (int32, near) {
			c, square := nearest(centres, p)
			return c, near{p, square}
		}).
		AggregateByKey(newCluster, (*cluster).add, (*cluster).merge), nil
}

// withLibrary is inPlace where ml finds the nearest centre.
func withLibrary(points typed.RDD[point], centres []point) (typed.PairRDD[int32, cluster], error) {
	at := make([][]float64, len(centres))
	for i := range centres {
		at[i] = centres[i][:]
	}
	c, err := ml.NewCentres(at)
	return points.With(c).
		MapToPair(func(c ml.Centres, p point) (int32, near) {
			i, square := c.Nearest(p[:])
			return int32(i), near{p, square}
		}).
		AggregateByKey(newCluster, (*cluster).add, (*cluster).merge), err
}

// kmeans runs rounds over cached points.
func kmeans(read func(*typed.Session) typed.RDD[point], round roundFunc) workloadFunc {
	return func(ctx context.Context, s *typed.Session) (result, error) {
		k, rounds, err := two("k", "iters")
		if err != nil {
			return result{}, err
		}
		t := time.Now()
		points := read(s)
		if _, err := points.Count(ctx); err != nil {
			return result{}, err
		}
		load := time.Since(t).Seconds()
		t = time.Now()
		centres, err := points.Take(ctx, int(k)) // the first of the first file
		square := 0.0
		for range rounds {
			if err == nil {
				square, err = improve(ctx, points, centres, round)
			}
		}
		return result{load: load, run: time.Since(t).Seconds(), check: fmt.Sprintf("%.5e", square)}, err
	}
}

// improve moves every centre to the middle of its points, and tells how far they
// were from it before.
func improve(ctx context.Context, points typed.RDD[point], centres []point, round roundFunc) (square float64, err error) {
	clusters, err := round(points, centres)
	if err != nil {
		return 0, err
	}
	parts, err := clusters.CollectAsMap(ctx)
	for c, part := range parts {
		for i := range part.Sum {
			centres[c][i] = part.Sum[i] / float64(part.N)
		}
		square += part.Square
	}
	return square, err
}
