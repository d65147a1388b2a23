package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

const zipcodes = "data/zipcodes.csv"

// lloyd runs so many rounds, and gives the centres and how far places are in each.
func lloyd(ctx context.Context, points typed.RDD[Point], c Centres, rounds int) (Centres, []float64, error) {
	var all []float64
	for range rounds {
		next, far, err := improve(ctx, points, c)
		if err != nil {
			return nil, nil, err
		}
		c, all = next, append(all, far)
	}
	return c, all, nil
}

// plain is the same as a loop over degrees and angles.
func plain(points [][2]float64, c [][2]float64, rounds int) (centres [][2]float64, all []float64) {
	for range rounds {
		n, sum, square := make([]float64, len(c)), make([][3]float64, len(c)), 0.0
		for _, p := range points {
			near, best := 0, math.Inf(1)
			for i, q := range c {
				if a := angle(p, q); a < best {
					near, best = i, a
				}
			}
			chord := 2 * radius * math.Sin(best/2)
			square += chord * chord
			lat, lon := p[0]*math.Pi/180, p[1]*math.Pi/180
			n[near]++
			sum[near][0] += math.Cos(lat) * math.Cos(lon)
			sum[near][1] += math.Cos(lat) * math.Sin(lon)
			sum[near][2] += math.Sin(lat)
		}
		next := append([][2]float64(nil), c...)
		for i, s := range sum {
			if n[i] > 0 {
				next[i] = [2]float64{math.Atan(s[2]/math.Hypot(s[0], s[1])) * 180 / math.Pi, math.Atan2(s[1], s[0]) * 180 / math.Pi}
			}
		}
		c, all = next, append(all, math.Sqrt(square/float64(len(points))))
	}
	return c, all
}

// angle is the one between two places, by the haversine formula.
func angle(p, q [2]float64) float64 {
	lat1, lat2, dlon := p[0]*math.Pi/180, q[0]*math.Pi/180, (q[1]-p[1])*math.Pi/180
	h := math.Pow(math.Sin((lat2-lat1)/2), 2) + math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin(dlon/2), 2)
	return 2 * math.Asin(math.Min(1, math.Sqrt(h)))
}

func TestRounds(t *testing.T) {
	b, err := os.ReadFile(zipcodes)
	if err != nil {
		t.Fatal(err)
	}
	var points [][2]float64
	for l := range strings.Lines(string(b)) {
		if isPlace(l) {
			p, err := parse(strings.TrimSpace(l))
			if err != nil {
				t.Fatal(err)
			}
			lat, lon := p.At.Degrees()
			points = append(points, [2]float64{lat, lon})
		}
	}
	const rounds = 8
	var first [][2]float64
	var at Centres
	for i := range 12 {
		p := points[i*3001]
		first, at = append(first, p), append(at, At(p[0], p[1]))
	}
	centres, far := plain(points, first, rounds)
	type result struct {
		Far     []float64
		Degrees [][2]float64
	}
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (result, error) {
		c, far, err := lloyd(ctx, s.TextFile(zipcodes).Filter(isPlace).TryMap(parse).Map(func(p Place) Point { return p.At }).Cache(), at, rounds)
		r := result{Far: far}
		for _, p := range c {
			lat, lon := p.Degrees()
			r.Degrees = append(r.Degrees, [2]float64{lat, lon})
		}
		return r, err
	}, result{far, centres}, typedtest.Within(1e-9))
}

func TestBadLines(t *testing.T) {
	for line, want := range map[string]string{
		"1,2,3":         "3 columns",
		"1,90.1,3,,,":   `latitude "90.1" is not in degrees`,
		"1,2,-181,,,":   `longitude "-181" is not in degrees`,
		"1,NaN,3,,,":    `latitude "NaN"`,
		"1,2,,,,":       `longitude ""`,
		"1,2,3,a,b,c,d": "7 columns",
	} {
		if _, err := parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func TestMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.svg")
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		points := []Point{At(40.75, -73.99), At(40.75, -73.99), At(33.97, -118.24), At(21.3, -157.8)}
		if err := draw(t.Context(), path, s.Parallelize(points, 2), points[1:3]); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		svg := string(b)
		if strings.Count(svg, "<path") != 2 || strings.Count(svg, "M") != 2 || strings.Count(svg, "<circle") != 2 || !strings.Contains(svg, `d="M1037 238h0"`) {
			t.Errorf("two groups with a place on the map each:\n%s", svg)
		}
	})
}
