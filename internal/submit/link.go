package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
)

const (
	// renewEvery is how often the master hears that the driver is there.
	renewEvery = 5 * time.Second
	// lease is for how long the master waits for a driver that it does not hear.
	lease = 30 * time.Second
	// firstRetry and lastRetry bound the wait before another try to attach.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// farewell is how long the master has to hear that a program did not finish.
	farewell = 2 * time.Second
)

// link is what connects a job with the master: one stream after another. What one
// lost goes again over the next (R65). It is safe for concurrent use.
type link struct {
	again string
	got   atomic.Uint64 // messages of the master's
	kept  msg.Kept

	mu       sync.Mutex
	term     model.Term  // of the master at the other end
	ledger   ledger      // for the one after it
	stream   *msg.Stream // nil: none at the moment
	joined   bool
	finished bool          // the program has said its last
	over     chan struct{} // closed when the job has ended, or is given up
}

func (l *link) opened(st *msg.Stream, o msg.Opened) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream, l.again, l.term, l.joined, l.over = st, o.Again, o.Term, true, make(chan struct{})
}

// send sends a message, over the next stream if need be. Before the job is open
// nobody is there to hear it.
func (l *link) send(m any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.joined || l.finished {
		return
	}
	if _, last := m.(*wire.Finish); last {
		l.finished = true
	}
	l.ledger.said(m)
	l.kept.Keep(m)
	if l.stream != nil && l.stream.Send(m) != nil {
		l.stream = nil // listen hears of it
	}
}

// renew sends a sign of life, and how much has arrived.
func (l *link) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		_ = l.stream.Send(msg.Renewal{Got: l.got.Load()})
	}
}

// resume makes a stream the one at hand, and sends what the master has not got. One
// that has started again has got nothing.
func (l *link) resume(st *msg.Stream, o msg.Opened) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Term != l.term {
		l.restart(o.Term)
	}
	missing, err := l.kept.Missing(o.Got)
	if err == nil && len(missing) > 0 {
		err = st.Send(missing...)
	}
	if err == nil {
		l.stream = st
	}
	return err
}

// restart begins anew with a master of another term. The mutex is held.
func (l *link) restart(term model.Term) {
	l.term = term
	l.got.Store(0)
	first, rest := l.ledger.resume()
	left := l.kept.Restart()
	l.kept.Keep(first)
	for _, m := range left {
		switch m.(type) {
		case *wire.ReleaseBlob, *wire.ReleaseFiles: // which the ledger has not
			l.kept.Keep(m)
		}
	}
	for _, m := range rest {
		l.kept.Keep(m)
	}
}

// heard takes note of what the master says, and says whether it is news.
func (l *link) heard(m any) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ledger.heard(m)
}

// arrives notes that a result is coming, and says whether it is to be passed on:
// not if it came before. The master may have missed the word of that, for which it
// waits.
func (l *link) arrives(r *wire.Result) bool {
	var now resultState
	if r.Address != "" {
		now = onItsWay
	}
	l.mu.Lock()
	before := l.ledger.mark(r.N, r.Gen, r.Partition, now)
	l.mu.Unlock()
	if before == taken {
		l.send(&wire.Taken{N: r.N, Gen: r.Gen, Partitions: []int{r.Partition}})
	}
	return before == 0
}

// leave tells the master of a program that ended without a word, and waits until the
// job has ended, but not for long.
func (j *Job) leave() {
	l := &j.link
	l.mu.Lock()
	joined := l.joined
	l.mu.Unlock()
	if !joined {
		return
	}
	l.send(&wire.Finish{Reason: "the driver ended and has not finished its job"}) // but for one that has
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-l.over:
	case <-late.C:
	case <-j.ctx.Done():
	}
}

// renew tells the master that the driver is there.
func (j *Job) renew() {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			j.link.renew()
		case <-j.ctx.Done():
			return
		}
	}
}

// listen passes on what the master says, until the job has ended. A stream that
// breaks is made anew.
func (j *Job) listen(st *msg.Stream) {
	defer close(j.link.over)
	for {
		err := j.hear(st)
		if err == nil || j.ctx.Err() != nil {
			return
		}
		if st, err = j.attach(err); err != nil {
			if j.ctx.Err() == nil {
				_ = j.send(&wire.JobEnd{Why: err.Error()})
			}
			return
		}
	}
}

// hear passes on what comes over one stream. There is no error when that was the
// last.
func (j *Job) hear(st *msg.Stream) error {
	l := &j.link
	for {
		ms, err := st.ReceiveAll()
		if err != nil {
			return err
		}
		pass, renewals, err := j.sort(ms)
		if sent := j.pass(pass); sent != nil {
			return nil // nobody is there to say anything to
		}
		j.took(pass)
		if err != nil {
			return err
		}
		n := uint64(len(ms) - renewals)
		if got := l.got.Add(n); got/msg.AckEvery > (got-n)/msg.AckEvery {
			l.renew()
		}
		if len(pass) > 0 {
			if _, last := pass[len(pass)-1].(*wire.JobEnd); last {
				return nil // there is nothing more to say
			}
		}
	}
}

// sort gives those of the master's messages that are for the program, and counts
// its renewals.
func (j *Job) sort(ms []any) (pass []wire.Message, renewals int, err error) {
	for _, m := range ms {
		switch m := m.(type) {
		case msg.Renewal:
			renewals++
			err = j.link.kept.Arrived(m.Got)
		case *wire.Result:
			switch {
			case !j.link.arrives(m):
			case m.Address == "":
				pass = append(pass, m)
			default:
				j.work.Go(func() { j.fetch(m) })
			}
		case wire.Message:
			if j.link.heard(m) {
				pass = append(pass, m)
			}
		default:
			return append(pass, &wire.JobEnd{Why: fmt.Sprintf("the master says %T", m)}), renewals, nil
		}
		if err != nil {
			return pass, renewals, err
		}
	}
	return pass, renewals, nil
}

// took tells the master which results the program has got that came with their rows.
// An action does not end before that: what the last master sent may be lost with it.
func (j *Job) took(passed []wire.Message) {
	var t *wire.Taken
	for _, m := range passed {
		r, ok := m.(*wire.Result)
		switch {
		case !ok || j.isPaced(r.N):
		case t != nil && t.N == r.N && t.Gen == r.Gen:
			t.Partitions = append(t.Partitions, r.Partition)
		default:
			if t != nil {
				j.link.send(t)
			}
			t = &wire.Taken{N: r.N, Gen: r.Gen, Partitions: []int{r.Partition}}
		}
	}
	if t != nil {
		j.link.send(t)
	}
}

// pass sends the program what is for it.
func (j *Job) pass(ms []wire.Message) error {
	if len(ms) == 0 {
		return nil
	}
	return j.send(ms...)
}

// attach attaches to the job again after a stream has broken, as long as the master
// may wait for that.
func (j *Job) attach(broken error) (*msg.Stream, error) {
	j.link.mu.Lock()
	j.link.stream = nil
	j.link.mu.Unlock()
	if errors.Is(broken, io.EOF) {
		broken = errors.New("the master has ended the stream")
	}
	until := time.Now().Add(lease)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-j.ctx.Done():
			return nil, context.Cause(j.ctx)
		}
		st, err := j.openAgain(min(lastRetry+firstRetry, time.Until(until)))
		var refused *RefusedError
		switch {
		case err == nil:
			return st, nil
		case errors.As(err, &refused):
			return nil, fmt.Errorf("the connection to the master was lost: %w; then: %w", broken, err)
		case time.Now().After(until), status.Code(err) == codes.Unauthenticated, status.Code(err) == codes.PermissionDenied:
			return nil, fmt.Errorf("the connection to the master is lost: %w; trying again: %w", broken, err)
		}
	}
}

// openAgain attaches to the job by another stream, if the master answers in time.
func (j *Job) openAgain(wait time.Duration) (*msg.Stream, error) {
	ctx, cancel := context.WithCancelCause(j.ctx)
	late := time.AfterFunc(wait, func() { cancel(errors.New("the master does not answer")) })
	st, err := msg.Dial(ctx, j.o.Conn, msg.MethodDrive)
	var opened msg.Opened
	if err == nil {
		opened, err = askOpened(st, msg.Open{Protocol: msg.Protocol, Job: j.ID(), Again: j.link.again, Term: j.link.term, Got: j.link.got.Load()})
	}
	if err == nil {
		err = j.link.resume(st, opened)
	}
	if !late.Stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	return st, nil // whose context ends with the job's
}

// again makes a call until it is answered, as long as the master may wait for this
// driver.
func (j *Job) again(call func() error) error {
	until := time.Now().Add(lease)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := call()
		if status.Code(err) != codes.Unavailable || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-j.ctx.Done():
			return err
		}
	}
}
