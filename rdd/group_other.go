//go:build !unix

package rdd

import (
	"os"
	"syscall"
)

// ownGroup and killGroup know of the program alone where there are no process groups.
func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
