package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// leaving lets a worker leave, and says how long that took.
func leaving(w *Worker) (took *time.Duration, ended chan struct{}) {
	took, ended = new(time.Duration), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		w.Leave()
		*took = time.Since(began)
	}()
	synctest.Wait()
	return took, ended
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		st := f.stream()
		st.welcome(3)
		took, ended := leaving(w)
		if got := next[model.Leaving](st); got.Session != 3 || got.Inc != st.attach.Inc {
			t.Errorf("got %+v", got)
		}
		select {
		case <-ended:
			t.Error("it did not wait for the master's word")
		default:
		}
		time.Sleep(time.Second)
		st.send(model.Detach{Session: 3, Why: model.DetachLeft})
		<-ended
		<-w.Left()
		if *took != time.Second {
			t.Errorf("took %v", *took)
		}
		<-st.end
		time.Sleep(time.Minute)
		if synctest.Wait(); len(f.streams) > 0 {
			t.Error("a worker that has left attaches again")
		}
	})
}

func TestLeaveAMuteMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		f.stream().welcome(1)
		took, ended := leaving(w)
		<-ended
		if *took != farewell {
			t.Errorf("took %v, want %v", *took, farewell)
		}
	})
}

func TestLeaveNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		f.server.Stop()
		w, _ := f.startWorker("w1", nil)
		time.Sleep(time.Minute)
		took, ended := leaving(w)
		<-ended
		if *took != 0 {
			t.Errorf("took %v: nobody is there to tell", *took)
		}
	})
}

// A drained worker is let go; one that is detached for another reason tries again.
func TestDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startMaster(t)
		w, _ := f.startWorker("w1", nil)
		st := f.stream()
		st.welcome(1)
		st.send(model.Detach{Session: 1, Why: "superseded"})
		<-st.end
		time.Sleep(time.Second)
		st = f.stream()
		st.welcome(2)
		st.send(model.Detach{Session: 2, Why: model.DetachDrained})
		<-w.Left()
		<-st.end
		time.Sleep(time.Minute)
		if synctest.Wait(); len(f.streams) > 0 {
			t.Error("a drained worker attaches again")
		}
	})
}
