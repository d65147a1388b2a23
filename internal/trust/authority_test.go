package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/url"
	"testing"
	"time"
)

func leafOf(t testing.TB, chain []byte) *x509.Certificate {
	t.Helper()
	ders, err := parseChain(chain)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(ders[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestSignGivesTheAuthoritysNamesNotTheRequests(t *testing.T) {
	c := testCluster(t)
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	greedy := &x509.CertificateRequest{URIs: []*url.URL{c.identity(Admin, "me").url()}, DNSNames: []string{"bank.example"}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, greedy, key)
	if err != nil {
		t.Fatal(err)
	}
	id := c.identity(Worker, "w1")
	chain, err := c.Authority.Sign(csr, Request{Identity: id, Life: time.Hour, Hosts: []string{"10.0.0.7", "w1.lan"}})
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(t, chain)
	if got, err := certIdentity(leaf); err != nil || got != id {
		t.Errorf("got %v, %v, want %v", got, err, id)
	}
	if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != "w1.lan" || len(leaf.IPAddresses) != 1 || leaf.IPAddresses[0].String() != "10.0.0.7" {
		t.Errorf("got hosts %v %v", leaf.DNSNames, leaf.IPAddresses)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life < time.Hour || life > time.Hour+2*backdate {
		t.Errorf("got a life of %v", life)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("got a certificate for %v, an authority: %t", leaf.KeyUsage, leaf.IsCA)
	}
	if _, err := NewCredentials(chain, key); err != nil {
		t.Error(err)
	}
}

func TestSignRefusesRequests(t *testing.T) {
	c := testCluster(t)
	request := func(key any) []byte {
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		return csr
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, good, err := NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	for name, csr := range map[string][]byte{
		"nothing":            nil,
		"no request":         []byte("hello"),
		"too large":          make([]byte, maxPEM+1),
		"another curve":      request(p384),
		"another algorithm":  request(ed),
		"another signature":  forged,
		"bytes behind it":    append(bytes.Clone(good), 0),
		"the first half":     good[:len(good)/2],
		"a certificate":      c.Authority.cert.Raw,
		"a request in a PEM": chainPEM([][]byte{good}),
	} {
		if _, err := c.Authority.Sign(csr, Request{Identity: c.identity(Worker, "w")}); !errors.Is(err, ErrCSR) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, id := range []Identity{{}, {"other", Worker, "w"}, {c.ID, "root", "w"}, {c.ID, Anonymous, "w"}, {c.ID, Worker, "a/b"}} {
		if _, err := c.Authority.Sign(good, Request{Identity: id}); !errors.Is(err, ErrIdentity) {
			t.Errorf("%v: got %v", id, err)
		}
	}
}

func TestACertificateDoesNotOutliveTheAuthority(t *testing.T) {
	c := testCluster(t)
	cert, err := c.Authority.Issue(Request{Identity: c.identity(Worker, "w"), Life: 2 * caLife})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if leaf.NotAfter.After(c.Authority.cert.NotAfter) {
		t.Errorf("got %v, the authority ends %v", leaf.NotAfter, c.Authority.cert.NotAfter)
	}
}

func FuzzSign(f *testing.F) {
	c := testCluster(f)
	_, csr, err := NewRequest()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(csr)
	f.Fuzz(func(t *testing.T, csr []byte) {
		chain, err := c.Authority.Sign(csr, Request{Identity: c.identity(Worker, "w")})
		if err != nil && !errors.Is(err, ErrCSR) {
			t.Error(err)
		}
		if err == nil && leafOf(t, chain).CheckSignatureFrom(c.Authority.cert) != nil {
			t.Error("not signed")
		}
	})
}

// FuzzParsePEM covers what is read from files and from the answer to a join.
func FuzzParsePEM(f *testing.F) {
	c := testCluster(f)
	key, err := keyPEM(c.Authority.key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(key, chainPEM([][]byte{c.Authority.cert.Raw})...))
	m := c.member(f, Worker, "w").current.Load()
	if key, err = keyPEM(m.key); err != nil {
		f.Fatal(err)
	}
	f.Add(append(key, chainPEM(m.Certificate.Certificate)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseAuthority(b); err == nil && !isName(a.cluster) {
			t.Errorf("an authority of %q", a.cluster)
		}
		if m, err := parseCredentials(b); err == nil && m.Identity().Check() != nil {
			t.Errorf("credentials of %v", m.Identity())
		}
	})
}
