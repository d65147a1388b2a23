package worker

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// testTenure is a tenure in a loop of its own: one caller after the other. Its steps
// are listed with the time at which they come.
type testTenure struct {
	tenure
	mu    sync.Mutex
	steps []string
}

func newTenure(t *testing.T) *testTenure {
	began, x := time.Now(), &testTenure{}
	step := func(name string) func() {
		return func() { x.steps = append(x.steps, name+" "+time.Since(began).String()) }
	}
	x.tenure = tenure{call: x.do, ended: step("ended"), orphan: step("orphan"), forget: step("forget")}
	t.Cleanup(func() { x.do(x.stop) })
	return x
}

func (x *testTenure) do(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

func (x *testTenure) extend(sent time.Time) { x.do(func() { x.tenure.extend(sent) }) }

func (x *testTenure) good() (good bool) {
	x.do(func() { good = x.tenure.good() })
	return good
}

// want checks the steps that came since it was called last.
func (x *testTenure) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	x.do(func() {
		if !slices.Equal(x.steps, want) {
			t.Errorf("steps %q, want %q", x.steps, want)
		}
		x.steps = nil
	})
}

// pause lets time go by, with all that is due.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestR28 counts a lease from the sending of what was answered.
func TestR28(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten := newTenure(t)
		if ten.good() {
			t.Error("a worker without a lease may act")
		}
		sent := time.Now()
		pause(3 * time.Second) // the answer is on its way
		ten.extend(sent)
		pause(5*time.Second - 1)
		if synctest.Wait(); !ten.good() {
			t.Error("the lease ended early")
		}
		ten.want(t)
		pause(1)
		if ten.good() {
			t.Error("the lease counts from the answer")
		}
		ten.want(t, "ended 8s")
	})
}

func TestLateAnswersAreNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten := newTenure(t)
		first := time.Now()
		pause(time.Second)
		ten.extend(time.Now())
		ten.extend(first) // overtaken by a newer one
		pause(7*time.Second + time.Second/2)
		if synctest.Wait(); !ten.good() {
			t.Error("an older answer cut the lease")
		}
		ten.want(t)
		pause(time.Second)
		ten.extend(first)
		if ten.good() {
			t.Error("an answer to what was sent more than a lease ago is a lease")
		}
		ten.want(t, "ended 9s")
	})
}

// TestR29 lets the steps come, and a new lease begin them anew.
func TestR29(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten := newTenure(t)
		ten.extend(time.Now())
		for range 5 { // renewed for 10 s
			pause(2 * time.Second)
			ten.extend(time.Now())
		}
		pause(time.Minute)
		ten.want(t, "ended 18s")
		ten.extend(time.Now()) // before the second step
		if !ten.good() {
			t.Error("a worker whose lease ended has none again")
		}
		pause(time.Hour)
		ten.want(t, "ended 1m18s", "orphan 2m18s", "forget 12m18s")
		ten.extend(time.Now())
		pause(time.Hour)
		ten.want(t, "ended 1h1m18s", "orphan 1h2m18s", "forget 1h12m18s")
	})
}

// A process that was stopped finds its lease over before any timer has told it.
func TestStoppedProcessHasNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten := newTenure(t)
		late := make(chan func(), 10)
		ten.call = func(f func()) { late <- f }
		ten.extend(time.Now())
		pause(9 * time.Second)
		if synctest.Wait(); ten.good() || len(late) != 1 {
			t.Errorf("good %v with %d timers", ten.good(), len(late))
		}
		ten.extend(time.Now())
		ten.do(<-late) // it is not for this lease
		if !ten.good() {
			t.Error("a timer ended a lease that is not its own")
		}
	})
}
