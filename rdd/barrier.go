package rdd

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/gordd-project/gordd/rdd/plan"
)

// BarrierTask is the task of a function whose stage runs all its tasks at once,
// so that they can wait for one another. All of them make the same calls in the
// same order: a task that others wait for in vain fails them all. What it says
// of an error it says by ending the task: a call that does not succeed does not
// return. Like Task it belongs to the goroutine that runs the task, and no call
// is made when the function's sequence has ended.
type BarrierTask struct {
	*Task
	nth  byte // of those that the task has, from the pipe's end on
	over atomic.Bool
}

// MaxBarrierMessage is how much a task may bring to AllGather, in bytes.
const MaxBarrierMessage = 64 << 10

// barrierCall is what a task calls at a barrier. The numbers travel.
type barrierCall byte

const (
	callBarrier   barrierCall = 1
	callAllGather barrierCall = 2
)

func (c barrierCall) String() string {
	switch c {
	case callBarrier:
		return "Barrier"
	case callAllGather:
		return "AllGather"
	}
	return "a call of another release"
}

// Barrier waits until all tasks of the stage have called it.
func (t *BarrierTask) Barrier() { t.meet(callBarrier, nil) }

// AllGather waits until all tasks of the stage have called it, and gives what
// each of them brought, by partition: as many messages as there are tasks. They
// are the caller's. A message has no more than MaxBarrierMessage bytes, and
// those of all tasks together no more than 8 MiB.
func (t *BarrierTask) AllGather(message []byte) [][]byte { return t.meet(callAllGather, message) }

// meet waits for the others. What is in front of each message tells calls of
// tasks that are not at the same place apart, which would otherwise take one for
// the other.
func (t *BarrierTask) meet(call barrierCall, message []byte) [][]byte {
	if t.over.Load() {
		panic(fmt.Sprintf("%s is called when its function has ended", call))
	}
	if n := len(message); n > MaxBarrierMessage {
		t.fail(call, fmt.Errorf("a message of %d bytes; the most is %d: bring less, or shuffle it", n, MaxBarrierMessage))
	}
	head := []byte{byte(call), t.nth}
	all, err := t.runner.o.Gather(t, t.spec.Attempt, t.round, append(head, message...))
	if err != nil {
		t.fail(call, err)
	}
	t.round++
	out := make([][]byte, len(all))
	for i, b := range all {
		if len(b) < len(head) {
			t.fail(call, errors.New("driver and executor are of different builds"))
		}
		theirs := barrierCall(b[0]).String()
		if b[1] != t.nth {
			theirs += " of another operator"
		}
		if b[0] != head[0] || b[1] != head[1] {
			t.fail(call, fmt.Errorf("the task of partition %d is at another call, %s: all tasks make the same calls in the same order", i, theirs))
		}
		out[i] = slices.Clone(b[len(head):])
	}
	return out
}

// fail ends the task.
func (t *BarrierTask) fail(call barrierCall, err error) {
	f := t.failure(fmt.Errorf("%s: %w", call, err))
	if t.at != nil && len(t.at.ops) > 0 && f.Op == "" {
		f.Op = opName(t.at.ops[0])
	}
	t.failed = f
	t.leave(err)
}

// MapPartitionsWithBarrierOp is MapPartitionsOp for a function whose tasks wait
// for one another: all tasks of its stage run at once.
func MapPartitionsWithBarrierOp[T, U any](f func(*BarrierTask, iter.Seq[T]) iter.Seq[U]) *Op {
	rows := across(func(t *Task, _ place, rows iter.Seq[T]) iter.Seq[U] { return f(t.barriers[len(t.barriers)-1], rows) })
	return one("MapPartitionsWithBarrier", f, &Across{barrier: true, run: func(t *Task, at place, in Run, next Feed) error {
		b := &BarrierTask{Task: t, nth: byte(len(t.barriers))}
		t.barriers = append(t.barriers, b)
		defer b.over.Store(true)
		return rows.run(t, at, in, next)
	}})
}

// PairMapPartitionsWithBarrierOp is MapPartitionsWithBarrierOp for a function of
// pairs.
func PairMapPartitionsWithBarrierOp[K, V, U any](f func(*BarrierTask, iter.Seq2[K, V]) iter.Seq[U]) *Op {
	return MapPartitionsWithBarrierOp(func(t *BarrierTask, pairs iter.Seq[Pair[K, V]]) iter.Seq[U] {
		return f(t, unpair(pairs))
	}).As("MapPartitionsWithBarrier", f)
}

// barrier says whether the operator's tasks wait for one another.
func (o *Op) barrier(part string) bool {
	p, ok := o.Parts[part].(*Across)
	return ok && p.barrier
}

// waits finds an operator of the pipe whose tasks wait for one another, and that
// belongs to the pipe's stage.
func (b *builder) waits(p *plan.Pipe) (found plan.Op, ok bool) {
	if len(b.barriers) == 0 {
		return found, false
	}
	eachPipe(p, func(p *plan.Pipe) {
		for _, op := range p.Ops {
			if b.barriers[op.ID] {
				found, ok = op, true
			}
		}
	})
	return found, ok
}

// apart refuses a node that would let only some tasks of its stage run an
// operator whose tasks wait for one another: a union, of whose partitions others
// are not the operator's, rows that are kept, which tasks that have them do not
// compute, and partitions of which one task computes several.
func (b *builder) apart(n *Node) error {
	if len(b.barriers) == 0 {
		return nil
	}
	var why string
	switch {
	case n.kind() == unionNode:
		why = "has other partitions beside its own"
	case n.kind() == cachedNode && !n.spent.Load():
		why = "keeps partitions, whose tasks do not run it again"
	case n.wide.Coalesce > 0:
		why = "computes several partitions in one task"
	case n.wide.Crossed:
		why = "computes a partition in several tasks"
	default:
		return nil
	}
	for _, parent := range n.parents() {
		pipe := b.pipes[parent]
		op, ok := b.waits(&pipe)
		if !ok {
			continue
		}
		return fmt.Errorf("%s (%s): the tasks of %s all run, and at once, and %s %s: put a shuffle between them, such as Repartition",
			n.op.Name, n.site, opName(op), n.op.Name, why)
	}
	return nil
}

// Whole is why an action cannot run some partitions of its target alone, if it
// cannot.
func Whole(p *plan.Plan) error {
	target, ok := p.Stage(p.Target)
	if !ok || !target.Barrier {
		return nil
	}
	return fmt.Errorf("%s (%s): it runs some tasks, and those of %s run all at once: collect all rows, or put a shuffle before it, such as Repartition",
		p.Action, p.Site, target.Name)
}
