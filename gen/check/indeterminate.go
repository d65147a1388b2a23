package check

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// origin is what a value depends on that differs when a task runs again.
type origin struct {
	pos  token.Pos
	kind *chance
}

// chance is a kind of origin.
type chance struct{ what, remedy string }

var (
	byTime   = &chance{"the time", "take the time outside and use With"}
	byRandom = &chance{"random numbers", "use a generator with a seed, from the row or With"}
	byMap    = &chance{"the order of a map", "sort what comes out of the map"}
)

// indeterminate finds functions of operators whose results depend on the time,
// on random numbers or on the order of a map. Such rows differ when a task runs
// again, and a stage that was computed in part from the first may be computed
// in part from the second.
func (s *checker) indeterminate() {
	flows := map[*ssa.Function]*flow{}
	for _, st := range s.Sites {
		if st.Op.Family == api.Pass || st.Op.Family == api.Source || strings.HasPrefix(st.Op.Name, "ForEach") {
			continue
		}
		for _, arg := range st.SSA.Call.Args {
			fn := functionIn(arg)
			if fn == nil || scan.PackageOf(fn) != s.SSA {
				continue
			}
			if o := resultOf(fn, flows); o != nil {
				s.report(o.pos, diag.Indeterminate, st.Op.Name, o.kind.what, o.kind.remedy)
			}
		}
	}
}

// functionIn is the function that a value is known to be.
func functionIn(v ssa.Value) *ssa.Function {
	switch x := v.(type) {
	case *ssa.Function:
		return x
	case *ssa.MakeClosure:
		return functionIn(x.Fn)
	case *ssa.ChangeType:
		return functionIn(x.X)
	}
	return nil
}

// flow follows values through one function and the literals in it.
type flow struct {
	all    map[*ssa.Function]*flow
	top    *ssa.Function
	from   map[ssa.Value]*origin
	todo   []ssa.Value
	result *origin
	sorted bool // something that is in the order of a map was sorted
}

// resultOf says what the results of a function depend on; nil if on nothing
// that differs.
func resultOf(fn *ssa.Function, flows map[*ssa.Function]*flow) *origin {
	if f := flows[fn]; f != nil {
		return f.result // nil within recursion
	}
	f := &flow{all: flows, top: fn, from: map[ssa.Value]*origin{}}
	flows[fn] = f
	f.sources(fn)
	for len(f.todo) > 0 {
		v := f.todo[len(f.todo)-1]
		f.todo = f.todo[:len(f.todo)-1]
		f.follow(v)
	}
	if f.result != nil && f.result.kind == byMap && f.sorted {
		f.result = nil
	}
	return f.result
}

// mark notes that a value depends on an origin.
func (f *flow) mark(v ssa.Value, o *origin) {
	if f.from[v] == nil && carries(v.Type()) {
		f.from[v] = o
		f.todo = append(f.todo, v)
	}
}

// carries says whether values of a type bring what they were made from into
// rows: errors and contexts do not.
func carries(t types.Type) bool {
	if types.Identical(t, types.Universe.Lookup("error").Type()) {
		return false
	}
	return !api.IsNamed(types.Unalias(t), "context", "Context")
}

// sources finds the origins in a function and its literals.
func (f *flow) sources(fn *ssa.Function) {
	loops := mapLoops(fn)
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			switch x := in.(type) {
			case *ssa.Call:
				f.call(x, loops)
			case *ssa.BinOp:
				if x.Op == token.ADD && isString(x.Type()) && inLoop(loops, b) && isPhi(x.X) {
					f.mark(x, &origin{x.Pos(), byMap})
				}
			}
		}
	}
	for _, anon := range fn.AnonFuncs {
		f.sources(anon)
	}
}

func (f *flow) call(c *ssa.Call, loops []*ssa.BasicBlock) {
	if b, ok := c.Call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" && inLoop(loops, c.Block()) && isPhi(c.Call.Args[0]) {
			f.mark(c, &origin{c.Pos(), byMap})
		}
		return
	}
	callee := c.Call.StaticCallee()
	if callee == nil {
		return
	}
	if kind := chanceOf(callee); kind != nil {
		f.mark(c, &origin{c.Pos(), kind})
		return
	}
	if isFunc(callee, "slices", "Collect", "AppendSeq") {
		for _, arg := range c.Call.Args {
			if src, ok := arg.(*ssa.Call); ok && isFunc(src.Call.StaticCallee(), "maps", "Keys", "Values") {
				f.mark(c, &origin{src.Pos(), byMap})
			}
		}
	}
	if callee != f.top && callee.Parent() == nil && scan.PackageOf(callee) == scan.PackageOf(f.top) && len(callee.Blocks) > 0 {
		if o := resultOf(callee, f.all); o != nil {
			f.mark(c, o)
		}
	}
}

// chanceOf says what the results of a library function depend on.
func chanceOf(fn *ssa.Function) *chance {
	if fn.Signature.Recv() != nil {
		return nil // of a generator, which may have a seed
	}
	switch {
	case isFunc(fn, "time", "Now", "Since", "Until"):
		return byTime
	case isFunc(fn, "crypto/rand", "Int", "Prime", "Text"), isFunc(fn, "github.com/google/uuid", "New", "NewString", "NewRandom"):
		return byRandom
	}
	for _, path := range []string{"math/rand", "math/rand/v2"} {
		if pkg := scan.PackageOf(fn); pkg != nil && pkg.Pkg.Path() == path && !strings.HasPrefix(fn.Name(), "New") {
			return byRandom
		}
	}
	return nil
}

func isFunc(fn *ssa.Function, path string, names ...string) bool {
	if fn == nil || fn.Signature.Recv() != nil {
		return false
	}
	if fn.Origin() != nil {
		fn = fn.Origin()
	}
	pkg := scan.PackageOf(fn)
	return pkg != nil && pkg.Pkg.Path() == path && slices.Contains(names, fn.Name())
}

// follow goes from a value to what is made of it.
func (f *flow) follow(v ssa.Value) {
	refs := v.Referrers()
	if refs == nil {
		return
	}
	o := f.from[v]
	for _, in := range *refs {
		switch x := in.(type) {
		case *ssa.Return:
			if x.Parent() == f.top {
				f.found(o)
			}
		case *ssa.If:
			if o.kind == byRandom && decides(x) {
				f.found(o)
			}
		case *ssa.Store:
			if x.Val == v {
				f.store(x.Addr, o)
			}
		case *ssa.MapUpdate:
			if o.kind != byMap {
				f.mark(x.Map, o)
			}
		case *ssa.MakeClosure:
			f.bind(x, v, o)
		case ssa.CallInstruction:
			f.passed(x, o)
		case ssa.Value:
			f.mark(x, o)
		}
	}
}

// decides says whether a condition decides on what is returned or given to
// yield, as far as a branch shows it. A message now and then is no result.
func decides(x *ssa.If) bool {
	for _, branch := range x.Block().Succs {
		if len(branch.Preds) > 1 {
			continue // where both meet
		}
		for _, b := range x.Parent().Blocks {
			if branch.Dominates(b) && slices.ContainsFunc(b.Instrs, gives) {
				return true
			}
		}
	}
	return false
}

// gives says whether an instruction returns, or calls yield.
func gives(in ssa.Instruction) bool {
	switch x := in.(type) {
	case *ssa.Return:
		return true
	case *ssa.Call:
		return callsParameter(x.Common())
	}
	return false
}

// callsParameter says whether a call is of a function that the caller was given,
// such as yield.
func callsParameter(c *ssa.CallCommon) bool {
	switch c.Value.(type) {
	case *ssa.Parameter, *ssa.FreeVar:
		_, ok := c.Value.Type().Underlying().(*types.Signature)
		return ok && !c.IsInvoke()
	}
	return false
}

func (f *flow) found(o *origin) {
	if f.result == nil || o.pos < f.result.pos {
		f.result = o
	}
}

// store marks what an address is part of.
func (f *flow) store(addr ssa.Value, o *origin) {
	for {
		switch x := addr.(type) {
		case *ssa.FieldAddr:
			addr = x.X
		case *ssa.IndexAddr:
			addr = x.X
		case *ssa.Parameter:
			if x.Parent() == f.top {
				f.found(o) // an accumulator, which is the result
			}
			return
		default:
			f.mark(addr, o)
			return
		}
	}
}

// bind goes on inside a literal that captures a value.
func (f *flow) bind(c *ssa.MakeClosure, v ssa.Value, o *origin) {
	fn, ok := c.Fn.(*ssa.Function)
	if !ok {
		return
	}
	for i, b := range c.Bindings {
		if b == v && i < len(fn.FreeVars) {
			f.mark(fn.FreeVars[i], o)
		}
	}
}

// passed looks at a call that takes a value: of yield, of what sorts, or of what
// makes another value of it.
func (f *flow) passed(in ssa.CallInstruction, o *origin) {
	c := in.Common()
	if callee := c.StaticCallee(); callee != nil && sorts(callee) {
		f.sorted = f.sorted || o.kind == byMap
		return
	}
	if callsParameter(c) {
		f.found(o) // given to yield
		return
	}
	if b, ok := c.Value.(*ssa.Builtin); ok && (b.Name() == "len" || b.Name() == "cap") {
		return
	}
	if v, ok := in.(*ssa.Call); ok {
		f.mark(v, o)
	}
}

func sorts(fn *ssa.Function) bool {
	if fn.Origin() != nil {
		fn = fn.Origin()
	}
	pkg := scan.PackageOf(fn)
	if pkg == nil {
		return false
	}
	switch pkg.Pkg.Path() {
	case "sort":
		return true
	case "slices":
		return strings.HasPrefix(fn.Name(), "Sort") || slices.Contains([]string{"Max", "Min", "MaxFunc", "MinFunc", "Contains"}, fn.Name())
	}
	return false
}

// mapLoops gives the first blocks of the bodies of loops over maps.
func mapLoops(fn *ssa.Function) []*ssa.BasicBlock {
	var all []*ssa.BasicBlock
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			next, ok := in.(*ssa.Next)
			if !ok || next.IsString || len(b.Succs) != 2 {
				continue
			}
			all = append(all, b.Succs[0])
		}
	}
	return all
}

func inLoop(loops []*ssa.BasicBlock, b *ssa.BasicBlock) bool {
	return slices.ContainsFunc(loops, func(body *ssa.BasicBlock) bool { return body.Dominates(b) })
}

func isPhi(v ssa.Value) bool {
	_, ok := v.(*ssa.Phi)
	return ok
}

func isString(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}
