package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// TestTriangles compares with all threes of nodes. Some links are there both ways,
// some twice, and some go back to where they begin.
func TestTriangles(t *testing.T) {
	const n = 30
	random := rand.New(rand.NewPCG(1, 2))
	var links []typed.Pair[string, string]
	var near [n][n]bool
	for range 160 {
		a, b := random.IntN(n), random.IntN(n)*random.IntN(2)
		links = append(links, typed.Pair[string, string]{Key: name(a), Value: name(b)})
		near[a][b], near[b][a] = true, true
	}
	counts := map[string]int64{}
	for a := range n {
		for b := range a {
			for c := range b {
				if near[a][b] && near[b][c] && near[a][c] {
					counts[name(a)]++
					counts[name(b)]++
					counts[name(c)]++
				}
			}
		}
	}
	var want []typed.Pair[string, int64]
	for node, n := range counts {
		want = append(want, typed.Pair[string, int64]{Key: node, Value: n})
	}
	if len(want) < 5 {
		t.Fatalf("only %v", want)
	}
	typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, int64] {
		pairs := s.Parallelize(links, 3).MapToPair(func(l typed.Pair[string, string]) (string, string) { return l.Key, l.Value })
		return corners(triangles(pairs))
	}, want, typedtest.AnyOrder())
}

func name(i int) string { return fmt.Sprintf("p%02d", i) }
