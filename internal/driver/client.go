package driver

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// DefaultResultBytes bounds the results of an action that names no bound.
const DefaultResultBytes = 1 << 30

// ErrClosed is wrapped by the error of an action on a session that is closed, or
// that was closed while the action ran.
var ErrClosed = errors.New("the session is closed: run actions before its Close, or start another one")

// ErrResultTooLarge is wrapped by the error for an action whose results are
// larger than its bound.
var ErrResultTooLarge = errors.New("results are too large for the driver")

// Link is the way to the engine. Nothing of it blocks for long.
type Link interface {
	// Begin hands an action over. Its ids rise in the order of the calls.
	Begin(work.Submission) error
	// Cancel asks for an action's end.
	Cancel(id plan.ActionID, cause error)
	// Taken says that the value of a partition has been used, for actions that
	// run only so far ahead.
	Taken(id plan.ActionID, gen model.Gen, partition int)
	// Abandon says that nobody waits for an action's attempts any more.
	Abandon(id plan.ActionID)
	// Forget says that nothing refers to an action's values any more.
	Forget(id plan.ActionID)
}

// Options are what a Client is made with.
type Options struct {
	Job  plan.JobID
	Link Link
	// Observe is called from one goroutine with a fresh picture of an action
	// when something changed, and once at its end before Do returns.
	Observe func(plan.ActionStatus)
	// Accumulators take what tasks added to them; nil: nobody asks for that.
	Accumulators Accumulators
}

// Accumulators are the accumulators of a session. All methods but Shown are called
// by the engine, and may not wait.
type Accumulators interface {
	// Running takes what tasks of a running action added, to be shown until the
	// action has ended. Of a task that is told of again the last word holds.
	Running(action int, all []plan.StageUpdates)
	// Ended takes what the end of an action tells that counts, before Do returns.
	Ended(action int, all []plan.StageUpdates)
	// Shown gives their values, for people.
	Shown() []plan.Shown
}

// Client drives the actions of one job. Its methods may be called from several
// goroutines; those that the engine answers with from one at a time.
type Client struct {
	o     Options
	watch *observer // nil: nobody watches

	mu      sync.Mutex
	closed  bool
	ended   error          // of the job
	doing   sync.WaitGroup // calls of Do
	lastN   int
	actions map[int]*action
}

// New makes a client.
func New(o Options) *Client {
	c := &Client{o: o, actions: map[int]*action{}}
	if o.Observe != nil {
		c.watch = newObserver(c.observe)
	}
	return c
}

// observe passes a picture on, with the values of accumulators.
func (c *Client) observe(s plan.ActionStatus) {
	if c.o.Accumulators != nil {
		s.Accumulators = c.o.Accumulators.Shown()
	}
	c.o.Observe(s)
}

// Action says what is wanted of a plan.
type Action struct {
	// Partitions of the target that are wanted, rising; those beyond its last are
	// left out. Nil: all.
	Partitions []int
	// Result takes the value of each partition, in their order, from the goroutine
	// that called Do. An error of it ends the action.
	Result func(partition int, v Value) error
	// AnyOrder has Result take values as they come.
	AnyOrder bool
	// Reset tells that the values given so far are to be forgotten, since the
	// stage that made them is run anew: inputs were lost, and making them again
	// gave other rows. Nil: such an action fails instead.
	Reset func()
	// Ahead is how many partitions may be computed beyond those that Result has
	// taken, so that a slow Result is not buried; 0: all.
	Ahead int
	// ResultBytes bounds the bytes of all values; the default is
	// DefaultResultBytes, and less than 0 is no bound.
	ResultBytes int64
}

// action is one call of Do. Fields below the mutex belong to it; those below the
// comment to the engine's calls, which come one at a time.
type action struct {
	c    *Client
	want Action
	plan *plan.Plan
	hash plan.Digest

	quiet chan struct{} // closed when nothing works for the action any more
	rest  sync.Once     // closes it
	seen  chan struct{} // closed when the last picture was looked at; nil: nobody looks
	told  chan struct{} // holds a token while there is news

	id plan.ActionID // under the client's mutex until it is handed over

	mu    sync.Mutex
	news  []delivery
	cause error            // why it was asked to end
	as    plan.ActionState // and how that counts
	over  bool             // the action has ended, so:
	final plan.ActionStatus
	err   error

	// Of the engine's calls.
	got   []bool    // passed on, by partition
	given int       // how many of them
	gen   model.Gen // of those
	bytes int64     // of those
}

// delivery is one piece of news for Do: a value, or that the ones before it are
// void.
type delivery struct {
	partition int
	gen       model.Gen
	value     Value
	reset     bool
}

// newAction decodes and checks what can be checked without looking at the
// world.
func (c *Client) newAction(encoded []byte, want Action) (*action, error) {
	p, err := plan.Decode[plan.Plan](encoded)
	if err != nil {
		return nil, err
	}
	if want.ResultBytes = cmp.Or(want.ResultBytes, DefaultResultBytes); want.ResultBytes < 0 {
		want.ResultBytes = math.MaxInt64
	}
	a := &action{c: c, want: want, plan: p, hash: plan.DigestOf(encoded),
		quiet: make(chan struct{}), told: make(chan struct{}, 1)}
	if c.watch != nil {
		a.seen = make(chan struct{})
	}
	if err := work.Check(p); err != nil {
		return nil, a.wrap(err)
	}
	return a, nil
}

// wrap adds what the user asked for, and where.
func (a *action) wrap(err error) error { return work.Wrap(a.plan, err) }

// begin gives the action its number and hands it over.
func (c *Client) begin(a *action) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.noMore(); err != nil {
		return a.wrap(err)
	}
	c.lastN++
	a.id = plan.ActionID{Job: c.o.Job, N: c.lastN}
	c.actions[a.id.N] = a
	err := c.o.Link.Begin(work.Submission{ID: a.id, Plan: a.plan, Hash: a.hash, Partitions: a.want.Partitions,
		Consumed: a.want.Reset == nil, Ahead: a.want.Ahead})
	if err != nil {
		delete(c.actions, a.id.N)
		return a.wrap(err)
	}
	c.doing.Add(1)
	return nil
}

// noMore says why no action begins any more. The mutex is held.
func (c *Client) noMore() error {
	if c.closed {
		return ErrClosed
	}
	return c.ended
}

// over is noMore for who does not hold the mutex.
func (c *Client) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noMore()
}

// leave forgets an action whose Do returns.
func (c *Client) leave(a *action) {
	c.o.Link.Forget(a.id)
	c.mu.Lock()
	delete(c.actions, a.id.N)
	c.mu.Unlock()
	c.doing.Done()
}

func (c *Client) action(n int) *action {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.actions[n]
}

// Close ends running actions with ErrClosed and waits for them.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	var running []*action
	for _, a := range c.actions {
		running = append(running, a)
	}
	c.mu.Unlock()
	slices.SortFunc(running, func(a, b *action) int { return a.id.N - b.id.N })
	for _, a := range running {
		a.stop(plan.ActionCancelled, a.wrap(ErrClosed))
	}
	c.doing.Wait()
	if c.watch != nil {
		c.watch.close()
	}
}

// CancelTag ends running actions that have a tag, with a cause.
func (c *Client) CancelTag(tag string, cause error) {
	c.mu.Lock()
	var tagged []*action
	for _, a := range c.actions {
		if slices.Contains(a.plan.Labels.Tags, tag) {
			tagged = append(tagged, a)
		}
	}
	c.mu.Unlock()
	for _, a := range tagged {
		a.stop(plan.ActionCancelled, a.wrap(cause))
	}
}

// stop asks for the action's end: the first cause counts, and none does once it
// has ended.
func (a *action) stop(as plan.ActionState, cause error) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	if a.cause == nil {
		a.cause, a.as = cause, as
	}
	a.mu.Unlock()
	a.c.o.Link.Cancel(a.id, cause)
}

// Result passes one value on to Do.
func (c *Client) Result(n int, gen model.Gen, partition int, v Value) {
	a := c.action(n)
	if a == nil {
		v.drop()
		return
	}
	if gen != a.gen {
		a.reset(gen)
	}
	if partition < len(a.got) && a.got[partition] || a.ended() {
		return
	}
	a.got = slices.Grow(a.got, max(partition+1-len(a.got), 0))
	a.got = a.got[:max(partition+1, len(a.got))]
	a.got[partition] = true
	a.given++
	if a.bytes += v.Len(); a.bytes > a.want.ResultBytes {
		a.stop(plan.ActionFailed, a.wrap(tooLarge(a.want.ResultBytes)))
		return
	}
	a.tell(delivery{partition: partition, gen: gen, value: v})
}

// Reset voids the values of an action's older generations.
func (c *Client) Reset(n int, gen model.Gen) {
	if a := c.action(n); a != nil && gen != a.gen {
		a.reset(gen)
	}
}

func (a *action) reset(gen model.Gen) {
	a.gen, a.bytes = gen, 0
	if a.given == 0 {
		return
	}
	clear(a.got)
	a.given = 0
	a.tell(delivery{reset: true})
}

// Picture passes a picture on to whoever watches.
func (c *Client) Picture(s plan.ActionStatus) {
	if c.watch != nil {
		c.watch.put(s, nil)
	}
}

// Added passes on what tasks of a running action added to accumulators.
func (c *Client) Added(n int, all []plan.StageUpdates) {
	if c.o.Accumulators != nil {
		c.o.Accumulators.Running(n, all)
	}
}

// End sets how an action ended, for the action's own reasons if it was asked to, and
// passes on what its tasks added to accumulators.
func (c *Client) End(s plan.ActionStatus, updates []plan.StageUpdates, err error) {
	if c.o.Accumulators != nil {
		c.o.Accumulators.Ended(s.ID.N, updates)
	}
	a := c.action(s.ID.N)
	if a == nil {
		return
	}
	a.mu.Lock()
	// One that was asked to end when it was done has still not given all its
	// values.
	if a.cause != nil && (s.State == plan.ActionCancelled || s.State == plan.ActionDone && a.plan.Output == nil) {
		s.State, err = a.as, a.cause
	}
	s.Error = ""
	if err != nil {
		s.Error = err.Error()
	}
	a.over, a.final, a.err = true, s, err
	a.mu.Unlock()
	if a.seen != nil {
		c.watch.put(s, a.seen)
	}
	a.poke()
}

// Quiet says that nothing works for an action any more.
func (c *Client) Quiet(n int) {
	if a := c.action(n); a != nil {
		a.rest.Do(func() { close(a.quiet) })
	}
}

// JobEnd says that the job has ended: no more actions begin.
func (c *Client) JobEnd(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = err
}

// Lose ends everything: the engine is gone, and nothing of it will be heard.
func (c *Client) Lose(err error) {
	c.mu.Lock()
	c.ended = err
	var running []*action
	for _, a := range c.actions {
		running = append(running, a)
	}
	c.mu.Unlock()
	for _, a := range running {
		if !a.ended() {
			c.End(plan.ActionStatus{ID: a.id, Name: a.plan.Action, Site: a.plan.Site, Labels: a.plan.Labels, State: plan.ActionFailed}, nil, a.wrap(err))
		}
		a.rest.Do(func() { close(a.quiet) })
	}
}

func (a *action) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

func (a *action) tell(d delivery) {
	a.mu.Lock()
	a.news = append(a.news, d)
	a.mu.Unlock()
	a.poke()
}

func (a *action) poke() {
	select {
	case a.told <- struct{}{}:
	default:
	}
}

// take gives what Do has not seen yet.
func (a *action) take() (news []delivery, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news, a.news = a.news, nil
	return news, a.over
}

// Do runs one action: encoded is its plan. It blocks until the action has ended
// and nothing works for it any more, and returns its last picture with the
// error it ended with: a *plan.StageError when a task failed, an error that
// wraps storage's for inputs and output, or the cause of ctx when that ended
// first, the error of Action.Result as it is. An action that is publishing its output when ctx
// ends is done all the same. Attempts that do not heed their context within a
// second are left to themselves.
func (c *Client) Do(ctx context.Context, encoded []byte, want Action) (plan.ActionStatus, error) {
	a, err := c.newAction(encoded, want)
	if err != nil {
		return plan.ActionStatus{}, err
	}
	if err := c.over(); err != nil { // which is why ctx has ended, if it has
		return plan.ActionStatus{}, a.wrap(err)
	}
	if err := context.Cause(ctx); err != nil {
		return plan.ActionStatus{}, a.wrap(err)
	}
	if err := c.begin(a); err != nil {
		return plan.ActionStatus{}, err
	}
	defer c.leave(a)
	w := waiter{a: a, held: map[int]delivery{}}
	w.wait(ctx)
	if a.seen != nil {
		<-a.seen
	}
	return w.end()
}
