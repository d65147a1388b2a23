// Package fix makes the changes to users' code that findings ask for, where they
// can be made mechanically and surely.
//
// A captured variable is given to With and becomes a parameter of its name, so
// that the body stays; several become a struct. A method value becomes a method
// expression, and an operator that shares its line is moved to one of its own.
// Whoever applies fixes type-checks the result before it is written.
package fix

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
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
}

// Edit replaces a part of a file, given by offsets.
type Edit struct {
	From, To int
	Text     string
}

// Left is a finding that has no mechanical fix.
type Left struct {
	Pos token.Position
	Why string
}

// Find makes the fixes for a package with findings, in order of the source.
func Find(p *scan.Package, found []diag.Diagnostic) (fixes []Fix, left []Left) {
	f := &finder{Package: p, types: map[string]bool{}}
	for _, c := range p.Calls {
		if c.Inside == nil {
			f.call(c)
		}
	}
	for _, d := range found {
		if d.Kind == diag.SameLine {
			f.sameLine(d)
		}
	}
	return f.fixes, f.left
}

// Apply makes the changes of fixes in the text of a file. The result is
// formatted if the file was.
func Apply(src []byte, fixes []Fix) ([]byte, error) {
	var edits []Edit
	for _, f := range fixes {
		edits = append(edits, f.Edits...)
	}
	// A line break goes before all else that is put at a place.
	slices.SortStableFunc(edits, func(a, b Edit) int {
		switch {
		case a.From != b.From:
			return cmp.Compare(a.From, b.From)
		case a.Text == "\n" && b.Text != "\n":
			return -1
		case a.Text != "\n" && b.Text == "\n":
			return 1
		}
		return 0
	})
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.From < at || e.To < e.From || e.To > len(src) {
			return nil, fmt.Errorf("edits at %d and before overlap", e.From)
		}
		out.Write(src[at:e.From])
		out.WriteString(e.Text)
		at = e.To
	}
	out.Write(src[at:])
	if was, err := format.Source(src); err != nil || !bytes.Equal(was, src) {
		return out.Bytes(), nil
	}
	return format.Source(out.Bytes())
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

// fix notes a change around an operator.
func (f *finder) fix(c *scan.Call, what string, edits ...Edit) {
	f.fixes = append(f.fixes, Fix{c.File.Name, f.Fset.Position(selector(c).Pos()), what, edits})
}

func (f *finder) insert(at token.Pos, text string) Edit { return f.replace(at, at, text) }

func (f *finder) replace(from, to token.Pos, text string) Edit {
	return Edit{f.Offset(from), f.Offset(to), text}
}

// call fixes what an operator is given.
func (f *finder) call(c *scan.Call) {
	captured := slices.ContainsFunc(c.Funcs, func(e ast.Expr) bool {
		lit, ok := e.(*ast.FuncLit)
		return ok && len(check.Captures(f.Package, lit)) > 0
	})
	switch {
	case captured:
		f.captures(c)
	case len(c.Funcs) > 0:
		f.methodValue(c)
	}
}

// selector is the name of an operator behind the dot.
func selector(c *scan.Call) *ast.Ident {
	fun := ast.Unparen(c.Expr.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = ast.Unparen(x.X)
	case *ast.IndexListExpr:
		fun = ast.Unparen(x.X)
	}
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		return sel.Sel
	}
	return nil
}

// withForm says why an operator cannot follow With; "" if it can.
func withForm(c *scan.Call) string {
	switch {
	case c.With:
		return "it has a With value already: add to that by hand"
	case c.Op.Recv == "" || c.Op.Recv == "Session" || c.Op.Name == "SaveAsTextFile" || selector(c) == nil:
		return c.Op.Name + " has no form that follows With"
	}
	return ""
}

// sameLine moves an operator to a line of its own.
func (f *finder) sameLine(d diag.Diagnostic) {
	for _, c := range f.Calls {
		if c.Expr.Lparen != d.At {
			continue
		}
		if sel := selector(c); sel != nil {
			f.fix(c, c.Op.Name+" has a line of its own", f.insert(sel.Pos(), "\n"))
		} else {
			f.leave(d.At, c.Op.Name+" has no place for a line break before it")
		}
		return
	}
}
