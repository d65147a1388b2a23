//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOwn(t *testing.T) {
	dir := t.TempDir()
	f, err := Own(dir)
	if err != nil || f == nil {
		t.Fatalf("got %v, %v", f, err)
	}
	if _, err := Own(dir); !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v of a directory that is owned", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Own(dir)
	if err != nil {
		t.Errorf("got %v after its owner's end", err)
	}
	_ = again.Close()
	if _, err := Own(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
