//go:build !race

package rdd

import (
	"sync/atomic"
	"unsafe"
)

// glimpse reads a word that another goroutine may be writing. It may be of a moment
// ago, and decides nothing but whether something has changed.
func glimpse(n *int) int { return int(atomic.LoadUintptr((*uintptr)(unsafe.Pointer(n)))) }
