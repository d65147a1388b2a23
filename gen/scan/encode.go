package scan

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"github.com/gordd-project/gordd/gen/model"
)

// checkTypes checks the types that a site sends from one process to another, by
// the rules of package codec.
func (s *scanner) checkTypes(st *site) {
	at := st.expr.Lparen
	if st.with {
		if why := s.cannotTravel(st.types["E"]); why != "" {
			s.report(at, "RDD116", "With: %s: open or make it inside MapPartitions, or send what it is made from", why)
		}
	}
	switch st.op.family {
	case wide:
		for _, arg := range rddArgs(st.ssa) {
			s.checkRows(at, arg.Type())
		}
		if st.op.end != model.EndRows {
			s.checkRows(at, st.result)
		}
		if st.op.end == model.EndDistinct {
			s.checkKey(at, st.types["T"])
		}
		if st.op.end == model.EndKeyed {
			s.checkKey(at, st.types["K"])
		}
	case action:
		if st.op.ctor == "CollectOp" || st.op.end == model.EndReduce || st.op.name == "TakeOrdered" || st.op.name == "Top" {
			s.checkRows(at, st.ssa.Call.Args[0].Type())
		}
		if st.op.end == model.EndAdd {
			s.checkElement(at, st.types["A"])
		}
	case source:
		if t := st.types["T"]; t != nil {
			s.checkElement(at, t)
		}
	}
}

// checkRows checks the elements of an RDD, and its keys.
func (s *scanner) checkRows(at token.Pos, t types.Type) {
	kind, args := distributed(t)
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

func (s *scanner) checkElement(at token.Pos, t types.Type) {
	v := &traveler{s: s, seen: map[types.Type]bool{}}
	v.visit(t, s.short(t))
	if v.why == "" {
		return
	}
	if v.iface {
		s.report(at, "RDD113", "element type %s: %s: use a concrete type, or register them with codec.RegisterName", s.short(t), v.why)
		return
	}
	s.report(at, "RDD111", "element type %s: %s: leave it out, or give %s MarshalBinary and UnmarshalBinary", s.short(t), v.why, v.owner(s.short(t)))
}

// cannotTravel says why values of a type cannot be encoded; "" if they can.
func (s *scanner) cannotTravel(t types.Type) string {
	v := &traveler{s: s, seen: map[types.Type]bool{}}
	v.visit(t, s.short(t))
	if v.why == "" {
		return ""
	}
	return fmt.Sprintf("type %s cannot travel: %s", s.short(t), v.why)
}

// traveler looks for a part of a type that cannot be encoded.
type traveler struct {
	s      *scanner
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
	if kind, _ := distributed(t); kind != "" || isTyped(t, "Session") {
		v.fail(path, t, "belongs to the driver")
		return
	}
	if _, isIface := t.Underlying().(*types.Interface); !isIface && (isNamed(t, "time", "Time") || marshals(t)) {
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

func isTyped(t types.Type, name string) bool { return isNamed(t, typedPath, name) }

func isNamed(t types.Type, path, name string) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path && n.Obj().Name() == name
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
func (s *scanner) registers(iface *types.Interface) bool {
	for id, inst := range s.Info.Instances {
		fn, ok := s.Info.Uses[id].(*types.Func)
		if !ok || fn.Pkg() == nil || fn.Pkg().Path() != codecPath && fn.Pkg().Path() != typedPath {
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
func (s *scanner) checkKey(at token.Pos, t types.Type) {
	s.keyPart(at, t, t, s.short(t))
}

// floatKey warns of a key of floating-point numbers, once for each type.
func (s *scanner) floatKey(at token.Pos, key, t, path string) {
	if s.floatKeys[key] {
		return
	}
	s.floatKeys[key] = true
	what := "key type " + key
	if path != key {
		what += fmt.Sprintf(" contains %s %s", t, path)
	}
	s.report(at, "RDD114W", "%s: all NaN are one key, and sums that should be equal may not be: key by an integer or string", what)
}

func (s *scanner) keyPart(at token.Pos, key, t types.Type, path string) {
	name := s.short(key)
	switch u := types.Unalias(t).Underlying().(type) {
	case *types.Basic:
		if u.Info()&(types.IsFloat|types.IsComplex) != 0 {
			s.floatKey(at, name, s.short(t), path)
		}
	case *types.Pointer, *types.Chan:
		s.report(at, "RDD115", "key type %s contains pointer %s: addresses differ between workers: key by value", name, path)
	case *types.Interface:
		s.report(at, "RDD117", "key type %s contains interface %s: its values have no common order or hash: key by a concrete type", name, path)
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
