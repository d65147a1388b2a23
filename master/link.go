package master

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// farewell is how long the stream of a driver that has finished stays open
	// for the last words.
	farewell = 5 * time.Second
	// lastWord is how long the end of a job waits for a driver that has no stream
	// at the moment.
	lastWord = 30 * time.Second
)

// link is what connects the master with a job's driver: one stream after another,
// of which the last counts. What one lost goes again over the next (R65).
type link struct {
	again string // lets the driver attach again
	kept  msg.Kept
	got   atomic.Uint64 // messages of the driver's

	at       sync.Mutex // held by whoever serves the stream at hand
	mu       sync.Mutex
	cut      context.CancelFunc // of the stream at hand
	finished bool               // the driver has said its last
	parted   chan struct{}      // closed when it has no stream and needs none
	part     sync.Once
}

// take makes a stream the one at hand, when nothing of the one before goes on any
// more.
func (l *link) take(ctx context.Context) (context.Context, func()) {
	ctx, cut := context.WithCancel(ctx)
	l.mu.Lock()
	before := l.cut
	l.cut = cut
	l.mu.Unlock()
	if before != nil {
		before()
	}
	l.at.Lock()
	return ctx, func() {
		cut()
		l.at.Unlock()
	}
}

func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finished = true
}

func (l *link) isFinished() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.finished
}

// Drive is the stream of a job's driver.
func (s service) Drive(st *msg.Stream) error {
	open, err := first[msg.Open](st)
	if err != nil {
		return err
	}
	if open.Job != "" {
		if err := s.access.submits(st.Context(), s.detached.driver(open.Job)); err != nil {
			return err
		}
		d, err := s.attaching(&open)
		if err != nil {
			return refuse(st, "%w", err)
		}
		s.log.Info("driver attached again", "job", string(d.job))
		if open.Term != s.term { // it has got nothing of this master's
			open.Got = 0
		}
		return s.serve(d, st, open.Got)
	}
	start := s.detached.claim(open.Key)
	detached := start != nil
	if !detached {
		start = &starting{job: newJobID(), owner: s.access.owner(st.Context())}
	}
	if err := s.access.submits(st.Context(), start.worker); err != nil {
		return err
	}
	if err := s.check(&open); err != nil {
		return refuse(st, "%w", err)
	}
	if !open.Code.Valid() {
		return refuse(st, "the driver does not say what code it has: use one release of gordd for all")
	}
	if detached {
		s.detached.drives(start.worker, start.job)
	}
	d, err := s.begin(&open, start)
	if err != nil {
		return refuse(st, "%w", err)
	}
	s.log.Info("job accepted", "job", string(d.job), "name", open.Name, "user", open.User)
	go s.part(d)
	return s.serve(d, st, 0)
}

// begin makes a job of what a driver wants, if the scheduler takes it.
func (s service) begin(open *msg.Open, start *starting) (*jobDriver, error) {
	detached := start.worker != ""
	d := s.newDriver(start.job, "")
	d.owner = start.owner
	spec := msg.Job{ID: d.job, Name: open.Name, Code: open.Code, Files: open.Files, Args: open.Args, Env: open.Env, Memory: open.Memory, Stuck: open.Stuck}
	data, err := plan.Encode(&accepted{Spec: spec, Again: d.link.again, Driver: start.worker})
	if err != nil {
		return nil, err
	}
	if err := s.blobs.open(spec, open.Programs); err != nil {
		return nil, err
	}
	err = d.accept(model.SubmitJob{Name: open.Name, User: open.User, Owner: d.owner, Pool: open.Pool, Priority: open.Priority, Programs: open.Programs,
		Detached: detached, Limits: model.Limits{Slots: open.Slots, MaxFailures: open.Failures, NoProgress: open.Stuck}, Data: data})
	if err != nil {
		s.leave(d)
		return nil, err
	}
	s.history.jobBegan(d.job, open, start.worker)
	if detached {
		s.detached.opened(open.Key, msg.Opened{Job: d.job, Slots: int(s.slots.Load())})
	}
	return d, nil
}

// attaching gives the driver of a job to who may be it.
func (s service) attaching(open *msg.Open) (*jobDriver, error) {
	if open.Protocol != msg.Protocol {
		return nil, fmt.Errorf("the driver speaks protocol %d, this master %d: use one release of gordd for both", open.Protocol, msg.Protocol)
	}
	found := make(chan *jobDriver, 1)
	var over string
	s.engine.Call(func() model.Event {
		d := s.drivers[open.Job]
		if d == nil || subtle.ConstantTimeCompare([]byte(d.link.again), []byte(open.Again)) != 1 {
			over = s.howEnded(open.Job)
			found <- nil
			return nil
		}
		found <- d.jobDriver
		return model.DriverRenewed{Job: d.job, Session: d.session}
	})
	select {
	case d := <-found:
		switch {
		case d != nil:
			return d, nil
		case over != "":
			return nil, fmt.Errorf("job %s has ended: %s", open.Job, over)
		}
		return nil, fmt.Errorf("job %s is not here, or no longer, or is somebody else's", open.Job)
	case <-s.engine.Done():
		return nil, errors.New("the master ends")
	}
}

// howEnded says how a job has ended, or "" of one that has not or is unknown. It is
// called from the engine's loop.
func (m *Master) howEnded(id plan.JobID) string {
	all, _ := m.engine.View(model.Jobs{}).(model.JobList)
	for _, v := range all {
		if v.Job != id || !v.State.Ended() {
			continue
		}
		if v.Cause != nil {
			return v.State.String() + ": " + v.Cause.Error()
		}
		return v.State.String()
	}
	return ""
}

// serve is a stream of a driver that has got so many messages.
func (s service) serve(d *jobDriver, st *msg.Stream, got uint64) error {
	l := &d.link
	ctx, leave := l.take(st.Context())
	missing, err := l.kept.Missing(got)
	if err != nil {
		leave()
		return refuse(st, "attach again to job %s: %w", d.job, err)
	}
	opened := msg.Opened{Job: d.job, Slots: int(s.slots.Load()), Key: s.ticketKey(d.job), Again: l.again, Term: s.term, Got: l.got.Load()}
	if err := st.Send(append([]any{opened}, missing...)...); err != nil {
		leave()
		return err
	}
	var work sync.WaitGroup
	sent, broken, heard := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	work.Go(func() {
		defer close(sent)
		broken <- d.out.Drain(ctx, sender(st, l.keep))
	})
	work.Go(func() { heard <- d.hear(st) })
	// What waits for the driver's next word ends when this call has returned.
	defer func() { go func() { work.Wait(); leave() }() }()
	select {
	case err = <-heard:
	case err = <-broken:
		err = errors.Join(errors.New("nothing can be sent to it"), err)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if l.isFinished() {
		select {
		case <-d.ended:
		case <-ctx.Done():
		case <-time.After(farewell):
		}
		d.out.Close()
		<-sent
	}
	d.broken(err)
	return nil
}

// broken takes the end of a stream. A driver that has neither finished nor done
// what none does may attach again, as long as its lease lasts.
func (d *jobDriver) broken(err error) {
	l := &d.link
	var bad *violation
	switch {
	case l.isFinished():
	case d.out.Overflowed():
		err = errors.New("it does not take what it is sent")
	case errors.Is(err, io.EOF):
		err = errors.New("the driver left")
	case errors.As(err, &bad):
	default:
		d.m.log.Info("driver has no stream", "job", string(d.job), "err", err)
		return
	}
	if !l.isFinished() {
		d.m.engine.Send(model.DriverGone{Job: d.job, Session: d.session, Reason: err.Error()})
	}
	l.part.Do(func() { close(l.parted) })
}

// part forgets a driver when its job has ended and it knows, or could have known.
func (s service) part(d *jobDriver) {
	select {
	case <-d.ended:
	case <-s.quit:
		return
	}
	late := time.NewTimer(lastWord)
	defer late.Stop()
	select {
	case <-d.link.parted:
	case <-late.C:
	case <-s.quit:
	}
	d.out.Close()
	s.leave(d)
}

// leave forgets a driver.
func (s service) leave(d *jobDriver) {
	s.engine.Call(func() model.Event {
		delete(s.drivers, d.job)
		return nil
	})
	s.blobs.close(d.job)
	s.detached.left(d.job)
}

// keep says what goes over the stream for a message.
func (l *link) keep(m any) []any {
	if _, ok := m.(msg.Renewal); !ok {
		l.kept.Keep(m)
	}
	return []any{m}
}

// hear takes what the driver says until it says that it has finished, or the
// stream ends.
func (d *jobDriver) hear(st *msg.Stream) error {
	l := &d.link
	for {
		m, err := st.Receive()
		if err != nil {
			return err
		}
		if r, ok := m.(msg.Renewal); ok {
			if err := l.kept.Arrived(r.Got); err != nil {
				return &violation{err}
			}
			d.m.engine.Send(model.DriverRenewed{Job: d.job, Session: d.session})
			d.out.Put(msg.Renewal{Got: l.got.Load()})
			continue
		}
		done, err := d.heed(m)
		if err != nil {
			return &violation{err}
		}
		if n := l.got.Add(1); n%msg.AckEvery == 0 {
			d.out.Put(msg.Renewal{Got: n})
		}
		if done {
			l.finish()
			return nil
		}
		if l.kept.Len() > msg.OutboxLimit {
			return &violation{errors.New("it does not say that anything arrives")}
		}
	}
}

// violation is what no driver of ours does.
type violation struct{ error }

func (v *violation) Unwrap() error { return v.error }
