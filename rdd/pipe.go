package rdd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Command is an external program with what it is started with.
type Command struct {
	Args []string // the program, by name or path, and its arguments
	Env  []string // variables, as NAME=value, beside those of the process
	Dir  string   // where it runs; "": where the process does
}

const (
	pipeChunk  = 64 << 10 // of text that goes to a program, or comes, at a time
	pipeLine   = 64 << 20 // the longest line that a program may write
	pipeErrors = 4 << 10  // of the end of its standard error is kept
	pipeWait   = 5 * time.Second
)

// PipeOp gives the rows of each partition to a program, as lines, and takes the lines
// that it writes. The Command travels with it.
func PipeOp[T any]() *Op {
	return valued(func(c Command) *Op {
		return of((*T)(nil), one("Pipe", nil, pipePart((*Rows[T])(nil), c)))
	})
}

//go:noinline
func pipePart(like batch, c Command) *Across {
	return &Across{run: func(t *Task, _ place, in Run, next Feed) error {
		row := sliceOf(like).Elem()
		line, err := textOf(row)
		if err != nil {
			return err
		}
		p, err := startPiped(c)
		if err != nil {
			return err
		}
		defer p.end()
		// A cancelled task may be waiting for the program, here or in its input.
		defer context.AfterFunc(t, p.kill)()
		x := &piping{t: t, p: p, line: line, size: row.Size(), out: emitter[string](next)}
		if err := x.run(in); err != nil {
			return err
		}
		if t.stopped() {
			return context.Cause(t)
		}
		return nil
	}}
}

// piping is a partition on its way through a program. What others do of it they do in
// goroutines of piped: rows come and go in that of the task.
type piping struct {
	t    *Task
	p    *piped
	line textAppender
	size uintptr // of a row
	text []byte  // for the program
	out  *Rows[string]
	done bool // no more rows are wanted
}

func (x *piping) run(in Run) error {
	err := in(x.feed)
	if err != nil || x.done || x.t.stopped() {
		return err
	}
	x.send()
	close(x.p.in)
	for lines := range x.p.out {
		if !x.take(lines) {
			return nil
		}
	}
	if x.t.stopped() || !x.out.Flush() {
		return nil
	}
	return x.p.wait()
}

// feed writes rows as lines. It says whether both sides want more.
func (x *piping) feed(b any) bool {
	in := b.(batch).raw()
	rows := in.rows()
	for i := range rows.Len {
		in.Row = i
		before := len(x.text)
		text, err := x.line(x.text, unsafe.Add(rows.Data, uintptr(i)*x.size))
		if err != nil {
			x.text = text[:before]
			x.t.Reject(rowOf(b, i), err)
			continue
		}
		x.text = append(text, '\n')
		if len(x.text) >= pipeChunk && !x.send() {
			return false
		}
	}
	if !x.send() {
		return false
	}
	x.done = !x.out.Flush()
	return !x.done
}

// send hands text to the program, and takes what it writes meanwhile: it may not read
// on before somebody does.
func (x *piping) send() bool {
	for len(x.text) > 0 {
		select {
		case x.p.in <- x.text:
			x.text = nil
		case <-x.p.deaf:
			x.text = nil
			return false
		case lines, ok := <-x.p.out:
			if !ok {
				return false // it is over, and wait says how
			}
			if !x.take(lines) {
				return false
			}
		case <-x.t.done:
			return false
		}
	}
	return !x.t.stopped()
}

func (x *piping) take(lines []string) bool {
	for _, line := range lines {
		if !x.out.Push(line) && !x.out.Flush() {
			x.done = true
			return false
		}
	}
	return true
}

// piped is a program that runs, with a goroutine for each of its ends.
type piped struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr lastWords
	in     chan []byte   // text for it; closed: that was all
	deaf   chan struct{} // closed when it reads no more
	out    chan []string // lines of it; closed: those were all
	over   chan struct{} // closed when nobody takes them any more
	failed error         // why its lines ended early, once out is closed

	goroutines sync.WaitGroup
	once       sync.Once
	waited     error

	mu   sync.Mutex
	dead bool // it was waited for
}

func startPiped(c Command) (*piped, error) {
	p := &piped{name: c.Args[0], in: make(chan []byte), deaf: make(chan struct{}), out: make(chan []string), over: make(chan struct{})}
	p.cmd = exec.Command(c.Args[0], c.Args[1:]...) //nolint:gosec // running it is what is asked for
	p.cmd.Dir, p.cmd.Stderr, p.cmd.WaitDelay = c.Dir, &p.stderr, pipeWait
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.SysProcAttr = ownGroup()
	var err, err2 error
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		p.stdout, err2 = p.cmd.StdoutPipe()
	}
	if err = errors.Join(err, err2); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start %q: %w", p.name, err)
	}
	p.goroutines.Go(p.write)
	p.goroutines.Go(p.read)
	return p, nil
}

// write gives the program its rows until it takes no more of them, which is its own
// affair: how it ends says whether that is well.
func (p *piped) write() {
	defer func() { _ = p.stdin.Close() }()
	for {
		select {
		case text, ok := <-p.in:
			if !ok {
				return
			}
			if _, err := p.stdin.Write(text); err != nil {
				close(p.deaf)
				return
			}
		case <-p.over:
			return
		}
	}
}

// read hands on lines as they come: many at a time where there are many.
func (p *piped) read() {
	defer close(p.out)
	r := bufio.NewReaderSize(p.stdout, pipeChunk)
	var lines []string
	bytes := 0
	for {
		line, err := readLine(r)
		if err == nil {
			lines = append(lines, line)
			bytes += len(line)
		} else if !errors.Is(err, io.EOF) {
			p.failed = err
		}
		if len(lines) > 0 && (err != nil || r.Buffered() == 0 || len(lines) == BatchRows || bytes >= pipeChunk) {
			select {
			case p.out <- lines:
			case <-p.over:
				return
			}
			lines, bytes = nil, 0
		}
		if err != nil {
			return
		}
	}
}

var errPipeLine = fmt.Errorf("it wrote a line of more than %d bytes", pipeLine)

// readLine gives a line without its end. The last one may have none.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > pipeLine {
			return "", errPipeLine
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
		default:
			return "", err
		}
	}
}

// wait waits until the program has ended, after its last line, and says how.
func (p *piped) wait() error {
	if errors.Is(p.failed, errPipeLine) {
		return fmt.Errorf("program %q: %w", p.name, p.failed)
	}
	err := errors.Join(p.failed, p.reap())
	if err == nil {
		return nil
	}
	if said := p.stderr.String(); said != "" {
		return fmt.Errorf("program %q: %w: it said: %s", p.name, err, said)
	}
	return fmt.Errorf("program %q: %w", p.name, err)
}

func (p *piped) reap() error {
	p.once.Do(func() {
		p.waited = p.cmd.Wait()
		if errors.Is(p.waited, exec.ErrWaitDelay) {
			p.waited = nil // a process that it left has its standard error
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dead = true
		killGroup(p.cmd.Process) // what it has left running
	})
	return p.waited
}

// kill ends the program and those that it has started.
func (p *piped) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		killGroup(p.cmd.Process)
	}
	_ = p.stdout.Close() // which a program in a group of its own may have, too
}

// end ends what still runs, and waits for it.
func (p *piped) end() {
	close(p.over)
	p.kill()
	_ = p.reap() // its end was not its own, or was told before
	p.goroutines.Wait()
}

// lastWords keeps the end of what is written to it.
type lastWords struct {
	mu  sync.Mutex
	end []byte
	cut bool
}

func (b *lastWords) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(p)
	if len(p) > pipeErrors {
		p, b.cut = p[len(p)-pipeErrors:], true
	}
	b.end = append(b.end, p...)
	if more := len(b.end) - pipeErrors; more > 0 {
		b.end, b.cut = append(b.end[:0], b.end[more:]...), true
	}
	return n, nil
}

func (b *lastWords) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(b.end), "\uFFFD"))
	if b.cut {
		text = "… " + text
	}
	return text
}
