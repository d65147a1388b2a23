package worker

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/internal/scratch"
)

// leftovers are what a worker that was killed leaves in its directory and no
// other one can use: nobody knows any more what it is. Programs and logs stay.
var leftovers = []string{"cached", "fetched", "results", "shuffle", "tasks"}

// own makes the directory the worker's, and what it needs in it.
func (o *Options) own() (err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	if o.owner, err = scratch.Own(o.Dir); err != nil {
		return err
	}
	for _, name := range leftovers {
		if o.owner != nil { // it may be another's too where there are no locks
			err = errors.Join(err, os.RemoveAll(filepath.Join(o.Dir, name)))
		}
	}
	for _, name := range []string{"blobs", "jobs", "fetched"} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(o.Dir, name), 0o700))
	}
	if err != nil {
		o.disown()
	}
	return err
}

// disown lets others have the directory.
func (o *Options) disown() {
	if o.owner != nil {
		_ = o.owner.Close()
	}
}
