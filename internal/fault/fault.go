// Package fault makes tasks fail that would not: first attempts end before
// they begin, in the middle, or when all is done, and the outputs of map tasks
// are gone when they are read. Results must be what they are without.
package fault

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Attempts is how often a task may have to be tried because of faults alone.
const Attempts = 2

// Faults decides what fails, by a seed. It serves one session.
type Faults struct {
	seed uint64

	mu     sync.Mutex
	tried  map[string]bool
	lost   map[string]bool // shuffles
	losses map[string]int  // of stages that read them
	counts Counts
}

// Counts says what was made to fail.
type Counts struct {
	Before, Middle, After int // attempts
	Lost                  int // outputs of map tasks
}

// New returns faults of a seed.
func New(seed uint64) *Faults {
	return &Faults{seed: seed, tried: map[string]bool{}, lost: map[string]bool{}, losses: map[string]int{}}
}

// Counts returns what has failed so far.
func (f *Faults) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// Wrap gives an executor whose attempts fail.
func (f *Faults) Wrap(ex embedded.Executor) embedded.Executor { return &executor{ex, f} }

type executor struct {
	embedded.Executor
	f *Faults
}

// way is how an attempt fails.
type way int

const (
	not way = iota
	before
	middle
	after
	ways
)

var errFault = errors.New("fault injected by a test")

// Run runs an attempt, or what a fault leaves of it.
func (e *executor) Run(ctx context.Context, p *plan.Plan, st *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	e.f.lose(t)
	w := e.f.way(t)
	switch w {
	case not:
		return e.Executor.Run(ctx, p, st, t)
	case before:
		return nil, failure(st)
	case middle: // a task sees that it is cancelled after its first rows
		ended, end := context.WithCancelCause(ctx)
		end(errFault)
		ctx = ended
	}
	_, failed := e.Executor.Run(ctx, p, st, t)
	if failed != nil {
		return nil, failed
	}
	return nil, failure(st)
}

func failure(st *plan.Stage) *plan.Failure {
	return &plan.Failure{Class: plan.FailUser, Row: -1, Offset: -1, Message: fmt.Sprintf("%v in stage %s", errFault, st.Name)}
}

// way draws how the first attempt of a task fails. Others do not, nor those of
// a later action for the same stage, which counts failures on.
func (f *Faults) way(t *plan.Task) way {
	task := fmt.Sprint(t.Stage, "/", t.Partition)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tried[task] {
		return not
	}
	f.tried[task] = true
	w := way(f.draw(task) % uint64(ways))
	switch w {
	case before:
		f.counts.Before++
	case middle:
		f.counts.Middle++
	case after:
		f.counts.After++
	}
	return w
}

// draw gives a number that depends on the seed and a name alone.
func (f *Faults) draw(name string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, f.seed, name)
	return h.Sum64() >> 7
}

// most is how many outputs the tasks of a stage find gone: a stage that makes no
// progress, because its inputs are lost again and again, is given up.
const most = 2

// lose removes an output that the task is about to read, of each shuffle one.
func (f *Faults) lose(t *plan.Task) {
	for _, in := range t.Inputs {
		name := fmt.Sprint(in.Stage)
		if len(in.Outputs) > 0 && f.loses(fmt.Sprint(t.Action, t.Stage), name) {
			f.remove(in.Outputs[f.draw(name)%uint64(len(in.Outputs))])
		}
	}
}

// loses says whether a shuffle loses an output to a stage that reads it.
func (f *Faults) loses(reader, shuffle string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost[shuffle] || f.losses[reader] == most {
		return false
	}
	f.lost[shuffle] = true
	f.losses[reader]++
	return true
}

func (f *Faults) remove(encoded []byte) {
	var out shuffle.Output
	if msgpack.Unmarshal(encoded, &out) != nil || out.Bytes == 0 {
		return
	}
	if os.Remove(out.Path) == nil {
		f.mu.Lock()
		f.counts.Lost++
		f.mu.Unlock()
	}
}
