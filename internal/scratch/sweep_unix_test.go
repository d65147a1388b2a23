//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// die ends the process of a directory as far as others can tell.
func die(t *testing.T, d *Dir) {
	t.Helper()
	if err := d.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// next lets another process use the place.
func next(t *testing.T, base string) {
	t.Helper()
	d := newDir(t, base)
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil { // which waits
		t.Error(err)
	}
}

func TestDeadAreRemoved(t *testing.T) {
	base := t.TempDir()
	alive, dead, other := made(t, base), made(t, base), made(t, base)
	die(t, dead)
	die(t, other)
	next(t, base)
	if exists(dead.Path()) || exists(other.Path()) {
		t.Error("what dead processes left is still there")
	}
	if !exists(filepath.Join(alive.Path(), "shuffle", "1", "x.shuffle")) {
		t.Error("a living process lost its files")
	}
}

// TestKilledProcess is a process that is killed with files in its directory.
func TestKilledProcess(t *testing.T) {
	const env = "SCRATCH_TEST_BASE"
	if base := os.Getenv(env); base != "" {
		d := made(t, base)
		fmt.Println(d.Path())
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	base := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), env+"="+base)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := line[:len(line)-1]
	next(t, base)
	if !exists(filepath.Join(dir, "blobs", "b")) {
		t.Error("the files of a process that runs are gone")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !exists(filepath.Join(dir, "blobs", "b")) {
		t.Error("there is nothing to remove")
	}
	next(t, base)
	if exists(dir) {
		t.Errorf("%s is still there", dir)
	}
}

// TestOthersAreLeftAlone: directories that look like ours, and are not.
func TestOthersAreLeftAlone(t *testing.T) {
	text, err := mark()
	if err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func(dir string) error{
		"no lock":           func(string) error { return nil },
		"another's lock":    func(dir string) error { return os.WriteFile(filepath.Join(dir, lockName), []byte("mine"), 0o600) },
		"another host's":    func(dir string) error { return os.WriteFile(filepath.Join(dir, lockName), []byte("x"+text), 0o600) },
		"more in the lock":  func(dir string) error { return os.WriteFile(filepath.Join(dir, lockName), []byte(text+"x"), 0o600) },
		"lock is directory": func(dir string) error { return os.Mkdir(filepath.Join(dir, lockName), 0o700) },
		"lock is link": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "real"), []byte(text), 0o600), os.Symlink("real", filepath.Join(dir, lockName)))
		},
		"lock is pipe": func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, lockName), 0o600) },
		"unreadable":   func(dir string) error { return os.WriteFile(filepath.Join(dir, lockName), []byte(text), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unreadable" && os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			base := t.TempDir()
			dir := filepath.Join(base, prefix+"x")
			put(t, filepath.Join(dir, "precious"), "x")
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			next(t, base)
			if !exists(filepath.Join(dir, "precious")) {
				t.Error("removed")
			}
		})
	}
}

func TestOtherNamesAndLinksAreLeftAlone(t *testing.T) {
	base, elsewhere := t.TempDir(), t.TempDir()
	dead := made(t, elsewhere)
	die(t, dead)
	if err := os.Symlink(dead.Path(), filepath.Join(base, prefix+"link")); err != nil {
		t.Fatal(err)
	}
	other := made(t, t.TempDir())
	die(t, other)
	if err := os.Rename(other.Path(), filepath.Join(base, "other-name")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(base, prefix+"file"), "x")
	next(t, base)
	if got := names(t, base); len(got) != 3 || !exists(filepath.Join(dead.Path(), "blobs", "b")) {
		t.Errorf("left %q", got)
	}
}

// TestSweepIsBounded: what is not removed now is removed later.
func TestSweepIsBounded(t *testing.T) {
	base := t.TempDir()
	all := make([]*Dir, maxRemoved+3)
	for i := range all {
		all[i] = made(t, base)
	}
	for _, d := range all {
		die(t, d)
	}
	for _, want := range []int{3, 0} {
		if next(t, base); len(names(t, base)) != want {
			t.Errorf("%d directories are left, want %d", len(names(t, base)), want)
		}
	}
}

// TestSweepEnds when it is told to; what is left is found again.
func TestSweepEnds(t *testing.T) {
	base := t.TempDir()
	dead := made(t, base)
	die(t, dead)
	stop := make(chan struct{})
	close(stop)
	sweep(base, "", stop)
	text, err := mark()
	if err != nil {
		t.Fatal(err)
	}
	if !removeDead(dead.Path(), text, stop) || !exists(filepath.Join(dead.Path(), "blobs", "b")) {
		t.Error("it did not stop")
	}
	d := newDir(t, base)
	d.endSweep()
	if err := errors.Join(d.Make(), d.Close()); err != nil || !exists(dead.Path()) {
		t.Errorf("it did not stop: %v", err)
	}
	next(t, base)
	if exists(dead.Path()) {
		t.Error("it is still there")
	}
}

// TestRemovedMeanwhile: a lock whose directory another process has removed and
// somebody made anew says nothing of the new one.
func TestRemovedMeanwhile(t *testing.T) {
	d := made(t, t.TempDir())
	die(t, d)
	text, err := mark()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Path(), lockName)
	f, err := openLock(path, text)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if !stillThere(f) {
		t.Error("it is there")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if stillThere(f) {
		t.Error("it is gone")
	}
	put(t, path, text)
	if stillThere(f) {
		t.Error("it is another")
	}
}
