package rdd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// RunnerOptions are what a Runner needs of its surroundings.
type RunnerOptions struct {
	// Memory is the budget that all tasks share.
	Memory *shuffle.Memory
	// Blob gives the bytes of a blob that a plan names.
	Blob func(plan.Digest) ([]byte, error)
	// BlobPart opens the bytes between two offsets of a blob, which need not fit
	// into memory.
	BlobPart func(d plan.Digest, from, to int64) (io.ReadCloser, error)
	// Gather waits at the barrier that comes after round others of an attempt, and
	// gives what all tasks of its stage brought there, by partition; or why not.
	Gather func(ctx context.Context, attempt string, round int, message []byte) ([][]byte, error)
	// Block brings a block of a cached RDD that another executor keeps, for an attempt
	// whose task says that there is one: it names a file of package keptfile, which goes
	// with the attempt's scratch directory. Nil: there are no others.
	Block func(ctx context.Context, attempt string, b plan.Block) (path string, err error)
	// Input brings what an attempt was not given of a shuffle before it needed it: the
	// parts of a partition. Nil: all attempts are given everything.
	Input func(ctx context.Context, attempt string, of plan.StageKey, partition int) (parts []byte, f *plan.Failure)
	// CacheDir makes the directory for cached rows that are kept on disk, of this
	// runner alone, and names it; nil: there is none, and they are computed again.
	// What is in it goes with the process, or its owner removes it.
	CacheDir func() (string, error)
	// Disk gives the bytes that are free on the disk of a directory, and those of all
	// of it; nil: it is not known, and what is kept there takes what there is.
	Disk func(dir string) (free, size int64, err error)
	// Notice tells the user something once.
	Notice func(string)
	// Local finds operators that are not registered: the closures of this
	// process. Nil where there are none.
	Local func(plan.OpID) (*Op, bool)
	// Kernels says whether registered kernels are used; without them every
	// operator runs on its own. Tests compare the two.
	NoKernels bool
	// Strict fails tasks whose functions use the values of a group after they
	// returned, or change their With value, and clears batches that will be
	// filled again. It is for tests, and slow.
	Strict bool
}

// Runner runs tasks: it is the executor of a process. It may run many at once.
type Runner struct {
	o RunnerOptions

	envs    envs
	outputs outputs
	blocks  *blocks
	tables  *tables

	mu    sync.Mutex
	cover map[coverKey][]segment

	tasks   sync.Mutex
	running map[string]*progress // by attempt
	garbage garbage
}

// NewRunner makes a runner.
func NewRunner(o RunnerOptions) *Runner {
	r := &Runner{o: o, blocks: newBlocks(&o), tables: newTables(o.Memory), cover: map[coverKey][]segment{}, running: map[string]*progress{}}
	if o.Memory != nil {
		o.Memory.Reclaim(func(bytes int64) { r.blocks.reclaim(bytes - r.tables.reclaim(bytes)) })
	}
	return r
}

// Forget says that no RDD needs a shuffle any more, or the rows of a cached RDD. A
// task that still reads them does not mind.
func (r *Runner) Forget(key plan.StageKey) {
	r.outputs.drop(key)
	r.tables.drop(key)
	r.blocks.drop(key)
}

// Run runs one attempt of a stage. It never panics for the sake of user code:
// what that does wrong comes back as a failure that names its line.
func (r *Runner) Run(ctx context.Context, p *plan.Plan, stage *plan.Stage, spec *plan.Task) (res *plan.Result, fail *plan.Failure) {
	t := &Task{Context: ctx, done: ctx.Done(), spec: spec, stage: stage, plan: p, runner: r, adding: &adding{}}
	done := make(chan struct{})
	go func() { // one of its own, since user code may end it by runtime.Goexit
		defer close(done)
		room(0)
		r.blocks.relieve()
		t.attempt(&res, &fail)
	}()
	<-done
	r.garbage.left(t.mem.Peak())
	return res, fail
}

// room makes the goroutine's stack large enough for most tasks as long as there
// is nothing on it to be moved. Growing it in the middle of a task costs more
// than a task without rows.
//
//go:noinline
func room(i int) byte {
	var stack [12 << 10]byte
	return stack[i]
}

// attempt runs the task and cleans up. What came of it is not returned: when
// the goroutine ends, nothing is.
func (t *Task) attempt(res **plan.Result, fail **plan.Failure) {
	t.mem = t.runner.o.Memory.Open(t.spec.Attempt)
	defer t.mem.Close()
	defer t.runner.runs(t.spec.Attempt, &t.seen)()
	ended := false
	defer func() {
		if v := recover(); v != nil || !ended {
			*res, *fail = nil, t.recovered(v)
		}
		if *fail != nil && t.sink != nil {
			t.sink.abort()
		}
		t.endAside(*fail == nil)
	}()
	done, err := t.run()
	if err != nil {
		done, *fail = nil, t.failure(err)
	}
	if err == nil && t.runner.o.Strict {
		if *fail = t.changedEnv(); *fail != nil {
			done = nil
		}
	}
	*res, ended = done, true
}

// run does the task's work. What it leaves when it fails or panics, Run cleans
// up.
func (t *Task) run() (*plan.Result, error) {
	rows, feed, err := t.open()
	if err != nil {
		return nil, err
	}
	if err := rows(feed); err != nil {
		return nil, err
	}
	if t.failed != nil {
		return nil, errors.New(t.failed.Message)
	}
	if t.stopped() {
		return nil, context.Cause(t)
	}
	t.at = nil
	res := &plan.Result{}
	if err := t.sink.finish(res); err != nil {
		return nil, err
	}
	res.Counters = t.counters
	if res.Updates, err = t.updates(); err != nil {
		return nil, err
	}
	if err := t.keepAside(); err != nil {
		return nil, err
	}
	res.Kept, res.Evicted = t.runner.blocks.tell(t.blocks)
	return res, nil
}

// open builds the task's pipe from its sink backwards: the run that drives it,
// and what it is fed to.
func (t *Task) open() (Run, Feed, error) {
	ref := t.stage.Sink.Op
	op, env, err := t.resolve(ref)
	if err != nil {
		return nil, nil, err
	}
	sp, err := part[*SinkPart](op.bound(env), ref)
	if err != nil {
		return nil, nil, err
	}
	if t.sink, err = sp.open(t, &t.stage.Sink); err != nil {
		t.sink = nil
		return nil, nil, err
	}
	return t.pipe(&t.stage.Pipe, t.spec.Partition, 0, &end{op: ref, env: env, sink: t.sink})
}

// end is where a pipe leads: into a sink that kernels may end in, or, for a
// pipe inside a wide operator, to whoever reads it.
type end struct {
	op   plan.Op
	env  any
	sink sink
}

// limit is how many rows the sink wants of a task; 0 is no limit.
func (e *end) limit() int64 {
	if s, ok := e.sink.(interface{ wants() int64 }); ok {
		return s.wants()
	}
	return 0
}

// pipe opens one partition of a pipe: its source, and the feed that takes the
// source's batches through the operators into the end. Without an end the feed
// is nil and the run gives the rows of the last operator.
func (t *Task) pipe(p *plan.Pipe, partition, at int, e *end) (Run, Feed, error) {
	if p.Source.Union != nil {
		for i := range p.Source.Union {
			child := &p.Source.Union[i]
			if partition < child.N {
				return t.pipe(child, partition, at, e)
			}
			partition -= child.N
			at += len(child.FileSources())
		}
		return nil, nil, fmt.Errorf("partition %d is beyond the union's last", t.spec.Partition)
	}
	run, err := t.source(&p.Source, partition, at)
	if err != nil {
		return nil, nil, err
	}
	run = t.counted(p.Source.Op, run)
	segs, envs, err := t.segments(p, partition, e)
	if err != nil {
		return nil, nil, err
	}
	t.rowByRow = e != nil && p.Source.Files != nil && p.Source.Cached == nil && !slices.ContainsFunc(segs, func(s segment) bool { return s.across != nil })
	return t.connect(run, segs, envs, p.Ops, e)
}

// counted counts the rows that a source gives, and ends it when the task is
// cancelled. op is what runs when user code in the source fails.
func (t *Task) counted(op plan.Op, run Run) Run {
	return func(feed Feed) error {
		saved := t.at
		l := &link{ops: []plan.Op{op}}
		t.at = l
		err := run(func(b any) bool {
			rows := b.(batch).raw()
			t.counters.RowsIn += int64(len(rows.Rows))
			t.seen.rows.Store(t.counters.RowsIn)
			t.seen.source.Store(rows)
			ok := feed(b)
			t.at = l
			return ok && !t.stopped()
		})
		t.at = saved
		return err
	}
}

// source opens the source of a pipe.
func (t *Task) source(src *plan.Source, partition, at int) (Run, error) {
	op, env, err := t.resolve(src.Op)
	if err != nil {
		return nil, err
	}
	sp, err := part[*SourcePart](op.bound(env), src.Op)
	if err != nil {
		return nil, err
	}
	if src.Cached != nil {
		return t.cached(sp, src, partition, at)
	}
	return t.made(sp, src, partition, at)
}

// made opens a source that is not kept, or not any more.
func (t *Task) made(sp *SourcePart, src *plan.Source, partition, at int) (Run, error) {
	in := &Input{spec: src, partition: partition, adding: t.adding}
	if src.Cached != nil {
		var end func()
		in.adding, end = t.under()
		defer end()
	}
	var err error
	if src.Files != nil {
		if in.split, err = t.split(at, partition); err != nil {
			return nil, err
		}
	}
	for _, part := range src.Parts(partition) {
		open := func() (side, error) {
			defer t.into(in.adding)()
			return t.side(&src.Wide[part.Input], part.Partition, at+src.FilesBefore(part.Input))
		}
		if src.Coalesced != nil {
			in.sides = append(in.sides, later(open))
			continue
		}
		side, err := open()
		if err != nil {
			return nil, err
		}
		in.sides = append(in.sides, side)
	}
	return sp.open(t, in)
}

// Input is what a source reads.
type Input struct {
	spec      *plan.Source
	partition int
	split     *storage.Split
	sides     []side
	adding    *adding // what functions of the sides add to
}

// side is one input of a wide operator: a piece of map outputs of a shuffle, or
// the run of a pipe in this task.
type side struct {
	shuffle   plan.StageKey
	given     *plan.ShuffleInput
	own       bool
	partition int
	run       Run
}

// later gives a side that is opened when it is read: one of many, of which a task
// reads one after the other.
func later(open func() (side, error)) side {
	return side{run: func(feed Feed) error {
		s, err := open()
		if err != nil {
			return err
		}
		return s.run(feed)
	}}
}

func (t *Task) side(in *plan.Input, partition, at int) (side, error) {
	if in.Pipe != nil {
		run, _, err := t.pipe(in.Pipe, partition, at, nil)
		return side{run: run}, err
	}
	for i := range t.spec.Inputs {
		given := &t.spec.Inputs[i]
		if given.Stage == in.Shuffle && (given.Parts == nil && !given.Late || given.Partition == partition) {
			return side{shuffle: in.Shuffle, given: given, own: in.Own, partition: partition}, nil
		}
	}
	return side{}, fmt.Errorf("task has no input for shuffle %s", in.Shuffle)
}

// pieces gives what a side reads of a shuffle, which comes now if it has not yet.
func (t *Task) pieces(s *side) ([]shuffle.Input, error) {
	if s.given.Late {
		if t.runner.o.Input == nil {
			return nil, fmt.Errorf("task was not given its input of shuffle %s", s.shuffle)
		}
		parts, f := t.runner.o.Input(t, t.spec.Attempt, s.shuffle, s.given.Partition)
		if f != nil {
			return nil, &inputError{f}
		}
		s.given.Parts, s.given.Late = parts, false
	}
	parts, err := t.runner.parts(s.given, s.own, s.partition)
	if err != nil {
		return nil, fmt.Errorf("read the output list of shuffle %s: %w", s.shuffle, err)
	}
	return parts, nil
}

// inputError says why a task has not got its input. It is for the task as if it had
// been told so before it began.
type inputError struct{ why *plan.Failure }

func (e *inputError) Error() string { return e.why.Message }

// parts gives what a task reads of the outputs of a shuffle.
func (r *Runner) parts(given *plan.ShuffleInput, own bool, partition int) ([]shuffle.Input, error) {
	if given.Parts == nil {
		outputs, err := r.outputs.get(given.Stage, given.Outputs)
		if err != nil {
			return nil, err
		}
		if own {
			if partition >= len(outputs) {
				return nil, fmt.Errorf("there are %d outputs, and the task reads that of map %d", len(outputs), partition)
			}
			return []shuffle.Input{outputs[partition].decoded.Input(0)}, nil // which nobody else reads
		}
		inputs := make([]shuffle.Input, len(outputs))
		for i, o := range outputs {
			inputs[i] = o.input(partition)
		}
		return inputs, nil
	}
	parts, err := decode[[]shuffle.Part](given.Parts)
	if err != nil {
		return nil, err
	}
	inputs := make([]shuffle.Input, len(*parts))
	for i, p := range *parts {
		inputs[i] = p.Input()
	}
	return inputs, nil
}

func (t *Task) split(at, partition int) (*storage.Split, error) {
	for i := range t.spec.Splits {
		if s := &t.spec.Splits[i]; s.At == at && s.Partition == partition {
			s, err := decode[storage.Split](t.spec.Splits[i].Split)
			if err != nil {
				return nil, fmt.Errorf("read the task's split: %w", err)
			}
			return s, nil
		}
	}
	return nil, errors.New("task has no split for its input")
}

// resolve finds an operator and decodes its With value, once for all tasks of
// the process.
func (r *Runner) resolve(ref plan.Op) (*Op, any, error) {
	op, ok := registered.op(ref.ID)
	if !ok && r.o.Local != nil {
		op, ok = r.o.Local(ref.ID)
	}
	if !ok {
		return nil, nil, fmt.Errorf("%s (%s) is not in this binary: driver and executor are of different builds", ref.Name, ref.Site)
	}
	if ref.Part == savePart || ref.Part == savedPart {
		op = op.saving()
	}
	if op.env == nil {
		return op, nil, nil
	}
	if ref.Env == "" {
		return nil, nil, fmt.Errorf("%s (%s) takes a With value and the plan has none: driver and executor are of different builds", ref.Name, ref.Site)
	}
	env, err := r.envs.get(envKey{ref.ID, ref.Env}, r.o.Blob, op.env.decode)
	if err != nil {
		return nil, nil, fmt.Errorf("%s (%s): %w", ref.Name, ref.Site, err)
	}
	return op, env, nil
}

// removeAll is os.RemoveAll for clean-up paths, where the first error is the
// one to report.
func removeAll(paths ...string) {
	for _, p := range paths {
		_ = os.RemoveAll(p)
	}
}

func refs(ops []plan.Op, end *end) string {
	names := make([]string, 0, len(ops)+1)
	for _, op := range ops {
		names = append(names, op.Ref())
	}
	if end != nil {
		names = append(names, end.op.Ref())
	}
	return strings.Join(names, "\n")
}
