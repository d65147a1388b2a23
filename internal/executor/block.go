package executor

import (
	"context"
	"errors"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Block asks the agent for a block of a cached RDD that another executor keeps, and
// gives the file that it is in. It ends with ctx.
func (s *Server) Block(ctx context.Context, attempt string, b plan.Block) (string, error) {
	m, err := s.ask(ctx, func(seq uint64) wire.Message { return &wire.WantBlock{Seq: seq, Attempt: attempt, Block: b} })
	if err != nil {
		return "", err
	}
	at, ok := m.(*wire.BlockAt)
	switch {
	case !ok:
		return "", errOther
	case at.Path == "":
		return "", errors.New(at.Error)
	}
	return at.Path, nil
}

// Input asks the agent for a partition of a shuffle that an attempt was not given, and
// gives its parts. It ends with ctx.
func (s *Server) Input(ctx context.Context, attempt string, of plan.StageKey, partition int) ([]byte, *plan.Failure) {
	m, err := s.ask(ctx, func(seq uint64) wire.Message {
		return &wire.WantInput{Seq: seq, Attempt: attempt, Shuffle: of, Partition: partition}
	})
	at, ok := m.(*wire.InputAt)
	if err == nil && !ok {
		err = errOther
	}
	if err != nil {
		return nil, &plan.Failure{Class: plan.FailInfra, Row: -1, Offset: -1, Message: err.Error()}
	}
	return at.Parts, at.Failure
}

var errOther = errors.New("the agent answered what it was not asked")

// ask asks the agent for something, and waits for the answer.
func (s *Server) ask(ctx context.Context, question func(seq uint64) wire.Message) (wire.Message, error) {
	answer := make(chan wire.Message, 1)
	s.mu.Lock()
	s.asked++
	seq := s.asked
	s.wants[seq] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wants, seq)
	}()
	if err := s.conn.Send(question(seq)); err != nil {
		return nil, err
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// brought takes the answer to a question.
func (s *Server) brought(seq uint64, m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.wants[seq]; answer != nil {
		delete(s.wants, seq)
		answer <- m
	}
}

// blockDone says what became of a block that was to be given or kept. The agent bounds how
// many are at a time.
func (s *Server) blockDone(seq uint64, bytes int64, err error) {
	done := &wire.BlockDone{Seq: seq, Bytes: bytes}
	if err != nil {
		done.Bytes, done.Error = 0, err.Error()
	}
	_ = s.conn.Send(done) // Serve finds out when the wire has ended
}
