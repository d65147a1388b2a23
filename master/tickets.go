package master

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/rdd/plan"
)

// ticketFile is in the master's directory, with the secret that the keys of jobs
// come from: one that starts again gives the jobs that it finds the same ones.
const ticketFile = "ticket.key"

// ticketSecret reads the secret of a master's directory. The first time it makes
// both.
func ticketSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, ticketFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b, err = newTicketSecret(path)
	case err == nil && len(b) != sha256.Size:
		err = fmt.Errorf("%s has %d bytes, not %d: remove it", path, len(b), sha256.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("secret of tickets: %w", err)
	}
	return b, nil
}

// newTicketSecret draws a secret. Its file is there as a whole or not at all.
func newTicketSecret(path string) ([]byte, error) {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*") // of mode 0600
	if err != nil {
		return nil, err
	}
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return secret, nil
}

// ticketKey is the key of a job's tickets. Its workers and its driver have it.
func (m *Master) ticketKey(id plan.JobID) []byte {
	h := hmac.New(sha256.New, m.secret)
	_, _ = h.Write([]byte("gordd job key 1\x00" + id))
	return h.Sum(nil)
}
