package gossip

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

const (
	maxKeys        = 16
	maxKeyringFile = 16 << 10
	keyAttempts    = 3
)

// keyring returns the keys to begin with: those that a rotation left, or Key.
func (o Options) keyring() (*memberlist.Keyring, error) {
	keys := [][]byte{o.Key}
	if o.KeyringFile != "" {
		switch saved, err := readKeyring(o.KeyringFile); {
		case err == nil:
			keys = saved
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%w: remove %s to begin with the cluster's key", err, o.KeyringFile)
		}
	}
	if keys[0] == nil {
		return nil, nil
	}
	return memberlist.NewKeyring(keys, keys[0])
}

func readKeyring(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the gossip keys: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s is open to others (mode %#o)", path, info.Mode().Perm())
	}
	if err != nil {
		return nil, fmt.Errorf("read the gossip keys: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyringFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the gossip keys: %w", err)
	}
	keys, err := parseKeyring(b)
	if err != nil {
		return nil, fmt.Errorf("read the gossip keys in %s: %w", path, err)
	}
	return keys, nil
}

func parseKeyring(b []byte) (keys [][]byte, err error) {
	var texts []string
	if len(b) > maxKeyringFile || json.Unmarshal(b, &texts) != nil || len(texts) == 0 || len(texts) > maxKeys {
		return nil, errors.New("not a list of keys")
	}
	for _, text := range texts {
		k, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(k) != KeySize {
			return nil, fmt.Errorf("not all keys are of %d bytes", KeySize)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// InstallKey gives all members a further key, which they can read with.
func (m *Member) InstallKey(ctx context.Context, key []byte) error {
	return m.changeKey(ctx, "install", key, m.serf.KeyManager().InstallKey)
}

// UseKey has all members write with a key that was installed.
func (m *Member) UseKey(ctx context.Context, key []byte) error {
	return m.changeKey(ctx, "use", key, m.serf.KeyManager().UseKey)
}

// RemoveKey has all members forget a key, which must not be the one in use.
func (m *Member) RemoveKey(ctx context.Context, key []byte) error {
	return m.changeKey(ctx, "remove", key, m.serf.KeyManager().RemoveKey)
}

// Rotate has all members change to a new key: install, use, remove those before.
// Done again after an error it goes on where it was.
func (m *Member) Rotate(ctx context.Context, key []byte) error {
	if err := m.InstallKey(ctx, key); err != nil {
		return err
	}
	if err := m.UseKey(ctx, key); err != nil {
		return err
	}
	for _, old := range m.keyring.GetKeys() {
		if bytes.Equal(old, key) {
			continue
		}
		if err := m.RemoveKey(ctx, old); err != nil {
			return err
		}
	}
	return nil
}

// changeKey asks again when an answer is missing: queries of gossip may be lost,
// and each of these changes nothing the second time.
func (m *Member) changeKey(ctx context.Context, verb string, key []byte, ask func(string) (*serf.KeyResponse, error)) error {
	if len(key) != KeySize {
		return fmt.Errorf("%s a gossip key: it has %d bytes, not %d", verb, len(key), KeySize)
	}
	if !m.serf.EncryptionEnabled() {
		return fmt.Errorf("%s a gossip key: %w: this cluster runs without", verb, ErrNoKey)
	}
	var err error
	for range keyAttempts {
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%s a gossip key: %w", verb, context.Cause(ctx)), err)
		}
		var answer *serf.KeyResponse
		if answer, err = ask(base64.StdEncoding.EncodeToString(key)); err == nil {
			return nil
		}
		for name, text := range answer.Messages {
			err = fmt.Errorf("%w; %s: %s", err, name, text)
		}
	}
	return fmt.Errorf("%s a gossip key: %w", verb, err)
}
