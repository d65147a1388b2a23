package rdd

import (
	"context"
	"errors"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

func TestChunkBytes(t *testing.T) {
	for budget, want := range map[int64]int{1 << 20: 64 << 10, 4 << 20: 256 << 10, 1 << 30: 256 << 10} {
		task := &Task{mem: shuffle.NewMemory(budget).Open("t")}
		if got := task.chunkBytes(); got != want {
			t.Errorf("of %d bytes a chunk takes %d, want %d", budget, got, want)
		}
	}
	if got := (&Task{}).chunkBytes(); got != 256<<10 {
		t.Errorf("without a budget: %d", got)
	}
}

// shedding is a sink that holds memory.
type shedding struct {
	sink
	mem  *shuffle.Account
	held int64
	err  error
}

func (s *shedding) shed() error {
	s.mem.Shrink(s.held)
	s.held = 0
	return s.err
}

// TestGrow: memory for a line is taken, from the sink if need be, and given
// back.
func TestGrow(t *testing.T) {
	mem := shuffle.NewMemory(1000).Open("t")
	s := &shedding{mem: mem}
	task := &Task{Context: context.Background(), spec: &plan.Task{}, stage: &plan.Stage{}, mem: mem, sink: s}
	if !task.grow(600) || mem.Used() != 600 {
		t.Fatalf("%d bytes held", mem.Used())
	}
	if task.grow(600) || mem.Used() != 600 {
		t.Errorf("grows beyond the budget, to %d", mem.Used())
	}
	task.grow(-600)
	mem.Force(700)
	s.held = 700
	if !task.grow(800) || mem.Used() != 800 || s.held != 0 {
		t.Errorf("%d bytes held, %d by the sink", mem.Used(), s.held)
	}
	s.err = errors.New("disk is full")
	defer func() {
		if v := recover(); v == nil || task.failed == nil || task.failed.Message != "disk is full" {
			t.Errorf("left by %v with %+v", v, task.failed)
		}
	}()
	task.grow(800)
	t.Error("goes on with a sink that failed")
}
