package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestInitMakesAClusterThatLoadReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not/yet/there")
	made, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != made.ID || !slices.Equal(c.GossipKey, made.GossipKey) || !slices.Equal(c.Tokens, made.Tokens) || c.Authority.Fingerprint() != made.Authority.Fingerprint() {
		t.Errorf("got %s, made %s", c.ID, made.ID)
	}
	if !isName(c.ID) || len(c.GossipKey) != keySize {
		t.Errorf("got id %q and a gossip key of %d bytes", c.ID, len(c.GossipKey))
	}
	admin, err := LoadCredentials(filepath.Join(dir, AdminDir))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := admin.Identity(), c.identity(Admin, "admin"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, serr, cerr := handshake(t, c.member(t, Master, "m").ServerConfig(Admin), admin.ClientConfig(Master)); serr != nil || cerr != nil {
		t.Error(serr, cerr)
	}
}

func TestNothingOfAClusterIsOpenToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	parent := t.TempDir()
	if _, err := Init(filepath.Join(parent, "c")); err != nil {
		t.Fatal(err)
	}
	if got := list(t, parent); !slices.Equal(got, []string{"c"}) {
		t.Errorf("left %v", got)
	}
	var seen []string
	err := filepath.WalkDir(filepath.Join(parent, "c"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			seen = append(seen, filepath.Base(path))
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	slices.Sort(seen)
	if want := []string{caFile, credentialsFile, gossipFile, tokenKeyFile}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("got %v, %v, want %v", seen, err, want)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir() // empty: may be used
	if _, err := Init(dir); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, caFile)); err != nil || string(after) != string(before) {
		t.Errorf("changed: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "x", 0o600)
	if _, err := Init(file); err == nil {
		t.Error("replaced a file")
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "rddctl cluster init") {
		t.Errorf("got %v", err)
	}
	other := otherCluster(t)
	key, err := keyPEM(other.Authority.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ file, text, want string }{
		"empty authority":        {caFile, "", "private key"},
		"key alone":              {caFile, string(key), "no certificate"},
		"key of another":         {caFile, string(key) + string(chainPEM([][]byte{testCluster(t).Authority.cert.Raw})), "not an authority"},
		"damaged certificate":    {caFile, string(key) + string(chainPEM([][]byte{{1, 2}})), "x509"},
		"something else":         {caFile, string(key) + string(key), "where a certificate should be"},
		"short gossip key":       {gossipFile, "AAAA", "32 bytes"},
		"damaged token key":      {tokenKeyFile, "?", "32 bytes"},
		"far too large a secret": {tokenKeyFile, strings.Repeat("A", maxPEM+1), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Init(dir); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, tc.file), tc.text, 0o600)
			_, err := Load(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), tc.file) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestErrorsHaveNoSecretsInThem(t *testing.T) {
	dir := t.TempDir()
	c, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(keyText(c.GossipKey)))
	put(t, filepath.Join(dir, gossipFile), secret+"x", 0o600)
	if _, err = Load(dir); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsOpenToOthersAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	dir := t.TempDir()
	if _, err := Init(dir); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(filepath.Join(dir, caFile), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "chmod go= ") {
			t.Errorf("mode %v: got %v", mode, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, caFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(gossipFile, filepath.Join(dir, caFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("followed a symbolic link")
	}
	if err := os.Remove(filepath.Join(dir, caFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, caFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("got %v", err)
	}
}

func TestSavedCredentialsAreReplacedAsAWhole(t *testing.T) {
	c, dir := testCluster(t), filepath.Join(t.TempDir(), "w")
	for _, name := range []string{"w1", "w2"} {
		if err := c.member(t, Worker, name).Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := LoadCredentials(dir)
		if err != nil || got.Identity().Name != name {
			t.Errorf("got %v", err)
		}
	}
	if got := list(t, dir); !slices.Equal(got, []string{credentialsFile}) {
		t.Errorf("left %v", got)
	}
	if _, err := LoadCredentials(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	put(t, filepath.Join(dir, credentialsFile), "x", 0o600)
	if _, err := LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), credentialsFile) {
		t.Errorf("got %v", err)
	}
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(dir, "x", []byte("y")); err == nil {
		t.Error("replaced a directory")
	}
	if got := list(t, dir); !slices.Equal(got, []string{"x"}) {
		t.Errorf("left %v", got)
	}
}
