package master

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/engine/work"
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

// TestLaunchInPieces launches tasks of many small files: what they read is too much
// for one message, and of one of them for any.
func TestLaunchInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, _ := startMaster(t)
		l := &work.Launch{Plan: &work.Plan{Plan: &plan.Plan{Action: "Test"}}, Stage: &plan.Stage{Name: "read"}, Given: map[int][]plan.PipeSplit{}}
		for i := range 20 {
			l.Tasks = append(l.Tasks, model.Assignment{Attempt: model.AttemptID{Partition: i, Seq: uint64(i)}})
			l.Given[i] = []plan.PipeSplit{{Split: make([]byte, 300<<10)}}
		}
		l.Given[7][0].Split = make([]byte, plan.MaxEncoded)
		w := &worker{id: "w", out: msg.NewOutbox()}
		ms := service{m}.launch(w, l)
		if _, ok := ms[0].(msg.Plan); !ok || len(ms) < 4 {
			t.Fatalf("%d messages, the first a %T", len(ms), ms[0])
		}
		var sent []int
		for _, m := range ms[1:] {
			p, size := m.(msg.Launch), 0
			for i, task := range p.Launch.Tasks {
				sent, size = append(sent, task.Attempt.Partition), size+len(p.Splits[i][0].Split)
			}
			if size > launchBytes {
				t.Errorf("a message with %d bytes of splits", size)
			}
		}
		if want := []int{0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}; !slices.Equal(sent, want) {
			t.Errorf("sent %v, want %v", sent, want)
		}
		if again := (service{m}).launch(w, l); len(again) != len(ms)-1 {
			t.Errorf("%d messages with a plan that is known, %d before", len(again), len(ms))
		}
	})
}

// TestAttachInParts has a worker come back that holds more than one message says.
func TestAttachInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, workers, _ := startMaster(t)
		done := func(seq uint64) model.Inventory {
			return model.Inventory{Done: []model.TaskDone{{Attempt: model.AttemptID{Stage: model.StageID{Job: "gone", Key: "k"}, Term: 1, Seq: seq}}}}
		}
		w := workers.workerAt(t, "w1", model.Attach{Slots: 1, Inventory: done(3)}, nil, msg.Held{Inventory: done(1)}, msg.Held{Inventory: done(2)})
		var acked []uint64
		for _, a := range said[model.Ack](w) {
			for _, id := range a.Attempts {
				acked = append(acked, id.Seq)
			}
		}
		if !slices.Equal(acked, []uint64{1, 2, 3}) {
			t.Errorf("answered %v, want all three", acked)
		}
	})
}
