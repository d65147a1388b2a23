package rdd

import (
	"reflect"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestHoldsFloats(t *testing.T) {
	type list struct {
		Next *list
		N    int
	}
	for typ, want := range map[reflect.Type]bool{
		reflect.TypeFor[float64]():                                true,
		reflect.TypeFor[complex64]():                              true,
		reflect.TypeFor[map[string][]struct{ sums [2]float32 }](): true,
		reflect.TypeFor[any]():                                    true,
		reflect.TypeFor[string]():                                 false,
		reflect.TypeFor[list]():                                   false,
		reflect.TypeFor[Pair[string, map[int64][]uint8]]():        false,
		reflect.TypeFor[none]():                                   false,
	} {
		if got := holdsFloats(typ); got != want {
			t.Errorf("%s: %v", typ, got)
		}
	}
	if holdsFloats(reflect.TypeFor[time.Duration]()) {
		t.Error("a time.Duration is a number of nanoseconds")
	}
}

// Stages whose rows come from sums of floating-point values are inexact, through however
// many others. Those that only make such values are not.
func TestPlanInexact(t *testing.T) {
	w := newWorld(t)
	floats := intPairs(w).Narrow(MapValuesOp[int64](func(v int64) float64 { return float64(v) }), here(), true)
	sums := floats.Wide(ReduceByKeyOp[int64](func(a, b float64) float64 { return a + b }), here(), wide("map"))
	moved := sums.Wide(PartitionByOp[int64, float64](), here(), Wide{Kind: plan.HashPartitioner, N: 3, Sinks: []string{"map"}})
	whole := moved.Narrow(MapValuesOp[int64](func(v float64) int64 { return int64(v) }), here(), true)
	exact := intPairs(w).Wide(addUp(), here(), wide("map"))
	all := whole.Union(here(), exact).Wide(addUp(), here(), wide("map"))
	alone := exact.Wide(PartitionByOp[int64, int64](), here(), Wide{Kind: plan.HashPartitioner, N: 3, Sinks: []string{"map"}})
	p := w.plan(all, countPairs())
	for n, want := range map[*Node]bool{sums: false, moved: true, exact: false, all: true} {
		st, ok := p.Stage(n.shuffleKey(0))
		if !ok || st.Inexact != want {
			t.Errorf("%s is inexact: %v", n.shuffleKey(0), st.Inexact)
		}
	}
	if st, _ := w.plan(alone, countPairs()).Stage(alone.shuffleKey(0)); st.Inexact {
		t.Error("whole numbers are inexact")
	}
}

// A fold's zero travels with it: its operator is made of another.
func TestPlanInexactFold(t *testing.T) {
	if op := FoldByKeyOp[string](func(a, b float64) float64 { return a + b }); !op.inexact {
		t.Error("a fold of floating-point values is exact")
	}
	if op := FoldByKeyOp[string](func(a, b int64) int64 { return a + b }); op.inexact {
		t.Error("a fold of whole numbers is inexact")
	}
}
