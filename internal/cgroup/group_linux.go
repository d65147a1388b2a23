package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// removeTries and removePause are for processes that were killed and are not
	// gone yet.
	removeTries = 100
	removePause = 10 * time.Millisecond
)

// Group is the group of an executor. A nil Group bounds nothing.
type Group struct {
	dirs []dir
}

// dir is a group in one hierarchy.
type dir struct {
	home hierarchy
	path string
}

// New makes a group whose processes have at most so many bytes of memory together,
// swapped ones included. The name is that of no other one.
func (t *Tree) New(name string, memory int64) (*Group, error) {
	if t == nil {
		return nil, nil
	}
	g := &Group{}
	for _, r := range t.roots {
		d := dir{r.home, filepath.Join(r.path, name)}
		err := os.Mkdir(d.path, 0o700)
		if err == nil {
			g.dirs = append(g.dirs, d)
			if r.home.has("memory") {
				_ = write(d.path, "memory.oom.group", 1) // of the second version: all or nothing
				err = r.home.limit(d.path, memory)
			}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make a group: %w", err), g.Remove())
		}
	}
	return g, nil
}

// Start starts a command in the group.
func (g *Group) Start(cmd *exec.Cmd) error {
	if g == nil {
		return cmd.Start()
	}
	started := make(chan error, 1)
	go func() { started <- g.start(cmd) }() // in a goroutine whose thread may have to end
	return <-started
}

// start has the system put the new process into its group of the second version.
// In those of the first it is where the thread is that starts it, so that goes
// there before, and comes back.
func (g *Group) start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	tid := int64(syscall.Gettid())
	for _, d := range g.dirs {
		if !d.home.v2 {
			if err := write(d.path, "tasks", tid); err != nil {
				return fmt.Errorf("enter the group of a process: %w", errors.Join(err, g.back(tid)))
			}
			continue
		}
		f, err := os.Open(d.path)
		if err != nil {
			return errors.Join(err, g.back(tid))
		}
		defer func() { _ = f.Close() }()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(f.Fd())
	}
	err := cmd.Start()
	lost := g.back(tid)
	if err == nil && lost != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return errors.Join(err, lost)
}

// back takes the thread to where it came from. One that cannot go ends with its
// goroutine.
func (g *Group) back(tid int64) (err error) {
	for _, d := range g.dirs {
		if !d.home.v2 {
			err = errors.Join(err, write(d.home.path, "tasks", tid))
		}
	}
	if err != nil {
		return fmt.Errorf("leave the group of a process: %w", err)
	}
	runtime.UnlockOSThread()
	return nil
}

// Usage tells what the group has used so far. It is asked before Remove.
func (g *Group) Usage() (u Usage) {
	if g == nil {
		return u
	}
	for _, d := range g.dirs {
		events, peak := "memory.oom_control", "memory.max_usage_in_bytes"
		if d.home.v2 {
			events, peak = "memory.events", "memory.peak"
		}
		if d.home.has("memory") {
			b, _ := os.ReadFile(filepath.Join(d.path, events))
			u.Killed = counted(b, "oom_kill") > 0
			b, _ = os.ReadFile(filepath.Join(d.path, peak))
			u.Peak, _ = strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
		}
	}
	return u
}

// counted gives the number behind a name in a file with one of them in each line.
func counted(b []byte, name string) int64 {
	for line := range bytes.Lines(b) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == name {
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return n
		}
	}
	return 0
}

// Remove kills what still runs in the group, and removes it.
func (g *Group) Remove() (err error) {
	if g == nil {
		return nil
	}
	for _, d := range g.dirs {
		err = errors.Join(err, remove(d.path))
	}
	return err
}

// remove removes a group with what runs in it.
func remove(path string) (err error) {
	for range removeTries {
		if err = syscall.Rmdir(path); !errors.Is(err, syscall.EBUSY) {
			break
		}
		kill(path)
		time.Sleep(removePause)
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("remove group %s: %w", path, err)
}

// kill kills what runs in a group.
func kill(path string) {
	b, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
	for _, f := range bytes.Fields(b) {
		if pid, err := strconv.Atoi(string(f)); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
