package rdd

import (
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// TestLongPlansTakeNoStack has lineages as long as a loop can make them planned, encoded,
// decoded, resolved and explained on a stack that no recursion over them has room on.
func TestLongPlansTakeNoStack(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(256 << 10))
	w := newWorld(t)
	id := func(n int64) int64 { return n }
	narrow, moved := w.numbers(1, 1), w.numbers(1, 1)
	for range 100_000 {
		narrow = narrow.Narrow(MapOp(id), here(), false)
	}
	for range 20_000 {
		moved = moved.Wide(RepartitionOp[int64](), here(), Wide{Kind: plan.RoundRobinPartitioner, N: 1, Sinks: []string{"map"}})
	}
	for _, n := range []*Node{narrow, moved, narrow.Union(here(), moved)} {
		p, err := w.g.Plan(n, Action{Op: CountOp[int64](), Call: here()})
		if err != nil {
			t.Fatal(err)
		}
		b, err := plan.EncodeWithin(p, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := plan.DecodeWithin[plan.Plan](b, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if err := decoded.Resolve(plan.Sizes{Slots: 2}); err != nil {
			t.Fatal(err)
		}
		if got := w.g.Explain(p); len(got) != len(p.Stages) {
			t.Errorf("%d of %d stages are explained", len(got), len(p.Stages))
		}
		n.Cuts()
	}
}

// loop is the lineage of so many rounds from a source on.
func loop(n *Node, rounds int, round func(*Node) *Node) *Node {
	for range rounds {
		n = round(n)
	}
	return n
}

func TestWhereLineageIsCut(t *testing.T) {
	w := newWorld(t)
	by := wide("map")
	by.N = 2
	same := func(p Pair[int64, int64]) Pair[int64, int64] { return p }
	pairs := func() *Node { return intPairs(w) }
	sum := func(n *Node) *Node { return n.Narrow(MapOp(same), here(), false).Wide(addUp(), here(), by) }
	kept := func(n *Node) *Node {
		return n.Narrow(MapOp(same), here(), false).Cached(CacheOp[Pair[int64, int64]](), here(), plan.MemoryOnly)
	}
	both := func(n *Node) *Node { return sum(kept(n)) }
	spent := func(n *Node) *Node {
		n = kept(n)
		n.Uncache()
		return n
	}
	join := func(n, m *Node) *Node {
		return n.Wide(JoinOp[int64](func(a, b int64) int64 { return a + b }), here(), wide("left", "right"), m)
	}
	crossed := func() *Node { // two loops that read one another
		a, b := pairs(), pairs()
		for range 105 {
			a, b = join(a.Narrow(MapOp(same), here(), false), b), join(b.Narrow(MapOp(same), here(), false), a)
		}
		return join(a, b)
	}
	broad := func() *Node {
		var all []*Node
		for range 20 {
			all = append(all, loop(pairs(), 120, sum))
		}
		return all[0].Union(here(), all[1:]...)
	}
	side := pairs().Wide(addUp(), here(), by)
	waits := func(n *Node) *Node {
		return n.Narrow(MapPartitionsWithBarrierOp(func(_ *BarrierTask, rows iter.Seq[Pair[int64, int64]]) iter.Seq[Pair[int64, int64]] {
			return rows
		}), here(), false).Wide(addUp(), here(), by)
	}
	for name, test := range map[string]struct {
		node *Node
		want string // depth and kind of the nodes of each set
	}{
		"short":              {loop(pairs(), 99, sum), ""},
		"of shuffles":        {loop(pairs(), 100, sum), "75"},
		"very long":          {loop(pairs(), 250, sum), "75 150 225"},
		"kept":               {loop(pairs(), 100, kept), "76k"},
		"kept and shuffled":  {loop(pairs(), 50, both), "75k"},
		"kept no more":       {loop(pairs(), 300, spent), ""},
		"with a short side":  {loop(pairs(), 100, func(n *Node) *Node { return join(n.Narrow(MapOp(same), here(), false), side) }), "75"},
		"crossed":            {crossed(), "75,75"},
		"broad":              {broad(), ""},
		"tasks that wait":    {loop(pairs(), 120, waits), ""},
		"union of long ones": {loop(pairs(), 100, sum).Union(here(), loop(pairs(), 100, sum)), "75,75"},
	} {
		t.Run(name, func(t *testing.T) {
			l := lineage{depth: map[*Node]int{}}
			l.measure(test.node)
			var got string
			for _, set := range test.node.Cuts() {
				var depths []string
				for _, n := range set {
					d := fmt.Sprint(l.depth[n])
					if n.kind() == cachedNode {
						d += "k"
					}
					depths = append(depths, d)
				}
				slices.Sort(depths)
				if got != "" {
					got += " "
				}
				for i, d := range depths {
					if i > 0 {
						got += ","
					}
					got += d
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
