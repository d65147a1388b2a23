package scan

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/model"
)

// Input is a package to scan, type-checked without errors.
type Input struct {
	Fset      *token.FileSet
	Files     []*ast.File
	Sources   map[string][]byte // by file name
	Types     *types.Package
	Info      *types.Info
	SSA       *ssa.Package // built, with instances of generic functions
	Dir       string
	Output    string // base name of the generated file
	GoVersion string // of the module: 1.27; "" where unknown
}

// scanner is the state of one scan.
type scanner struct {
	Input
	names *names
	diags []model.Diagnostic
	pkg   *model.Package
	files map[*token.File]*sourceFile
	// calls are the operator calls in the syntax tree, by opening parenthesis.
	calls map[token.Pos]*call
	funcs []*ssa.Function
	sites []*site
	// unnamed are the types that were reported as such.
	unnamed map[*types.TypeName]bool
	// floatKeys are the key types that were warned of.
	floatKeys map[string]bool
	// formats are the calls of typed.Format that stand in an action's call.
	formats map[*ast.CallExpr]bool
	// bySSA finds the site of a call.
	bySSA map[*ssa.Call]*site
}

// sourceFile is a file of the package.
type sourceFile struct {
	syntax *ast.File
	name   string // absolute
	source []byte
	tokens tokens
}

// call is an operator call in the syntax tree.
type call struct {
	op      *operator
	with    bool // the receiver has a With value
	expr    *ast.CallExpr
	file    *sourceFile
	encl    string       // enclosing function
	inside  *ast.FuncLit // literal of an operator that it stands in
	insideN string       // name of that operator
}

// site is an operator call with concrete types: one of the instances of a call
// in a generic function, or the call itself.
type site struct {
	*call
	ssa    *ssa.Call
	index  int // in pkg.Ops; -1 for operators that are not registered
	types  map[string]types.Type
	subst  map[*types.TypeParam]types.Type
	result types.Type
	sig    *types.Signature
}

// Package scans a package. The result is nil when it has no operator calls.
// With diagnostics that are not warnings, the result is not to be used.
func Package(in Input) (*model.Package, []model.Diagnostic) {
	s := &scanner{
		Input:     in,
		pkg:       &model.Package{Path: in.Types.Path(), Name: in.Types.Name(), Dir: in.Dir, Output: in.Output},
		files:     map[*token.File]*sourceFile{},
		calls:     map[token.Pos]*call{},
		bySSA:     map[*ssa.Call]*site{},
		unnamed:   map[*types.TypeName]bool{},
		floatKeys: map[string]bool{},
		formats:   map[*ast.CallExpr]bool{},
	}
	for _, f := range in.Files {
		tf := in.Fset.File(f.FileStart)
		s.files[tf] = &sourceFile{syntax: f, name: tf.Name(), source: in.Sources[tf.Name()]}
	}
	s.findCalls()
	if len(s.calls) == 0 {
		return nil, model.SortDiagnostics(s.diags)
	}
	s.names = newNames(in.Types, in.Info, in.Files)
	s.pkg.RDD = s.names.importName(rddPath, "rdd")
	s.checkModule()
	s.checkCalls()
	s.checkFormats()
	s.checkConstraints()
	s.funcs = s.functions()
	s.findSites()
	s.checkVariables()
	for _, st := range s.sites {
		s.checkTypes(st)
	}
	s.makeOps()
	s.checkLines()
	s.checkHelpers()
	s.makeKernels()
	s.makeFiles()
	s.checkNames()
	s.pkg.Imports = s.names.imports()
	s.pkg.Taken = s.names.reserved()
	return s.pkg, model.SortDiagnostics(s.diags)
}

// report adds a diagnostic.
func (s *scanner) report(pos token.Pos, id, format string, args ...any) {
	warning := strings.HasSuffix(id, "W")
	p := s.Fset.Position(pos)
	s.diags = append(s.diags, model.Diagnostic{
		File: p.Filename, Line: p.Line, Column: p.Column,
		ID: strings.TrimSuffix(id, "W"), Message: fmt.Sprintf(format, args...), Warning: warning,
	})
}

func (s *scanner) pos(p token.Pos) model.Pos {
	at := s.Fset.Position(p)
	return model.Pos{File: filepath.Base(at.Filename), Line: at.Line, Column: at.Column}
}

// findCalls finds the operator calls in the syntax tree, and the operators that
// are used in a way that generated code cannot follow.
func (s *scanner) findCalls() {
	for _, f := range s.files {
		v := &callFinder{s: s, file: f, seen: map[ast.Expr]bool{}}
		for _, d := range f.syntax.Decls {
			v.encl = enclosing(d)
			ast.Inspect(d, v.visit)
		}
	}
	for _, c := range s.calls {
		c.inside, c.insideN = s.literalAround(c)
	}
}

// enclosing names a top-level declaration.
func enclosing(d ast.Decl) string {
	fn, ok := d.(*ast.FuncDecl)
	if !ok {
		return "var"
	}
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + fn.Name.Name
		default:
			return fn.Name.Name
		}
	}
}

type callFinder struct {
	s    *scanner
	file *sourceFile
	encl string
	seen map[ast.Expr]bool // callees of calls, and calls that are deferred
}

func (v *callFinder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.DeferStmt:
		v.started(n.Call, "is deferred")
	case *ast.GoStmt:
		v.started(n.Call, "is started with go")
	case *ast.CallExpr:
		fun := callee(n)
		if op, with := v.s.operatorOf(fun); op != nil && !v.seen[fun] {
			v.seen[fun] = true
			v.s.calls[n.Lparen] = &call{op: op, with: with, expr: n, file: v.file, encl: v.encl}
		}
	case *ast.SelectorExpr:
		v.value(n, n.Sel)
	case *ast.Ident:
		v.value(n, n)
	}
	return true
}

// callee is what a call calls, without parentheses and type arguments.
func callee(c *ast.CallExpr) ast.Expr {
	fun := ast.Unparen(c.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		return ast.Unparen(x.X)
	case *ast.IndexListExpr:
		return ast.Unparen(x.X)
	}
	return fun
}

func (v *callFinder) started(c *ast.CallExpr, how string) {
	if op, _ := v.s.operatorOf(callee(c)); op != nil {
		v.seen[callee(c)] = true
		if op.family != pass {
			v.s.report(callee(c).End()-token.Pos(len(op.name)), "RDD105", "%s %s: generated code cannot follow it: call it", op.name, how)
		}
	}
}

// value finds operators that are used as values.
func (v *callFinder) value(e ast.Expr, id *ast.Ident) {
	if v.seen[e] {
		if sel, ok := e.(*ast.SelectorExpr); ok {
			v.seen[sel.Sel] = true
		}
		return
	}
	if op, _ := v.s.operatorOf(e); op != nil {
		v.seen[id] = true
		v.s.report(id.Pos(), "RDD105", "%s is used as a value: generated code cannot follow it: call it", op.name)
	}
}

// operatorOf finds the operator that an expression names.
func (s *scanner) operatorOf(e ast.Expr) (op *operator, with bool) {
	var id *ast.Ident
	switch x := e.(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
		if sel, ok := s.Info.Selections[x]; ok && sel.Kind() == types.MethodExpr {
			return nil, false
		}
	default:
		return nil, false
	}
	fn, ok := s.Info.Uses[id].(*types.Func)
	if !ok {
		return nil, false
	}
	return operatorNamed(fn.Origin())
}

func operatorNamed(fn *types.Func) (op *operator, with bool) {
	if fn.Pkg() == nil || fn.Pkg().Path() != typedPath {
		return nil, false
	}
	recv := receiverName(fn)
	if base, ok := withReceivers[recv]; ok {
		recv, with = base, true
	}
	return operatorsByName[[2]string{recv, fn.Name()}], with
}

// receiverName is the name of the type that a method belongs to.
func receiverName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return ""
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// literalAround finds the function literal of an operator that a call stands in.
func (s *scanner) literalAround(c *call) (*ast.FuncLit, string) {
	for _, o := range s.calls {
		if o == c || o.file != c.file {
			continue
		}
		for _, arg := range o.expr.Args {
			lit, ok := ast.Unparen(arg).(*ast.FuncLit)
			if ok && o.op.family != pass && lit.Pos() <= c.expr.Lparen && c.expr.Lparen < lit.End() {
				return lit, o.op.name
			}
		}
	}
	return nil, ""
}

// functions lists the package's functions with concrete types: declared ones,
// literals, and the instances of generic ones that the package calls.
func (s *scanner) functions() []*ssa.Function {
	var all []*ssa.Function
	seen := map[*ssa.Function]bool{}
	var todo []*ssa.Function
	add := func(fn *ssa.Function) {
		if fn != nil && !seen[fn] {
			seen[fn] = true
			todo = append(todo, fn)
		}
	}
	scope := s.Types.Scope()
	for _, m := range s.SSA.Members {
		if fn, ok := m.(*ssa.Function); ok {
			add(fn)
		}
	}
	for _, name := range scope.Names() {
		if tn, ok := scope.Lookup(name).(*types.TypeName); ok {
			if named, ok := types.Unalias(tn.Type()).(*types.Named); ok {
				for m := range named.Methods() {
					add(s.SSA.Prog.FuncValue(m))
				}
			}
		}
	}
	for len(todo) > 0 {
		fn := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if packageOf(fn) != s.SSA || !concrete(fn) {
			continue
		}
		all = append(all, fn)
		for _, anon := range fn.AnonFuncs {
			add(anon)
		}
		var buf [8]*ssa.Value
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				for _, v := range in.Operands(buf[:0]) {
					if callee, ok := (*v).(*ssa.Function); ok {
						add(callee)
					}
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b *ssa.Function) int {
		return cmp.Or(cmp.Compare(a.Pos(), b.Pos()), strings.Compare(a.String(), b.String()))
	})
	return all
}

// packageOf is the package that a function is declared in, for instances too.
func packageOf(fn *ssa.Function) *ssa.Package {
	fn = outermost(fn)
	if fn.Pkg == nil && fn.Origin() != nil {
		return fn.Origin().Pkg
	}
	return fn.Pkg
}

func outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

// concrete says whether a function has no open type parameters.
func concrete(fn *ssa.Function) bool {
	fn = outermost(fn)
	if fn.TypeParams().Len() > 0 && len(fn.TypeArgs()) == 0 {
		return false
	}
	return !slices.ContainsFunc(fn.TypeArgs(), hasTypeParam)
}

// findSites matches the calls that SSA has with those of the syntax tree.
func (s *scanner) findSites() {
	for _, fn := range s.funcs {
		top := outermost(fn)
		subst := map[*types.TypeParam]types.Type{}
		for i, arg := range top.TypeArgs() {
			subst[top.TypeParams().At(i)] = arg
		}
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok {
					continue
				}
				call := s.calls[c.Pos()]
				callee := c.Call.StaticCallee()
				if call == nil || callee == nil {
					continue
				}
				st := &site{call: call, ssa: c, index: -1, subst: subst, types: map[string]types.Type{}, result: c.Type(), sig: callee.Signature}
				for i, arg := range callee.TypeArgs() {
					st.types[callee.TypeParams().At(i).Obj().Name()] = arg
				}
				s.sites = append(s.sites, st)
				s.bySSA[c] = st
			}
		}
	}
	slices.SortStableFunc(s.sites, func(a, b *site) int {
		pa, pb := s.Fset.Position(a.expr.Lparen), s.Fset.Position(b.expr.Lparen)
		return cmp.Or(strings.Compare(pa.Filename, pb.Filename), cmp.Compare(pa.Offset, pb.Offset))
	})
}

// makeFiles lists the files with operators, and hashes them.
func (s *scanner) makeFiles() {
	byName := map[string]*sourceFile{}
	for _, st := range s.sites {
		if st.index >= 0 {
			byName[st.file.name] = st.file
		}
	}
	for _, f := range byName {
		base := filepath.Base(f.name)
		s.pkg.Files = append(s.pkg.Files, model.File{Name: base, Bytes: hashBytes(f.source), Tokens: f.scan().hash})
	}
	slices.SortFunc(s.pkg.Files, func(a, b model.File) int { return strings.Compare(a.Name, b.Name) })
	for i := range s.pkg.Files {
		f := &s.pkg.Files[i]
		f.Var = s.names.top(camel(strings.TrimSuffix(f.Name, ".go")) + "Source")
	}
}
