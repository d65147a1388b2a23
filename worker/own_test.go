package worker

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/internal/scratch"
)

func TestOwnsItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	old := map[string]bool{"shuffle/1/1.7.data": false, "results/2/1.8": false, "tasks/0-1/x": false, "fetched/x": false,
		"blobs/x": true, "jobs/j-1/log": true}
	for name := range old {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Dir: dir}
	if err := o.own(); err != nil {
		t.Fatal(err)
	}
	if o.owner == nil {
		t.Skip("there are no locks here")
	}
	for name, stays := range old {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v, and it stays: %v", name, err, stays)
		}
	}
	other := Options{Dir: dir}
	if err := other.own(); !errors.Is(err, scratch.ErrOwned) {
		t.Errorf("got %v of a directory that another worker has", err)
	}
	o.disown()
	if err := other.own(); err != nil {
		t.Errorf("got %v after its owner's end", err)
	}
	other.disown()
	file := Options{Dir: filepath.Join(dir, "jobs/j-1/log")}
	if err := file.own(); err == nil {
		t.Error("a file is a directory")
	}
}
