// Package testmod makes modules for tests that start the go command: modules
// that use this one.
package testmod

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// New makes a module of a path in a folder of its own, without packages. It
// requires this module, at the state of the working tree, and what that requires.
func New(t testing.TB, path string) (root string) {
	t.Helper()
	root = t.TempDir()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	gomod := strings.TrimSpace(string(out))
	mod, sum := read(t, gomod), read(t, filepath.Join(filepath.Dir(gomod), "go.sum"))
	_, requires, _ := strings.Cut(mod, "\nrequire")
	Write(t, filepath.Join(root, "go.sum"), []byte(sum))
	Write(t, filepath.Join(root, "go.mod"), fmt.Appendf(nil,
		"module %s\n\ngo 1.27.0\n\nrequire github.com/gordd-project/gordd v0.0.0\n\nreplace github.com/gordd-project/gordd => %s\n\nrequire%s",
		path, filepath.ToSlash(filepath.Dir(gomod)), requires))
	return root
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Write writes a file, with the folders that it is in.
func Write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
