//go:build unix

package rdd

import "syscall"

// mostOpen is how many files are kept open for later readers: a quarter of those that
// the process may open, and enough for a shuffle of thousands.
func mostOpen() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur/4, 4096)) //nolint:gosec // it is small
}
