package msg

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutbox(t *testing.T) {
	o := NewOutbox()
	o.Put(1, 2)
	o.Put(3)
	if ms, ok := o.take(); !ok || !slices.Equal(ms, []any{1, 2, 3}) {
		t.Errorf("got %v, %v", ms, ok)
	}
	if ms, ok := o.take(); !ok || len(ms) > 0 {
		t.Errorf("got %v, %v of an empty one", ms, ok)
	}
	o.Later(4)
	o.Close()
	o.Put(5)
	o.Later(6)
	if ms, ok := o.take(); !ok || !slices.Equal(ms, []any{4}) {
		t.Errorf("got %v, %v: a closed one gives what was in it", ms, ok)
	}
	if _, ok := o.take(); ok || o.Overflowed() {
		t.Error("a closed and empty one goes on")
	}
	o = NewOutbox()
	o.Put(make([]any, OutboxLimit)...)
	o.Put(1)
	if ms, ok := o.take(); ok || len(ms) > 0 || !o.Overflowed() {
		t.Errorf("%d messages, %v: a peer that takes nothing is cut off", len(ms), ok)
	}
}

// TestOutboxGathers sends what can wait with what cannot, or when there is much of
// it, or soon.
func TestOutboxGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, frames := NewOutbox(), make(chan []any, 10)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := o.Drain(t.Context(), func(ms ...any) error { frames <- ms; return nil }); err != nil {
				t.Error(err)
			}
		}()
		sent := func(want ...any) {
			t.Helper()
			synctest.Wait()
			select {
			case got := <-frames:
				if !slices.Equal(got, want) {
					t.Errorf("sent %v, want %v", got, want)
				}
			default:
				if len(want) > 0 {
					t.Errorf("sent nothing, want %v", want)
				}
			}
		}
		o.Later(1)
		o.Later(2)
		sent()
		time.Sleep(gather)
		sent(1, 2)
		o.Later(3)
		o.Put(4)
		sent(3, 4)
		time.Sleep(gather) // the timer of 3 finds nothing
		sent()
		var many []any
		for i := range gathered {
			o.Later(i)
			many = append(many, i)
		}
		sent(many...)
		o.Later(5)
		o.Close()
		sent(5)
		<-done

		broken := errors.New("broken")
		o = NewOutbox()
		o.Put(1)
		if err := o.Drain(t.Context(), func(...any) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := o.Drain(ctx, func(...any) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}
