// Package check judges what users write: which functions stage code can be made
// of, what may travel, and what differs in a worker.
//
// It reports findings of the catalogue (gen/diag), and changes nothing. What is
// found only when code is written, gen/encode reports.
package check

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// checker is the state of checking one package.
type checker struct {
	*scan.Package
	diags *diag.List
	// floatKeys are the key types that were warned of.
	floatKeys map[string]bool
}

// Package checks a package.
func Package(p *scan.Package, diags *diag.List) {
	s := &checker{Package: p, diags: diags, floatKeys: map[string]bool{}}
	s.misuses()
	if len(p.Calls) == 0 {
		return
	}
	s.module()
	s.functions()
	s.variables()
	for _, st := range s.Sites {
		s.travels(st)
	}
	s.helpers()
}

func (s *checker) report(pos token.Pos, k *diag.Kind, args ...any) { s.diags.Report(pos, k, args...) }

// module wants a module whose language has per-iteration loop variables
// and generic methods.
func (s *checker) module() {
	if s.GoVersion == "" {
		return
	}
	major, rest, _ := strings.Cut(s.GoVersion, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	if major == "1" && err == nil && n < 27 {
		s.report(s.Files[0].Package, diag.OldLanguage, s.GoVersion)
	}
}

// misuses reports operators and options that stand where generated code cannot
// follow them.
func (s *checker) misuses() {
	for _, m := range s.Misuses {
		s.report(m.Pos, diag.NotCalled, m.Op.Name, m.How)
	}
	for _, f := range s.Formats {
		s.report(f.Pos(), diag.FormatAway)
	}
}

// functions checks what every operator call is given.
func (s *checker) functions() {
	for _, c := range s.Calls {
		if c.Inside != nil && c.Op.Family != api.Pass {
			s.report(c.Expr.Lparen, diag.StageInStage, c.Inside.Op.Name, "calls "+c.Op.Name)
		}
		for _, f := range c.Funcs {
			s.function(c, f)
		}
	}
}

// function checks that a function is known and takes nothing along.
func (s *checker) function(c *scan.Call, e ast.Expr) {
	if lit, ok := e.(*ast.FuncLit); ok {
		s.literal(c, lit)
		return
	}
	if x, ok := e.(*ast.SelectorExpr); ok {
		if sel, ok := s.Info.Selections[x]; ok && sel.Kind() == types.MethodVal {
			s.report(x.Pos(), diag.MethodValue, types.ExprString(x), types.ExprString(x.X), s.short(sel.Recv()), x.Sel.Name)
			return
		}
	}
	if _, ok := s.Named(e).(*types.Func); !ok {
		s.report(e.Pos(), diag.UnknownFunction, types.ExprString(e))
	}
}

// short writes a type for people.
func (s *checker) short(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == s.Types {
			return ""
		}
		return p.Name()
	})
}

// literal reports what a literal captures.
func (s *checker) literal(c *scan.Call, lit *ast.FuncLit) {
	written := s.written(lit)
	seen := map[types.Object]bool{}
	ast.Inspect(lit, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		obj := s.Info.Uses[id]
		if obj == nil || seen[obj] || within(lit, obj.Pos()) {
			return true
		}
		v, isVar := obj.(*types.Var)
		if !isVar || v.IsField() || v.Pkg() == nil {
			return true
		}
		kind, _ := api.Distributed(v.Type())
		global := v.Parent() == v.Pkg().Scope()
		switch {
		case kind != "":
			s.report(id.Pos(), diag.StageInStage, c.Op.Name, "uses RDD "+v.Name())
		case global:
			return true
		case written[v]:
			s.report(id.Pos(), diag.Assigns, c.Op.Name, v.Name())
		default:
			s.report(id.Pos(), diag.Captures, c.Op.Name, v.Name(), s.short(v.Type()))
		}
		seen[obj] = true
		return true
	})
}

// written finds the variables that a node assigns: themselves, their fields,
// elements, or through a pointer.
func (s *checker) written(n ast.Node) map[*types.Var]bool {
	all := map[*types.Var]bool{}
	add := func(e ast.Expr) {
		if id := root(e); id != nil {
			if v, ok := s.Info.Uses[id].(*types.Var); ok {
				all[v] = true
			}
		}
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			for _, l := range x.Lhs {
				add(l)
			}
		case *ast.IncDecStmt:
			add(x.X)
		case *ast.RangeStmt:
			if x.Tok == token.ASSIGN {
				add(x.Key)
				add(x.Value)
			}
		case *ast.UnaryExpr:
			if x.Op == token.AND {
				add(x.X)
			}
		case *ast.CallExpr:
			if id, ok := x.Fun.(*ast.Ident); ok && len(x.Args) > 0 && (id.Name == "delete" || id.Name == "clear" || id.Name == "copy") {
				add(x.Args[0])
			}
		}
		return true
	})
	return all
}

// root is the variable that an expression is part of.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// helpers finds generic helpers of other packages that take or give RDDs:
// their operators are generated nowhere for the types they are called with.
func (s *checker) helpers() {
	for _, fn := range s.Funcs {
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok || c.Call.StaticCallee() == nil {
					continue
				}
				callee := c.Call.StaticCallee()
				if len(callee.TypeArgs()) == 0 || scan.PackageOf(callee) == s.SSA || scan.PackageOf(callee) == nil {
					continue
				}
				pkg := scan.PackageOf(callee).Pkg
				if pkg.Path() == api.Typed || !strings.HasPrefix(pkg.Path(), firstElement(s.Types.Path())) || !api.Holds(callee.Signature) {
					continue
				}
				s.report(c.Pos(), diag.ForeignHelper, pkg.Name()+"."+callee.Origin().Name(), pkg.Path(), s.argList(callee))
			}
		}
	}
}

func (s *checker) argList(fn *ssa.Function) string {
	var names []string
	for _, t := range fn.TypeArgs() {
		names = append(names, s.short(t))
	}
	return strings.Join(names, ", ")
}

func firstElement(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

func within(n ast.Node, p token.Pos) bool { return n.Pos() <= p && p < n.End() }
