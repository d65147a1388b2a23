package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Runner runs one attempt; rdd.Runner is one.
type Runner interface {
	Run(ctx context.Context, p *plan.Plan, stage *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure)
	Forget(key plan.StageKey)
	// Give writes a block of a cached RDD that it keeps to a file that is there.
	Give(b plan.Block, path string) error
	// Keep keeps a copy of such a block that another one has given as a file, and says how
	// many bytes it takes.
	Keep(b plan.Block, path string) (bytes int64, err error)
	// Progress tells how far the attempts are that run.
	Progress() []plan.Progress
}

// Server is the executor's end of the wire.
type Server struct {
	conn  *wire.Conn
	tasks sync.WaitGroup

	mu    sync.Mutex
	plans map[plan.Digest]*plan.Plan
	kill  map[uint64]context.CancelCauseFunc
	blobs map[plan.Digest]*blob
	meets map[string]meeting // by attempt
	asked uint64             // blocks and inputs
	wants map[uint64]chan wire.Message
}

// blob is a blob that was asked for.
type blob struct {
	here chan struct{} // closed when the agent has answered
	path string
	err  error
}

// New makes a server. Serve starts it.
func New(conn *wire.Conn) *Server {
	return &Server{conn: conn, plans: map[plan.Digest]*plan.Plan{}, kill: map[uint64]context.CancelCauseFunc{},
		blobs: map[plan.Digest]*blob{}, meets: map[string]meeting{}, wants: map[uint64]chan wire.Message{}}
}

// errGone ends what runs when the agent has gone.
var errGone = errors.New("the agent that started this executor is gone")

// Serve runs the tasks that come until the wire ends, and gives the reason: nil
// when the agent closed it. Tasks that still run have been told to end.
func (s *Server) Serve(r Runner) error {
	ended := make(chan struct{})
	defer close(ended)
	s.tasks.Go(func() { s.tell(r, ended) })
	for {
		m, err := s.conn.Receive()
		if err == nil {
			err = s.heed(r, m)
		}
		if err != nil {
			s.endAll()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// tell tells how far tasks are, those that have got on since the last time.
func (s *Server) tell(r Runner, ended <-chan struct{}) {
	t := time.NewTicker(plan.ProgressEvery)
	defer t.Stop()
	told := map[string]int64{}
	for {
		select {
		case <-t.C:
		case <-ended:
			return
		}
		all := r.Progress()
		now := make(map[string]int64, len(all))
		news := all[:0]
		for _, p := range all {
			now[p.Attempt] = p.Moves
			if p.Moves > told[p.Attempt] {
				news = append(news, p)
			}
		}
		if told = now; len(news) > 0 {
			_ = s.conn.Send(&wire.Progress{Tasks: news}) // Serve finds out when the wire has ended
		}
	}
}

// dumpBytes is the most that is written of what goroutines do.
const dumpBytes = 1 << 20

// dump writes what all goroutines do, for who wants to know why a task hangs.
func dump(why string) {
	b := make([]byte, dumpBytes)
	b = b[:runtime.Stack(b, true)]
	_, _ = fmt.Fprintf(os.Stderr, "gordd: a task is ended, with what the goroutines do: %s\n\n%s\n", why, b)
}

func (s *Server) heed(r Runner, m wire.Message) error {
	switch m := m.(type) {
	case *wire.TaskPlan:
		p, err := plan.Decode[plan.Plan](m.Plan)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.plans[m.Digest] = p
		s.mu.Unlock()
	case *wire.ForgetPlan:
		s.mu.Lock()
		delete(s.plans, m.Digest)
		s.mu.Unlock()
	case *wire.ForgetShuffle:
		r.Forget(m.Stage)
	case *wire.RunTask:
		s.start(r, m)
	case *wire.KillTask:
		if m.Dump {
			dump(m.Reason)
		}
		s.mu.Lock()
		kill := s.kill[m.Seq]
		s.mu.Unlock()
		if kill != nil {
			kill(errors.New(m.Reason))
		}
	case *wire.BlobAt:
		s.arrived(m)
	case *wire.Gathered:
		s.gathered(m)
	case *wire.BlockAt:
		s.brought(m.Seq, m)
	case *wire.InputAt:
		s.brought(m.Seq, m)
	case *wire.GiveBlock:
		s.tasks.Go(func() { s.blockDone(m.Seq, 0, r.Give(m.Block, m.Path)) })
	case *wire.KeepBlock:
		s.tasks.Go(func() {
			bytes, err := r.Keep(m.Block, m.Path)
			s.blockDone(m.Seq, bytes, err)
		})
	default:
		return fmt.Errorf("an executor is told %T", m)
	}
	return nil
}

// start runs a task beside the others. The agent bounds how many there are.
func (s *Server) start(r Runner, m *wire.RunTask) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s.mu.Lock()
	p := s.plans[m.Plan]
	s.kill[m.Seq] = cancel
	s.mu.Unlock()
	s.tasks.Go(func() {
		end := &wire.TaskEnded{Seq: m.Seq}
		if p == nil {
			end.Failure = refused("the plan of the task was not sent")
		} else if st, ok := p.Stage(m.Stage); !ok {
			end.Failure = refused(fmt.Sprintf("the plan has no stage %s", m.Stage))
		} else {
			end.Result, end.Failure = r.Run(ctx, p, st, &m.Task)
		}
		s.mu.Lock()
		delete(s.kill, m.Seq)
		s.mu.Unlock()
		cancel(nil)
		s.report(end)
	})
}

// report sends the end of a task. A wire that does not take it has ended, which
// Serve finds out by itself.
func (s *Server) report(end *wire.TaskEnded) {
	if end.Failure != nil {
		end.Result = nil
	}
	if err := s.conn.Send(end); errors.Is(err, plan.ErrTooLarge) {
		_ = s.conn.Send(&wire.TaskEnded{Seq: end.Seq, Failure: refused(err.Error())})
	}
}

func refused(message string) *plan.Failure {
	return &plan.Failure{Class: plan.FailRefused, Row: -1, Offset: -1, Message: message}
}

func (s *Server) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kill := range s.kill {
		kill(errGone)
	}
	for d, b := range s.blobs {
		if b.path == "" && b.err == nil {
			b.err = errGone
			close(b.here)
			delete(s.blobs, d)
		}
	}
}

// Wait waits for the tasks that were told to end.
func (s *Server) Wait() { s.tasks.Wait() }

// Blob gives the bytes of a blob, which the agent fetches when it has to.
func (s *Server) Blob(d plan.Digest) ([]byte, error) {
	path, err := s.find(d)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	if got := plan.DigestOf(b); got != d {
		return nil, fmt.Errorf("read blob: %s has digest %s instead of %s", path, got, d)
	}
	return b, nil
}

// BlobPart opens the bytes of a blob between two offsets.
func (s *Server) BlobPart(d plan.Digest, from, to int64) (io.ReadCloser, error) {
	path, err := s.find(d)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, from, to-from), f}, nil
}

// find asks the agent for a blob, once for all that want it at a time. What it
// was told it remembers; what it was denied it asks for again.
func (s *Server) find(d plan.Digest) (string, error) {
	s.mu.Lock()
	b := s.blobs[d]
	ask := b == nil
	if ask {
		b = &blob{here: make(chan struct{})}
		s.blobs[d] = b
	}
	s.mu.Unlock()
	if ask {
		if err := s.conn.Send(&wire.WantBlob{Digest: d}); err != nil {
			s.arrived(&wire.BlobAt{Digest: d, Error: err.Error()})
		}
	}
	<-b.here
	return b.path, b.err
}

// arrived takes the answer to a request for a blob.
func (s *Server) arrived(m *wire.BlobAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blobs[m.Digest]
	if b == nil || b.path != "" {
		return // nobody asked
	}
	if m.Path == "" {
		b.err = fmt.Errorf("fetch blob %s: %s", m.Digest, m.Error)
		delete(s.blobs, m.Digest)
	}
	b.path = m.Path
	close(b.here)
}

// meeting is a task's wait at a barrier.
type meeting struct {
	round  int
	answer chan *wire.Gathered
}

// Gather waits at a barrier, and gives what all tasks of the stage brought
// there. It ends with ctx.
func (s *Server) Gather(ctx context.Context, attempt string, round int, data []byte) ([][]byte, error) {
	m := meeting{round, make(chan *wire.Gathered, 1)}
	s.mu.Lock()
	s.meets[attempt] = m
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.meets, attempt)
	}()
	if err := s.conn.Send(&wire.Arrive{Attempt: attempt, Round: round, Data: data}); err != nil {
		return nil, err
	}
	select {
	case g := <-m.answer:
		if g.Error != "" {
			return nil, errors.New(g.Error)
		}
		return g.Data, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// gathered lets a task go on that waits at a barrier.
func (s *Server) gathered(g *wire.Gathered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.meets[g.Attempt]; ok && m.round == g.Round {
		delete(s.meets, g.Attempt)
		m.answer <- g
	}
}
