package agent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// waiter is an agent with one attempt, whose owner is the test's goroutine.
type waiter struct {
	t      *testing.T
	a      *Agent
	calls  chan func()
	said   []model.BarrierArrive
	run    *run
	answer chan answer
}

type answer struct {
	all [][]byte
	err error
}

func (w *waiter) Report(ev model.Event)             { w.said = append(w.said, ev.(model.BarrierArrive)) }
func (w *waiter) Done(model.TaskDone, *plan.Result) {}

func newWaiter(t *testing.T) *waiter {
	w := &waiter{t: t, calls: make(chan func(), 10), answer: make(chan answer, 10)}
	w.a = New(Options{Upstream: w, From: model.From{Session: 1}, Call: func(f func()) { w.calls <- f }})
	id := model.AttemptID{Stage: model.StageID{Job: "j", Key: "g"}, Gen: 2, Partition: 1, Term: 1, Seq: 7}
	w.run = &run{id: id, name: nameOf(id), launch: &work.Launch{}}
	w.run.ctx, w.run.cancel = context.WithCancelCause(context.Background())
	w.a.runs[keyOf(id)] = w.run
	return w
}

// gather has the attempt reach a barrier, and the owner hear of it.
func (w *waiter) gather(ctx context.Context, attempt string, round int) {
	go func() {
		all, err := w.a.Gather(ctx, attempt, round, []byte("mine"))
		w.answer <- answer{all, err}
	}()
	(<-w.calls)()
}

// waits says that nobody has an answer.
func (w *waiter) waits(why string) {
	w.t.Helper()
	synctest.Wait()
	select {
	case x := <-w.answer:
		w.t.Errorf("%s: went on with %q, %v", why, x.all, x.err)
	default:
	}
}

func TestGatherWaitsForItsRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiter(t)
		w.gather(t.Context(), w.run.name, 3)
		w.waits("at first")
		ours := model.Barrier{Stage: w.run.id.Stage, Gen: 2, Round: 3, Data: [][]byte{[]byte("theirs"), []byte("mine")}}
		for why, change := range map[string]func(*model.Barrier){
			"another round":    func(b *model.Barrier) { b.Round = 2 },
			"an older try":     func(b *model.Barrier) { b.Gen = 1 },
			"a younger try":    func(b *model.Barrier) { b.Gen = 3 },
			"another stage":    func(b *model.Barrier) { b.Stage.Key = "h" },
			"another job's":    func(b *model.Barrier) { b.Stage.Job = "k" },
			"another action's": func(b *model.Barrier) { b.Stage.Action = 4 },
		} {
			b := ours
			change(&b)
			w.a.CarryOut([]model.Command{b})
			w.waits(why)
		}
		w.a.SetFrom(model.From{Session: 2})
		w.a.Rearrive()
		if len(w.said) != 2 || w.said[0].Session != 1 || w.said[1].Session != 2 || w.said[1].Round != 3 || string(w.said[1].Data) != "mine" || w.said[1].Attempt != w.run.id {
			t.Errorf("said %+v", w.said)
		}
		w.a.CarryOut([]model.Command{ours, ours})
		if x := <-w.answer; x.err != nil || len(x.all) != 2 || string(x.all[0]) != "theirs" {
			t.Errorf("%q, %v", x.all, x.err)
		}
		w.a.Rearrive()
		if len(w.said) != 2 {
			t.Errorf("who waits no more arrives again: %+v", w.said)
		}
		w.gather(t.Context(), w.run.name, 4)
		w.waits("in the next round")
		ours.Round = 4
		w.a.CarryOut([]model.Command{ours})
		if x := <-w.answer; x.err != nil {
			t.Error(x.err)
		}
	})
}

func TestGatherEnds(t *testing.T) {
	enough := errors.New("enough")
	for name, end := range map[string]func(w *waiter, cancel context.CancelCauseFunc){
		"with its attempt": func(w *waiter, _ context.CancelCauseFunc) { w.run.cancel(enough) },
		"with its context": func(_ *waiter, cancel context.CancelCauseFunc) { cancel(enough) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWaiter(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				w.gather(ctx, w.run.name, 0)
				w.waits("at first")
				end(w, cancel)
				if x := <-w.answer; !errors.Is(x.err, enough) {
					t.Errorf("%q, %v", x.all, x.err)
				}
			})
		})
	}
}

func TestGatherRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWaiter(t)
		w.gather(t.Context(), "1.8", 0)
		if x := <-w.answer; !errors.Is(x.err, errNobody) {
			t.Errorf("an attempt that nobody knows: %v", x.err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w.gather(ctx, w.run.name, 0)
		w.gather(ctx, w.run.name, 1)
		if x := <-w.answer; !errors.Is(x.err, errTwice) {
			t.Errorf("a second wait: %v", x.err)
		}
		cancel()
		<-w.answer
		w.run.finished = true
		w.gather(t.Context(), w.run.name, 0)
		if x := <-w.answer; !errors.Is(x.err, errNobody) {
			t.Errorf("an attempt that has ended: %v", x.err)
		}
		if len(w.said) != 1 {
			t.Errorf("said %+v", w.said)
		}
	})
}
