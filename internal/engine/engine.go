package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/sched"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// closeGrace is how long Close waits for storage.
const closeGrace = 2 * time.Second

// Effects is where an engine's decisions go. All methods are called from the
// loop's goroutine: but for Journal they may not block, and they reach the engine
// by Reply rather than Send.
type Effects interface {
	// Journal keeps records, in their order. It may wait for the disk: events queue
	// meanwhile, and what they want kept is the next call's. When it returns without
	// an error, and one of the records asks for it, all are durable, and so are all
	// before them. Durable says so; if it is false, Engine.Durable is called later.
	// After an error there are no more calls.
	Journal([]model.Append) (durable bool, err error)
	// Worker passes commands on to one worker, in order. A launch comes as a
	// *work.Launch.
	Worker(plan.WorkerID, []model.Command)
	// Driver gives whoever drives a job; nil: nobody is there.
	Driver(plan.JobID) Driver
	// Other carries out what is neither for a worker nor for a driver nor about
	// storage: probes, notes, the end of this master.
	Other(model.Command)
}

// Driver is told what becomes of the actions of one job.
type Driver interface {
	// Replied answers an event that carried a request: err is why it is refused.
	Replied(r model.Reply)
	// Result passes on where the rows of one partition are. It may come twice.
	Result(model.Result)
	// Reset voids the results of older generations.
	Reset(model.ResultReset)
	// Picture tells how far an action is.
	Picture(plan.ActionStatus)
	// Added tells what tasks of a running action added to accumulators, of which no
	// picture told before. It is to be shown; what counts, End tells.
	Added(plan.ActionID, []plan.StageUpdates)
	// End is the last picture of an action, with what tasks that succeeded added to
	// accumulators and no action has told of, and why it did not succeed.
	End(s plan.ActionStatus, updates []plan.StageUpdates, err error)
	// Quiet says that nothing works for an action any more.
	Quiet(plan.ActionID)
	// Notice is a line for the user.
	Notice(text string)
	// JobEnd is the end of the job. Its actions have ended.
	JobEnd(model.JobEnd)
}

// Options are what an Engine is made with.
type Options struct {
	Config model.Config
	// Slots is how many attempts can run at a time, by which inputs are cut.
	Slots func() int
	// Pictures says that somebody looks at the pictures of running actions.
	Pictures bool
	// Log takes the story of actions.
	Log *slog.Logger
}

// Engine runs the actions of jobs. Its methods may be called from several
// goroutines.
type Engine struct {
	o       Options
	log     *slog.Logger
	effects Effects
	sched   *sched.Scheduler
	loop    *loop
	storage sync.WaitGroup // goroutines that work on storage
	ctx     context.Context
	stop    context.CancelFunc

	// Of the loop's goroutine.
	jobs     map[plan.JobID]*job
	attempts map[attemptKey]*attempt
	froms    map[plan.WorkerID]model.From // the envelopes that workers use
}

// job is what actions of one job share.
type job struct {
	id      plan.JobID
	sources *sources
	actions map[int]*action
	ended   bool
}

// New makes an engine. Nothing happens before Start.
func New(o Options, effects Effects) *Engine {
	e := &Engine{
		o: o, log: o.Log, effects: effects, sched: sched.New(o.Config), jobs: map[plan.JobID]*job{},
		attempts: map[attemptKey]*attempt{}, froms: map[plan.WorkerID]model.From{},
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.loop = newLoop(e.sched, outlet{e})
	e.loop.seen = e.seen
	if o.Pictures {
		e.loop.idle = e.pictures
	}
	return e
}

// Start begins to take events. The scheduler's first decisions, and so the term of
// this engine, are in the journal when it returns.
func (e *Engine) Start() {
	e.loop.turn(message{events: []model.Event{model.Tick{}}})
	go e.loop.run()
}

// Durable says that the first records that Effects.Journal was ever given are
// durable, so many of them.
func (e *Engine) Durable(records uint64) {
	e.Call(func() model.Event {
		e.loop.durable = max(e.loop.durable, records)
		return nil
	})
}

// Send gives the engine events, in their order. It may wait for the loop, but not
// for one that has ended.
func (e *Engine) Send(evs ...model.Event) { e.loop.put(message{events: evs}) }

// Call runs f in the loop's goroutine and takes the event that it returns, if
// any.
func (e *Engine) Call(f func() model.Event) { e.loop.put(message{call: f}) }

// Reply gives the engine an event from within the loop's goroutine.
func (e *Engine) Reply(ev model.Event) { e.loop.reply(ev) }

// Done is closed when the loop has ended.
func (e *Engine) Done() <-chan struct{} { return e.loop.done }

// Close ends the loop, and work on storage with it. It says whether storage
// answered in time.
func (e *Engine) Close() bool {
	e.stop()
	close(e.loop.quit)
	<-e.loop.done
	return InTime(&e.storage, closeGrace)
}

// InTime waits for a group, but not longer than d.
func InTime(g *sync.WaitGroup, d time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		g.Wait()
		close(ended)
	}()
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-ended:
		return true
	case <-late.C:
		return false
	}
}

// Background runs f outside the loop, as work on storage that Close waits for.
func (e *Engine) Background(f func()) { e.storage.Go(f) }

// Release says that no handle refers to a stage of a job any more.
func (e *Engine) Release(id plan.JobID, stage plan.StageKey) {
	e.Call(func() model.Event {
		e.job(id).sources.forget(stage)
		return model.Release{Job: id, Keys: []plan.StageKey{stage}}
	})
}

// ReleaseFiles says that no handle refers to a file source of a job any more.
func (e *Engine) ReleaseFiles(id plan.JobID, f plan.Files) {
	e.Call(func() model.Event {
		e.job(id).sources.forgetFiles(f)
		return nil
	})
}

// Load is how much an engine has to do.
type Load struct {
	Actions  int // that have not come to rest
	Running  int // of those, whose tasks run
	Attempts int // that the scheduler has not acknowledged
}

// Load looks at the engine. It is called from the loop's goroutine.
func (e *Engine) Load() Load {
	l := Load{Attempts: len(e.attempts)}
	for _, j := range e.jobs {
		l.Actions += len(j.actions)
		for _, a := range j.actions {
			if a.state == plan.ActionRunning {
				l.Running++
			}
		}
	}
	return l
}

// View asks the scheduler what it knows. It is called from the loop's goroutine.
func (e *Engine) View(q model.Query) model.Answer { return e.sched.View(q) }

// Settle waits for the work on storage that is under way.
func (e *Engine) Settle() { e.storage.Wait() }

func (e *Engine) job(id plan.JobID) *job {
	j := e.jobs[id]
	if j == nil {
		j = &job{id: id, sources: newSources(e.o.Slots), actions: map[int]*action{}}
		e.jobs[id] = j
	}
	return j
}

func (e *Engine) action(id plan.ActionID) *action {
	if j := e.jobs[id.Job]; j != nil {
		return j.actions[id.N]
	}
	return nil
}

// leave forgets a job that has ended, once nothing works for it any more.
func (e *Engine) leave(j *job) {
	if j.ended && len(j.actions) == 0 {
		delete(e.jobs, j.id)
	}
}
