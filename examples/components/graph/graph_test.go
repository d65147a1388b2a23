package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// forest makes the edges of several components, some of which are long, and
// finds them by joining sets.
func forest() (edges []Edge[string], want []typed.Pair[string, string]) {
	r := rand.New(rand.NewPCG(5, 6))
	parent := map[string]string{}
	find := func(n string) string {
		for parent[n] != n {
			n = parent[n]
		}
		return n
	}
	connect := func(a, b int) {
		e := Edge[string]{fmt.Sprint("n", a), fmt.Sprint("n", b)}
		edges = append(edges, e)
		for _, n := range []string{e.From, e.To} {
			if _, ok := parent[n]; !ok {
				parent[n] = n
			}
		}
		from, to := find(e.From), find(e.To)
		parent[max(from, to)] = min(from, to)
	}
	for i := range 8 {
		connect(i, i+1)
	}
	connect(50, 50)
	for range 120 {
		a := 100 + r.IntN(150)
		connect(a, a+3*r.IntN(3))
	}
	r.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
	for n := range parent {
		want = append(want, typed.Pair[string, string]{Key: n, Value: find(n)})
	}
	return edges, want
}

func TestComponents(t *testing.T) {
	edges, want := forest()
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		labels, err := Components(t.Context(), s.Parallelize(edges, 3))
		if err != nil {
			t.Fatal(err)
		}
		got, err := labels.Collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := typedtest.Diff(got, want, typedtest.AnyOrder()); d != "" {
			t.Error(d)
		}
	})
}

func TestNoEdges(t *testing.T) {
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (int64, error) {
		labels, err := Components(ctx, s.Empty[Edge[string]]())
		if err != nil {
			return 0, err
		}
		return labels.Count(ctx)
	}, 0)
}

func TestParse(t *testing.T) {
	if e, err := Parse(" a\tb "); err != nil || e != (Edge[string]{"a", "b"}) || e.Reversed() != (Edge[string]{"b", "a"}) {
		t.Error(e, err)
	}
	for _, bad := range []string{"", "a", "a b c"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is an edge", bad)
		}
	}
}
