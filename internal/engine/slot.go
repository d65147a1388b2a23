package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// queue hands items to whoever waits for one. Putting never blocks.
type queue[T any] struct {
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

func (q *queue[T]) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}

// slot runs one attempt after the other. User code that leaves its goroutine
// takes the slot's along, so another one goes on.
func (w *worker) slot(dir *scratch) {
	left := true
	defer func() {
		if left {
			w.slots.Go(func() { w.slot(dir) })
		}
	}()
	for {
		r, ok := w.queue.take()
		if !ok {
			break
		}
		w.attempt(r, dir)
	}
	left = false
	dir.remove()
}

// attempt runs one attempt and reports it, however it ends.
func (w *worker) attempt(r *run, dir *scratch) {
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
			f = newFailure(plan.FailKilled, "%v", context.Cause(r.ctx))
		case res == nil:
			f = newFailure(plan.FailInfra, "executor gave neither result nor failure")
		}
		if f != nil {
			res = nil
			r.discard()
		}
		dir.clean()
		r.cancel(nil)
		w.e.loop.call(func() model.Event { return w.done(r, res, f) })
	}()
	res, f = w.execute(r, dir)
	ended = true
}

func (w *worker) execute(r *run, dir *scratch) (*plan.Result, *plan.Failure) {
	if r.ctx.Err() != nil {
		return nil, newFailure(plan.FailKilled, "%v", context.Cause(r.ctx))
	}
	t, f := r.task(dir)
	if f != nil {
		return nil, f
	}
	return w.ex.Run(r.ctx, r.stage.action.plan, r.stage.plan, t)
}

// task is the attempt with everything that an executor needs.
func (r *run) task(dir *scratch) (*plan.Task, *plan.Failure) {
	st := r.stage
	t := &plan.Task{Action: st.action.id, Stage: st.plan.Key, Gen: int(r.id.Gen), Partition: r.id.Partition,
		Attempt: r.name, Values: r.values, Store: r.store}
	for _, in := range r.inputs {
		t.Inputs = append(t.Inputs, plan.ShuffleInput{Stage: in.key, Outputs: in.encoded})
	}
	var err error
	if t.Splits, err = splitsOf(st.plan, st.files, st.action.found, t.Partition); err != nil {
		return nil, newFailure(plan.FailInfra, "%v", err)
	}
	if err := st.makeStore(r.store); err != nil {
		return nil, noRoom(err)
	}
	if t.Scratch, err = dir.get(); err != nil {
		return nil, noRoom(err)
	}
	if st.plan.Sink.Staged {
		if t.Staged, err = st.stagedFile(r.id); err != nil {
			return nil, noRoom(err)
		}
	}
	return t, nil
}

// noRoom is the failure for a directory that cannot be made.
func noRoom(err error) *plan.Failure {
	f := newFailure(plan.FailResource, "%v", err)
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

// makeStore makes the directory once.
func (s *stage) makeStore(dir string) error {
	if s.made.has(dir) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s.made.add(dir)
	return nil
}

// stagedFile names the file that an attempt writes, in a directory that is made
// once for each generation.
func (s *stage) stagedFile(id model.AttemptID) (string, error) {
	out := s.action.out
	dir := storage.Join(out.Staging(), strconv.Itoa(int(id.Gen)))
	if !s.made.has(dir) {
		fs, path, err := storage.Lookup(dir)
		if err != nil {
			return "", err
		}
		if err := fs.MkdirAll(s.action.ctx, path); err != nil {
			return "", err
		}
		s.made.add(dir)
	}
	return out.AttemptPath(attemptOf(id)), nil
}

// discard removes what an attempt that does not count left behind.
func (r *run) discard() {
	removeNamed(r.store, r.name)
	if a := r.stage.action; a.out != nil && r.stage.plan.Sink.Staged {
		_ = a.out.Discard(context.WithoutCancel(a.ctx), attemptOf(r.id))
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
