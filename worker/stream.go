package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
)

const (
	// renewEvery is how often the worker gives a sign of life.
	renewEvery = 2 * time.Second
	// lease is how old the master's last answer may be before it counts as
	// unheard.
	lease = 8 * time.Second
	// firstRetry and lastRetry bound the wait before another try to attach.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// attach holds a stream to the master, and makes another one when it breaks.
func (w *Worker) attach() {
	wait := firstRetry
	for w.ctx.Err() == nil {
		began := time.Now()
		err := w.stream()
		if w.ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		w.log.Warn("no stream to the master", "master", w.o.Master, "err", err, "again", wait)
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-w.ctx.Done():
		}
		wait = min(2*wait, lastRetry)
	}
}

// stream is one stream to the master, from its attach to its end.
func (w *Worker) stream() error {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	st, err := msg.Dial(ctx, w.conn, msg.MethodWork)
	if err != nil {
		return err
	}
	out, attached := newOutbox(), make(chan struct{})
	w.call(func() {
		out.put(w.inventory())
		w.out = out
		close(attached)
	})
	select {
	case <-attached: // which is the first word
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		out.drain(ctx, st.Send)
		cancel()
	}()
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		w.renew(ctx, out)
	}()
	err = w.listen(ctx, st)
	w.call(func() {
		if w.out == out {
			w.out = nil
		}
	})
	cancel()
	<-sent
	<-renewed
	return err
}

// renew gives signs of life as long as the stream is there.
func (w *Worker) renew(ctx context.Context, out *outbox) {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		now := w.now()
		heard := w.heard.Load()
		out.put(msg.Renewal{SentAt: now, Heard: heard != 0 && int64(now)-heard < int64(lease)})
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// listen passes on to the loop what the master says.
func (w *Worker) listen(ctx context.Context, st *msg.Stream) error {
	failed := make(chan error, 1)
	for {
		m, err := st.Receive()
		if err != nil {
			select {
			case why := <-failed:
				return why
			default:
				return err
			}
		}
		w.call(func() {
			if err := w.heed(m); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx))
		default:
		}
	}
}
