package check

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// environments checks what becomes of the values given to With.
func (s *checker) environments() {
	for _, c := range s.Calls {
		if c.With {
			for _, f := range c.Funcs {
				s.writesEnv(c, f)
			}
		}
		if c.Op.Name == "With" && len(c.Expr.Args) == 1 {
			s.assignedLater(c)
		}
	}
}

// writesEnv finds changes of a value that all tasks of a worker share: through a
// pointer, map or slice of the function's first parameter.
func (s *checker) writesEnv(c *scan.Call, f ast.Expr) {
	params, body := s.parameters(f)
	if body == nil || len(params) == 0 {
		return
	}
	env, ok := s.Info.Defs[params[0]].(*types.Var)
	if !ok {
		return
	}
	check := func(e ast.Expr) {
		if id := root(e, s.Info); id != nil && s.Info.Uses[id] == env && s.shared(e) {
			s.report(e.Pos(), diag.WritesEnv, c.Op.Name, types.ExprString(e))
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			for _, l := range x.Lhs {
				check(l)
			}
		case *ast.IncDecStmt:
			check(x.X)
		case *ast.CallExpr:
			if id, ok := x.Fun.(*ast.Ident); ok && len(x.Args) > 0 && changesFirst(id.Name) {
				if _, builtin := s.Info.Uses[id].(*types.Builtin); builtin {
					s.changesArg(c, env, x.Args[0])
				}
			}
		}
		return true
	})
}

// changesArg checks the first argument of copy, clear and delete.
func (s *checker) changesArg(c *scan.Call, env *types.Var, arg ast.Expr) {
	if id := root(arg, s.Info); id != nil && s.Info.Uses[id] == env {
		s.report(arg.Pos(), diag.WritesEnv, c.Op.Name, types.ExprString(arg))
	}
}

// parameters gives the parameters and the body of a function: of a literal, or
// one that the package declares.
func (s *checker) parameters(f ast.Expr) ([]*ast.Ident, *ast.BlockStmt) {
	if lit, ok := f.(*ast.FuncLit); ok {
		return names(lit.Type.Params), lit.Body
	}
	fn, ok := s.Named(f).(*types.Func)
	if !ok {
		return nil, nil
	}
	d := s.fns.decls[fn.Origin()]
	switch {
	case d == nil:
		return nil, nil
	case d.Recv != nil:
		return names(d.Recv), d.Body // of a method expression
	}
	return names(d.Type.Params), d.Body
}

func names(fields *ast.FieldList) []*ast.Ident {
	var all []*ast.Ident
	for _, f := range fields.List {
		all = append(all, f.Names...)
	}
	return all
}

// shared says whether an assignment to an expression changes what copies of its
// variable share.
func (s *checker) shared(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			return true
		case *ast.IndexExpr:
			if _, array := s.Info.TypeOf(x.X).Underlying().(*types.Array); !array {
				return true
			}
			e = x.X
		case *ast.SelectorExpr:
			if sel := s.Info.Selections[x]; sel != nil && sel.Indirect() {
				return true
			}
			e = x.X
		default:
			return false
		}
	}
}

// assignedLater finds a variable that is assigned after it was given to With,
// when nothing reads it then: whoever wrote that expects With to see it.
func (s *checker) assignedLater(c *scan.Call) {
	id, ok := ast.Unparen(c.Expr.Args[0]).(*ast.Ident)
	if !ok {
		return
	}
	v, ok := s.Info.Uses[id].(*types.Var)
	if !ok || isGlobal(v) {
		return
	}
	decl := declarationAt(c.File.Syntax, id.Pos())
	if decl == nil || s.returnsByName(decl, v) {
		return
	}
	later, other := s.usesAfter(decl, v, c.Expr.End())
	if later.IsValid() && !other {
		s.report(later, diag.AssignedLater, v.Name())
	}
}

func declarationAt(f *ast.File, pos token.Pos) *ast.FuncDecl {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && within(fn, pos) {
			return fn
		}
	}
	return nil
}

// returnsByName says whether a variable is a parameter or result of the
// function, whose caller may see what is assigned.
func (s *checker) returnsByName(d *ast.FuncDecl, v *types.Var) bool {
	return v.Pos() < d.Body.Pos()
}

// usesAfter finds the first assignment of a variable after a position, and says
// whether it is used there otherwise. Loops, closures and addresses are beyond
// it: with any of them it says that there is another use.
func (s *checker) usesAfter(d *ast.FuncDecl, v *types.Var, pos token.Pos) (first token.Pos, other bool) {
	targets := map[*ast.Ident]bool{}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			other = other || within(x, pos) && !within(x, v.Pos())
		case *ast.FuncLit:
			other = other || s.mentions(x, v)
		case *ast.BranchStmt:
			other = other || x.Tok == token.GOTO
		case *ast.UnaryExpr:
			id, _ := x.X.(*ast.Ident)
			other = other || x.Op == token.AND && id != nil && s.Info.Uses[id] == v
		case *ast.AssignStmt:
			for _, l := range x.Lhs {
				id := root(l, s.Info)
				if id == nil || s.Info.Uses[id] != v || x.Pos() < pos || x.Tok != token.ASSIGN || s.shared(l) {
					continue
				}
				targets[id] = true
				if !first.IsValid() {
					first = x.Pos()
				}
			}
		case *ast.Ident:
			other = other || x.Pos() > pos && s.Info.Uses[x] == v && !targets[x]
		}
		return true
	})
	return first, other
}

func (s *checker) mentions(n ast.Node, v *types.Var) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && s.Info.Uses[id] == v
		return !found
	})
	return found
}
