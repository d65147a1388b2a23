//go:build !unix

package rdd

// isNoSpace says whether a disk or a quota is full; here storage's own errors
// are all that tell.
func isNoSpace(error) bool { return false }
