package submit

import (
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Another master hears what has not ended, once, and what is here already.
func TestLedger(t *testing.T) {
	var l ledger
	one, two, three := &wire.Begin{N: 1}, &wire.Begin{N: 2}, &wire.Begin{N: 3}
	cancel, finish := &wire.CancelAction{N: 2, Reason: "r"}, &wire.Finish{}
	for _, m := range []any{three, one, two, cancel, &wire.CancelAction{N: 9}, &wire.Release{Stage: "s"}, &wire.Abandon{N: 1},
		&wire.Taken{N: 1, Partitions: []int{4, 0}}, &wire.Taken{N: 7, Partitions: []int{1}}, &wire.Taken{N: 2, Gen: 1, Partitions: []int{5}}} {
		l.said(m)
	}
	resume := func(held ...wire.Taken) msg.Resume {
		return msg.Resume{Released: []plan.StageKey{"s"}, Held: held}
	}
	want := []any{resume(wire.Taken{N: 1, Partitions: []int{0, 4}}, wire.Taken{N: 2, Gen: 1, Partitions: []int{5}}), one, two, cancel, three}
	resumes(t, &l, want)
	end := &wire.ActionEnd{Status: plan.ActionStatus{ID: plan.ActionID{N: 2}}}
	for _, m := range []any{&wire.Reset{N: 1, Gen: 1}, &wire.Reset{N: 8, Gen: 1}, &wire.Quiet{N: 2}, end} {
		if !l.heard(m) {
			t.Errorf("%T is no news", m)
		}
	}
	added := func(n int) bool { return l.heard(&wire.Added{N: n}) }
	portion := func(n int) bool { return l.heard(&wire.Portion{N: n}) }
	if !added(1) || added(2) || !portion(1) || portion(2) {
		t.Error("what tasks added is news while the action runs, and only then")
	}
	if l.heard(end) {
		t.Error("an end is news twice")
	}
	l.said(finish)
	shown := &wire.Shown{Accumulators: []plan.Shown{{Name: "a", Value: "2"}}}
	l.said(&wire.Shown{})
	l.said(shown)
	want = []any{resume(), one, three, shown, finish}
	resumes(t, &l, want)
}

func resumes(t *testing.T, l *ledger, want []any) {
	t.Helper()
	first, rest := l.resume()
	if got := append([]any{first}, rest...); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A result that comes again is not fetched or passed on again, but one of another
// generation is.
func TestLedgerKnowsResults(t *testing.T) {
	var l ledger
	l.said(&wire.Begin{N: 1})
	steps := []struct {
		n, gen, partition int
		mark, before      resultState
	}{
		{1, 0, 3, onItsWay, 0}, {1, 0, 3, onItsWay, onItsWay}, {1, 0, 3, taken, onItsWay}, {1, 0, 3, onItsWay, taken}, {1, 0, 3, 0, taken},
		{1, 0, 4, 0, 0}, {1, 0, 4, 0, 0}, {2, 0, 3, onItsWay, 0}, {2, 0, 3, onItsWay, 0},
		{1, 1, 3, onItsWay, 0}, {1, 0, 3, taken, 0}, {1, 1, 3, 0, onItsWay},
	}
	for i, s := range steps {
		if got := l.mark(s.n, s.gen, s.partition, s.mark); got != s.before {
			t.Errorf("step %d: it was %d, want %d", i, got, s.before)
		}
	}
}
