//go:build unix

package trust

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openPrivate opens a regular file of this user that nobody else may touch.
func openPrivate(path string) (*os.File, error) {
	// O_NONBLOCK: someone may have put a named pipe there.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = checkPrivate(path, info, false)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// checkPrivate checks the kind, the owner and the mode of a file or directory.
// Root may read others' files, but not put its own into others' directories.
func checkPrivate(path string, info fs.FileInfo, dir bool) error {
	kind, want := info.Mode().IsRegular(), "file"
	if dir {
		kind, want = info.IsDir(), "directory"
	}
	if !kind {
		return fmt.Errorf("%s is not a %s but %s: remove it", path, want, info.Mode().Type())
	}
	uid := os.Geteuid()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != uid && (dir || uid != 0) {
		return fmt.Errorf("%s belongs to user %d, not to %d: it may be a trap", path, stat.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s is open to others (mode %#o): chmod go= %s", path, mode, path)
	}
	return nil
}

// userSuffix tells users' directories apart where all share one parent.
func userSuffix() string { return fmt.Sprintf("-%d", os.Geteuid()) }

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
