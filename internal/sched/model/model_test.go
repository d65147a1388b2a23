package model

import (
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestNamesCoverTheirConstants(t *testing.T) {
	last := map[string]string{
		"kind": ValueStage.String(), "class": Indeterminate.String(), "sink": ForEach.String(),
		"fail class": Storage.String(), "fetch cause": FetchCorrupt.String(), "cause": CauseIndeterminate.String(),
		"level": Anywhere.String(), "action state": ActionCancelled.String(), "job state": JobCancelled.String(),
		"note": NoteGossip.String(), "task state": TaskFinished.String(), "worker state": WorkerLost.String(),
	}
	want := map[string]string{
		"kind": "value", "class": "indeterminate", "sink": "foreach", "fail class": "storage",
		"fetch cause": "corrupt", "cause": "indeterminate", "level": "any", "action state": "cancelled",
		"job state": "cancelled", "note": "gossip", "task state": "done", "worker state": "lost",
	}
	for k, got := range last {
		if got != want[k] {
			t.Errorf("last %s is named %q, want %q", k, got, want[k])
		}
	}
	if got := FailClass(200).String(); got != "unknown" {
		t.Errorf("FailClass(200) = %q, want unknown", got)
	}
}

func TestAttemptOrderIsTermThenNumber(t *testing.T) {
	a, b := AttemptID{Term: 1, Seq: 9}, AttemptID{Term: 2, Seq: 1}
	if !a.Older(b) || b.Older(a) || a.Older(a) {
		t.Error("an attempt of an earlier term must be older")
	}
	s := StageID{Job: "j", Key: "k"}
	if got := (AttemptID{Stage: s, Partition: 3, Gen: 1, Term: 2, Seq: 7}).String(); got != "j/k p3 g1 2.7" {
		t.Errorf("String = %q", got)
	}
	s.Action = 4
	if s.String() != "j/k#4" {
		t.Errorf("String = %q", s)
	}
}

func TestEveryWorkerMessageHasItsEnvelope(t *testing.T) {
	f := From{Cluster: "c", Worker: "w", Inc: 1}
	for _, e := range []WorkerEvent{
		Attach{From: f}, Leaving{From: f}, TaskStarted{From: f}, TaskProgress{From: f}, TaskDone{From: f},
		TaskFailed{From: f}, ExecUp{From: f}, ExecGone{From: f}, BlocksChanged{From: f}, OutputsMoved{From: f},
		OutputVerdict{From: f}, DiskState{From: f}, BarrierArrive{From: f},
	} {
		if e.Envelope() != f {
			t.Errorf("%T: envelope %v", e, e.Envelope())
		}
	}
	r := Receiver{Worker: "w", Inc: 1}
	for _, c := range []WorkerCommand{
		Lease{Receiver: r}, Launch{Receiver: r}, Kill{Receiver: r}, StartExec{Receiver: r}, StopExec{Receiver: r},
		Ack{Receiver: r}, Locations{Receiver: r}, Drop{Receiver: r}, Move{Receiver: r}, Verify{Receiver: r},
		Barrier{Receiver: r}, Detach{Receiver: r},
	} {
		if c.To() != plan.WorkerID("w") {
			t.Errorf("%T: to %q", c, c.To())
		}
	}
}

func TestEmbeddedNeverWaits(t *testing.T) {
	c := Embedded()
	if c.Journal || c.MaxFailures != 1 || c.Lease != 0 || c.WaitNode != 0 || c.Speculation {
		t.Errorf("Embedded() = %+v", c)
	}
	if c.Pools[0].Name != DefaultPool {
		t.Error("no default pool")
	}
}

func TestStatesEnd(t *testing.T) {
	for s, want := range map[ActionState]bool{ActionPublishing: false, ActionDone: true, ActionCancelled: true} {
		if s.Ended() != want {
			t.Errorf("%s.Ended() = %v", s, !want)
		}
	}
	if JobEnding.Ended() || !JobFailed.Ended() {
		t.Error("job states end at done")
	}
}

func TestSizesInAByte(t *testing.T) {
	last := byte(0)
	for n := int64(0); n < 1<<34; n += n/7 + 1 {
		b := SizeByte(n)
		if b < last {
			t.Fatalf("%d is coded below a smaller number", n)
		}
		last = b
		if got := SizeOf(b); got < n-1 || float64(got) > 1.11*float64(n)+1 {
			t.Fatalf("%d becomes %d", n, got)
		}
	}
	if SizeByte(-1) != 0 || SizeByte(1<<62) != 255 {
		t.Error("beyond the ends")
	}
}
