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

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// checker is the state of checking one package.
type checker struct {
	*scan.Package
	fns   *functions
	diags *diag.List
	// floatKeys are the key types that were warned of.
	floatKeys map[string]bool
	// assigns are the changes of package variables that were reported, by
	// position and variable.
	assigns map[[2]token.Pos]bool
}

func newChecker(p *scan.Package, imported func(path string) *Facts, diags *diag.List) *checker {
	return &checker{
		Package: p, fns: newFunctions(p, imported), diags: diags,
		floatKeys: map[string]bool{}, assigns: map[[2]token.Pos]bool{},
	}
}

// Package checks a package. Imported gives the facts of packages that it
// imports, nil for those that are not known; it may be nil itself.
func Package(p *scan.Package, imported func(path string) *Facts, diags *diag.List) {
	s := newChecker(p, imported, diags)
	s.misuses()
	s.beforeMain()
	if len(p.Calls) == 0 {
		return
	}
	s.module()
	s.functions()
	s.variables()
	s.indeterminate()
	s.environments()
	for _, st := range s.Sites {
		s.travels(st)
	}
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
			continue
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
			recv := types.ExprString(x.X)
			s.report(x.Pos(), diag.MethodValue, types.ExprString(x), recv, s.short(sel.Recv()), toPointer(sel)+recv, methodExpr(sel, s.short))
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

// methodExpr writes the method expression of a method value.
func methodExpr(sel *types.Selection, short func(types.Type) string) string {
	recv := short(sel.Recv())
	if strings.HasPrefix(recv, "*") {
		return "(" + recv + ")." + sel.Obj().Name()
	}
	if _, ptr := sel.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer); ptr {
		return "(*" + recv + ")." + sel.Obj().Name()
	}
	return recv + "." + sel.Obj().Name()
}

// toPointer is what must stand before the receiver of a method value to make it
// that of the method.
func toPointer(sel *types.Selection) string {
	_, want := sel.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
	_, have := types.Unalias(sel.Recv()).(*types.Pointer)
	if want && !have {
		return "&"
	}
	return ""
}

// Capture is a variable of the driver that a literal uses.
type Capture struct {
	Var *types.Var
	Pos token.Pos // of its first use
	// Assigned says that the literal assigns it, or part of it.
	Assigned bool
}

// Captures finds what a literal captures, in order of the first use. Package
// variables are no captures, unless they are of the driver alone.
func Captures(p *scan.Package, lit *ast.FuncLit) []Capture {
	var all []Capture
	changed := written(p.Info, lit)
	seen := map[*types.Var]bool{}
	ast.Inspect(lit, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := p.Info.Uses[id].(*types.Var)
		if !ok || seen[v] || v.IsField() || v.Pkg() == nil || within(lit, v.Pos()) || isGlobal(v) && ofDriver(v.Type()) == "" {
			return true
		}
		seen[v] = true
		all = append(all, Capture{v, id.Pos(), changed[v]})
		return true
	})
	return all
}

// ofDriver says what a type is that stage code can do nothing with.
func ofDriver(t types.Type) string {
	if kind, _ := api.Distributed(t); kind != "" {
		return "RDD"
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok && api.IsNamed(types.Unalias(p.Elem()), api.Typed, "Session") {
		return "session"
	}
	return ""
}

// literal reports what a literal captures.
func (s *checker) literal(c *scan.Call, lit *ast.FuncLit) {
	for _, got := range Captures(s.Package, lit) {
		name := got.Var.Name()
		switch what := ofDriver(got.Var.Type()); {
		case what != "":
			s.report(got.Pos, diag.StageInStage, c.Op.Name, "uses "+what+" "+name)
		case got.Assigned:
			s.report(got.Pos, diag.Assigns, name, "the function of "+c.Op.Name)
		default:
			s.report(got.Pos, diag.Captures, c.Op.Name, name, s.short(got.Var.Type()), s.captureRemedy(got.Var))
		}
	}
}

// captureRemedy says what to do about a captured variable.
func (s *checker) captureRemedy(v *types.Var) string {
	switch {
	case api.IsNamed(types.Unalias(v.Type()), "context", "Context"):
		return "use the Task that MapPartitions gives: it is a context"
	case api.HasTypeParam(v.Type()):
		return "use With(" + v.Name() + ")"
	case s.cannotTravel(v.Type()) != "":
		return "it cannot travel; make it inside MapPartitions, or use With for what it is made from"
	}
	return "use With(" + v.Name() + "), or rddgen -fix"
}

// written finds the variables that a node assigns: themselves, their fields,
// elements, or through a pointer. An address that is taken counts.
func written(info *types.Info, n ast.Node) map[*types.Var]bool {
	all := map[*types.Var]bool{}
	add := func(e ast.Expr) {
		if id := root(e, info); id != nil {
			if v, ok := info.Uses[id].(*types.Var); ok {
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
			if id, ok := x.Fun.(*ast.Ident); ok && len(x.Args) > 0 && changesFirst(id.Name) {
				add(x.Args[0])
			}
		}
		return true
	})
	return all
}

// root is the variable that an expression is part of.
func root(e ast.Expr, info *types.Info) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if _, isPkg := info.Uses[id].(*types.PkgName); isPkg {
					return x.Sel
				}
			}
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

func firstElement(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

func within(n ast.Node, p token.Pos) bool { return n.Pos() <= p && p < n.End() }
