package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Kind says what went wrong with a path, the same for every store. Kinds travel between
// processes as numbers: append only.
type Kind uint8

// The kinds of errors.
const (
	Other      Kind = iota // nothing more is known: I/O errors
	NotFound               // nothing at the path, or no match of the glob
	Empty                  // a directory or glob with nothing to read in it
	Permission             // not allowed
	Exists                 // there already
	NoSpace                // disk or quota full
	Changed                // the input changed since planning
	Corrupt                // bytes that cannot be decoded, or an output that is not as its manifest says
	Invalid                // a path that cannot be used so: bad pattern, unknown scheme, a directory as a file
	TooLarge               // a line or file above its limit
)

var kindNames = [...]string{"other", "not found", "empty", "permission", "exists", "no space",
	"changed", "corrupt", "invalid", "too large"}

// String returns the kind's name as logs show it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// PathError is an error about a path. Offset is the place in the file, in uncompressed bytes,
// where reading failed, or the bytes written before writing failed; −1 where neither is known.
type PathError struct {
	Op     string
	Path   string
	Kind   Kind
	Offset int64
	Err    error
}

// Error says what was done, where, and why it failed.
func (e *PathError) Error() string {
	switch {
	case e.Offset < 0:
		return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
	case e.Op == "write":
		return fmt.Sprintf("write %s after %d bytes: %v", e.Path, e.Offset, e.Err)
	default:
		return fmt.Sprintf("%s %s at offset %d: %v", e.Op, e.Path, e.Offset, e.Err)
	}
}

// Unwrap returns the cause, so that errors.Is finds fs.ErrNotExist and the like.
func (e *PathError) Unwrap() error { return e.Err }

// KindOf returns the kind of the first PathError in err's chain, and Other where there is none.
func KindOf(err error) Kind {
	var pe *PathError
	if errors.As(err, &pe) {
		return pe.Kind
	}
	return Other
}

// newError makes a PathError from a sentence of our own.
func newError(op, path string, kind Kind, format string, args ...any) *PathError {
	return &PathError{Op: op, Path: path, Kind: kind, Offset: -1, Err: fmt.Errorf(format, args...)}
}

// wrapError makes a PathError of an error of the operating system. Its own operation and path
// are taken off: ours say it already.
func wrapError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var pe *PathError
	if errors.As(err, &pe) {
		return err
	}
	return &PathError{Op: op, Path: path, Kind: kindOfSystem(err), Offset: -1, Err: bareError(err)}
}

// atOffset is wrapError with a place.
func atOffset(op, path string, offset int64, kind Kind, err error) error {
	return &PathError{Op: op, Path: path, Kind: kind, Offset: offset, Err: bareError(err)}
}

func bareError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	if le := linkCause(err); le != nil {
		return le
	}
	return err
}

func kindOfSystem(err error) Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NotFound
	case errors.Is(err, fs.ErrPermission):
		return Permission
	case errors.Is(err, fs.ErrExist):
		return Exists
	case isNoSpace(err):
		return NoSpace
	case isNotDir(err):
		return Invalid
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Corrupt
	}
	return Other
}
