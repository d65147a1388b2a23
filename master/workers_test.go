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

func TestPieces(t *testing.T) {
	outputs := make([]model.MapOutput, 2*locationsAtOnce+1)
	for i := range outputs {
		outputs[i].Partition = i
	}
	ms := pieces(model.Locations{Key: "m", Full: true, Lost: []int{1}, Outputs: outputs})
	n := 0
	for i, m := range ms {
		l := m.(model.Locations)
		if l.Full != (i == 0) || (len(l.Lost) > 0) != (i == 0) || l.Key != "m" {
			t.Errorf("piece %d: %+v", i, l)
		}
		for _, o := range l.Outputs {
			if o.Partition != n {
				t.Fatalf("output %d comes as number %d", o.Partition, n)
			}
			n++
		}
	}
	if len(ms) != 3 || n != len(outputs) {
		t.Errorf("%d pieces with %d outputs", len(ms), n)
	}
	if ms := pieces(model.Locations{Key: "m", Lost: []int{2}}); len(ms) != 1 || len(ms[0].(model.Locations).Lost) != 1 {
		t.Errorf("got %+v", ms)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"w-1.a_B": true, "": false, "../x": false, ".x": false, "a/b": false, "a b": false, string(make([]byte, 65)): false} {
		if goodName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if id := newJobID(); !goodName(string(id)) || id == newJobID() {
		t.Errorf("job id %q", id)
	}
}
