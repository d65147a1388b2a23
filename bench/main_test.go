package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// TestWordcountWantsItsOwnDirectory: without one it put its part files into the
// working directory.
func TestWordcountWantsItsOwnDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("part-00000.txt", []byte("a b a\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := typed.NewSession(t.Context(), typed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct{ out, says string }{
		{"", "-out is needed"},
		{".", "not empty"},
		{"new", ""},
	} {
		*out = c.out
		_, err := wordcount(t.Context(), s)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("-out %q: %v, want %q", c.out, err, c.says)
		}
	}
	if here, _ := filepath.Glob("part-*"); len(here) != 1 {
		t.Errorf("in the working directory: %v", here)
	}
	if made, _ := filepath.Glob("new/part-*"); len(made) == 0 {
		t.Error("no part files in new")
	}
}
