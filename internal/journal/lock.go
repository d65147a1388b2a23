package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file that the journal's holder has locked, with who that is.
const lockName = "journal.lock"

// LockedError says that another process holds a journal.
type LockedError struct {
	Dir    string
	Holder string // as it called itself
}

// Error names the holder.
func (e *LockedError) Error() string {
	return fmt.Sprintf("the journal of %s is held by %s: end that first, or use another directory", e.Dir, e.Holder)
}

// errHeld is a lock that another process has.
var errHeld = errors.New("the lock is held")

// lock makes this process the journal's holder until the file is closed. The
// error is a *LockedError when another one is.
func lock(dir, holder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err = tryLock(f); errors.Is(err, errHeld) {
		text, _ := io.ReadAll(io.LimitReader(f, 1<<10))
		err = &LockedError{Dir: dir, Holder: strings.TrimSpace(string(text))}
	} else if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt([]byte(holder+"\n"), 0)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
