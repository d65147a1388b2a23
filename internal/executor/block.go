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
	answer := make(chan *wire.BlockAt, 1)
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
	if err := s.conn.Send(&wire.WantBlock{Seq: seq, Attempt: attempt, Block: b}); err != nil {
		return "", err
	}
	select {
	case at := <-answer:
		if at.Path == "" {
			return "", errors.New(at.Error)
		}
		return at.Path, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// brought takes the answer to a request for a block.
func (s *Server) brought(m *wire.BlockAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.wants[m.Seq]; answer != nil {
		delete(s.wants, m.Seq)
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
