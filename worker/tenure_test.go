package worker

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// tenureOf gives a tenure whose steps are listed with the time at which they come.
func tenureOf(t *testing.T) (ten *tenure, steps *[]string) {
	began, steps := time.Now(), new([]string)
	step := func(name string) func() {
		return func() { *steps = append(*steps, name+" "+time.Since(began).String()) }
	}
	ten = &tenure{call: func(f func()) { f() }, ended: step("ended"), orphan: step("orphan"), forget: step("forget")}
	t.Cleanup(ten.stop)
	return ten, steps
}

func wantSteps(t *testing.T, steps *[]string, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(*steps, want) {
		t.Errorf("steps %q, want %q", *steps, want)
	}
}

// TestR28 counts a lease from the sending of what was answered.
func TestR28(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten, steps := tenureOf(t)
		if ten.good() {
			t.Error("a worker without a lease may act")
		}
		sent := time.Now()
		time.Sleep(3 * time.Second) // the answer is on its way
		ten.extend(sent)
		time.Sleep(5*time.Second - 1)
		if synctest.Wait(); !ten.good() {
			t.Error("the lease ended early")
		}
		wantSteps(t, steps)
		time.Sleep(1)
		if ten.good() {
			t.Error("the lease counts from the answer")
		}
		wantSteps(t, steps, "ended 8s")
	})
}

func TestLateAnswersAreNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten, steps := tenureOf(t)
		first := time.Now()
		time.Sleep(time.Second)
		ten.extend(time.Now())
		ten.extend(first) // overtaken by a newer one
		time.Sleep(7*time.Second + time.Second/2)
		if synctest.Wait(); !ten.good() {
			t.Error("an older answer cut the lease")
		}
		wantSteps(t, steps)
		time.Sleep(time.Second)
		ten.extend(first)
		if ten.good() {
			t.Error("an answer to what was sent more than a lease ago is a lease")
		}
		wantSteps(t, steps, "ended 9s")
	})
}

// TestR29 lets the steps come, and a new lease begin them anew.
func TestR29(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ten, steps := tenureOf(t)
		ten.extend(time.Now())
		for range 5 { // renewed for 10 s
			time.Sleep(2 * time.Second)
			ten.extend(time.Now())
		}
		time.Sleep(time.Minute)
		wantSteps(t, steps, "ended 18s")
		ten.extend(time.Now()) // before the second step
		if !ten.good() {
			t.Error("a worker whose lease ended has none again")
		}
		*steps = nil
		time.Sleep(time.Hour)
		wantSteps(t, steps, "ended 1m18s", "orphan 2m18s", "forget 12m18s")
		ten.extend(time.Now())
		time.Sleep(time.Hour)
		if len(*steps) != 6 {
			t.Errorf("after all was forgotten, a new lease ended with %q", *steps)
		}
	})
}

// A process that was stopped finds its lease over before any timer has told it.
func TestStoppedProcessHasNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []func()
		ten := &tenure{call: func(f func()) { late = append(late, f) }, ended: func() {}, orphan: func() {}, forget: func() {}}
		ten.extend(time.Now())
		time.Sleep(9 * time.Second)
		if synctest.Wait(); ten.good() || len(late) != 1 {
			t.Errorf("good %v with %d timers", ten.good(), len(late))
		}
		ten.extend(time.Now())
		late[0]() // it is not for this lease
		if !ten.good() {
			t.Error("a timer ended a lease that is not its own")
		}
		ten.stop()
	})
}
