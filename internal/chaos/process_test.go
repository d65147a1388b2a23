//go:build linux

package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a process that a test started, in a group of its own.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	at   time.Time     // and when that was

	mu    sync.Mutex
	lines []line        // of its standard output and error
	more  chan struct{} // closed when there is another one
}

// line is something that a process said, and when it came.
type line struct {
	text string
	at   time.Time
}

// start starts a command. It ends with this process, however that ends.
func start(name, dir string, env []string, command ...string) (*process, error) {
	p := &process{name: name, done: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir, p.cmd.Env = dir, env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	_ = w.Close()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(r)
	}()
	go func() {
		_ = p.cmd.Wait()
		p.at = time.Now()
		select { // what it started may hold its end of the pipe
		case <-read:
		case <-time.After(time.Second):
		}
		_ = r.Close()
		close(p.done)
	}()
	return p, nil
}

func (p *process) read(r io.Reader) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, line{s.Text(), time.Now()})
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// said waits for a line with a text in it. It gives false when the process has
// ended without one.
func (p *process) said(text string) bool {
	_, ok := p.says(0, patience, text)
	return ok
}

// count gives the number of lines that it has written.
func (p *process) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// says waits for a line with all of some texts in it, behind the first so many.
func (p *process) says(from int, limit time.Duration, texts ...string) (line, bool) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for ended := false; ; {
		p.mu.Lock()
		lines, more := p.lines[from:], p.more
		p.mu.Unlock()
		for _, l := range lines {
			if from++; l.has(texts) {
				return l, true
			}
		}
		if ended {
			return line{}, false
		}
		select {
		case <-more:
		case <-p.done:
			ended = true
		case <-late.C:
			return line{}, false
		}
	}
}

// times counts the lines with all of some texts in them, behind the first so many.
func (p *process) times(from int, texts ...string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines[from:] {
		if l.has(texts) {
			n++
		}
	}
	return n
}

func (l line) has(texts []string) bool {
	for _, t := range texts {
		if !strings.Contains(l.text, t) {
			return false
		}
	}
	return true
}

// tail gives the last lines that it wrote.
func (p *process) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for i, l := range p.lines[max(0, len(p.lines)-n):] {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l.text)
	}
	return b.String()
}

// signal sends a signal to its group.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done: // its number may be another's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// kill ends it at once.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// ended waits for its end, for so long.
func (p *process) ended(d time.Duration) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-p.done:
		return true
	case <-late.C:
		return false
	}
}

// children gives the processes that one has started and that live.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (name, with anything in it) state ppid …
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// patience is how long anything may take before a test gives it up.
const patience = 3 * time.Minute

// until waits for something that other processes do, and says how long it took.
func until(what string, limit time.Duration, f func() bool) (time.Duration, error) {
	begun := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Since(begun) > limit {
			return limit, fmt.Errorf("not within %s: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(begun), nil
}

func TestProcess(t *testing.T) {
	p, err := start("sh", t.TempDir(), []string{"A=b"}, "/bin/sh", "-c", "echo one $A; echo two; sleep 1000 & wait")
	if err != nil {
		t.Fatal(err)
	}
	if !p.said("one b") || !p.said("two") {
		t.Errorf("it said %q", p.tail(9))
	}
	var kids []int
	if _, err := until("a child", patience, func() bool { kids = children(p.cmd.Process.Pid); return len(kids) == 1 }); err != nil {
		t.Fatal(err)
	}
	if p.ended(time.Millisecond) {
		t.Error("it has ended")
	}
	if n := p.times(0, "o"); n != 2 || p.count() != 2 || p.times(1, "one") != 0 {
		t.Errorf("of %d lines %d have an o", p.count(), n)
	}
	if l, ok := p.says(1, time.Millisecond, "t", "o"); !ok || l.text != "two" || time.Since(l.at) > patience {
		t.Errorf("it says %v", l)
	}
	if l, ok := p.says(0, time.Millisecond, "one", "two"); ok {
		t.Errorf("it says %v", l)
	}
	p.kill()
	if _, err := until("the child has ended", patience, func() bool { return !alive(kids[0]) }); err != nil {
		t.Error(err)
	}
	if p.said("three") || p.tail(1) != "two" {
		t.Errorf("it said %q", p.tail(9))
	}
	p.signal(syscall.SIGKILL) // nobody
	if _, err := start("none", "", nil, "/no/such/command"); err == nil {
		t.Error("what is not there was started")
	}
	if _, err := until("the impossible", time.Millisecond, func() bool { return false }); err == nil {
		t.Error("the impossible has come")
	}
}

// alive says whether a process is there, and no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// throttle leaves a process, and what its worker starts later, so many per cent of
// a CPU's time.
func throttle(pid, percent int) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return err
	}
	const period = 100_000 // microseconds
	quota := strconv.Itoa(percent * period / 100)
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		all := filepath.Dir(f[2]) // the groups of its worker
		switch {
		case slices.Contains(strings.Split(f[1], ","), "cpu"):
			return os.WriteFile(filepath.Join("/sys/fs/cgroup/cpu", all, "cpu.cfs_quota_us"), []byte(quota), 0o600)
		case f[0] == "0" && strings.Contains(all, "gordd-"):
			return os.WriteFile(filepath.Join("/sys/fs/cgroup", all, "cpu.max"), []byte(quota), 0o600)
		}
	}
	return fmt.Errorf("process %d has no group with CPU time", pid)
}
