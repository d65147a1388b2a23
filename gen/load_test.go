package gen_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen"
)

// TestLoadRefusesFiles: the go command would take them for packages to fetch.
func TestLoadRefusesFiles(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "odd.go"), 0o777); err != nil {
		t.Fatal(err)
	}
	for pattern, dir := range map[string]string{
		"a.go": ".", "./a.go": ".", "p/a.go": "./p", "./p/a.go": "./p", "../a.go": "..", "../p/a.go": "../p", "/p/a.go": "/p",
	} {
		_, err := gen.Load(context.Background(), gen.Options{Dir: root}, "./...", pattern)
		if want := pattern + ": give the package rather than a file of it: " + dir; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := gen.Load(context.Background(), gen.Options{Dir: root}, "./odd.go"); err != nil && strings.Contains(err.Error(), "rather than a file") {
		t.Errorf("a directory is taken for a file: %v", err)
	}
}
