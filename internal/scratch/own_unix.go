//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ownerName is the file in a directory that was given to a process which its
// owner holds locked.
const ownerName = "owner"

// Own makes this process the owner of a directory that it was given, and that
// others may have had before, until the file is closed. There is no file where
// the file system has no locks. The error wraps ErrOwned when another process has
// the directory.
func Own(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, ownerName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = tryLock(f)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = fmt.Errorf("%s: %w", dir, ErrOwned)
	default:
		err = nil
	}
	return nil, errors.Join(err, f.Close())
}
