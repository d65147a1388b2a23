//go:build !unix && !windows

package storage

import "os"

func isNoSpace(error) bool { return false }

func isNotDir(error) bool { return false }

func syncFile(f *os.File) error { return f.Sync() }
