package rdd

import (
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// How far a task is can be seen while it runs: by the row where one row may take
// long, by the batch otherwise.
func TestProgress(t *testing.T) {
	w := newWorld(t)
	var seen []plan.Progress
	look := func() {
		all := w.r.Progress()
		if len(all) != 1 || all[0].Attempt != "a1" || !all[0].Good() {
			t.Errorf("got %+v", all)
			return
		}
		seen = append(seen, all[0])
	}
	n := 0
	rows := w.text(fiveThousand()...).Narrow(FilterOp(func(string) bool {
		if n++; n%1000 == 0 {
			look()
			look()
		}
		return true
	}), here(), false)
	w.act(rows, Action{Op: CountOp[string](), Call: here()})
	if got := w.r.Progress(); len(got) > 0 {
		t.Errorf("after its end: %+v", got)
	}
	if len(seen) != 10 {
		t.Fatalf("looked %d times", len(seen))
	}
	one := 1
	byRow := glimpse(&one) == 1 // but with the race detector
	for i := 1; i < len(seen); i++ {
		again := i%2 == 1
		switch moved := seen[i].Moves > seen[i-1].Moves; {
		case again && moved:
			t.Errorf("look %d: it moved, and nothing was done: %+v", i, seen)
		case !again && byRow && !moved:
			t.Errorf("look %d: it did not move: %+v", i, seen)
		}
	}
	if last := seen[9]; last.Rows != 5000 {
		t.Errorf("got %+v in the end", last)
	}
}

// Rows that come from a shuffle move a task before it gives any.
func TestProgressOfReaders(t *testing.T) {
	w := newWorld(t)
	var read int64
	pairs := w.numbers(100, 4).Narrow(MapToPairOp(func(n int64) (int64, int64) { return n % 3, n }), here(), false)
	sums := pairs.Wide(ReduceByKeyOp[int64](func(a, b int64) int64 {
		for _, p := range w.r.running {
			read = max(read, p.sample().read)
		}
		return a + b
	}), here(), wide("map"))
	w.act(sums, Action{Op: CountOp[Pair[int64, int64]](), Call: here()})
	if read == 0 {
		t.Error("a task that combines what it reads stands still")
	}
}
