package executor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runner hands its tasks to a function.
type runner struct {
	run    func(ctx context.Context, t *plan.Task) (*plan.Result, *plan.Failure)
	forgot chan plan.StageKey
	give   func(b plan.Block, path string) error
	keep   func(b plan.Block, path string) (int64, error)
	// progress is what Progress gives; nil: nothing.
	progress func() []plan.Progress
}

func (r runner) Progress() []plan.Progress {
	if r.progress == nil {
		return nil
	}
	return r.progress()
}

func (r runner) Give(b plan.Block, path string) error { return r.give(b, path) }

func (r runner) Keep(b plan.Block, path string) (int64, error) { return r.keep(b, path) }

func (r runner) Forget(key plan.StageKey) { r.forgot <- key }

func (r runner) Run(ctx context.Context, _ *plan.Plan, _ *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	return r.run(ctx, t)
}

// serve starts a server and gives the agent's end of its wire.
func serve(t *testing.T, r runner) (*wire.Conn, *Server, <-chan error) {
	t.Helper()
	ours, theirs, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(wire.EnvVar, "")
	conn := wire.New(theirs)
	s := New(conn)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(r) }()
	t.Cleanup(func() { _ = conn.Close() })
	return ours, s, ended
}

func send(t *testing.T, c *wire.Conn, ms ...wire.Message) {
	t.Helper()
	for _, m := range ms {
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
	}
}

func receive[T any](t *testing.T, c *wire.Conn) *T {
	t.Helper()
	m, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	got, ok := m.(*T)
	if !ok {
		t.Fatalf("got %T", m)
	}
	return got
}

func encoded(t *testing.T) []byte {
	t.Helper()
	b, err := plan.Encode(&plan.Plan{Stages: []plan.Stage{{Key: "r"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTasksNeedTheirPlan(t *testing.T) {
	r := runner{forgot: make(chan plan.StageKey, 1), run: func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		return &plan.Result{Rows: 3}, nil
	}}
	c, _, ended := serve(t, r)
	send(t, c, &wire.RunTask{Seq: 1, Plan: "p", Stage: "r"})
	if f := receive[wire.TaskEnded](t, c).Failure; f == nil || f.Class != plan.FailRefused {
		t.Errorf("a task without its plan: %+v", f)
	}
	send(t, c, &wire.TaskPlan{Digest: "p", Plan: encoded(t)}, &wire.RunTask{Seq: 2, Plan: "p", Stage: "none"})
	if f := receive[wire.TaskEnded](t, c).Failure; f == nil || !strings.Contains(f.Message, "no stage none") {
		t.Errorf("a task of no stage: %+v", f)
	}
	send(t, c, &wire.RunTask{Seq: 3, Plan: "p", Stage: "r"})
	if end := receive[wire.TaskEnded](t, c); end.Seq != 3 || end.Result == nil || end.Result.Rows != 3 {
		t.Errorf("got %+v", end)
	}
	send(t, c, &wire.ForgetShuffle{Stage: "m"}, &wire.ForgetPlan{Digest: "p"}, &wire.RunTask{Seq: 4, Plan: "p", Stage: "r"}, &wire.KillTask{Seq: 99})
	if f := receive[wire.TaskEnded](t, c).Failure; f == nil || <-r.forgot != "m" {
		t.Errorf("after the plan was forgotten: %+v", f)
	}
	if err := errors.Join(c.Close(), <-ended); err != nil {
		t.Error(err)
	}
}

// When the agent goes, what runs is told, and what waits for a blob fails.
func TestAgentGoes(t *testing.T) {
	causes, running := make(chan error, 2), make(chan struct{}, 1)
	var s *Server
	r := runner{run: func(ctx context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		if task.Attempt == "blob" {
			_, err := s.Blob("d")
			causes <- err
			return nil, nil
		}
		running <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, nil
	}}
	c, server, ended := serve(t, r)
	s = server
	send(t, c, &wire.TaskPlan{Digest: "p", Plan: encoded(t)}, &wire.RunTask{Seq: 1, Plan: "p", Stage: "r"},
		&wire.RunTask{Seq: 2, Plan: "p", Stage: "r", Task: plan.Task{Attempt: "blob"}})
	_ = receive[wire.WantBlob](t, c)
	<-running
	if err := errors.Join(c.Close(), <-ended); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-causes; !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
	}
	s.Wait()
}

func TestAgentBabbles(t *testing.T) {
	for name, m := range map[string]wire.Message{
		"a driver's message": &wire.Seen{}, "a plan that is none": &wire.TaskPlan{Plan: []byte{0xc1}},
	} {
		c, _, ended := serve(t, runner{})
		send(t, c, m)
		if err := <-ended; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.Close()
	}
}

func TestBlobs(t *testing.T) {
	c, s, ended := serve(t, runner{})
	path := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := plan.DigestOf([]byte("0123456789"))
	got := make(chan string)
	for range 2 {
		go func() {
			b, err := s.Blob(d)
			if err != nil {
				b = []byte(err.Error())
			}
			got <- string(b)
		}()
	}
	if w := receive[wire.WantBlob](t, c); w.Digest != d {
		t.Errorf("wants %s", w.Digest)
	}
	send(t, c, &wire.BlobAt{Digest: d, Path: path}, &wire.BlobAt{Digest: d, Error: "late"}, &wire.BlobAt{Digest: "unasked", Path: "x"})
	for range 2 {
		if b := <-got; b != "0123456789" {
			t.Errorf("got %s", b)
		}
	}
	r, err := s.BlobPart(d, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "34" {
		t.Errorf("got %s, %v", b, err)
	}
	_ = r.Close()
	if err := errors.Join(c.Close(), <-ended); err != nil {
		t.Error(err)
	}
}

// How far tasks are is told when they have got on, and not again.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moves := int64(0)
		ours, theirs := net.Pipe()
		s, agent := New(wire.New(theirs)), wire.New(ours)
		ended := make(chan error, 1)
		go func() {
			ended <- s.Serve(runner{progress: func() []plan.Progress {
				moves++
				return []plan.Progress{{Attempt: "slow", Rows: moves / 4, Moves: 1 + moves/4}, {Attempt: "hangs", Rows: 7, Moves: 1}}
			}})
		}()
		begun := time.Now()
		for i, want := range []struct {
			after time.Duration
			tasks []plan.Progress
		}{
			{plan.ProgressEvery, []plan.Progress{{Attempt: "slow", Moves: 1}, {Attempt: "hangs", Rows: 7, Moves: 1}}},
			{4 * plan.ProgressEvery, []plan.Progress{{Attempt: "slow", Rows: 1, Moves: 2}}},
			{8 * plan.ProgressEvery, []plan.Progress{{Attempt: "slow", Rows: 2, Moves: 3}}},
		} {
			got := receive[wire.Progress](t, agent)
			if took := time.Since(begun); took != want.after || !slices.Equal(got.Tasks, want.tasks) {
				t.Errorf("message %d after %s: %+v", i, took, got.Tasks)
			}
		}
		if err := errors.Join(agent.Close(), <-ended); err != nil {
			t.Error(err)
		}
		s.Wait()
	})
}

// A task waits at a barrier until the agent answers for its round, or the task is
// told to end.
func TestGather(t *testing.T) {
	var s *Server
	c, made, ended := serve(t, runner{run: func(ctx context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		all, err := s.Gather(ctx, task.Attempt, 4, []byte("mine"))
		if err != nil {
			return nil, refused(err.Error())
		}
		return &plan.Result{Value: slices.Concat(all...)}, nil
	}})
	s = made
	send(t, c, &wire.TaskPlan{Digest: "p", Plan: encoded(t)})
	for name, x := range map[string]struct {
		says []wire.Message
		want string
	}{
		"answered": {[]wire.Message{
			&wire.Gathered{Attempt: "1.9", Round: 4, Data: [][]byte{[]byte("another's")}},
			&wire.Gathered{Attempt: "1.1", Round: 3, Data: [][]byte{[]byte("too late")}},
			&wire.Gathered{Attempt: "1.1", Round: 4, Data: [][]byte{[]byte("a"), []byte("b")}},
			&wire.Gathered{Attempt: "1.1", Round: 4, Data: [][]byte{[]byte("again")}},
		}, "ab"},
		"denied": {[]wire.Message{&wire.Gathered{Attempt: "1.1", Round: 4, Error: "no"}}, "no"},
		"killed": {[]wire.Message{&wire.KillTask{Seq: 1, Reason: "enough"}}, "enough"},
	} {
		send(t, c, &wire.RunTask{Seq: 1, Plan: "p", Stage: "r", Task: plan.Task{Attempt: "1.1"}})
		if a := receive[wire.Arrive](t, c); a.Attempt != "1.1" || a.Round != 4 || string(a.Data) != "mine" {
			t.Errorf("%s: %+v", name, a)
		}
		send(t, c, x.says...)
		got := ""
		if end := receive[wire.TaskEnded](t, c); end.Failure != nil {
			got = end.Failure.Message
		} else {
			got = string(end.Result.Value)
		}
		if got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
	send(t, c, &wire.RunTask{Seq: 1, Plan: "p", Stage: "r", Task: plan.Task{Attempt: "1.1"}})
	receive[wire.Arrive](t, c)
	if err := errors.Join(c.Close(), <-ended); err != nil { // the agent goes
		t.Error(err)
	}
	s.Wait()
}
