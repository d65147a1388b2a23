package scan

import (
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/model"
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

// walker follows RDDs backwards from ends.
type walker struct {
	s      *scanner
	index  *flow
	todo   []end
	queued map[string]bool
	chains map[string][]model.Part
	order  []string
	cuts   map[model.Cut]bool

	// of the end in hand
	found    [][]model.Part
	phiIsEnd bool
}

// makeKernels finds the chains of the package and makes a kernel of each.
func (s *scanner) makeKernels() {
	w := &walker{
		s: s, index: newFlow(s), queued: map[string]bool{},
		chains: map[string][]model.Part{}, cuts: map[model.Cut]bool{},
	}
	for _, st := range s.sites {
		w.endsOf(st)
	}
	for _, v := range w.index.escaping {
		w.push(end{value: v})
	}
	w.run()
	w.leftover()
	s.addKernels(w)
}

func (w *walker) push(e end) {
	key := fmt.Sprintf("%p %v %v", e.value, e.last, e.cut)
	if !w.queued[key] {
		w.queued[key] = true
		w.todo = append(w.todo, e)
	}
}

// endsOf adds the ends that an operator makes of what it reads.
func (w *walker) endsOf(st *site) {
	if st.op.family == pass || st.op.family == source || st.op.family == narrow {
		return
	}
	for _, arg := range rddArgs(st.ssa) {
		e := end{value: arg}
		switch {
		case st.index < 0:
		case st.op.end != model.EndRows, st.op.part == "key":
			e.last = []model.Part{{Op: st.index, Name: st.op.part}}
		}
		w.push(e)
	}
}

// rddArgs are the arguments of a call that are RDDs, the receiver first.
func rddArgs(c *ssa.Call) []ssa.Value {
	var all []ssa.Value
	for _, arg := range c.Call.Args {
		if kind, _ := distributed(arg.Type()); kind != "" {
			all = append(all, arg)
		}
		all = append(all, variadic(arg)...)
	}
	return all
}

// variadic gives the RDDs that a call lists for a variadic parameter.
func variadic(v ssa.Value) []ssa.Value {
	slice, ok := v.(*ssa.Slice)
	if !ok {
		return nil
	}
	alloc, ok := slice.X.(*ssa.Alloc)
	if !ok || alloc.Comment != "varargs" {
		return nil
	}
	var all []ssa.Value
	for _, ref := range *alloc.Referrers() {
		addr, ok := ref.(*ssa.IndexAddr)
		if !ok {
			continue
		}
		for _, ref := range *addr.Referrers() {
			if store, ok := ref.(*ssa.Store); ok && store.Addr == addr {
				if kind, _ := distributed(store.Val.Type()); kind != "" {
					all = append(all, store.Val)
				}
			}
		}
	}
	return all
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
	key := fmt.Sprint(chain)
	if _, ok := w.chains[key]; !ok {
		w.chains[key] = chain
		w.order = append(w.order, key)
	}
}

// worth says whether a kernel of a chain is better than the library's own
// code: a sink alone is not a kernel, and neither is the key of a sort, or an
// operator without a function.
func (w *walker) worth(chain []model.Part) bool {
	if len(chain) == 0 {
		return false
	}
	if len(chain) == 1 {
		op := &w.s.pkg.Ops[chain[0].Op]
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
			w.emit(suffix)
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
			if stores, ok := w.index.storesOf(v.X); ok {
				w.each(v, stores, suffix, up, seen)
				return
			}
		}
	case *ssa.Field:
		if stores, ok := w.index.fieldStores(v.X.Type(), v.Field); ok {
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
	if pos := v.Pos(); pos.IsValid() && len(suffix) > 0 {
		w.cuts[model.Cut{Pos: w.s.pos(pos), Why: reason(v)}] = true
	}
}

func reason(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Lookup:
		return "comes out of a map"
	case *ssa.UnOp:
		switch v.X.(type) {
		case *ssa.IndexAddr:
			return "comes out of a slice"
		}
		return "comes from memory that was not followed"
	case *ssa.TypeAssert:
		return "comes out of an interface"
	case *ssa.Call:
		return "is the result of a call that was not followed"
	case *ssa.Parameter:
		return "is a parameter of " + v.Parent().Name() + ", whose callers are not all known"
	}
	return "comes from where it was not followed"
}

// call follows the result of a call.
func (w *walker) call(c *ssa.Call, result int, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	if st := w.s.bySSA[c]; st != nil {
		w.operator(st, suffix, up, seen)
		return
	}
	fn := c.Call.StaticCallee()
	if fn == nil || len(fn.Blocks) == 0 || packageOf(fn) != w.s.SSA || up != nil && up.deep >= maxDepth {
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
func (w *walker) operator(st *site, suffix []model.Part, up *frame, seen map[ssa.Value]bool) {
	switch {
	case st.op.family == pass:
		args := rddArgs(st.ssa)
		w.each(st.ssa, args, suffix, up, seen)
	case st.index < 0 || st.op.family == source || st.op.family == across:
		w.emit(suffix)
	case st.op.family == narrow:
		part := model.Part{Op: st.index}
		if slices.Contains(suffix, part) || len(suffix) >= maxChain {
			w.emit(suffix)
			w.push(end{value: st.ssa})
			return
		}
		chain := append([]model.Part{part}, suffix...)
		w.walk(st.ssa.Call.Args[0], chain, up, seen)
	case st.op.step.Gives != model.GivesNothing && st.op.part == "": // the function behind a shuffle
		part := model.Part{Op: st.index}
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
	callers := w.index.callers[fn]
	if len(callers) == 0 || w.index.unknownCallers(fn) {
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
	for i := len(w.s.sites) - 1; i >= 0; i-- {
		st := w.s.sites[i]
		if st.index < 0 || st.op.step.Gives == model.GivesNothing || st.op.part != "" || w.covered(st.index) {
			continue
		}
		w.push(end{value: st.ssa})
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

// addKernels gives the kernels their names, in the order of the source.
func (s *scanner) addKernels(w *walker) {
	encl := make([]string, len(s.pkg.Ops))
	for _, st := range s.sites {
		if st.index >= 0 {
			encl[st.index] = st.encl
		}
	}
	var chains [][]model.Part
	for _, key := range w.order {
		chains = append(chains, w.chains[key])
	}
	slices.SortFunc(chains, func(a, b []model.Part) int {
		return cmp.Or(
			slices.CompareFunc(a, b, func(a, b model.Part) int { return cmp.Compare(a.Op, b.Op) }),
			strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	for _, chain := range chains {
		name := s.names.top(enclosingName(encl[chain[len(chain)-1].Op]) + "Kernel")
		s.pkg.Kernels = append(s.pkg.Kernels, model.Kernel{Name: name, Parts: chain})
	}
	for c := range w.cuts {
		s.pkg.Cuts = append(s.pkg.Cuts, c)
	}
	slices.SortFunc(s.pkg.Cuts, func(a, b model.Cut) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), strings.Compare(a.Why, b.Why))
	})
	for i := range s.pkg.Ops {
		op := &s.pkg.Ops[i]
		if len(op.Funcs) > 0 && op.Funcs[0].Faster != "" {
			s.pkg.Notes = append(s.pkg.Notes, model.Note{Pos: op.Pos, Text: fmt.Sprintf(
				"%s: kernels call rdd.%s for %s: same results, faster", op.Name, op.Funcs[0].Faster, op.Funcs[0].Call)})
		}
	}
}

// flow is what the walk needs to know of the whole package: who calls whom, and
// what is stored where.
type flow struct {
	callers  map[*ssa.Function][]*ssa.Call
	escaped  map[*ssa.Function]bool // used as a value
	byField  map[fieldKey][]ssa.Value
	byAddr   map[ssa.Value][]ssa.Value
	bindings map[*ssa.FreeVar]ssa.Value
	escaping []ssa.Value // RDDs that leave the package's sight
}

type fieldKey struct {
	of    types.Type
	field int
}

func newFlow(s *scanner) *flow {
	f := &flow{
		callers: map[*ssa.Function][]*ssa.Call{}, escaped: map[*ssa.Function]bool{},
		byField: map[fieldKey][]ssa.Value{}, byAddr: map[ssa.Value][]ssa.Value{},
		bindings: map[*ssa.FreeVar]ssa.Value{},
	}
	for _, fn := range s.funcs {
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				f.instruction(s, fn, in)
			}
		}
	}
	return f
}

func (f *flow) instruction(s *scanner, fn *ssa.Function, in ssa.Instruction) {
	switch in := in.(type) {
	case *ssa.MakeClosure:
		inner := in.Fn.(*ssa.Function)
		for i, b := range in.Bindings {
			f.bindings[inner.FreeVars[i]] = b
		}
	case *ssa.Return:
		if exported(fn) {
			f.leave(in.Results...)
		}
	case *ssa.Store:
		f.store(in)
	case *ssa.MapUpdate:
		f.leave(in.Value)
	case *ssa.Send:
		f.leave(in.X)
	case *ssa.MakeInterface:
		f.leave(in.X)
	}
	if c, ok := in.(*ssa.Call); ok {
		callee := c.Call.StaticCallee()
		if callee != nil && packageOf(callee) == s.SSA {
			f.callers[callee] = append(f.callers[callee], c)
		} else if s.bySSA[c] == nil {
			f.leave(c.Call.Args...)
		}
	}
	var buf [8]*ssa.Value
	for i, v := range in.Operands(buf[:0]) {
		callee, ok := (*v).(*ssa.Function)
		if _, call := in.(*ssa.Call); ok && (!call || i > 0) {
			f.escaped[callee] = true
		}
	}
}

// leave notes RDDs that go where the walk does not follow them.
func (f *flow) leave(vs ...ssa.Value) {
	for _, v := range vs {
		if kind, _ := distributed(v.Type()); kind == "RDD" || kind == "PairRDD" {
			f.escaping = append(f.escaping, v)
		}
	}
}

func (f *flow) store(in *ssa.Store) {
	if kind, _ := distributed(in.Val.Type()); kind == "" {
		return
	}
	switch addr := in.Addr.(type) {
	case *ssa.FieldAddr:
		k := fieldOf(addr.X.Type(), addr.Field)
		f.byField[k] = append(f.byField[k], in.Val)
	case *ssa.IndexAddr:
		if alloc, ok := addr.X.(*ssa.Alloc); !ok || alloc.Comment != "varargs" {
			f.leave(in.Val)
		}
	case *ssa.FreeVar, *ssa.Alloc, *ssa.Global:
		f.byAddr[addr] = append(f.byAddr[addr], in.Val)
	default:
		f.leave(in.Val)
	}
}

// fieldOf finds a struct's field by its type: generic types by their origin.
func fieldOf(t types.Type, field int) fieldKey {
	t = types.Unalias(t)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	return fieldKey{t, field}
}

func (f *flow) fieldStores(t types.Type, field int) ([]ssa.Value, bool) {
	vs, ok := f.byField[fieldOf(t, field)]
	return vs, ok
}

// storesOf gives what is stored at an address, or says that it does not know.
func (f *flow) storesOf(addr ssa.Value) ([]ssa.Value, bool) {
	if fa, ok := addr.(*ssa.FieldAddr); ok {
		return f.fieldStores(fa.X.Type(), fa.Field)
	}
	root := addr
	for {
		fv, ok := root.(*ssa.FreeVar)
		if !ok {
			break
		}
		if root, ok = f.bindings[fv]; !ok {
			return nil, false
		}
	}
	switch root.(type) {
	case *ssa.Alloc, *ssa.Global:
	default:
		return nil, false
	}
	all := slices.Clone(f.byAddr[root])
	for fv, b := range f.bindings {
		if f.rootOf(b) == root {
			all = append(all, f.byAddr[fv]...)
		}
	}
	slices.SortFunc(all, func(a, b ssa.Value) int { return cmp.Compare(a.Pos(), b.Pos()) })
	return all, len(all) > 0
}

func (f *flow) rootOf(v ssa.Value) ssa.Value {
	for {
		fv, ok := v.(*ssa.FreeVar)
		if !ok {
			return v
		}
		if v, ok = f.bindings[fv]; !ok {
			return fv
		}
	}
}

// unknownCallers says whether a function may be called from where the walk does
// not see.
func (f *flow) unknownCallers(fn *ssa.Function) bool { return f.escaped[fn] || exported(fn) }

func exported(fn *ssa.Function) bool {
	obj := fn.Object()
	return obj != nil && obj.Exported()
}
