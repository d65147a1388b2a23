package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesWithoutSize: a file that says it is empty and is not would give no rows.
func TestFilesWithoutSize(t *testing.T) {
	const path = "/proc/cpuinfo"
	if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
		t.Skipf("no %s here: %v", path, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{path, "/proc/cpuinf?", link, filepath.Dir(link)} {
		_, err := Expand(t.Context(), given, ExpandOptions{})
		if KindOf(err) != Invalid || !strings.Contains(err.Error(), "copy it to a file and read that") {
			t.Errorf("%s: got %v", given, err)
		}
	}
}
