package typed

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"github.com/gordd-project/gordd/internal/wire"
)

// shipped are the files of this process's job. They are the process's, and not a
// session's, since functions given to operators have no session to ask.
var shipped atomic.Pointer[[]wire.File]

// File opens a file that was shipped with the program: by rddctl run or submit with
// --file PATH, under its base name, or with --file PATH=NAME. The driver and all
// tasks read the same bytes, on every worker. It is opened for reading, anew by each
// call, and the caller closes it; its Name is a path of this machine, until the job
// ends.
//
// A file that all tasks read whole is better decoded once, in the driver, and given
// to them by With. The error wraps [fs.ErrNotExist] when there is no such file, as
// in a program that rddctl did not start.
func File(name string) (*os.File, error) {
	var there []string
	if all := shipped.Load(); all != nil {
		for _, f := range *all {
			if f.Name == name {
				return os.Open(f.Path)
			}
			there = append(there, f.Name)
		}
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("file %q was not shipped, nor any other: run the program by rddctl with --file PATH=%s: %w", name, name, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("file %q was not shipped: there are %s: %w", name, strings.Join(there, ", "), fs.ErrNotExist)
}
