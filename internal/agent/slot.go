package agent

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// queue hands items to whoever waits for one. Putting never blocks.
type queue[T comparable] struct {
	mu     sync.Mutex
	some   sync.Cond
	items  []T
	next   int // the oldest item
	closed bool
}

func (q *queue[T]) init() { q.some.L = &q.mu }

func (q *queue[T]) put(x T) {
	q.mu.Lock()
	q.items = append(q.items, x)
	q.mu.Unlock()
	q.some.Signal()
}

// take waits for the oldest item; there is none any more once the queue is
// closed and empty.
func (q *queue[T]) take() (x T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.next == len(q.items) {
		q.items, q.next = q.items[:0], 0
		if q.closed {
			return x, false
		}
		q.some.Wait()
	}
	var zero T
	x, q.items[q.next] = q.items[q.next], zero
	q.next++
	return x, true
}

// remove takes an item out, if nobody has taken it.
func (q *queue[T]) remove(x T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := slices.Index(q.items[q.next:], x)
	if k < 0 {
		return false
	}
	q.items = slices.Delete(q.items, q.next+k, q.next+k+1)
	return true
}

func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.next
}

// list gives the items that nobody has taken, the oldest first.
func (q *queue[T]) list() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.items[q.next:])
}

func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}

// slot runs one attempt after the other. User code that leaves its goroutine
// takes the slot's along, so another one goes on.
func (a *Agent) slot(dir *scratch) {
	left := true
	defer func() {
		if left {
			a.slots.Go(func() { a.slot(dir) })
		}
	}()
	for {
		r, ok := a.queue.take()
		if !ok {
			break
		}
		a.attempt(r, dir)
	}
	left = false
	dir.remove()
}

// attempt runs one attempt and reports it, however it ends.
func (a *Agent) attempt(r *run, dir *scratch) {
	var res *plan.Result
	var f *plan.Failure
	ended := false
	defer func() {
		if !ended {
			res, f = nil, panicked(recover())
		}
		switch {
		case f != nil:
		case r.ctx.Err() != nil: // too late to count
			f = work.NewFailure(plan.FailKilled, "%v", context.Cause(r.ctx))
		case res == nil:
			f = work.NewFailure(plan.FailInfra, "executor gave neither result nor failure")
		}
		if f != nil {
			res = nil
			r.discard()
		}
		dir.clean()
		r.cancel(nil)
		a.o.Call(func() { a.done(r, res, f) })
	}()
	res, f = a.execute(r, dir)
	ended = true
}

func (a *Agent) execute(r *run, dir *scratch) (*plan.Result, *plan.Failure) {
	if r.ctx.Err() != nil {
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(r.ctx))
	}
	if a.o.May != nil {
		if f := a.o.May(); f != nil {
			return nil, f
		}
	}
	if a.o.Starts {
		a.o.Call(func() { a.o.Upstream.Report(model.TaskStarted{From: a.o.From, Attempt: r.id}) })
	}
	if err := a.o.MakeDir(); err != nil {
		return nil, noRoom(err)
	}
	t, f := r.task(dir)
	if f != nil {
		return nil, f
	}
	if a.o.Inputs != nil && len(r.inputs) > 0 {
		in := make([]Input, len(r.inputs))
		for i, x := range r.inputs {
			in[i] = Input{Key: x.key, Epoch: x.epoch, Outputs: x.outputs}
		}
		done, f := a.o.Inputs(r.ctx, r.launch, t, in)
		if f != nil {
			return nil, f
		}
		defer done()
	}
	return a.o.Executor.Run(r.ctx, r.launch, t)
}

// task is the attempt with everything that an executor needs.
func (r *run) task(dir *scratch) (*plan.Task, *plan.Failure) {
	l := r.launch
	t := &plan.Task{Action: l.Action, Stage: l.Stage.Key, Gen: int(r.id.Gen), Partition: r.id.Partition,
		Attempt: r.name, Values: r.values, Store: r.store.path, Held: r.held}
	t.Blocks = r.away
	for _, read := range l.Reads {
		if read.Gen > 0 {
			t.Gens = append(t.Gens, plan.StageGen{Stage: read.Key, Gen: int(read.Gen)})
		}
	}
	for _, in := range r.inputs {
		t.Inputs = append(t.Inputs, plan.ShuffleInput{Stage: in.key, Outputs: in.encoded})
	}
	var err error
	if t.Splits, err = l.Splits(t.Partition); err != nil {
		return nil, work.NewFailure(plan.FailInfra, "%v", err)
	}
	if err := r.store.make(); err != nil {
		return nil, noRoom(err)
	}
	if t.Scratch, err = dir.get(); err != nil {
		return nil, noRoom(err)
	}
	if l.Stage.Sink.Staged {
		if t.Staged, err = r.stagedFile(); err != nil {
			return nil, noRoom(err)
		}
	}
	return t, nil
}

// noRoom is the failure for a directory that cannot be made.
func noRoom(err error) *plan.Failure {
	f := work.NewFailure(plan.FailResource, "%v", err)
	var pe *os.PathError
	var se *storage.PathError
	switch {
	case errors.As(err, &pe):
		f.Path = pe.Path
	case errors.As(err, &se):
		f.Path = se.Path
	}
	return f
}

// make makes the directory once.
func (p *place) make() error {
	if p.made.has(p.path) {
		return nil
	}
	if err := os.MkdirAll(p.path, 0o700); err != nil {
		return err
	}
	p.made.add(p.path)
	return nil
}

// dirs are directories that are there. It is safe for concurrent use.
type dirs struct {
	mu   sync.Mutex
	made map[string]bool
}

func (d *dirs) has(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made[dir]
}

func (d *dirs) add(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil {
		d.made = map[string]bool{}
	}
	d.made[dir] = true
}

// stagedFile names the file that an attempt writes, in a directory that is made
// once for each generation, unless the action has ended and was cleared away.
func (r *run) stagedFile() (string, error) {
	out, err := work.Committer(r.launch.Action, r.launch.Plan.Output)
	if err != nil {
		return "", err
	}
	by := work.StagedBy(r.id)
	dir := storage.Join(out.Staging(), strconv.Itoa(int(r.id.Gen)))
	if !r.store.made.has(dir) {
		if err := out.MakeRoom(r.ctx, by); err != nil {
			return "", err
		}
		r.store.made.add(dir)
	}
	return out.AttemptPath(by), nil
}

// discard removes what an attempt that does not count left behind.
func (r *run) discard() {
	removeNamed(r.store.path, r.name)
	if !r.launch.Stage.Sink.Staged {
		return
	}
	if out, err := work.Committer(r.launch.Action, r.launch.Plan.Output); err == nil {
		_ = out.Discard(context.WithoutCancel(r.ctx), work.StagedBy(r.id))
	}
}

// scratch is a slot's directory for attempts. One that an attempt left empty
// serves the next, which saves most of them the making.
type scratch struct {
	base string
	slot int
	n    int
	path string   // "": none is there
	file *os.File // the directory itself, open to look into it
}

func (s *scratch) get() (string, error) {
	if s.path != "" {
		return s.path, nil
	}
	s.n++
	path := filepath.Join(s.base, strconv.Itoa(s.slot)+"-"+strconv.Itoa(s.n))
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	s.path, s.file = path, f
	return path, nil
}

// clean removes the directory if anything is in it.
func (s *scratch) clean() {
	if s.path == "" {
		return
	}
	_, err := s.file.Seek(0, io.SeekStart)
	if err == nil {
		_, err = s.file.Readdirnames(1)
	}
	if !errors.Is(err, io.EOF) {
		s.remove()
	}
}

func (s *scratch) remove() {
	if s.path == "" {
		return
	}
	_ = s.file.Close()
	_ = os.RemoveAll(s.path)
	s.path, s.file = "", nil
}
