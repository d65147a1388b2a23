//go:build !linux

package machine

// Memory is how many bytes of memory this process can have, as far as that is
// known.
func Memory() int64 { return fallback }
