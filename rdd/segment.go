package rdd

import (
	"fmt"

	"github.com/gordd-project/gordd/rdd/plan"
)

// segment is a run of a pipe's operators that one kernel covers, or one
// operator that sees the whole partition.
type segment struct {
	from, to int // operators, to beyond the last; one past the pipe's when the kernel ends in the sink
	kernel   Kernel
	envs     []any
	last     *Narrow // makes the output
	across   *Across
	at       place // of across
}

// coverKey names a pipe's kernels: by the operators and the end.
type coverKey string

// segments covers a pipe's operators with the fewest kernels there are
// registered; an operator without one runs on its own.
func (t *Task) segments(p *plan.Pipe, partition int, e *end) ([]segment, []any, error) {
	ops := make([]*Op, len(p.Ops))
	envs := make([]any, len(p.Ops), len(p.Ops)+1)
	for i, ref := range p.Ops {
		op, env, err := t.resolve(ref)
		if err != nil {
			return nil, nil, err
		}
		ops[i], envs[i] = op, env
	}
	if e != nil {
		envs = append(envs, e.env)
	}
	segs := t.runner.covered(p, e)
	for i := range segs {
		s := &segs[i]
		s.envs, s.at = envs[s.from:s.to], place{partition: partition, of: p.N}
		if err := s.fill(ops, envs, p.Ops); err != nil {
			return nil, nil, err
		}
	}
	return segs, envs, nil
}

// fill finds the parts that a segment needs beside its kernel.
func (s *segment) fill(ops []*Op, envs []any, refs []plan.Op) error {
	if s.to > len(ops) { // ends in the sink
		return nil
	}
	last := s.to - 1
	bound := ops[last].bound(envs[last])
	var ok bool
	switch p := bound.Parts[refs[last].Part].(type) {
	case *Narrow:
		s.last, ok = p, true
	case *Across:
		s.across, ok = p, s.from == last
		s.at.placed = refs[last].Placed
	}
	if !ok {
		return fmt.Errorf("%s (%s) does not fit into a pipe: driver and executor are of different builds", refs[last].Name, refs[last].Site)
	}
	if s.kernel == nil && s.last != nil {
		s.kernel = s.last.Kernel
	}
	return nil
}

// covered gives the segments of a pipe with their registered kernels; those of
// single operators without one have none yet. The answer depends on nothing
// but the operators, and is kept.
func (r *Runner) covered(p *plan.Pipe, e *end) []segment {
	key := coverKey(refs(p.Ops, e))
	r.mu.Lock()
	segs, ok := r.cover[key]
	r.mu.Unlock()
	if !ok {
		segs = r.find(p, e)
		r.mu.Lock()
		if len(r.cover) >= maxCovers {
			clear(r.cover)
		}
		r.cover[key] = segs
		r.mu.Unlock()
	}
	return append([]segment(nil), segs...)
}

const maxCovers = 256

// find is the dynamic program: best[i] is the least number of kernels for the
// operators from i on.
func (r *Runner) find(p *plan.Pipe, e *end) []segment {
	n := len(p.Ops)
	total := n
	if e != nil {
		total++
	}
	best := make([]int, total+1)
	choice := make([]segment, total+1)
	longest := registered.most()
	for i := total - 1; i >= 0; i-- {
		// On its own: an operator costs a kernel, the sink's own feed none.
		best[i], choice[i] = 1+best[i+1], segment{from: i, to: i + 1}
		if i == n {
			best[i], choice[i] = 0, segment{}
		}
		if r.o.NoKernels {
			continue
		}
		for j := i + 1; j <= total && j-i <= longest; j++ {
			if i == n {
				break
			}
			var last *end
			if j > n {
				last = e
			}
			if k, ok := registered.kernel(refs(p.Ops[i:min(j, n)], last)); ok && 1+best[j] <= best[i] {
				best[i], choice[i] = 1+best[j], segment{from: i, to: j, kernel: k}
			}
		}
	}
	var segs []segment
	for i := 0; i < n; i = choice[i].to {
		segs = append(segs, choice[i])
	}
	return segs
}

// connect builds the feeds of a pipe from its end backwards.
func (t *Task) connect(run Run, segs []segment, envs []any, ops []plan.Op, e *end) (Run, Feed, error) {
	if e == nil {
		return t.runThrough(run, segs, ops), nil, nil
	}
	feed := t.sinkFeed(e)
	for i := len(segs) - 1; i >= 0; i-- {
		s := &segs[i]
		switch {
		case s.to > len(ops):
			feed = t.targetFeed(s, ops, e)
		case s.across != nil:
			// Everything before it becomes the run that it ranges over.
			in := t.runThrough(run, segs[:i], ops)
			next := feed
			return func(feed Feed) error { return t.runAcross(s, in, ops, feed) }, next, nil
		default:
			feed = t.kernelFeed(s, ops, feed, e.limit())
		}
	}
	return run, feed, nil
}

// runThrough gives the run of a pipe's rows after the segments.
func (t *Task) runThrough(run Run, segs []segment, ops []plan.Op) Run {
	for i := range segs {
		s, in := &segs[i], run
		if s.across != nil {
			run = func(feed Feed) error { return t.runAcross(s, in, ops, feed) }
			continue
		}
		run = func(feed Feed) error { return in(t.kernelFeed(s, ops, feed, 0)) }
	}
	return run
}

func (t *Task) runAcross(s *segment, in Run, ops []plan.Op, next Feed) error {
	saved := t.at
	l := &link{ops: ops[s.from:s.to]}
	t.at = l
	err := s.across.run(t, s.at, func(feed Feed) error {
		t.at = saved
		err := in(func(b any) bool {
			l.prev, l.in = t.at, b.(batch).raw()
			t.at = l
			ok := feed(b)
			t.at = l.prev
			return ok
		})
		// Rows that the operator still gives come from no row in hand.
		l.prev, l.in, t.at = nil, nil, l
		return err
	}, func(b any) bool {
		ok := next(b)
		t.at = l
		return ok
	})
	t.at = saved
	return err
}

// kernelFeed runs a segment's kernel over each batch and hands its output on,
// in batches of limit rows where only so many are wanted: user code runs on no
// more rows than it takes to make them.
func (t *Task) kernelFeed(s *segment, ops []plan.Op, next Feed, limit int64) Feed {
	l := &link{ops: ops[s.from:s.to]}
	row := new(int)
	out := newOut(s.last.out, row, t.forgetting(next))
	t.seen.fills(out)
	if limit > 0 {
		out.limit(limit)
	}
	// The output's rows are counted by the input batch in hand.
	return func(b any) bool {
		in := b.(batch).raw()
		out.parent = &in.Row
		l.prev, l.in = t.at, in
		t.at = l
		s.kernel(t, s.envs, b, out.self)
		ok := out.flush()
		t.at = l.prev
		return ok
	}
}

// targetFeed runs a kernel that ends in the sink.
func (t *Task) targetFeed(s *segment, ops []plan.Op, e *end) Feed {
	l := &link{ops: append(append([]plan.Op(nil), ops[s.from:]...), e.op)}
	target := e.sink.target()
	return func(b any) bool {
		in := b.(batch).raw()
		l.prev, l.in = t.at, in
		t.at = l
		s.kernel(t, s.envs, b, target)
		in.Row = -1 // what is combined now is not one row
		ok := e.sink.flush()
		t.at = l.prev
		return ok
	}
}

func (t *Task) sinkFeed(e *end) Feed {
	l := &link{ops: []plan.Op{e.op}}
	return func(b any) bool {
		l.prev, l.in = t.at, b.(batch).raw()
		t.at = l
		ok := e.sink.feed(b)
		t.at = l.prev
		return ok
	}
}
