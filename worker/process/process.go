package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gordd-project/gordd/internal/cgroup"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// hello is how long a process has to answer once it was started.
	hello = 20 * time.Second
	// grace is how long a task has to end after it was told to; then its process
	// is killed.
	grace = 2 * time.Second
	// farewell is how long a process has to end after its wire was closed.
	farewell = time.Second
	// tailBytes is how much of what a process wrote last is kept for messages.
	tailBytes = 4 << 10
)

// Options say what to start.
type Options struct {
	Path string   // of the program
	Args []string // as the driver has them
	Dir  string   // in which it runs
	Env  []string
	Wire wire.Options
	// Code is the driver's: a process that says it has other code is not let in.
	Code plan.Digest
	// Log takes what the process writes to standard output and error, and is
	// closed with its end; nil discards it.
	Log *os.File
	// Group bounds what the process takes, and is removed with its end; nil: nothing
	// does.
	Group *cgroup.Group
	// Blob gives the file that holds a blob. It is called from several
	// goroutines, and may take its time.
	Blob func(ctx context.Context, d plan.Digest) (path string, err error)
	// Block brings a block of a cached RDD that other workers keep, for an attempt, and
	// gives the file that it is in. It is called from several goroutines; nil: none does.
	Block func(ctx context.Context, l *work.Launch, t *plan.Task, b plan.Block) (path string, err error)
	// Input brings a partition of a shuffle that an attempt was not given, and gives its
	// parts. It is called from several goroutines; nil: all are given everything.
	Input func(t *plan.Task, of plan.StageKey, partition int) (parts []byte, f *plan.Failure)
	// Gather waits at a barrier for an attempt. It is called from several goroutines.
	Gather func(ctx context.Context, attempt string, round int, data []byte) ([][]byte, error)
	// Progress is told how far attempts are; nil: nobody wants to know.
	Progress func([]plan.Progress)
}

func (o *Options) close() error {
	err := o.Group.Remove()
	if o.Log != nil {
		err = errors.Join(err, o.Log.Close())
	}
	return err
}

// Exit is how a process ended.
type Exit struct {
	Code   int
	Signal int    // that killed it, 0: none
	OOM    bool   // it was killed because its group had no memory left
	Peak   int64  // bytes of memory that its group had at most; 0: not known
	Tail   string // what it wrote last to standard error
	Fatal  string // the line in which Go names what ended it; "": there is none
	// Blamed is an attempt that did not heed its end, for which the process was
	// killed; nil: it was not.
	Blamed *model.AttemptID
}

// Process is a running executor. Its methods may be called from several
// goroutines.
type Process struct {
	o    Options
	cmd  *exec.Cmd
	conn *wire.Conn
	tail *tail
	ctx  context.Context // ends with the process
	stop context.CancelFunc
	done chan struct{} // closed when the process has ended
	exit Exit          // once done
	code plan.Digest   // once it has answered

	mu    sync.Mutex
	seq   uint64
	ends  map[uint64]chan *wire.TaskEnded
	plans work.Plans[struct{}] // that it was sent
	names map[string]*attempt  // those that run
	calls map[uint64]chan *wire.BlockDone
	// blamed is what the exit says.
	blamed *model.AttemptID
}

// attempt is one that runs in the process.
type attempt struct {
	ctx    context.Context
	launch *work.Launch
	task   *plan.Task
}

// CodeError says that a process has other code than the driver of its job: what
// they compute could not be put together.
type CodeError struct{ Want, Got plan.Digest }

// Error names both, and what to do.
func (e *CodeError) Error() string {
	return fmt.Sprintf("the program for %s has code %.12s, and the driver has %.12s: build both from the same sources and submit them again", plan.Here, e.Got, e.Want)
}

// Start starts an executor and waits until it has answered. The error is a
// *CodeError when it was answered by other code than the driver's.
func Start(ctx context.Context, o Options) (*Process, error) {
	conn, theirs, err := wire.Pair()
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	p := &Process{o: o, conn: conn, tail: &tail{}, done: make(chan struct{}),
		ends: map[uint64]chan *wire.TaskEnded{}, names: map[string]*attempt{}, calls: map[uint64]chan *wire.BlockDone{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.cmd = exec.Command(o.Path, o.Args...)
	p.cmd.Dir, p.cmd.Env = o.Dir, append(o.Env, wire.EnvVar+"=3")
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.SysProcAttr = Attributes()
	p.tail.to = o.Log
	p.cmd.Stderr = p.tail
	if o.Log != nil {
		p.cmd.Stdout = o.Log
	}
	err = errors.Join(o.Group.Start(p.cmd), theirs.Close())
	if err != nil {
		p.stop()
		return nil, errors.Join(fmt.Errorf("start executor %s: %w", filepath.Base(o.Path), err), conn.Close(), o.close())
	}
	started := make(chan struct{})
	go p.listen(started)
	go p.await()
	if err := conn.Send(&o.Wire); err != nil && !errors.Is(err, syscall.EPIPE) {
		p.Kill()
	}
	late := time.NewTimer(hello)
	defer late.Stop()
	select {
	case <-started:
		if p.code == o.Code {
			return p, nil
		}
		err = &CodeError{Want: o.Code, Got: p.code}
	case <-p.done:
		return nil, fmt.Errorf("executor %s ended at its start: %s", filepath.Base(o.Path), p.exit)
	case <-late.C:
		err = fmt.Errorf("executor %s did not answer within %s: does it call typed.Main?", filepath.Base(o.Path), hello)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.Kill()
	<-p.done
	return nil, err
}

// String says it in words.
func (e Exit) String() string {
	text := fmt.Sprintf("exit code %d", e.Code)
	switch {
	case e.OOM:
		text = "killed because its group had no memory left"
	case e.Signal != 0:
		text = fmt.Sprintf("killed by signal %d", e.Signal)
	}
	if e.Tail != "" {
		text += ": " + e.Tail
	}
	return text
}

// Said gives the line of what it wrote that says most about its end: that of a
// fatal error or panic, or else the last one.
func (e Exit) Said() string {
	if e.Blamed != nil {
		return "one of its tasks did not end when it was told to"
	}
	if e.Fatal != "" {
		return e.Fatal
	}
	return e.Tail[strings.LastIndexByte(e.Tail, '\n')+1:]
}

// await waits for the end of the process and of all that waits for it.
func (p *Process) await() {
	_ = p.cmd.Wait()
	st := p.cmd.ProcessState
	p.exit = Exit{Code: st.ExitCode(), Tail: p.tail.text(), Fatal: p.tail.fatal}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		p.exit.Signal = int(ws.Signal())
	}
	used := p.o.Group.Usage()
	p.exit.Peak, p.exit.OOM = used.Peak, used.Killed && p.exit.Signal == int(syscall.SIGKILL)
	p.mu.Lock()
	p.exit.Blamed = p.blamed
	p.mu.Unlock()
	_ = p.conn.Close()
	_ = p.o.close()
	p.stop()
	close(p.done)
}

// listen takes what the process tells until the wire ends, and sees to it that
// the process ends too. One that says what makes no sense is killed.
func (p *Process) listen(started chan<- struct{}) {
	for {
		m, err := p.conn.Receive()
		if err != nil {
			p.expire()
			return
		}
		switch m := m.(type) {
		case *wire.Started:
			if started != nil {
				p.code = m.Code
				close(started)
				started = nil
			}
		case *wire.TaskEnded:
			p.ended(m)
		case *wire.WantBlob:
			go p.find(m.Digest)
		case *wire.Arrive:
			go p.gather(m)
		case *wire.WantBlock:
			go p.bring(m)
		case *wire.WantInput:
			go p.input(m)
		case *wire.BlockDone:
			p.called(m)
		case *wire.Progress:
			if p.o.Progress != nil {
				p.o.Progress(m.Tasks)
			}
		case *wire.Notice, *wire.Ended:
		default:
			p.Kill()
			return
		}
	}
}

func (p *Process) ended(m *wire.TaskEnded) {
	p.mu.Lock()
	end := p.ends[m.Seq]
	delete(p.ends, m.Seq)
	p.mu.Unlock()
	if end != nil {
		end <- m
	}
}

func (p *Process) find(d plan.Digest) {
	at := &wire.BlobAt{Digest: d}
	path, err := p.o.Blob(p.ctx, d)
	if at.Path = path; err != nil {
		at.Path, at.Error = "", err.Error()
	}
	_ = p.conn.Send(at)
}

func (p *Process) gather(m *wire.Arrive) {
	g := &wire.Gathered{Attempt: m.Attempt, Round: m.Round}
	var err error
	if g.Data, err = p.gathered(m); err != nil {
		g.Error = err.Error()
	}
	p.answer(g, func(why error) wire.Message {
		return &wire.Gathered{Attempt: m.Attempt, Round: m.Round, Error: why.Error()}
	})
}

// answer sends what somebody in the process waits for, or else that it is too large: who
// got no answer would stand still until that is held against the task.
func (p *Process) answer(m wire.Message, instead func(why error) wire.Message) {
	if err := p.conn.Send(m); errors.Is(err, plan.ErrTooLarge) {
		_ = p.conn.Send(instead(err))
	}
}

// gathered waits for the others of an attempt, which must be one of the process's
// own: names of others can be guessed.
func (p *Process) gathered(m *wire.Arrive) ([][]byte, error) {
	p.mu.Lock()
	ours := p.names[m.Attempt]
	p.mu.Unlock()
	if ours == nil {
		return nil, errors.New("no such attempt runs here")
	}
	return p.o.Gather(p.ctx, m.Attempt, m.Round, m.Data)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how it ended, once Done is closed.
func (p *Process) Exit() Exit { return p.exit }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process at once.
func (p *Process) Kill() {
	select {
	case <-p.done: // its number may be another's by now
	default:
		killGroup(p.cmd.Process)
	}
}

// Stop closes the wire, at which a process ends by itself, and kills it when it
// does not. It returns when the process has ended.
func (p *Process) Stop() {
	_ = p.conn.Close()
	<-p.done
}

// expire waits for the end of a process without a wire, which is of no more use.
func (p *Process) expire() {
	late := time.NewTimer(farewell)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.Kill()
	}
}

// ForgetStages says that no task reads shuffles, or the rows of cached RDDs, any more.
// A process that does not take it has ended, or will.
func (p *Process) ForgetStages(keys []plan.StageKey) {
	for _, key := range keys {
		_ = p.conn.Send(&wire.ForgetShuffle{Stage: key})
	}
}

// ErrGone is wrapped by the cause of failures of tasks whose process ended.
var ErrGone = errors.New("its executor process ended")

// Run runs one attempt in the process.
func (p *Process) Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure) {
	seq, end, err := p.send(&attempt{ctx, l, t})
	if err != nil { // it never ran, so it is not to blame for the end of the process either
		return nil, work.NewFailure(plan.FailInfra, "hand over the task: %v", err)
	}
	defer p.forget(t)
	var told <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case m := <-end:
			return m.Result, m.Failure
		case <-p.done:
			return nil, p.gone()
		case <-done:
			done = nil
			why := context.Cause(ctx)
			var k *work.Killed
			_ = p.conn.Send(&wire.KillTask{Seq: seq, Reason: why.Error(), Dump: errors.As(why, &k) && k.Dump})
			late := time.NewTimer(grace)
			defer late.Stop()
			told = late.C
		case <-told:
			p.blame(l, t)
			p.Kill()
		}
	}
}

func (p *Process) forget(t *plan.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, t.Attempt)
}

// blame takes note of whose fault it is that the process is killed: the first one's.
func (p *Process) blame(l *work.Launch, t *plan.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range l.Tasks {
		if id := l.Tasks[i].Attempt; id.Partition == t.Partition && p.blamed == nil {
			p.blamed = &id
		}
	}
}

// gone is the failure of a task whose process ended.
func (p *Process) gone() *plan.Failure {
	return work.NewFailure(plan.FailCrash, "%v: %s", ErrGone, p.exit)
}

// send hands a task over, after its plan where that is new to the process.
func (p *Process) send(a *attempt) (uint64, <-chan *wire.TaskEnded, error) {
	l, t := a.launch, a.task
	digest, encoded, err := l.Plan.Encoded()
	if err != nil {
		return 0, nil, err
	}
	end := make(chan *wire.TaskEnded, 1)
	p.mu.Lock()
	defer p.mu.Unlock() // tasks must not overtake their plan
	p.seq++
	seq := p.seq
	if err := p.sendPlan(digest, encoded); err != nil {
		return 0, nil, err
	}
	p.ends[seq], p.names[t.Attempt] = end, a
	if err := p.conn.Send(&wire.RunTask{Seq: seq, Plan: digest, Stage: l.Stage.Key, Task: *t}); err != nil {
		delete(p.ends, seq)
		delete(p.names, t.Attempt)
		return 0, nil, err
	}
	return seq, end, nil
}

// sendPlan sends a plan that the process does not know, and has it forget the oldest
// one, of which each task has its own reference. It is called with the lock.
func (p *Process) sendPlan(d plan.Digest, encoded []byte) error {
	if _, ok := p.plans.Get(d); ok {
		return nil
	}
	if err := p.conn.Send(&wire.TaskPlan{Digest: d, Plan: encoded}); err != nil {
		return err
	}
	if old, ok := p.plans.Put(d, struct{}{}); ok {
		return p.conn.Send(&wire.ForgetPlan{Digest: old})
	}
	return nil
}

// tail passes bytes on and keeps the last of them, and the line in which Go says
// what ended the process: that stands before stacks of any length.
type tail struct {
	mu    sync.Mutex
	to    *os.File
	last  []byte
	line  []byte // the beginning of the last line
	fatal string
}

// lineBytes is how much of a line is looked at.
const lineBytes = 512

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	for rest := b; t.fatal == "" && len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		t.line = append(t.line, line[:min(len(line), lineBytes-len(t.line))]...)
		if rest = after; whole {
			t.look()
			t.line = t.line[:0]
		}
	}
	if t.to != nil {
		_, _ = t.to.Write(b) // a full disk must not break the process's pipe
	}
	return len(b), nil
}

// look sees whether a line names the end of the process.
func (t *tail) look() {
	for _, begin := range []string{"fatal error: ", "panic: "} {
		if bytes.HasPrefix(t.line, []byte(begin)) {
			t.fatal = string(t.line)
		}
	}
}

// text is the tail from its first whole line on.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.last
	if len(b) == tailBytes {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return strings.TrimSpace(string(b))
}
