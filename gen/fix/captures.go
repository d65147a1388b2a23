package fix

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// value is what a function takes along.
type value struct {
	v     *types.Var // nil for what With has already
	expr  string     // as the driver writes it: limit, j.min
	name  string     // as the functions do
	typ   types.Type
	text  string              // of the type
	field string              // of the struct, where there are several
	uses  []*ast.SelectorExpr // to be changed to the name
	in    map[*ast.FuncLit]string
	at    []token.Pos // where it is found
}

// captures gives what the functions of an operator capture to With.
func (f *finder) captures(c *scan.Call) {
	e := &env{finder: f, call: c}
	if why := e.prepare(); why != "" {
		f.leave(c.Expr.Lparen, why)
		return
	}
	var edits []Edit
	switch {
	case c.Op.Name == "SaveAsTextFile":
		edits = e.format()
	case e.old == nil:
		edits = append(e.edits(), f.insert(selector(c).Pos(), "With("+e.expr()+")."))
	default:
		edits = append(e.edits(), e.extend()...)
	}
	what := fmt.Sprintf("%s takes %s from With", c.Op.Name, exprs(e.captured))
	var at []token.Pos
	for _, v := range e.captured {
		at = append(at, v.at...)
		if line := f.assignedAfter(c, v.v); line > 0 {
			what += fmt.Sprintf("; %s is assigned in line %d, which With does not see", v.v.Name(), line)
		}
	}
	f.fix(c, diag.Captures, at, what+e.also(), edits...)
}

func exprs(values []*value) string {
	var all []string
	for _, v := range values {
		all = append(all, v.expr)
	}
	return strings.Join(all, ", ")
}

// values finds what the functions of an operator capture, and says why it cannot
// be given to With.
func (f *finder) values(c *scan.Call) (all []*value, why string) {
	for _, e := range c.Funcs {
		lit, ok := e.(*ast.FuncLit)
		if !ok {
			return nil, "another function of " + c.Op.Name + " is no literal: make it one"
		}
		for _, got := range check.Captures(f.Package, lit) {
			if got.Assigned {
				return nil, got.Var.Name() + " is assigned in the function"
			}
			i := slices.IndexFunc(all, func(v *value) bool { return v.v == got.Var })
			if i < 0 {
				all = append(all, &value{v: got.Var, in: map[*ast.FuncLit]string{}})
				i = len(all) - 1
			}
			all[i].in[lit] = "?"
			all[i].at = append(all[i].at, got.Pos)
		}
	}
	taken := f.names(c)
	for _, v := range all {
		f.describe(c, v, taken)
		if why := check.CannotTravel(f.Package, v.typ); why != "" {
			return nil, why
		}
		for lit := range v.in {
			v.in[lit] = v.name
		}
	}
	return all, ""
}

// names are all that the functions of an operator use.
func (f *finder) names(c *scan.Call) map[string]bool {
	taken := map[string]bool{}
	for _, e := range c.Funcs {
		ast.Inspect(e, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				taken[id.Name] = true
			}
			return true
		})
	}
	return taken
}

// describe says how a variable is written in the driver and in the functions: by
// its name, or by that of its only field that they use.
func (f *finder) describe(c *scan.Call, v *value, taken map[string]bool) {
	v.expr, v.name, v.typ = v.v.Name(), v.v.Name(), v.v.Type()
	field, uses := f.onlyField(c, v)
	if field == nil {
		return
	}
	v.uses, v.typ = uses, field.Type()
	v.expr = v.v.Name() + "." + field.Name()
	v.name = lower(field.Name())
	others := f.nameUses(c, v.name)
	if v.name == field.Name() {
		others -= len(uses)
	}
	if others > 0 || reserved(v.name) {
		v.name = v.v.Name() + upper(field.Name())
		for taken[v.name] {
			v.name += "2"
		}
	}
	taken[v.name] = true
}

// nameUses counts the identifiers of a name in the functions of an operator.
func (f *finder) nameUses(c *scan.Call, name string) int {
	n := 0
	for _, e := range c.Funcs {
		ast.Inspect(e, func(node ast.Node) bool {
			if id, ok := node.(*ast.Ident); ok && id.Name == name {
				n++
			}
			return true
		})
	}
	return n
}

// onlyField finds the one field of a struct that functions read, and where.
func (f *finder) onlyField(c *scan.Call, v *value) (field *types.Var, uses []*ast.SelectorExpr) {
	selected, used := 0, 0
	same := true
	for _, e := range c.Funcs {
		ast.Inspect(e, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.SelectorExpr:
				id, ok := x.X.(*ast.Ident)
				sel := f.Info.Selections[x]
				if !ok || f.Info.Uses[id] != v.v || sel == nil || sel.Kind() != types.FieldVal {
					return true
				}
				got := sel.Obj().(*types.Var)
				same = same && (field == nil || field == got)
				field, selected = got, selected+1
				uses = append(uses, x)
			case *ast.Ident:
				if f.Info.Uses[x] == v.v {
					used++
				}
			}
			return true
		})
	}
	if !same || selected == 0 || selected != used {
		return nil, nil
	}
	return field, uses
}

func (f *finder) rename(v *value) (edits []Edit) {
	for _, use := range v.uses {
		edits = append(edits, f.replace(use.Pos(), use.End(), v.name))
	}
	return edits
}

// text is a node as it is written.
func (f *finder) text(c *scan.Call, n ast.Node) string {
	return string(c.File.Source[f.Offset(n.Pos()):f.Offset(n.End())])
}

// nameFields gives each value the name of its field.
func nameFields(values []*value) {
	taken := map[string]bool{}
	for _, v := range values {
		v.field = upper(v.name)
		for taken[v.field] {
			v.field += "2"
		}
		taken[v.field] = true
	}
}

// typeName makes a name for a struct: runEnv.
func (f *finder) typeName(c *scan.Call) string {
	base := lower(c.Encl[strings.LastIndexByte(c.Encl, '.')+1:]) + "Env"
	name := base
	for i := 2; f.types[name] || f.Types.Scope().Lookup(name) != nil || types.Universe.Lookup(name) != nil; i++ {
		name = fmt.Sprint(base, i)
	}
	f.types[name] = true
	return name
}

func topLevel(file *ast.File, pos token.Pos) ast.Decl {
	for _, d := range file.Decls {
		if d.Pos() <= pos && pos < d.End() {
			return d
		}
	}
	return nil
}

// begin is where a declaration begins, with its comment.
func begin(d ast.Decl) token.Pos {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			return d.Doc.Pos()
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return d.Doc.Pos()
		}
	}
	return d.Pos()
}

// assignedAfter gives the line after a call in which a variable is assigned; 0
// if there is none.
func (f *finder) assignedAfter(c *scan.Call, v *types.Var) int {
	line := 0
	ast.Inspect(topLevel(c.File.Syntax, c.Expr.Lparen), func(n ast.Node) bool {
		var targets []ast.Expr
		switch x := n.(type) {
		case *ast.AssignStmt:
			targets = x.Lhs
		case *ast.IncDecStmt:
			targets = []ast.Expr{x.X}
		}
		for _, t := range targets {
			id, ok := ast.Unparen(t).(*ast.Ident)
			if ok && f.Info.Uses[id] == v && id.Pos() > c.Expr.End() && line == 0 {
				line = f.Fset.Position(id.Pos()).Line
			}
		}
		return true
	})
	return line
}

// reserved says whether a name means something everywhere.
func reserved(name string) bool {
	return token.IsKeyword(name) || types.Universe.Lookup(name) != nil
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// lower makes the first letter, or the first word in capitals, small: ID is id.
func lower(s string) string {
	if strings.ToUpper(s) == s {
		return strings.ToLower(s)
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
