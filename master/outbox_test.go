package master

import (
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func TestOutbox(t *testing.T) {
	o := newOutbox()
	o.put(1, 2)
	o.put(3)
	<-o.some
	if ms, ok := o.take(); !ok || !slices.Equal(ms, []any{1, 2, 3}) {
		t.Errorf("got %v, %v", ms, ok)
	}
	if ms, ok := o.take(); !ok || len(ms) > 0 {
		t.Errorf("got %v, %v of an empty one", ms, ok)
	}
	o.put(4)
	o.close()
	o.put(5)
	if ms, ok := o.take(); !ok || !slices.Equal(ms, []any{4}) {
		t.Errorf("got %v, %v: a closed one gives what was in it", ms, ok)
	}
	if _, ok := o.take(); ok || o.overflowed() {
		t.Error("a closed and empty one goes on")
	}
	o = newOutbox()
	o.put(make([]any, outboxLimit)...)
	o.put(1)
	if ms, ok := o.take(); ok || len(ms) > 0 || !o.overflowed() {
		t.Errorf("%d messages, %v: a peer that takes nothing is cut off", len(ms), ok)
	}
}

func TestPieces(t *testing.T) {
	outputs := make([]model.MapOutput, 2*locationsAtOnce+1)
	for i := range outputs {
		outputs[i].Partition = i
	}
	ms := pieces(model.Locations{Key: "m", Full: true, Lost: []int{1}, Outputs: outputs})
	n := 0
	for i, m := range ms {
		l := m.(model.Locations)
		if l.Full != (i == 0) || (len(l.Lost) > 0) != (i == 0) || l.Key != "m" {
			t.Errorf("piece %d: %+v", i, l)
		}
		for _, o := range l.Outputs {
			if o.Partition != n {
				t.Fatalf("output %d comes as number %d", o.Partition, n)
			}
			n++
		}
	}
	if len(ms) != 3 || n != len(outputs) {
		t.Errorf("%d pieces with %d outputs", len(ms), n)
	}
	if ms := pieces(model.Locations{Key: "m", Lost: []int{2}}); len(ms) != 1 || len(ms[0].(model.Locations).Lost) != 1 {
		t.Errorf("got %+v", ms)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"w-1.a_B": true, "": false, "../x": false, ".x": false, "a/b": false, "a b": false, string(make([]byte, 65)): false} {
		if goodName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if id := newJobID(); !goodName(string(id)) || id == newJobID() {
		t.Errorf("job id %q", id)
	}
}
