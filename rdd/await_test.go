package rdd

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// waitingWorld keeps numbers in one partition. Who makes them stops at the first until go
// on is closed.
func waitingWorld(t *testing.T) (w *world, p *plan.Plan, calls *atomic.Int64, goOn chan struct{}) {
	w, calls, goOn = newWorld(t), &atomic.Int64{}, make(chan struct{})
	kept := w.numbers(1000, 1).Narrow(MapOp(func(n int64) int64 {
		if calls.Add(1) == 1 {
			<-goOn
		}
		return n
	}), here(), false).Cached(CacheOp[int64](), here(), plan.MemoryOnly)
	return w, w.plan(kept, Action{Op: CollectOp[int64](), Call: here()}), calls, goOn
}

// waiting waits until so many tasks wait for others.
func (b *blocks) waiting(n int) {
	for {
		b.mu.Lock()
		now := len(b.waits)
		b.mu.Unlock()
		if now == n {
			return
		}
		runtime.Gosched()
	}
}

// TestOneTaskMakesABlock: others that want it wait, and read what that one made, or make
// it themselves where it did not.
func TestOneTaskMakesABlock(t *testing.T) {
	for name, fails := range map[string]bool{"it is kept": false, "its maker is cancelled": true} {
		t.Run(name, func(t *testing.T) {
			w, p, calls, goOn := waitingWorld(t)
			first, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg sync.WaitGroup
			st := &p.Stages[0]
			run := func(ctx context.Context, task *plan.Task, want bool) {
				wg.Go(func() {
					res, fail := w.r.Run(ctx, p, st, task)
					if (fail == nil) != want || want && (res.Rows != 1000 || len(res.Kept) != 1) {
						t.Errorf("%+v, %+v", res, fail)
					}
				})
			}
			run(first, w.task(st, 0), !fails)
			for calls.Load() == 0 {
				runtime.Gosched()
			}
			for range 2 {
				run(t.Context(), w.task(st, 0), true)
			}
			stopped, stop := context.WithCancelCause(t.Context())
			run(stopped, w.task(st, 0), false)
			w.r.blocks.waiting(3)
			stop(errors.New("not wanted any more"))
			w.r.blocks.waiting(2)
			if fails {
				cancel()
			}
			close(goOn)
			wg.Wait()
			if n := calls.Load(); !fails && n != 1000 || fails && n > 2000 {
				t.Errorf("%d calls", n)
			}
			if len(w.r.blocks.waits)+len(w.r.blocks.making) > 0 {
				t.Error("somebody waits")
			}
		})
	}
}

// TestNobodyWaitsInARing: a task does not wait for one that waits for it, through however
// many others, nor for itself or at barriers.
func TestNobodyWaitsInARing(t *testing.T) {
	b := newBlocks(&RunnerOptions{})
	task := func() *Task { return &Task{stage: &plan.Stage{}} }
	t1, t2, t3, gang := task(), task(), task(), task()
	gang.stage.Barrier = true
	key := func(i int) plan.Block { return plan.Block{RDD: "c", Partition: i} }
	for i, by := range []*Task{t1, t2, t3, gang, nil} {
		if b.begin(key(i), "", by) == nil {
			t.Fatal(i)
		}
	}
	for _, c := range []struct {
		name  string
		who   *Task
		what  int
		waits bool
	}{
		{"for itself", t1, 0, false},
		{"for another", t1, 1, true},
		{"for who waits for it", t2, 0, false},
		{"for a third", t2, 2, true},
		{"for who waits through another", t3, 0, false},
		{"at a barrier", gang, 2, false},
		{"for a gang", t3, 3, false},
		{"for a copy", t3, 4, true},
		{"for nothing", task(), 9, false},
	} {
		if got := b.waitFor(c.who, key(c.what)) != nil; got != c.waits {
			t.Errorf("%s: waits %v", c.name, got)
		}
	}
}

// TestNobodyWaitsForWhatIsNotMade: a task that has ended without having read all of a
// block leaves it to another, and one that has no room for it lets all go on.
func TestNobodyWaitsForWhatIsNotMade(t *testing.T) {
	key := plan.Block{RDD: "c"}
	task := func() (*Task, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		return &Task{Context: ctx, done: ctx.Done(), stage: &plan.Stage{}}, cancel
	}
	for name, c := range map[string]struct {
		leave func(b *blocks, mk *making, cancel context.CancelFunc)
		begin bool
	}{
		"abandoned": {func(_ *blocks, _ *making, cancel context.CancelFunc) { cancel() }, true},
		"no room":   {func(b *blocks, mk *making, _ context.CancelFunc) { b.cede(key, mk, true) }, false},
		"not whole": {func(b *blocks, mk *making, _ context.CancelFunc) { b.end(key, mk, nil) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBlocks(&RunnerOptions{Memory: shuffle.NewMemory(1 << 20)})
			first, cancel := task()
			defer cancel()
			mk := b.begin(key, "", first)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					second, end := task()
					defer end()
					if mayBegin, err := b.await(second, key); mayBegin != c.begin || err != nil {
						t.Errorf("%t, %v", mayBegin, err)
					}
				})
			}
			b.waiting(3)
			c.leave(b, mk, cancel)
			wg.Wait()
			next := b.begin(key, "", first)
			if next == nil {
				t.Fatal("it is still being made")
			}
			// What the one that left it makes of it after all is not kept, and takes nothing
			// from the next.
			b.end(key, mk, &kept{key: key})
			if b.making[key] != next || len(b.kept) > 0 {
				t.Error("who had left it ended the other's")
			}
			b.end(key, next, nil)
			if len(b.making) > 0 {
				t.Error("it is still being made")
			}
		})
	}
}
