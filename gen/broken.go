package gen

import (
	"cmp"
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/diag"
)

// ErrBroken is wrapped by the error of Load for packages, or dependencies of
// them, that do not compile.
var ErrBroken = errors.New("does not compile: nothing was written")

// maxFlaws bounds what is shown of a package, as the compiler does.
const maxFlaws = 10

// brokenError says what is wrong with packages that do not compile.
type brokenError struct {
	packages string
	errs     []error
}

// broken is the error for packages that do not compile.
func broken(errs []error, packages string) error { return &brokenError{packages, errs} }

func (e *brokenError) Unwrap() []error { return append(slices.Clip(e.errs), ErrBroken) }

// Error has a line for each flaw, in order of the source, and one that says that
// nothing was done.
func (e *brokenError) Error() string {
	var text strings.Builder
	all := e.flaws()
	for i, f := range all {
		if i == maxFlaws {
			fmt.Fprintf(&text, "too many errors: %d more\n", len(all)-i)
			break
		}
		text.WriteString(f.String() + "\n")
	}
	fmt.Fprintf(&text, "%s: %s %v", diag.Broken.ID, e.packages, ErrBroken)
	return text.String()
}

// flaw is something that a parser or type checker found.
type flaw struct {
	at  token.Position
	msg string
}

func (e *brokenError) flaws() []flaw {
	var all []flaw
	for _, err := range e.errs {
		var list scanner.ErrorList
		var typed types.Error
		switch {
		case errors.As(err, &list):
			for _, e := range list {
				all = append(all, flaw{e.Pos, e.Msg})
			}
		case errors.As(err, &typed):
			all = append(all, flaw{typed.Fset.Position(typed.Pos), typed.Msg})
		default:
			all = append(all, flaw{msg: err.Error()})
		}
	}
	slices.SortStableFunc(all, func(a, b flaw) int {
		return cmp.Or(
			cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	return slices.Compact(all)
}

func (f flaw) String() string {
	if !f.at.IsValid() {
		return f.msg
	}
	at := f.at
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, at.Filename); err == nil && !strings.HasPrefix(rel, "..") {
			at.Filename = rel
		}
	}
	return at.String() + ": " + f.msg
}

// flaws collects the packages that do not compile, so that all are shown.
type flaws []error

// add keeps an error for a package that does not compile, and gives back any
// other.
func (all *flaws) add(err error) error {
	if !errors.Is(err, ErrBroken) {
		return err
	}
	*all = append(*all, err)
	return nil
}

func (all flaws) err() error { return errors.Join(all...) }
