package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/storage"
)

// stuck is a store in which nothing new gets the name of a file.
type stuck struct {
	storage.FileSystem
	name string
}

var errStuck = errors.New("as tests have it")

func (s stuck) Rename(ctx context.Context, from, to string) error {
	b, err := os.ReadFile(from)
	if err == nil && strings.HasSuffix(to, s.name) && string(b) == "new" {
		return errStuck
	}
	return s.FileSystem.Rename(ctx, from, to)
}

// A file that cannot be replaced is there as it was.
func TestPutThatFails(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(dir, "file")
	for path, text := range map[string]string{from: "new", to: "old"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	local, path, err := storage.Lookup(to)
	if err != nil {
		t.Fatal(err)
	}
	o := putOptions{overwrite: true}
	if err := o.putOne(t.Context(), stuck{local, "file"}, from, path); !errors.Is(err, errStuck) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(to); err != nil || string(b) != "old" {
		t.Errorf("it has %q, %v", b, err)
	}
	if err := o.putOne(t.Context(), local, from, path); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(to); err != nil || string(b) != "new" {
		t.Errorf("it has %q, %v", b, err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left %v", all)
	}
}

// roofless is a store that makes no directories for files.
type roofless struct{ storage.FileSystem }

func (r roofless) Create(_ context.Context, path string) (storage.Writer, error) {
	return nil, &storage.PathError{Op: "create", Path: path, Kind: storage.NotFound, Offset: -1, Err: errStuck}
}

// The error of a file that cannot be begun names the one that was asked for.
func TestPutIntoNothing(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "file")
	local, path, err := storage.Lookup(to)
	if err != nil {
		t.Fatal(err)
	}
	err = new(putOptions).putOne(t.Context(), roofless{local}, from, path)
	if !errors.Is(err, errStuck) || storage.KindOf(err) != storage.NotFound || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "_put") {
		t.Errorf("got %v", err)
	}
}
