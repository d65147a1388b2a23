package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// TestRounds compares with the same over a matrix. Some pages link to nobody, some
// are linked to by nobody, and some links are there twice.
func TestRounds(t *testing.T) {
	const n, rounds = 40, 5
	random := rand.New(rand.NewPCG(1, 2))
	var links []typed.Pair[string, string]
	var matrix [n][n]float64
	for range 150 {
		from, to := random.IntN(n-5), 3+random.IntN(n-3)
		links = append(links, typed.Pair[string, string]{Key: name(from), Value: name(to)})
		matrix[from][to] = 1
	}
	links = append(links, links[:10]...)
	there := map[int]bool{}
	for i := range n {
		for j := range n {
			if matrix[i][j] > 0 {
				there[i], there[j] = true, true
			}
		}
	}
	ranks := map[int]float64{}
	for i := range there {
		ranks[i] = 1
	}
	for range rounds {
		next, lost := map[int]float64{}, 0.0
		for i := range there {
			degree := 0.0
			for j := range n {
				degree += matrix[i][j]
			}
			if degree == 0 {
				lost += ranks[i]
			}
			for j := range n {
				if matrix[i][j] > 0 {
					next[j] += damping * ranks[i] / degree
				}
			}
		}
		for i := range there {
			next[i] += 1 - damping + damping*lost/float64(len(there))
		}
		ranks = next
	}
	var want []typed.Pair[string, float64]
	sum := 0.0
	for i, rank := range ranks {
		want = append(want, typed.Pair[string, float64]{Key: name(i), Value: rank})
		sum += rank
	}
	if d := sum - float64(len(there)); d > 1e-9 || d < -1e-9 {
		t.Fatalf("ranks of %d pages add up to %g", len(there), sum)
	}
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) ([]typed.Pair[string, float64], error) {
		pairs := s.Parallelize(links, 3).MapToPair(func(l typed.Pair[string, string]) (string, string) { return l.Key, l.Value })
		r, err := begin(ctx, pages(pairs).Cache())
		for range rounds {
			if err == nil {
				_, err = r.round(ctx)
			}
		}
		if err != nil {
			return nil, err
		}
		return r.ranks.Collect(ctx)
	}, want, typedtest.AnyOrder(), typedtest.Within(1e-9))
}

func name(i int) string { return fmt.Sprintf("p%02d", i) }
