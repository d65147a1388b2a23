package process

import (
	"os"
	"syscall"
)

// Attributes puts the process into a group of its own, which a terminal's Ctrl-C
// does not reach, and lets the system kill it when the agent dies.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills the process and what it started.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
