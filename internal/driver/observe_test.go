package driver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// A slow observer sees fresh pictures and each action's last one, not all.
func TestSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []plan.ActionStatus
		o := newObserver(func(s plan.ActionStatus) {
			time.Sleep(time.Second)
			seen = append(seen, s)
		})
		last := make(chan struct{})
		for i := range 10 {
			o.put(plan.ActionStatus{ID: plan.ActionID{N: 1}, Elapsed: time.Duration(i)}, nil)
		}
		synctest.Wait()
		o.put(plan.ActionStatus{ID: plan.ActionID{N: 2}}, nil)
		o.put(plan.ActionStatus{ID: plan.ActionID{N: 1}, State: plan.ActionDone}, last)
		<-last
		o.close()
		if n := len(seen); n > 4 || seen[n-1].ID.N != 1 && seen[n-2].State != plan.ActionDone {
			t.Errorf("seen %+v", seen)
		}
	})
}
