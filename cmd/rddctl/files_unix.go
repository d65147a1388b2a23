//go:build unix

package main

import "syscall"

// openFiles is how many files a process may have open, as far as its user may raise
// that: Go does it at the start.
func openFiles() (int64, bool) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return int64(min(l.Cur, 1<<40)), true
}
