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

// Generic is a generic function of the package, as it is written: with its type
// parameters for types. Packages that call it see the types, but not the code.
type Generic struct {
	*types.Func
	Params []*types.TypeParam // those of a method's receiver first
	File   *File
	// Local says that other packages have no way to it: files that are not built
	// wherever its own is use it with types of theirs.
	Local bool
	// Funcs are the function and the literals in it.
	Funcs []*ssa.Function
	Sites []*Site
	Calls []Instance
}

// Instance is a generic function that is used with type arguments, which hold
// type parameters where a generic function uses it.
type Instance struct {
	*types.Func // as declared
	Args        []types.Type
	Pos         token.Pos
	File        *File
}

// Registers begins the names of registrations that other packages may call.
const Registers = "RddRegister"

// Registration names the function of generated code that registers a generic
// one for types.
func Registration(fn *types.Func) string {
	prefix := "rddRegister"
	if fn.Exported() {
		prefix = Registers
	}
	name := fn.Name()
	if recv := receiver(fn); recv != nil {
		return prefix + recv.Obj().Name() + "_" + name
	}
	return prefix + strings.ToUpper(name[:1]) + name[1:]
}

func receiver(fn *types.Func) *types.Named {
	recv := fn.Signature().Recv()
	if recv == nil {
		return nil
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}

// Title is a generic function as people call it: Dedupe, Flow.Size.
func Title(fn *types.Func) string {
	if recv := receiver(fn); recv != nil {
		return recv.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}

// findGenerics finds the generic functions that other packages may call, and
// those that they use.
func (p *Package) findGenerics() {
	if ofTyped(p.Types) {
		return
	}
	known := map[*ssa.Function]bool{}
	var todo []*ssa.Function
	local := false
	add := func(fn *ssa.Function) {
		if fn != nil && !known[fn] && len(fn.TypeArgs()) == 0 && fn.TypeParams().Len() > 0 && len(fn.Blocks) > 0 {
			known[fn] = true
			todo = append(todo, fn)
		}
	}
	follow := func() {
		for len(todo) > 0 {
			fn := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			g := p.generic(fn)
			if g == nil {
				continue
			}
			g.Local = local
			p.Generics = append(p.Generics, g)
			for _, c := range g.Calls {
				if c.Pkg() == p.Types {
					add(p.SSA.Prog.FuncValue(c.Func))
				}
			}
		}
	}
	for _, fn := range p.declared() {
		if obj := fn.Object(); obj != nil && obj.Exported() {
			add(fn)
		}
	}
	follow()
	local = true
	for _, use := range p.Instances {
		if use.Pkg() == p.Types && use.File.Group == p.Group {
			add(p.SSA.Prog.FuncValue(use.Func))
		}
	}
	follow()
	slices.SortFunc(p.Generics, func(a, b *Generic) int { return p.compare(a.Pos(), b.Pos()) })
}

// generic describes a generic function; nil where it is in a file that is not
// looked at.
func (p *Package) generic(fn *ssa.Function) *Generic {
	obj, ok := fn.Object().(*types.Func)
	if !ok {
		return nil
	}
	f := p.fileOf(obj.Pos())
	if f == nil || !p.in(f) {
		return nil
	}
	g := &Generic{Func: obj, File: f}
	for t := range fn.TypeParams().TypeParams() {
		g.Params = append(g.Params, t)
	}
	var visit func(fn *ssa.Function)
	visit = func(fn *ssa.Function) {
		g.Funcs = append(g.Funcs, fn)
		p.uses(fn, func(used *ssa.Function, pos token.Pos) { g.Calls = p.instance(g.Calls, used, pos) })
		converted(fn, func(t *types.Named, pos token.Pos) { g.Calls = p.methodInstances(g.Calls, t, pos) })
		for _, anon := range fn.AnonFuncs {
			visit(anon)
		}
	}
	visit(fn)
	g.Sites = p.sitesIn(g.Funcs)
	return g
}

func (p *Package) fileOf(pos token.Pos) *File { return p.files[p.Fset.File(pos)] }

// uses calls what a function mentions. Method values and the like are looked
// through.
func (p *Package) uses(fn *ssa.Function, use func(fn *ssa.Function, pos token.Pos)) {
	var buf [8]*ssa.Value
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			for _, v := range in.Operands(buf[:0]) {
				used, ok := (*v).(*ssa.Function)
				if !ok {
					continue
				}
				use(used, positionIn(fn, in))
				if used.Synthetic != "" && PackageOf(used) == nil {
					p.uses(used, func(used *ssa.Function, _ token.Pos) { use(used, positionIn(fn, in)) })
				}
			}
		}
	}
}

// positionIn is the place of an instruction, or of its function where the
// instruction is written nowhere.
func positionIn(fn *ssa.Function, in ssa.Instruction) token.Pos {
	if in.Pos().IsValid() {
		return in.Pos()
	}
	return fn.Pos()
}

// converted calls the instances of generic types that a function converts to
// interfaces, through which their methods may be called.
func converted(fn *ssa.Function, use func(t *types.Named, pos token.Pos)) {
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			if c, ok := in.(*ssa.MakeInterface); ok {
				t := types.Unalias(c.X.Type())
				if ptr, ok := t.(*types.Pointer); ok {
					t = types.Unalias(ptr.Elem())
				}
				if n, ok := t.(*types.Named); ok && n.TypeArgs().Len() > 0 {
					use(n, positionIn(fn, in))
				}
			}
		}
	}
}

// methods are the methods of an instance of a generic type of the package, where
// it has no type parameters.
func (p *Package) methods(t *types.Named) []*ssa.Function {
	if t.Obj().Pkg() != p.Types || api.HasTypeParam(t) {
		return nil
	}
	var all []*ssa.Function
	set := p.SSA.Prog.MethodSets.MethodSet(types.NewPointer(t))
	for sel := range set.Methods() {
		if fn := p.SSA.Prog.MethodValue(sel); fn != nil {
			all = append(all, fn)
			if PackageOf(fn) == nil { // by way of a pointer
				p.uses(fn, func(used *ssa.Function, _ token.Pos) { all = append(all, used) })
			}
		}
	}
	return all
}

// methodInstances adds the methods of a generic type to what is used.
func (p *Package) methodInstances(all []Instance, t *types.Named, pos token.Pos) []Instance {
	args := slices.Collect(t.TypeArgs().Types())
	for m := range t.Origin().Methods() {
		if m.Signature().TypeParams().Len() == 0 {
			all = p.add(all, m, args, pos)
		}
	}
	return all
}

// instance adds a function to those that are used with type arguments, if it is
// one.
func (p *Package) instance(all []Instance, fn *ssa.Function, pos token.Pos) []Instance {
	origin := fn.Origin()
	if fn.Parent() != nil || origin == nil || len(fn.TypeArgs()) == 0 || origin.Pkg == nil {
		return all
	}
	if obj, ok := origin.Object().(*types.Func); ok {
		return p.add(all, obj, fn.TypeArgs(), pos)
	}
	return all
}

// add adds a generic function of which there may be code. The typed API needs no
// generated code, for any type.
func (p *Package) add(all []Instance, fn *types.Func, args []types.Type, pos token.Pos) []Instance {
	if ofTyped(fn.Pkg()) || !pos.IsValid() {
		return all
	}
	f := p.fileOf(pos)
	if f == nil || !p.in(f) {
		return all
	}
	return append(all, Instance{Func: fn, Args: args, Pos: pos, File: f})
}

// ofTyped says whether a package is the typed API, or what tests pipelines. What else
// is under it, as package sketch, is a library like others.
func ofTyped(p *types.Package) bool {
	return p.Path() == api.Typed || p.Path() == api.Typed+"/typedtest"
}

// findInstances finds the generic functions that the package's functions with
// concrete types use, and that are none of these.
func (p *Package) findInstances() {
	known := map[*ssa.Function]bool{}
	for _, fn := range p.Funcs {
		known[fn] = true
	}
	use := func(used *ssa.Function, pos token.Pos) {
		own := PackageOf(used) == p.SSA
		if !known[used] && concrete(used) && (!own || p.in(p.fileOf(used.Pos()))) {
			p.Instances = p.instance(p.Instances, used, pos)
		}
	}
	for _, fn := range p.Funcs {
		p.uses(fn, use)
		converted(fn, func(t *types.Named, pos token.Pos) {
			if t.Obj().Pkg() != p.Types {
				p.Instances = p.methodInstances(p.Instances, t, pos)
			}
			for _, m := range p.methods(t) {
				use(m, pos)
			}
		})
	}
	slices.SortStableFunc(p.Instances, func(a, b Instance) int { return p.compare(a.Pos, b.Pos) })
}

// compare orders positions by file and place.
func (p *Package) compare(a, b token.Pos) int {
	fa, fb := p.Fset.File(a), p.Fset.File(b)
	return cmp.Or(strings.Compare(fa.Name(), fb.Name()), cmp.Compare(fa.Offset(a), fb.Offset(b)))
}

// Open gives the package with some of its generic functions as if they had
// concrete types.
func (p *Package) Open(generics []*Generic) *Package {
	q := *p
	q.Sites, q.Funcs, q.bySSA = slices.Clip(p.Sites), slices.Clip(p.Funcs), map[*ssa.Call]*Site{}
	for _, g := range generics {
		q.Sites, q.Funcs = append(q.Sites, g.Sites...), append(q.Funcs, g.Funcs...)
	}
	for _, st := range q.Sites {
		q.bySSA[st.SSA] = st
	}
	return &q
}
