//go:build !linux

package storage

import "testing"

func smallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small disk is only made on Linux")
	return ""
}

func randomText(n int) string { return string(make([]byte, n)) }
