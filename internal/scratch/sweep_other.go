//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package scratch

import "os"

// Without locks nothing tells which processes are gone.

func hold(string) (*os.File, error) { return nil, nil }

func sweep(string, string, <-chan struct{}) {}
