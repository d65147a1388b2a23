//go:build unix

package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	write("go.mod", "module example.com/m\n\ngo 1.21\n")
	write("main.go", "package main\n\nfunc main() {}\n")
	foreign := filepath.Join(dir, "foreign")
	cmd := exec.Command("go", "build", "-o", foreign, ".")
	cmd.Dir, cmd.Env = dir, append(Env(), "GOARCH="+other, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := (&Program{Path: os.Args[0]}).Check(true); err != nil {
		t.Error(err)
	}
	if err := (&Program{Path: foreign}).Check(false); err != nil {
		t.Errorf("elsewhere it may run: %v", err)
	}
	for path, words := range map[string][]string{
		write("text", "#!/bin/sh\n"):    {"no program built by Go"},
		write("empty", ""):              {"no program built by Go"},
		write("cut", "\x7fELF\x02\x01"): {"no program built by Go"},
		filepath.Join(dir, "missing"):   {"no such file"},
		foreign:                         {"built for " + runtime.GOOS + "/" + other, "this machine", runtime.GOOS + "/" + runtime.GOARCH},
	} {
		err := (&Program{Path: path}).Check(true)
		var coded *Error
		if !errors.As(err, &coded) || coded.Code != CodeRefused {
			t.Errorf("%s: got %v", path, err)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q lacks %q", err, w)
			}
		}
	}
}
