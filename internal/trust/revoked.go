package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// revokedFile has the identities that were revoked, in a cluster's directory.
const revokedFile = "revoked"

// MaxRevoked is how many identities a cluster can revoke: their file is one that
// readFile reads.
const MaxRevoked = 256

// Revoked are identities whose certificates are good no more, however long they
// have to go. They are kept in the cluster's directory, and stay there: who is to
// come back gets another name.
type Revoked struct {
	dir string
	mu  sync.RWMutex
	ids []Identity
}

// loadRevoked reads what Add wrote in a cluster's directory.
func loadRevoked(dir, cluster string) (*Revoked, error) {
	r := &Revoked{dir: dir}
	b, err := readFile(dir, revokedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if r.ids, err = parseRevoked(string(b), cluster); err != nil {
		return nil, fileError(dir, revokedFile, err)
	}
	return r, nil
}

func parseRevoked(text, cluster string) (ids []Identity, err error) {
	for line := range strings.Lines(text) {
		id, err := ParseIdentity(strings.TrimSuffix(line, "\n"))
		if err != nil || id.Cluster != cluster || len(ids) == MaxRevoked {
			return nil, fmt.Errorf("line %d is no identity of cluster %s", len(ids)+1, cluster)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Add revokes an identity, for good. It counts from now on also when the error
// says that it could not be kept. Done again it changes nothing.
func (r *Revoked) Add(id Identity) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.ids, id) {
		if len(r.ids) == MaxRevoked {
			return fmt.Errorf("revoke %s: %d identities are revoked already, no more can be: make another cluster", id, MaxRevoked)
		}
		r.ids = append(r.ids, id)
	}
	var b []byte
	for _, id := range r.ids {
		b = append(b, id.String()+"\n"...)
	}
	if err := writeFile(r.dir, revokedFile, b); err != nil {
		return fmt.Errorf("revoke %s: it counts until the master ends, and could not be kept in %s: %w", id, filepath.Join(r.dir, revokedFile), err)
	}
	return nil
}

// Check returns an error that wraps ErrDenied for an identity that was revoked.
func (r *Revoked) Check(id Identity) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if slices.Contains(r.ids, id) {
		return fmt.Errorf("%w: %s was revoked", ErrDenied, id)
	}
	return nil
}

// List returns what was revoked, the oldest first.
func (r *Revoked) List() []Identity {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.ids)
}
