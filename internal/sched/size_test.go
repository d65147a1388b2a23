package sched

import (
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/internal/sched/outputs"
)

// A million tasks must fit a master's memory (§6).
func TestSizeOfATask(t *testing.T) {
	t.Logf("task %d bytes, output %d bytes", unsafe.Sizeof(task{}), unsafe.Sizeof(outputs.Output{}))
	if n := unsafe.Sizeof(task{}); n > 48 {
		t.Errorf("a task takes %d bytes", n)
	}
	if n := unsafe.Sizeof(task{}) + unsafe.Sizeof(outputs.Output{}); n > 160 {
		t.Errorf("a task with its output takes %d bytes", n)
	}
}
