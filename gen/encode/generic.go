package encode

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// Offers says whether the generated code of another package has the registration
// of one of its generic functions ([scan.Registration]), and where: in files of
// a group.
type Offers func(fn *types.Func) (scan.Group, bool)

// offered says whether files of a group can call what another package offers.
func (o Offers) offered(fn *types.Func, from scan.Group) bool {
	g, ok := o(fn)
	return ok && from.Implies(g)
}

// Generics gives the generic functions of a package that generated code has a
// registration for: those that have operators, or use functions that have one,
// and those that other packages give RDDs to or get them from. The last may have
// operators some day, and callers shall not have to be generated anew for that.
func Generics(p *scan.Package, offers Offers) []*scan.Generic {
	needed := map[*types.Func]bool{}
	need := func(g *scan.Generic) bool {
		return g.Exported() && api.Holds(g.Signature()) ||
			slices.ContainsFunc(g.Sites, func(st *scan.Site) bool { return st.Op.Family != api.Pass }) ||
			slices.ContainsFunc(g.Calls, func(c scan.Instance) bool {
				return needed[c.Func] || c.Pkg() != p.Types && offers.offered(c.Func, g.File.Group)
			})
	}
	for changed := true; changed; {
		changed = false
		for _, g := range p.Generics {
			if !needed[g.Func] && need(g) {
				needed[g.Func], changed = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(p.Generics), func(g *scan.Generic) bool { return !needed[g.Func] })
}

// Open describes the operators of the generic functions, and gives the package
// in which chains of them are found, with the places of the operators.
func (enc *Encoder) Open() (*scan.Package, []model.Op, map[*scan.Site]int) {
	all := Generics(enc.Package, enc.offers)
	for _, g := range all {
		enc.registrations[g.Func] = scan.Registration(g.Func)
		if g.Local {
			// It is not in the file for the function's own group, which does not
			// know of it.
			enc.registrations[g.Func] += upperFirst(camel(enc.group.Name()))
		}
	}
	all = slices.DeleteFunc(all, func(g *scan.Generic) bool { return !g.Local && g.File.Group != enc.group })
	open := enc.Package.Open(all)
	for _, g := range all {
		m := enc.makeGeneric(g)
		enc.makeOps(g.Sites, m)
		for _, st := range g.Sites {
			if i, ok := enc.index[st]; ok {
				enc.open[i] = true
			}
		}
	}
	enc.checkLines(open.Sites)
	return open, enc.pkg.Ops, enc.index
}

// makeGeneric describes a generic function, but for its operators.
func (enc *Encoder) makeGeneric(g *scan.Generic) *model.Generic {
	m := &model.Generic{Func: scan.Title(g.Func), Name: enc.registrations[g.Func]}
	if !enc.names.free(m.Name) {
		enc.diags.Report(g.Pos(), diag.DeclaredName, m.Name)
	}
	enc.names.taken[m.Name] = true
	enc.nameParams(g.Params)
	w := enc.writer(nil)
	var params, args []string
	for _, t := range g.Params {
		name := w.typ(t)
		args, params = append(args, name), append(params, name+" "+w.typ(t.Constraint()))
	}
	m.Params, m.Args = strings.Join(params, ", "), strings.Join(args, ", ")
	m.Calls = enc.calls(g.Calls)
	m.Calls = slices.DeleteFunc(m.Calls, func(call string) bool { return call == m.Name+"["+m.Args+"]" })
	enc.pkg.Generics = append(enc.pkg.Generics, m)
	return m
}

// nameParams gives type parameters the names that they have in generated code:
// their own, if they have one that means nothing else there.
func (enc *Encoder) nameParams(params []*types.TypeParam) {
	used := map[string]bool{}
	for _, t := range params {
		used[t.Obj().Name()] = true
	}
	for _, t := range params {
		name := t.Obj().Name()
		for i := 1; name == "_" || types.Universe.Lookup(name) != nil; i++ {
			if other := fmt.Sprintf("T%d", i); !used[other] && enc.names.free(other) {
				name = other
			}
		}
		used[name] = true
		enc.params[t] = name
	}
}

// calls writes the registrations of generic functions with type arguments, each
// once.
func (enc *Encoder) calls(uses []scan.Instance) []string {
	var all []string
	for _, use := range uses {
		if use.File.Group != enc.group {
			continue
		}
		if call := enc.call(use); call != "" && !slices.Contains(all, call) {
			all = append(all, call)
		}
	}
	return all
}

// call writes the registration of an instance; "" if there is none. That is said
// where it is known to be needed.
func (enc *Encoder) call(use scan.Instance) string {
	w := enc.writer(nil)
	var args []string
	for _, t := range use.Args {
		args = append(args, w.typ(t))
	}
	name, reason, remedy := enc.registration(use)
	if w.bad != nil && name != "" {
		reason, remedy = w.bad.why()
	}
	if reason != "" {
		enc.diags.Report(use.Pos, diag.NoInstance, enc.short(use), reason, remedy)
		return ""
	}
	if name == "" {
		return ""
	}
	return name + "[" + strings.Join(args, ", ") + "]"
}

// registration names the registration of a generic function in the generated
// file. Where there is none but should be, it says why.
func (enc *Encoder) registration(use scan.Instance) (name, reason, remedy string) {
	const conditional, move = "it is in a file that is built under conditions of its own", "move it to one without"
	holds := api.Holds(use.Signature())
	if samePackage(use.Pkg(), enc.Types) {
		switch {
		case enc.registrations[use.Func] != "":
			return enc.registrations[use.Func], "", ""
		case holds && !enc.group.Implies(enc.GroupOf(use.Func.Pos())):
			return "", conditional, move
		}
		return "", "", ""
	}
	switch group, ok := enc.offers(use.Func); {
	case ok && !enc.group.Implies(group):
		return "", conditional, move
	case ok:
		return enc.names.qualifier(use.Pkg()) + "." + scan.Registration(use.Func), "", ""
	case holds:
		return "", fmt.Sprintf("what is generated of package %s does not offer it", use.Pkg().Path()), "run go generate there"
	}
	return "", "", ""
}

// short names an instance for people: lib.Dedupe[Row].
func (enc *Encoder) short(use scan.Instance) string {
	qual := func(p *types.Package) string {
		if p == enc.Types {
			return ""
		}
		return p.Name()
	}
	var args []string
	for _, t := range use.Args {
		args = append(args, types.TypeString(t, qual))
	}
	name := scan.Title(use.Func) + "[" + strings.Join(args, ", ") + "]"
	if q := qual(use.Pkg()); q != "" {
		name = q + "." + name
	}
	return name
}

// unshown finds type parameters that an operator depends on, and by which it
// cannot be found: its function's type does not show them.
func (enc *Encoder) unshown(st *scan.Site) []string {
	shown := map[*types.TypeParam]bool{}
	w := enc.canonicalWriter(st.Subst)
	w.open = func(t *types.TypeParam) { shown[t] = true }
	if st.Op.Fn < len(st.Sigs) {
		w.signature(st.Sigs[st.Op.Fn])
	}
	for _, t := range enc.typeList(st, st.Op.Types) {
		t(w)
	}
	var names []string
	for t := range enc.depends {
		if !shown[t] {
			names = append(names, t.Obj().Name())
		}
	}
	slices.Sort(names)
	return names
}
