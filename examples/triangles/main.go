// Triangles counts the packages that import one another by threes: the triangles of a
// graph, in which the imports of Go files are edges.
//
// Usage:
//
//	triangles -in PATHS [-top N]
//
// PATHS are Go files, directories or globs, several with commas. It prints how many
// triangles there are, and the packages that most of them have.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/gordd-project/gordd/examples/imports"
	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in  = flag.String("in", "", "`paths` of Go files")
	top = flag.Int("top", 10, "prints so many packages")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *top < 0 {
		return typed.Usagef("give -in, and -top not below zero")
	}
	all := triangles(imports.Of(s.WholeTextFiles(*in, typed.Recursive()))).Cache()
	n, err := all.Count(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d triangles\n", n)
	first, err := corners(all).Top(ctx, *top, byCount)
	for _, c := range first {
		fmt.Printf("%8d %s\n", c.Value, c.Key)
	}
	return err
}

// byCount orders packages by how many triangles have them, and equals by name, the
// first one greatest.
func byCount(a, b typed.Pair[string, int64]) int {
	return cmp.Or(cmp.Compare(a.Value, b.Value), strings.Compare(b.Key, a.Key))
}
