//go:build unix && !linux

package rdd

import "syscall"

// ownGroup has a program started as the first of a process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
