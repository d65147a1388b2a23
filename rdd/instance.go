package rdd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"reflect"
	"runtime"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Instance registers what a generic function's operators are for one set of type
// arguments. The package of the function generates the code that does it, as a
// generic function; generated files of the packages that call the function call
// that one, with the types that they see.
type Instance struct {
	pkg *Package
	// ids has what the operators of this instance are registered as, by the ID
	// that they have in the generated file.
	ids map[string]string
}

// instanceKey is a generic function with type arguments: those of the type args.
type instanceKey struct {
	dir, function string
	args          reflect.Type
}

// RegisterInstance starts the registration of a generic function of the package
// whose generated file calls it. args stands for the type arguments: the nil
// value of a function type with a parameter of each. It returns nil where that
// instance is registered, or being registered, already.
func RegisterInstance(function string, args any) *Instance {
	_, file, _, ok := runtime.Caller(1)
	if !ok {
		panic("rdd.RegisterInstance: no caller")
	}
	r := registered
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.packageOf(file)
	key := instanceKey{p.dir, function, reflect.TypeOf(args)}
	if r.instances[key] {
		return nil
	}
	r.instances[key] = true
	return &Instance{pkg: p, ids: map[string]string{}}
}

// Op registers an operator as [Package.Op] does. Its ID is made of the given one
// and of the types by which its call is found, so that it is the same in every
// process. Where the package has generated code for that call with these types
// itself, that counts.
func (in *Instance) Op(id plan.OpID, file string, line, token int, op *Op) {
	r := in.pkg.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	key := in.pkg.key(file, line, op)
	actual, ok := r.sites[key]
	if !ok {
		actual = plan.OpID(instanceID(string(id), op.Func, op.shows))
		in.pkg.add(key, token, actual, op)
	}
	in.ids[string(id)] = string(actual)
}

// Kernel registers code for a chain of operators as [Package.Kernel] does, unless
// there is some.
func (in *Instance) Kernel(k Kernel, ops ...string) {
	refs := make([]string, len(ops))
	for i, ref := range ops {
		id, part, side := strings.Cut(ref, "/")
		refs[i] = ref
		if actual, ok := in.ids[id]; ok {
			refs[i] = actual
			if side {
				refs[i] += "/" + part
			}
		}
	}
	r := in.pkg.reg
	if _, ok := r.kernel(strings.Join(refs, "\n")); !ok {
		in.pkg.Kernel(k, refs...)
	}
}

// instanceID is the ID of an operator for types.
func instanceID(id string, types ...reflect.Type) string {
	h := sha256.New()
	for _, t := range types {
		_, _ = fmt.Fprintf(h, "%s\x00", typeID(t))
	}
	return id + "-" + hex.EncodeToString(h.Sum(nil)[:6])
}

// typeID writes a type with the import paths of the packages in it, which
// reflect.Type.String leaves out.
func typeID(t reflect.Type) string {
	if t == nil {
		return ""
	}
	if t.Name() != "" {
		return t.PkgPath() + "." + t.Name() // with the paths of type arguments
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + typeID(t.Elem())
	case reflect.Slice:
		return "[]" + typeID(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + typeID(t.Elem())
	case reflect.Map:
		return "map[" + typeID(t.Key()) + "]" + typeID(t.Elem())
	case reflect.Chan:
		return t.ChanDir().String() + "(" + typeID(t.Elem()) + ")"
	case reflect.Func:
		return funcID(t)
	case reflect.Struct:
		return structID(t)
	case reflect.Interface:
		return interfaceID(t)
	}
	return t.String()
}

func funcID(t reflect.Type) string {
	var in, out []string
	for p := range t.Ins() {
		in = append(in, typeID(p))
	}
	for p := range t.Outs() {
		out = append(out, typeID(p))
	}
	dots := ""
	if t.IsVariadic() {
		dots = "..."
	}
	return "func(" + strings.Join(in, ",") + dots + ")(" + strings.Join(out, ",") + ")"
}

func structID(t reflect.Type) string {
	var b strings.Builder
	b.WriteString("struct{")
	for f := range t.Fields() {
		fmt.Fprintf(&b, "%s %s %t %s %q;", f.PkgPath, f.Name, f.Anonymous, typeID(f.Type), f.Tag)
	}
	return b.String() + "}"
}

func interfaceID(t reflect.Type) string {
	var b strings.Builder
	b.WriteString("interface{")
	for m := range t.Methods() {
		fmt.Fprintf(&b, "%s %s %s;", m.PkgPath, m.Name, typeID(m.Type))
	}
	return b.String() + "}"
}

// unregistered says why an operator of a package whose code is fresh is not
// registered.
func (p *Package) unregistered(op *Op, c Call) *CodeError {
	if _, ok := p.sources[c.Site.File]; !ok {
		return &CodeError{What: fmt.Sprintf("%s (%s) was not there at go generate", op.Name, c.Site), Dir: c.Dir, Stale: true}
	}
	// It stands in a generic function, whose caller registers it.
	if stale := p.reg.stale(); stale != nil {
		return stale.staleError()
	}
	return &CodeError{What: fmt.Sprintf("%s (%s) stands in a generic function of %s, and the package that calls it was not generated with these types (%s)",
		op.Name, c.Site, path.Base(c.Dir), shown(op))}
}

// shown are the types by which an operator is found, for people.
func shown(op *Op) string {
	switch {
	case op.Func != nil:
		return op.Func.String()
	case op.shows != nil:
		return op.shows.String()
	}
	return "none"
}
