package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// How long certificates are good for.
const (
	WorkerLife = 24 * time.Hour        // also masters': both renew while they run
	AdminLife  = 365 * 24 * time.Hour  // renewed by hand
	caLife     = 3650 * 24 * time.Hour // a new one is a new cluster

	// skew is how far clocks may be apart.
	skew = time.Minute
	// backdate makes a new certificate good on machines whose clocks are late.
	backdate = 5 * time.Minute

	maxPEM = 64 << 10 // bytes of certificates and requests
)

// ErrCSR is wrapped by the errors about certificate requests that are not signed.
var ErrCSR = errors.New("certificate request refused")

// Authority is a cluster's certificate authority.
type Authority struct {
	cluster string
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
}

// Request says which certificate to make.
type Request struct {
	Identity Identity      // of the authority's cluster
	Life     time.Duration // from now on; the default is WorkerLife
	// Hosts are names and addresses for programs that insist on them, such as
	// browsers. Members do not look at them.
	Hosts []string
}

func newAuthority(cluster string, now time.Time) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "gordd cluster " + cluster},
		URIs:                  []*url.URL{{Scheme: scheme, Host: cluster}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // nobody certifies further authorities
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	return &Authority{cluster: cluster, key: key, cert: cert}, nil
}

// Fingerprint returns the hash by which join tokens name the authority.
func (a *Authority) Fingerprint() Fingerprint { return sha256.Sum256(a.cert.Raw) }

// Sign makes a certificate for the key of a certificate request in DER, and
// returns it in PEM with the authority's behind it. Of the request only the key
// counts, which must be of P-256 and have signed it: names are the authority's
// to give. Errors about the request wrap ErrCSR, about names ErrIdentity.
func (a *Authority) Sign(csr []byte, r Request) ([]byte, error) {
	if len(csr) > maxPEM {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrCSR, len(csr), maxPEM)
	}
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	key, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: its key is not ECDSA P-256", ErrCSR)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: not signed by its key: %w", ErrCSR, err)
	}
	der, err := a.certify(key, r)
	if err != nil {
		return nil, err
	}
	return chainPEM([][]byte{der, a.cert.Raw}), nil
}

// Issue makes a key and a certificate of it.
func (a *Authority) Issue(r Request) (tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := a.certify(key.Public(), r)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, nil
}

func (a *Authority) certify(key crypto.PublicKey, r Request) ([]byte, error) {
	if err := r.Identity.Check(); err != nil {
		return nil, err
	}
	if r.Identity.Cluster != a.cluster {
		return nil, fmt.Errorf("%w: %s is not of cluster %s", ErrIdentity, r.Identity, a.cluster)
	}
	if r.Life <= 0 {
		r.Life = WorkerLife
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: r.Identity.Name},
		URIs:         []*url.URL{r.Identity.url()},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(min(r.Life, a.cert.NotAfter.Sub(now))),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  usages(r.Identity.Role),
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("certify %s: %w", r.Identity, err)
	}
	return der, nil
}

// usages keeps those who only call from being taken for servers.
func usages(r Role) []x509.ExtKeyUsage {
	if r == Master || r == Worker {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

// NewRequest makes a key and the certificate request for it, in DER.
func NewRequest() (key *ecdsa.PrivateKey, csr []byte, err error) {
	if key, err = newKey(); err != nil {
		return nil, nil, err
	}
	if csr, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key); err != nil {
		return nil, nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return key, csr, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func serial() *big.Int {
	b := random(16)
	b[0] &= 0x7f // positive in 16 bytes
	return new(big.Int).SetBytes(b)
}

const (
	certBlock = "CERTIFICATE"
	keyBlock  = "PRIVATE KEY"
)

func chainPEM(ders [][]byte) (b []byte) {
	for _, der := range ders {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: der})...)
	}
	return b
}

// parseChain reads certificates in PEM, of which there may be few.
func parseChain(b []byte) (ders [][]byte, err error) {
	if len(b) > maxPEM {
		return nil, fmt.Errorf("%d bytes of certificates, more than %d", len(b), maxPEM)
	}
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		if block.Type != certBlock {
			return nil, fmt.Errorf("%q where a certificate should be", clip(block.Type))
		}
		ders, b = append(ders, block.Bytes), rest
	}
	if len(ders) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return ders, nil
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// parseKey reads a private key in PEM and returns what comes after it.
func parseKey(b []byte) (*ecdsa.PrivateKey, []byte, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != keyBlock {
		return nil, nil, errors.New("does not begin with a private key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, nil, errors.New("its key is not ECDSA P-256")
	}
	return ec, rest, nil
}
