// Kmeans groups places on the earth by where they are: Lloyd's algorithm, in a plain
// loop over points that are kept in memory.
//
// Usage:
//
//	kmeans -in CSV [-k K] [-rounds N] [-seed N] [-out DIR] [-svg FILE]
//
// The columns are zip_code, latitude, longitude, city, state and county; a first line
// that names them is passed over. It prints how far places are from the centre of
// their group, round by round, and the groups at the end. DIR gets a line for each
// place: the code, the city and state, and the number of its group. FILE gets a map of
// the contiguous states with a colour for each group.
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in     = flag.String("in", "", "`paths` of the places")
	k      = flag.Int("k", 12, "how many groups")
	rounds = flag.Int("rounds", 20, "rounds at most; it ends sooner when nothing moves any more")
	seed   = flag.Uint64("seed", 1, "draws the first centres")
	out    = flag.String("out", "", "`directory` for the groups of all places, which must not be there yet")
	svg    = flag.String("svg", "", "`file` for a map")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *k < 1 || *rounds < 1 {
		return typed.Usagef("give -in, and -k and -rounds above zero")
	}
	places := s.TextFile(*in).Filter(isPlace).TryMap(parse)
	points := places.Map(func(p Place) Point { return p.At }).Cache()
	centres, err := start(ctx, points, *k, *seed)
	if err != nil {
		return err
	}
	for round := 1; round <= *rounds; round++ {
		next, far, err := improve(ctx, points, centres)
		if err != nil {
			return err
		}
		fmt.Printf("round %d: %.1f km\n", round, far)
		if next.same(centres) {
			break
		}
		centres = next
	}
	if err := report(ctx, points, centres); err != nil {
		return err
	}
	if *svg != "" {
		if err := draw(ctx, *svg, points, centres); err != nil {
			return err
		}
	}
	if *out == "" {
		return nil
	}
	return places.With(centres).Map(line).SaveAsTextFile(ctx, *out)
}

// report prints the groups, those with most places first.
func report(ctx context.Context, points typed.RDD[Point], c Centres) error {
	groups, err := clusters(points, c).Top(ctx, len(c), bySize)
	if err != nil {
		return err
	}
	for _, g := range groups {
		lat, lon := c[g.Key].Degrees()
		fmt.Printf("group %2d: %5d places around %.2f, %.2f, %.0f km from there\n", g.Key, g.Value.N, lat, lon, g.Value.far())
	}
	return nil
}
