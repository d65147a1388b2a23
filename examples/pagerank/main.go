// Pagerank finds the packages that much depends on: PageRank, as of Page and Brin,
// over the imports of Go files.
//
// Usage:
//
//	pagerank -in PATHS [-rounds N] [-top N] [-out DIR]
//
// PATHS are Go files, directories or globs, several with commas. It prints how much
// ranks moved in each round, and the first packages at the end. Ranks add up to the
// number of packages. DIR gets a line for each package: its path, a tab, and its rank.
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
	in     = flag.String("in", "", "`paths` of Go files")
	rounds = flag.Int("rounds", 20, "rounds at most; it ends sooner when ranks hardly move any more")
	top    = flag.Int("top", 10, "prints so many packages")
	out    = flag.String("out", "", "`directory` for the ranks of all packages, which must not be there yet")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *rounds < 1 || *top < 0 {
		return typed.Usagef("give -in, -rounds above zero, and -top not below it")
	}
	links := pages(imports.Of(s.WholeTextFiles(*in, typed.Recursive()))).Cache()
	r, err := begin(ctx, links)
	if err != nil {
		return err
	}
	for round := 1; round <= *rounds; round++ {
		moved, err := r.round(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("round %d: moved %.4f\n", round, moved/r.n)
		if moved < r.n*1e-5 {
			break
		}
	}
	first, err := r.ranks.Top(ctx, *top, byRank)
	if err != nil {
		return err
	}
	for _, p := range first {
		fmt.Printf("%9.3f %s\n", p.Value, p.Key)
	}
	if *out == "" {
		return nil
	}
	return r.ranks.SaveAsTextFile(ctx, *out)
}

// byRank orders pages by their rank, and equals by name, the first one greatest.
func byRank(a, b typed.Pair[string, float64]) int {
	return cmp.Or(cmp.Compare(a.Value, b.Value), strings.Compare(b.Key, a.Key))
}
