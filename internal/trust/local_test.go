package trust

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// runtimeAt makes dir the parent of the user's run-time directory.
func runtimeAt(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return filepath.Join(dir, "gordd")
}

func newLocal(t *testing.T, addr string) *Local {
	t.Helper()
	l, err := NewLocal(addr, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestALocalTokenIsFoundByAddress(t *testing.T) {
	dir := runtimeAt(t)
	l, six := newLocal(t, "127.0.0.1:7077"), newLocal(t, "[::1]:7077")
	for addr, want := range map[string]*Local{"127.0.0.1:7077": l, "localhost:7077": l, "LOCALHOST:7077": l, "[::1]:7077": six, "[0:0::1]:7077": six} {
		token, err := FindLocal(addr)
		if err != nil || !want.Check(token) {
			t.Errorf("%s: got %v", addr, err)
		}
	}
	if token, err := FindLocal("127.0.0.1:7078"); !errors.Is(err, ErrNoLocal) {
		t.Errorf("got %q, %v", token, err)
	}
	if err := errors.Join(l.Close(), six.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if left := list(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, err := FindLocal("localhost:7077"); !errors.Is(err, ErrNoLocal) {
		t.Errorf("got %v", err)
	}
}

// A server that starts again in its directory is known to those who knew it.
func TestALocalTokenIsKept(t *testing.T) {
	runtimeAt(t)
	dir := t.TempDir()
	l, err := NewLocal("127.0.0.1:7077", dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := NewLocal("127.0.0.1:7078", dir)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Check(l.Secret()) {
		t.Error("another token")
	}
	if err := os.WriteFile(filepath.Join(dir, keptToken), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLocal("127.0.0.1:7077", dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
}

func TestLocalTokensAreChecked(t *testing.T) {
	runtimeAt(t)
	l := newLocal(t, "127.0.0.1:1")
	defer func() { _ = l.Close() }()
	if !l.Check(l.token) || l.Check("") || l.Check(l.token+"x") || l.Check(l.token[1:]) || l.Check(strings.ToLower(l.token)) {
		t.Error("taken for right what is wrong, or the other way")
	}
}

func TestCloseLeavesTheTokenOfALaterServer(t *testing.T) {
	runtimeAt(t)
	first, second := newLocal(t, "127.0.0.1:1"), newLocal(t, "127.0.0.1:1")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if token, err := FindLocal("127.0.0.1:1"); err != nil || !second.Check(token) || first.Check(token) {
		t.Errorf("got %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddressesWithoutLocalTokens(t *testing.T) {
	runtimeAt(t)
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x/../y", "127.0.0.1:99999", "10.0.0.1:1", "0.0.0.0:1", ":1", "../x:1", "localhost.evil:1"} {
		if _, err := FindLocal(addr); err == nil || errors.Is(err, ErrNoLocal) {
			t.Errorf("%q: got %v", addr, err)
		}
		if _, err := NewLocal(addr, t.TempDir()); err == nil {
			t.Errorf("%q: made", addr)
		}
	}
}

func TestTheTemporaryDirectoryStandsInForTheRuntimeDirectory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	l := newLocal(t, "127.0.0.1:1")
	defer func() { _ = l.Close() }()
	dir := filepath.Join(temp, "gordd"+userSuffix())
	if info, err := os.Lstat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v", info, err)
	}
	if _, err := FindLocal("127.0.0.1:1"); err != nil {
		t.Error(err)
	}
}

func TestTrapsInTheRuntimeDirectoryAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	for name, set := range map[string]func(t *testing.T, dir string){
		"a symbolic link": func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), dir); err != nil {
				t.Fatal(err)
			}
		},
		"a file": func(t *testing.T, dir string) { put(t, dir, "", 0o600) },
		"open to others": func(t *testing.T, dir string) {
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
		},
		"of another user": func(t *testing.T, dir string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, 12345)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, runtimeAt(t))
			if _, err := NewLocal("127.0.0.1:1", t.TempDir()); err == nil {
				t.Error("used")
			}
			if _, err := FindLocal("127.0.0.1:1"); err == nil || errors.Is(err, ErrNoLocal) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTokenFilesThatAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing here")
	}
	path := filepath.Join(runtimeAt(t), "127.0.0.1-1.token")
	for name, set := range map[string]func(){
		"open to others": func() { put(t, path, strings.Repeat("A", 43), 0o644) },
		"something else": func() { put(t, path, "hello", 0o600) },
		"nothing":        func() { put(t, path, "", 0o600) },
		"too much":       func() { put(t, path, strings.Repeat("A", maxPEM+1), 0o600) },
	} {
		set()
		if token, err := FindLocal("127.0.0.1:1"); err == nil {
			t.Errorf("%s: got %q", name, token)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "localhost": true, "::1": true, "[::1]": true, "127.0.0.1": true,
		"[::ffff:127.0.0.1]:1": true,
		"":                     false, ":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "host:1": false, "localhost.example:1": false, "127.0.0.1.example": false,
	} {
		if got := IsLoopback(addr); got != want {
			t.Errorf("%q: got %t", addr, got)
		}
	}
}

func TestPolicy(t *testing.T) {
	for _, tc := range []struct {
		addr              string
		secured, insecure bool
		refused           bool
	}{
		{"127.0.0.1:7077", false, false, false},
		{"0.0.0.0:7077", false, false, true},
		{":7077", false, false, true},
		{"10.0.0.1:7077", false, false, true},
		{"host:7077", false, false, true},
		{"10.0.0.1:7077", true, false, false},
		{"10.0.0.1:7077", false, true, false},
	} {
		err := Policy(tc.addr, tc.secured, tc.insecure)
		if errors.Is(err, ErrInsecure) != tc.refused {
			t.Errorf("%+v: got %v", tc, err)
		}
		if tc.refused && !strings.Contains(err.Error(), "rddctl cluster init") {
			t.Errorf("no advice in %v", err)
		}
	}
}

func FuzzLocalName(f *testing.F) {
	f.Add("127.0.0.1:7077")
	f.Add("[::1]:7077")
	f.Add("localhost:http")
	f.Fuzz(func(t *testing.T, addr string) {
		name, err := localName(addr)
		if err == nil && (!filepath.IsLocal(name) || strings.ContainsAny(name, `/\:`)) {
			t.Errorf("%q: a file %q", addr, name)
		}
	})
}
