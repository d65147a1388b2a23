package rdd

import (
	"runtime"
	"testing"
)

func TestMuchGarbage(t *testing.T) {
	for _, c := range []struct{ inUse, much int64 }{
		{0, muchGarbage},
		{muchGarbage / 2, muchGarbage},
		{4 * muchGarbage, 4 * muchGarbage},
	} {
		g := garbage{}
		for range 2 {
			if g.much(c.much-1, c.inUse) || !g.much(1, c.inUse) {
				t.Errorf("with %d bytes in use, much is not %d", c.inUse, c.much)
			}
		}
	}
}

func TestInUse(t *testing.T) {
	held := make([]byte, 4*muchGarbage)
	runtime.GC()
	if got := inUse(); got < int64(len(held)) {
		t.Errorf("%d bytes are in use, where %d are held", got, len(held))
	}
	runtime.KeepAlive(held)
}
