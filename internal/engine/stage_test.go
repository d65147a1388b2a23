package engine

import (
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// TestCachedOf: the kept rows that tasks are sent to.
func TestCachedOf(t *testing.T) {
	kept := plan.Pipe{Source: plan.Source{Cached: &plan.Cached{Key: "c1"}}}
	ranged := kept
	ranged.Ops = []plan.Op{{Placed: &plan.Partitioner{Kind: plan.RangePartitioner, Bounds: "b"}}}
	value := []plan.Parent{{Key: "b", Kind: plan.Value}}
	for name, c := range map[string]struct {
		stage plan.Stage
		want  plan.StageKey
	}{
		"none":                      {plan.Stage{}, ""},
		"as they are":               {plan.Stage{Pipe: kept}, "c1"},
		"below a filter by bounds":  {plan.Stage{Pipe: ranged, Parents: value}, "c1"},
		"to be sorted":              {plan.Stage{Pipe: kept, Parents: value, Sink: plan.Sink{Part: &plan.Partitioner{Bounds: "b"}}}, ""},
		"to be placed by keys":      {plan.Stage{Pipe: kept, Sink: plan.Sink{Part: &plan.Partitioner{}}}, "c1"},
		"of tasks that run at once": {plan.Stage{Pipe: kept, Barrier: true}, ""},
	} {
		if got := cached(&c.stage); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
