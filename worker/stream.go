package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
)

const (
	// renewEvery is how often the worker gives a sign of life.
	renewEvery = 2 * time.Second
	// answerWait is how long a master may take to answer an attach.
	answerWait = 5 * time.Second
	// firstRetry and lastRetry bound the wait before another try to attach.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// attach holds a stream to the master, and makes another one when it breaks.
func (w *Worker) attach() {
	wait := firstRetry
	for w.ctx.Err() == nil {
		began := time.Now()
		err := w.stream()
		if w.ctx.Err() != nil || w.isLeft() {
			return
		}
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		w.log.Warn("no stream to the master", "master", w.o.Master, "err", err, "again", wait)
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-w.left:
			return
		case <-w.ctx.Done():
		}
		wait = min(2*wait, lastRetry)
	}
}

var (
	errNoAnswer  = errors.New("the master does not answer")
	errLeaseOver = errors.New("the lease has ended")
)

// stream is one stream to the master, from its attach to its end. It has a
// connection of its own: nothing else delays signs of life, and one on which
// nothing comes any more goes with its stream.
func (w *Worker) stream() error {
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	conn, err := w.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	late := time.AfterFunc(answerWait, func() { cancel(errNoAnswer) })
	defer late.Stop()
	st, err := msg.Dial(ctx, conn, msg.MethodWork)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	out, attached := msg.NewOutbox(), make(chan struct{})
	w.call(func() {
		out.Put(msg.InParts(w.inventory())...)
		w.out, w.sentAt, w.cut = out, time.Now(), cancel
		w.answered = func() { late.Stop() }
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
		err := out.Drain(ctx, func(ms ...any) error { return st.Send(unsaid(ms)...) })
		out.Close()
		if errors.Is(err, io.EOF) { // the master has ended the stream, and listen hears why
			return
		}
		cancel(err)
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
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	cancel(nil)
	<-sent
	<-renewed
	return err
}

// unsaid leaves out that attempts began whose ends follow in the same breath.
func unsaid(ms []any) []any {
	ended := map[model.AttemptID]bool{}
	for _, m := range ms {
		switch m := m.(type) {
		case model.TaskDone:
			ended[m.Attempt] = true
		case model.TaskFailed:
			ended[m.Attempt] = true
		}
	}
	return slices.DeleteFunc(ms, func(m any) bool {
		started, ok := m.(model.TaskStarted)
		return ok && ended[started.Attempt]
	})
}

// dial makes a connection to the master.
func (w *Worker) dial() (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(anyMaster, append(append(msg.DialOptions(), grpc.WithContextDialer(w.dialMaster)), w.o.Dial...)...)
	if err != nil {
		return nil, fmt.Errorf("master %s: %w", w.o.Master, err)
	}
	return conn, nil
}

// renew gives signs of life as long as the stream is there.
func (w *Worker) renew(ctx context.Context, out *msg.Outbox) {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		out.Put(msg.Renewal{SentAt: w.now(), Heard: w.leased()})
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
		ms, err := st.ReceiveAll()
		if err != nil {
			select {
			case why := <-failed:
				return why
			default:
				return err
			}
		}
		w.call(func() {
			for _, m := range ms {
				if err := w.heed(m); err != nil {
					select {
					case failed <- err:
					default:
					}
					return
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
