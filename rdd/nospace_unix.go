//go:build unix

package rdd

import (
	"errors"
	"syscall"
)

// isNoSpace says whether a disk or a quota is full.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
