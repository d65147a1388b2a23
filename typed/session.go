package typed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/scratch"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// Options configure a session. The zero value works.
type Options struct {
	// Cores is the number of tasks that run at a time; the default is
	// GOMAXPROCS.
	Cores int
	// Memory is the budget in bytes for tables, buffers and sorts, beyond which
	// tasks spill to disk; the default is 60 % of the machine's memory, or of
	// its cgroup's.
	Memory int64
	// Scratch is the directory for temporary files; the default is the
	// system's. The session makes one of its own there when the first action
	// runs, and removes it at Close. What a process left that ended without,
	// a later one removes.
	Scratch string
	// CheckpointDir is the directory for the files of Checkpoint, in any store; on a
	// cluster one that all workers see. The default is none. Lineage that has grown
	// long is cut by such files too, on a cluster only where there is a directory.
	CheckpointDir string
	// BroadcastBelow is how many bytes of input a side of a join may be made of to be
	// sent whole to every task rather than shuffled, where the other side is much larger;
	// the default is 32 MiB, and negative numbers mean that no join does that unless it
	// has a BroadcastBelow of its own.
	BroadcastBelow int64
	// SkewJoin is from how many bytes on a key of one side of a join may be split over
	// several partitions, where that side is made of several times as much input and
	// neither is a result of shuffles; the default is 64 MiB, and negative numbers mean that
	// no join does that unless it has a SkewJoin of its own.
	SkewJoin int64
	// KeepLineage keeps all lineage, however long it grows: only Checkpoint and
	// LocalCheckpoint cut it.
	KeepLineage bool
	// RowSums has a cluster compare what a task shuffled with what it shuffled before,
	// where the task runs again because that was lost. Where rows differ, by a function that
	// depends on the time, random numbers or the order of a map, a notice names it, and what
	// was made of them is made again. It costs a few per cent; without it, rows of two
	// runs may end up in one result.
	RowSums bool
	// Policy says what happens to rows that cannot be processed; the default
	// is Fail.
	Policy Policy
	// MaxResultSize bounds what an action brings to the driver, in bytes; the
	// default is 1 GiB.
	MaxResultSize int64
	// Log takes what the session has to tell beside errors: the story of its
	// actions. The default discards it.
	Log *slog.Logger
	// Notices takes what the user should know once, such as code that is not
	// generated; the default is standard error.
	Notices io.Writer
	// Observe is called with a picture of each running action, a few times a
	// second and at its end.
	Observe func(plan.ActionStatus)
	// Closures runs the functions as they are, even where code was generated
	// for them.
	Closures bool
	// NoFusing runs every operator on its own, even where generated code runs
	// several in one loop.
	NoFusing bool
	// Seed places keys in partitions; the default is drawn at random. With the
	// same seed a program gives the same order of rows.
	Seed uint64

	cluster *clusterJob                                 // a job of a cluster, instead of an engine of the session's own
	fresh   bool                                        // refuse code that changed since it was generated
	profile string                                      // the file for a CPU profile of the program, or ""
	explain func(*plan.Plan, []plan.StageExplain) error // takes the place of running
}

func (o Options) withDefaults() Options {
	o.Cores = max(cmp.Or(o.Cores, runtime.GOMAXPROCS(0)), 1)
	o.Memory = cmp.Or(o.Memory, max(machine.Memory()/10*6, minMemory))
	o.BroadcastBelow = cmp.Or(o.BroadcastBelow, rdd.DefaultBroadcastBelow)
	o.SkewJoin = cmp.Or(o.SkewJoin, rdd.DefaultSkewJoin)
	o.MaxResultSize = cmp.Or(o.MaxResultSize, driver.DefaultResultBytes)
	if o.Notices == nil {
		o.Notices = os.Stderr
	}
	return o
}

// minMemory is the least budget that tasks can work with.
const minMemory = 16 << 20

// Session runs pipelines. It may be used by several goroutines at once.
type Session struct {
	options Options
	ctx     context.Context
	engine  backend
	remote  *driver.Remote // the engine, where it is a cluster's
	graph   *rdd.Graph
	scratch *scratch.Dir

	checkpoints checkpoints
	cutter      cutter
	long        sync.Once // says that plans grow long

	close  sync.Once
	closed error
}

// backend is what runs a session's actions: the embedded engine, or the driver's
// end of a cluster.
type backend interface {
	Do(ctx context.Context, encoded []byte, want driver.Action) (plan.ActionStatus, error)
	PutBlob(b []byte) plan.Digest
	WriteBlob(write func(io.Writer) error) (plan.Digest, error)
	ReleaseBlob(plan.Digest)
	Release(plan.StageKey)
	ReleaseFiles(plan.Files)
	CancelTag(tag string, cause error)
	Close() error
}

// lateExecutor hands tasks to a runner that is made after the engine it serves.
type lateExecutor struct{ embedded.Executor }

// NewSession starts a session on the embedded engine, in this process. Actions
// end when ctx does. Close must be called in the end.
func NewSession(ctx context.Context, o Options) (*Session, error) {
	o = o.withDefaults()
	if o.Memory < minMemory {
		return nil, fmt.Errorf("memory of %d bytes is too little: give at least %d MiB", o.Memory, minMemory>>20)
	}
	dir, err := scratch.New(o.Scratch)
	if err != nil {
		return nil, err
	}
	s := &Session{options: o, ctx: ctx, scratch: dir, checkpoints: checkpoints{base: o.CheckpointDir}}
	var engine *embedded.Engine
	ex := &lateExecutor{}
	trial := embedded.TrialOf(ctx)
	if c := o.cluster; c != nil {
		s.remote = driver.NewRemote(driver.RemoteOptions{Conn: c.conn, Job: c.job, Scratch: dir.Path(), MakeScratch: dir.Make,
			Observe: o.Observe, Accumulators: accumulators{s}, Notice: s.notice, Log: o.Log})
		s.engine = s.remote
	} else {
		s.checkpoints.own = func() (string, error) { return dir.Path(), dir.Make() }
		engine = embedded.New(embedded.Options{
			Slots: o.Cores, Scratch: dir.Path(), MakeScratch: dir.Make, Log: o.Log, Observe: o.Observe, Accumulators: accumulators{s},
			Attempts: trial.Attempts,
		}, ex)
		s.engine = engine
	}
	s.graph = rdd.NewGraph(rdd.GraphOptions{
		Seed:           cmp.Or(o.Seed, rand.Uint64()),
		Release:        s.engine.Release,
		ReleaseBlob:    s.engine.ReleaseBlob,
		ReleaseFiles:   s.releaseFiles,
		BroadcastBelow: o.BroadcastBelow,
		SkewJoin:       o.SkewJoin,
		RowSums:        o.RowSums,
		FileBytes:      s.fileBytes,
		Notice:         s.notice,
		Closures:       o.Closures,
		Fresh:          o.fresh,
		Strict:         o.cluster != nil,
	})
	if engine != nil {
		s.run(engine, ex, trial)
	}
	return s, nil
}

// run makes what runs tasks in this process.
func (s *Session) run(engine *embedded.Engine, ex *lateExecutor, trial embedded.Trial) {
	runner := rdd.NewRunner(rdd.RunnerOptions{
		CacheDir: s.cacheDir, Disk: machine.Disk, Notice: s.notice,
		Memory: shuffle.NewMemory(cmp.Or(trial.Memory, s.options.Memory)), Blob: engine.Blob, BlobPart: engine.BlobPart, Gather: engine.Gather,
		Local: s.graph.Local, NoKernels: s.options.NoFusing, Strict: trial.Strict,
	})
	ex.Executor = runner
	if trial.Executor != nil {
		ex.Executor = trial.Executor(engine)
	}
	if trial.Wrap != nil {
		ex.Executor = trial.Wrap(ex.Executor)
	}
	limitHeap(s.options.Memory)
}

// releaseFiles is told that the RDD of a file source is gone.
func (s *Session) releaseFiles(f plan.Files) {
	s.engine.ReleaseFiles(f)
	s.checkpoints.release(f)
}

// fileBytes says how large files are, those that are compressed as they may be without.
// A negative number says that this process cannot know.
func (s *Session) fileBytes(f *plan.Files) (bytes int64) {
	files, err := storage.Expand(s.ctx, f.Paths, storage.ExpandOptions{Recursive: f.Recursive})
	if err != nil {
		return -1 // an engine elsewhere may know the place
	}
	for _, info := range files {
		size := info.Size
		if storage.CompressionOf(info.Path) != "" {
			size *= compressedTimes
		}
		bytes += size
	}
	return bytes
}

// compressedTimes is how many times smaller compressed text is, about.
const compressedTimes = 4

// cacheDir makes and names the directory for cached rows.
func (s *Session) cacheDir() (string, error) {
	dir := filepath.Join(s.scratch.Path(), "cached")
	if err := s.scratch.Make(); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

func (s *Session) notice(text string) { _, _ = fmt.Fprintln(s.options.Notices, text) }

// limitHeap sets the garbage collector to the budget: rarely as long as there
// is room, hard before the limit. What the user set by GOGC or GOMEMLIMIT stays.
func limitHeap(budget int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		if budget >= 64*heapFloor {
			keepFloor()
		}
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(budget)
	}
}

// heapFloor is how much of the heap counts as in use at least. A task that reads text, and keeps nothing of it, would
// have the garbage collected for each 16 MiB that it has read, and all tasks wait for that.
const heapFloor = 8 << 20

// keepFloor takes and keeps that much. Nobody touches it, so that it is no memory.
var keepFloor = sync.OnceValue(func() []byte { return make([]byte, heapFloor) })

// Close ends the session: running actions are cancelled, temporary files are
// removed.
func (s *Session) Close() error {
	s.close.Do(func() {
		s.closed = errors.Join(s.engine.Close(), s.checkpoints.close(), s.scratch.Close())
	})
	return s.closed
}

// action runs one action over a node, whose lineage it cuts before where that is long.
// want.Ahead counts for each core.
func (s *Session) action(ctx context.Context, n *rdd.Node, a rdd.Action, want driver.Action) (plan.ActionStatus, error) {
	if s != nil && s.options.explain == nil && !s.options.KeepLineage && a.On(n) == nil {
		if err := s.cutLong(ctx, n, a); err != nil {
			return plan.ActionStatus{State: plan.ActionCancelled}, err
		}
	}
	return s.act(ctx, n, a, want)
}

// act runs one action over the lineage as it is.
func (s *Session) act(ctx context.Context, n *rdd.Node, a rdd.Action, want driver.Action) (plan.ActionStatus, error) {
	if s == nil { // the zero value of an RDD
		return plan.ActionStatus{}, a.On(n)
	}
	s.cutter.underway.RLock()
	defer s.cutter.underway.RUnlock()
	a.Policy = s.options.Policy.p
	if _, path, err := storage.Lookup(a.Policy.Aside); err == nil {
		a.Policy.Aside = path
	}
	p, err := s.graph.Plan(n, a)
	if err != nil {
		return plan.ActionStatus{}, err
	}
	if err := rdd.Whole(p); err != nil && want.Partitions != nil {
		return plan.ActionStatus{}, err
	}
	if s.options.explain != nil {
		return plan.ActionStatus{State: plan.ActionDone}, s.options.explain(p, s.graph.Explain(p))
	}
	p.Labels = labelsOf(ctx)
	s.adviseLong(a, len(p.Stages))
	encoded, err := plan.Encode(p)
	if err != nil {
		return plan.ActionStatus{}, fmt.Errorf("%s (%s): %w", a.Op.Name, a.Call.Site, err)
	}
	if want.ResultBytes == 0 {
		want.ResultBytes = s.options.MaxResultSize
	}
	want.Ahead *= s.options.Cores
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(s.ctx, func() { stop(context.Cause(s.ctx)) })()
	st, err := s.engine.Do(ctx, encoded, want)
	s.saySplit(p, &st)
	unread := s.graph.Settle()
	runtime.KeepAlive(n) // of what is gone nobody knows what counted
	runtime.KeepAlive(p)
	return st, cmp.Or(err, unread)
}

// saySplit logs which joins of an action have split hot keys: those that looked for them.
func (s *Session) saySplit(p *plan.Plan, st *plan.ActionStatus) {
	if s.options.Log == nil {
		return
	}
	for i := range st.Stages {
		c := &st.Stages[i].Counters
		if join, ok := p.Stage(st.Stages[i].Key); ok && c.HotKeys > 0 {
			s.options.Log.Info("hot keys split", "job", st.ID.Job, "action", st.ID.N, "join", join.Sink.Op.Name, "site", join.Sink.Op.Site.String(), "keys", c.HotKeys, "parts", c.HotParts)
		}
	}
}

// accumulators are those of a session's graph, which is made after its engine.
type accumulators struct{ of *Session }

func (a accumulators) Running(action int, all []plan.StageUpdates) { a.of.graph.Running(action, all) }
func (a accumulators) Ended(action int, all []plan.StageUpdates)   { a.of.graph.Ended(action, all) }
func (a accumulators) Shown() []plan.Shown                         { return a.of.graph.Shown() }

// longLineage is from how many stages on a plan is so long that this is said.
const longLineage = 500

// adviseLong says once that plans grow long, where nothing cut them.
func (s *Session) adviseLong(a rdd.Action, stages int) {
	if stages < longLineage {
		return
	}
	s.long.Do(func() {
		text := fmt.Sprintf("%s (%s) is planned in %d stages, with all that came before: in a loop, Checkpoint or LocalCheckpoint in each tenth round or so keeps plans short",
			a.Op.Name, a.Call.Site, stages)
		if !s.checkpoints.possible() {
			text += ", and where there is a directory for checkpoints long lineage is cut unasked"
		}
		s.notice(text)
	})
}
