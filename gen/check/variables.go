package check

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// stateUse is a use of what the process was started with.
type stateUse struct{ what, reason, remedy string }

var readsArgs = stateUse{"os.Args", "others", "use With(os.Args)"}

// stateCalls are the functions that read what the process was started with.
var stateCalls = map[string]stateUse{
	"os.Getenv":    environment("os.Getenv"),
	"os.LookupEnv": environment("os.LookupEnv"),
	"os.Environ":   environment("os.Environ"),
	"os.ExpandEnv": environment("os.ExpandEnv"),
	"flag.Arg":     arguments("flag.Arg"),
	"flag.Args":    arguments("flag.Args"),
	"flag.NArg":    arguments("flag.NArg"),
	"flag.Lookup":  arguments("flag.Lookup"),
}

func environment(name string) stateUse {
	return stateUse{name, "another environment", "read it outside and use With"}
}

func arguments(name string) stateUse {
	return stateUse{name, "other arguments", "read them outside and use With"}
}

// stage is the code that a function of an operator runs.
type stage struct {
	*checker
	call    *scan.Call
	changed map[*types.Var]changing
	writes  map[Variable]bool // by any of the code
	reads   map[*types.Var]bool
}

// variables finds what stage code does that differs in a worker: it runs no
// main, starts with what init left, and may run again.
func (s *checker) variables() {
	changed := s.fns.changed()
	for _, c := range s.Calls {
		for _, f := range c.Funcs {
			n := ast.Node(f)
			if _, ok := f.(*ast.FuncLit); !ok {
				fn, ok := s.Named(f).(*types.Func)
				if !ok {
					continue
				}
				s.foreignStage(c, f, fn, changed)
				d := s.fns.decls[fn.Origin()]
				if d == nil {
					continue
				}
				n = d
			}
			s.stageCode(c, n, changed)
		}
	}
}

// foreignStage judges a function of another package that an operator is given.
func (s *checker) foreignStage(c *scan.Call, f ast.Expr, fn *types.Func, changed map[*types.Var]changing) {
	st := &stage{checker: s, call: c, changed: changed, writes: map[Variable]bool{}}
	st.foreign(mention{pos: nameOf(f).Pos(), fn: fn})
}

func (s *checker) stageCode(c *scan.Call, top ast.Node, changed map[*types.Var]changing) {
	st := &stage{checker: s, call: c, changed: changed, writes: map[Variable]bool{}, reads: map[*types.Var]bool{}}
	nodes := s.fns.reach(top, anyMention)
	for _, n := range nodes {
		b := s.fns.body(n)
		for _, w := range b.writes {
			st.writes[variableOf(w.v)] = true
		}
		for _, r := range b.reads {
			st.reads[r.v] = true
		}
		for _, m := range b.calls {
			if f := s.fns.foreign(m.fn); f != nil {
				for _, v := range f.Writes {
					st.writes[v] = true
				}
			}
		}
	}
	for _, n := range nodes {
		st.body(n, n == top)
	}
	nodes = s.fns.reach(top, func(m mention) bool { return m.called })
	if _, ok := top.(*ast.FuncLit); ok {
		nodes = nodes[1:] // what is in it was found by the scan
	}
	s.inHelpers(c, nodes)
}

// body judges the code of one function.
func (st *stage) body(n ast.Node, top bool) {
	b := st.fns.body(n)
	for _, r := range b.reads {
		if c, ok := st.changed[r.v]; ok && !st.writes[variableOf(r.v)] {
			at := fmt.Sprintf("line %d", st.Fset.Position(c.pos).Line)
			st.report(r.pos, diag.ChangedVariable, st.name(variableOf(r.v)), c.how, at, "stage code", "use With("+st.name(variableOf(r.v))+")")
		} else if !ok {
			st.changedElsewhere(r.pos, variableOf(r.v), "stage code")
		}
	}
	for _, s := range b.state {
		st.report(s.pos, diag.ProcessState, s.use.what, "stage code", s.use.reason, s.use.remedy)
	}
	for _, e := range b.ends {
		st.report(e.pos, diag.Apart, "stage code calls "+e.call, "it ends the worker, with all its tasks", "return an error, from a Try operator")
	}
	if !b.waits {
		for _, pos := range b.starts {
			st.report(pos, diag.Apart, "stage code starts a goroutine that it does not wait for", "it outlives its task", "do the work in the function, or wait")
		}
	}
	for _, w := range b.writes {
		st.write(w, b, n, top)
	}
	for _, m := range b.calls {
		st.foreign(m)
	}
}

// write judges a change of a package variable by stage code. What sync makes
// happen once, and what is kept under a lock and read again, are caches.
func (st *stage) write(w write, b *body, n ast.Node, top bool) {
	cache := b.locks && st.reads[w.v] && w.by != counted
	if w.once || cache || w.by == passed || w.by == asFlag {
		return
	}
	place := "the function of " + st.call.Op.Name
	if d, ok := n.(*ast.FuncDecl); ok && !top {
		place = d.Name.Name + ", which " + place + " calls"
	}
	if first := [2]token.Pos{w.pos, w.v.Pos()}; !st.assigns[first] {
		st.assigns[first] = true
		st.report(w.pos, diag.Assigns, st.name(variableOf(w.v)), place)
	}
}

// foreign judges a function of another package that stage code uses, by what
// is known of it.
func (st *stage) foreign(m mention) {
	f := st.fns.foreign(m.fn)
	if f == nil {
		return
	}
	name := m.fn.Pkg().Name() + "." + f.Name
	by := name + ", which stage code calls"
	for _, v := range f.Reads {
		if slices.Contains(f.Writes, v) {
			continue
		}
		st.changedElsewhere(m.pos, v, by)
	}
	for _, what := range f.State {
		use := readsArgs
		if what != use.what {
			use = stateCalls[what]
		}
		st.report(m.pos, diag.ProcessState, what, by, use.reason, use.remedy)
	}
	for _, what := range f.Ends {
		st.report(m.pos, diag.Apart, "stage code calls "+name+", which calls "+what, "it ends the worker, with all its tasks", "have it return an error")
	}
	if f.Starts {
		st.report(m.pos, diag.Apart, "stage code calls "+name+", which starts a goroutine that it does not wait for", "it outlives its task", "do the work in the function, or wait")
	}
}

// changedElsewhere reports a read of a variable that this package or one that it
// imports changes.
func (st *stage) changedElsewhere(pos token.Pos, v Variable, by string) {
	if st.writes[v] || v.Path == st.Types.Path() && by == "stage code" {
		return
	}
	remedy := "use With(" + st.name(v) + ")"
	if by != "stage code" {
		remedy = "give the function a parameter for it, and use With"
	}
	for w, c := range st.changed {
		if variableOf(w) == v {
			st.report(pos, diag.ChangedVariable, st.name(v), c.how, fmt.Sprintf("line %d", st.Fset.Position(c.pos).Line), by, remedy)
			return
		}
	}
	if c := st.changedBy(v); c != nil {
		st.report(pos, diag.ChangedVariable, st.name(v), c.How, fmt.Sprintf("%s:%d", c.File, c.Line), by, remedy)
	}
}

// changedBy finds a change of a variable in the package that declares it, or in
// another one that is imported, by the order of their paths.
func (st *stage) changedBy(v Variable) *Change {
	if c := st.fns.factsOf(v.Path).change(v); c != nil {
		return c
	}
	var paths []string
	st.eachImport(func(p *types.Package) { paths = append(paths, p.Path()) })
	slices.Sort(paths)
	for _, path := range paths {
		if c := st.fns.factsOf(path).change(v); c != nil {
			return c
		}
	}
	return nil
}

// name writes a package variable as this package would.
func (st *stage) name(v Variable) string {
	if v.Path == st.Types.Path() {
		return v.Name
	}
	return v.Package + "." + v.Name
}

// inHelpers finds operators in the functions that stage code calls.
func (s *checker) inHelpers(c *scan.Call, nodes []ast.Node) {
	for _, n := range nodes {
		for _, inner := range s.Calls {
			if inner.Op.Family != api.Pass && within(n, inner.Expr.Lparen) && inner.Inside == nil {
				s.report(inner.Expr.Lparen, diag.StageInStage, c.Op.Name, "reaches "+inner.Op.Name+" through "+inner.Encl)
			}
		}
	}
}
