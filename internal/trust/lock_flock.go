//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package trust

import (
	"os"
	"syscall"
)

// lockFile locks an open file, for this process alone or together with others, or
// says at once that another has it. The lock ends with the process.
func lockFile(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), how|syscall.LOCK_NB) }); cerr != nil {
		return cerr
	}
	return err
}
