// Package trust says who may do what in a cluster: certificates and tokens, and
// what stands in their place on one machine. (Tickets for shuffle data are
// package transfer's.)
//
// A cluster has a directory of secrets, made once by Init: a certificate
// authority of its own, the key that signs join tokens, the key of the gossip,
// and an administrator's certificate. Everyone else has Credentials: a
// certificate of that authority, whose only name is an Identity, a URI of
// cluster, role and name. Connections are TLS 1.3 with certificates on both
// ends, and each end checks the other's cluster and role, never its host name:
// workers come and go on addresses that nobody knew when their certificates
// were made, and what matters is that one talks to a worker of this cluster,
// not where it stands. Which role may call what is an Authorizer's table, and
// what is not in the table is denied.
//
// A new worker has a join Token, good for one use and a short time. The token
// carries the fingerprint of the authority, so the joiner knows whom it talks to
// before it sends the token. The answer is a certificate for a day, renewed over
// the worker's own connection; Credentials change it without a restart.
//
// On loopback none of this is needed: a Local token in a file that only its
// owner can read proves that the caller is the same user of the same machine.
// Policy refuses to listen on any other address without certificates.
//
// Secrets are never in errors. All functions and types can be used by several
// goroutines at once.
package trust

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Role is what the holder of a certificate is in the cluster.
type Role string

// The roles.
const (
	Master Role = "master" // schedules, and signs certificates
	Worker Role = "worker" // runs tasks
	Admin  Role = "admin"  // may change the cluster itself
	Client Role = "client" // may submit jobs

	// Anonymous is nobody's certificate but the lack of one. A server that
	// accepts it is meant for those who come with a join token.
	Anonymous Role = "anonymous"
)

// roles are those that certificates name, by their number in tokens: only ever
// append.
var roles = []Role{Master, Worker, Admin, Client}

const (
	scheme  = "spiffe"
	maxName = 64 // bytes of a name; of a cluster's id the same
)

// ErrIdentity is wrapped by errors about names that are no identity.
var ErrIdentity = errors.New("no identity of a cluster")

// Identity names the holder of a certificate: spiffe://<cluster>/<role>/<name>.
type Identity struct {
	Cluster string
	Role    Role
	Name    string
}

// String returns the identity as the URI that certificates carry.
func (i Identity) String() string {
	return scheme + "://" + i.Cluster + "/" + string(i.Role) + "/" + i.Name
}

// Check returns an error that wraps ErrIdentity if a part is missing or has
// characters that it may not have.
func (i Identity) Check() error {
	switch {
	case !isName(i.Cluster):
		return fmt.Errorf("%w: cluster %q: want 1 to %d letters, digits, '-', '_' and '.'", ErrIdentity, clip(i.Cluster), maxName)
	case !isName(i.Name):
		return fmt.Errorf("%w: name %q: want 1 to %d letters, digits, '-', '_' and '.'", ErrIdentity, clip(i.Name), maxName)
	case roleNumber(i.Role) < 0:
		return fmt.Errorf("%w: unknown role %q", ErrIdentity, clip(string(i.Role)))
	}
	return nil
}

func (i Identity) url() *url.URL {
	return &url.URL{Scheme: scheme, Host: i.Cluster, Path: "/" + string(i.Role) + "/" + i.Name}
}

// ParseIdentity is the inverse of Identity.String. Its errors wrap ErrIdentity.
func ParseIdentity(uri string) (Identity, error) {
	rest, ok := strings.CutPrefix(uri, scheme+"://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Identity{}, fmt.Errorf("%w: %q: want %s://<cluster>/<role>/<name>", ErrIdentity, clip(uri), scheme)
	}
	id := Identity{Cluster: parts[0], Role: Role(parts[1]), Name: parts[2]}
	if err := id.Check(); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// isName allows what is safe in a URI, a file name, a log line and a shell.
func isName(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func roleNumber(r Role) int {
	for n, role := range roles {
		if role == r {
			return n
		}
	}
	return -1
}

// clip keeps what others sent short enough for an error.
func clip(s string) string {
	const most = 2 * maxName
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// Fingerprint is the SHA-256 of an authority's certificate.
type Fingerprint [sha256.Size]byte

// random returns n bytes from the system's generator, which never fails.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
