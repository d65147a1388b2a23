package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/master"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// secureMaster starts a master with certificates.
func secureMaster(t *testing.T, life time.Duration) (address string, c *trust.Cluster) {
	t.Helper()
	c, err := trust.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	m, err := master.New(master.Options{Cluster: c.ID, Dir: t.TempDir(), Listener: l, Trust: c, CertificateLife: life})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), c
}

func token(t *testing.T, c *trust.Cluster) trust.Token {
	t.Helper()
	tok, err := c.NewToken(trust.Worker, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// records gives the messages of a log.
type records chan string

func (records) Enabled(context.Context, slog.Level) bool { return true }

func (r records) Handle(_ context.Context, rec slog.Record) error {
	select {
	case r <- rec.Message:
	default:
	}
	return nil
}

func (r records) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r records) WithGroup(string) slog.Handler      { return r }

// await waits until something was logged.
func (r records) await(t *testing.T, want string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case got := <-r:
			if got == want {
				return
			}
		case <-late:
			t.Fatalf("nobody said %q", want)
		}
	}
}

// A worker enrols, attaches, and asks those who fetch for certificates.
func TestSecureWorker(t *testing.T) {
	address, cluster := secureMaster(t, 0)
	revoked := trust.Identity{Cluster: cluster.ID, Role: trust.Admin, Name: "x"}
	if err := cluster.Revoked.Add(revoked); err != nil {
		t.Fatal(err)
	}
	c, key, err := Enrol(t.Context(), address, token(t, cluster), "w1")
	if err != nil {
		t.Fatal(err)
	}
	if string(key) != string(cluster.GossipKey) {
		t.Error("the gossip key is another one")
	}
	data, attached := listen(t), make(chan struct{})
	w, err := New(Options{ID: "w1", Store: "s1", Master: address, Data: data, Dir: t.TempDir(), Slots: 1, Credentials: c, Attached: func() { close(attached) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	<-attached
	w.tickets.Set("j", []byte("key"))
	tickets := new(transfer.JobTickets)
	tickets.Set("j", []byte("key"))
	digest := plan.DigestOf([]byte("result"))
	w.store.addResult(digest, &result{attempt: model.AttemptID{Stage: model.StageID{Job: "j", Action: 1}, Seq: 1}, bytes: []byte("result")})
	fetch := func(config *tls.Config, tickets transfer.Tickets) error {
		f := transfer.NewFetcher(transfer.Options{TLS: config, Tickets: tickets, Scratch: t.TempDir(), Retries: -1})
		defer f.Close()
		part, err := f.Blob(t.Context(), transfer.BlobRequest{Job: "j", Digest: digest, Limit: 1 << 20, Owners: []transfer.Source{{Addr: data.Addr().String()}}})
		if err != nil {
			return err
		}
		return part.Close()
	}
	member := func(role trust.Role, c *trust.Cluster) *tls.Config {
		m, err := c.Authority.Credentials(trust.Request{Identity: trust.Identity{Cluster: c.ID, Role: role, Name: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		return m.ClientConfig(trust.Worker)
	}
	other, err := trust.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wrong := new(transfer.JobTickets)
	wrong.Set("j", []byte("another key"))
	lax := member(trust.Worker, other)
	lax.VerifyConnection = nil
	for name, x := range map[string]struct {
		config  *tls.Config
		tickets transfer.Tickets
		good    bool
	}{
		"a worker": {member(trust.Worker, cluster), tickets, true}, "a client": {member(trust.Client, cluster), tickets, true},
		"no TLS": {nil, tickets, false}, "another cluster": {member(trust.Worker, other), tickets, false},
		"another cluster that looks away": {lax, tickets, false}, "another key": {member(trust.Worker, cluster), wrong, false},
		"no certificate": {&tls.Config{InsecureSkipVerify: true}, tickets, false},
	} {
		if err := fetch(x.config, x.tickets); (err == nil) != x.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What the master says of who was revoked counts here too. It says so by itself, some time after the welcome.
	if err := w.heed(msg.Revoked{Identities: []string{revoked.String()}}); err != nil {
		t.Fatal(err)
	}
	if err := fetch(member(trust.Admin, cluster), tickets); err == nil {
		t.Error("who was revoked has fetched")
	}
	if err := fetch(member(trust.Worker, cluster), tickets); err != nil {
		t.Errorf("a worker of that name: %v", err)
	}
	if err := w.heed(msg.Revoked{Identities: []string{"x"}}); err == nil {
		t.Error("a bad identity was taken")
	}
}

// Certificates that are about to end are renewed, and kept.
func TestCertificatesAreRenewed(t *testing.T) {
	address, cluster := secureMaster(t, time.Minute) // shorter than what certificates are backdated by: to be renewed at once
	c, _, err := Enrol(t.Context(), address, token(t, cluster), "w1")
	if err != nil {
		t.Fatal(err)
	}
	before, dir, log := c.Expires(), filepath.Join(t.TempDir(), "kept"), make(records, 100)
	w, err := New(Options{ID: "w1", Store: "s1", Master: address, Data: listen(t), Dir: t.TempDir(), Slots: 1, Credentials: c, CredentialsDir: dir, Log: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	log.await(t, "certificate renewed")
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if c.Expires().Before(before) {
		t.Errorf("it ended at %v, and now at %v", before, c.Expires())
	}
	kept, err := trust.LoadCredentials(dir)
	if err != nil || kept.Identity() != c.Identity() {
		t.Errorf("kept: %v", err)
	}
}

func TestEnrolErrors(t *testing.T) {
	address, cluster := secureMaster(t, 0)
	used := token(t, cluster)
	if _, _, err := Enrol(t.Context(), address, used, "w1"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Enrol(t.Context(), address, used, "w2"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "used before") {
		t.Errorf("a used token: %v", err)
	}
	other, err := trust.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Enrol(t.Context(), address, token(t, other), "w2"); err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "not of the cluster") {
		t.Errorf("another cluster: %v", err)
	}
	l := listen(t)
	gone := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Enrol(t.Context(), gone, token(t, cluster), "w2"); err == nil || !strings.Contains(err.Error(), gone) {
		t.Errorf("nobody there: %v", err)
	}
}
