package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/cgroup"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/executor"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	kindVar = "PROCESS_TEST"
	codeVar = "PROCESS_TEST_CODE"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(kindVar); kind != "" {
		os.Exit(child(kind))
	}
	goleak.VerifyTestMain(m)
}

// child is the process that tests start.
func child(kind string) int {
	switch kind {
	case "exits":
		_, _ = fmt.Fprintln(os.Stderr, "no such file")
		return 3
	case "silent":
		forever(func() {})
	case "talks":
		for i := range 100 { // each a write of its own
			_, _ = fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		_, _ = fmt.Fprintln(os.Stderr, "fatal error: it was too much")
		_, _ = fmt.Fprintln(os.Stderr, strings.Repeat("goroutine\n", tailBytes/4))
		return 4
	}
	conn, err := wire.Inherited()
	if err != nil {
		return 90
	}
	if _, err := conn.Receive(); err != nil {
		return 91
	}
	if err := conn.Send(&wire.Started{PID: os.Getpid(), Code: code(os.Getenv(codeVar))}); err != nil {
		return 92
	}
	if kind == "babbles" {
		forever(func() { _ = conn.Send(&wire.Cancel{}) })
	}
	s := executor.New(conn)
	if err := s.Serve(runner{s}); err != nil {
		return 93
	}
	return 0
}

// code is that of a build of tests.
func code(build string) plan.Digest { return plan.DigestOf([]byte(build)) }

// forever waits without what the run time would call a deadlock, after it has said
// that it does.
func forever(says func()) {
	says()
	for {
		time.Sleep(time.Hour)
	}
}

// runner does what the attempts' names say.
type runner struct{ *executor.Server }

func (runner) Forget(plan.StageKey)      {}
func (runner) Progress() []plan.Progress { return nil }

// Keep has room for blocks of one RDD.
func (runner) Keep(b plan.Block, path string) (int64, error) {
	if b.RDD != "kept" {
		return 0, errors.New("there is no room")
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Give has the blocks of one RDD.
func (runner) Give(b plan.Block, path string) error {
	switch b.RDD {
	case "kept":
		return os.WriteFile(path, fmt.Appendf(nil, "block %d", b.Partition), 0o600)
	case "slow":
		forever(func() {})
	}
	return errors.New("it is not kept")
}

func (r runner) Run(ctx context.Context, p *plan.Plan, st *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	do, arg, _ := strings.Cut(t.Attempt, " ")
	switch do {
	case "echo":
		return &plan.Result{Value: []byte(p.Action + " " + string(st.Key) + " " + arg)}, nil
	case "blob":
		b, err := r.Blob(plan.Digest(arg))
		if err != nil {
			return nil, work.NewFailure(plan.FailInfra, "%v", err)
		}
		return &plan.Result{Value: b}, nil
	case "meet":
		name := t.Attempt
		if arg == "others" { // whose attempt is none of this process
			name = "1.7"
		}
		all, err := r.Gather(ctx, name, 2, []byte("mine"))
		if err != nil {
			return nil, work.NewFailure(plan.FailUser, "%v", err)
		}
		return &plan.Result{Value: bytes.Join(all, []byte(" "))}, nil
	case "bring":
		path, err := r.Block(ctx, t.Attempt, plan.Block{RDD: plan.StageKey(arg), Partition: 3})
		if err != nil {
			return nil, work.NewFailure(plan.FailUser, "%v", err)
		}
		return &plan.Result{Value: []byte(path)}, nil
	case "late":
		parts, f := r.Input(ctx, t.Attempt, plan.StageKey(arg), 3)
		if f != nil {
			return nil, f
		}
		return &plan.Result{Value: parts}, nil
	case "fail":
		return nil, work.NewFailure(plan.FailUser, "%s", arg)
	case "wait":
		r.begun(arg)
		<-ctx.Done()
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	case "stubborn":
		forever(func() { r.begun(arg) })
	case "large":
		return &plan.Result{Value: make([]byte, plan.MaxEncoded)}, nil
	case "fatal":
		_, _ = fmt.Fprintln(os.Stderr, "fatal error: as tests have it")
		os.Exit(2)
	case "grow":
		for all := [][]byte{}; len(all) < 1<<10; {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
	case "killed":
		forever(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	}
	return nil, nil
}

// begun tells the test that something has begun, by asking for a blob.
func (r runner) begun(as string) {
	if as != "" {
		_, _ = r.Blob(plan.Digest(as))
	}
}

type blobs map[plan.Digest]string

func (b blobs) find(_ context.Context, d plan.Digest) (string, error) {
	if path, ok := b[d]; ok {
		return path, nil
	}
	return "", errors.New("nobody has it")
}

// gather is the agent's side of a barrier: it does what the attempt's name says.
func gather(ctx context.Context, attempt string, round int, data []byte) ([][]byte, error) {
	switch {
	case strings.HasSuffix(attempt, "alone"):
		<-ctx.Done() // until the process has ended
		return nil, context.Cause(ctx)
	case strings.HasSuffix(attempt, "nobody"):
		return nil, errors.New("nobody is there")
	case strings.HasSuffix(attempt, "much"):
		return [][]byte{make([]byte, plan.MaxEncoded)}, nil
	}
	return [][]byte{data, fmt.Append(nil, "theirs of ", round)}, nil
}

func start(t *testing.T, kind string, b blobs) (*Process, error) {
	t.Helper()
	return startWith(t, kind, b.find)
}

func startWith(t *testing.T, kind string, find func(context.Context, plan.Digest) (string, error)) (*Process, error) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Options{Path: path, Env: append(os.Environ(), kindVar+"="+kind), Code: code(""), Blob: find, Gather: gather})
	if err == nil {
		t.Cleanup(p.Stop)
	}
	return p, err
}

var launch = &work.Launch{Launch: model.Launch{}, Stage: &plan.Stage{Key: "r"},
	Plan: &work.Plan{Plan: &plan.Plan{Action: "Collect", Stages: []plan.Stage{{Key: "r"}}}}}

func (p *Process) do(ctx context.Context, attempt string) string {
	res, f := p.Run(ctx, launch, &plan.Task{Attempt: attempt})
	if f != nil {
		return fmt.Sprint(f.Class, " ", f.Message)
	}
	return string(res.Value)
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(file, []byte("env"), 0o600); err != nil {
		t.Fatal(err)
	}
	good, wrong := plan.DigestOf([]byte("env")), plan.DigestOf([]byte("other"))
	p, err := start(t, "serves", blobs{good: file, wrong: file})
	if err != nil {
		t.Fatal(err)
	}
	for attempt, want := range map[string]string{
		"echo 1": "Collect r 1", "echo 2": "Collect r 2", "fail so": "1 so", "blob " + string(good): "env",
		"blob " + string(wrong): "has digest", "blob x": "nobody has it", "meet all": "mine theirs of 2", "meet nobody": "1 nobody is there", "meet much": "too large", "meet others": "1 no such attempt runs here", "large": "too large", "nothing": "none of its kind",
	} {
		if attempt == "nothing" {
			continue
		}
		if got := p.do(t.Context(), attempt); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", attempt, got, want)
		}
	}
	for i := range 200 { // more plans than a process keeps
		l := *launch
		l.Plan = &work.Plan{Plan: &plan.Plan{Action: fmt.Sprint("Count ", i), Stages: launch.Plan.Stages}}
		res, f := p.Run(t.Context(), &l, &plan.Task{Attempt: "echo 3"})
		if f != nil || string(res.Value) != fmt.Sprintf("Count %d r 3", i) {
			t.Fatalf("plan %d: %+v, %+v", i, res, f)
		}
	}
	if got := p.do(t.Context(), "echo again"); got != "Collect r again" {
		t.Errorf("after its plan was forgotten: %s", got)
	}
	if got, want := p.do(t.Context(), "nothing"), "4 its executor process ended"; !strings.HasPrefix(got, want) {
		t.Errorf("a report that says nothing: got %s, want %s", got, want)
	}
}

// TestLateInputs: a process gets those that its attempts were told of, or their failure.
func TestLateInputs(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	gone := work.NewFailure(plan.FailFetch, "it is gone")
	gone.Fetch = &plan.FetchSource{Stage: "gone", Map: 7}
	p, err := Start(t.Context(), Options{Path: path, Env: append(os.Environ(), kindVar+"=serves"), Code: code(""), Gather: gather,
		Input: func(task *plan.Task, of plan.StageKey, partition int) ([]byte, *plan.Failure) {
			switch of {
			case "gone":
				return nil, gone
			case "large":
				return make([]byte, plan.MaxEncoded), nil
			}
			return fmt.Append(nil, task.Attempt, " reads ", partition, " of ", of), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	for of, want := range map[string]string{"m": "late m reads 3 of m", "gone": "it is gone", "here": "not told of", "other": "not told of", "part": "not told of",
		"large": "hand over partition 3 of shuffle large: encode"} {
		res, f := p.Run(t.Context(), launch, &plan.Task{Attempt: "late " + of, Inputs: []plan.ShuffleInput{{Stage: "m", Partition: 3, Late: true},
			{Stage: "gone", Partition: 3, Late: true}, {Stage: "large", Partition: 3, Late: true}, {Stage: "here", Partition: 3}, {Stage: "part", Partition: 4, Late: true}}})
		got := ""
		if f != nil {
			got = f.Message
		} else {
			got = string(res.Value)
		}
		if !strings.Contains(got, want) || of == "gone" && !reflect.DeepEqual(f, gone) {
			t.Errorf("%s: got %s, %+v, want %s", of, got, f, want)
		}
	}
}

// TestBlocks: a process gets the blocks that its attempts were sent with, and gives those
// that it keeps.
func TestBlocks(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Options{Path: path, Env: append(os.Environ(), kindVar+"=serves"), Code: code(""), Gather: gather,
		Block: func(_ context.Context, l *work.Launch, task *plan.Task, b plan.Block) (string, error) {
			if l != launch || task.Attempt == "" || b.RDD == "gone" {
				return "", errors.New("it is gone")
			}
			return fmt.Sprint("a file of ", b.RDD, " ", b.Partition), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	for rdd, want := range map[string]string{"c": "a file of c 3", "gone": "1 it is gone", "other": "1 " + errNoBlock.Error()} {
		res, f := p.Run(t.Context(), launch, &plan.Task{Attempt: "bring " + rdd, Blocks: []plan.Block{{RDD: "c", Partition: 3}, {RDD: "gone", Partition: 3}, {RDD: "other"}}})
		got := ""
		if f != nil {
			got = fmt.Sprint(f.Class, " ", f.Message)
		} else {
			got = string(res.Value)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", rdd, got, want)
		}
	}
	file := filepath.Join(t.TempDir(), "block")
	if err := p.Give(t.Context(), plan.Block{RDD: "kept", Partition: 5}, file); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "block 5" {
		t.Errorf("%q, %v", b, err)
	}
	if n, err := p.Keep(t.Context(), plan.Block{RDD: "kept"}, file); n != int64(len("block 5")) || err != nil {
		t.Error(n, err)
	}
	if n, err := p.Keep(t.Context(), plan.Block{RDD: "other"}, file); n != 0 || err == nil || err.Error() != "there is no room" {
		t.Error(n, err)
	}
	if err := p.Give(t.Context(), plan.Block{RDD: "other"}, file); err == nil || err.Error() != "it is not kept" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Give(ctx, plan.Block{RDD: "slow"}, file) }()
	stop := errors.New("stop")
	cancel(stop)
	if err := <-ended; !errors.Is(err, stop) {
		t.Error(err)
	}
	go func() { ended <- p.Give(t.Context(), plan.Block{RDD: "slow"}, file) }()
	p.Kill()
	if err := <-ended; err == nil {
		t.Error("a process that has ended gives a block")
	}
}

// What waits at a barrier for a process ends with it.
func TestTheEndOfWhoWaits(t *testing.T) {
	p, err := start(t, "serves", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() { ended <- p.do(context.Background(), "meet alone") }()
	if got := p.do(t.Context(), "meet all"); got != "mine theirs of 2" {
		t.Errorf("beside one that waits: %s", got)
	}
	p.Kill()
	if got, want := <-ended, "4 its executor process ended"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKill(t *testing.T) {
	var ends sync.Map // what ends an attempt that has begun
	p, err := startWith(t, "serves", func(_ context.Context, d plan.Digest) (string, error) {
		end, _ := ends.Load(d)
		end.(func())()
		return "", errors.New("it is only said so")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if got := string(p.tail.last); !strings.Contains(got, "process.forever") {
			t.Errorf("what it did is not in\n%s", got)
		}
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	ends.Store(plan.Digest("waits"), func() { cancel(errors.New("enough")) })
	if got := p.do(ctx, "wait waits"); got != "7 enough" {
		t.Errorf("got %s", got)
	}
	ctx, kill := context.WithCancelCause(context.Background())
	ends.Store(plan.Digest("hangs"), func() { kill(&work.Killed{Reason: "at once", Dump: true}) })
	hangs := *launch
	hangs.Tasks = []model.Assignment{{Attempt: model.AttemptID{Partition: 3, Seq: 8}}, {Attempt: model.AttemptID{Partition: 4, Seq: 9}}}
	if _, f := p.Run(ctx, &hangs, &plan.Task{Attempt: "stubborn hangs", Partition: 4}); !strings.HasPrefix(f.Message, "its executor process ended: killed by signal 9: gordd: a task is ended") {
		t.Errorf("got %s", f.Message)
	}
	if e := p.Exit(); e.Blamed == nil || *e.Blamed != hangs.Tasks[1].Attempt || e.Said() != "one of its tasks did not end when it was told to" {
		t.Errorf("blamed is %v: %q", e.Blamed, e.Said())
	}
	if got := p.do(t.Context(), "echo"); !strings.HasPrefix(got, "5 hand over the task: ") {
		t.Errorf("afterwards: %s", got)
	}
}

func TestDeath(t *testing.T) {
	for attempt, want := range map[string]string{
		"fatal":  "4 its executor process ended: exit code 2: fatal error: as tests have it",
		"killed": "4 its executor process ended: killed by signal 9",
	} {
		p, err := start(t, "serves", nil)
		if err != nil {
			t.Fatal(err)
		}
		other := make(chan string)
		go func() { other <- p.do(context.Background(), "wait") }()
		if got := p.do(t.Context(), attempt); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := <-other; got != want {
			t.Errorf("the other task: %s", got)
		}
	}
}

// A process that wants more memory than its group has is killed, and the group goes
// with it.
func TestOutOfMemory(t *testing.T) {
	tree, err := cgroup.Open(1, 1<<30)
	if err != nil {
		t.Skipf("no groups here: %v", err)
	}
	defer func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func() *Process {
		t.Helper()
		g, err := tree.New("x", 64<<20) // there is none of the name
		if err != nil {
			t.Fatal(err)
		}
		p, err := Start(t.Context(), Options{Path: path, Env: append(os.Environ(), kindVar+"=serves"), Code: code(""), Group: g})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := start()
	if got, want := p.do(t.Context(), "grow"), "4 its executor process ended: killed because its group had no memory left"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e := p.Exit(); !e.OOM || e.Signal != 9 || e.Peak < 32<<20 {
		t.Errorf("got %+v", e)
	}
	p = start()
	p.Kill()
	<-p.Done()
	if e := p.Exit(); e.OOM || e.Signal != 9 {
		t.Errorf("killed by somebody: %+v", e)
	}
}

func TestStart(t *testing.T) {
	if _, err := start(t, "exits", nil); err == nil || !strings.Contains(err.Error(), "exit code 3: no such file") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(ctx, Options{Path: path, Env: append(os.Environ(), kindVar+"=silent")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Start(t.Context(), Options{Path: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if p, err := start(t, "babbles", nil); err == nil {
		<-p.Done()
		if p.Exit().Signal != 9 {
			t.Errorf("a process that babbles: %s", p.Exit())
		}
	}
}

// A process of another build than the driver's is not let in, and ends.
func TestOtherCode(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), Options{Path: path, Env: append(os.Environ(), kindVar+"=serves", codeVar+"=other"), Code: code("")})
	var bad *CodeError
	if p != nil || !errors.As(err, &bad) || bad.Want != code("") || bad.Got != code("other") {
		t.Fatalf("got %v, %v", p, err)
	}
	for _, d := range []plan.Digest{bad.Want, bad.Got} {
		if !strings.Contains(err.Error(), string(d[:12])) {
			t.Errorf("%q does not name %s", err, d)
		}
	}
}

// What a process writes goes to its log to the end, whoever has started it.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Start(t.Context(), Options{Path: self, Env: append(os.Environ(), kindVar+"=talks"), Log: f}); err == nil || !strings.Contains(err.Error(), "exit code 4") {
		t.Errorf("got %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "line 0\nline 1\n") || !strings.Contains(string(b), "line 99\n") {
		t.Errorf("%v, the log has %q", err, b)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the log is open: %v", err)
	}
	var out tail
	for _, s := range []string{"fat", "al error", ": one\nfatal", " error: two\n", "panic: three\n"} {
		_, _ = out.Write([]byte(s))
	}
	if out.fatal != "fatal error: one" {
		t.Errorf("got %q", out.fatal)
	}
	for e, want := range map[Exit]string{{Tail: "a\nb", Fatal: "fatal error: x"}: "fatal error: x", {Tail: "a\nb"}: "b", {Tail: "a"}: "a", {}: ""} {
		if got := e.Said(); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	var out tail
	for i := range 1000 {
		_, _ = fmt.Fprintf(&out, "line %d\n", i)
	}
	got := out.text()
	if len(got) > tailBytes || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 999") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
