// Package graph finds what is connected in graphs whose edges are an RDD.
package graph

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// Edge connects two nodes.
type Edge[N cmp.Ordered] struct{ From, To N }

// Reversed is the edge in the other direction.
func (e Edge[N]) Reversed() Edge[N] { return Edge[N]{e.To, e.From} }

// Parse reads an edge of a line: two names with white space between.
func Parse(line string) (Edge[string], error) {
	names := strings.Fields(line)
	if len(names) != 2 {
		return Edge[string]{}, fmt.Errorf("%d names, not 2", len(names))
	}
	return Edge[string]{names[0], names[1]}, nil
}

// Components gives each node the least name in its component: in each round a
// node takes the least that it and its neighbours know, until none changes.
func Components(ctx context.Context, edges typed.RDD[Edge[string]]) (typed.PairRDD[string, string], error) {
	neighbours := both(edges).PartitionBy()
	labels := neighbours.
		MapToPair(func(node, _ string) (string, string) { return node, node }).
		ReduceByKey(func(a, _ string) string { return a })
	for {
		next := least(neighbours, labels)
		changed, err := next.
			Join(labels, func(now, before string) bool { return now != before }).
			Filter(func(_ string, changed bool) bool { return changed }).
			Count(ctx)
		if err != nil || changed == 0 {
			return next, err
		}
		labels = next
	}
}

// both pairs each node with its neighbours, and them with it.
func both[N cmp.Ordered](edges typed.RDD[Edge[N]]) typed.PairRDD[N, N] {
	return edges.
		Union(edges.Map(Edge[N].Reversed)).
		MapToPair(func(e Edge[N]) (N, N) { return e.From, e.To })
}

// least gives each node the least of its own label and its neighbours'.
func least[N, L cmp.Ordered](neighbours typed.PairRDD[N, N], labels typed.PairRDD[N, L]) typed.PairRDD[N, L] {
	sent := neighbours.
		Join(labels, func(to N, label L) typed.Pair[N, L] { return typed.Pair[N, L]{Key: to, Value: label} }).
		MapToPair(func(_ N, p typed.Pair[N, L]) (N, L) { return p.Key, p.Value })
	return labels.Union(sent).ReduceByKey(func(a, b L) L { return min(a, b) })
}
