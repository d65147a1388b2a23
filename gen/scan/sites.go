package scan

import (
	"cmp"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
)

// functions lists the package's functions with concrete types: declared ones,
// literals, and the instances of generic ones that the package calls.
func (p *Package) functions() []*ssa.Function {
	var all []*ssa.Function
	seen := map[*ssa.Function]bool{}
	var todo []*ssa.Function
	add := func(fn *ssa.Function) {
		if fn != nil && !seen[fn] {
			seen[fn] = true
			todo = append(todo, fn)
		}
	}
	scope := p.Types.Scope()
	for _, m := range p.SSA.Members {
		if fn, ok := m.(*ssa.Function); ok {
			add(fn)
		}
	}
	for _, name := range scope.Names() {
		if tn, ok := scope.Lookup(name).(*types.TypeName); ok {
			if named, ok := types.Unalias(tn.Type()).(*types.Named); ok {
				for m := range named.Methods() {
					add(p.SSA.Prog.FuncValue(m))
				}
			}
		}
	}
	for len(todo) > 0 {
		fn := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if PackageOf(fn) != p.SSA || !concrete(fn) {
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

// PackageOf is the package that a function is declared in, for instances too.
func PackageOf(fn *ssa.Function) *ssa.Package {
	fn = Outermost(fn)
	if fn.Pkg == nil && fn.Origin() != nil {
		return fn.Origin().Pkg
	}
	return fn.Pkg
}

// Outermost is the declared function that a literal stands in, or the function
// itself.
func Outermost(fn *ssa.Function) *ssa.Function {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	return fn
}

// concrete says whether a function has no open type parameters.
func concrete(fn *ssa.Function) bool {
	fn = Outermost(fn)
	if fn.TypeParams().Len() > 0 && len(fn.TypeArgs()) == 0 {
		return false
	}
	return !slices.ContainsFunc(fn.TypeArgs(), api.HasTypeParam)
}

// findSites matches the calls that SSA has with those of the syntax tree.
func (p *Package) findSites() {
	for _, fn := range p.Funcs {
		subst := substitution(fn)
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok {
					continue
				}
				call, callee := p.calls[c.Pos()], c.Call.StaticCallee()
				if call != nil && callee != nil {
					st := p.site(call, c, callee, subst)
					p.Sites = append(p.Sites, st)
					p.bySSA[c] = st
				}
			}
		}
	}
	slices.SortStableFunc(p.Sites, func(a, b *Site) int {
		return cmp.Or(strings.Compare(a.File.Name, b.File.Name), cmp.Compare(p.Offset(a.Expr.Lparen), p.Offset(b.Expr.Lparen)))
	})
}

// substitution has the type arguments of the function that a function stands
// in, by its type parameters.
func substitution(fn *ssa.Function) map[*types.TypeParam]types.Type {
	top := Outermost(fn)
	subst := map[*types.TypeParam]types.Type{}
	for i, arg := range top.TypeArgs() {
		subst[top.TypeParams().At(i)] = arg
	}
	return subst
}

func (p *Package) site(call *Call, c *ssa.Call, callee *ssa.Function, subst map[*types.TypeParam]types.Type) *Site {
	st := &Site{Call: call, SSA: c, Subst: subst, Types: map[string]types.Type{}, Result: c.Type()}
	for i, arg := range callee.TypeArgs() {
		st.Types[callee.TypeParams().At(i).Obj().Name()] = arg
	}
	params := callee.Signature.Params()
	for _, i := range functionParams(callee.Signature) {
		st.Sigs = append(st.Sigs, types.Unalias(params.At(i).Type()).(*types.Signature))
	}
	if call.Op.Funcs > 0 {
		st.Sigs = st.Sigs[:min(len(st.Sigs), call.Op.Funcs)]
	}
	if f := p.formatIn(call); f != nil {
		st.Sigs = append(st.Sigs, p.formatSignature(f))
	}
	return st
}

// ParamName is the name that the typed API has for one of the operator's
// functions: create, add, merge; "" where it has one only.
func (st *Site) ParamName(i int) string {
	params := st.SSA.Call.StaticCallee().Signature.Params()
	var names []string
	for v := range params.Variables() {
		if _, ok := types.Unalias(v.Type()).(*types.Signature); ok {
			names = append(names, v.Name())
		}
	}
	if len(names) < 2 || i >= len(names) {
		return ""
	}
	return names[i]
}

// RDDArgs are the arguments of a call that are RDDs, the receiver first.
func RDDArgs(c *ssa.Call) []ssa.Value {
	var all []ssa.Value
	for _, arg := range c.Call.Args {
		if kind, _ := api.Distributed(arg.Type()); kind != "" {
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
				if kind, _ := api.Distributed(store.Val.Type()); kind != "" {
					all = append(all, store.Val)
				}
			}
		}
	}
	return all
}
