//go:build !linux

package process

import (
	"os"
	"syscall"
)

// attributes are the system's own: a process ends with its agent because its
// wire closes.
func attributes() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
