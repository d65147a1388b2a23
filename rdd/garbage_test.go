package rdd

import (
	"runtime"
	"testing"
)

func TestMuchGarbage(t *testing.T) {
	for range 3 { // what pools and cleanups of earlier tests hold goes later
		runtime.GC()
	}
	g := garbage{}
	if g.much(muchGarbage/2) || !g.much(muchGarbage/2) || g.much(muchGarbage/2) {
		t.Error("much is not twice the half of it, and then nothing")
	}
	held := make([]byte, 4*muchGarbage)
	runtime.GC()
	g = garbage{}
	if g.much(3*muchGarbage) || !g.much(2*muchGarbage) {
		t.Error("much is not as much as what is in use")
	}
	runtime.KeepAlive(held)
}
