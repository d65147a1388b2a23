//go:build !linux

package typed

// defaultMemory is what any machine has; Options.Memory gives a session more.
func defaultMemory() int64 { return fallbackMemory }
