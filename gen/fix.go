package gen

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/fix"
	"github.com/gordd-project/gordd/gen/scan"
)

// Fixed is a file of a user's with fixes, not yet written.
type Fixed struct {
	File          string
	Before, After []byte
	Fixes         []fix.Fix // of several rounds: their positions are those of their round
}

// Fixes are the files of a package that can be fixed, and the findings that
// cannot.
type Fixes struct {
	Files []Fixed
	Left  []fix.Left
}

// Fix finds what can be fixed in packages. Every file that it gives has been
// type-checked and checked again: it compiles, and has fewer findings than
// before.
func Fix(pkgs []*Package) Fixes {
	var all Fixes
	known := newFacts(pkgs)
	for _, p := range pkgs {
		if p.Types == nil || len(p.Files) == 0 {
			continue
		}
		now, done, left := fix.All(&code{Package: p, known: known})
		for _, name := range slices.Sorted(maps.Keys(done)) {
			all.Files = append(all.Files, Fixed{File: name, Before: p.Sources[name], After: now.Text(name), Fixes: done[name]})
		}
		all.Left = append(all.Left, left...)
	}
	return all
}

// code is a package as package fix sees it.
type code struct {
	*Package
	known *facts
}

func (c *code) Findings() (*scan.Package, []diag.Diagnostic) {
	found, diags, _ := c.findings(c.known)
	return found, diags
}

// Text is that of a file. What cgo or another tool wrote is not to be changed.
func (c *code) Text(file string) []byte {
	if slices.ContainsFunc(c.Files, func(f *ast.File) bool { return c.Fset.File(f.FileStart).Name() == file && ast.IsGenerated(f) }) {
		return nil
	}
	return c.Sources[file]
}

// Changed parses and type-checks the package with other texts of files.
func (c *code) Changed(texts map[string][]byte) (fix.Code, error) {
	next := *c.Package
	next.found = nil
	next.Files, next.Sources = slices.Clone(c.Files), maps.Clone(c.Sources)
	for i, f := range c.Files {
		name := c.Fset.File(f.FileStart).Name()
		text, changed := texts[name]
		if !changed {
			continue
		}
		parsed, err := parser.ParseFile(c.Fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		next.Files[i], next.Sources[name] = parsed, text
	}
	err := next.check(c.world)
	if first := (types.Error{}); errors.As(err, &first) {
		return nil, errors.New(first.Msg) // of a text that is nowhere
	}
	return &code{&next, c.known}, err
}

// Diff shows what changes in the file, which is shown under a name.
func (f *Fixed) Diff(name string) string {
	return unified(filepath.ToSlash(name), string(f.Before), string(f.After))
}

// Commit writes the file, unless it changed since it was read.
func (f *Fixed) Commit() error {
	now, err := os.ReadFile(f.File)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, f.Before) {
		return fmt.Errorf("%s changed while it was fixed: run rddgen -fix again", f.File)
	}
	return replace(f.File, f.After)
}
