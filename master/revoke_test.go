package master

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/rdd/plan"
)

// works is the stream of a worker that the master has welcomed.
func (s *secured) works(name string) *msg.Stream {
	s.t.Helper()
	creds := credentials.NewTLS(s.member(trust.Worker, name).ClientConfig(trust.Master))
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(creds))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	st, err := msg.Dial(ctx, conn, msg.MethodWork)
	if err != nil {
		s.t.Fatal(err)
	}
	from := model.From{Protocol: msg.Protocol, Worker: plan.WorkerID(name), Inc: 1}
	if err := st.Send(model.Attach{From: from, Store: model.StoreID(name), Slots: 1, Platform: plan.Here}); err != nil {
		s.t.Fatal(err)
	}
	if m := next[msg.Welcome](s.t, st); m.Cluster != s.cluster.ID {
		s.t.Fatalf("%+v", m)
	}
	return st
}

// next receives until a message of a type comes.
func next[T any](t *testing.T, st *msg.Stream) T {
	t.Helper()
	for {
		m, err := st.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := m.(T); ok {
			return m
		}
	}
}

// tell has an administrator say something, and gives the master's answer.
func (s *secured) tell(by string, m msg.Tell) string {
	s.t.Helper()
	answer, err := s.ask(s.member(trust.Admin, by).ClientConfig(trust.Master), msg.MethodTell, m)
	a, ok := answer.(msg.Answer)
	if err != nil || !ok {
		s.t.Fatalf("%+v: %+v, %v", m, answer, err)
	}
	return a.Error
}

// refused says whether the master refuses a call since who makes it was revoked.
func (s *secured) refused(role trust.Role, name string) bool {
	s.t.Helper()
	method := map[trust.Role]string{trust.Worker: msg.MethodWork, trust.Client: msg.MethodAsk, trust.Admin: msg.MethodAsk}[role]
	_, err := s.ask(s.member(role, name).ClientConfig(trust.Master), method, harmless[method])
	return status.Code(err) == codes.PermissionDenied && strings.Contains(err.Error(), string(role)+"/"+name+" was revoked")
}

// Whoever is revoked is refused at once, on what is open and by masters to come;
// others go on, and workers are told.
func TestRevoke(t *testing.T) {
	kept, dir := t.TempDir(), t.TempDir()
	c, err := trust.Init(kept)
	if err != nil {
		t.Fatal(err)
	}
	s, stop := startSecured(t, c, dir)
	bad, good := s.works("bad"), s.works("good")
	if got := next[msg.Revoked](t, good); len(got.Identities) != 0 {
		t.Errorf("at first %v are revoked", got)
	}
	if says := s.tell("admin", msg.Tell{Revoke: "worker/bad"}); says != "" {
		t.Fatal(says)
	}
	for {
		if _, err := bad.Receive(); err != nil {
			if status.Code(err) != codes.Unavailable && !errors.Is(err, io.EOF) {
				t.Errorf("its stream ends with %v", err)
			}
			break
		}
	}
	want := []string{trust.Identity{Cluster: c.ID, Role: trust.Worker, Name: "bad"}.String()}
	if got := next[msg.Revoked](t, good); !slices.Equal(got.Identities, want) {
		t.Errorf("workers are told %q", got.Identities)
	}
	if says := s.tell("admin", msg.Tell{Revoke: "client/alice"}); says != "" {
		t.Fatal(says)
	}
	before := s.refused(trust.Worker, "bad") && s.refused(trust.Client, "alice")
	stop()
	loaded, err := trust.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := startSecured(t, loaded, dir)
	if !before || !again.refused(trust.Worker, "bad") || !again.refused(trust.Client, "alice") {
		t.Error("they are let in")
	}
	if again.refused(trust.Client, "bad") || again.refused(trust.Admin, "alice") {
		t.Error("others of their names are refused")
	}
	if got := next[msg.Revoked](t, again.works("good")); len(got.Identities) != 2 {
		t.Errorf("a worker that attaches is told %q", got.Identities)
	}
}

// Nobody gets a certificate for a name that was revoked.
func TestRevokedNamesAreNotEnrolled(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	if says := s.tell("admin", msg.Tell{Revoke: "worker/bad"}); says != "" {
		t.Fatal(says)
	}
	tok := s.token(trust.Worker)
	_, csr, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.ask(trust.JoinConfig(tok), msg.MethodEnrol, msg.Enrol{Token: tok.Text(), Name: "bad", Request: csr})
	if r, ok := m.(msg.Refused); err != nil || !ok || !strings.Contains(r.Why, "was revoked: choose another --name") {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestWhatCannotBeRevoked(t *testing.T) {
	s, _ := startSecured(t, newCluster(t), t.TempDir())
	for who, want := range map[string]string{
		"alice":         `"alice" cannot be revoked: give ROLE/NAME`,
		"master/master": "cannot be revoked",
		"anonymous/x":   "cannot be revoked",
		"client/../x":   "cannot be revoked",
		"admin/me":      "admin/me is who asks: another administrator",
	} {
		if says := s.tell("me", msg.Tell{Revoke: who}); !strings.Contains(says, want) {
			t.Errorf("%s: %q", who, says)
		}
	}
	if got := s.cluster.Revoked.List(); len(got) != 0 {
		t.Errorf("%v are revoked", got)
	}
}
