package rdd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Task is one attempt at one partition of a stage, as user code sees it. Its
// context ends when the task is cancelled. It belongs to the goroutine that
// runs the task.
type Task struct {
	context.Context
	spec     *plan.Task
	stage    *plan.Stage
	plan     *plan.Plan
	runner   *Runner
	mem      *shuffle.Account
	counters plan.Counters
	input    shuffle.Reading // of what the task's last source to be opened reads: bytes, or rows
	seen     progress
	blocks   []plan.Block // of cached RDDs that were read, or are being made
	brought  map[plan.Block]*brought
	done     <-chan struct{}

	sink     sink          // once open
	at       *link         // the kernel that is running
	failed   *plan.Failure // why user code was left
	adding   *adding       // of what is being opened, and then of the task's own
	parts    []*adding     // under kept rows, the outer ones first
	rejected int64
	rowByRow bool           // its pipe takes the rows of files one by one, whatever comes before and after
	round    int            // barriers that it has passed
	barriers []*BarrierTask // of its pipe, from the end on
	aside    *os.File
}

// link is one consumer of batches in a task's pipe.
type link struct {
	prev *link
	in   *rawRows  // the batch in hand
	ops  []plan.Op // what the consumer runs on it
}

// Partition is the partition that the task computes, from 0.
func (t *Task) Partition() int { return t.spec.Partition }

// Attempt names the attempt. It is unique within the job.
func (t *Task) Attempt() string { return t.spec.Attempt }

// Stage is the stage's name: its operators in order.
func (t *Task) Stage() string { return t.stage.Name }

// progress is the part of its input that the task is done with, or 0.
func (t *Task) progress() float64 {
	if t.input.All == 0 {
		return 0
	}
	return float64(t.input.Done) / float64(t.input.All)
}

// stopped says that the task was cancelled.
func (t *Task) stopped() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// rowError is what user code said of a row; it fails the task.
type rowError struct {
	op  plan.Op
	row any
	err error
}

func (e *rowError) Error() string {
	return clip(fmt.Sprint(e.err), maxMessage/2) + ": row " + printed(e.row)
}

// printed is the beginning of a row in Go's syntax.
func printed(row any) string {
	const most = 200
	if s, ok := row.(string); ok {
		row = clip(s, most) // quoted it would be larger still
	}
	return clip(fmt.Sprintf("%#v", row), 2*most)
}

// stop is panicked to leave user code that must not go on.
type stop struct{ err error }

// leave fails the task from within user code, by a panic. Code that recovers
// from that goes on, and the task has failed all the same.
func (t *Task) leave(err error) {
	if t.failed == nil {
		t.failed = t.failure(err)
	}
	panic(stop{err})
}

// Reject says that a row cannot be processed. The session's policy decides:
// the job fails, and Reject does not return; or the row is counted and
// dropped, or set aside, and the caller goes on with the next one.
func (t *Task) Reject(row any, err error) { t.RejectIn(0, row, err) }

// RejectIn is Reject for a kernel of several operators: op is the operator's
// place in the kernel, from 0.
func (t *Task) RejectIn(op int, row any, err error) {
	if err == nil {
		err = errors.New("rejected")
	}
	bad := &rowError{row: row, err: err}
	if t.at != nil && op < len(t.at.ops) {
		bad.op = t.at.ops[op]
	}
	policy := t.plan.Policy
	if policy.Rows == plan.FailRows {
		t.leave(bad)
	}
	if t.rejected++; policy.Max > 0 && t.rejected > policy.Max {
		bad.err = fmt.Errorf("more than %d rows rejected in one task, the last: %w", policy.Max, err)
		t.leave(bad)
	}
	if t.samples() {
		return // the stage that moves the rows meets it again, and says so
	}
	t.counters.Rejected++
	if policy.Rows == plan.AsideRows {
		if err := t.setAside(bad); err != nil {
			t.leave(err)
		}
	}
}

// samples says that the task only looks at the rows, for a sort's bounds.
func (t *Task) samples() bool {
	_, ok := t.sink.(*sampler)
	return ok
}

// setAside adds a line to the task's file of rejected rows: path, offset,
// error and row, with tabs between.
func (t *Task) setAside(bad *rowError) error {
	if t.aside == nil {
		if err := os.MkdirAll(t.plan.Policy.Aside, 0o777); err != nil {
			return fmt.Errorf("set row aside: %w", err)
		}
		f, err := os.CreateTemp(t.plan.Policy.Aside, "."+t.asideName()+".*")
		if err != nil {
			return fmt.Errorf("set row aside: %w", err)
		}
		t.aside = f
	}
	path, offset, _ := t.position()
	line := fmt.Sprintf("%s\t%d\t%s\t%s\n", path, offset, strconv.Quote(bad.err.Error()), strconv.Quote(fmt.Sprint(bad.row)))
	if _, err := t.aside.WriteString(line); err != nil {
		return fmt.Errorf("set row aside: %w", err)
	}
	return nil
}

func (t *Task) asideName() string {
	return fmt.Sprintf("%s-%s-%05d", t.spec.Action.Job, t.spec.Stage, t.spec.Partition)
}

// keepAside gives the file of rejected rows its final name.
func (t *Task) keepAside() error {
	if t.aside == nil {
		return nil
	}
	name := t.aside.Name()
	if err := t.aside.Close(); err != nil {
		return fmt.Errorf("set rows aside: %w", err)
	}
	if err := os.Rename(name, filepath.Join(t.plan.Policy.Aside, t.asideName())); err != nil {
		return fmt.Errorf("set rows aside: %w", err)
	}
	return nil
}

// endAside removes the file of rejected rows unless it was kept.
func (t *Task) endAside(kept bool) {
	if t.aside != nil && !kept {
		_ = t.aside.Close()
		removeAll(t.aside.Name())
	}
}

// position finds where the row in hand was read, following it back through the
// batches it came by.
func (t *Task) position() (path string, offset, ordinal int64) {
	l := t.at
	if l == nil || l.in == nil {
		return "", -1, -1
	}
	i, from := l.in.inHand()
	for {
		if i < 0 || i >= len(l.in.Rows) {
			return "", -1, -1
		}
		if where := l.in.where; where != nil {
			return where.locate(i)
		}
		l = l.prev
		if l == nil || l.in == nil || from < 0 {
			return "", -1, -1
		}
		i = from
		from = l.in.fromOf(i)
	}
}
