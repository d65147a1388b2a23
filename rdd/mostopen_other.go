//go:build !unix

package rdd

// mostOpen is none where files that are open cannot be removed.
func mostOpen() int { return 0 }
