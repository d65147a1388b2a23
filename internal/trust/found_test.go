//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package trust

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func announce(t *testing.T, addr string) *Announced {
	t.Helper()
	a, err := Announce(addr)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantFound(t *testing.T, want ...string) {
	t.Helper()
	got, err := FindAnnounced()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("found %q, %v; want %q", got, err, want)
	}
}

func TestServersAreFoundWhileTheyLive(t *testing.T) {
	dir := runtimeAt(t)
	wantFound(t)
	b := announce(t, "127.0.0.1:7002")
	a := announce(t, "[::1]:7001")
	token := newLocal(t, "127.0.0.1:7002")
	wantFound(t, "127.0.0.1:7002", "[::1]:7001")
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	wantFound(t, "[::1]:7001")
	if err := errors.Join(a.Close(), token.Close()); err != nil {
		t.Error(err)
	}
	wantFound(t)
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// A process that was killed holds no lock any more.
func TestWhatAKilledServerLeftIsRemoved(t *testing.T) {
	dir := runtimeAt(t)
	dead, alive := announce(t, "127.0.0.1:7001"), announce(t, "127.0.0.1:7002")
	if err := dead.f.Close(); err != nil {
		t.Fatal(err)
	}
	wantFound(t, "127.0.0.1:7002")
	if left := list(t, dir); len(left) != 1 {
		t.Errorf("left %q", left)
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
}

func TestAnAnnouncementThatSomebodyRemovedEnds(t *testing.T) {
	runtimeAt(t)
	a := announce(t, "127.0.0.1:7001")
	if err := errors.Join(os.Remove(a.path), a.Close()); err != nil {
		t.Error(err)
	}
}

func TestOnlyLoopbackIsAnnounced(t *testing.T) {
	dir := runtimeAt(t)
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:0", "192.0.2.1:7077", "example.com:7077"} {
		if a, err := Announce(addr); err == nil {
			t.Errorf("%q is announced", addr)
			_ = a.Close()
		}
	}
	if _, err := os.Stat(dir); err == nil {
		if left := list(t, dir); len(left) != 0 {
			t.Errorf("left %q", left)
		}
	}
}

func TestAnnouncementsAreChecked(t *testing.T) {
	dir := runtimeAt(t)
	a := announce(t, "127.0.0.1:7001")
	defer func() { _ = a.Close() }()
	for _, text := range []string{"", "evil.example.com:80", strings.Repeat("1", 1<<20)} {
		if err := os.WriteFile(a.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := FindAnnounced(); err == nil {
			t.Errorf("%.20q gives %q", text, got)
		}
	}
	if err := os.Chmod(a.path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FindAnnounced(); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Errorf("got %v", err)
	}
	// other files are none of ours
	if err := os.Remove(a.path); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "dev-x"), "x", 0o644)
	put(t, filepath.Join(dir, ".dev-1.address"), "x", 0o644)
	wantFound(t)
}
