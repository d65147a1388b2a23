package worker

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const errRefused = syscall.ECONNREFUSED

// busy is a worker that runs one attempt of each kind, with a lease of now.
func busy(t *testing.T) (f *fakeMaster, w *Worker, x *fakeExecutor, st *workStream, plain, effects model.AttemptID) {
	t.Helper()
	f = startMaster(t)
	w, x = f.startWorker("w1", nil)
	st = f.stream()
	st.welcome(1)
	st.send(msg.Job{ID: "j"}, model.StartExec{Job: "j", No: 1})
	next[model.ExecUp](st)
	plain = st.run("plain", 1, plan.Sink{})
	next[model.TaskStarted](st)
	effects = st.run("effects", 2, plan.Sink{Effects: true})
	next[model.TaskStarted](st)
	return f, w, x, st, plain, effects
}

// A worker that spoke in an old term attaches again with all that it has, since the
// master has not heard it.
func TestNewerTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, x, st, plain, _ := busy(t)
		x.end("plain") <- &plan.Result{}
		if got := next[model.TaskDone](st); got.Attempt != plain || got.Term != 1 {
			t.Errorf("got %+v", got)
		}
		st.send(model.NewerTerm{Worker: "w1", Term: 2})
		synctest.Wait()
		time.Sleep(time.Second)
		again := f.stream()
		if inv := again.attach.Inventory; len(inv.Done) != 1 || inv.Done[0].Attempt != plain || len(inv.Running) != 1 || again.attach.Term != 2 {
			t.Errorf("attach %+v", again.attach)
		}
	})
}

// TestR29AtTheWorker lets a lease end while the stream is still there.
func TestR29AtTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w, x, st, plain, effects := busy(t)
		for range 10 {
			time.Sleep(2 * time.Second)
			if st.answer() == 0 {
				t.Fatal("the worker gives no sign of life")
			}
		}
		st.silent()
		time.Sleep(9 * time.Second) // the master does not answer
		synctest.Wait()
		if w.leased() {
			t.Error("the lease goes on without answers")
		}
		select {
		case <-st.end:
		default:
			t.Error("the worker keeps a stream that brings no lease")
		}
		again := f.stream()
		inv := again.attach.Inventory
		if len(inv.Running) != 1 || inv.Running[0] != plain {
			t.Errorf("runs %+v, want %v", inv.Running, plain)
		}
		if len(inv.Failed) != 1 || inv.Failed[0].Attempt != effects || inv.Failed[0].Class != model.Killed {
			t.Errorf("failed %+v, want %v: nobody may see twice what it does", inv.Failed, effects)
		}
		if again.attach.Inc != st.attach.Inc || again.attach.Session != 1 {
			t.Errorf("attach %+v", again.attach.From)
		}
		// Without a lease nothing starts, with one the same does.
		refused := again.run("late", 3, plan.Sink{})
		if got := next[model.TaskFailed](again); got.Attempt != refused || got.Class != model.Refused {
			t.Errorf("got %+v", got)
		}
		again.welcome(2)
		again.run("later", 4, plan.Sink{})
		if got := next[model.TaskStarted](again); got.Attempt.Seq != 4 || got.Session != 2 {
			t.Errorf("got %+v", got)
		}
		x.end("plain") <- &plan.Result{}
		if got := next[model.TaskDone](again); got.Attempt != plain {
			t.Errorf("got %+v", got)
		}
		again.send(model.Ack{Attempts: []model.AttemptID{plain, effects, refused}, Keep: true})
		x.end("later") <- &plan.Result{}
		next[model.TaskDone](again)
	})
}

// TestR29Steps leaves a worker alone until it has let go of everything.
func TestR29Steps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w, x, st, plain, _ := busy(t)
		f.server.Stop()
		<-st.end
		time.Sleep(60 * time.Second)
		if synctest.Wait(); x.dead() || w.leased() {
			t.Errorf("executor dead: %v, leased: %v", x.dead(), w.leased())
		}
		time.Sleep(10 * time.Second)
		if synctest.Wait(); !x.dead() {
			t.Error("an executor lives on for a master that is gone")
		}
		var running, reports int
		look := func() {
			w.call(func() {
				at := w.inventory().Inventory
				running, reports = len(at.Running)+len(at.Queued), len(w.reports)
			})
			synctest.Wait()
		}
		if look(); running != 0 || reports == 0 {
			t.Errorf("%d run, %d reports of %v and the other", running, reports, plain)
		}
		time.Sleep(11 * time.Minute)
		if look(); running != 0 || reports != 0 {
			t.Errorf("%d run, %d reports are left", running, reports)
		}
	})
}

// A stream that breaks is made anew, and costs nothing that runs.
func TestStreamBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w, _, st, plain, effects := busy(t)
		st.close()
		time.Sleep(200 * time.Millisecond)
		again := f.stream()
		if got := again.attach.Inventory.Running; len(got) != 2 {
			t.Errorf("runs %+v, want %v and %v", got, plain, effects)
		}
		if got := again.attach.Inventory.Executors; len(got) != 1 || got[0] != (model.ExecutorRef{Job: "j", No: 1}) {
			t.Errorf("executors %+v", got)
		}
		if !w.leased() {
			t.Error("the lease ended with the stream")
		}
	})
}

// An executor that is under way when the stream breaks is one that the master hears
// of, so that it is ended if its job has.
func TestStreamBreaksWhileAnExecutorStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		x, start := &fakeExecutor{done: make(chan struct{})}, make(chan struct{})
		f.startWorker("w1", func(o *Options) {
			o.executor = func(model.ExecutorRef) running { <-start; return x }
		})
		st := f.stream()
		st.welcome(1)
		st.send(msg.Job{ID: "j"}, model.StartExec{Job: "j", No: 1})
		synctest.Wait()
		st.close()
		time.Sleep(200 * time.Millisecond)
		again := f.stream()
		if got := again.attach.Inventory.Executors; len(got) != 1 || got[0] != (model.ExecutorRef{Job: "j", No: 1}) {
			t.Fatalf("executors %+v", got)
		}
		again.welcome(2)
		again.send(model.StopExec{Job: "j", No: 1})
		synctest.Wait()
		close(start)
		synctest.Wait()
		if !x.dead() {
			t.Error("an executor that nobody wants goes on")
		}
	})
}

// A master that takes the stream and says nothing is given up.
func TestMuteMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		f.startWorker("w1", nil)
		first := f.stream()
		time.Sleep(answerWait + time.Second)
		synctest.Wait()
		select {
		case <-first.end:
		default:
			t.Error("the worker waits for ever")
		}
		f.stream().welcome(1)
	})
}
