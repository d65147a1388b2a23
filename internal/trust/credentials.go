package trust

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// ErrPeer is wrapped by the errors about certificates of the other end.
var ErrPeer = errors.New("certificate refused")

// Credentials are what one member proves itself with: its certificate, and the
// authority by which it knows the others.
type Credentials struct {
	identity Identity
	ca       *x509.Certificate
	pool     *x509.CertPool
	current  atomic.Pointer[certificate]
	refused  atomic.Pointer[[]Identity] // nil: nobody
}

type certificate struct {
	tls.Certificate
	key                 *ecdsa.PrivateKey
	notBefore, notAfter time.Time
}

// Credentials makes credentials for r.Identity with a new key.
func (a *Authority) Credentials(r Request) (*Credentials, error) {
	cert, err := a.Issue(r)
	if err != nil {
		return nil, err
	}
	return newCredentials(cert.Certificate, cert.PrivateKey.(*ecdsa.PrivateKey))
}

// NewCredentials joins the answer to a certificate request, as Sign returns it,
// with the request's key. Who answered must have been checked before.
func NewCredentials(chain []byte, key *ecdsa.PrivateKey) (*Credentials, error) {
	ders, err := parseChain(chain)
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	return newCredentials(ders, key)
}

// newCredentials takes the last of ders for the authority's.
func newCredentials(ders [][]byte, key *ecdsa.PrivateKey) (*Credentials, error) {
	ca, err := x509.ParseCertificate(ders[len(ders)-1])
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	c := &Credentials{ca: ca, pool: x509.NewCertPool()}
	c.pool.AddCert(ca)
	if err := c.set(ders, key); err != nil {
		return nil, err
	}
	return c, nil
}

// Renew changes the certificate, for the connections made from now on, to the
// answer to a new request. Cluster, role and name must stay what they are.
func (c *Credentials) Renew(chain []byte, key *ecdsa.PrivateKey) error {
	ders, err := parseChain(chain)
	if err != nil {
		return fmt.Errorf("renew the certificate of %s: %w", c.identity, err)
	}
	return c.set(ders, key)
}

func (c *Credentials) set(ders [][]byte, key *ecdsa.PrivateKey) error {
	leaf, err := x509.ParseCertificate(ders[0])
	if err != nil {
		return fmt.Errorf("read a certificate: %w", err)
	}
	id, err := verify(leaf, c.pool, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return fmt.Errorf("the certificate of %s is not for its key", id)
	}
	if c.identity == (Identity{}) {
		c.identity = id
	}
	if id != c.identity {
		return fmt.Errorf("the certificate is for %s, not for %s", id, c.identity)
	}
	// The authority's certificate goes along: whoever joins knows it only by its
	// fingerprint.
	c.current.Store(&certificate{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw, c.ca.Raw}, PrivateKey: key, Leaf: leaf},
		key:         key,
		notBefore:   leaf.NotBefore,
		notAfter:    leaf.NotAfter,
	})
	return nil
}

// Identity returns whose credentials these are.
func (c *Credentials) Identity() Identity { return c.identity }

// Expires returns when the current certificate ends.
func (c *Credentials) Expires() time.Time { return c.current.Load().notAfter }

// RenewAt returns when the current certificate should be renewed: when a third
// of its life is left, which is time for many attempts.
func (c *Credentials) RenewAt() time.Time {
	cert := c.current.Load()
	return cert.notAfter.Add(-cert.notAfter.Sub(cert.notBefore) / 3)
}

// ServerConfig returns the configuration of a server that accepts callers of
// these roles. With Anonymous among them a caller may come without a
// certificate, and which methods it may call is the Authorizer's business.
func (c *Credentials) ServerConfig(roles ...Role) *tls.Config {
	auth := tls.RequireAnyClientCert // verified below, in VerifyConnection
	if slices.Contains(roles, Anonymous) {
		auth = tls.RequestClientCert
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: auth,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.current.Load().Certificate, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 && auth == tls.RequestClientCert {
				return nil
			}
			return c.check(s, x509.ExtKeyUsageClientAuth, roles)
		},
		// A resumed session would keep a certificate going past its renewal.
		SessionTicketsDisabled: true,
	}
}

// ClientConfig returns the configuration for calls to a server of this role. The
// host name that is dialled does not matter; see the package comment.
func (c *Credentials) ClientConfig(role Role) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &c.current.Load().Certificate, nil
		},
		// This turns off the check of the host name; VerifyConnection does all
		// others, and is called for every connection.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			return c.check(s, x509.ExtKeyUsageServerAuth, []Role{role})
		},
	}
}

func (c *Credentials) check(s tls.ConnectionState, usage x509.ExtKeyUsage, roles []Role) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("%w: there is none", ErrPeer)
	}
	id, err := verify(s.PeerCertificates[0], c.pool, usage)
	if err != nil {
		return err
	}
	if err := c.allowed(id); err != nil {
		return err
	}
	return expect(id, c.identity.Cluster, roles)
}

// Refuse says who was revoked, all of them: they are not accepted any more, in
// whatever role.
func (c *Credentials) Refuse(ids []Identity) {
	ids = slices.Clone(ids)
	c.refused.Store(&ids)
}

func (c *Credentials) allowed(id Identity) error {
	if ids := c.refused.Load(); ids != nil && slices.Contains(*ids, id) {
		return fmt.Errorf("%w: %s was revoked", ErrPeer, id)
	}
	return nil
}

// Recheck returns an error that wraps ErrPeer when who is at the other end of a
// connection, which was accepted once, is to be refused by now.
func (c *Credentials) Recheck(s tls.ConnectionState) error {
	id, err := PeerIdentity(s)
	if err != nil {
		return err
	}
	return c.allowed(id)
}

func expect(id Identity, cluster string, roles []Role) error {
	if id.Cluster != cluster {
		return fmt.Errorf("%w: %s is of another cluster, this is %s", ErrPeer, id, cluster)
	}
	if !slices.Contains(roles, id.Role) {
		return fmt.Errorf("%w: %s is not a %v", ErrPeer, id, roles)
	}
	return nil
}

// verify checks that the authorities in pool made a certificate, directly, for
// this use, that it is good now, and that it names one identity.
func verify(leaf *x509.Certificate, pool *x509.CertPool, usage x509.ExtKeyUsage) (Identity, error) {
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	id, err := certIdentity(leaf)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return id, nil
}

func certIdentity(cert *x509.Certificate) (Identity, error) {
	if cert.IsCA || len(cert.URIs) != 1 {
		return Identity{}, fmt.Errorf("%w: the certificate names %d, and must name one", ErrIdentity, len(cert.URIs))
	}
	return ParseIdentity(cert.URIs[0].String())
}

// PeerIdentity returns who is at the other end of a connection that was made
// with a configuration of this package: the zero cluster and name with the role
// Anonymous for one without a certificate.
func PeerIdentity(s tls.ConnectionState) (Identity, error) {
	if !s.HandshakeComplete {
		return Identity{}, fmt.Errorf("%w: the handshake is not complete", ErrPeer)
	}
	if len(s.PeerCertificates) == 0 {
		return Identity{Role: Anonymous}, nil
	}
	return certIdentity(s.PeerCertificates[0])
}

// JoinConfig returns the configuration with which the holder of a join token
// dials a master: it accepts only masters of the token's cluster whose authority
// has the token's fingerprint. So the token is never sent to anyone else.
func JoinConfig(t Token) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // no authority is known yet but by its fingerprint
		VerifyConnection: func(s tls.ConnectionState) error {
			for _, cert := range s.PeerCertificates {
				if sum := sha256.Sum256(cert.Raw); !bytes.Equal(sum[:], t.Authority[:]) {
					continue
				}
				pool := x509.NewCertPool()
				pool.AddCert(cert)
				id, err := verify(s.PeerCertificates[0], pool, x509.ExtKeyUsageServerAuth)
				if err != nil {
					return err
				}
				return expect(id, t.Cluster, []Role{Master})
			}
			return fmt.Errorf("%w: the server is not of the cluster that the join token is for (%s): check the address, or get a new token", ErrPeer, t.Cluster)
		},
	}
}
