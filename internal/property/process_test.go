package property

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/worker/process"
)

// context is what a mode's session and actions run under.
func (r *runner) context(m mode) (ctx context.Context, stop func() error) {
	summed := func(x embedded.Executor) embedded.Executor { return summing{x, r.sums} }
	if !m.process {
		return embedded.WithTrial(r.t.Context(), embedded.Trial{Wrap: summed}), func() error { return nil }
	}
	x := &remote{dir: r.dir(), plans: map[*plan.Plan]*work.Plan{}}
	path, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	x.process, err = process.Start(r.t.Context(), process.Options{Path: path, Env: os.Environ(), Code: rdd.Code(), Blob: x.blob, Input: x.input, Log: os.Stderr,
		Gather: func(ctx context.Context, attempt string, round int, data []byte) ([][]byte, error) {
			return x.engine.Gather(ctx, attempt, round, data)
		},
		Wire: wire.Options{Memory: m.options.Memory, Scratch: r.dir(), Fresh: true, Executor: true}})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx = embedded.WithTrial(r.t.Context(), embedded.Trial{Wrap: summed, Executor: func(e *embedded.Engine) embedded.Executor {
		x.engine = e
		return x
	}})
	return ctx, func() error {
		x.process.Stop()
		if e := x.process.Exit(); e.Code != 0 {
			return fmt.Errorf("the executor ended badly: %s", e)
		}
		return nil
	}
}

// remote is an executor that hands its tasks to another process of the test's
// program, which has nothing of this one but files.
type remote struct {
	process *process.Process
	engine  *embedded.Engine
	dir     string
	late    sync.Map // by *plan.Task

	mu    sync.Mutex
	plans map[*plan.Plan]*work.Plan
}

func (x *remote) Run(ctx context.Context, p *plan.Plan, st *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	x.mu.Lock()
	if len(x.plans) > 100 {
		clear(x.plans)
	}
	w := x.plans[p]
	if w == nil {
		w = &work.Plan{Plan: p}
		x.plans[p] = w
	}
	x.mu.Unlock()
	sent := *t
	if err := x.partsOnly(st, &sent); err != nil {
		return nil, work.NewFailure(plan.FailInfra, "%v", err)
	}
	defer x.late.Delete(&sent)
	return x.process.Run(ctx, &work.Launch{Plan: w, Stage: st}, &sent)
}

func (x *remote) Forget(key plan.StageKey) { x.process.ForgetStages([]plan.StageKey{key}) }

// partsOnly replaces the outputs that a task reads by what it reads of them, and keeps
// what it may not need until it asks.
func (x *remote) partsOnly(st *plan.Stage, t *plan.Task) error {
	given := t.Inputs
	t.Inputs = nil
	var late []plan.ShuffleInput
	for _, read := range st.Pipe.ShuffleReads(t.Partition) {
		for _, in := range given {
			if in.Stage != read.Shuffle {
				continue
			}
			outputs, piece := in.Outputs, read.Partition
			if read.Own {
				outputs, piece = outputs[piece:piece+1], 0
			}
			list := make([]shuffle.Part, len(outputs))
			for i, b := range outputs {
				var out shuffle.Output
				if err := msgpack.Unmarshal(b, &out); err != nil {
					return err
				}
				list[i] = out.Part(piece)
			}
			b, err := msgpack.Marshal(list)
			if err != nil {
				return err
			}
			in := plan.ShuffleInput{Stage: in.Stage, Parts: b, Partition: read.Partition}
			if read.Late {
				late = append(late, in)
				in.Parts, in.Late = nil, true
			}
			t.Inputs = append(t.Inputs, in)
		}
	}
	x.late.Store(t, late)
	return nil
}

// input gives a task what was kept for it.
func (x *remote) input(t *plan.Task, of plan.StageKey, partition int) ([]byte, *plan.Failure) {
	late, _ := x.late.Load(t)
	for _, in := range late.([]plan.ShuffleInput) {
		if in.Stage == of && in.Partition == partition {
			return in.Parts, nil
		}
	}
	return nil, work.NewFailure(plan.FailInfra, "nothing was kept of %s", of)
}

// blob puts a blob into a file for the other process.
func (x *remote) blob(_ context.Context, d plan.Digest) (string, error) {
	b, err := x.engine.Blob(d)
	if err != nil {
		return "", err
	}
	path := filepath.Join(x.dir, string(d))
	return path, os.WriteFile(path, b, 0o600)
}
