package machine

import "testing"

func TestMemory(t *testing.T) {
	if n := Memory(); n < 64<<20 || n > 1<<50 {
		t.Errorf("%d bytes", n)
	}
}
