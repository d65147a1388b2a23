package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// DefaultResultBytes bounds the results of an action that names no bound.
const DefaultResultBytes = 1 << 30

// ErrResultTooLarge is wrapped by the error for an action whose results are
// larger than its bound.
var ErrResultTooLarge = errors.New("results are too large for the driver")

// Action says what is wanted of a plan.
type Action struct {
	// Partitions of the target that are wanted, rising; those beyond its last are
	// left out. Nil: all.
	Partitions []int
	// Result takes the value of each partition, in their order, from the goroutine
	// that called Do. An error of it ends the action.
	Result func(partition int, v Value) error
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
// comment to the loop's goroutine.
type action struct {
	e    *Engine
	want Action
	plan *plan.Plan
	hash plan.Digest
	log  *slog.Logger
	// ctx is for the action's work on storage; it ends when the action shall.
	ctx    context.Context
	cancel context.CancelCauseFunc

	quiet chan struct{} // closed when nothing works for the action any more
	seen  chan struct{} // closed when the last picture was looked at; nil: nobody looks
	told  chan struct{} // holds a token while there is news

	mu    sync.Mutex
	news  []delivery
	over  bool // the action has ended, so:
	final plan.ActionStatus
	err   error

	// Of the loop.
	id        plan.ActionID
	out       *storage.Committer // nil: no output
	state     plan.ActionState
	begun     time.Time
	started   model.Instant
	elapsed   time.Duration
	cause     error            // why it was asked to end
	as        plan.ActionState // and how that counts
	problem   error            // of storage
	stages    map[plan.StageKey]*stage
	found     map[plan.Files][]storage.Split
	values    map[int]Value // reported, and not yet passed on
	got       []bool        // passed on, by partition, once the plan is resolved
	given     int           // how many of them
	gen       model.Gen     // of those
	bytes     int64         // of those
	tasks     int           // attempts that have not ended
	working   int           // work on storage that has not ended
	collect   bool          // staging is to be removed when no attempt can write to it
	dirty     bool
	pictureAt model.Instant
}

// delivery is one piece of news for Do: a value, or that the ones before it are
// void.
type delivery struct {
	partition int
	value     Value
	reset     bool
}

// newAction decodes and checks what can be checked without looking at the
// world.
func (e *Engine) newAction(encoded []byte, want Action) (*action, error) {
	p, err := plan.Decode[plan.Plan](encoded)
	if err != nil {
		return nil, err
	}
	switch {
	case want.ResultBytes == 0:
		want.ResultBytes = DefaultResultBytes
	case want.ResultBytes < 0:
		want.ResultBytes = math.MaxInt64
	}
	a := &action{
		e: e, want: want, plan: p, hash: plan.DigestOf(encoded), begun: time.Now(), log: e.log,
		quiet: make(chan struct{}), told: make(chan struct{}, 1),
		stages: map[plan.StageKey]*stage{}, values: map[int]Value{},
	}
	if e.watch != nil {
		a.seen = make(chan struct{})
	}
	target, ok := p.Stage(p.Target)
	switch {
	case !ok:
		return nil, a.wrap(fmt.Errorf("plan has no target stage %q", p.Target))
	case target.Sink.Staged != (p.Output != nil):
		return nil, a.wrap(errors.New("plan writes files and names no output, or the other way round"))
	}
	return a, nil
}

// wrap adds what the user asked for, and where.
func (a *action) wrap(err error) error { return fmt.Errorf("%s: %w", a.name(), err) }

func (a *action) name() string {
	if a.plan.Site.File == "" {
		return a.plan.Action
	}
	return fmt.Sprintf("%s (%s)", a.plan.Action, a.plan.Site)
}

// begin gives the action its number and the event that hands it to the
// scheduler, which insists on hearing of rising numbers.
func (a *action) begin() model.Event {
	e := a.e
	e.lastN++
	a.id = plan.ActionID{Job: e.o.Job, N: e.lastN}
	a.started = e.loop.now()
	a.log = e.log.With("job", string(a.id.Job), "action", a.id.N)
	e.actions[a.id] = a
	graph := a.graph()
	if e.ending {
		a.finish(plan.ActionCancelled, a.wrap(ErrClosed))
		return nil
	}
	ev := model.SubmitAction{
		Request: model.Request(a.id.N), Action: a.id, Plan: a.hash, Graph: graph, Target: a.plan.Target,
		Partitions: a.want.Partitions, Name: a.plan.Action, Site: a.plan.Site.String(),
		Sink: model.Sink{Kind: model.RowsToDriver, Consumed: a.want.Reset == nil, Ahead: a.want.Ahead},
	}
	if out := a.plan.Output; out != nil {
		var err error
		if a.out, err = committer(a.id, out); err != nil {
			a.finish(plan.ActionFailed, a.wrap(err))
			return nil
		}
		ev.Sink = model.Sink{Kind: model.Files, Path: a.out.Dir(), Overwrite: out.Overwrite}
	}
	a.log.Info("action started", "name", a.plan.Action, "site", a.plan.Site.String(), "stages", len(graph))
	return ev
}

// graph is the plan as the scheduler needs it: without stages that the target
// does not need.
func (a *action) graph() []model.StageSpec {
	p := a.plan
	for i := range p.Stages {
		a.stages[p.Stages[i].Key] = &stage{action: a, plan: &p.Stages[i], skipped: true}
	}
	a.stages[p.Target].skipped = false
	for todo := []plan.StageKey{p.Target}; len(todo) > 0; {
		st := a.stages[todo[0]]
		todo = todo[1:]
		for _, parent := range st.plan.Parents {
			if ps := a.stages[parent.Key]; ps != nil && ps.skipped {
				ps.skipped = false
				todo = append(todo, parent.Key)
			}
		}
	}
	var specs []model.StageSpec
	for i := range p.Stages {
		if st := a.stages[p.Stages[i].Key]; !st.skipped {
			specs = append(specs, st.spec())
		}
	}
	return specs
}

// stop asks for the action's end: the first cause counts, and none does once the
// output is being put in place.
func (a *action) stop(as plan.ActionState, cause error) model.Event {
	if a.state.Ended() {
		return nil
	}
	if a.cause == nil {
		a.cause, a.as = cause, as
	}
	if a.state != plan.ActionPublishing {
		a.cancel(cause)
	}
	return model.Cancel{Job: a.id.Job, Action: a.id.N, Reason: cause.Error()}
}

// result passes one value on to Do.
func (a *action) result(r model.Result) {
	if r.Gen != a.gen {
		a.reset(r.Gen)
	}
	v, ok := a.values[r.Partition]
	if !ok || a.got[r.Partition] || a.state.Ended() {
		return
	}
	delete(a.values, r.Partition)
	a.got[r.Partition] = true
	a.given++
	if a.bytes += v.Len(); a.bytes > a.want.ResultBytes {
		err := fmt.Errorf("%w: more than %d bytes: keep them distributed, save them to files, or raise the bound",
			ErrResultTooLarge, a.want.ResultBytes)
		if ev := a.stop(plan.ActionFailed, a.wrap(err)); ev != nil {
			a.e.loop.reply(ev)
		}
		return
	}
	a.tell(delivery{partition: r.Partition, value: v})
}

// reset voids the values passed on so far.
func (a *action) reset(gen model.Gen) {
	if gen == a.gen {
		return
	}
	a.gen, a.bytes = gen, 0
	if a.given == 0 {
		return
	}
	clear(a.got)
	a.given = 0
	a.tell(delivery{reset: true})
}

// taken tells the scheduler, where it waits for that, that Do has passed on the
// value of a partition.
func (a *action) taken(partition int) model.Event {
	if a.state.Ended() {
		return nil
	}
	return model.ResultAck{Action: a.id, Gen: a.gen, Partitions: []int{partition}}
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

// finish sets how the action ended.
func (a *action) finish(state plan.ActionState, err error) {
	if a.state.Ended() {
		return
	}
	now := a.e.loop.now()
	a.state, a.elapsed = state, now.Sub(a.started)
	a.cancel(err)
	final := a.status(now)
	if err != nil {
		final.Error = err.Error()
	}
	if a.seen != nil {
		a.e.watch.put(final, a.seen)
	}
	a.mu.Lock()
	a.over, a.final, a.err = true, final, err
	a.mu.Unlock()
	a.poke()
	a.log.Info("action ended", "name", a.plan.Action, "state", state.String(), "elapsed", a.elapsed)
	a.settle()
}

// settle starts what waits for the action's attempts to end, and lets Do return
// when nothing is left.
func (a *action) settle() {
	if a.tasks > 0 || a.working > 0 || !a.state.Ended() || a.e.actions[a.id] == nil {
		return
	}
	if a.collect {
		a.collect = false
		a.work(a.removeStaging)
		return
	}
	delete(a.e.actions, a.id)
	a.e.blobs.Release(a.plan.Blobs...)
	close(a.quiet)
}

// resultDir is the directory for an action's values that are too large to carry.
func (e *Engine) resultDir(n int) string {
	return filepath.Join(e.o.Scratch, "results", strconv.Itoa(n))
}

// take gives what Do has not seen yet.
func (a *action) take() (news []delivery, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news, a.news = a.news, nil
	return news, a.over
}

func committer(id plan.ActionID, out *plan.Output) (*storage.Committer, error) {
	return storage.NewCommitter(storage.Output{
		Dir: out.Path, ID: fmt.Sprintf("%s.%d", id.Job, id.N), Overwrite: out.Overwrite,
		Compression: out.Compression,
	})
}
