//go:build !linux

package process

import (
	"os"
	"syscall"
)

// Attributes are the system's own: a process ends with its agent because its
// wire closes.
func Attributes() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
