package rdd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gordd-project/gordd/rdd/plan"
)

// seen is what is shown, as "name value".
func seen(g *Graph) (all []string) {
	for _, s := range g.Shown() {
		all = append(all, s.Name+" "+s.Value)
	}
	return all
}

// TestShownIsWhatWouldCount shows running actions by the rules by which they will
// count, and counts nothing before they end.
func TestShownIsWhatWouldCount(t *testing.T) {
	g := NewGraph(GraphOptions{})
	rows := NewAccumulator[sum[int64]](g, "rows")
	add := func(n int64) plan.Updates { return plan.Updates(nil).With(rows.id, encoded(t, sum[int64]{n})) }
	kept := plan.Updates(nil).Under(plan.Block{RDD: "c7", Partition: 4}, add(1000))
	check := func(what string, shown, counts int64) {
		t.Helper()
		if got, want := seen(g), []string{fmt.Sprint("rows ", shown)}; !slices.Equal(got, want) {
			t.Errorf("%s: shown %q, want %q", what, got, want)
		}
		if n := rows.Value().N; n != counts {
			t.Errorf("%s: counts %d, want %d", what, n, counts)
		}
	}
	g.Running(1, delivery(t, true, 0, add(3)))
	g.Running(1, delivery(t, true, 1, add(4)))
	check("two tasks", 7, 0)
	g.Running(1, delivery(t, true, 1, add(5)))
	check("one that started over", 8, 0)
	g.Running(2, delivery(t, true, 0, add(20)))
	check("another action's", 28, 0)
	g.Running(1, delivery(t, false, 0, add(100)))
	g.Running(2, delivery(t, false, 0, add(100)))
	check("of a stage of both", 128, 0)
	g.Running(1, delivery(t, true, 2, kept))
	g.Running(2, delivery(t, true, 2, kept))
	check("of a kept block", 1128, 0)
	g.Ended(1, append(delivery(t, true, 0, append(add(3), kept...)), delivery(t, false, 0, add(100))...))
	check("one has ended", 1123, 1103)
	g.Ended(2, nil)
	check("the other failed", 1103, 1103)
}

// TestShownOfAllKinds has values of several types, and some that cannot be shown.
func TestShownOfAllKinds(t *testing.T) {
	g := NewGraph(GraphOptions{})
	NewTotal[float64](g, "weight\nin kg").Add(1.5)
	none, ends := NewExtremes[string](g, "none"), NewExtremes[int](g, "ends")
	ends.Add(4)
	ends.Add(-2)
	broken := NewAccumulator[few](g, strings.Repeat("é", 200))
	g.Running(1, delivery(t, true, 0, plan.Updates(nil).With(broken.id, encoded(t, few(9))).With(broken.id, encoded(t, few(9)))))
	got := seen(g)
	if want := []string{"weight in kg 1.5", none.Name() + " none", "ends -2 to 4"}; len(got) != 4 || !slices.Equal(got[:3], want) {
		t.Fatalf("%q, want %q and a broken one", got, want)
	}
	if s := g.Shown()[3]; len(s.Name) > plan.MaxShownText || !utf8.ValidString(s.Name) || !strings.HasPrefix(s.Value, "panic: too many") {
		t.Errorf("a long name, and a Merge that panics: %q", s)
	}
	if n := broken.Value(); n != 0 {
		t.Errorf("what is only shown broke it: %d", n)
	}
	for range plan.MaxShown {
		NewTotal[int](g, "more")
	}
	g.Ended(1, nil)
	if all := g.Shown(); !plan.GoodShown(all) || len(all) != plan.MaxShown {
		t.Errorf("%d are shown", len(all))
	}
}
