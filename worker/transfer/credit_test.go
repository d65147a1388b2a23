package transfer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCreditIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCredit(10)
		if n, err := c.take(t.Context(), 100); n != 10 || err != nil {
			t.Fatalf("more than there is: %d, %v", n, err)
		}
		var order []int64
		var mu sync.Mutex
		for _, n := range []int64{8, 1, 5} {
			go func() {
				_, _ = c.take(t.Context(), n)
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
			}()
			synctest.Wait()
		}
		if c.try(1) {
			t.Error("somebody came in before those who wait")
		}
		c.give(3) // enough for the second, whose turn it is not
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("served: %v", order)
		}
		c.give(7)
		synctest.Wait()
		if len(order) != 2 || order[0] == 5 || order[1] == 5 {
			t.Errorf("served: %v", order)
		}
		c.give(9)
		synctest.Wait()
		if len(order) != 3 || c.left != 5 {
			t.Errorf("served: %v, %d left", order, c.left)
		}
	})
}

func TestCreditIsGivenUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCredit(10)
		_, _ = c.take(t.Context(), 9)
		why := errors.New("over")
		ctx, cancel := context.WithCancelCause(t.Context())
		var got error
		go func() { _, got = c.take(ctx, 5) }()
		synctest.Wait()
		small := false
		go func() {
			_, err := c.take(t.Context(), 1)
			small = err == nil
		}()
		synctest.Wait()
		cancel(why)
		synctest.Wait()
		if !errors.Is(got, why) || !small {
			t.Errorf("%v; who waited behind it is served: %v", got, small)
		}
		if _, err := c.take(ctx, 1); !errors.Is(err, why) {
			t.Errorf("taken after the end: %v", err)
		}
		c.give(10)
		if c.left != 10 || len(c.queue) != 0 {
			t.Errorf("%d left, %d wait", c.left, len(c.queue))
		}
	})
}

func TestCreditIsNeverOverdrawn(t *testing.T) {
	c := newCredit(100)
	var out atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			ctx := t.Context()
			if i%5 == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Microsecond*time.Duration(i))
				defer cancel()
			}
			for k := range int64(100) {
				n, err := c.take(ctx, k*7%60+1)
				if err != nil {
					return
				}
				if out.Add(n) > 100 {
					t.Error("overdrawn")
				}
				out.Add(-n)
				c.give(n)
			}
		})
	}
	wg.Wait()
	if c.left != 100 || len(c.queue) != 0 {
		t.Errorf("%d left, %d wait", c.left, len(c.queue))
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	o := Options{}.withDefaults()
	for n := 1; n < 200; n++ {
		most := min(o.MaxBackoff, o.Backoff<<min(n-1, 20))
		for range 50 {
			if d := backoff(&o, n); d < 0 || d > most {
				t.Fatalf("try %d: %v, at most %v", n, d, most)
			}
		}
	}
}

func TestTries(t *testing.T) {
	o := Options{Retries: 2}.withDefaults()
	broken, corrupt := errors.New("reset"), errHash
	var a tries
	for i, want := range []bool{true, true, false} {
		if _, again := a.next(&o, broken, false); again != want {
			t.Errorf("try %d: %v", i, again)
		}
	}
	var b tries
	for range maxTries - 1 {
		if _, again := b.next(&o, broken, true); !again {
			t.Fatal("given up although bytes come")
		}
	}
	if _, again := b.next(&o, broken, true); again {
		t.Error("never given up")
	}
	var c tries
	if wait, again := c.next(&o, corrupt, false); wait != 0 || !again {
		t.Errorf("the first damage: %v, %v", wait, again)
	}
	if _, again := c.next(&o, corrupt, false); again {
		t.Error("damaged twice and tried again")
	}
}
