package testmod_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/internal/testmod"
)

// TestNew asks the go command about a package that imports this module.
func TestNew(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	root := testmod.New(t, "example.com/m")
	testmod.Write(t, filepath.Join(root, "p", "p.go"), []byte("package p\n\nimport _ \"github.com/gordd-project/gordd/rdd/plan\"\n"))
	cmd := exec.Command("go", "list", "-deps", "./...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
