package scan

import (
	"cmp"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
)

// declared lists the functions and methods that the package declares.
func (p *Package) declared() []*ssa.Function {
	var all []*ssa.Function
	for _, m := range p.SSA.Members {
		if fn, ok := m.(*ssa.Function); ok {
			all = append(all, fn)
		}
	}
	scope := p.Types.Scope()
	for _, name := range scope.Names() {
		if tn, ok := scope.Lookup(name).(*types.TypeName); ok {
			if named, ok := types.Unalias(tn.Type()).(*types.Named); ok {
				for m := range named.Methods() {
					if fn := p.SSA.Prog.FuncValue(m); fn != nil {
						all = append(all, fn)
					}
				}
			}
		}
	}
	return all
}

// functions lists the functions with concrete types of some files: declared ones,
// literals, and the instances of generic ones that these use.
func (p *Package) functions(in func(*File) bool) []*ssa.Function {
	var all []*ssa.Function
	seen := map[*ssa.Function]bool{}
	var todo []*ssa.Function
	add := func(fn *ssa.Function, at token.Pos) {
		if seen[fn] {
			return
		}
		if at.IsValid() { // else it is the package's initialization
			if f := p.fileOf(at); f == nil || !in(f) {
				return
			}
		}
		seen[fn] = true
		todo = append(todo, fn)
	}
	for _, fn := range p.declared() {
		add(fn, fn.Pos())
	}
	for len(todo) > 0 {
		fn := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if PackageOf(fn) != p.SSA || !concrete(fn) {
			continue
		}
		all = append(all, fn)
		for _, anon := range fn.AnonFuncs {
			add(anon, anon.Pos())
		}
		p.uses(fn, add)
		converted(fn, func(t *types.Named, pos token.Pos) {
			for _, m := range p.methods(t) {
				add(m, pos)
			}
		})
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

// sitesIn matches the calls that the SSA form of functions has with those of the
// syntax tree.
func (p *Package) sitesIn(fns []*ssa.Function) []*Site {
	var all []*Site
	for _, fn := range fns {
		subst := substitution(fn)
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok {
					continue
				}
				call, callee := p.calls[c.Pos()], c.Call.StaticCallee()
				if call != nil && callee != nil {
					all = append(all, p.site(call, c, callee, subst))
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Site) int { return p.compare(a.Expr.Lparen, b.Expr.Lparen) })
	return all
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
