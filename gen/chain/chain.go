// Package chain finds the chains that a package's operators form: which narrow
// operators a row goes through one after the other, between two places where
// chains end.
//
// It follows RDDs backwards, from the values that ends read, through the SSA form:
// variables, parameters and results of helpers, fields, loops. What it cannot
// follow cuts a chain, and costs a hand-over of batches, never a wrong row: the
// run time covers the operators it meets with the kernels there are.
package chain

import (
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

const (
	maxChain  = 24 // operators in a kernel
	maxChains = 16 // chains that lead to one end, before they are cut where they meet
	maxDepth  = 8  // calls that are followed into helpers
)

// end is where chains end: a value that an operator reads which cannot be part
// of the chain, and the part of that operator in which the kernel may end.
type end struct {
	value ssa.Value
	last  []model.Part
	// cut says that the end is where chains were cut because there were too
	// many: they are cut in what leads to it, too.
	cut bool
}

// frame is a call that the walk went through, to come back to its arguments.
type frame struct {
	call *ssa.Call
	fn   *ssa.Function
	up   *frame
	deep int
}

// Found is the chains of a package.
type Found struct {
	Chains [][]model.Part
	Cuts   []model.Cut // places where a chain could not be followed
}

// Find finds the chains of a package's operators, of which index has the places
// in ops. Sites that are not in it are not registered.
func Find(p *scan.Package, ops []model.Op, index map[*scan.Site]int) Found {
	w := &walker{
		p: p, ops: ops, index: index, flow: newFlow(p), queued: map[string]bool{},
		chains: map[string][]model.Part{}, cuts: map[model.Cut]bool{},
	}
	for _, st := range p.Sites {
		w.endsOf(st)
	}
	for _, v := range w.flow.escaping {
		w.push(end{value: v})
	}
	w.run()
	w.leftover()
	return w.result()
}

// walker follows RDDs backwards from ends.
type walker struct {
	p      *scan.Package
	ops    []model.Op
	index  map[*scan.Site]int
	flow   *flow
	todo   []end
	queued map[string]bool
	chains map[string][]model.Part
	cuts   map[model.Cut]bool

	// of the end in hand
	found    [][]model.Part
	phiIsEnd bool
}

func (w *walker) push(e end) {
	key := fmt.Sprintf("%p %v %v", e.value, e.last, e.cut)
	if !w.queued[key] {
		w.queued[key] = true
		w.todo = append(w.todo, e)
	}
}

// endsOf adds the ends that an operator makes of what it reads.
func (w *walker) endsOf(st *scan.Site) {
	if st.Op.Family == api.Pass || st.Op.Family == api.Source || st.Op.Family == api.Narrow {
		return
	}
	i, registered := w.index[st]
	for _, arg := range scan.RDDArgs(st.SSA) {
		e := end{value: arg}
		switch {
		case !registered:
		case st.Op.End != model.EndRows, st.Op.Part == "key":
			e.last = []model.Part{{Op: i, Name: st.Op.Part}}
		}
		w.push(e)
	}
}

// run walks back from every end.
func (w *walker) run() {
	for len(w.todo) > 0 {
		e := w.todo[0]
		w.todo = w.todo[1:]
		w.found, w.phiIsEnd = nil, e.cut
		w.walk(e.value, e.last, nil, map[ssa.Value]bool{})
		if len(w.found) > maxChains {
			w.found, w.phiIsEnd = nil, true
			w.walk(e.value, e.last, nil, map[ssa.Value]bool{})
		}
		for _, chain := range w.found[:min(len(w.found), maxChains)] {
			w.keep(chain)
		}
	}
}

// keep keeps a chain that has something to run.
func (w *walker) keep(chain []model.Part) {
	if !w.worth(chain) {
		return
	}
	w.chains[fmt.Sprint(chain)] = chain
}

// worth says whether a kernel of a chain is better than the library's own
// code: a sink alone is not a kernel, and neither is the key of a sort, or an
// operator without a function.
func (w *walker) worth(chain []model.Part) bool {
	if len(chain) == 0 {
		return false
	}
	if len(chain) == 1 {
		op := &w.ops[chain[0].Op]
		return chain[0].Name == "" && op.Step.Gives != model.GivesNothing && len(op.Funcs) > 0
	}
	return true
}

// walk goes back over the values that an RDD comes from. suffix is the chain
// so far.
func (w *walker) walk(v ssa.Value, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	if len(w.found) > maxChains {
		return
	}
	switch v := v.(type) {
	case *ssa.Call:
		w.call(v, 0, suffix, up, seen)
		return
	case *ssa.Extract:
		if c, ok := v.Tuple.(*ssa.Call); ok {
			w.call(c, v.Index, suffix, up, seen)
			return
		}
	case *ssa.ChangeType:
		w.walk(v.X, suffix, up, seen)
		return
	case *ssa.Phi:
		if w.phiIsEnd {
			w.cut(v, suffix)
			for _, e := range v.Edges {
				w.push(end{value: e, cut: true})
			}
			return
		}
		w.each(v, v.Edges, suffix, up, seen)
		return
	case *ssa.Parameter:
		w.parameter(v, suffix, up, seen)
		return
	case *ssa.UnOp:
		if v.Op == token.MUL {
			if stores, ok := w.flow.storesOf(v.X); ok {
				w.each(v, stores, suffix, up, seen)
				return
			}
		}
	case *ssa.Field:
		if stores, ok := w.flow.fieldStores(v.X.Type(), v.Field); ok {
			w.each(v, stores, suffix, up, seen)
			return
		}
	case *ssa.Const:
		w.emit(suffix)
		return
	}
	w.cut(v, suffix)
}

// each follows several values that may be the RDD. A value that is being
// followed already, in a loop, gives nothing new.
func (w *walker) each(v ssa.Value, from []ssa.Value, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	if seen[v] {
		return
	}
	seen[v] = true
	for _, e := range from {
		w.walk(e, suffix, up, seen)
	}
	delete(seen, v)
}

func (w *walker) emit(suffix []model.Part) {
	w.found = append(w.found, slices.Clone(suffix))
}

func (w *walker) cut(v ssa.Value, suffix []model.Part) {
	w.emit(suffix)
	if pos := place(v); pos.IsValid() && len(suffix) > 0 {
		w.cuts[model.Cut{Pos: w.p.Pos(pos), Why: w.reason(v)}] = true
	}
}

// place is where a value comes from in the source.
func place(v ssa.Value) token.Pos {
	switch v := v.(type) {
	case *ssa.Extract:
		return place(v.Tuple)
	case *ssa.Next:
		return v.Iter.Pos()
	}
	return v.Pos()
}

// reason says why a value was not followed, as what is said of an RDD.
func (w *walker) reason(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Extract:
		return w.reason(v.Tuple)
	case *ssa.Lookup, *ssa.Next:
		return "comes out of a map"
	case *ssa.Index:
		return "comes out of an array"
	case *ssa.UnOp:
		return reasonOfLoad(v)
	case *ssa.TypeAssert:
		return "comes out of an interface"
	case *ssa.Call:
		return w.reasonOfCall(v)
	case *ssa.Parameter:
		return "is a parameter of " + nameOf(v.Parent()) + ", whose callers are not all known"
	case *ssa.Phi:
		return fmt.Sprintf("comes by more than %d ways, of which each would be a loop", maxChains)
	case *ssa.Select:
		return "comes out of a channel"
	}
	return "comes from where it was not followed"
}

func reasonOfLoad(v *ssa.UnOp) string {
	if v.Op == token.ARROW {
		return "comes out of a channel"
	}
	switch x := v.X.(type) {
	case *ssa.IndexAddr:
		if _, ok := types.Unalias(x.X.Type()).Underlying().(*types.Slice); ok {
			return "comes out of a slice"
		}
		return "comes out of an array"
	case *ssa.FieldAddr:
		return "comes out of a field that is not seen to be set"
	case *ssa.Global:
		return "comes out of a package variable that is not seen to be set"
	}
	return "comes through a pointer"
}

// nameOf names a function for people.
func nameOf(fn *ssa.Function) string {
	if fn.Parent() != nil {
		return "a function in " + scan.Outermost(fn).Name()
	}
	return fn.Name()
}

func (w *walker) reasonOfCall(c *ssa.Call) string {
	fn := c.Call.StaticCallee()
	if fn == nil {
		if c.Call.IsInvoke() {
			return "is the result of a method of an interface"
		}
		return "is the result of a function value"
	}
	pkg := scan.PackageOf(fn)
	if pkg == nil || pkg == scan.PackageOf(c.Parent()) {
		if pkg != nil && !w.p.Group.Implies(w.p.GroupOf(fn.Pos())) {
			return "is the result of " + nameOf(fn) + ", which is built under conditions: the code for those has the chains through it"
		}
		return "is the result of " + nameOf(fn) + ", which was not followed"
	}
	name := pkg.Pkg.Name() + "." + fn.Name()
	if pkg.Pkg.Path() == api.Typed {
		return "is the result of " + name
	}
	return "is the result of " + name + ", which has its own generated code"
}

// call follows the result of a call.
func (w *walker) call(c *ssa.Call, result int, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	if st := w.p.SiteOf(c); st != nil {
		w.operator(st, suffix, up, seen)
		return
	}
	fn := c.Call.StaticCallee()
	if fn == nil || len(fn.Blocks) == 0 || !w.flow.known[fn] || up != nil && up.deep >= maxDepth {
		w.cut(c, suffix)
		return
	}
	for f := up; f != nil; f = f.up {
		if f.call == c { // recursion
			w.emit(suffix)
			w.push(end{value: c})
			return
		}
	}
	inner := &frame{call: c, fn: fn, up: up, deep: 1}
	if up != nil {
		inner.deep = up.deep + 1
	}
	for _, b := range fn.Blocks {
		if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok && result < len(ret.Results) {
			w.walk(ret.Results[result], suffix, inner, seen)
		}
	}
}

// operator puts an operator in front of the chain, or ends it there.
func (w *walker) operator(st *scan.Site, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	i, registered := w.index[st]
	part := model.Part{Op: i}
	switch {
	case st.Op.Family == api.Pass:
		args := scan.RDDArgs(st.SSA)
		w.each(st.SSA, args, suffix, up, seen)
	case !registered || st.Op.Family == api.Source || st.Op.Family == api.Across:
		w.emit(suffix)
	case st.Op.Family == api.Narrow:
		if slices.Contains(suffix, part) || len(suffix) >= maxChain {
			w.emit(suffix)
			w.push(end{value: st.SSA})
			return
		}
		chain := append([]model.Part{part}, suffix...)
		w.walk(st.SSA.Call.Args[0], chain, up, seen)
	case st.Op.Step.Gives != model.GivesNothing && st.Op.Part == "": // the function behind a shuffle
		if slices.Contains(suffix, part) || len(suffix) >= maxChain {
			w.emit(suffix)
			return
		}
		w.emit(append([]model.Part{part}, suffix...))
	default:
		w.emit(suffix)
	}
}

// parameter follows a parameter to the arguments of the call that the walk came
// through, or of all calls.
func (w *walker) parameter(p *ssa.Parameter, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	fn := p.Parent()
	i := slices.Index(fn.Params, p)
	if up != nil && up.fn == fn {
		w.walk(up.call.Call.Args[i], suffix, up.up, seen)
		return
	}
	callers := w.flow.callers[fn]
	if len(callers) == 0 || w.flow.unknownCallers(fn) {
		w.cut(p, suffix)
	}
	var args []ssa.Value
	for _, c := range callers {
		args = append(args, c.Call.Args[i])
	}
	w.each(p, args, suffix, nil, seen)
}

// leftover makes the steps that are in no kernel ends of their own, from the
// last one back, so that each takes along what is before it.
func (w *walker) leftover() {
	for i := len(w.p.Sites) - 1; i >= 0; i-- {
		st := w.p.Sites[i]
		op, registered := w.index[st]
		if !registered || st.Op.Step.Gives == model.GivesNothing || st.Op.Part != "" || w.covered(op) {
			continue
		}
		w.push(end{value: st.SSA})
		w.run()
	}
}

func (w *walker) covered(op int) bool {
	for _, chain := range w.chains {
		if slices.Contains(chain, model.Part{Op: op}) {
			return true
		}
	}
	return false
}

// result gives the chains in the order of the source.
func (w *walker) result() Found {
	var f Found
	for _, chain := range w.chains {
		f.Chains = append(f.Chains, chain)
	}
	slices.SortFunc(f.Chains, func(a, b []model.Part) int {
		return cmp.Or(
			slices.CompareFunc(a, b, func(a, b model.Part) int { return cmp.Compare(a.Op, b.Op) }),
			strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	for c := range w.cuts {
		f.Cuts = append(f.Cuts, c)
	}
	slices.SortFunc(f.Cuts, func(a, b model.Cut) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), strings.Compare(a.Why, b.Why))
	})
	return f
}
