package embedded

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

	"github.com/gordd-project/gordd/internal/agent"
	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// blobMemory is how many bytes of blobs are kept in memory.
const blobMemory = 64 << 20

// Executor runs attempts. It is called from several goroutines at once.
type Executor interface {
	// Run runs one attempt of a stage of the plan: either a result or a failure
	// comes back. A cancelled ctx (context.Cause says why) must end it soon. The
	// plan, the stage and what the task refers to are shared and not changed.
	Run(ctx context.Context, p *plan.Plan, stage *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure)
	// Forget says that no task to come reads a shuffle, or the rows of a cached RDD.
	// It does not wait for anybody.
	Forget(key plan.StageKey)
}

// Options are what an Engine needs of its surroundings.
type Options struct {
	// Slots is the number of attempts that run at a time; the default is
	// GOMAXPROCS.
	Slots int
	// Scratch is a directory of this engine's own, for files of tasks and
	// shuffles. The caller makes it and removes it after Close.
	Scratch string
	// MakeScratch makes Scratch. It is called whenever files are about to be
	// written there; the default is for a directory that is there already.
	MakeScratch func() error
	// Job is the id of the engine's job; the default is drawn at random, since
	// it is part of the names of staging directories that processes share.
	Job plan.JobID
	// Log takes the story of actions; the default discards it.
	Log *slog.Logger
	// Observe is called from one goroutine with a fresh picture of an action
	// when something changed, at most every 100 ms, and once at its end before
	// Do returns.
	Observe func(plan.ActionStatus)
	// Accumulators are as in [driver.Options].
	Accumulators driver.Accumulators
	// Attempts is how often a task is tried that fails by its own fault; the
	// default is once, since there is no other worker.
	Attempts int
}

func (o Options) withDefaults() Options {
	o.Slots = max(cmp.Or(o.Slots, runtime.GOMAXPROCS(0)), 1)
	o.Job = cmp.Or(o.Job, plan.JobID("local-"+strings.ToLower(rand.Text()[:10])))
	if o.MakeScratch == nil {
		o.MakeScratch = func() error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Engine runs actions in this process. Its methods may be called from several
// goroutines.
type Engine struct {
	o      Options
	blobs  *blob.Store
	core   *engine.Engine
	agent  *agent.Agent
	client *driver.Client

	closing  sync.Once
	closeErr error

	// Of the core's loop.
	values map[int]map[int]value // results that were reported, by action and partition
	held   map[int][]plan.Digest // blobs of actions under way
}

// value is a result on its way from the agent to the driver.
type value struct {
	gen model.Gen
	v   driver.Value
}

// New starts an engine.
func New(o Options, ex Executor) *Engine {
	o = o.withDefaults()
	e := &Engine{
		o: o, blobs: blob.New(filepath.Join(o.Scratch, "blobs"), o.MakeScratch, blobMemory),
		values: map[int]map[int]value{}, held: map[int][]plan.Digest{},
	}
	c := config(o)
	e.client = driver.New(driver.Options{Job: o.Job, Link: link{e}, Observe: o.Observe, Accumulators: o.Accumulators})
	e.core = engine.New(engine.Options{Config: c, Slots: func() int { return o.Slots }, Pictures: o.Observe != nil, Log: o.Log}, effects{e})
	from := model.From{Cluster: c.Cluster, Protocol: c.Protocol, Term: c.Term, Worker: "local", Inc: 1, Session: 1}
	e.agent = agent.New(agent.Options{
		Slots: o.Slots, Dir: o.Scratch, MakeDir: o.MakeScratch, From: from, Executor: executor{ex}, Upstream: upstream{e}, Only: true, Log: o.Log,
		Call: func(f func()) {
			e.core.Call(func() model.Event {
				f()
				return nil
			})
		},
		Background: e.core.Background,
	})
	e.core.Start()
	e.core.Send(model.Attach{From: from, Store: "local", Hosts: []string{"localhost"}, Slots: o.Slots, Platform: plan.Here})
	e.core.Send(model.SubmitJob{Job: o.Job, Key: string(o.Job), Name: "embedded"})
	return e
}

// config is the scheduler's, for one process. What only bounds a shared master
// is left open; an action's results are bounded by the driver itself.
func config(o Options) model.Config {
	c := model.Embedded()
	c.MaxSlots = max(c.MaxSlots, o.Slots)
	c.MaxFailures = max(c.MaxFailures, o.Attempts)
	c.MaxActions = math.MaxInt32
	c.ResultBytes, c.InlineResult = math.MaxInt64, math.MaxInt
	c.BarrierSlots = 0 // there are never more
	c.PublishTries = 1 // a disk that was full a moment ago still is
	return c
}

// Do runs one action; see [driver.Client.Do].
func (e *Engine) Do(ctx context.Context, encoded []byte, want driver.Action) (plan.ActionStatus, error) {
	return e.client.Do(ctx, encoded, want)
}

// CancelTag is [driver.Client.CancelTag].
func (e *Engine) CancelTag(tag string, cause error) { e.client.CancelTag(tag, cause) }

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

// Gather waits at a barrier; see [agent.Agent.Gather].
func (e *Engine) Gather(ctx context.Context, attempt string, round int, message []byte) ([][]byte, error) {
	return e.agent.Gather(ctx, attempt, round, message)
}

// ReleaseBlob gives a reference back. Running actions hold their own.
func (e *Engine) ReleaseBlob(d plan.Digest) { e.blobs.Release(d) }

// Release says that the driver's handle to a shuffle or value is gone: its files
// go when no action uses them.
func (e *Engine) Release(stage plan.StageKey) { e.core.Release(e.o.Job, stage) }

// ReleaseFiles says that the driver's handle to a file source is gone.
func (e *Engine) ReleaseFiles(f plan.Files) { e.core.ReleaseFiles(e.o.Job, f) }

// Close ends running actions with [driver.ErrClosed], waits for everything, and
// removes the engine's files. Attempts that do not end in time are left behind
// with an error that names them. Later calls return what the first one did.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closeErr = e.close() })
	return e.closeErr
}

func (e *Engine) close() error {
	e.client.Close()
	e.core.Send(model.FinishJob{Job: e.o.Job})
	err := e.agent.Close(driver.ErrClosed)
	if !e.core.Close() {
		err = errors.Join(err, errors.New("close engine: storage does not answer"))
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

// executor gives the agent the executor of this process.
type executor struct{ ex Executor }

func (x executor) Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure) {
	return x.ex.Run(ctx, l.Plan.Plan, l.Stage, t)
}

func (x executor) Forget(_ plan.JobID, keys []plan.StageKey) {
	for _, key := range keys {
		x.ex.Forget(key)
	}
}
