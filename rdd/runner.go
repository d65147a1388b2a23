package rdd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

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
	// Local finds operators that are not registered: the closures of this
	// process. Nil where there are none.
	Local func(plan.OpID) (*Op, bool)
	// Kernels says whether registered kernels are used; without them every
	// operator runs on its own. Tests compare the two.
	NoKernels bool
}

// Runner runs tasks: it is the executor of a process. It may run many at once.
type Runner struct {
	o RunnerOptions

	mu    sync.Mutex
	envs  map[envKey]any
	cover map[coverKey][]segment
}

type envKey struct {
	op     plan.OpID
	digest plan.Digest
}

// NewRunner makes a runner.
func NewRunner(o RunnerOptions) *Runner {
	return &Runner{o: o, envs: map[envKey]any{}, cover: map[coverKey][]segment{}}
}

// Run runs one attempt of a stage. It never panics for the sake of user code:
// what that does wrong comes back as a failure that names its line.
func (r *Runner) Run(ctx context.Context, p *plan.Plan, stage *plan.Stage, spec *plan.Task) (res *plan.Result, fail *plan.Failure) {
	t := &Task{Context: ctx, done: ctx.Done(), spec: spec, stage: stage, plan: p, runner: r}
	t.mem = r.o.Memory.Open(spec.Attempt)
	defer t.mem.Close()
	var out sink
	ended := false
	defer func() {
		if v := recover(); v != nil || !ended && fail == nil && res == nil {
			fail = t.recovered(v)
		}
		if fail != nil {
			res = nil
			if out != nil && !ended {
				out.abort()
			}
		}
		if err := t.keepAside(fail == nil); err != nil && fail == nil {
			res, fail = nil, t.failure(err)
		}
	}()
	run, out, err := t.open()
	if err == nil {
		err = run()
	}
	if err == nil && t.stopped() {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, t.failure(err)
	}
	ended = true
	res = &plan.Result{}
	if err := out.finish(res); err != nil {
		return nil, t.failure(err)
	}
	res.Counters = t.counters
	return res, nil
}

// open builds the task's pipe from its sink backwards, and gives the function
// that drives it.
func (t *Task) open() (run func() error, out sink, err error) {
	ref := t.stage.Sink.Op
	sinkOp, env, err := t.runner.resolve(ref)
	if err != nil {
		return nil, nil, err
	}
	sp, err := part[*SinkPart](sinkOp.bound(env), ref)
	if err != nil {
		return nil, nil, err
	}
	if out, err = sp.open(t, &t.stage.Sink); err != nil {
		return nil, nil, err
	}
	rows, feed, err := t.pipe(&t.stage.Pipe, t.spec.Partition, 0, &end{op: ref, env: env, sink: out})
	if err != nil {
		return nil, out, err
	}
	return func() error { return rows(feed) }, out, nil
}

// end is where a pipe leads: into a sink that kernels may end in, or, for a
// pipe inside a wide operator, to whoever reads it.
type end struct {
	op   plan.Op
	env  any
	sink sink
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
	run = t.counted(run)
	segs, envs, err := t.runner.segments(p, e)
	if err != nil {
		return nil, nil, err
	}
	return t.connect(run, segs, envs, p.Ops, e)
}

// counted counts the rows that a source gives, and ends it when the task is
// cancelled.
func (t *Task) counted(run Run) Run {
	return func(feed Feed) error {
		return run(func(b any) bool {
			t.counters.RowsIn += int64(b.(batch).size())
			return feed(b) && !t.stopped()
		})
	}
}

// source opens the source of a pipe.
func (t *Task) source(src *plan.Source, partition, at int) (Run, error) {
	op, env, err := t.runner.resolve(src.Op)
	if err != nil {
		return nil, err
	}
	sp, err := part[*SourcePart](op.bound(env), src.Op)
	if err != nil {
		return nil, err
	}
	in := &Input{spec: src, partition: partition}
	if src.Files != nil {
		if in.split, err = t.split(at); err != nil {
			return nil, err
		}
	}
	for i := range src.Wide {
		side, err := t.side(&src.Wide[i], partition, at)
		if err != nil {
			return nil, err
		}
		if p := src.Wide[i].Pipe; p != nil {
			at += len(p.FileSources())
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
}

// side is one input of a wide operator: the map outputs of a shuffle, or the
// run of a pipe in this task.
type side struct {
	shuffle plan.StageKey
	outputs []*shuffle.Output
	run     Run
}

func (t *Task) side(in *plan.Input, partition, at int) (side, error) {
	if in.Pipe != nil {
		run, _, err := t.pipe(in.Pipe, partition, at, nil)
		return side{run: run}, err
	}
	s := side{shuffle: in.Shuffle}
	for i := range t.spec.Inputs {
		if t.spec.Inputs[i].Stage != in.Shuffle {
			continue
		}
		for _, b := range t.spec.Inputs[i].Outputs {
			out := new(shuffle.Output)
			if err := msgpack.Unmarshal(b, out); err != nil {
				return s, fmt.Errorf("read the output list of shuffle %s: %w", in.Shuffle, err)
			}
			s.outputs = append(s.outputs, out)
		}
		return s, nil
	}
	return s, fmt.Errorf("task has no input for shuffle %s", in.Shuffle)
}

func (t *Task) split(at int) (*storage.Split, error) {
	for i := range t.spec.Splits {
		if t.spec.Splits[i].At == at {
			s := new(storage.Split)
			if err := msgpack.Unmarshal(t.spec.Splits[i].Split, s); err != nil {
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
	if ref.Env == "" || op.env == nil {
		return op, nil, nil
	}
	key := envKey{ref.ID, ref.Env}
	r.mu.Lock()
	env, ok := r.envs[key]
	r.mu.Unlock()
	if ok {
		return op, env, nil
	}
	b, err := r.o.Blob(ref.Env)
	if err != nil {
		return nil, nil, fmt.Errorf("%s (%s): fetch the With value: %w", ref.Name, ref.Site, err)
	}
	if env, err = op.env.decode(b); err != nil {
		return nil, nil, fmt.Errorf("%s (%s): decode the With value: %w", ref.Name, ref.Site, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.envs) >= maxEnvs {
		clear(r.envs)
	}
	r.envs[key] = env
	return op, env, nil
}

// maxEnvs bounds how many decoded With values are kept. A loop makes one a
// round and needs only the last.
const maxEnvs = 64

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
