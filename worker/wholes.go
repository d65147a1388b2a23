package worker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// wholes are shuffles of which every task reads all, as the small sides of joins. What
// other machines have of them is fetched once, and stays for the tasks to come until
// nobody needs the shuffle.
type wholes struct {
	mu   sync.Mutex
	all  map[wholeKey]*whole
	made int // so far, by which files are named
}

// wholeKey names what is read: of which outputs, where these were, in which try of its
// readers. One that could not be read is not read again. Parts may be files of another
// worker of this machine, which go with it when its outputs have moved.
type wholeKey struct {
	job     plan.JobID
	shuffle plan.StageKey
	outputs string
	try     int
}

// whole is a shuffle on this machine.
type whole struct {
	ready chan struct{} // closed when it is there, or failed
	parts []shuffle.Part
	files []string
	err   error
	users int
	gone  bool // nobody looks for it any more
}

// wholeOf names what a launch reads of a shuffle.
func wholeOf(l *work.Launch, key plan.StageKey, outputs []model.MapOutput) wholeKey {
	var of []byte
	for i := range outputs {
		o := &outputs[i]
		of = fmt.Appendf(of, "%d.%d %q %q ", o.Attempt.Term, o.Attempt.Seq, o.Worker, o.Store)
	}
	return wholeKey{l.Action.Job, key, string(of), l.Try}
}

// get gives the parts of a shuffle, which fetch brings to files of the name that it is
// given if nobody has. done must follow.
func (ws *wholes) get(ctx context.Context, key wholeKey, fetch func(name string) ([]shuffle.Part, []string, error)) (parts []shuffle.Part, done func(), err error) {
	for {
		w, name := ws.use(key)
		done := func() { ws.leave(w) }
		if name != "" {
			w.parts, w.files, w.err = fetch(name)
			if w.err != nil {
				ws.forget(func(k wholeKey) bool { return ws.all[k] == w })
			}
			close(w.ready)
			if w.err != nil {
				done()
			}
			return w.parts, done, w.err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			done()
			return nil, nil, context.Cause(ctx)
		}
		if w.err == nil {
			return w.parts, done, nil
		}
		done() // perhaps it was only that task that ended
	}
}

// use finds a shuffle, or gives the name of the files to which the caller is to bring it.
func (ws *wholes) use(key wholeKey) (w *whole, name string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[wholeKey]*whole{}
	}
	w = ws.all[key]
	if w == nil {
		ws.made++
		w, name = &whole{ready: make(chan struct{})}, fmt.Sprintf("whole-%d", ws.made)
		ws.all[key] = w
	}
	w.users++
	return w, name
}

func (ws *wholes) leave(w *whole) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.users--; w.users == 0 && w.gone {
		w.remove()
	}
}

// drop forgets shuffles that nobody needs.
func (ws *wholes) drop(m model.Drop) {
	ws.forget(func(k wholeKey) bool { return k.job == m.Job && (m.All || slices.Contains(m.Keys, k.shuffle)) })
}

// forget has nobody find some shuffles any more. The last who reads one removes it.
func (ws *wholes) forget(gone func(wholeKey) bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for key, w := range ws.all {
		if !gone(key) {
			continue
		}
		delete(ws.all, key)
		if w.gone = true; w.users == 0 {
			w.remove()
		}
	}
}

func (w *whole) remove() {
	for _, path := range w.files {
		_ = os.Remove(path) // what stays, the next worker in the directory removes
	}
}
