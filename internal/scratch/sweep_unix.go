//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A process looks at so many names in a place, tries so many locks, and removes
// the directories of so many others.
const (
	maxNames   = 1 << 16
	maxLocks   = 256
	maxRemoved = 16
)

// mark is what a lock file has in it: a lock says nothing about processes of
// other hosts, with which the place may be shared.
func mark() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	return "scratch directory of a process of gordd on " + host + "\n", nil
}

// hold makes the lock of a new directory. It is locked before it has its name: a
// lock file that nobody holds is that of a dead process. There is none where the
// file system has no locks.
func hold(dir string) (*os.File, error) {
	text, err := mark()
	if err != nil {
		return nil, nil // the directory is used all the same
	}
	f, err := os.CreateTemp(dir, "."+lockName+"-*")
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(text)
	if err == nil {
		if lockErr := tryLock(f); lockErr != nil {
			return nil, errors.Join(f.Close(), os.Remove(f.Name()))
		}
		err = os.Rename(f.Name(), filepath.Join(dir, lockName))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tryLock locks a file that no other process has locked.
func tryLock(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); cerr != nil {
		return cerr
	}
	return err
}

// sweep removes the directories in base of this user's processes that are gone.
func sweep(base, own string, stop <-chan struct{}) {
	f, err := os.Open(base)
	if err != nil {
		return // a place where one may write and not look
	}
	names, _ := f.Readdirnames(maxNames)
	_ = f.Close()
	text, err := mark()
	if err != nil {
		return
	}
	locks, removed := 0, 0
	for _, name := range names {
		path := filepath.Join(base, name)
		if !strings.HasPrefix(name, prefix) || path == own {
			continue
		}
		select {
		case <-stop:
			return
		default:
		}
		if locks++; locks > maxLocks || removed == maxRemoved {
			return
		}
		if removeDead(path, text, stop) {
			removed++
		}
	}
}

// removeDead removes a directory if its owner is gone, and says whether that was
// so. It does not touch what it does not know.
func removeDead(dir, text string, stop <-chan struct{}) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !ours(info) {
		return false
	}
	lock, err := openLock(filepath.Join(dir, lockName), text)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	if tryLock(lock) != nil {
		return false // its owner lives, or another process removes it
	}
	if !stillThere(lock) {
		return false
	}
	_ = empty(dir, stop) // what is left has its lock, for the next process
	return true
}

// openLock opens a lock file that is one of this user's, of this host.
func openLock(path, text string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !ours(info)) {
		err = fmt.Errorf("%s: not a lock of this user", path)
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, int64(len(text))+1))
	}
	if err == nil && string(b) != text {
		err = fmt.Errorf("%s: not a lock of this host", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// stillThere says that a file has the name yet by which it was opened: another
// process may have removed it, and the directory, before it was locked here.
func stillThere(f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(opened, named)
}

func ours(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
