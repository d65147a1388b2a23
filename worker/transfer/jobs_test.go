package transfer

import (
	"errors"
	"strings"
	"testing"
)

func TestJobTickets(t *testing.T) {
	var here, there JobTickets
	a, b := Claim{Job: "a", From: 1, To: 2}, Claim{Job: "b", From: 1, To: 2}
	if _, err := here.Sign(a); err == nil || !strings.Contains(err.Error(), "key of job a") {
		t.Errorf("signed without a key: %v", err)
	}
	here.Set("a", []byte("key of a"))
	here.Set("b", []byte("key of b"))
	there.Set("a", []byte("key of a"))
	ticket, err := here.Sign(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Check(ticket, a); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]Claim{"another job": b, "other partitions": {Job: "a", From: 1, To: 3}} {
		if err := there.Check(ticket, bad); !errors.Is(err, errTicket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The name of a job in a claim picks the key; it opens nothing by itself.
	if err := here.Check(ticket, b); !errors.Is(err, errTicket) {
		t.Errorf("with the other job's key: %v", err)
	}
	there.Forget("a")
	if err := there.Check(ticket, a); !errors.Is(err, errTicket) {
		t.Errorf("after the job: %v", err)
	}
}
