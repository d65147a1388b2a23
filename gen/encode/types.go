package encode

import (
	"cmp"
	"fmt"
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
)

// writer writes types as texts. Aliases are resolved: the user's may be local,
// and those of typed and rdd stand for types of other packages.
type writer struct {
	qual  func(*types.Package) string
	pkg   *types.Package // of the generated file
	subst map[*types.TypeParam]types.Type
	basic func(name string)
	// open is told of type parameters that stay, whose names are in params.
	open   func(*types.TypeParam)
	params map[*types.TypeParam]string
	bad    *badType // the first type that cannot be written
}

// badType is a type that generated code cannot name.
type badType struct {
	obj     *types.TypeName
	foreign bool // it is not exported by its package; else it is local
}

func (b *badType) report(diags *diag.List, at token.Pos) {
	if b.foreign {
		diags.Report(at, diag.UnexportedType, b.obj.Name(), b.obj.Pkg().Path())
		return
	}
	diags.Report(at, diag.LocalType, b.obj.Name())
}

// why says the same, and what to do, where it is part of another finding.
func (b *badType) why() (reason, remedy string) {
	if b.foreign {
		return fmt.Sprintf("%s (type) is not exported by package %s", b.obj.Name(), b.obj.Pkg().Path()), "export it, or use another type"
	}
	return b.obj.Name() + " (type) is declared inside a function", "declare it at package level"
}

// pathQualifier names packages by their path, as identities do.
func pathQualifier(p *types.Package) string { return strconv.Quote(p.Path()) }

// writer makes a writer for generated code.
func (enc *Encoder) writer(subst map[*types.TypeParam]types.Type) *writer {
	return &writer{
		qual: enc.names.qualifier, pkg: enc.Types, subst: subst, params: enc.params,
		basic: func(name string) { enc.names.basics[name] = true }, open: func(*types.TypeParam) {},
	}
}

// canonicalWriter makes a writer for identities.
func (enc *Encoder) canonicalWriter(subst map[*types.TypeParam]types.Type) *writer {
	return &writer{qual: pathQualifier, subst: subst, basic: func(string) {}, open: func(t *types.TypeParam) { enc.depends[t] = true }}
}

func (w *writer) types(ts []types.Type) []model.Type {
	out := make([]model.Type, len(ts))
	for i, t := range ts {
		out[i] = model.Type(w.typ(t))
	}
	return out
}

func (w *writer) typ(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		if t.Kind() == types.UnsafePointer {
			return w.qual(types.Unsafe) + ".Pointer"
		}
		w.basic(t.Name())
		return t.Name()
	case *types.Named:
		return w.named(t)
	case *types.TypeParam:
		if arg, ok := w.subst[t]; ok {
			return w.typ(arg)
		}
		w.open(t)
		return cmp.Or(w.params[t], t.Obj().Name())
	case *types.Pointer:
		return "*" + w.typ(t.Elem())
	case *types.Slice:
		return "[]" + w.typ(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), w.typ(t.Elem()))
	case *types.Map:
		return "map[" + w.typ(t.Key()) + "]" + w.typ(t.Elem())
	case *types.Chan:
		return w.channel(t)
	case *types.Signature:
		return "func" + w.signature(t)
	case *types.Struct:
		return w.structure(t)
	case *types.Interface:
		return w.iface(t)
	case *types.Union:
		return w.union(t)
	}
	return t.String()
}

func (w *writer) named(t *types.Named) string {
	obj := t.Obj()
	name := obj.Name()
	switch {
	case obj.Pkg() == nil: // error, comparable
		w.basic(name)
		return name
	case obj.Pkg().Path() == api.Codec && name == "Pair":
		// rdd.Pair is an alias of it, and what generated code imports.
		name = w.qual(types.NewPackage(api.RDD, "rdd")) + "." + name
	case w.pkg != nil && samePackage(obj.Pkg(), w.pkg):
		if obj.Parent() != obj.Pkg().Scope() && !isParam(obj) {
			w.fail(obj)
		}
	default:
		if !obj.Exported() {
			w.fail(obj)
		}
		if obj.Pkg().Scope() != obj.Parent() && w.pkg == nil {
			name = fmt.Sprintf("%s.%d", name, obj.Pos())
		}
		name = w.qual(obj.Pkg()) + "." + name
	}
	if t.TypeArgs().Len() > 0 {
		var args []string
		for arg := range t.TypeArgs().Types() {
			args = append(args, w.typ(arg))
		}
		name += "[" + strings.Join(args, ", ") + "]"
	}
	return name
}

func samePackage(a, b *types.Package) bool { return a == b || a.Path() == b.Path() }

func isParam(obj *types.TypeName) bool {
	_, ok := obj.Type().(*types.TypeParam)
	return ok
}

func (w *writer) fail(obj *types.TypeName) {
	if w.bad == nil {
		w.bad = &badType{obj, w.pkg == nil || !samePackage(obj.Pkg(), w.pkg)}
	}
}

func (w *writer) channel(t *types.Chan) string {
	switch t.Dir() {
	case types.SendOnly:
		return "chan<- " + w.typ(t.Elem())
	case types.RecvOnly:
		return "<-chan " + w.typ(t.Elem())
	}
	return "chan (" + w.typ(t.Elem()) + ")"
}

// signature writes parameters and results.
func (w *writer) signature(t *types.Signature) string {
	var in []string
	for i := range t.Params().Len() {
		p := t.Params().At(i).Type()
		if t.Variadic() && i == t.Params().Len()-1 {
			in = append(in, "..."+w.typ(p.(*types.Slice).Elem()))
			continue
		}
		in = append(in, w.typ(p))
	}
	var out []string
	for v := range t.Results().Variables() {
		out = append(out, w.typ(v.Type()))
	}
	text := "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return text
	case 1:
		return text + " " + out[0]
	}
	return text + " (" + strings.Join(out, ", ") + ")"
}

func (w *writer) structure(t *types.Struct) string {
	var fields []string
	for i := range t.NumFields() {
		f := t.Field(i)
		text := w.typ(f.Type())
		if !f.Embedded() {
			text = f.Name() + " " + text
		}
		if tag := t.Tag(i); tag != "" {
			text += " " + strconv.Quote(tag)
		}
		fields = append(fields, text)
	}
	return "struct{" + strings.Join(fields, "; ") + "}"
}

func (w *writer) iface(t *types.Interface) string {
	if t.Empty() {
		w.basic("any")
		return "any"
	}
	var parts []string
	for m := range t.ExplicitMethods() {
		parts = append(parts, m.Name()+w.signature(m.Signature()))
	}
	for e := range t.EmbeddedTypes() {
		parts = append(parts, w.typ(e))
	}
	return "interface{" + strings.Join(parts, "; ") + "}"
}

func (w *writer) union(t *types.Union) string {
	var terms []string
	for i := range t.Len() {
		text := w.typ(t.Term(i).Type())
		if t.Term(i).Tilde() {
			text = "~" + text
		}
		terms = append(terms, text)
	}
	return strings.Join(terms, " | ")
}
