package gen

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/fix"
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
		fixed := fixPackage(p, known)
		all.Files = append(all.Files, fixed.Files...)
		all.Left = append(all.Left, fixed.Left...)
	}
	return all
}

// rounds bounds how often a package is fixed: a fix may bring forth a finding
// that was hidden, as two operators of one type on a line.
const rounds = 3

func fixPackage(p *Package, known *facts) Fixes {
	done := map[string][]fix.Fix{}
	now := p
	var left []fix.Left
	for range rounds {
		diags, _ := now.findings(known)
		var fixes []fix.Fix
		fixes, left = fix.Find(now.scan(), diags)
		if len(fixes) == 0 {
			break
		}
		next, made, refused := now.apply(fixes, diags, known)
		left = append(left, refused...)
		if next == nil {
			break
		}
		for _, f := range made {
			done[f.File] = append(done[f.File], f)
		}
		now = next
	}
	var all Fixes
	for _, name := range slices.Sorted(maps.Keys(done)) {
		all.Files = append(all.Files, Fixed{File: name, Before: p.Sources[name], After: now.Sources[name], Fixes: done[name]})
	}
	all.Left = left
	return all
}

// apply makes fixes: all at once, or, where that is not right, each that is right
// with those before it. The package is nil when none is.
func (p *Package) apply(fixes []fix.Fix, before []diag.Diagnostic, known *facts) (next *Package, made []fix.Fix, refused []fix.Left) {
	next, err := p.with(fixes, before, known)
	if err == nil {
		return next, fixes, nil
	}
	for _, f := range fixes {
		try, err := p.with(append(slices.Clip(made), f), before, known)
		if err != nil {
			refused = append(refused, fix.Left{Pos: f.Pos, Why: "the change would not be right: " + err.Error()})
			continue
		}
		next, made = try, append(made, f)
	}
	return next, made, refused
}

// with gives the package as it would be with fixes. The error says why it would
// not be right.
func (p *Package) with(fixes []fix.Fix, before []diag.Diagnostic, known *facts) (*Package, error) {
	byFile := map[string][]fix.Fix{}
	for _, f := range fixes {
		if filepath.Dir(f.File) != p.Dir {
			return nil, errors.New("the file is not in the package's folder, and was written by a tool")
		}
		byFile[f.File] = append(byFile[f.File], f)
	}
	sources := maps.Clone(p.Sources)
	for name, fixes := range byFile {
		text, err := fix.Apply(p.Sources[name], fixes)
		if err != nil {
			return nil, err
		}
		sources[name] = text
	}
	next, err := p.changed(sources)
	if err != nil {
		return nil, err
	}
	after, _ := next.findings(known)
	return next, better(before, after)
}

// better says what is wrong with the findings after a change: an error of a kind
// that was not there so often, or no fewer of them.
func better(before, after []diag.Diagnostic) error {
	count := func(all []diag.Diagnostic) (map[string]int, int) {
		n, sum := map[string]int{}, 0
		for _, d := range all {
			if !d.Kind.Warning {
				n[d.Kind.ID]++
				sum++
			}
		}
		return n, sum
	}
	old, sum := count(before)
	now, rest := count(after)
	for _, d := range after {
		if now[d.Kind.ID] > old[d.Kind.ID] && d.Kind != diag.SameLine && !d.Kind.Warning {
			return errors.New(d.Kind.ID + ": " + d.Message)
		}
	}
	if rest >= sum {
		return errors.New("as much is found as before")
	}
	return nil
}

// changed parses and type-checks a package with other sources.
func (p *Package) changed(sources map[string][]byte) (*Package, error) {
	next := *p
	next.Files, next.Sources = nil, sources
	for _, f := range p.Files {
		name := p.Fset.File(f.FileStart).Name()
		parsed, err := parser.ParseFile(p.Fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		next.Files = append(next.Files, parsed)
	}
	err := next.check(p.world)
	if first := (types.Error{}); errors.As(err, &first) {
		return nil, errors.New(first.Msg) // of a text that is nowhere
	}
	return &next, err
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
