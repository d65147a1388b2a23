package sched

import (
	"testing"
	"unsafe"
)

// A million tasks must fit a master's memory (§6).
func TestSizeOfATask(t *testing.T) {
	t.Logf("task %d bytes, output %d bytes", unsafe.Sizeof(task{}), unsafe.Sizeof(output{}))
	if n := unsafe.Sizeof(task{}); n > 48 {
		t.Errorf("a task takes %d bytes", n)
	}
	if n := unsafe.Sizeof(output{}); n > 160 {
		t.Errorf("an output takes %d bytes", n)
	}
}
