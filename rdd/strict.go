package rdd

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/gordd-project/gordd/rdd/plan"
)

// lend gives user code the values of the group in hand. In a strict runner they
// are of no use after over was called, where they would silently be those of
// another group.
func lend[V any](t *Task, values iter.Seq[V]) (lent iter.Seq[V], over func()) {
	if !t.runner.o.Strict {
		return values, keepOn
	}
	gone := false
	check := func() {
		if gone {
			panic("the values of a group are used after the function that was given them: keep the values, not the sequence")
		}
	}
	return func(yield func(V) bool) {
		check()
		for v := range values {
			if !yield(v) {
				return
			}
			check() // an iter.Pull may go on much later
		}
	}, func() { gone = true }
}

// keepOn takes nothing back.
func keepOn() {}

// forgetting makes the rows of a batch zero when its consumer returned: one that
// kept the slice, which is filled again, finds them gone. It returns next as it
// is unless the runner is strict.
func (t *Task) forgetting(next Feed) Feed {
	if !t.runner.o.Strict {
		return next
	}
	return func(b any) bool {
		more := next(b)
		// Rows that cannot be encoded, such as groups, are never kept.
		if typ, err := b.(batch).typ(); err == nil {
			typ.Clear(b.(batch).raw().rows())
		}
		return more
	}
}

// changedEnv finds a With value that is no more what it was: the other tasks of
// this process see the change, those of others do not.
func (t *Task) changedEnv() *plan.Failure {
	var fail *plan.Failure
	eachOp(&t.stage.Pipe, func(ref plan.Op) {
		if fail == nil {
			fail = t.runner.changed(ref)
		}
	})
	if fail == nil {
		fail = t.runner.changed(t.stage.Sink.Op)
	}
	return fail
}

// eachOp goes through the operators of a pipe and of those inside it.
func eachOp(p *plan.Pipe, f func(plan.Op)) {
	for i := range p.Source.Union {
		eachOp(&p.Source.Union[i], f)
	}
	if p.Source.Union == nil {
		f(p.Source.Op)
	}
	for _, in := range p.Source.Wide {
		if in.Pipe != nil {
			eachOp(in.Pipe, f)
		}
	}
	for _, op := range p.Ops {
		f(op)
	}
}

func (r *Runner) changed(ref plan.Op) *plan.Failure {
	op, env, err := r.resolve(ref)
	if err != nil || env == nil {
		return nil // what is wrong, the task has said
	}
	was, err := r.o.Blob(ref.Env)
	if err != nil {
		return nil
	}
	is, err := op.env.encode(env)
	if err == nil && bytes.Equal(was, is) {
		return nil
	}
	message := "a function changed its With value, which other tasks see too: change a copy"
	if err != nil {
		message = fmt.Sprintf("a function changed its With value, which cannot be encoded any more: %v", err)
	}
	return &plan.Failure{Class: plan.FailUser, Op: opName(ref), Row: -1, Offset: -1, Message: message}
}
