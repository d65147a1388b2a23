package trust

import (
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The files of a cluster's directory, and of a directory of credentials.
const (
	caFile       = "ca.pem"     // the authority's key and certificate
	tokenKeyFile = "token.key"  // signs join tokens
	gossipFile   = "gossip.key" // encrypts the gossip

	// credentialsFile has a member's key, its certificate and the authority's.
	credentialsFile = "credentials.pem"

	keySize = 32 // bytes of a symmetric key
)

// AdminDir is the folder of a cluster's directory with an administrator's
// credentials.
const AdminDir = "admin"

// ErrExists is wrapped by the error of Init for a directory that has something
// in it.
var ErrExists = errors.New("is there already")

// Cluster is a cluster's directory of secrets. Who can read it is the cluster.
type Cluster struct {
	ID        string
	Authority *Authority
	Tokens    TokenKey
	GossipKey []byte // 32 bytes
	Revoked   *Revoked
}

// Init makes the directory of a new cluster, with an administrator's credentials
// in its folder admin, which can be copied to where rddctl is used. It appears as
// a whole or not at all. A dir with something in it is refused with an error that
// wraps ErrExists: nothing is ever overwritten.
func Init(dir string) (*Cluster, error) {
	dir = filepath.Clean(dir)
	if names, err := os.ReadDir(dir); err == nil && len(names) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, existsError(dir, err)
	}
	c, err := newCluster()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("init cluster: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".cluster-*") // of mode 0700
	if err != nil {
		return nil, fmt.Errorf("init cluster: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if err := c.write(temp); err != nil {
		return nil, fmt.Errorf("init cluster: %w", err)
	}
	// An empty directory makes room. One that another Init has filled meanwhile
	// is in the way of both calls.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, existsError(dir, err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return nil, existsError(dir, err)
	}
	c.Revoked = &Revoked{dir: dir}
	return c, syncDir(filepath.Dir(dir))
}

func existsError(dir string, err error) error {
	if err == nil || errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("init cluster: %s %w: name another directory, or remove it, which ends that cluster", dir, ErrExists)
	}
	return fmt.Errorf("init cluster: %w", err)
}

func newCluster() (*Cluster, error) {
	id := strings.ToLower(base32.StdEncoding.EncodeToString(random(10)))
	ca, err := newAuthority(id, time.Now())
	if err != nil {
		return nil, err
	}
	return &Cluster{ID: id, Authority: ca, Tokens: random(keySize), GossipKey: random(keySize)}, nil
}

func (c *Cluster) write(dir string) error {
	key, err := keyPEM(c.Authority.key)
	if err != nil {
		return err
	}
	admin, err := c.Authority.Credentials(Request{Identity: Identity{c.ID, Admin, "admin"}, Life: AdminLife})
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(dir, caFile, append(key, chainPEM([][]byte{c.Authority.cert.Raw})...)),
		writeFile(dir, tokenKeyFile, keyText(c.Tokens)),
		writeFile(dir, gossipFile, keyText(c.GossipKey)),
		admin.Save(filepath.Join(dir, AdminDir)),
	)
}

// Load reads a directory that Init made.
func Load(dir string) (*Cluster, error) {
	c, err := load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load cluster: %w: make it with rddctl cluster init", err)
	}
	if err != nil {
		return nil, fmt.Errorf("load cluster: %w", err)
	}
	return c, nil
}

func load(dir string) (*Cluster, error) {
	ca, err := loadAuthority(dir)
	if err != nil {
		return nil, err
	}
	tokens, err := readKey(dir, tokenKeyFile)
	if err != nil {
		return nil, err
	}
	gossip, err := readKey(dir, gossipFile)
	if err != nil {
		return nil, err
	}
	revoked, err := loadRevoked(dir, ca.cluster)
	if err != nil {
		return nil, err
	}
	return &Cluster{ID: ca.cluster, Authority: ca, Tokens: tokens, GossipKey: gossip, Revoked: revoked}, nil
}

func loadAuthority(dir string) (*Authority, error) {
	b, err := readFile(dir, caFile)
	if err != nil {
		return nil, err
	}
	a, err := parseAuthority(b)
	if err != nil {
		return nil, fileError(dir, caFile, err)
	}
	return a, nil
}

func parseAuthority(b []byte) (*Authority, error) {
	key, rest, err := parseKey(b)
	if err != nil {
		return nil, err
	}
	ders, err := parseChain(rest)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(ders[0])
	if err != nil {
		return nil, err
	}
	if !cert.IsCA || len(cert.URIs) != 1 || !isName(cert.URIs[0].Host) || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("not an authority with its key")
	}
	return &Authority{cluster: cert.URIs[0].Host, key: key, cert: cert}, nil
}

// Save writes the credentials into dir, which it makes if it is not there: key
// and certificates in one file, so that they always fit.
func (c *Credentials) Save(dir string) error {
	cert := c.current.Load()
	b, err := keyPEM(cert.key)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = writeFile(dir, credentialsFile, append(b, chainPEM(cert.Certificate.Certificate)...))
	}
	if err != nil {
		return fmt.Errorf("save credentials: %w", err)
	}
	return nil
}

// LoadCredentials reads what Save wrote. A certificate that has ended is an error
// that wraps ErrPeer.
func LoadCredentials(dir string) (*Credentials, error) {
	b, err := readFile(dir, credentialsFile)
	if err != nil {
		return nil, fmt.Errorf("load credentials: %w", err)
	}
	c, err := parseCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("load credentials: %w", fileError(dir, credentialsFile, err))
	}
	return c, nil
}

func parseCredentials(b []byte) (*Credentials, error) {
	key, rest, err := parseKey(b)
	if err != nil {
		return nil, err
	}
	return NewCredentials(rest, key)
}

func keyText(key []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(key) + "\n") }

func readKey(dir, name string) ([]byte, error) {
	b, err := readFile(dir, name)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != keySize {
		return nil, fileError(dir, name, fmt.Errorf("not %d bytes in base64", keySize))
	}
	return key, nil
}

func fileError(dir, name string, err error) error {
	return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
}

// writeFile writes a file of mode 0600 that is there as a whole or not at all.
func writeFile(dir, name string, b []byte) (err error) {
	f, err := os.CreateTemp(dir, "."+name+"-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// readFile reads a small file that nobody but its owner may read or write.
func readFile(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	f, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(b) > maxPEM {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxPEM)
	}
	return b, err
}

// SaveGossipKey keeps the key of the gossip beside a member's credentials.
func SaveGossipKey(dir string, key []byte) error {
	if len(key) != keySize {
		return fmt.Errorf("save the gossip key: it has %d bytes, not %d", len(key), keySize)
	}
	if err := writeFile(dir, gossipFile, keyText(key)); err != nil {
		return fmt.Errorf("save the gossip key: %w", err)
	}
	return nil
}

// LoadGossipKey reads what SaveGossipKey wrote; nil, if nothing was.
func LoadGossipKey(dir string) ([]byte, error) {
	key, err := readKey(dir, gossipFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the gossip key: %w", err)
	}
	return key, nil
}
