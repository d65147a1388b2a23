package check

import (
	"fmt"
	"go/token"
	"go/types"
	"iter"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// travels checks the types that a site sends from one process to another, by
// the rules of package codec.
func (s *checker) travels(st *scan.Site) {
	at := st.Expr.Lparen
	if st.With {
		if why := s.cannotTravel(st.Types["E"]); why != "" {
			s.report(at, diag.EnvCannotTravel, why)
		}
		if path := sharedAccumulator(st.Types["E"], s.short(st.Types["E"]), false, map[types.Type]bool{}); path != "" {
			s.report(at, diag.SharedAccumulator, path)
		}
	}
	switch st.Op.Family {
	case api.Wide:
		for _, arg := range scan.RDDArgs(st.SSA) {
			s.checkRows(at, arg.Type())
		}
		if st.Op.End != model.EndRows {
			s.checkRows(at, st.Result)
		}
		if st.Op.End == model.EndDistinct {
			s.checkKey(at, st.Types["T"])
		}
		if st.Op.End == model.EndKeyed {
			s.checkKey(at, st.Types["K"])
		}
	case api.Action:
		if st.Op.Name == "SaveAsTextFile" {
			s.text(st)
		}
		if st.Op.Ctor == "CollectOp" || st.Op.Ctor == "SaveAsObjectFileOp" || st.Op.End == model.EndReduce || st.Op.Name == "TakeOrdered" || st.Op.Name == "Top" {
			s.checkRows(at, st.SSA.Call.Args[0].Type())
		}
		if st.Op.End == model.EndAdd {
			s.checkElement(at, st.Types["A"])
		}
	case api.Across:
		if st.Op.Ctor == "CheckpointOp" || st.Op.Ctor == "LocalCheckpointOp" {
			s.checkRows(at, st.SSA.Call.Args[0].Type())
		}
	case api.Placer:
		s.checkKey(at, st.Types["K"])
	case api.Source:
		if t := st.Types["T"]; t != nil {
			s.checkElement(at, t)
		}
	}
}

// checkRows checks the elements of an RDD, and its keys.
func (s *checker) checkRows(at token.Pos, t types.Type) {
	kind, args := api.Distributed(t)
	if kind == "RDDWith" || kind == "PairWith" {
		args = args[1:]
	}
	for _, arg := range args {
		s.checkElement(at, arg)
	}
	if kind == "PairRDD" || kind == "PairWith" {
		s.checkKey(at, args[0])
	}
}

func (s *checker) checkElement(at token.Pos, t types.Type) {
	v := &traveler{s: s, seen: map[types.Type]bool{}}
	v.visit(t, s.short(t))
	if v.why == "" {
		return
	}
	if v.iface {
		s.report(at, diag.UnknownConcrete, s.short(t), v.why)
		return
	}
	owner := v.owner(s.short(t))
	remedy := "leave it out, or give " + owner + " MarshalBinary and UnmarshalBinary"
	if v.embedded {
		remedy = "give the field a name"
	}
	s.report(at, diag.NotEncodable, s.short(t), v.why, remedy)
}

// cannotTravel says why values of a type cannot be encoded; "" if they can.
func (s *checker) cannotTravel(t types.Type) string {
	v := &traveler{s: s, seen: map[types.Type]bool{}}
	v.visit(t, s.short(t))
	if v.why == "" {
		return ""
	}
	return fmt.Sprintf("type %s cannot travel: %s", s.short(t), v.why)
}

// traveler looks for a part of a type that cannot be encoded.
type traveler struct {
	s     *checker
	seen  map[types.Type]bool
	why   string
	iface bool
	// embedded says that a field must have a name.
	embedded bool
	owners   []string
}

func (v *traveler) owner(t string) string {
	if len(v.owners) > 0 {
		return v.owners[len(v.owners)-1]
	}
	return t
}

func (v *traveler) fail(path string, t types.Type, why string) {
	if v.why == "" {
		v.why = fmt.Sprintf("%s (%s) %s", path, v.s.short(t), why)
	}
}

func (v *traveler) visit(t types.Type, path string) {
	t = types.Unalias(t)
	if v.why != "" || v.seen[t] {
		return
	}
	v.seen[t] = true
	if _, ok := t.(*types.TypeParam); ok {
		return // judged where it is known
	}
	if kind, _ := api.Distributed(t); kind != "" || api.IsNamed(t, api.Typed, "Session") {
		v.fail(path, t, "belongs to the driver")
		return
	}
	if _, isIface := t.Underlying().(*types.Interface); !isIface && !isTime(t) && !isAccumulator(t) {
		if methods := marshaling(t); methods != nil {
			v.ownMethods(t, path, methods)
			return
		}
	}
	if isTime(t) {
		return
	}
	if isAccumulator(t) {
		for arg := range t.(*types.Named).TypeArgs().Types() {
			v.visit(arg, path+"[value]")
		}
		return
	}
	std := isStd(t)
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Kind() == types.UnsafePointer {
			v.fail(path, t, "cannot be encoded")
		}
	case *types.Signature, *types.Chan:
		v.fail(path, t, "cannot be encoded")
	case *types.Interface:
		if !v.s.registers(u) {
			v.fail("interface "+path, t, "has unknown concrete types")
			v.iface = true
		}
	case *types.Pointer:
		v.visit(u.Elem(), path)
	case *types.Slice:
		v.visit(u.Elem(), path+"[]")
	case *types.Array:
		v.visit(u.Elem(), path+"[]")
	case *types.Map:
		v.visit(u.Key(), path+"[key]")
		v.visit(u.Elem(), path+"[]")
	case *types.Struct:
		v.structure(t, u, path, std)
	}
}

func (v *traveler) structure(t types.Type, u *types.Struct, path string, std bool) {
	if n, ok := t.(*types.Named); ok && !std {
		v.owners = append(v.owners, n.Obj().Name())
		defer func() {
			if v.why == "" {
				v.owners = v.owners[:len(v.owners)-1]
			}
		}()
	}
	named := false
	for f := range u.Fields() {
		if f.Name() == "_" {
			continue
		}
		named = true
		if std && !f.Exported() {
			v.fail("field "+path+"."+f.Name(), f.Type(), "is unexported in package "+f.Pkg().Path())
			return
		}
		v.visit(f.Type(), path+"."+f.Name())
	}
	if !named && types.SizesFor("gc", "amd64").Sizeof(u) > 0 { // nothing is encoded as nothing
		v.fail(path, t, "has no field with a name")
	}
}

// isAccumulator says whether values of a type are accumulators.
func isAccumulator(t types.Type) bool {
	return api.IsNamed(t, api.RDD, "Accumulator") || api.IsNamed(t, api.RDD, "Total") || api.IsNamed(t, api.RDD, "Extremes")
}

// sharedAccumulator finds an accumulator in a With value that is behind what all
// tasks of a process share, so that they could not be told apart; "": there is none.
func sharedAccumulator(t types.Type, path string, shared bool, seen map[types.Type]bool) string {
	t = types.Unalias(t)
	switch {
	case isAccumulator(t) && shared:
		return path
	case isAccumulator(t):
		return ""
	}
	if was, looked := seen[t]; looked && (was || !shared) {
		return ""
	}
	seen[t] = shared // what was seen as it is must be looked at again where it is shared
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return sharedAccumulator(u.Elem(), path, true, seen)
	case *types.Slice:
		return sharedAccumulator(u.Elem(), path, true, seen)
	case *types.Array:
		return sharedAccumulator(u.Elem(), path, true, seen)
	case *types.Map:
		return sharedAccumulator(u.Elem(), path, true, seen)
	case *types.Struct:
		for f := range u.Fields() {
			if found := sharedAccumulator(f.Type(), path+"."+f.Name(), shared, seen); found != "" {
				return found
			}
		}
	}
	return ""
}

// ownMethods makes sure that marshaling methods are not those of an embedded
// field, which would stand for the whole.
func (v *traveler) ownMethods(t types.Type, path string, methods []string) {
	u, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for f := range u.Fields() {
		if !f.Embedded() {
			continue
		}
		for _, name := range methods {
			if hasMethod(f.Type(), name) {
				v.embedded = true
				v.fail(path+"."+f.Name(), f.Type(), "cannot be encoded when embedded: its "+name+" would stand for the whole "+v.s.short(t))
				return
			}
		}
	}
}

// isTime says whether a type is time.Time, or is declared as one.
func isTime(t types.Type) bool {
	u, ok := t.Underlying().(*types.Struct)
	if !ok || u.NumFields() != 3 {
		return false
	}
	f := u.Field(0)
	return f.Name() == "wall" && f.Pkg() != nil && f.Pkg().Path() == "time"
}

// stdRoots are the first elements of import paths of the standard library, as
// package codec has them: a user's module may have a path without a dot as well.
const stdRoots = " archive bufio bytes cmp compress container context crypto database debug embed encoding errors" +
	" expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp" +
	" runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe uuid vendor weak "

// isStd says whether a type belongs to the standard library.
func isStd(t types.Type) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Pkg() != nil && strings.Contains(stdRoots, " "+firstElement(n.Obj().Pkg().Path())+" ")
}

// marshaling gives the pair of marshaling methods that a type has, on itself or
// on its pointer. Text is second choice, and not for what travels by its kind.
func marshaling(t types.Type) []string {
	if hasMethod(t, "MarshalBinary") && hasMethod(t, "UnmarshalBinary") {
		return []string{"MarshalBinary", "UnmarshalBinary"}
	}
	_, basic := t.Underlying().(*types.Basic)
	if !basic && hasMethod(t, "MarshalText") && hasMethod(t, "UnmarshalText") {
		return []string{"MarshalText", "UnmarshalText"}
	}
	return nil
}

func hasMethod(t types.Type, name string) bool {
	switch types.Unalias(t).(type) {
	case *types.Named, *types.Struct:
		t = types.NewPointer(t)
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	_, ok := obj.(*types.Func)
	return ok
}

// registers says whether the package registers a type for an interface, or one
// of its module that it imports.
func (s *checker) registers(iface *types.Interface) bool {
	for t := range s.fns.registered() {
		if types.Implements(t, iface) {
			return true
		}
	}
	found := false
	s.eachImport(func(p *types.Package) {
		facts := s.fns.factsOf(p.Path())
		if facts == nil || found {
			return
		}
		for _, name := range facts.Registered {
			obj, ok := p.Scope().Lookup(name).(*types.TypeName)
			found = found || ok && (types.Implements(obj.Type(), iface) || types.Implements(types.NewPointer(obj.Type()), iface))
		}
	})
	return found
}

// eachImport visits the packages that the package imports, and those that they
// do.
func (s *checker) eachImport(visit func(*types.Package)) {
	seen := map[*types.Package]bool{}
	todo := slices.Clone(s.Types.Imports())
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[p] {
			seen[p] = true
			visit(p)
			todo = append(todo, p.Imports()...)
		}
	}
}

// registered lists the types that the package registers for interfaces.
func (fs *functions) registered() iter.Seq[types.Type] {
	return func(yield func(types.Type) bool) {
		for id, inst := range fs.Info.Instances {
			fn, ok := fs.Info.Uses[id].(*types.Func)
			if !ok || fn.Pkg() == nil || fn.Pkg().Path() != api.Codec && fn.Pkg().Path() != api.Typed || inst.TypeArgs.Len() == 0 {
				continue
			}
			if (fn.Name() == "RegisterName" || fn.Name() == "Register") && !yield(inst.TypeArgs.At(0)) {
				return
			}
		}
	}
}

// checkKey checks a key type.
func (s *checker) checkKey(at token.Pos, t types.Type) {
	s.keyPart(at, t, t, s.short(t))
}

// floatKey warns of a key of floating-point numbers, once for each type.
func (s *checker) floatKey(at token.Pos, key, t, path string) {
	if s.floatKeys[key] {
		return
	}
	s.floatKeys[key] = true
	what := "key type " + key
	if path != key {
		what += fmt.Sprintf(" contains %s %s", t, path)
	}
	s.report(at, diag.FloatKey, what)
}

func (s *checker) keyPart(at token.Pos, key, t types.Type, path string) {
	name := s.short(key)
	if isTime(t) {
		s.report(at, diag.PointerKey, name, path+".loc", "key by its UnixNano")
		return
	}
	switch u := types.Unalias(t).Underlying().(type) {
	case *types.Basic:
		if u.Info()&(types.IsFloat|types.IsComplex) != 0 {
			s.floatKey(at, name, s.short(t), path)
		}
	case *types.Pointer, *types.Chan:
		s.report(at, diag.PointerKey, name, path, "key by value")
	case *types.Interface:
		s.report(at, diag.InterfaceKey, name, path)
	case *types.Array:
		s.keyPart(at, key, u.Elem(), path+"[]")
	case *types.Struct:
		for f := range u.Fields() {
			if f.Name() != "_" {
				s.keyPart(at, key, f.Type(), path+"."+f.Name())
			}
		}
	}
}

// CannotTravel says why values of a type cannot be encoded; "" if they can.
func CannotTravel(p *scan.Package, t types.Type) string {
	s := newChecker(p, nil, nil)
	return s.cannotTravel(t)
}
