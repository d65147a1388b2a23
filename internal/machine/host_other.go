//go:build !linux

package machine

// Host names what processes share that see the same files at the same paths. It is
// "", since that is not known here.
func Host() string { return "" }
