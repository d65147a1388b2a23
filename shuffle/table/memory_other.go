//go:build !linux

package table

// mapMemory returns nil: tables stay in the Go heap.
func mapMemory(int) []byte { return nil }

func unmapMemory([]byte) {}
