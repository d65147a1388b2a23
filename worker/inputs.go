package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/agent"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/worker/transfer"
)

// peers are the other workers.
type peers struct {
	mu sync.Mutex
	m  map[plan.WorkerID]msg.Peer
}

func (p *peers) set(peer msg.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.m[peer.Worker] = peer
}

func (p *peers) get(id plan.WorkerID) msg.Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m[id]
}

// inputs makes parts in files of this machine of what a task reads of shuffles:
// those of workers of this machine as they are, those of others fetched. What the task
// may have no use for comes when it asks.
func (w *Worker) inputs(ctx context.Context, l *work.Launch, t *plan.Task, in []agent.Input) (done func(), f *plan.Failure) {
	g := &gathering{w: w, job: l.Action.Job, attempt: t.Attempt, dir: t.Scratch, name: "fetched", told: time.Now()}
	t.Inputs = nil
	var late []lateInput
	for _, read := range l.Stage.Pipe.ShuffleReads(t.Partition) {
		for _, from := range in {
			if from.Key != read.Shuffle {
				continue
			}
			given := plan.ShuffleInput{Stage: from.Key, Partition: read.Partition, Late: read.Late}
			if read.Late {
				late = append(late, lateInput{from, read})
			} else if given.Parts, f = g.parts(ctx, l, from, read); f != nil {
				g.close()
				return nil, f
			}
			t.Inputs = append(t.Inputs, given)
		}
	}
	if len(late) == 0 {
		return g.close, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	return w.late.add(t, &lateInputs{ctx: ctx, cancel: cancel, g: g, l: l, in: late}), nil
}

// gathering collects what one task reads.
type gathering struct {
	w       *Worker
	job     plan.JobID
	attempt string
	told    time.Time // that it gets on
	dir     string
	name    string // of files there
	fetches []*transfer.Fetch
	files   []string
	shared  []func() // to be done with
}

func (g *gathering) close() {
	for _, done := range g.shared {
		done()
	}
	for _, f := range g.fetches {
		_ = f.Close()
	}
	for _, path := range g.files {
		_ = os.Remove(path)
	}
}

// parts gives the encoded parts of what a task reads of a shuffle, or the failure of the
// task that cannot have them.
func (g *gathering) parts(ctx context.Context, l *work.Launch, in agent.Input, read plan.ShuffleRead) ([]byte, *plan.Failure) {
	parts, err := g.read(ctx, l, in, read)
	if err != nil {
		return nil, g.failure(ctx, in, err)
	}
	b, err := msgpack.Marshal(parts)
	if err != nil {
		return nil, g.failure(ctx, in, err)
	}
	return b, nil
}

// read gives the parts of what a task reads of a shuffle. What all tasks read whole is
// brought here by one of them.
func (g *gathering) read(ctx context.Context, l *work.Launch, in agent.Input, read plan.ShuffleRead) ([]shuffle.Part, error) {
	if !read.Whole {
		return g.shuffle(ctx, in, read)
	}
	parts, done, err := g.w.wholes.get(ctx, wholeOf(l, in.Key, in.Outputs), func(name string) ([]shuffle.Part, []string, error) {
		all := &gathering{w: g.w, job: g.job, attempt: g.attempt, dir: filepath.Join(g.w.o.Dir, "fetched"), name: name, told: g.told}
		parts, err := all.shuffle(ctx, in, read)
		files := all.files
		if err == nil {
			all.files = nil // they stay
		}
		all.close()
		return parts, files, err
	})
	if err == nil {
		g.shared = append(g.shared, done)
	}
	return parts, err
}

// shuffle gives the parts of one partition of a shuffle, in map order.
func (g *gathering) shuffle(ctx context.Context, in agent.Input, read plan.ShuffleRead) ([]shuffle.Part, error) {
	partition := read.Partition
	if read.Own {
		if partition >= len(in.Outputs) {
			return nil, fmt.Errorf("there are %d outputs, and the task reads that of map %d", len(in.Outputs), partition)
		}
		in.Outputs, partition = in.Outputs[partition:partition+1], 0
	}
	parts := make([]shuffle.Part, len(in.Outputs))
	var away []int // of in.Outputs
	var sources []transfer.Source
	for i := range in.Outputs {
		o := &in.Outputs[i]
		if out := g.w.store.local(o.Attempt); out != nil {
			parts[i] = out.Part(partition)
			continue
		}
		var out shuffle.Output
		if err := decode(o.Output, &out); err != nil {
			return nil, fmt.Errorf("output of map %d: %w", o.Partition, err)
		}
		parts[i] = out.Part(partition)
		if parts[i].Input().Bytes() == 0 {
			continue
		}
		peer := g.w.peers.get(o.Worker)
		if g.w.o.Machine != "" && peer.Machine == g.w.o.Machine && readable(parts[i]) {
			continue
		}
		away = append(away, i)
		sources = append(sources, transfer.Source{Attempt: o.Attempt, Worker: o.Worker, Store: o.Store, Addr: peer.Address,
			Shuffle: out.Shuffle, Size: parts[i].Input().Bytes()})
	}
	if len(away) == 0 {
		return parts, nil
	}
	fetch, err := g.w.fetch.Fetch(ctx, transfer.Request{Job: g.job, From: uint32(partition), To: uint32(partition) + 1, Epoch: in.Epoch, Sources: sources})
	if err != nil {
		return nil, err
	}
	g.fetches = append(g.fetches, fetch)
	return parts, g.collect(fetch, in, away, parts)
}

// readable says whether a part that another worker of this machine names can be
// read as a file. Who reads it checks that it is what the task asks for, as with a
// file of this worker's own.
func readable(p shuffle.Part) bool {
	end := int64(0)
	for _, r := range p.Ranges {
		end = max(end, r[1])
	}
	info, err := os.Lstat(p.Path) // before it is opened: a pipe would wait for its writer
	if err != nil || !info.Mode().IsRegular() || info.Size() < end {
		return false
	}
	f, err := os.Open(p.Path)
	return err == nil && f.Close() == nil
}

// collect puts what is fetched where an executor can open it: into one file for
// all, since those of a fetch have no names.
func (g *gathering) collect(fetch *transfer.Fetch, in agent.Input, away []int, parts []shuffle.Part) (err error) {
	var file *os.File
	var end int64
	defer func() {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	for i, at := range away {
		part, err := fetch.Part(i)
		if err != nil {
			return err
		}
		p := &parts[at]
		if file == nil {
			path := filepath.Join(g.dir, fmt.Sprintf("%s-%d", g.name, len(g.files)))
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
				return err
			}
			g.files = append(g.files, path)
		}
		n, err := file.ReadFrom(part)
		if err != nil {
			return err
		}
		g.gotOn()
		p.Path, p.Ranges = file.Name(), ranges(part.Lens, end)
		end += n
		if err := part.Close(); err != nil {
			return err
		}
	}
	return nil
}

// gotOn says now and then that the task gets on, though it has not begun with a row.
func (g *gathering) gotOn() {
	if time.Since(g.told) < plan.ProgressEvery {
		return
	}
	g.told = time.Now()
	g.w.call(func() { g.w.agent.Progress(g.job, []plan.Progress{{Attempt: g.attempt}}) })
}

// ranges says where the segments of a partition are that follow one another from
// an offset on.
func ranges(lens [][]int64, at int64) [][2]int64 {
	r := make([][2]int64, len(lens))
	for seg := range lens {
		n := lens[seg][0]
		r[seg] = [2]int64{at, at + n}
		at += n
	}
	return r
}

// failure is why a task has not got its input.
func (g *gathering) failure(ctx context.Context, in agent.Input, err error) *plan.Failure {
	var te *transfer.Error
	switch {
	case ctx.Err() != nil:
		return work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	case errors.As(err, &te):
		f := work.NewFailure(plan.FailFetch, "%v", err)
		f.Fetch = &plan.FetchSource{Stage: in.Key, Map: te.Source.Attempt.Partition, Way: ways[te.FetchSource().Cause], Cause: te.Cause.String()}
		return f
	}
	return work.NewFailure(plan.FailInfra, "%v", err)
}

var ways = map[model.FetchCause]plan.FetchWay{model.FetchCorrupt: plan.FetchCorrupt, model.FetchMissing: plan.FetchMissing,
	model.FetchRefused: plan.FetchRefused, model.FetchTimeout: plan.FetchTimeout}
