package transfer

import (
	"context"
	"errors"
	"net/http"
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

// TestBackoffGrowsAndIsBounded, and differs: readers that failed together do not
// come back together.
func TestBackoffGrowsAndIsBounded(t *testing.T) {
	o := Options{}.withDefaults()
	for n := 1; n < 200; n++ {
		most := min(o.MaxBackoff, o.Backoff<<min(n-1, 20))
		early, late := 0, 0
		for range 50 {
			d := backoff(&o, n)
			if d < 0 || d > most {
				t.Fatalf("try %d: %v, at most %v", n, d, most)
			}
			if d < most/2 {
				early++
			} else {
				late++
			}
		}
		if early == 0 || late == 0 {
			t.Errorf("try %d: %d waits below %v, %d above", n, early, most/2, late)
		}
	}
}

// TestBytesInFlightAreBounded: large outputs cost what is on its way of each, small ones what they have. Without the
// bound as many requests come as there are streams.
func TestBytesInFlightAreBounded(t *testing.T) {
	const streams = 6
	for _, c := range []struct {
		name                  string
		small, inFlight, most int64
	}{
		{"large", 1, 2 * sendStep, 2},
		{"small", 1 << 20, 1, 1}, // a batch that is larger than all there may be goes alone
		{"large without a bound", 1, 1 << 30, streams},
		{"small without a bound", 1 << 20, 1 << 30, streams},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newStore()
			var now, most atomic.Int64
			reached := make(chan struct{})
			srv := NewServer(ServerOptions{Store: store})
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := now.Add(1)
				answer := sync.OnceFunc(func() { now.Add(-1) })
				defer answer()
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if n == c.most {
					select {
					case <-reached:
					default:
						close(reached)
					}
				}
				<-reached // so that the others come, if they may
				srv.ServeHTTP(answered{w, answer}, r)
			})
			peers := make([]string, streams) // small ones of one peer would come by one request
			for i := range peers {
				peers[i] = serveHandler(t, h)
			}
			var sources []Source
			var outputs []*Output
			for i := range 4 * streams {
				o := store.make(t, t.TempDir(), shape{mapTask: i, segments: 1, reduces: 1, row: 2000, rows: 5, exact: true})
				outputs = append(outputs, o)
				sources = append(sources, o.source(peers[i%streams], one))
			}
			f := fetcher(t, Options{InFlight: c.inFlight, Small: c.small, PeerConns: streams})
			x, err := f.Fetch(t.Context(), Request{Job: testJob, To: 1, Epoch: 5, Sources: sources, Streams: streams})
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range outputs {
				mustGet(t, x, i, o, one)
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
			if got := most.Load(); got != c.most {
				t.Errorf("%d requests at a time, want %d", got, c.most)
			}
		})
	}
}

// answered calls then before the body of an answer is written: whoever has read it may ask for more before the handler
// has returned.
type answered struct {
	http.ResponseWriter
	then func()
}

func (a answered) Write(b []byte) (int, error) {
	a.then()
	return a.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (a answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

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
