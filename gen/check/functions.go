package check

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/scan"
)

// functions is what the functions of a package do, as far as workers care.
type functions struct {
	*scan.Package
	imported func(path string) *Facts
	decls    map[*types.Func]*ast.FuncDecl
	bodies   map[ast.Node]*body
}

// body is what a function's own code does. What it calls is not in it.
type body struct {
	reads  []read
	writes []write
	calls  []mention
	state  []state
	ends   []end // calls that end the process
	starts []token.Pos
	waits  bool // for goroutines
	locks  bool
}

type read struct {
	pos token.Pos
	v   *types.Var
}

// write is a change of a package variable, or of what it holds.
type write struct {
	pos token.Pos
	v   *types.Var
	by  writing
	// once says that sync sees to it that it is made once.
	once bool
}

type writing uint8

const (
	assigned writing = iota
	counted          // in a way that reads it, and keeps nothing else: n++, n += 1
	passed           // its address was, to a function that may write
	asFlag           // its address was, to package flag
)

// caches says whether a function keeps something for itself: under a lock it
// writes what it reads.
func (b *body) caches(w write) bool {
	return b.locks && w.by != counted && slices.ContainsFunc(b.reads, func(r read) bool { return r.v == w.v })
}

// mention is a use of a function.
type mention struct {
	pos    token.Pos
	fn     *types.Func
	called bool // here, not in a literal that may run later
}

type state struct {
	pos token.Pos
	use stateUse
}

type end struct {
	pos  token.Pos
	call string
}

func newFunctions(p *scan.Package, imported func(path string) *Facts) *functions {
	fs := &functions{Package: p, imported: imported, decls: map[*types.Func]*ast.FuncDecl{}, bodies: map[ast.Node]*body{}}
	for _, f := range p.Files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				if obj, ok := p.Info.Defs[fn.Name].(*types.Func); ok {
					fs.decls[obj] = fn
				}
			}
		}
	}
	return fs
}

// declared lists the declared functions in order of the source.
func (fs *functions) declared() []*types.Func {
	var all []*types.Func
	for fn := range fs.decls {
		all = append(all, fn)
	}
	slices.SortFunc(all, func(a, b *types.Func) int { return cmp.Compare(a.Pos(), b.Pos()) })
	return all
}

// reach lists a function, a literal or a declaration, and the functions of the
// package that it uses, directly or through others.
func (fs *functions) reach(from ast.Node, follow func(mention) bool) []ast.Node {
	seen := map[ast.Node]bool{from: true}
	all := []ast.Node{from}
	for i := 0; i < len(all); i++ {
		for _, m := range fs.body(all[i]).calls {
			if d := fs.decls[m.fn.Origin()]; d != nil && !seen[d] && follow(m) {
				seen[d] = true
				all = append(all, d)
			}
		}
	}
	return all
}

func anyMention(mention) bool { return true }

// body reads a function.
func (fs *functions) body(n ast.Node) *body {
	if b := fs.bodies[n]; b != nil {
		return b
	}
	r := &reader{fs: fs, body: &body{}, targets: map[*ast.Ident]bool{}, callees: map[*ast.Ident]bool{}, top: n}
	fs.bodies[n] = r.body
	r.walk(n, false, false)
	return r.body
}

// reader fills a body.
type reader struct {
	*body
	fs      *functions
	top     ast.Node
	targets map[*ast.Ident]bool // of assignments
	callees map[*ast.Ident]bool
}

// walk reads a node: of a literal inside the function, perhaps of one that sync
// runs once.
func (r *reader) walk(n ast.Node, inLit, once bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncLit:
			if x != r.top && !inLit {
				r.walk(x, true, once)
				return false
			}
		case *ast.GoStmt:
			r.starts = append(r.starts, x.Pos())
		case *ast.AssignStmt:
			r.assignment(x, once)
		case *ast.IncDecStmt:
			r.write(x.Pos(), x.X, counted, once)
		case *ast.RangeStmt:
			r.ranges(x, once)
		case *ast.UnaryExpr:
			r.waits = r.waits || x.Op == token.ARROW
		case *ast.CallExpr:
			if r.call(x, inLit, once) {
				return false
			}
		case *ast.Ident:
			r.ident(x, inLit)
		}
		return true
	})
}

func (r *reader) assignment(x *ast.AssignStmt, once bool) {
	by := assigned
	if x.Tok != token.ASSIGN && x.Tok != token.DEFINE {
		by = counted
	}
	for _, l := range x.Lhs {
		r.write(x.Pos(), l, by, once)
	}
}

func (r *reader) ranges(x *ast.RangeStmt, once bool) {
	if t := r.fs.Info.TypeOf(x.X); t != nil {
		_, isChan := t.Underlying().(*types.Chan)
		r.waits = r.waits || isChan
	}
	if x.Tok == token.ASSIGN {
		r.write(x.Pos(), x.Key, assigned, once)
		r.write(x.Pos(), x.Value, assigned, once)
	}
}

// write notes a change of a package variable.
func (r *reader) write(pos token.Pos, e ast.Expr, by writing, once bool) {
	id := root(e, r.fs.Info)
	if id == nil {
		return
	}
	if v, ok := r.fs.Info.Uses[id].(*types.Var); ok && isGlobal(v) {
		r.targets[id] = true
		r.writes = append(r.writes, write{pos, v, by, once})
	}
}

// call reads what a call does by itself. It says whether it has read all of it.
func (r *reader) call(c *ast.CallExpr, inLit, once bool) bool {
	fun := ast.Unparen(c.Fun)
	if id, ok := fun.(*ast.Ident); ok && changesFirst(id.Name) && len(c.Args) > 0 {
		if _, builtin := r.fs.Info.Uses[id].(*types.Builtin); builtin {
			r.write(c.Pos(), c.Args[0], assigned, once)
		}
	}
	fn, _ := r.fs.Named(fun).(*types.Func)
	if fn == nil {
		return false
	}
	if id := nameOf(fun); id != nil {
		r.callees[id] = true
	}
	r.addresses(c, fn, once)
	if fn.Pkg() == nil || fn.Pkg().Path() != "sync" {
		r.waits = r.waits || fn.Name() == "Wait"
		return false
	}
	switch fn.Name() {
	case "Wait":
		r.waits = true
	case "Lock", "RLock":
		r.locks = true
	case "Do", "OnceFunc", "OnceValue", "OnceValues":
		r.walk(c.Fun, inLit, once)
		for _, arg := range c.Args {
			if lit, ok := ast.Unparen(arg).(*ast.FuncLit); ok {
				r.walk(lit.Body, true, true)
			} else {
				r.walk(arg, inLit, once)
			}
		}
		return true
	}
	return false
}

// changesFirst says whether a predeclared function changes its first argument.
func changesFirst(name string) bool { return name == "delete" || name == "clear" || name == "copy" }

// addresses notes package variables whose addresses a call passes to a function
// that may write them, and methods that change the variable they are called on.
func (r *reader) addresses(c *ast.CallExpr, fn *types.Func, once bool) {
	for i, arg := range c.Args {
		u, ok := ast.Unparen(arg).(*ast.UnaryExpr)
		if !ok || u.Op != token.AND {
			continue
		}
		switch {
		case isFlag(fn):
			r.write(u.Pos(), u.X, asFlag, once)
		case isAtomic(fn):
			if strings.HasPrefix(fn.Name(), "Add") {
				r.write(u.Pos(), u.X, counted, once)
			}
		case r.fs.decls[fn.Origin()] == nil || r.fs.writesParam(fn, i):
			r.write(u.Pos(), u.X, passed, once)
		}
	}
	sel, ok := ast.Unparen(c.Fun).(*ast.SelectorExpr)
	switch {
	case !ok || fn.Signature().Recv() == nil:
	case isAtomic(fn) && fn.Name() == "Add":
		r.write(c.Pos(), sel.X, counted, once)
	case r.fs.writesReceiver(fn):
		r.write(c.Pos(), sel.X, passed, once)
	}
}

// writesParam says whether a function of the package assigns what a parameter
// points to.
func (fs *functions) writesParam(fn *types.Func, i int) bool {
	params := fn.Origin().Signature().Params()
	return i < params.Len() && fs.assigns(fn, params.At(i))
}

func (fs *functions) writesReceiver(fn *types.Func) bool {
	recv := fn.Origin().Signature().Recv()
	if recv == nil {
		return false
	}
	_, ptr := types.Unalias(recv.Type()).(*types.Pointer)
	return ptr && fs.assigns(fn, recv)
}

func (fs *functions) assigns(fn *types.Func, v *types.Var) bool {
	d := fs.decls[fn.Origin()]
	return d != nil && written(fs.Info, d.Body)[v]
}

func (r *reader) ident(id *ast.Ident, inLit bool) {
	switch obj := r.fs.Info.Uses[id].(type) {
	case *types.Var:
		switch {
		case !isGlobal(obj) || r.targets[id]:
		case obj.Pkg().Path() == "os" && obj.Name() == "Args":
			r.state = append(r.state, state{id.Pos(), readsArgs})
		default:
			r.reads = append(r.reads, read{id.Pos(), obj})
		}
	case *types.Func:
		if obj.Pkg() == nil {
			return
		}
		full := obj.Pkg().Path() + "." + obj.Name()
		switch use, ok := stateCalls[full]; {
		case obj.Signature().Recv() != nil:
		case ok:
			r.state = append(r.state, state{id.Pos(), use})
			return
		case endsProcess(obj):
			r.ends = append(r.ends, end{id.Pos(), obj.Pkg().Name() + "." + obj.Name()})
			return
		}
		r.calls = append(r.calls, mention{id.Pos(), obj, r.callees[id] && !inLit})
	}
}

// nameOf is the identifier by which an expression names a function.
func nameOf(e ast.Expr) *ast.Ident {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.IndexExpr:
		return nameOf(x.X)
	case *ast.IndexListExpr:
		return nameOf(x.X)
	}
	return nil
}

// isGlobal says whether a variable is a package's.
func isGlobal(v *types.Var) bool {
	return v.Pkg() != nil && !v.IsField() && v.Parent() == v.Pkg().Scope()
}

// isFlag says whether a function makes flags.
func isFlag(fn *types.Func) bool {
	return fn.Pkg() != nil && (fn.Pkg().Path() == "flag" || fn.Pkg().Path() == "github.com/spf13/pflag")
}

func isAtomic(fn *types.Func) bool { return fn.Pkg() != nil && fn.Pkg().Path() == "sync/atomic" }

// endsProcess says whether a function of the standard library ends the process.
func endsProcess(fn *types.Func) bool {
	switch fn.Pkg().Path() {
	case "os", "syscall":
		return fn.Name() == "Exit"
	case "log":
		return strings.HasPrefix(fn.Name(), "Fatal")
	}
	return false
}
