package main

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// Node is a package with the number of its neighbours.
type Node struct {
	Degree int
	Name   string
}

// compare orders nodes with few neighbours first. Every edge goes from the smaller
// node to the greater one: so the nodes that have most neighbours have few edges that
// begin there, of which all pairs are looked at (Schank and Wagner, 2005).
func (n Node) compare(o Node) int {
	return cmp.Or(cmp.Compare(n.Degree, o.Degree), strings.Compare(n.Name, o.Name))
}

// Edge goes from the smaller node to the greater one.
type Edge struct{ From, To Node }

func edge(a, b Node) Edge {
	if a.compare(b) > 0 {
		a, b = b, a
	}
	return Edge{a, b}
}

// Triangle has its nodes in their order.
type Triangle struct{ A, B, C Node }

// triangles finds all of them. Which way a link goes does not matter, nor how often it
// is there.
func triangles(links typed.PairRDD[string, string]) typed.RDD[Triangle] {
	edges := withDegrees(links.FlatMap(undirected))
	return edges.
		MapToPair(func(e Edge) (Node, Node) { return e.From, e.To }).
		GroupByKey(func(_ Node, to iter.Seq[Node]) []Node { return slices.Collect(to) }).
		FlatMapToPair(wedges).
		Join(edges.MapToPair(func(e Edge) (Edge, bool) { return e, true }), func(a Node, _ bool) Node { return a }).
		Map(func(e Edge, a Node) Triangle { return Triangle{a, e.From, e.To} })
}

// ends are those of a link between two nodes, in the order of their names.
type ends struct{ A, B string }

func undirected(a, b string) iter.Seq[ends] {
	return func(yield func(ends) bool) {
		if a != b {
			yield(ends{min(a, b), max(a, b)})
		}
	}
}

// withDegrees makes each link an edge, once.
func withDegrees(links typed.RDD[ends]) typed.RDD[Edge] {
	once := typed.Distinct(links)
	degrees := once.
		FlatMapToPair(func(l ends) iter.Seq2[string, int] {
			return func(yield func(string, int) bool) { _ = yield(l.A, 1) && yield(l.B, 1) }
		}).
		ReduceByKey(func(a, b int) int { return a + b })
	return once.
		MapToPair(func(l ends) (string, string) { return l.A, l.B }).
		Join(degrees, func(b string, degree int) typed.Pair[string, int] {
			return typed.Pair[string, int]{Key: b, Value: degree}
		}).
		MapToPair(func(a string, b typed.Pair[string, int]) (string, Node) { return b.Key, Node{b.Value, a} }).
		Join(degrees, func(a Node, degree int) typed.Pair[Node, int] { return typed.Pair[Node, int]{Key: a, Value: degree} }).
		Map(func(b string, a typed.Pair[Node, int]) Edge { return edge(a.Key, Node{a.Value, b}) })
}

// wedges are the pairs of edges that begin at a node: an edge between their ends makes
// each a triangle.
func wedges(a Node, to []Node) iter.Seq2[Edge, Node] {
	return func(yield func(Edge, Node) bool) {
		for i, b := range to {
			for _, c := range to[:i] {
				if !yield(edge(b, c), a) {
					return
				}
			}
		}
	}
}

// corners counts the triangles of each node.
func corners(all typed.RDD[Triangle]) typed.PairRDD[string, int64] {
	return all.
		FlatMapToPair(func(t Triangle) iter.Seq2[string, int64] {
			return func(yield func(string, int64) bool) {
				_ = yield(t.A.Name, 1) && yield(t.B.Name, 1) && yield(t.C.Name, 1)
			}
		}).
		ReduceByKey(func(a, b int64) int64 { return a + b })
}
