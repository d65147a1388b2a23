package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Watcher is told what a program does. Its methods are called one at a time.
type Watcher interface {
	// Status takes a picture of an action. After the last one of an action the
	// program waits until Status has returned.
	Status(s *plan.ActionStatus)
	// Notice takes something that the user should know.
	Notice(program, text string)
	// Explained takes an action that was explained.
	Explained(x *wire.Explained)
}

// Cluster is a job of a cluster that a program drives.
type Cluster interface {
	// Join is called once, when the program has answered so. What it sends goes to
	// the program, also later.
	Join(s *wire.Started, send func(...wire.Message) error) error
	// Heed takes what the program says to its cluster; other messages are none of
	// its own.
	Heed(m wire.Message)
}

// Run says how a program is run.
type Run struct {
	// Cluster is what the program drives; nil lets it run by itself.
	Cluster Cluster
	Args    []string
	Options wire.Options
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File
	Watcher Watcher

	// Dir is where the program runs, Env its environment, and Attributes how its
	// process is made; the defaults are this process's.
	Dir        string
	Env        []string
	Attributes *syscall.SysProcAttr
	// Interrupts are passed on to the program; nil stands for those of this process.
	// The first asks it to end, the second leaves it no time.
	Interrupts <-chan os.Signal
}

// Outcome is how a program ended.
type Outcome struct {
	Code  int
	Typed bool // it called typed.Main
}

// lastWords is how long a wire is read after the program's end.
const lastWords = time.Second

// stubborn is how long a program has after it was told to end, before it is
// killed. One under typed.Main ends by itself long before.
const stubborn = 5 * time.Second

// Do runs the program at a path to its end.
func (r *Run) Do(ctx context.Context, path string) (Outcome, error) {
	conn, theirs, err := wire.Pair()
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = conn.Close() }()
	cmd := exec.CommandContext(ctx, path, r.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Stdin, r.Stdout, r.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Dir, cmd.SysProcAttr = r.Dir, r.Attributes
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(slices.Clip(env), wire.EnvVar+"=3")
	c := &child{run: r, cmd: cmd, conn: conn}
	signals := r.Interrupts
	if signals == nil {
		own := make(chan os.Signal, 4)
		signal.Notify(own, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(own)
		signals = own
	}
	err = errors.Join(cmd.Start(), theirs.Close())
	if err != nil {
		return Outcome{}, &Error{Code: CodeUsage, Err: fmt.Errorf("start %s: %w", path, err)}
	}
	// A program that reads nothing gets it into the socket's buffer; one that has
	// ended already says by its exit code what there is to say.
	r.Options.Cluster = r.Cluster != nil
	if err := conn.Send(&r.Options); err != nil && !errors.Is(err, syscall.EPIPE) {
		return Outcome{}, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return c.wait(signals)
}

// child is a running program.
type child struct {
	run  *Run
	cmd  *exec.Cmd
	conn *wire.Conn

	name  atomic.Pointer[string] // set once the program has answered
	heard chan struct{}          // closed when the wire has ended
	err   error                  // of the wire, if it ended badly
	// refused is why there is no job for the program.
	refused error
}

func (c *child) wait(signals <-chan os.Signal) (Outcome, error) {
	c.heard = make(chan struct{})
	go c.listen()
	quit, passed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(passed)
		c.pass(signals, quit)
	}()
	err := c.cmd.Wait()
	close(quit)
	<-passed
	late := time.AfterFunc(lastWords, func() { _ = c.conn.Close() }) // somebody else may hold their end
	<-c.heard
	late.Stop()
	out := Outcome{Code: exitCode(c.cmd.ProcessState), Typed: c.name.Load() != nil}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return out, err
	}
	if c.refused != nil {
		return out, c.refused
	}
	return out, c.err
}

// exitCode is the program's, or 128 and the signal that ended it, as shells
// have it.
func exitCode(st *os.ProcessState) int {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return st.ExitCode()
}

// pass hands interrupts on. A program under typed.Main is told over the wire: a
// terminal has sent it its own signal too, and two would mean "at once".
func (c *child) pass(signals <-chan os.Signal, quit <-chan struct{}) {
	told := false
	var kill <-chan time.Time
	for {
		select {
		case s := <-signals:
			if c.name.Load() == nil {
				_ = c.cmd.Process.Signal(s)
			} else {
				_ = c.conn.Send(&wire.Cancel{Now: told})
			}
			if !told {
				told, kill = true, time.After(stubborn)
			}
		case <-kill:
			_ = c.cmd.Process.Kill()
		case <-quit:
			return
		}
	}
}

// listen hands on what the program tells.
func (c *child) listen() {
	defer close(c.heard)
	for {
		m, err := c.conn.Receive()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				c.err = fmt.Errorf("talk to %s: %w", c.cmd.Path, err)
				_ = c.cmd.Process.Kill()
			}
			return
		}
		c.heed(m)
	}
}

func (c *child) heed(m wire.Message) {
	switch m := m.(type) {
	case *wire.Started:
		c.name.Store(&m.Program)
		if c.run.Cluster != nil {
			if err := c.run.Cluster.Join(m, c.conn.Send); err != nil {
				c.refused = err
				_ = c.conn.Send(&wire.JobEnd{Why: err.Error()})
			}
		}
	case *plan.ActionStatus:
		c.run.Watcher.Status(m)
		if m.State.Ended() {
			_ = c.conn.Send(&wire.Seen{ID: m.ID})
		}
	case *wire.Notice:
		name := "program"
		if n := c.name.Load(); n != nil {
			name = *n
		}
		c.run.Watcher.Notice(name, m.Text)
	case *wire.Explained:
		c.run.Watcher.Explained(m)
	default:
		if c.run.Cluster != nil {
			c.run.Cluster.Heed(m)
		}
	}
}
