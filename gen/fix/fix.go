// Package fix makes the changes to users' code that findings ask for, where they
// can be made mechanically and surely.
//
// A captured variable is given to With and becomes a parameter of its name, so
// that the body stays; several, or one beside a value that With has already,
// become a struct, which the first line of the function takes apart. A method
// value becomes a method expression, a variable that holds one function becomes
// that function, a type that a function declares is moved out of it, and an
// operator that shares its line is moved to one of its own.
//
// [Find] makes the changes, [All] and [Each] make sure of them: what is changed is
// type-checked and checked again before anyone sees it.
package fix

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// Fix is a change of one file.
type Fix struct {
	File  string
	Pos   token.Position // of the operator, as //line comments have it
	What  string         // what was done
	Edits []Edit
	// Kind and At are the findings that it is for.
	Kind *diag.Kind
	At   []token.Pos
}

// For says whether the fix is for a finding.
func (f *Fix) For(d diag.Diagnostic) bool {
	return f.Kind == d.Kind && slices.Contains(f.At, d.At)
}

// Edit replaces a part of a file, given by offsets.
type Edit struct {
	From, To int
	Text     string

	shared bool // with other fixes: it is made once
}

// Left is a finding that has no mechanical fix.
type Left struct {
	Pos token.Position
	Why string
}

// Find makes the fixes for a package with findings, in order of the source. They
// are not yet known to be right.
func Find(p *scan.Package, found []diag.Diagnostic) (fixes []Fix, left []Left) {
	f := &finder{Package: p, types: map[string]bool{}}
	for _, c := range p.Calls {
		if c.Inside == nil {
			f.call(c)
		}
	}
	f.localTypes(found)
	for _, d := range found {
		if d.Kind == diag.SameLine {
			f.sameLine(d)
		}
	}
	return f.fixes, f.left
}

// finder is the state of finding fixes.
type finder struct {
	*scan.Package
	fixes []Fix
	left  []Left
	types map[string]bool // names of types that fixes declare
}

func (f *finder) leave(at token.Pos, why string) {
	f.left = append(f.left, Left{f.Fset.Position(at), why})
}

// fix notes a change in the file of an operator, for findings.
func (f *finder) fix(c *scan.Call, k *diag.Kind, at []token.Pos, what string, edits ...Edit) {
	pos := c.Expr.Lparen
	if sel := selector(c); sel != nil {
		pos = sel.Pos()
	}
	f.fixAt(pos, k, at, what, edits...)
}

// fixAt notes a change in the file of a position.
func (f *finder) fixAt(pos token.Pos, k *diag.Kind, at []token.Pos, what string, edits ...Edit) {
	f.fixes = append(f.fixes, Fix{
		File: f.Fset.File(pos).Name(), Pos: f.Fset.Position(pos), What: what, Edits: edits, Kind: k, At: at,
	})
}

func (f *finder) insert(at token.Pos, text string) Edit { return f.replace(at, at, text) }

func (f *finder) replace(from, to token.Pos, text string) Edit {
	return Edit{From: f.Offset(from), To: f.Offset(to), Text: text}
}

// call fixes what an operator is given.
func (f *finder) call(c *scan.Call) {
	if len(c.Funcs) == 0 {
		return
	}
	captured := slices.ContainsFunc(c.Funcs, func(e ast.Expr) bool {
		lit, ok := e.(*ast.FuncLit)
		return ok && len(check.Captures(f.Package, lit)) > 0
	})
	if captured {
		f.captures(c)
	}
	for _, e := range c.Funcs {
		switch x := e.(type) {
		case *ast.FuncLit:
		case *ast.SelectorExpr:
			if sel := f.Info.Selections[x]; sel != nil && sel.Kind() == types.MethodVal {
				f.methodValue(c, x, sel)
				continue
			}
			f.unknown(c, e)
		default:
			f.unknown(c, e)
		}
	}
}

// sameLine moves an operator to a line of its own.
func (f *finder) sameLine(d diag.Diagnostic) {
	for _, c := range f.Calls {
		if c.Expr.Lparen != d.At {
			continue
		}
		if sel := selector(c); sel != nil {
			f.fix(c, diag.SameLine, []token.Pos{d.At}, c.Op.Name+" has a line of its own", f.insert(sel.Pos(), "\n"))
		} else {
			f.leave(d.At, c.Op.Name+" has no place for a line break before it")
		}
		return
	}
}
