package work

import (
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestCountersTravel(t *testing.T) {
	c := plan.Counters{RowsIn: 1, RowsOut: 2, BytesRead: 3, ShuffleRead: 4, ShuffleWrite: 5, Spilled: 6, Output: 7, Rejected: 8, AtProcess: 9, AtNode: 10, AtRack: 11, AtAny: 12}
	if n := reflect.TypeFor[plan.Counters]().NumField(); n != len(counterNames) {
		t.Errorf("%d counters have names, want %d", len(counterNames), n)
	}
	if got := CountersOf(CountersFor(c)); got != c {
		t.Errorf("got %+v, want %+v", got, c)
	}
	if got := CountersFor(plan.Counters{}); got != nil {
		t.Errorf("zeros travel: %v", got)
	}
}
