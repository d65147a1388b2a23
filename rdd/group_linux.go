package rdd

import "syscall"

// ownGroup has a program started as the first of a process group, which ends with this
// process.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
