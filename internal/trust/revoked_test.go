package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRevokedIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	c, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := Identity{c.ID, Client, "alice"}, Identity{c.ID, Worker, "bob"}
	for _, id := range []Identity{alice, bob, alice} {
		if err := c.Revoked.Add(id); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Revoked{c.Revoked, again.Revoked} {
		if got := r.List(); !slices.Equal(got, []Identity{alice, bob}) {
			t.Errorf("got %v", got)
		}
		if err := r.Check(alice); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "client/alice was revoked") {
			t.Errorf("alice: %v", err)
		}
		if err := r.Check(Identity{c.ID, Worker, "alice"}); err != nil {
			t.Errorf("a worker of this name: %v", err)
		}
	}
}

func TestRevokedThatCannotBeKeptCounts(t *testing.T) {
	r := &Revoked{dir: filepath.Join(t.TempDir(), "gone")}
	id := Identity{"c", Client, "alice"}
	if err := r.Add(id); err == nil || !strings.Contains(err.Error(), "could not be kept in") {
		t.Errorf("got %v", err)
	}
	if r.Check(id) == nil {
		t.Error("alice is let in")
	}
}

func TestRevokedIsBounded(t *testing.T) {
	c, err := Init(filepath.Join(t.TempDir(), "c"))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("n", maxName-4)
	for i := range MaxRevoked {
		c.Revoked.ids = append(c.Revoked.ids, Identity{c.ID, Worker, fmt.Sprintf("%s%04d", long, i)})
	}
	if err := c.Revoked.Add(c.Revoked.ids[0]); err != nil {
		t.Fatal(err)
	}
	if err := c.Revoked.Add(Identity{c.ID, Client, "alice"}); err == nil || !strings.Contains(err.Error(), "make another cluster") {
		t.Errorf("one more: %v", err)
	}
	if _, err := Load(c.Revoked.dir); err != nil {
		t.Errorf("a full list: %v", err)
	}
}

func TestBadRevokedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	c, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"alice\n", Identity{"another", Client, "alice"}.String() + "\n", "\n"} {
		if err := os.WriteFile(filepath.Join(dir, revokedFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "line 1 is no identity of cluster "+c.ID) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseRevoked(f *testing.F) {
	f.Add("spiffe://c/client/alice\nspiffe://c/worker/w1\n")
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := parseRevoked(text, "c")
		for _, id := range ids {
			if err == nil && (id.Check() != nil || id.Cluster != "c") {
				t.Errorf("%+v", id)
			}
		}
	})
}

// Who was revoked is refused by everybody who knows, on new connections and on
// those that are there.
func TestCredentialsRefuseWhoWasRevoked(t *testing.T) {
	c, err := Init(filepath.Join(t.TempDir(), "c"))
	if err != nil {
		t.Fatal(err)
	}
	member := func(role Role, name string) *Credentials {
		m, err := c.Authority.Credentials(Request{Identity: Identity{c.ID, role, name}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	server, w1, w2 := member(Worker, "w0"), member(Worker, "w1"), member(Worker, "w2")
	state := func(m *Credentials) tls.ConnectionState {
		return tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{m.current.Load().Leaf}}
	}
	verify := server.ServerConfig(Worker).VerifyConnection
	for _, m := range []*Credentials{w1, w2} {
		if err := errors.Join(verify(state(m)), server.Recheck(state(m))); err != nil {
			t.Fatal(err)
		}
	}
	server.Refuse([]Identity{w1.Identity()})
	for _, err := range []error{verify(state(w1)), server.Recheck(state(w1))} {
		if !errors.Is(err, ErrPeer) || !strings.Contains(err.Error(), "worker/w1 was revoked") {
			t.Errorf("got %v", err)
		}
	}
	if err := errors.Join(verify(state(w2)), server.Recheck(state(w2))); err != nil {
		t.Error(err)
	}
}
