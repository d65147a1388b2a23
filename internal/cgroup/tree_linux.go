package cgroup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// prefix begins the names of workers' directories.
const prefix = "gordd-"

// Tree is the groups of a worker. A nil Tree has none, and its groups bound
// nothing. Its methods may be called from several goroutines, but for Close.
type Tree struct {
	roots []*root // that of memory first
}

// root is the directory of a Tree in one hierarchy, which it holds locked.
type root struct {
	home hierarchy
	path string
	lock *os.File
}

// Open makes the directories for a worker's groups, and removes what workers that
// are gone have left beside them. slots is what executors together are worth of CPU
// time, memory the most bytes that they have together. The error says why memory
// cannot be bounded here.
func Open(slots int, memory int64) (*Tree, error) {
	at, err := find("/proc/self/cgroup", "/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	t := &Tree{}
	for _, h := range at {
		r, err := h.open()
		if err == nil && h.has("memory") {
			err = h.limit(r.path, memory)
		}
		if err == nil && h.has("cpu") {
			err = h.share(r.path, slots)
		}
		switch {
		case err == nil:
			t.roots = append(t.roots, r)
		case h.has("memory"):
			return nil, errors.Join(fmt.Errorf("groups in %s cannot be made: %w: start the worker as root, or as a service of systemd with Delegate=yes", h.path, err),
				r.close(), t.Close())
		default: // memory is what matters
			_ = r.close()
		}
	}
	return t, nil
}

// String names what is bounded: memory+cpu, memory or none.
func (t *Tree) String() string {
	if t == nil {
		return "none"
	}
	var all []string
	for _, r := range t.roots {
		all = append(all, r.home.controllers...)
	}
	return strings.Join(all, "+")
}

// Close removes the groups with what runs in them.
func (t *Tree) Close() (err error) {
	if t == nil {
		return nil
	}
	for _, r := range t.roots {
		err = errors.Join(err, r.close())
	}
	return err
}

// open makes a directory in a hierarchy.
func (h hierarchy) open() (*root, error) {
	if h.v2 {
		if err := h.delegate(); err != nil {
			return nil, err
		}
	}
	sweep(h.path)
	r, err := h.claim()
	if err != nil {
		return nil, err
	}
	if h.v2 {
		err = enable(r.path, h.controllers)
	}
	return r, err
}

// claims is how often a directory is made that a sweep takes away before it is
// locked.
const claims = 5

// claim makes a directory and locks it.
func (h hierarchy) claim() (*root, error) {
	err := error(nil)
	for range claims {
		path := filepath.Join(h.path, prefix+strings.ToLower(rand.Text()[:10]))
		if err = os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
		var lock *os.File
		if lock, err = lockDir(path); err != nil {
			continue
		}
		if _, err = os.Stat(path); err == nil {
			return &root{h, path, lock}, nil
		}
		_ = lock.Close()
	}
	return nil, err
}

// lockDir locks a directory as long as it is open. The error is EWOULDBLOCK's when
// another process has it.
func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the directories whose owners are gone. One that cannot be removed
// is left for another time.
func sweep(home string) {
	all, _ := filepath.Glob(filepath.Join(home, prefix+"*"))
	for _, path := range all {
		if lock, err := lockDir(path); err == nil {
			_ = removeAll(path)
			_ = lock.Close()
		}
	}
}

func (r *root) close() error {
	if r == nil {
		return nil
	}
	return errors.Join(removeAll(r.path), r.lock.Close())
}

// removeAll removes a group and those in it with what runs there.
func removeAll(path string) (err error) {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, remove(filepath.Join(path, e.Name())))
		}
	}
	return errors.Join(err, remove(path))
}

const (
	// weightV1 and weightV2 are what the system takes for one share of CPU time.
	weightV1, weightV2 = 1024, 100
	// mostV1 and mostV2 are the most that it takes.
	mostV1, mostV2 = 1 << 18, 10_000
)

// share says what a group is worth of CPU time: as much as slots threads of the
// worker's own group.
func (h hierarchy) share(path string, slots int) error {
	if h.v2 {
		return write(path, "cpu.weight", min(int64(slots)*weightV2, mostV2))
	}
	return write(path, "cpu.shares", min(int64(slots)*weightV1, mostV1))
}

// limit bounds the memory of a group. Whether swapping can be bounded depends on
// the system.
func (h hierarchy) limit(path string, memory int64) error {
	if h.v2 {
		_ = write(path, "memory.swap.max", 0)
		return write(path, "memory.max", memory)
	}
	err := write(path, "memory.limit_in_bytes", memory)
	_ = write(path, "memory.memsw.limit_in_bytes", memory)
	return err
}

func write(dir, name string, n int64) error {
	return os.WriteFile(filepath.Join(dir, name), strconv.AppendInt(nil, n, 10), 0o600)
}

// delegate makes the worker's own group one that may have others in it: in the
// second version that is one without processes, so the worker goes into a group of
// its own.
func (h hierarchy) delegate() error {
	if h.enabled() {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(h.path, "cgroup.procs"))
	if err != nil {
		return err
	}
	if self := strconv.Itoa(os.Getpid()); strings.TrimSpace(string(b)) != self {
		return errors.New("other processes than the worker are in its group")
	}
	agent := filepath.Join(h.path, "agent")
	if err := os.Mkdir(agent, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := write(agent, "cgroup.procs", int64(os.Getpid())); err != nil {
		return err
	}
	return enable(h.path, h.controllers)
}

// enabled reports whether groups inside may be bounded.
func (h hierarchy) enabled() bool {
	b, err := os.ReadFile(filepath.Join(h.path, "cgroup.subtree_control"))
	for _, c := range h.controllers {
		if err != nil || !contains(string(b), c) {
			return false
		}
	}
	return true
}

// enable lets groups inside be bounded.
func enable(path string, controllers []string) error {
	return os.WriteFile(filepath.Join(path, "cgroup.subtree_control"), []byte("+"+strings.Join(controllers, " +")), 0o600)
}
