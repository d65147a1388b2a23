package typed_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// TestAccumulatorsAreShownLive has a task wait until what another one added was seen.
func TestAccumulatorsAreShownLive(t *testing.T) {
	saw, once := make(chan struct{}), sync.Once{}
	var last plan.ActionStatus
	s := open(t, typed.Options{Cores: 1, Closures: true, Observe: func(st plan.ActionStatus) {
		last = st
		if slices.Contains(st.Accumulators, plan.Shown{Name: "rows", Value: "5"}) {
			once.Do(func() { close(saw) })
		}
	}})
	rows := typed.NewCounter(s, "rows")
	n, err := s.Range(10, typed.Partitions(2)).With(rows).Map(func(c typed.Counter, x int64) int64 {
		if x == 5 {
			select {
			case <-saw:
			case <-t.Context().Done():
			}
		}
		c.Add(1)
		return x
	}).Count(ctx)
	if err != nil || n != 10 {
		t.Fatal(n, err)
	}
	if want := []plan.Shown{{Name: "rows", Value: "10"}}; last.State != plan.ActionDone || !slices.Equal(last.Accumulators, want) {
		t.Errorf("at the end: %s, %v, want %v", last.State, last.Accumulators, want)
	}
}
