// Components finds what is connected in a graph.
//
// Usage:
//
//	components -edges PATHS [-out DIR]
//
// A line has an edge: the names of two nodes with white space between. It
// prints how many components there are, and the largest with the least of their
// names. DIR gets a line for each node: its name and the one of its component.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"

	"github.com/gordd-project/gordd/examples/components/graph"
	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen ./...

var (
	in  = flag.String("edges", "", "`paths` of the edges")
	out = flag.String("out", "", "`directory` for the components, which must not be there yet")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" {
		return typed.Usagef("no graph: give -edges")
	}
	labels, err := graph.Components(ctx, s.TextFile(*in).TryMap(graph.Parse))
	if err != nil {
		return err
	}
	sizes := sizes(labels)
	n, err := sizes.Count(ctx)
	if err != nil {
		return err
	}
	largest, err := sizes.Top(ctx, 5, bySize)
	if err != nil {
		return err
	}
	fmt.Println(n, "components")
	for _, c := range largest {
		fmt.Printf("%8d %s\n", c.Value, c.Key)
	}
	if *out == "" {
		return nil
	}
	return labels.SaveAsTextFile(ctx, *out)
}

// sizes counts the nodes of each component.
func sizes(labels typed.PairRDD[string, string]) typed.PairRDD[string, int] {
	return labels.
		MapToPair(func(_, component string) (string, int) { return component, 1 }).
		ReduceByKey(func(a, b int) int { return a + b })
}

// bySize orders components by size, and equals by name, the first one greatest.
func bySize(a, b typed.Pair[string, int]) int {
	return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(b.Key, a.Key))
}
