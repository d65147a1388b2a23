package worker

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/process"
)

// executors are the processes of jobs. It is the agent's Executor.
type executors struct {
	w *Worker

	mu     sync.Mutex
	all    map[model.ExecutorRef]*executor
	closed bool

	giving chan struct{} // has one for each block that a process writes for another worker
}

// executor is one of them. Its process is there, or not to be had, once up is
// closed: launches come together with the command to start it.
type executor struct {
	up       chan struct{}
	process  running // nil: it did not start
	unwanted bool    // it is to end as soon as it is there
}

// running is a process that runs attempts: a *process.Process, but in tests.
type running interface {
	Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure)
	ForgetStages(keys []plan.StageKey)
	Give(ctx context.Context, b plan.Block, path string) error
	Keep(ctx context.Context, b plan.Block, path string) (bytes int64, err error)
	Stop()
	Kill()
	Done() <-chan struct{}
	Exit() process.Exit
	PID() int
}

func (x *executors) init(w *Worker) {
	x.w, x.all = w, map[model.ExecutorRef]*executor{}
	x.giving = make(chan struct{}, max(w.o.Slots, 1))
}

// start starts a process and reports what becomes of it. It is called from the
// loop.
func (x *executors) start(c model.StartExec, job msg.Job) {
	w := x.w
	ref := model.ExecutorRef{Job: c.Job, No: c.No}
	e := &executor{up: make(chan struct{})}
	x.mu.Lock()
	known := x.all[ref] != nil
	if !known {
		x.all[ref] = e
	}
	x.mu.Unlock()
	if known {
		return
	}
	w.tasks.Go(func() {
		budget := w.o.budget(job.Memory, c.Grown)
		p, err := x.run(ref, job, budget)
		x.mu.Lock()
		if e.process = p; (x.closed || e.unwanted) && p != nil {
			p.Kill()
		}
		if p == nil {
			delete(x.all, ref)
		}
		x.mu.Unlock()
		close(e.up)
		if err != nil {
			w.log.Error("executor did not start", "job", string(c.Job), "err", err)
			refused := (*process.CodeError)(nil)
			gone := model.ExecGone{Job: c.Job, No: c.No, Exit: -1, Says: says(err.Error()), Refused: errors.As(err, &refused)}
			w.call(func() {
				gone.From = w.from
				w.send(gone)
			})
			return
		}
		w.log.Info("executor started", "job", string(c.Job), "no", c.No, "pid", p.PID())
		w.call(func() { w.send(model.ExecUp{From: w.from, Job: c.Job, No: c.No}) })
		<-p.Done()
		if err := os.RemoveAll(x.cached(ref)); err != nil {
			w.log.Error("cached rows were not removed", "job", string(c.Job), "err", err)
		}
		x.mu.Lock()
		delete(x.all, ref)
		x.mu.Unlock()
		exit := p.Exit()
		w.log.Info("executor ended", "job", string(c.Job), "no", c.No, "exit", exit.String(), "peak", exit.Peak)
		w.call(func() {
			w.agent.LostBlocks(c.Job)
			w.agent.Disown(func(l *work.Launch) bool { return l.Action.Job == c.Job && l.Exec == c.No })
			w.send(model.ExecGone{From: w.from, Job: c.Job, No: c.No, Exit: exit.Code, Signal: exit.Signal,
				OOM: exit.OOM, Limit: limit(budget), Peak: exit.Peak, Blamed: exit.Blamed, Says: says(exit.Said())})
		})
	})
}

// saysBytes is how much of what a process wrote goes to the master.
const saysBytes = 300

// says cuts a line for the master.
func says(line string) string {
	if len(line) > saysBytes {
		line = line[:saysBytes] + "…"
	}
	return strings.ToValidUTF8(line, "?")
}

// budget is what a process gets of a job that wants so much: no more than the
// worker has for one, but as much again for each time that less was too little.
func (o *Options) budget(wants int64, grown int) int64 {
	if wants == 0 || wants > o.Memory>>grown {
		return o.Memory
	}
	return wants << grown
}

// leastHeadRoom is the least that a process may have beyond its budget.
const leastHeadRoom = 128 << 20

// limit is how much memory a process may have in all, when so much is its budget
// for tables, buffers and the heap: rows in the hands of user code, what a garbage
// collection has not reached, and pages of the files that it reads come on top.
func limit(budget int64) int64 { return budget + max(budget/2, leastHeadRoom) }

// run starts the process of a job's program.
func (x *executors) run(ref model.ExecutorRef, job msg.Job, budget int64) (running, error) {
	w := x.w
	if w.o.executor != nil {
		return w.o.executor(ref), nil
	}
	path, err := w.blobs.program(w.ctx, ref.Job, job.Binary)
	if err != nil {
		return nil, err
	}
	files, err := w.blobs.files(w.ctx, ref.Job, job.Files)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.o.Dir, "jobs", string(ref.Job)+"-"+strconv.Itoa(ref.No))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	group, err := w.o.Groups.New(filepath.Base(dir), limit(budget))
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p, err := process.Start(w.ctx, process.Options{Path: path, Args: job.Args, Dir: dir, Env: append(environment(), job.Env...), Log: log, Group: group,
		Code: job.Code,
		Wire: wire.Options{Cores: w.o.Slots, Memory: budget, Fresh: true, Files: files, Executor: true, Scratch: x.cached(ref)},
		Blob: func(ctx context.Context, d plan.Digest) (string, error) { return w.blobs.find(ctx, ref.Job, d) },
		Block: func(ctx context.Context, l *work.Launch, t *plan.Task, b plan.Block) (string, error) {
			return w.bring(ctx, l, t, b, job.Stuck)
		},
		Input:    w.late.get,
		Gather:   w.agent.Gather,
		Progress: func(all []plan.Progress) { w.call(func() { w.agent.Progress(ref.Job, all) }) }})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// cached is the directory in which a process keeps cached rows. They are of use to no
// other, and go with it.
func (x *executors) cached(ref model.ExecutorRef) string {
	return filepath.Join(x.w.o.Dir, "cached", string(ref.Job)+"-"+strconv.Itoa(ref.No))
}

// stop ends a process that is not needed any more.
func (x *executors) stop(c model.StopExec) {
	e := x.find(model.ExecutorRef{Job: c.Job, No: c.No})
	if e == nil {
		return
	}
	x.w.tasks.Go(func() {
		if <-e.up; e.process != nil {
			e.process.Stop()
		}
	})
}

func (x *executors) find(ref model.ExecutorRef) *executor {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.all[ref]
}

// list names the processes that are there or under way: a master that is not told of
// those would not have them ended when their job has.
func (x *executors) list() []model.ExecutorRef {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Keys(x.all))
}

// close ends all processes, those that are still to come as well.
func (x *executors) close() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	x.kill()
}

// kill ends all processes that are there or under way.
func (x *executors) kill() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.all {
		if e.unwanted = true; e.process != nil {
			e.process.Kill()
		}
	}
}

// Run runs an attempt in the process of its job.
func (x *executors) Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure) {
	e := x.find(model.ExecutorRef{Job: l.Action.Job, No: l.Exec})
	if e == nil {
		return nil, work.NewFailure(plan.FailInfra, "its executor is not there")
	}
	select {
	case <-e.up:
	case <-ctx.Done():
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	}
	if e.process == nil {
		return nil, work.NewFailure(plan.FailInfra, "its executor did not start")
	}
	return e.process.Run(ctx, l, t)
}

// Forget tells the processes of a job what no task reads any more.
func (x *executors) Forget(job plan.JobID, keys []plan.StageKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for ref, e := range x.all {
		if p := e.process; ref.Job == job && p != nil {
			x.w.tasks.Go(func() { p.ForgetStages(keys) }) // it may not listen for a while
		}
	}
}

// environment is what an executor has of the agent's own.
func environment() (env []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
