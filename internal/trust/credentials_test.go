package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// handshake connects both ends and returns what the server saw, with the errors
// of both. A byte goes each way, since a TLS 1.3 client learns only then that its
// certificate was refused.
func handshake(t *testing.T, server, client *tls.Config) (seen tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	a, b := net.Pipe()
	s, c := tls.Server(a, server), tls.Client(b, client)
	done := make(chan error, 1)
	go func() {
		defer func() { _ = a.Close() }()
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		done <- err
	}()
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = io.ReadFull(c, make([]byte, 1))
	}
	_ = b.Close()
	serverErr = <-done
	return s.ConnectionState(), serverErr, clientErr
}

func TestRolesOfOneClusterTalk(t *testing.T) {
	c := testCluster(t)
	master, worker := c.member(t, Master, "m"), c.member(t, Worker, "w")
	seen, serr, cerr := handshake(t, master.ServerConfig(Worker, Admin), worker.ClientConfig(Master))
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	if seen.Version != tls.VersionTLS13 {
		t.Errorf("got version %x", seen.Version)
	}
	if id, err := PeerIdentity(seen); err != nil || id != worker.Identity() {
		t.Errorf("got %v, %v", id, err)
	}
}

func TestHandshakesThatAreRefused(t *testing.T) {
	c, other := testCluster(t), otherCluster(t)
	master, worker := c.member(t, Master, "m"), c.member(t, Worker, "w")
	stranger := other.member(t, Worker, "w")
	nobody := &tls.Config{InsecureSkipVerify: true}
	old := worker.ClientConfig(Master)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, tc := range map[string]struct {
		server, client *tls.Config
		wantServer     string // in the error; empty: the client refuses
		wantClient     string
	}{
		"a role that is not asked for": {master.ServerConfig(Admin), worker.ClientConfig(Master), "is not a [admin]", ""},
		"a server of another role":     {worker.ServerConfig(Worker), worker.ClientConfig(Master), "", "is not a [master]"},
		"a client of another cluster":  {master.ServerConfig(Worker), withoutVerify(stranger.ClientConfig(Master)), "unknown authority", ""},
		"a server of another cluster":  {stranger.ServerConfig(Worker), worker.ClientConfig(Worker), "", "unknown authority"},
		"no certificate":               {master.ServerConfig(Worker), nobody, "didn't provide a certificate", ""},
		"an older TLS":                 {master.ServerConfig(Worker), old, "unsupported versions", ""},
		"a client as server":           {c.member(t, Client, "x").ServerConfig(Worker), worker.ClientConfig(Client), "", "incompatible key usage"},
	} {
		t.Run(name, func(t *testing.T) {
			_, serr, cerr := handshake(t, tc.server, tc.client)
			got, want := serr, tc.wantServer
			if want == "" {
				got, want = cerr, tc.wantClient
			}
			if got == nil || !strings.Contains(got.Error(), want) {
				t.Errorf("got %v / %v, want %q", serr, cerr, want)
			}
		})
	}
}

// withoutVerify is a client that trusts every server.
func withoutVerify(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.VerifyConnection = nil
	return c
}

func TestARogueAuthorityWithTheClustersNameIsRefused(t *testing.T) {
	c := testCluster(t)
	rogue, err := newAuthority(c.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := rogue.Credentials(Request{Identity: c.identity(Admin, "admin")})
	if err != nil {
		t.Fatal(err)
	}
	_, serr, _ := handshake(t, c.member(t, Master, "m").ServerConfig(Admin), withoutVerify(forged.ClientConfig(Master)))
	if !errors.Is(serr, ErrPeer) {
		t.Errorf("got %v", serr)
	}
}

func TestAnExpiredCertificateIsRefused(t *testing.T) {
	c := testCluster(t)
	_, csr, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := c.Authority.Sign(csr, Request{Identity: c.identity(Worker, "w")})
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(t, chain)
	pool := x509.NewCertPool()
	pool.AddCert(c.Authority.cert)
	for _, at := range []time.Time{leaf.NotBefore.Add(-time.Second), leaf.NotAfter.Add(time.Second)} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at}); err == nil {
			t.Errorf("taken at %v", at)
		}
	}
	// Nor does any member trust one that was signed by a worker.
	w := c.member(t, Worker, "w").current.Load()
	fake := &Authority{cluster: c.ID, key: w.key, cert: w.Leaf}
	cert, err := fake.Issue(Request{Identity: c.identity(Admin, "a")})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err = x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(leaf, pool, x509.ExtKeyUsageClientAuth); !errors.Is(err, ErrPeer) {
		t.Errorf("got %v", err)
	}
}

func TestRenewalCountsForNewConnections(t *testing.T) {
	c := testCluster(t)
	master, worker := c.member(t, Master, "m"), c.member(t, Worker, "w")
	server, client := master.ServerConfig(Worker), worker.ClientConfig(Master)
	serial := func() string {
		seen, serr, cerr := handshake(t, server, client)
		if serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
		return seen.PeerCertificates[0].SerialNumber.String()
	}
	before, expires := serial(), worker.Expires()
	if at := worker.RenewAt(); !at.Before(expires.Add(-WorkerLife/4)) || !at.After(expires.Add(-WorkerLife/2)) {
		t.Errorf("renewed at %v, expires %v", at, expires)
	}
	key, csr, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := c.Authority.Sign(csr, Request{Identity: worker.Identity(), Life: 2 * WorkerLife})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Renew(chain, key); err != nil {
		t.Fatal(err)
	}
	if after := serial(); after == before {
		t.Error("still the old certificate")
	}
	if !worker.Expires().After(expires) {
		t.Errorf("expires %v, before %v", worker.Expires(), expires)
	}
}

func TestRenewalsThatAreRefused(t *testing.T) {
	c, other := testCluster(t), otherCluster(t)
	worker := c.member(t, Worker, "w")
	before := worker.current.Load()
	key, csr, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(by *Cluster, id Identity) []byte {
		chain, err := by.Authority.Sign(csr, Request{Identity: id})
		if err != nil {
			t.Fatal(err)
		}
		return chain
	}
	for name, chain := range map[string][]byte{
		"another name":    sign(c, c.identity(Worker, "x")),
		"another role":    sign(c, c.identity(Admin, "w")),
		"another cluster": sign(other, other.identity(Worker, "w")),
		"nothing":         nil,
		"no certificate":  []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
	} {
		if err := worker.Renew(chain, key); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := worker.Renew(sign(c, worker.Identity()), c.Authority.key); err == nil || !strings.Contains(err.Error(), "not for its key") {
		t.Errorf("got %v", err)
	}
	if worker.current.Load() != before {
		t.Error("the certificate was changed")
	}
}

func TestAnonymousCallersAreKnownAsSuch(t *testing.T) {
	c := testCluster(t)
	token, err := c.NewToken(Worker, 0)
	if err != nil {
		t.Fatal(err)
	}
	server := c.member(t, Master, "m").ServerConfig(Worker, Anonymous)
	seen, serr, cerr := handshake(t, server, JoinConfig(token))
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	if id, err := PeerIdentity(seen); err != nil || id != (Identity{Role: Anonymous}) {
		t.Errorf("got %v, %v", id, err)
	}
	// A bad certificate is not as good as none.
	if _, serr, _ = handshake(t, server, withoutVerify(c.member(t, Client, "x").ClientConfig(Master))); !errors.Is(serr, ErrPeer) {
		t.Errorf("got %v", serr)
	}
	if _, err := PeerIdentity(tls.ConnectionState{}); !errors.Is(err, ErrPeer) {
		t.Errorf("before the handshake: got %v", err)
	}
}

func TestJoinersRefuseServersOfOtherClusters(t *testing.T) {
	c, other := testCluster(t), otherCluster(t)
	token, err := c.NewToken(Worker, 0)
	if err != nil {
		t.Fatal(err)
	}
	rogue, err := newAuthority(c.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := rogue.Credentials(Request{Identity: c.identity(Master, "m")})
	if err != nil {
		t.Fatal(err)
	}
	// The true authority's certificate behind a chain that it did not make.
	borrowed := forged.ServerConfig(Anonymous)
	borrowed.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert := forged.current.Load().Certificate
		cert.Certificate = [][]byte{cert.Certificate[0], c.Authority.cert.Raw}
		return &cert, nil
	}
	for name, server := range map[string]*tls.Config{
		"another cluster":          other.member(t, Master, "m").ServerConfig(Anonymous),
		"its name":                 forged.ServerConfig(Anonymous),
		"its name and certificate": borrowed,
		"a worker":                 c.member(t, Worker, "w").ServerConfig(Anonymous),
	} {
		if _, _, cerr := handshake(t, server, JoinConfig(token)); !errors.Is(cerr, ErrPeer) {
			t.Errorf("%s: got %v", name, cerr)
		}
	}
}
