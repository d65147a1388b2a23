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
	"slices"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// KeyringName is the name of keyring files, in the directory with a member's
// other secrets.
const KeyringName = "gossip.keys"

const (
	maxKeys        = 16
	maxKeyringFile = 16 << 10
	keyAttempts    = 3
)

// keyring returns the keys to begin with: those that a rotation left, or Key.
func (o Options) keyring() (*memberlist.Keyring, error) {
	switch {
	case o.Key == nil:
		return nil, nil
	case o.KeyringFile == "":
		return memberlist.NewKeyring(nil, o.Key)
	}
	keys, err := readKeyring(o.KeyringFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: remove %s to begin with the cluster's key", err, o.KeyringFile)
	}
	if err != nil || o.KeyIsCurrent && !has(keys, o.Key) {
		keys = [][]byte{o.Key}
		if err := writeKeyring(o.KeyringFile, o.Key); err != nil {
			return nil, err
		}
	}
	return memberlist.NewKeyring(keys, keys[0])
}

func has(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}

// writeKeyring makes a file with one key, in serf's form.
func writeKeyring(path string, key []byte) error {
	b, err := json.Marshal([]string{base64.StdEncoding.EncodeToString(key)})
	if err == nil {
		temp := path + ".tmp"
		if err = os.WriteFile(temp, b, 0o600); err == nil {
			err = os.Rename(temp, path)
		}
	}
	if err != nil {
		return fmt.Errorf("keep the gossip keys: %w", err)
	}
	return nil
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

// Key returns the key that the member writes with; nil without encryption.
func (m *Member) Key() []byte {
	if m.keyring == nil {
		return nil
	}
	return m.keyring.GetPrimaryKey()
}

// Adopt changes this member alone to a key that the others use, unless it has it.
// It is for a member that missed a rotation, of which the others cannot tell it
// by a gossip that it cannot read.
func (m *Member) Adopt(key []byte) error {
	if m.keyring == nil || has(m.keyring.GetKeys(), key) {
		return nil
	}
	before := m.keyring.GetKeys()
	err := errors.Join(m.keyring.AddKey(key), m.keyring.UseKey(key))
	for _, old := range before {
		err = errors.Join(err, m.keyring.RemoveKey(old))
	}
	if err == nil && m.keyFile != "" {
		err = writeKeyring(m.keyFile, key)
	}
	if err != nil {
		return fmt.Errorf("adopt a gossip key: %w", err)
	}
	return nil
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
