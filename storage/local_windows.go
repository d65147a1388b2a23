package storage

import (
	"errors"
	"os"
	"syscall"
)

// Numbers of winerror.h that package syscall does not name.
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
	errorDirectory      = syscall.Errno(267)
)

func isNoSpace(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isNotDir(err error) bool { return errors.Is(err, errorDirectory) }

// syncFile does nothing: Windows flushes only handles opened for writing, and directories never.
func syncFile(*os.File) error { return nil }
