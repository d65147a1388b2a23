//go:build unix

package rdd

import (
	"os"
	"syscall"
)

// killGroup ends all processes of the group that p is the first of.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
