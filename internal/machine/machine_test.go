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
