package work

import (
	"fmt"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// What one end of a connection knows the other knows too, whatever it has of an
// earlier connection.
func TestPlansOfBothEnds(t *testing.T) {
	var sender, receiver Plans[int]
	d := func(i int) plan.Digest { return plan.Digest(fmt.Sprint(i)) }
	for i := range keptPlans {
		receiver.Put(d(i), 0)
	}
	sent := 0
	for i := range 10 * keptPlans {
		at := d(i * i % (3*keptPlans + 1))
		if _, ok := sender.Get(at); !ok {
			sent++
			gone, ok := sender.Put(at, i)
			if _, still := sender.Get(gone); ok && still {
				t.Errorf("%s is forgotten and known", gone)
			}
			receiver.Put(at, i)
		}
		want, _ := sender.Get(at)
		if got, ok := receiver.Get(at); !ok || got != want {
			t.Fatalf("plan %s: the receiver has %d, %t, and the sender %d", at, got, ok, want)
		}
	}
	if n := len(receiver.all); n != keptPlans || len(receiver.order) != n {
		t.Errorf("the receiver keeps %d plans, in an order of %d", n, len(receiver.order))
	}
	if sent <= keptPlans {
		t.Errorf("only %d were sent", sent)
	}
}
