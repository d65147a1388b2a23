package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// radius of the earth in km.
const radius = 6371

// Place is a line of the table.
type Place struct {
	Zip, City, State string
	At               Point
}

// isPlace says whether a line is one, and not the table's head.
func isPlace(line string) bool { return !strings.HasPrefix(line, "zip_code,") }

func parse(line string) (p Place, err error) {
	f := strings.Split(line, ",")
	if len(f) != 6 {
		return p, fmt.Errorf("%d columns, want zip_code, latitude, longitude, city, state and county", len(f))
	}
	lat, err := degrees(f[1], 90)
	if err != nil {
		return p, fmt.Errorf("latitude %w", err)
	}
	lon, err := degrees(f[2], 180)
	if err != nil {
		return p, fmt.Errorf("longitude %w", err)
	}
	return Place{f[0], f[3], f[4], At(lat, lon)}, nil
}

func degrees(s string, most float64) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(x) <= most) {
		return 0, fmt.Errorf("%q is not in degrees", s)
	}
	return x, nil
}

// Point is a place on the unit sphere, or a sum of some. Unlike degrees it knows no
// borders: what is close on the earth is close here.
type Point struct{ X, Y, Z float64 }

// At gives the point of a latitude and longitude in degrees.
func At(lat, lon float64) Point {
	lat, lon = lat*math.Pi/180, lon*math.Pi/180
	return Point{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

// Degrees gives latitude and longitude.
func (p Point) Degrees() (lat, lon float64) {
	return math.Atan2(p.Z, math.Hypot(p.X, p.Y)) * 180 / math.Pi, math.Atan2(p.Y, p.X) * 180 / math.Pi
}

// Plus adds another point.
func (p Point) Plus(q Point) Point { return Point{p.X + q.X, p.Y + q.Y, p.Z + q.Z} }

// square is the square of the distance through the earth, whose radius is 1.
func (p Point) square(q Point) float64 {
	x, y, z := p.X-q.X, p.Y-q.Y, p.Z-q.Z
	return x*x + y*y + z*z
}

// onEarth moves a sum of points to the surface: there it is the point with the least
// squares to all of them.
func (p Point) onEarth() Point {
	r := math.Sqrt(p.X*p.X + p.Y*p.Y + p.Z*p.Z)
	if r == 0 {
		return p
	}
	return Point{p.X / r, p.Y / r, p.Z / r}
}

// line is what a place has in the output.
func line(c Centres, p Place) string {
	group, _ := c.Nearest(p.At)
	return p.Zip + "," + p.City + "," + p.State + "," + strconv.Itoa(group)
}
