package master

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// known gives the workers that others are told of.
func (m *Master) known() (ids []plan.WorkerID) {
	done := make(chan struct{})
	m.engine.Call(func() model.Event {
		for id := range m.peers {
			ids = append(ids, id)
		}
		close(done)
		return nil
	})
	<-done
	return ids
}

func TestWorkerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, road, _ := startMaster(t)
		w1, w2 := road.worker(t, "w1", nil), road.worker(t, "w2", nil)
		if len(said[msg.Peer](w1)) != 2 || len(said[msg.Peer](w2)) != 2 || len(m.known()) != 2 {
			t.Errorf("known: %v", m.known())
		}
		w1.send(model.Leaving{From: w1.from})
		if got := said[model.Detach](w1); len(got) != 1 || got[0].Why != model.DetachLeft {
			t.Errorf("got %+v", got)
		}
		w1.cancel()
		if err := <-w1.ended; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
		if synctest.Wait(); len(m.known()) != 1 {
			t.Errorf("known: %v", m.known())
		}
		// A worker that says nothing more is lost by the end of its lease.
		w2.cancel()
		if err := <-w2.ended; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
		if synctest.Wait(); len(m.known()) != 1 {
			t.Error("a worker is given up with its stream")
		}
		time.Sleep(11 * time.Second)
		if synctest.Wait(); len(m.known()) != 0 {
			t.Errorf("known: %v", m.known())
		}
	})
}

// TestR39Handover passes outputs on to the worker that is to own them, which hears
// first what their job is.
func TestR39Handover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, road, drivers := startMaster(t)
		w1, w2 := road.worker(t, "w1", nil), road.worker(t, "w2", nil)
		p := drivers.drives(t)
		h := msg.Handover{Target: "w2", Job: p.job.ID(), Outputs: []model.MapOutput{{Worker: "w1",
			Attempt: model.AttemptID{Stage: model.StageID{Job: p.job.ID(), Key: "m"}, Term: 1, Seq: 1}}}}
		w1.send(h, msg.Handover{Target: "w9", Job: "x"}, h)
		if got := said[msg.Handover](w2); len(got) != 2 || got[0].Outputs[0].Attempt != h.Outputs[0].Attempt {
			t.Errorf("got %+v", got)
		}
		if got := said[msg.Job](w2); len(got) != 1 || got[0].ID != h.Job {
			t.Errorf("got %+v", got)
		}
		if got := said[msg.Handover](w1); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}
