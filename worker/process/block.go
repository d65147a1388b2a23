package process

import (
	"context"
	"errors"
	"slices"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// bring answers who wants a block that others keep.
func (p *Process) bring(m *wire.WantBlock) {
	at := &wire.BlockAt{Seq: m.Seq}
	path, err := p.brought(m)
	if at.Path = path; err != nil {
		at.Path, at.Error = "", err.Error()
	}
	_ = p.conn.Send(at)
}

var errNoBlock = errors.New("nobody is known to keep the block")

// brought brings a block for one of the process's own attempts, and no other than it
// was sent with: what comes lies in the attempt's directory.
func (p *Process) brought(m *wire.WantBlock) (string, error) {
	p.mu.Lock()
	a := p.names[m.Attempt]
	p.mu.Unlock()
	if a == nil || p.o.Block == nil || !slices.Contains(a.task.Blocks, m.Block) {
		return "", errNoBlock
	}
	return p.o.Block(a.ctx, a.launch, a.task, m.Block)
}

// input answers who needs a partition of a shuffle that it was not given.
func (p *Process) input(m *wire.WantInput) {
	at := &wire.InputAt{Seq: m.Seq}
	at.Parts, at.Failure = p.late(m)
	p.answer(at, func(why error) wire.Message {
		return &wire.InputAt{Seq: m.Seq, Failure: work.NewFailure(plan.FailInfra, "hand over partition %d of shuffle %s: %v", m.Partition, m.Shuffle, why)}
	})
}

// late brings such a partition for one of the process's own attempts, which was told that
// there is one.
func (p *Process) late(m *wire.WantInput) ([]byte, *plan.Failure) {
	p.mu.Lock()
	a := p.names[m.Attempt]
	p.mu.Unlock()
	if a == nil || p.o.Input == nil || !slices.ContainsFunc(a.task.Inputs, func(in plan.ShuffleInput) bool {
		return in.Late && in.Stage == m.Shuffle && in.Partition == m.Partition
	}) {
		return nil, work.NewFailure(plan.FailInfra, "the attempt was not told of an input to come: partition %d of shuffle %s", m.Partition, m.Shuffle)
	}
	return p.o.Input(a.task, m.Shuffle, m.Partition)
}

// Give has the process write a block that it keeps to a file that is there.
func (p *Process) Give(ctx context.Context, b plan.Block, path string) error {
	_, err := p.call(ctx, func(seq uint64) wire.Message { return &wire.GiveBlock{Seq: seq, Block: b, Path: path} })
	return err
}

// Keep has the process keep a copy of a block that is in a file, and says how many bytes
// it takes.
func (p *Process) Keep(ctx context.Context, b plan.Block, path string) (bytes int64, err error) {
	return p.call(ctx, func(seq uint64) wire.Message { return &wire.KeepBlock{Seq: seq, Block: b, Path: path} })
}

// call has the process do something, and waits until it is done.
func (p *Process) call(ctx context.Context, ask func(seq uint64) wire.Message) (bytes int64, err error) {
	done := make(chan *wire.BlockDone, 1)
	p.mu.Lock()
	p.seq++
	seq := p.seq
	p.calls[seq] = done
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.calls, seq)
	}()
	if err := p.conn.Send(ask(seq)); err != nil {
		return 0, err
	}
	select {
	case m := <-done:
		if m.Error != "" {
			return 0, errors.New(m.Error)
		}
		return m.Bytes, nil
	case <-p.done:
		return 0, ErrGone
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// called takes the answer to a call.
func (p *Process) called(m *wire.BlockDone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done := p.calls[m.Seq]; done != nil {
		delete(p.calls, m.Seq)
		done <- m
	}
}
