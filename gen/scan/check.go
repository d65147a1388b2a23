package scan

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// checkModule wants a module whose language has per-iteration loop variables
// and generic methods.
func (s *scanner) checkModule() {
	if s.GoVersion == "" {
		return
	}
	major, rest, _ := strings.Cut(s.GoVersion, ".")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	if major == "1" && err == nil && n < 27 {
		s.report(s.Files[0].Package, "RDD110", "go.mod says go %s; loop variables and generic methods need 1.27: go mod edit -go=1.27", s.GoVersion)
	}
}

// checkCalls checks the functions of every operator call.
func (s *scanner) checkCalls() {
	for _, c := range s.sortedCalls() {
		if c.inside != nil && c.op.family != pass {
			s.report(c.expr.Lparen, "RDD109", "function of %s calls %s: stages cannot start stages: join, or collect and use With", c.insideN, c.op.name)
		}
		fn, _ := s.Info.Uses[calleeIdent(c.expr)].(*types.Func)
		if fn == nil {
			continue
		}
		params := fn.Origin().Signature().Params()
		for i, arg := range c.expr.Args {
			if i < params.Len() {
				if _, ok := types.Unalias(params.At(i).Type()).(*types.Signature); ok {
					s.checkFunction(c, ast.Unparen(arg))
				}
			}
		}
		s.checkFormat(c)
	}
}

func (s *scanner) sortedCalls() []*call {
	var all []*call
	for _, c := range s.calls {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *call) int { return int(a.expr.Lparen - b.expr.Lparen) })
	return all
}

func calleeIdent(c *ast.CallExpr) *ast.Ident {
	switch x := callee(c).(type) {
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.Ident:
		return x
	}
	return nil
}

// checkFormat checks the function of typed.Format in the call of an action.
func (s *scanner) checkFormat(c *call) {
	for _, arg := range c.expr.Args {
		if f, ok := ast.Unparen(arg).(*ast.CallExpr); ok && s.isFormat(f) {
			s.formats[f] = true
			s.checkFunction(c, ast.Unparen(f.Args[0]))
		}
	}
}

// checkFormats finds calls of typed.Format outside of actions, where it is not
// known which action they are for.
func (s *scanner) checkFormats() {
	for _, f := range s.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && s.isFormat(c) && !s.formats[c] {
				s.report(c.Pos(), "RDD104", "typed.Format stands outside of SaveAsTextFile: its function is not known when generating: write it in the call")
			}
			return true
		})
	}
}

// checkConstraints finds files that are built on some systems only: the
// generated file names what is in them, and is built on all.
func (s *scanner) checkConstraints() {
	for _, f := range s.files {
		for _, group := range f.syntax.Comments {
			if group.Pos() > f.syntax.Package {
				break
			}
			for _, c := range group.List {
				if constraint.IsGoBuild(c.Text) && s.hasCalls(f) {
					s.report(c.Pos(), "RDD131W", "file with operators has a build constraint: the generated file compiles only where it holds: move the operators to a file without one")
				}
			}
		}
	}
}

func (s *scanner) hasCalls(f *sourceFile) bool {
	for _, c := range s.calls {
		if c.file == f {
			return true
		}
	}
	return false
}

// checkFunction checks that a function is known and takes nothing along.
func (s *scanner) checkFunction(c *call, e ast.Expr) {
	switch x := e.(type) {
	case *ast.FuncLit:
		s.checkLiteral(c, x)
		return
	case *ast.IndexExpr:
		s.checkFunction(c, ast.Unparen(x.X))
		return
	case *ast.IndexListExpr:
		s.checkFunction(c, ast.Unparen(x.X))
		return
	case *ast.Ident:
		if _, ok := s.Info.Uses[x].(*types.Func); ok {
			return
		}
	case *ast.SelectorExpr:
		sel, ok := s.Info.Selections[x]
		if ok && sel.Kind() == types.MethodVal {
			s.report(x.Pos(), "RDD103", "method value %s carries its receiver %s (%s): use With(%s) and %s.%s",
				types.ExprString(x), types.ExprString(x.X), s.short(sel.Recv()), types.ExprString(x.X), s.short(sel.Recv()), x.Sel.Name)
			return
		}
		if _, isFunc := s.Info.Uses[x.Sel].(*types.Func); isFunc {
			return
		}
	}
	s.report(e.Pos(), "RDD104", "function value %s is not known when generating: pass a literal or a named function", types.ExprString(e))
}

// short writes a type for people.
func (s *scanner) short(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == s.Types {
			return ""
		}
		return p.Name()
	})
}

// checkLiteral reports what a literal captures.
func (s *scanner) checkLiteral(c *call, lit *ast.FuncLit) {
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
		kind, _ := distributed(v.Type())
		global := v.Parent() == v.Pkg().Scope()
		switch {
		case kind != "":
			s.report(id.Pos(), "RDD109", "function of %s uses RDD %s: stages cannot start stages: join, or collect and use With", c.op.name, v.Name())
		case global:
			return true
		case written[v]:
			s.report(id.Pos(), "RDD102", "%s is assigned inside the function of %s: workers change a copy: use typed.Counter, or Reduce", v.Name(), c.op.name)
		default:
			s.report(id.Pos(), "RDD101", "function of %s captures %s (%s): use With(%s)", c.op.name, v.Name(), s.short(v.Type()), v.Name())
		}
		seen[obj] = true
		return true
	})
}

// written finds the variables that a node assigns: themselves, their fields,
// elements, or through a pointer.
func (s *scanner) written(n ast.Node) map[*types.Var]bool {
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

// checkVariables finds what stage code reads that differs in an executor: it
// runs no main, and starts with what init left.
func (s *scanner) checkVariables() {
	changed := s.changedVariables()
	decls := s.declarations()
	for _, c := range s.sortedCalls() {
		if c.op.family == pass {
			continue
		}
		seen := map[ast.Node]bool{}
		for _, arg := range c.expr.Args {
			if n, at := s.stageCode(c, ast.Unparen(arg), decls); n != nil {
				s.checkReads(n, at, changed, decls, seen)
			}
		}
	}
}

// stageCode gives the code of a function that is given to an operator.
func (s *scanner) stageCode(c *call, e ast.Expr, decls map[*types.Func]*ast.FuncDecl) (ast.Node, token.Pos) {
	switch x := e.(type) {
	case *ast.FuncLit:
		return x, token.NoPos
	case *ast.CallExpr:
		if s.isFormat(x) {
			return s.stageCode(c, ast.Unparen(x.Args[0]), decls)
		}
	case *ast.Ident, *ast.SelectorExpr:
		id, _ := x.(*ast.Ident)
		if sel, ok := x.(*ast.SelectorExpr); ok {
			id = sel.Sel
		}
		if fn, ok := s.Info.Uses[id].(*types.Func); ok && decls[fn.Origin()] != nil {
			return decls[fn.Origin()], e.Pos()
		}
	}
	return nil, token.NoPos
}

// checkReads reports reads of changed variables in a function and in those that
// it uses.
func (s *scanner) checkReads(n ast.Node, at token.Pos, changed map[*types.Var]token.Pos, decls map[*types.Func]*ast.FuncDecl, seen map[ast.Node]bool) {
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
				s.report(id.Pos(), "RDD120", "os.Args is read by stage code: workers have others: use With(os.Args)")
			}
			if where, ok := changed[obj]; ok {
				s.report(id.Pos(), "RDD120", "package variable %s is %s (line %d) and read by stage code: workers see its initial value: use With(%s)",
					obj.Name(), s.change(obj, where), s.Fset.Position(where).Line, obj.Name())
			}
		case *types.Func:
			if obj.Pkg() != nil && obj.Pkg().Path() == "os" && (obj.Name() == "Getenv" || obj.Name() == "LookupEnv") {
				s.report(id.Pos(), "RDD120", "os.%s is called by stage code: workers have another environment: read it outside and use With", obj.Name())
			}
			if d := decls[obj.Origin()]; d != nil {
				s.checkReads(d, at, changed, decls, seen)
			}
		}
		return true
	})
}

func (s *scanner) change(v *types.Var, where token.Pos) string {
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
func (s *scanner) declarations() map[*types.Func]*ast.FuncDecl {
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
func (s *scanner) changedVariables() map[*types.Var]token.Pos {
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

func (s *scanner) changedIn(d *ast.FuncDecl, changed map[*types.Var]token.Pos) {
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
func firstWrite(s *scanner, d *ast.FuncDecl, v *types.Var) token.Pos {
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
func (s *scanner) flags(d *ast.GenDecl, changed map[*types.Var]token.Pos) {
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
			fn, ok := s.Info.Uses[calleeIdent(c)].(*types.Func)
			v, isVar := s.Info.Defs[vs.Names[i]].(*types.Var)
			if ok && isVar && fn.Pkg() != nil && fn.Pkg().Path() == "flag" {
				changed[v] = v.Pos()
			}
		}
	}
}

// checkHelpers finds generic helpers of other packages that take or give RDDs:
// their operators are generated nowhere for the types they are called with.
func (s *scanner) checkHelpers() {
	for _, fn := range s.funcs {
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok || c.Call.StaticCallee() == nil {
					continue
				}
				callee := c.Call.StaticCallee()
				if len(callee.TypeArgs()) == 0 || packageOf(callee) == s.SSA || packageOf(callee) == nil {
					continue
				}
				pkg := packageOf(callee).Pkg
				if pkg.Path() == typedPath || !strings.HasPrefix(pkg.Path(), firstElement(s.Types.Path())) || !takesRDD(callee.Signature) {
					continue
				}
				s.report(c.Pos(), "RDD121W", "%s.%s of package %s is generic and not generated for %s: its operators run as plain closures, which a cluster refuses: move it to this package",
					pkg.Name(), callee.Origin().Name(), pkg.Path(), s.argList(callee))
			}
		}
	}
}

func (s *scanner) argList(fn *ssa.Function) string {
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

func takesRDD(sig *types.Signature) bool {
	found := false
	walkType(sig, func(t types.Type) bool {
		if kind, _ := distributed(t); kind != "" {
			found = true
		}
		return !found
	})
	return found
}

// checkNames finds predeclared names that generated code needs and the package
// declares anew.
func (s *scanner) checkNames() {
	for _, name := range []string{"any", "string", "true", "nil", "error", "int64"} {
		s.names.basics[name] = true
	}
	for name := range s.names.basics {
		if obj := s.Types.Scope().Lookup(name); obj != nil {
			s.report(obj.Pos(), "RDD130", "package declares %s, which generated code needs: rename it", name)
		}
	}
}
