package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// TestR60AtTheWorker has an attempt wait at a barrier while the stream breaks: the
// master hears of it again, and only its answer for that round lets the attempt go on.
func TestR60AtTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w, _, st, plain, effects := busy(t)
		released := make(chan [][]byte, 1)
		go func() {
			all, err := w.agent.Gather(t.Context(), "1.1", 2, []byte("mine"))
			if err != nil {
				t.Error(err)
			}
			released <- all
		}()
		arrived := func(st *workStream, session model.Session) {
			t.Helper()
			got := next[model.BarrierArrive](st)
			if got.Attempt != plain || got.Round != 2 || string(got.Data) != "mine" || got.Session != session {
				t.Errorf("got %+v", got)
			}
			st.silent()
		}
		arrived(st, 1)
		st.close()
		time.Sleep(200 * time.Millisecond)
		again := f.stream()
		again.welcome(2)
		arrived(again, 2)
		again.send(model.Barrier{Stage: plain.Stage, Round: 1}, model.Barrier{Stage: plain.Stage, Gen: 1, Round: 2}, model.Barrier{Stage: effects.Stage, Round: 2})
		again.silent()
		if len(released) > 0 {
			t.Errorf("another's answer let it go on: %q", <-released)
		}
		again.send(model.Barrier{Stage: plain.Stage, Round: 2, Data: [][]byte{[]byte("mine")}})
		if all := <-released; len(all) != 1 || string(all[0]) != "mine" {
			t.Errorf("got %q", all)
		}
	})
}

// TestKillFreesWhoWaits ends an attempt at a barrier.
func TestKillFreesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, _, st, plain, _ := busy(t)
		ended := make(chan error, 1)
		go func() {
			_, err := w.agent.Gather(t.Context(), "1.1", 0, nil)
			ended <- err
		}()
		next[model.BarrierArrive](st)
		st.send(model.Kill{Attempt: plain, Reason: "another one was lost"})
		if err := <-ended; err == nil || err.Error() != "another one was lost" {
			t.Error(err)
		}
		if got := next[model.TaskFailed](st); got.Attempt != plain || got.Class != model.Killed {
			t.Errorf("got %+v", got)
		}
	})
}
