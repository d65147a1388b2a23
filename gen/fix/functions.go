package fix

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// unknown replaces a variable that holds one function by that function. For what
// else is not known when generating it says what can be done.
func (f *finder) unknown(c *scan.Call, e ast.Expr) {
	if _, ok := f.Named(e).(*types.Func); ok {
		return
	}
	if why := f.variable(c, e); why != "" {
		f.leave(e.Pos(), why)
	}
}

const chooseOperators = "write a literal that calls it, or an operator for each function and choose among these"

// variable replaces a variable. It says why it cannot.
func (f *finder) variable(c *scan.Call, e ast.Expr) (why string) {
	text := types.ExprString(e)
	id, ok := e.(*ast.Ident)
	if !ok {
		switch e.(type) {
		case *ast.CallExpr:
			return text + " gives a function only when the program runs: write that function here, and give With what it is made from"
		case *ast.SelectorExpr:
			return text + " is a field or a variable of another package, which may hold any function: " + chooseOperators
		case *ast.IndexExpr:
			return text + " is an element, which may be any function: " + chooseOperators
		}
		return text + " is no name of a function: pass a literal or a named function"
	}
	v, ok := f.Info.Uses[id].(*types.Var)
	if !ok {
		return text + " is no function: pass a literal or a named function"
	}
	def := f.define(v)
	switch {
	case def.param:
		return text + " is a parameter, which may be any function: move the operator to the callers, each of which knows its function"
	case def.value == nil:
		return text + " is declared without a function: declare it with the one that it gets, or choose among operators"
	case def.changed.IsValid():
		return fmt.Sprintf("%s is assigned again in line %d: choose among operators", text, f.Fset.Position(def.changed).Line)
	case def.global && v.Exported():
		return text + " is exported, so that other packages may assign it: declare it as a function"
	}
	if why := f.isFunction(def.value); why != "" {
		return text + " holds " + why
	}
	if lit, ok := ast.Unparen(def.value).(*ast.FuncLit); ok {
		for _, got := range check.Captures(f.Package, lit) {
			switch {
			case got.Assigned:
				return text + " holds a function that assigns " + got.Var.Name()
			case check.CannotTravel(f.Package, got.Var.Type()) != "":
				return text + " holds a function that captures " + got.Var.Name() + ": " + check.CannotTravel(f.Package, got.Var.Type())
			}
		}
	}
	return f.replaceVariable(c, id, def)
}

// isFunction says what an expression is if it is neither a literal nor the name
// of a function.
func (f *finder) isFunction(e ast.Expr) (why string) {
	e = ast.Unparen(e)
	if _, ok := e.(*ast.FuncLit); ok {
		return ""
	}
	if x, ok := e.(*ast.SelectorExpr); ok {
		if sel := f.Info.Selections[x]; sel != nil && sel.Kind() == types.MethodVal {
			return "method value " + types.ExprString(e) + ": pass it here, and run rddgen -fix again"
		}
	}
	if _, ok := f.Named(e).(*types.Func); !ok {
		return types.ExprString(e) + ", which is known only when the program runs: pass a literal or a named function"
	}
	return ""
}

// definition is what is known of a variable.
type definition struct {
	v       *types.Var
	value   ast.Expr // nil if there is none, or more than one has it
	stmt    ast.Stmt // that declares it alone, in a list of statements
	decl    *ast.GenDecl
	global  bool
	param   bool
	changed token.Pos // of the first assignment
	uses    int
}

// define finds where a variable is declared, assigned and used.
func (f *finder) define(v *types.Var) *definition {
	def := &definition{v: v, global: v.Parent() == f.Types.Scope(), param: true}
	for _, file := range f.Files {
		if def.global || file.FileStart <= v.Pos() && v.Pos() < file.FileEnd {
			ast.Inspect(file, func(n ast.Node) bool { return f.defineIn(n, def) })
		}
	}
	return def
}

func (f *finder) defineIn(n ast.Node, def *definition) bool {
	change := func(e ast.Expr) {
		id, ok := ast.Unparen(e).(*ast.Ident)
		if ok && f.Info.Uses[id] == def.v && !def.changed.IsValid() {
			def.changed = id.Pos()
		}
	}
	switch x := n.(type) {
	case *ast.Ident:
		if f.Info.Uses[x] == def.v {
			def.uses++
		}
	case *ast.GenDecl:
		if len(x.Specs) == 1 && within(x, def.v.Pos()) {
			def.decl = x
		}
	case *ast.ValueSpec:
		f.declared(x.Names, x.Values, def)
	case *ast.AssignStmt:
		if x.Tok == token.DEFINE {
			var names []*ast.Ident
			for _, l := range x.Lhs {
				names = append(names, l.(*ast.Ident))
			}
			f.declared(names, x.Rhs, def)
		}
		for _, l := range x.Lhs {
			change(l)
		}
	case *ast.RangeStmt:
		change(x.Key)
		change(x.Value)
		for _, e := range []ast.Expr{x.Key, x.Value} {
			if id, ok := e.(*ast.Ident); ok && f.Info.Defs[id] == def.v {
				def.param = false
			}
		}
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			change(x.X)
		}
	case *ast.BlockStmt:
		def.among(x.List)
	case *ast.CaseClause:
		def.among(x.Body)
	case *ast.CommClause:
		def.among(x.Body)
	}
	return true
}

// declared notes the value that a variable is declared with.
func (f *finder) declared(names []*ast.Ident, values []ast.Expr, def *definition) {
	for i, name := range names {
		if f.Info.Defs[name] == def.v {
			def.param = false
			if len(values) == len(names) {
				def.value = values[i]
			}
		}
	}
}

// among finds the statement that declares nothing but the variable.
func (def *definition) among(list []ast.Stmt) {
	for _, stmt := range list {
		switch x := stmt.(type) {
		case *ast.AssignStmt:
			if len(x.Lhs) == 1 && x.Lhs[0].Pos() == def.v.Pos() {
				def.stmt = stmt
			}
		case *ast.DeclStmt:
			g, ok := x.Decl.(*ast.GenDecl)
			if !ok || len(g.Specs) != 1 {
				continue
			}
			if spec, ok := g.Specs[0].(*ast.ValueSpec); ok && len(spec.Names) == 1 && spec.Names[0].Pos() == def.v.Pos() {
				def.stmt = stmt
			}
		}
	}
}

// replaceVariable puts a function in the place of the variable that holds it.
// When nothing else uses the variable, its declaration goes.
func (f *finder) replaceVariable(c *scan.Call, id *ast.Ident, def *definition) (why string) {
	value := ast.Unparen(def.value)
	at, name := []token.Pos{id.Pos()}, id.Name
	if lit, ok := value.(*ast.FuncLit); ok && def.global {
		if why := f.ownDeclaration(def, name); why != "" {
			return why
		}
		f.fixAt(def.decl.Pos(), diag.UnknownFunction, at, name+" is declared as a function",
			Edit{f.Offset(def.decl.Pos()), f.Offset(lit.Type.Params.Pos()), "func " + name, true})
		return ""
	}
	if other := f.meansOther(value, id.Pos()); other != "" {
		return name + " holds a function that uses " + other + ", which means something else here: rename one of them"
	}
	src := f.sourceOf(value.Pos())
	edits := []Edit{f.replace(id.Pos(), id.End(), string(src[f.Offset(value.Pos()):f.Offset(value.End())]))}
	if def.uses == 1 && !def.global {
		if def.stmt == nil {
			return name + " is declared together with something else: declare it in a statement of its own, or write the function here"
		}
		edits = append(edits, f.remove(def.stmt))
	}
	what := types.ExprString(value)
	if _, ok := value.(*ast.FuncLit); ok {
		what = "the literal that " + name + " holds"
	}
	f.fix(c, diag.UnknownFunction, at, c.Op.Name+" is given "+what, edits...)
	return ""
}

// ownDeclaration wants a package variable that is declared alone, without a type
// of its own.
func (f *finder) ownDeclaration(def *definition, name string) (why string) {
	if def.decl == nil || def.decl.Lparen.IsValid() || len(def.decl.Specs[0].(*ast.ValueSpec).Names) != 1 {
		return name + " is declared together with something else: declare it as a function"
	}
	if _, named := types.Unalias(def.v.Type()).(*types.Named); named {
		return name + " is of type " + types.TypeString(def.v.Type(), types.RelativeTo(f.Types)) + ", which may have methods: declare it as a function"
	}
	return ""
}

// remove takes a statement out, with its line if it has one.
func (f *finder) remove(stmt ast.Stmt) Edit {
	src := f.sourceOf(stmt.Pos())
	from, to := f.Offset(stmt.Pos()), f.Offset(stmt.End())
	a, b := from, to
	for a > 0 && (src[a-1] == ' ' || src[a-1] == '\t') {
		a--
	}
	for b < len(src) && (src[b] == ' ' || src[b] == '\t' || src[b] == '\r') {
		b++
	}
	switch {
	case a > 0 && src[a-1] == '\n' && b < len(src) && src[b] == '\n':
		return Edit{From: a, To: b + 1}
	case b < len(src) && src[b] == ';':
		return Edit{From: from, To: b + 1}
	}
	return Edit{From: from, To: to}
}

// meansOther finds a name in an expression that means something else at another
// place.
func (f *finder) meansOther(e ast.Expr, at token.Pos) (name string) {
	scope := f.Types.Scope().Innermost(at)
	if scope == nil {
		return types.ExprString(e)
	}
	selected := map[*ast.Ident]bool{}
	ast.Inspect(e, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			selected[x.Sel] = true
		case *ast.Ident:
			obj := f.Info.Uses[x]
			if obj == nil || selected[x] || within(e, obj.Pos()) {
				return true
			}
			if v, ok := obj.(*types.Var); ok && v.IsField() {
				return true
			}
			if _, there := scope.LookupParent(x.Name, at); !same(obj, there) {
				name = x.Name
			}
		}
		return name == ""
	})
	return name
}

// same says whether two objects are one, or names of one package in two files.
func same(a, b types.Object) bool {
	p, ok := a.(*types.PkgName)
	q, too := b.(*types.PkgName)
	return a == b || ok && too && p.Imported() == q.Imported()
}
