package scan

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/model"
)

// Input is a package to scan, type-checked without errors.
type Input struct {
	Fset  *token.FileSet
	Files []*ast.File
	Texts map[string][]byte // by file name
	Types *types.Package
	Info  *types.Info
	SSA   *ssa.Package // built, with instances of generic functions
	Dir   string
	// Hidden are files of the package that this build leaves out: their names
	// are not to be declared.
	Hidden    []*ast.File
	GoVersion string // of the module: 1.27; "" where unknown
}

// Package is what was found in a package.
type Package struct {
	Input
	// Calls are the operator calls in the syntax trees, in order of their
	// opening parentheses.
	Calls []*Call
	// Misuses are operators that are used as generated code cannot follow.
	Misuses []Misuse
	// Formats are the calls of typed.Format outside of an action's.
	Formats []*ast.CallExpr
	// Funcs are the functions with concrete types.
	Funcs []*ssa.Function
	// Sites are the calls with concrete types, in order of the source.
	Sites []*Site

	files map[*token.File]*File
	calls map[token.Pos]*Call // by opening parenthesis
	bySSA map[*ssa.Call]*Site
}

// File is a file of the package.
type File struct {
	Syntax *ast.File
	Name   string // absolute
	Source []byte
	Group  Group
}

// Call is an operator call in the syntax tree.
type Call struct {
	Op   *api.Operator
	With bool // the receiver has a With value
	Expr *ast.CallExpr
	File *File
	Encl string // enclosing function: run, job.run
	// Funcs are the functions that the call is given, without parentheses: its
	// arguments, and what typed.Format takes to an action.
	Funcs []ast.Expr
	// Inside is the call whose function literal this one stands in.
	Inside *Call
}

// Misuse is an operator that is not called where it stands.
type Misuse struct {
	Pos token.Pos
	Op  *api.Operator
	How string // "is deferred"
}

// Site is an operator call with concrete types: one of the instances of a call
// in a generic function, or the call itself.
type Site struct {
	*Call
	SSA *ssa.Call
	// Types are the type arguments by the names they have in typed.
	Types  map[string]types.Type
	Subst  map[*types.TypeParam]types.Type // of the enclosing function
	Result types.Type
	// Sigs are the types of Funcs.
	Sigs []*types.Signature
}

// Find scans a package.
func Find(in Input) *Package {
	p := &Package{
		Input: in,
		files: map[*token.File]*File{},
		calls: map[token.Pos]*Call{},
		bySSA: map[*ssa.Call]*Site{},
	}
	for _, f := range in.Files {
		tf := in.Fset.File(f.FileStart)
		p.files[tf] = &File{Syntax: f, Name: tf.Name(), Source: in.Texts[tf.Name()], Group: groupOf(tf.Name(), f)}
	}
	p.findCalls()
	if len(p.Calls) == 0 {
		return p
	}
	p.findFormats()
	p.Funcs = p.functions()
	p.findSites()
	return p
}

// SiteOf gives the site of a call; nil if it is none of an operator.
func (p *Package) SiteOf(c *ssa.Call) *Site { return p.bySSA[c] }

// Offset is the place of a position in its file.
func (p *Package) Offset(pos token.Pos) int { return p.Fset.File(pos).Offset(pos) }

// Pos gives a position as the model has it.
func (p *Package) Pos(pos token.Pos) model.Pos {
	at := p.Fset.Position(pos)
	return model.Pos{File: filepath.Base(at.Filename), Line: at.Line, Column: at.Column}
}

// findCalls finds the operator calls in the syntax tree, and the operators that
// are used in a way that generated code cannot follow.
func (p *Package) findCalls() {
	for _, f := range p.Files {
		v := &callFinder{p: p, file: p.files[p.Fset.File(f.FileStart)], seen: map[ast.Expr]bool{}}
		for _, d := range f.Decls {
			v.encl = enclosing(d)
			ast.Inspect(d, v.visit)
		}
	}
	slices.SortFunc(p.Calls, func(a, b *Call) int { return cmp.Compare(a.Expr.Lparen, b.Expr.Lparen) })
	p.findInside()
}

// findInside finds the calls that stand in the function of another. The
// Outermost is the one that matters: it runs in a task.
func (p *Package) findInside() {
	var outer *Call
	var end token.Pos
	type span struct {
		from, to token.Pos
		of       *Call
	}
	var spans []span
	for _, c := range p.Calls {
		for _, f := range c.Funcs {
			if lit, ok := f.(*ast.FuncLit); ok {
				spans = append(spans, span{lit.Pos(), lit.End(), c})
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, c := range p.Calls {
		for len(spans) > 0 && spans[0].from <= c.Expr.Lparen {
			if spans[0].to > end {
				outer, end = spans[0].of, spans[0].to
			}
			spans = spans[1:]
		}
		if c.Expr.Lparen < end {
			c.Inside = outer
		}
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
	p    *Package
	file *File
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
		if op, with := v.p.operatorOf(fun); op != nil && !v.seen[fun] {
			v.seen[fun] = true
			c := &Call{Op: op, With: with, Expr: n, File: v.file, Encl: v.encl}
			c.Funcs = v.p.functionsOf(c)
			v.p.Calls = append(v.p.Calls, c)
			v.p.calls[n.Lparen] = c
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
	if op, _ := v.p.operatorOf(callee(c)); op != nil {
		v.seen[callee(c)] = true
		if op.Family != api.Pass {
			v.p.Misuses = append(v.p.Misuses, Misuse{callee(c).End() - token.Pos(len(op.Name)), op, how})
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
	if op, _ := v.p.operatorOf(e); op != nil {
		v.seen[id] = true
		v.p.Misuses = append(v.p.Misuses, Misuse{id.Pos(), op, "is used as a value"})
	}
}

// operatorOf finds the operator that an expression names.
func (p *Package) operatorOf(e ast.Expr) (op *api.Operator, with bool) {
	if x, ok := e.(*ast.SelectorExpr); ok {
		if sel, ok := p.Info.Selections[x]; ok && sel.Kind() == types.MethodExpr {
			return nil, false
		}
	}
	fn, ok := p.Named(e).(*types.Func)
	if !ok {
		return nil, false
	}
	return api.OperatorOf(fn.Origin())
}

// Named gives the object that an expression names: a name, qualified or
// selected, without type arguments; nil for other expressions.
func (p *Package) Named(e ast.Expr) types.Object {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return p.Info.Uses[x]
	case *ast.SelectorExpr:
		return p.Info.Uses[x.Sel]
	case *ast.IndexExpr:
		return p.Named(x.X)
	case *ast.IndexListExpr:
		return p.Named(x.X)
	}
	return nil
}
