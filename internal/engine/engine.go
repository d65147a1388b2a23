package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/engine/blob"
	"github.com/gordd-project/gordd/internal/sched"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ErrClosed is wrapped by the error of an action on an engine that is closed, or
// that was closed while the action ran.
var ErrClosed = errors.New("the session is closed: run actions before its Close, or start another one")

const (
	// grace is how long attempts have to end after they were told to: with what
	// a program does afterwards it is one second.
	grace = 700 * time.Millisecond
	// closeGrace is how long Close waits for attempts that had their grace.
	closeGrace = 2 * time.Second
	// blobMemory is how many bytes of blobs are kept in memory.
	blobMemory = 64 << 20
)

// Executor runs attempts. It is called from several goroutines at once.
type Executor interface {
	// Run runs one attempt of a stage of the plan: either a result or a failure
	// comes back. A cancelled ctx (context.Cause says why) must end it soon. The
	// plan, the stage and what the task refers to are shared and not changed.
	Run(ctx context.Context, p *plan.Plan, stage *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure)
}

// Options are what an Engine needs of its surroundings.
type Options struct {
	// Slots is the number of attempts that run at a time; the default is
	// GOMAXPROCS.
	Slots int
	// Scratch is a directory of this engine's own, for files of tasks and
	// shuffles. The caller makes it and removes it after Close.
	Scratch string
	// Job is the id of the engine's job; the default is drawn at random, since
	// it is part of the names of staging directories that processes share.
	Job plan.JobID
	// Log takes the story of actions; the default discards it.
	Log *slog.Logger
	// Observe is called from one goroutine with a fresh picture of an action
	// when something changed, at most every 100 ms, and once at its end before
	// Do returns.
	Observe func(plan.ActionStatus)
	// Attempts is how often a task is tried that fails by its own fault; the
	// default is once, since there is no other worker.
	Attempts int
}

func (o Options) withDefaults() Options {
	o.Slots = max(cmp.Or(o.Slots, runtime.GOMAXPROCS(0)), 1)
	o.Job = cmp.Or(o.Job, plan.JobID("local-"+strings.ToLower(rand.Text()[:10])))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Engine runs actions in this process. Its methods may be called from several
// goroutines.
type Engine struct {
	o       Options
	log     *slog.Logger
	blobs   *blob.Store
	sources *sources
	loop    *loop
	worker  *worker
	watch   *observer      // nil: nobody watches
	storage sync.WaitGroup // goroutines that work on storage
	ctx     context.Context
	stop    context.CancelFunc

	mu       sync.Mutex
	closed   bool
	doing    sync.WaitGroup // calls of Do
	closing  sync.Once
	closeErr error

	// Of the loop's goroutine.
	actions map[plan.ActionID]*action
	lastN   int
	ending  bool // nothing new is begun
}

// New starts an engine.
func New(o Options, ex Executor) *Engine {
	o = o.withDefaults()
	e := &Engine{
		o: o, log: o.Log, actions: map[plan.ActionID]*action{},
		blobs:   blob.New(filepath.Join(o.Scratch, "blobs"), blobMemory),
		sources: newSources(o.Slots),
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.worker = newWorker(e, ex)
	e.loop = newLoop(sched.New(config(o)), local{e})
	if o.Observe != nil {
		e.watch = newObserver(o.Observe)
		e.loop.idle = e.pictures
	}
	e.loop.send(model.Attach{From: e.worker.from, Store: "local", Hosts: []string{"localhost"}, Slots: o.Slots,
		OS: runtime.GOOS, Arch: runtime.GOARCH})
	e.loop.send(model.SubmitJob{Job: o.Job, Key: string(o.Job), Name: "embedded"})
	go e.loop.run()
	return e
}

// config is the scheduler's, for one process. What only bounds a shared master
// is left open; an action's results are bounded by the engine itself.
func config(o Options) model.Config {
	c := model.Embedded()
	c.MaxSlots = max(c.MaxSlots, o.Slots)
	c.MaxFailures = max(c.MaxFailures, o.Attempts)
	c.MaxActions = math.MaxInt32
	c.ResultBytes, c.InlineResult = math.MaxInt64, math.MaxInt
	c.PublishTries = 1 // a disk that was full a moment ago still is
	return c
}

// PutBlob keeps b, which must not be changed any more, and gives its digest.
// Each call adds a reference, to be given back by ReleaseBlob. Much of it goes
// to files.
func (e *Engine) PutBlob(b []byte) plan.Digest { return e.blobs.Put(b) }

// WriteBlob keeps what write writes, as PutBlob does, of which no more than a
// few MiB are in memory. When write fails nothing is kept.
func (e *Engine) WriteBlob(write func(io.Writer) error) (plan.Digest, error) {
	return e.blobs.Write(write)
}

// Blob returns the bytes of a blob. They must not be changed.
func (e *Engine) Blob(d plan.Digest) ([]byte, error) { return e.blobs.Get(d) }

// BlobPart opens the bytes of a blob between two offsets.
func (e *Engine) BlobPart(d plan.Digest, from, to int64) (io.ReadCloser, error) {
	return e.blobs.Part(d, from, to)
}

// ReleaseBlob gives a reference back. Running actions hold their own.
func (e *Engine) ReleaseBlob(d plan.Digest) { e.blobs.Release(d) }

// Release says that the driver's handle to a shuffle or value is gone: its files
// go when no action uses them.
func (e *Engine) Release(stage plan.StageKey) {
	e.sources.forget(stage)
	e.loop.send(model.Release{Job: e.o.Job, Keys: []plan.StageKey{stage}})
}

// ReleaseFiles says that the driver's handle to a file source is gone.
func (e *Engine) ReleaseFiles(f plan.Files) { e.sources.forgetFiles(f) }

// Close ends running actions with ErrClosed, waits for everything, and removes
// the engine's files. Attempts that do not end in time are left behind with an
// error that names them. Later calls return what the first one did.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closeErr = e.close() })
	return e.closeErr
}

func (e *Engine) close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.loop.call(func() model.Event {
		e.ending = true
		for _, a := range e.actions {
			if ev := a.stop(plan.ActionCancelled, a.wrap(ErrClosed)); ev != nil {
				e.loop.reply(ev)
			}
		}
		return nil
	})
	e.doing.Wait()
	e.loop.send(model.FinishJob{Job: e.o.Job})
	err := e.worker.close()
	e.stop()
	close(e.loop.quit)
	<-e.loop.done
	if !inTime(&e.storage) {
		err = errors.Join(err, errors.New("close engine: storage does not answer"))
	}
	if e.watch != nil {
		e.watch.close()
	}
	return errors.Join(err, e.removeFiles())
}

func (e *Engine) removeFiles() error {
	var errs []error
	for _, name := range []string{"blobs", "results", "shuffle", "tasks"} {
		if err := os.RemoveAll(filepath.Join(e.o.Scratch, name)); err != nil {
			errs = append(errs, fmt.Errorf("remove files of the engine: %w", err))
		}
	}
	return errors.Join(errs...)
}

// background runs f outside the loop. Close waits for it.
func (e *Engine) background(f func()) { e.storage.Go(f) }
