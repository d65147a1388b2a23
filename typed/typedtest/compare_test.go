package typedtest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/typed/typedtest"
)

type point struct {
	X, Y float64
	tags []string
}

func TestDiff(t *testing.T) {
	anyOrder := []typedtest.Option{typedtest.AnyOrder()}
	within := []typedtest.Option{typedtest.AnyOrder(), typedtest.Within(1e-3)}
	for _, test := range []struct {
		name      string
		got, want []point
		opts      []typedtest.Option
		diff      []string // nil: none
	}{
		{"nothing", nil, []point{}, nil, nil},
		{"equal", []point{{X: 1}, {Y: 2}}, []point{{X: 1}, {Y: 2}}, nil, nil},
		{"NaN", []point{{X: math.NaN()}}, []point{{X: math.NaN()}}, nil, nil},
		{"nil and empty", []point{{tags: []string{}}}, []point{{}}, nil, nil},
		{"other order", []point{{X: 1}, {X: 2}}, []point{{X: 2}, {X: 1}}, nil, []string{"another order: row 0", "AnyOrder()"}},
		{"other order that does not matter", []point{{X: 1}, {X: 2}}, []point{{X: 2}, {X: 1}}, anyOrder, nil},
		{"twice", []point{{X: 1}, {X: 1}}, []point{{X: 1}}, anyOrder, []string{"2 rows, want 1", "1 not wanted:\n\t{X:1 Y:0 tags:nil}"}},
		{"missing", []point{{X: 1}}, []point{{X: 1}, {X: 3, tags: []string{"a"}}}, nil, []string{`1 missing:` + "\n\t" + `{X:3 Y:0 tags:["a"]}`}},
		{"near", []point{{X: 1}, {X: 2.00001}}, []point{{X: 2}, {X: 1}}, within, nil},
		{"not near", []point{{X: 2.1}}, []point{{X: 2}}, within, []string{"1 missing", "1 not wanted"}},
		{"one near, one the same", []point{{X: 1}, {X: 1.0001}}, []point{{X: 1.0002}, {X: 1}}, within, nil},
	} {
		got := typedtest.Diff(test.got, test.want, test.opts...)
		if (got == "") != (test.diff == nil) {
			t.Errorf("%s: %q", test.name, got)
		}
		for _, part := range test.diff {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q has no %q", test.name, got, part)
			}
		}
	}
}

func TestDiffOfTimes(t *testing.T) {
	now := time.Now()
	if d := typedtest.Diff([]time.Time{now}, []time.Time{now.In(time.FixedZone("", 3600))}); d != "" {
		t.Error(d)
	}
}

func TestDiffIsShort(t *testing.T) {
	long := make([]string, 100)
	for i := range long {
		long[i] = fmt.Sprint(i, strings.Repeat("日", 1000))
	}
	d := typedtest.Diff(long, nil)
	if len(d) > 10*400 || !strings.Contains(d, "and 90 more") || !strings.Contains(d, "bytes)") {
		t.Errorf("%d bytes: %s", len(d), d)
	}
	many := make([]float64, 5000)
	few := make([]float64, 5000)
	for i := range many {
		many[i], few[i] = float64(i)+0.5, float64(i)
	}
	if d := typedtest.Diff(many, few, typedtest.AnyOrder()); !strings.Contains(d, "5000 missing") {
		t.Error(d)
	}
}
