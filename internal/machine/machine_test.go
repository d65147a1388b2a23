package machine

import (
	"runtime"
	"testing"
)

func TestMemory(t *testing.T) {
	if n := Memory(); n < 64<<20 || n > 1<<50 {
		t.Errorf("%d bytes", n)
	}
}

// Who asks twice is on one machine, where that can be known.
func TestHost(t *testing.T) {
	if a, b := Host(), Host(); a != b || a == "" && runtime.GOOS == "linux" {
		t.Errorf("%q and %q", a, b)
	}
}

func TestDisk(t *testing.T) {
	free, size, err := Disk(t.TempDir())
	if err != nil || free < 0 || size < free {
		t.Errorf("%d of %d bytes, %v", free, size, err)
	}
	if _, _, err := Disk("/no/such/directory"); err == nil && runtime.GOOS == "linux" {
		t.Error("no error of a directory that is not there")
	}
}
