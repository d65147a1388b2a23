//go:build unix

package wire

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Pair makes a socket. ours is the starter's end; theirs goes to the child,
// among its extra files, and is then closed here.
func Pair() (ours *Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket: %w", err)
	}
	mine, err := open(fds[0])
	if err != nil {
		_ = syscall.Close(fds[1])
		return nil, nil, err
	}
	return New(mine), os.NewFile(uintptr(fds[1]), "wire"), nil
}

// Inherited gives the end that this process was started with; nil when it was
// started without one. The variable is taken out of the environment, so that
// the children of this process do not take it for theirs.
func Inherited() (*Conn, error) {
	text, ok := os.LookupEnv(EnvVar)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(EnvVar); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%q is no number of an inherited file", EnvVar, text)
	}
	if _, err := syscall.Getpeername(fd); err != nil {
		return nil, fmt.Errorf("%s=%d is no open socket: %w", EnvVar, fd, err)
	}
	syscall.CloseOnExec(fd)
	f, err := open(fd)
	if err != nil {
		return nil, err
	}
	return New(f), nil
}

// open makes a file that waits in the poller rather than in a thread, and knows
// deadlines.
func open(fd int) (*os.File, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("open wire: %w", err)
	}
	return os.NewFile(uintptr(fd), "wire"), nil
}
