package trust

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shared is one cluster for all tests that do not change it.
var shared = sync.OnceValues(newCluster)

func testCluster(t testing.TB) *Cluster {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func otherCluster(t testing.TB) *Cluster {
	t.Helper()
	c, err := newCluster()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) identity(role Role, name string) Identity {
	return Identity{Cluster: c.ID, Role: role, Name: name}
}

func (c *Cluster) member(t testing.TB, role Role, name string) *Credentials {
	t.Helper()
	m, err := c.Authority.Credentials(Request{Identity: c.identity(role, name)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func put(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

var noon = time.Unix(1_800_000_000, 0)
