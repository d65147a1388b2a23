package transfer

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
)

func TestSecretTickets(t *testing.T) {
	claim := Claim{Job: "j", Attempt: model.AttemptID{Stage: model.StageID{Job: "j", Key: "m"}, Partition: 3, Term: 1, Seq: 9}, From: 2, To: 3, Epoch: 4}
	ours, others := SecretTickets([]byte("ours")), SecretTickets([]byte("theirs"))
	ticket, err := ours.Sign(claim)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Check(ticket, claim); err != nil {
		t.Error(err)
	}
	if others.Check(ticket, claim) == nil {
		t.Error("a ticket of another secret")
	}
	for name, change := range map[string]func(*Claim){
		"job": func(c *Claim) { c.Job = "k" }, "stage": func(c *Claim) { c.Attempt.Stage.Key = "n" },
		"texts moved": func(c *Claim) { c.Job, c.Attempt.Stage.Job = "jj", "" }, "attempt": func(c *Claim) { c.Attempt.Seq = 8 },
		"partitions": func(c *Claim) { c.To = 4 }, "epoch": func(c *Claim) { c.Epoch = 5 }, "blob": func(c *Claim) { c.Blob = "d" },
	} {
		c := claim
		change(&c)
		if ours.Check(ticket, c) == nil {
			t.Errorf("a ticket for another %s", name)
		}
	}
	for i := range ticket {
		bad := append([]byte{}, ticket...)
		bad[i] ^= 1
		if ours.Check(bad, claim) == nil {
			t.Errorf("byte %d is not signed", i)
		}
	}
	if ours.Check(nil, claim) == nil || ours.Check(ticket[:39], claim) == nil {
		t.Error("half a ticket")
	}
	s := ours.(secretTickets)
	old := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(-time.Minute).Unix()))
	if s.Check(append(old, s.sum(old, claim)...), claim) == nil {
		t.Error("a ticket that has ended")
	}
}
