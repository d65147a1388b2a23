package chain

import (
	"cmp"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/scan"
)

// flow is what the walk needs to know of the whole package: who calls whom, and
// what is stored where.
type flow struct {
	known    map[*ssa.Function]bool
	callers  map[*ssa.Function][]*ssa.Call
	escaped  map[*ssa.Function]bool // used as a value
	byField  map[fieldKey][]ssa.Value
	byAddr   map[ssa.Value][]ssa.Value
	bindings map[*ssa.FreeVar]ssa.Value
	escaping []ssa.Value // RDDs that leave the package's sight
}

// fieldKey is a field of a type, which may be an instance of a generic one.
type fieldKey struct {
	of    *types.TypeName // nil for types without a name
	text  string          // its type arguments, or what it is
	field int
}

func newFlow(p *scan.Package) *flow {
	f := &flow{
		known:   map[*ssa.Function]bool{},
		callers: map[*ssa.Function][]*ssa.Call{}, escaped: map[*ssa.Function]bool{},
		byField: map[fieldKey][]ssa.Value{}, byAddr: map[ssa.Value][]ssa.Value{},
		bindings: map[*ssa.FreeVar]ssa.Value{},
	}
	for _, fn := range p.Funcs {
		f.known[fn] = true
	}
	for _, fn := range p.Funcs {
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				f.instruction(p, fn, in)
			}
		}
	}
	return f
}

func (f *flow) instruction(p *scan.Package, fn *ssa.Function, in ssa.Instruction) {
	switch in := in.(type) {
	case *ssa.MakeClosure:
		inner := in.Fn.(*ssa.Function)
		for i, b := range in.Bindings {
			f.bindings[inner.FreeVars[i]] = b
		}
	case *ssa.Return:
		if exported(fn) || open(fn) {
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
		if f.known[callee] {
			f.callers[callee] = append(f.callers[callee], c)
		} else if p.SiteOf(c) == nil {
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
		if kind, _ := api.Distributed(v.Type()); kind == "RDD" || kind == "PairRDD" {
			f.escaping = append(f.escaping, v)
		}
	}
}

func (f *flow) store(in *ssa.Store) {
	if kind, _ := api.Distributed(in.Val.Type()); kind == "" {
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

// fieldOf finds a struct's field by its type: instances of generic types are not
// the same in all places.
func fieldOf(t types.Type, field int) fieldKey {
	t = types.Unalias(t)
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	if !ok {
		return fieldKey{text: types.TypeString(t, nil), field: field}
	}
	k := fieldKey{of: n.Origin().Obj(), field: field}
	for arg := range n.TypeArgs().Types() {
		k.text += types.TypeString(arg, nil) + ","
	}
	return k
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

// open says whether a function is generic, without type arguments: what is
// called are instances of it.
func open(fn *ssa.Function) bool {
	return fn.TypeParams().Len() > 0 && len(fn.TypeArgs()) == 0 && fn.Parent() == nil
}

func exported(fn *ssa.Function) bool {
	obj := fn.Object()
	return obj != nil && obj.Exported()
}
