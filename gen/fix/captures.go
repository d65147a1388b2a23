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

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/scan"
)

// value is what a function takes along.
type value struct {
	v     *types.Var
	expr  string // as the driver writes it: limit, j.min
	name  string // as the function does
	typ   types.Type
	text  string              // of the type
	field string              // of the struct, where there are several
	uses  []*ast.SelectorExpr // to be changed to the name
	in    map[*ast.FuncLit]bool
}

// captures gives what the functions of an operator capture to With.
func (f *finder) captures(c *scan.Call) {
	values, why := f.values(c)
	if why == "" {
		why = withForm(c)
	}
	if why != "" {
		f.leave(c.Expr.Lparen, why)
		return
	}
	var edits []Edit
	var env string
	if len(values) == 1 {
		edits, env = f.single(c, values[0])
	} else if edits, env, why = f.several(c, values); why != "" {
		f.leave(c.Expr.Lparen, why)
		return
	}
	sel := selector(c)
	edits = append(edits, f.insert(sel.Pos(), "With("+env+")."))
	what := fmt.Sprintf("%s takes %s from With", c.Op.Name, exprs(values))
	for _, v := range values {
		if line := f.assignedAfter(c, v.v); line > 0 {
			what += fmt.Sprintf("; %s is assigned in line %d, which With does not see", v.v.Name(), line)
		}
	}
	f.fix(c, what, edits...)
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
			return nil, "another function of " + c.Op.Name + " is no literal"
		}
		for _, got := range check.Captures(f.Package, lit) {
			if got.Assigned {
				return nil, got.Var.Name() + " is assigned in the function"
			}
			i := slices.IndexFunc(all, func(v *value) bool { return v.v == got.Var })
			if i < 0 {
				all = append(all, &value{v: got.Var, in: map[*ast.FuncLit]bool{}})
				i = len(all) - 1
			}
			all[i].in[lit] = true
		}
	}
	taken := f.names(c)
	for _, v := range all {
		f.describe(c, v, taken)
		if why := f.cannotTravel(c, v); why != "" {
			return nil, why
		}
	}
	return all, ""
}

func (f *finder) cannotTravel(c *scan.Call, v *value) (why string) {
	if why := check.CannotTravel(f.Package, v.typ); why != "" {
		return why
	}
	v.text, why = f.typeText(c.File.Syntax, v.typ)
	return why
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

// single gives one value to With.
func (f *finder) single(c *scan.Call, v *value) (edits []Edit, env string) {
	for _, e := range c.Funcs {
		lit := e.(*ast.FuncLit)
		name := "_"
		if v.in[lit] {
			name = v.name
		}
		edits = append(edits, f.parameter(c, lit, name, v.text)...)
	}
	return append(edits, f.rename(v)...), v.expr
}

func (f *finder) rename(v *value) (edits []Edit) {
	for _, use := range v.uses {
		edits = append(edits, f.replace(use.Pos(), use.End(), v.name))
	}
	return edits
}

// parameter puts a parameter before those of a literal. Where those have no
// names, they get blank ones.
func (f *finder) parameter(c *scan.Call, lit *ast.FuncLit, name, typ string) (edits []Edit) {
	params := lit.Type.Params
	text := name + " " + typ
	if len(params.List) > 0 {
		if first := params.List[0]; len(first.Names) > 0 && f.text(c, first.Type) == typ {
			text = name
		}
		text += ", "
	}
	edits = append(edits, f.insert(params.Opening+1, text))
	for _, p := range params.List {
		if len(p.Names) == 0 {
			edits = append(edits, f.insert(p.Type.Pos(), "_ "))
		}
	}
	return edits
}

// text is a node as it is written.
func (f *finder) text(c *scan.Call, n ast.Node) string {
	return string(c.File.Source[f.Offset(n.Pos()):f.Offset(n.End())])
}

// several gives a struct of values to With, and unpacks it on the first line of
// each function.
func (f *finder) several(c *scan.Call, values []*value) (edits []Edit, env, why string) {
	decl := topLevel(c.File.Syntax, c.Expr.Lparen)
	for _, v := range values {
		if api.HasTypeParam(v.typ) {
			return nil, "", "the type of " + v.expr + " has a type parameter"
		}
	}
	nameFields(values)
	name := f.typeName(c)
	var fields, lits []string
	for _, v := range values {
		fields = append(fields, "\t"+v.field+" "+v.text+"\n")
		lits = append(lits, v.field+": "+v.expr)
		edits = append(edits, f.rename(v)...)
	}
	edits = append(edits, f.insert(begin(decl), fmt.Sprintf("// %s is what the function of %s takes along.\ntype %s struct {\n%s}\n\n",
		name, c.Op.Name, name, strings.Join(fields, ""))))
	param := "env"
	for taken := f.names(c); taken[param]; {
		param += "2"
	}
	for _, e := range c.Funcs {
		edits = append(edits, f.unpack(c, e.(*ast.FuncLit), values, param, name)...)
	}
	return edits, name + "{" + strings.Join(lits, ", ") + "}", ""
}

// unpack gives a literal the struct and its parts their names.
func (f *finder) unpack(c *scan.Call, lit *ast.FuncLit, values []*value, param, typ string) []Edit {
	var names, parts []string
	for _, v := range values {
		if v.in[lit] {
			names, parts = append(names, v.name), append(parts, param+"."+v.field)
		}
	}
	if len(names) == 0 {
		return f.parameter(c, lit, "_", typ)
	}
	edits := f.parameter(c, lit, param, typ)
	text := "\n" + strings.Join(names, ", ") + " := " + strings.Join(parts, ", ")
	if next := c.File.Source[f.Offset(lit.Body.Lbrace)+1]; next != '\n' {
		text += "\n"
	}
	return append(edits, f.insert(lit.Body.Lbrace+1, text))
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
