package typed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// The exit codes of programs and of rddctl.
const (
	exitDone      = 0
	exitFailed    = 1   // the job failed
	exitUsage     = 2   // wrong usage or configuration
	exitRefused   = 5   // code is not what it was generated from
	exitPath      = 6   // an input or output path
	exitCancelled = 130 // as a shell says it of SIGINT
)

// patience is how long a program has to end after it was told to. It is a
// little more than running tasks have, so that those can be tidied up.
const patience = 900 * time.Millisecond

var (
	errInterrupted = errors.New("interrupted")
	errOrphaned    = errors.New("interrupted: the process that started this one is gone")
)

// Main runs a program: it calls run with a session, prints its error and ends
// the process. It never returns.
//
// What options say, at most one of them, is overruled by the environment
// (RDD_CORES, RDD_MEMORY=256MiB, RDD_MAX_RESULT, RDD_SCRATCH, RDD_CHECKPOINT_DIR,
// RDD_KEEP_LINEAGE, RDD_ROW_SUMS, RDD_LOG=info, RDD_CLOSURES, RDD_NO_FUSING), and that by rddctl's flags.
//
// Ctrl-C and SIGTERM cancel run's context; a program that has not ended about a
// second later is ended, as it is at once by a second Ctrl-C. Temporary files
// are removed all the same. The exit code is 0 when run returned nil, 1 when it
// returned an error, 2 for that of [Usagef] or a setting that makes no sense, 5
// when rddctl asks for fresh generated code and it is not, 6 when a path cannot
// be read or written, and 130 when it was cancelled.
func Main(run func(ctx context.Context, s *Session) error, options ...Options) {
	p := &program{name: filepath.Base(os.Args[0]), stderr: os.Stderr, seen: make(chan plan.ActionID, 16)}
	os.Exit(p.main(run, options))
}

// Usagef makes an error for a program that is called wrongly: Main prints it
// and exits with 2.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// program is a process under Main.
type program struct {
	name    string
	stderr  io.Writer
	wire    *wire.Conn // nil: the user started it
	explain bool
	tasks   bool               // it runs tasks of another process's session
	seen    chan plan.ActionID // acknowledged last pictures
	session *Session
	cancel  context.CancelCauseFunc

	mu     sync.Mutex
	timer  *time.Timer // ends the process; set when it was told to end
	ending bool        // by itself: too late to be ended
}

func (p *program) main(run func(context.Context, *Session) error, options []Options) (code int) {
	o, err := p.configure(options)
	if err != nil {
		return p.end(err)
	}
	if p.tasks {
		return p.execute(o)
	}
	recorded, err := record(o.profile)
	if err != nil {
		return p.end(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p.cancel = cancel
	if p.session, err = NewSession(ctx, o); err != nil {
		return p.end(&usageError{err})
	}
	defer p.watch()()
	// Deferred too, for a panic in run.
	defer func() { _ = p.session.Close() }()
	if err = run(ctx, p.session); err != nil && p.session.remote != nil {
		p.session.remote.Failed(err)
	}
	closed := errors.Join(p.session.Close(), recorded())
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return p.end(cause)
	}
	return p.end(errors.Join(err, closed))
}

// record begins a CPU profile of this process. The function that it returns writes it to the file, all at once: what is
// there stays when the process does not come to its end.
func record(file string) (write func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return nil, fmt.Errorf("record a profile: %w", err)
	}
	return func() error {
		pprof.StopCPUProfile()
		err := os.WriteFile(file, profile.Bytes(), 0o666)
		var path *fs.PathError
		if errors.As(err, &path) {
			return &storage.PathError{Op: "write profile to", Path: path.Path, Offset: -1, Err: path.Err}
		}
		return err
	}, nil
}

// configure collects the options and answers who started the process.
func (p *program) configure(options []Options) (o Options, err error) {
	switch {
	case len(options) == 1:
		o = options[0]
	case len(options) > 1:
		return o, Usagef("typed.Main takes one Options, not %d", len(options))
	}
	if p.wire, err = wire.Inherited(); err != nil {
		return o, &usageError{err}
	}
	unknown, err := fromEnvironment(&o, os.Environ())
	if err != nil {
		return o, &usageError{err}
	}
	if o.Notices == nil {
		o.Notices = noticeWriter(p.notice)
	}
	if p.wire == nil {
		o.Observe = both(o.Observe, p.progress())
	} else if err := p.handshake(&o); err != nil {
		return o, err
	}
	if len(unknown) > 0 {
		p.notice(fmt.Sprintf("%s: no such setting; there are %s", strings.Join(unknown, ", "), strings.Join(variableNames(), ", ")))
	}
	return o, nil
}

// handshake takes the options of the process that started this one.
func (p *program) handshake(o *Options) error {
	m, err := p.wire.Receive()
	if err != nil {
		return Usagef("talk to what started the program: %w", err)
	}
	w, ok := m.(*wire.Options)
	if !ok {
		return Usagef("talk to what started the program: got %T first", m)
	}
	fromWire(o, w)
	shipped.Store(&w.Files)
	if err := p.wire.Send(&wire.Started{Program: p.name, PID: os.Getpid(), Code: rdd.Code()}); err != nil {
		return Usagef("talk to what started the program: %w", err)
	}
	o.Observe = both(o.Observe, p.report)
	if p.tasks = w.Executor; w.Cluster {
		if err := p.join(o); err != nil {
			return err
		}
	}
	if p.explain = w.Explain; p.explain {
		o.explain = p.explained
		return nil // of stale code too
	}
	if o.fresh {
		return rdd.CheckFresh()
	}
	return nil
}

// end prints the error, says goodbye and gives the exit code. Of two calls the
// second never returns: the first one ends the process.
func (p *program) end(err error) int {
	p.mu.Lock()
	again := p.ending
	p.ending = true
	p.mu.Unlock()
	if again {
		select {}
	}
	code := exitCode(err)
	if err != nil {
		_, _ = fmt.Fprintln(p.stderr, p.name+": "+errorText(err))
	}
	if p.wire != nil {
		_ = p.wire.Send(&wire.Ended{Code: code})
		_ = p.wire.Close()
	}
	return code
}

// errorText is the error in a line, with the user's frames below where it was a
// panic.
func errorText(err error) string {
	text := err.Error()
	var stage *plan.StageError
	if errors.As(err, &stage) && stage.Stack != "" {
		text += "\n" + strings.TrimRight(stage.Stack, "\n")
	}
	return text
}

func exitCode(err error) int {
	var usage *usageError
	var code *rdd.CodeError
	var stage *plan.StageError
	var file *storage.PathError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted), errors.Is(err, errOrphaned):
		return exitCancelled
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &code):
		return exitRefused
	case errors.As(err, &stage):
		if stage.Class == plan.FailInput || stage.Class == plan.FailResource && stage.Path != "" {
			return exitPath
		}
	case errors.As(err, &file):
		return exitPath
	}
	return exitFailed
}

// watch follows signals and the wire, until the returned function is called.
func (p *program) watch() (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-signals:
				p.interrupt(errInterrupted, p.told())
			case <-quit:
				return
			}
		}
	})
	if p.wire != nil {
		done.Go(func() { p.listen(quit) })
	}
	return func() {
		p.mu.Lock()
		p.ending = true
		if p.timer != nil {
			p.timer.Stop()
		}
		p.mu.Unlock()
		signal.Stop(signals)
		close(quit)
		if p.wire != nil {
			_ = p.wire.Close()
		}
		done.Wait()
	}
}

// listen takes what comes over the wire.
func (p *program) listen(quit <-chan struct{}) {
	for {
		m, err := p.wire.Receive()
		if err != nil {
			select {
			case <-quit:
			default:
				p.interrupt(errOrphaned, false)
				if p.session.remote != nil {
					p.session.remote.Gone(errOrphaned)
				}
			}
			return
		}
		if p.session.remote != nil && p.session.remote.Heed(m) {
			continue
		}
		switch m := m.(type) {
		case *wire.Seen:
			select {
			case p.seen <- m.ID:
			default:
			}
		case *wire.Cancel:
			p.interrupt(errInterrupted, m.Now)
		}
	}
}

// told says whether the process was told to end.
func (p *program) told() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timer != nil
}

// interrupt tells the program to end, and ends it when it does not.
func (p *program) interrupt(cause error, now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return
	}
	if p.timer == nil {
		p.cancel(cause)
		p.timer = time.AfterFunc(patience, func() { p.kill(cause) })
	}
	if now {
		p.timer.Reset(0)
	}
}

// kill ends the process with what can be tidied up.
func (p *program) kill(cause error) {
	for range 3 { // tasks that still run may make files meanwhile
		if p.session.scratch.Remove() == nil {
			break
		}
	}
	os.Exit(p.end(cause))
}
