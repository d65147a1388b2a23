package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// needs fails when all of some faults happened, with a text that differs from
// run to run, and in another way when one of them is missing now and then.
func needs(ids ...string) Runner {
	n := 0
	return func(o Options) (Report, error) {
		rep, err := Run(o)
		if err != nil {
			return rep, err
		}
		n++
		for _, id := range ids {
			if !slices.ContainsFunc(rep.Happened, func(f string) bool { return strings.HasPrefix(f, id+" ") }) {
				return rep, nil
			}
		}
		return rep, fmt.Errorf("seed %d: after run %d: I14: mixed", o.Seed, n)
	}
}

func TestShrinkFindsTheFaultsThatMatter(t *testing.T) {
	o := Options{Seed: 9, Workers: 4, Jobs: 3, Tasks: 8, Faults: 20, Restarts: 5}
	rep, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Happened) < 4 {
		t.Fatalf("too few faults: %q", rep.Happened)
	}
	var ids []string
	for _, f := range []string{rep.Happened[1], rep.Happened[len(rep.Happened)-2]} {
		id, _, _ := strings.Cut(f, " ")
		ids = append(ids, id)
	}
	small := Shrink(o, needs(ids...), 1000)
	slices.Sort(ids)
	slices.Sort(small.Only)
	if !slices.Equal(slices.Compact(small.Only), slices.Compact(ids)) {
		t.Errorf("%q are left of %d, want %q", small.Only, len(rep.Happened), ids)
	}
	if len(small.Out) == 0 || small.Tasks > 2 || small.Stages == 0 || small.Stages > 2 {
		t.Errorf("not small: %v", small)
	}
	if _, err := needs(ids...)(small); err == nil {
		t.Error("what is left does not fail")
	}
}

func TestShrinkLeavesAloneWhatWorks(t *testing.T) {
	o := Options{Seed: 1, Workers: 2, Jobs: 1, Tasks: 3}
	if got := Shrink(o, Run, 10); got.String() != o.String() {
		t.Errorf("%v", got)
	}
}

func TestShrinkEndsAndKeepsTheFailure(t *testing.T) {
	runs := 0
	o := Options{Seed: 3, Workers: 9, Jobs: 9, Tasks: 60, Faults: 1}
	small := Shrink(o, func(o Options) (Report, error) {
		runs++
		var rep Report
		for i := range 100 {
			rep.Happened = append(rep.Happened, fmt.Sprintf("f%d happens", i))
		}
		if o.Workers < 3 {
			return rep, errors.New("L1: something else")
		}
		return rep, errors.New("stalled")
	}, 200)
	if runs > 202 || small.Workers != 3 || small.Jobs != 9 || len(small.Out) != 9 || len(small.Only) != 0 || small.Only == nil {
		t.Errorf("after %d runs: %v", runs, small)
	}
}

func TestFailuresAreTheSameByTheirInvariant(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"seed 1: after model.TaskDone: I11: w1: memory 5", "seed 1: after model.Tick: I11: w2: memory 7"},
		{"seed 1: stalled at 17s", "seed 1: stalled at 4s\nsomething"},
		{"I5: x\nI11: y\nI5: z", "I11: a\nI5: b"},
	} {
		if a, b := failure(errors.New(c.a)), failure(errors.New(c.b)); a != b {
			t.Errorf("%q and %q", a, b)
		}
	}
	if failure(errors.New("I5: x")) == failure(errors.New("I6: x")) {
		t.Error("two invariants are one")
	}
}

// Leaving one fault out leaves the earlier course as it was, and those of other
// workers in place.
func TestFaultsStayInPlace(t *testing.T) {
	o := Options{Seed: 8, Workers: 5, Jobs: 2, Tasks: 8, Faults: 20}
	all, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Only = []string{}
	for _, f := range all.Happened {
		if id, _, _ := strings.Cut(f, " "); !strings.HasPrefix(id, "w2#") {
			o.Only = append(o.Only, id)
		}
	}
	rest, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range all.Happened {
		if !strings.HasPrefix(f, "w2#") && strings.HasPrefix(f, "w") {
			want = append(want, f)
		}
	}
	same := 0
	for _, f := range rest.Happened {
		if strings.HasPrefix(f, "w2#") {
			t.Errorf("%q happened", f)
		}
		if slices.Contains(want, f) {
			same++
		}
	}
	if same*10 < len(want)*8 {
		t.Errorf("%d of %d faults stayed", same, len(want))
	}
}

func TestOptionsAsSource(t *testing.T) {
	o := Options{Seed: 1, Workers: 2, Jobs: 3, Tasks: 4, Faults: 2, TaskFaults: true, Restarts: 0.5, CheckEvery: 1,
		Stages: 2, Out: []string{"j0"}, Only: []string{"w1#3"}}
	want := `{Seed: 1, Workers: 2, Jobs: 3, Tasks: 4, CheckEvery: 1, Faults: 2, TaskFaults: true, Restarts: 0.5, Stages: 2, ` +
		`Out: []string{"j0"}, Only: []string{"w1#3"}}`
	if o.String() != want {
		t.Errorf("%v", o)
	}
}
