package check

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/gordd-project/gordd/gen/diag"
)

// variables finds what stage code reads that differs in an executor: it runs no
// main, and starts with what init left.
func (s *checker) variables() {
	changed := s.changedVariables()
	decls := s.declarations()
	for _, c := range s.Calls {
		seen := map[ast.Node]bool{}
		for _, f := range c.Funcs {
			if lit, ok := f.(*ast.FuncLit); ok {
				s.reads(lit, changed, decls, seen)
			} else if fn, ok := s.Named(f).(*types.Func); ok && decls[fn.Origin()] != nil {
				s.reads(decls[fn.Origin()], changed, decls, seen)
			}
		}
	}
}

// reads reports reads of changed variables in a function and in those that
// it uses.
func (s *checker) reads(n ast.Node, changed map[*types.Var]token.Pos, decls map[*types.Func]*ast.FuncDecl, seen map[ast.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	ast.Inspect(n, func(node ast.Node) bool {
		id, ok := node.(*ast.Ident)
		if !ok {
			return true
		}
		switch obj := s.Info.Uses[id].(type) {
		case *types.Var:
			if obj.Pkg() != nil && obj.Pkg().Path() == "os" && obj.Name() == "Args" {
				s.report(id.Pos(), diag.ProcessState, "os.Args is read", "others", "use With(os.Args)")
			}
			if where, ok := changed[obj]; ok {
				s.report(id.Pos(), diag.ChangedVariable, obj.Name(), s.change(obj, where), s.Fset.Position(where).Line)
			}
		case *types.Func:
			if obj.Pkg() != nil && obj.Pkg().Path() == "os" && (obj.Name() == "Getenv" || obj.Name() == "LookupEnv") {
				s.report(id.Pos(), diag.ProcessState, "os."+obj.Name()+" is called", "another environment", "read it outside and use With")
			}
			if d := decls[obj.Origin()]; d != nil {
				s.reads(d, changed, decls, seen)
			}
		}
		return true
	})
}

func (s *checker) change(v *types.Var, where token.Pos) string {
	if where == v.Pos() {
		return "a flag"
	}
	for _, f := range s.Files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && within(fn, where) {
				return "assigned in " + fn.Name.Name
			}
		}
	}
	return "assigned"
}

// declarations finds the bodies of the package's functions.
func (s *checker) declarations() map[*types.Func]*ast.FuncDecl {
	all := map[*types.Func]*ast.FuncDecl{}
	for _, f := range s.Files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				if obj, ok := s.Info.Defs[fn.Name].(*types.Func); ok {
					all[obj] = fn
				}
			}
		}
	}
	return all
}

// changedVariables finds the package's variables that anything but their
// declaration and init changes, and those that hold flags.
func (s *checker) changedVariables() map[*types.Var]token.Pos {
	changed := map[*types.Var]token.Pos{}
	for _, f := range s.Files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body != nil && (d.Name.Name != "init" || d.Recv != nil) {
					s.changedIn(d, changed)
				}
			case *ast.GenDecl:
				s.flags(d, changed)
			}
		}
	}
	return changed
}

func (s *checker) changedIn(d *ast.FuncDecl, changed map[*types.Var]token.Pos) {
	for v := range s.written(d) {
		if v.Pkg() != nil && v.Parent() == v.Pkg().Scope() && v.Pkg() == s.Types {
			where := firstWrite(s, d, v)
			if old, ok := changed[v]; !ok || where < old {
				changed[v] = where
			}
		}
	}
}

// firstWrite finds the statement that changes a variable.
func firstWrite(s *checker, d *ast.FuncDecl, v *types.Var) token.Pos {
	at := token.NoPos
	ast.Inspect(d, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.AssignStmt, *ast.IncDecStmt, *ast.UnaryExpr, *ast.CallExpr:
			if !at.IsValid() && s.written(n)[v] {
				at = n.Pos()
			}
		}
		return true
	})
	if !at.IsValid() {
		at = d.Pos()
	}
	return at
}

// flags finds variables that are made by package flag.
func (s *checker) flags(d *ast.GenDecl, changed map[*types.Var]token.Pos) {
	for _, spec := range d.Specs {
		vs, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, val := range vs.Values {
			c, ok := ast.Unparen(val).(*ast.CallExpr)
			if !ok || i >= len(vs.Names) {
				continue
			}
			fn, ok := s.Named(c.Fun).(*types.Func)
			v, isVar := s.Info.Defs[vs.Names[i]].(*types.Var)
			if ok && isVar && fn.Pkg() != nil && fn.Pkg().Path() == "flag" {
				changed[v] = v.Pos()
			}
		}
	}
}
