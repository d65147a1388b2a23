package master

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
)

// enrol asks for a certificate with a token.
func (s *secured) enrol(t trust.Token, name string, request []byte) any {
	s.t.Helper()
	got, err := s.ask(trust.JoinConfig(t), msg.MethodEnrol, msg.Enrol{Token: t.Text(), Name: name, Request: request})
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func TestEnrolAndRenew(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	key, csr, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	got, ok := s.enrol(s.token(trust.Worker), "w1", csr).(msg.Enrolled)
	if !ok {
		t.Fatalf("got %v", got)
	}
	if string(got.Gossip) != string(s.cluster.GossipKey) {
		t.Error("without the key of the gossip")
	}
	c, err := trust.NewCredentials(got.Chain, key)
	if err != nil {
		t.Fatal(err)
	}
	if want := (trust.Identity{Cluster: s.cluster.ID, Role: trust.Worker, Name: "w1"}); c.Identity() != want {
		t.Errorf("got %v", c.Identity())
	}
	if left := time.Until(c.Expires()); left > trust.WorkerLife || left < trust.WorkerLife-time.Hour {
		t.Errorf("good for %v", left)
	}
	// What is renewed is the caller's own.
	if key, csr, err = trust.NewRequest(); err != nil {
		t.Fatal(err)
	}
	m, err := s.ask(c.ClientConfig(trust.Master), msg.MethodRenew, msg.Renew{Request: csr})
	if err != nil {
		t.Fatal(err)
	}
	again, ok := m.(msg.Enrolled)
	if !ok {
		t.Fatalf("got %v", m)
	}
	if err := c.Renew(again.Chain, key); err != nil {
		t.Error(err)
	}
	if m, err = s.ask(c.ClientConfig(trust.Master), msg.MethodRenew, msg.Renew{Request: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if r, ok := m.(msg.Refused); !ok || !strings.Contains(r.Why, trust.ErrCSR.Error()) {
		t.Errorf("got %v", m)
	}
}

func TestEnrolmentsRefused(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	_, csr, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(tok trust.Token, name string, csr []byte, why string) {
		t.Helper()
		if r, ok := s.enrol(tok, name, csr).(msg.Refused); !ok || !strings.Contains(r.Why, why) {
			t.Errorf("got %v, want %q", r, why)
		}
	}
	kept := s.token(trust.Worker)
	refused(kept, "no name", csr, trust.ErrIdentity.Error())
	if got, ok := s.enrol(kept, "w1", csr).(msg.Enrolled); !ok {
		t.Errorf("the token was used for nothing: %v", got)
	}
	refused(kept, "w2", csr, "used before")
	refused(s.token(trust.Client), "w2", csr, "it is for a client, not for a worker")
	refused(s.token(trust.Worker), "w2", []byte("x"), trust.ErrCSR.Error())
	foreign := (&secured{t: t, cluster: newCluster(t)}).token(trust.Worker)
	m, err := s.ask(trust.JoinConfig(kept), msg.MethodEnrol, msg.Enrol{Token: foreign.Text(), Name: "w2", Request: csr})
	if r, ok := m.(msg.Refused); err != nil || !ok || !strings.Contains(r.Why, "did not make it") {
		t.Errorf("got %v, %v", m, err)
	}
	s.m.engine.Call(func() model.Event {
		s.m.workers["w3"] = &worker{id: "w3", out: msg.NewOutbox()}
		return nil
	})
	refused(s.token(trust.Worker), "w3", csr, "attached already")
}

// A token that one process of the master took, the next one does not.
func TestUsedTokensStayUsed(t *testing.T) {
	c, dir := newCluster(t), t.TempDir()
	_, csr, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	s, stop := startSecured(t, c, dir)
	tok := s.token(trust.Worker)
	if got, ok := s.enrol(tok, "w1", csr).(msg.Enrolled); !ok {
		t.Fatalf("got %v", got)
	}
	stop()
	s, _ = startSecured(t, c, dir)
	if r, ok := s.enrol(tok, "w1", csr).(msg.Refused); !ok || !strings.Contains(r.Why, "used before") {
		t.Errorf("got %v", r)
	}
}

// A token whose use cannot be written down gets nothing.
func TestEnrolNeedsTheDisk(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	s.m.access.dir = filepath.Join(s.dir, "missing")
	_, csr, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := s.enrol(s.token(trust.Worker), "w1", csr).(msg.Refused); !ok || !strings.Contains(r.Why, "save used join tokens") {
		t.Errorf("got %v", r)
	}
}

func TestNoCertificatesToGive(t *testing.T) {
	s, _ := startSecured(t, nil, t.TempDir())
	for method, m := range map[string]any{msg.MethodEnrol: msg.Enrol{Name: "w1"}, msg.MethodRenew: msg.Renew{}} {
		got, err := s.ask(nil, method, m)
		if r, ok := got.(msg.Refused); err != nil || !ok || !strings.Contains(r.Why, "without --cluster") {
			t.Errorf("%s: %v, %v", method, got, err)
		}
	}
}

// The keys of jobs outlive the master, and differ.
func TestTicketKeys(t *testing.T) {
	dir := t.TempDir()
	s, stop := startSecured(t, nil, dir)
	a, b := string(s.m.ticketKey("a")), string(s.m.ticketKey("b"))
	if a == b || len(a) != 32 {
		t.Errorf("%x and %x", a, b)
	}
	stop()
	s, stop = startSecured(t, nil, dir)
	if again := string(s.m.ticketKey("a")); again != a {
		t.Error("another key after the master's restart")
	}
	stop()
	if info, err := os.Stat(filepath.Join(dir, ticketFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ticketFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ticketSecret(dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
}
