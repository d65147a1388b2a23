package rdd

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func gang(n *Node) *Node {
	return n.Narrow(MapPartitionsWithBarrierOp(func(_ *BarrierTask, rows iter.Seq[int64]) iter.Seq[int64] { return rows }), here(), false)
}

// barriers gives the names of the plan's stages that run all at once.
func barriers(p *plan.Plan) (names []string) {
	for _, s := range p.Stages {
		if s.Barrier {
			names = append(names, s.Name)
		}
	}
	return names
}

func TestPlanBarriers(t *testing.T) {
	w := newWorld(t)
	nums := w.numbers(100, 4)
	sort := func(n *Node) *Node {
		op := SortFuncOp(func(a, b int64) int { return int(a - b) })
		return n.Wide(op, here(), Wide{Sinks: []string{"map"}, Kind: plan.RangePartitioner, N: 3, Sampled: true})
	}
	for name, c := range map[string]struct {
		rows *Node
		want []string
	}{
		"nowhere":          {nums, nil},
		"at the end":       {gang(nums), []string{"Range → MapPartitionsWithBarrier → Count"}},
		"behind a union":   {gang(nums.Union(here(), nums)), []string{"Union → MapPartitionsWithBarrier → Count"}},
		"twice":            {gang(gang(nums)), []string{"Range → MapPartitionsWithBarrier → Count"}},
		"before a sort":    {sort(gang(nums)), []string{"Range → MapPartitionsWithBarrier → SortFunc"}},
		"behind a sort":    {gang(sort(nums)), []string{"SortFunc → MapPartitionsWithBarrier → Count"}},
		"behind a barrier": {sort(gang(nums)).Narrow(FilterOp(func(int64) bool { return true }), here(), true), []string{"Range → MapPartitionsWithBarrier → SortFunc"}},
	} {
		p := w.plan(c.rows, Action{Op: CountOp[int64](), Call: here()})
		if got := barriers(p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestBarrierCallsAreTold: what a task brings has its call in front, and what
// comes back is taken only from tasks at the same one.
func TestBarrierCallsAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		answer [][]byte
		want   string
	}{
		"the same":           {[][]byte{{2, 0, 'm'}, {2, 0}}, ""},
		"another call":       {[][]byte{{2, 0, 'm'}, {1, 0}}, "AllGather: the task of partition 1 is at another call, Barrier"},
		"another operator's": {[][]byte{{2, 0, 'm'}, {2, 1}}, "AllGather: the task of partition 1 is at another call, AllGather of another operator"},
		"of another release": {[][]byte{{2, 0, 'm'}, {9, 0}}, "a call of another release"},
		"cut short":          {[][]byte{{2, 0, 'm'}, {2}}, "of different builds"},
	} {
		t.Run(name, func(t *testing.T) {
			var brought []byte
			w := newWorld(t, func(o *RunnerOptions) {
				o.Gather = func(_ context.Context, _ string, round int, message []byte) ([][]byte, error) {
					brought = message
					if round != 0 {
						return nil, fmt.Errorf("round %d", round)
					}
					return c.answer, nil
				}
			})
			n := w.numbers(3, 1).Narrow(MapPartitionsWithBarrierOp(func(t *BarrierTask, _ iter.Seq[int64]) iter.Seq[string] {
				return func(yield func(string) bool) {
					for _, b := range t.AllGather([]byte("m")) {
						yield(string(b))
					}
				}
			}), here(), false)
			if c.want != "" {
				if f := w.fails(n, Action{Op: CollectOp[string](), Call: here()}); f.Class != plan.FailUser || !strings.Contains(f.Message, c.want) || !strings.Contains(f.Op, "MapPartitionsWithBarrier") {
					t.Errorf("%+v, want %q", f, c.want)
				}
			} else if got := collect[string](w, n); !slices.Equal(got, []string{"m", ""}) {
				t.Errorf("%q", got)
			}
			if string(brought) != "\x02\x00m" {
				t.Errorf("brought %q", brought)
			}
		})
	}
}
