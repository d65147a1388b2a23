package check

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/scan"
)

// Facts is what the stage code of other packages must know of a package: what
// its functions do that comes out differently in a worker. It is plain data, in
// an order that does not change.
type Facts struct {
	Functions []Function // by name
	Changed   []Change   // by variable
	// Registered are the types of the package that it registers for interfaces.
	Registered []string
}

// AFact lets go/analysis keep facts from one package to the next.
func (*Facts) AFact() {}

// String says how much there is, for listings of facts.
func (f *Facts) String() string {
	registers := "nothing"
	if len(f.Registered) > 0 {
		registers = strings.Join(f.Registered, ", ")
	}
	return fmt.Sprintf("%d functions and %d variables differ in workers; registers %s", len(f.Functions), len(f.Changed), registers)
}

// Function says what a function does, directly or through what it calls.
type Function struct {
	Name   string // Clean, or Cleaner.Clean
	Reads  []Variable
	Writes []Variable
	State  []string // os.Getenv
	Ends   []string // os.Exit
	Starts bool     // a goroutine that it does not wait for
}

// Variable names a package variable.
type Variable struct{ Path, Package, Name string }

// Change is a change of a package variable that workers do not see.
type Change struct {
	Variable Variable
	How      string // assigned in Set
	File     string // its base name
	Line     int
}

// Follows says whether findings look into a package: one of the module, and
// none of the run time.
func Follows(module, path string) bool {
	if path == api.Typed || path == api.RDD || strings.HasPrefix(path, api.RDD+"/") {
		return false
	}
	return module != "" && (path == module || strings.HasPrefix(path, module+"/"))
}

// FactsOf gives the facts of a package. Imported gives those of the packages
// that it imports, nil for those that are not followed. The input needs no SSA.
func FactsOf(in scan.Input, imported func(path string) *Facts) *Facts {
	fs := newFunctions(&scan.Package{Input: in}, imported)
	facts := &Facts{}
	for _, fn := range fs.declared() {
		if f := fs.summary(fn); f.any() {
			facts.Functions = append(facts.Functions, f)
		}
	}
	slices.SortFunc(facts.Functions, func(a, b Function) int { return cmp.Compare(a.Name, b.Name) })
	for v, c := range fs.changed() {
		facts.Changed = append(facts.Changed, Change{variableOf(v), c.how, filepath.Base(fs.Fset.Position(c.pos).Filename), fs.Fset.Position(c.pos).Line})
	}
	slices.SortFunc(facts.Changed, func(a, b Change) int { return a.Variable.compare(b.Variable) })
	for t := range fs.registered() {
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() == fs.Types {
			facts.Registered = append(facts.Registered, n.Obj().Name())
		}
	}
	facts.Registered = sorted(facts.Registered)
	return facts
}

// find gives what is known of a function; nil when there is nothing to know.
func (f *Facts) find(fn *types.Func) *Function {
	if f == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(f.Functions, functionName(fn), func(f Function, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		return nil
	}
	return &f.Functions[i]
}

func (f *Facts) change(v Variable) *Change {
	if f == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(f.Changed, v, func(c Change, v Variable) int { return c.Variable.compare(v) })
	if !ok {
		return nil
	}
	return &f.Changed[i]
}

func (v Variable) compare(w Variable) int {
	return cmp.Or(cmp.Compare(v.Path, w.Path), cmp.Compare(v.Name, w.Name))
}

func variableOf(v *types.Var) Variable {
	return Variable{v.Pkg().Path(), v.Pkg().Name(), v.Name()}
}

func (f *Function) any() bool {
	return len(f.Reads)+len(f.Writes)+len(f.State)+len(f.Ends) > 0 || f.Starts
}

// functionName names a function within its package.
func functionName(fn *types.Func) string {
	recv := fn.Origin().Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}

// summary says what a function does, with all that it uses.
func (fs *functions) summary(fn *types.Func) Function {
	f := Function{Name: functionName(fn)}
	for _, n := range fs.reach(fs.decls[fn], anyMention) {
		b := fs.body(n)
		for _, r := range b.reads {
			f.Reads = append(f.Reads, variableOf(r.v))
		}
		for _, w := range b.writes {
			f.Writes = append(f.Writes, variableOf(w.v))
		}
		for _, s := range b.state {
			f.State = append(f.State, s.use.what)
		}
		for _, e := range b.ends {
			f.Ends = append(f.Ends, e.call)
		}
		f.Starts = f.Starts || len(b.starts) > 0 && !b.waits
		for _, m := range b.calls {
			f.add(fs.foreign(m.fn))
		}
	}
	f.Reads, f.Writes = sortedVariables(f.Reads), sortedVariables(f.Writes)
	f.State, f.Ends = sorted(f.State), sorted(f.Ends)
	return f
}

func (f *Function) add(g *Function) {
	if g == nil {
		return
	}
	f.Reads, f.Writes = append(f.Reads, g.Reads...), append(f.Writes, g.Writes...)
	f.State, f.Ends = append(f.State, g.State...), append(f.Ends, g.Ends...)
	f.Starts = f.Starts || g.Starts
}

func sortedVariables(vs []Variable) []Variable {
	slices.SortFunc(vs, Variable.compare)
	return slices.Compact(vs)
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// foreign gives what is known of a function of another package.
func (fs *functions) foreign(fn *types.Func) *Function {
	if fn.Pkg() == nil || fn.Pkg() == fs.Types {
		return nil
	}
	return fs.factsOf(fn.Pkg().Path()).find(fn)
}

// factsOf gives the facts of an imported package; nil if there are none.
func (fs *functions) factsOf(path string) *Facts {
	if fs.imported == nil {
		return nil
	}
	return fs.imported(path)
}

// changing is where and how a variable changes.
type changing struct {
	pos token.Pos
	how string
}

// changed finds the variables that anything but the initialization of the
// package changes, and those that hold flags.
func (fs *functions) changed() map[*types.Var]changing {
	all := map[*types.Var]changing{}
	initial := fs.initial()
	for _, fn := range fs.declared() {
		d := fs.decls[fn]
		if strings.HasSuffix(fs.Fset.Position(d.Pos()).Filename, "_test.go") {
			continue
		}
		b := fs.body(d)
		for _, w := range b.writes {
			how := "assigned in " + fn.Name()
			if w.by == asFlag {
				how = "a flag"
			} else if initial[d] || b.caches(w) {
				continue
			}
			if old, ok := all[w.v]; !ok || w.pos < old.pos {
				all[w.v] = changing{w.pos, how}
			}
		}
	}
	for _, f := range fs.Files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				fs.flags(g, all)
			}
		}
	}
	return all
}

// initial finds the functions that run when the package is initialized.
func (fs *functions) initial() map[ast.Node]bool {
	all := map[ast.Node]bool{}
	add := func(n ast.Node) {
		for _, n := range fs.reach(n, func(m mention) bool { return m.called }) {
			all[n] = true
		}
	}
	for _, f := range fs.Files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" && d.Body != nil {
					add(d)
				}
			case *ast.GenDecl:
				add(d)
			}
		}
	}
	return all
}

// flags finds variables that are made by package flag.
func (fs *functions) flags(d *ast.GenDecl, all map[*types.Var]changing) {
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
			fn, ok := fs.Named(c.Fun).(*types.Func)
			v, isVar := fs.Info.Defs[vs.Names[i]].(*types.Var)
			_, ptr := types.Unalias(fs.Info.TypeOf(c)).(*types.Pointer)
			if ok && isVar && isFlag(fn) && ptr && fn.Name() != "NewFlagSet" {
				all[v] = changing{v.Pos(), "a flag"}
			}
		}
	}
}
