package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// The map has the contiguous states, a degree of latitude as high as one of longitude
// is wide in the middle.
const (
	west, east, south, north = -125.0, -66.0, 24.0, 50.0
	width                    = 1200
	scale                    = width / (east - west)
	stretch                  = 1.267 // 1 ÷ cos 37.9°
	height                   = 670   // (north - south) * scale * stretch
)

// Dot is a unit of the map with a place in it, and the group of that.
type Dot struct {
	Group int
	X, Y  int16
}

// dots gives the dot of a point that is on the map.
func dots(c Centres, p Point) iter.Seq[Dot] {
	return func(yield func(Dot) bool) {
		if x, y, on := onMap(p); on {
			group, _ := c.Nearest(p)
			yield(Dot{group, int16(x), int16(y)})
		}
	}
}

func onMap(p Point) (x, y float64, on bool) {
	lat, lon := p.Degrees()
	return (lon - west) * scale, (north - lat) * scale * stretch, lon >= west && lon <= east && lat >= south && lat <= north
}

// draw makes the map: a path of dots for each group, and a ring for its centre. The
// cluster finds the dots; that there is one for many places makes them few.
func draw(ctx context.Context, path string, points typed.RDD[Point], c Centres) error {
	all, err := typed.Distinct(points.With(c).FlatMap(dots)).Collect(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b Dot) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">`+"\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", width, height)
	for len(all) > 0 {
		group := all[0].Group
		n := len(all)
		if i := slices.IndexFunc(all, func(d Dot) bool { return d.Group != group }); i >= 0 {
			n = i
		}
		fmt.Fprintf(&b, `<path stroke="%s" stroke-width="2.5" stroke-linecap="round" d="`, colour(group))
		for _, d := range all[:n] {
			fmt.Fprintf(&b, "M%d %dh0", d.X, d.Y)
		}
		b.WriteString("\"/>\n")
		all = all[n:]
	}
	for i, p := range c {
		if x, y, on := onMap(p); on {
			fmt.Fprintf(&b, `<circle cx="%.0f" cy="%.0f" r="7" fill="%s" stroke="#000" stroke-width="2"><title>group %d</title></circle>`+"\n", x, y, colour(i), i)
		}
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// colour gives groups hues that are far from one another, by the golden angle.
func colour(group int) string {
	hue := math.Mod(float64(group)*137.508, 360)
	return fmt.Sprintf("hsl(%.0f,65%%,%d%%)", hue, 40+15*(group%3))
}
