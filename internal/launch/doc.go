// Package launch builds a user's program and runs it as a child process over
// the wire: what rddctl does with a PKG or BINARY argument.
package launch

// Exit codes of the commands that launch programs, beside the program's own.
const (
	CodeUsage   = 2 // no such package, not a program
	CodeRefused = 5 // code that does not compile, or is not fresh
	CodePath    = 6 // a path that cannot be read or written
)

// Error is an error with the exit code that it calls for.
type Error struct {
	Code int
	Err  error
}

// Error is that of the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
