package check

import (
	"fmt"
	"go/token"
	"go/types"
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
		if st.Op.Ctor == "CollectOp" || st.Op.End == model.EndReduce || st.Op.Name == "TakeOrdered" || st.Op.Name == "Top" {
			s.checkRows(at, st.SSA.Call.Args[0].Type())
		}
		if st.Op.End == model.EndAdd {
			s.checkElement(at, st.Types["A"])
		}
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
	s.report(at, diag.NotEncodable, s.short(t), v.why, v.owner(s.short(t)))
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
	s      *checker
	seen   map[types.Type]bool
	why    string
	iface  bool
	owners []string
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
	if kind, _ := api.Distributed(t); kind != "" || api.IsNamed(t, api.Typed, "Session") {
		v.fail(path, t, "belongs to the driver")
		return
	}
	if _, isIface := t.Underlying().(*types.Interface); !isIface && (api.IsNamed(t, "time", "Time") || marshals(t)) {
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
	for f := range u.Fields() {
		if f.Name() == "_" {
			continue
		}
		if std && !f.Exported() {
			v.fail("field "+path+"."+f.Name(), f.Type(), "is unexported in package "+f.Pkg().Path())
			return
		}
		v.visit(f.Type(), path+"."+f.Name())
	}
}

// isStd says whether a type belongs to the standard library: the first element
// of its package's path has no dot, and it is not in the user's module.
func isStd(t types.Type) bool {
	n, ok := t.(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return false
	}
	switch path := n.Obj().Pkg().Path(); firstElement(path) {
	case "archive", "bufio", "bytes", "compress", "container", "context", "crypto", "database", "encoding", "errors",
		"expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "io", "iter", "log", "maps", "math", "mime",
		"net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "sync",
		"syscall", "testing", "text", "time", "unicode", "unique", "unsafe", "weak":
		return !strings.Contains(firstElement(path), ".")
	}
	return false
}

// marshals says whether a type has a pair of marshaling methods, on itself or
// on its pointer. Text is second choice, and not for what travels by its kind.
func marshals(t types.Type) bool {
	if _, ok := t.(*types.Named); !ok {
		return false
	}
	has := func(name string) bool {
		obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(t), true, nil, name)
		_, ok := obj.(*types.Func)
		return ok
	}
	if has("MarshalBinary") && has("UnmarshalBinary") {
		return true
	}
	_, basic := t.Underlying().(*types.Basic)
	return !basic && has("MarshalText") && has("UnmarshalText")
}

// registers says whether the package registers a type for an interface.
func (s *checker) registers(iface *types.Interface) bool {
	for id, inst := range s.Info.Instances {
		fn, ok := s.Info.Uses[id].(*types.Func)
		if !ok || fn.Pkg() == nil || fn.Pkg().Path() != api.Codec && fn.Pkg().Path() != api.Typed {
			continue
		}
		if fn.Name() != "RegisterName" && fn.Name() != "Register" || inst.TypeArgs.Len() == 0 {
			continue
		}
		if types.Implements(inst.TypeArgs.At(0), iface) {
			return true
		}
	}
	return false
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
	switch u := types.Unalias(t).Underlying().(type) {
	case *types.Basic:
		if u.Info()&(types.IsFloat|types.IsComplex) != 0 {
			s.floatKey(at, name, s.short(t), path)
		}
	case *types.Pointer, *types.Chan:
		s.report(at, diag.PointerKey, name, path)
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
