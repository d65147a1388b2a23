// Package scratch keeps a process's directory for temporary files: made when it
// is first needed, removed in the end, and removed by a later process where its
// own could not do it.
//
// A process that is killed, or ends itself by os.Exit, leaves its directory
// behind. Whether the owner of a directory lives is told by a lock on a file in
// it, which the system takes away with the process however that ends. Where there
// are no such locks nothing is removed but a process's own.
package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// prefix begins the names of directories.
const prefix = "gordd-"

// lockName is the file in a directory that its owner holds locked.
const lockName = "lock"

// ErrOwned is wrapped by the error of Own when another process has the directory.
var ErrOwned = errors.New("another process uses this directory: give each one its own")

var errRemoved = errors.New("the scratch directory was removed: its session is closed")

// Dir is a directory for temporary files. Its methods may be called from several
// goroutines.
type Dir struct {
	base, path string

	mu      sync.Mutex
	made    bool
	removed bool
	err     error    // of making it
	lock    *os.File // nil: there are no locks here

	sweep sync.WaitGroup
	stop  chan struct{} // closed when the sweep must end
	once  sync.Once     // closes it
}

// sweepGrace is how much longer a process takes to end for what others have left.
const sweepGrace = time.Second

// New names a directory in base, which must exist; "" is the system's. Nothing is
// made yet.
func New(base string) (*Dir, error) {
	if base == "" {
		base = os.TempDir()
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	info, err := os.Stat(base)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", base)
	}
	if err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	path := filepath.Join(base, prefix+strings.ToLower(rand.Text()))
	return &Dir{base: base, path: path, stop: make(chan struct{})}, nil
}

// Path is where the directory is, once it is made.
func (d *Dir) Path() string { return d.path }

// Make makes the directory; all calls after the first return what that did. What
// other processes that are gone have left in the same place is removed meanwhile.
// After Remove it is not made any more.
func (d *Dir) Make() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.removed:
		return errRemoved
	case d.made:
		return d.err
	}
	d.made = true
	if d.err = os.Mkdir(d.path, 0o700); d.err != nil {
		return d.err
	}
	if d.lock, d.err = hold(d.path); d.err != nil {
		_ = os.RemoveAll(d.path)
		return d.err
	}
	d.sweep.Go(func() { sweep(d.base, d.path, d.stop) })
	return nil
}

// Remove removes the directory, if it was made. A call while files are still
// written there may fail; another one tries again.
func (d *Dir) Remove() error {
	d.mu.Lock()
	d.removed = true
	made := d.made && d.err == nil
	d.mu.Unlock()
	if !made {
		return nil
	}
	return empty(d.path, nil)
}

// Close removes the directory, and ends what Make began: within a second, even
// where others have left much.
func (d *Dir) Close() error {
	err := d.Remove()
	late := time.AfterFunc(sweepGrace, d.endSweep)
	d.sweep.Wait()
	late.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		_ = d.lock.Close()
		d.lock = nil
	}
	return err
}

func (d *Dir) endSweep() { d.once.Do(func() { close(d.stop) }) }

// errStopped is that of an empty that was told to stop.
var errStopped = errors.New("stopped")

// empty removes a directory with all that is in it, the lock last: what is left of
// one that could not be removed, or not at once, is found by the next process.
func empty(dir string, stop <-chan struct{}) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != lockName {
			err = errors.Join(err, removeAll(filepath.Join(dir, e.Name()), e.IsDir(), stop))
		}
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// removeAll is os.RemoveAll that can be stopped.
func removeAll(path string, isDir bool, stop <-chan struct{}) error {
	select {
	case <-stop:
		return errStopped
	default:
	}
	if isDir {
		entries, err := os.ReadDir(path)
		for _, e := range entries {
			if err := removeAll(filepath.Join(path, e.Name()), e.IsDir(), stop); err != nil {
				return err
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
