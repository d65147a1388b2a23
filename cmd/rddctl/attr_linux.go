package main

import "syscall"

// memberAttributes puts a member into a process group of its own, so that Ctrl-C
// reaches it through dev alone, and lets it end with dev.
func memberAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
