// Package api is the typed API as the generator knows it: by name. The generator
// never imports the run time; a program that is generated for does.
//
// A table says of each operator what it does to a row, where chains of operators
// end, and what makes it in package rdd.
package api

import "go/types"

// The packages of the run time that generated code and its checks name.
const (
	Typed = "github.com/gordd-project/gordd/typed"
	RDD   = "github.com/gordd-project/gordd/rdd"
	Codec = "github.com/gordd-project/gordd/rdd/codec"
)

// OperatorOf gives the operator that a function or method is, nil if it is none,
// and whether it is called on what With gives. Fn is no instance.
func OperatorOf(fn *types.Func) (op *Operator, with bool) {
	if fn.Pkg() == nil || fn.Pkg().Path() != Typed {
		return nil, false
	}
	recv := receiverName(fn)
	if base, ok := withReceivers[recv]; ok {
		recv, with = base, true
	}
	return operatorsByName[[2]string{recv, fn.Name()}], with
}

// receiverName is the name of the type that a method belongs to.
func receiverName(fn *types.Func) string {
	recv := fn.Signature().Recv()
	if recv == nil {
		return ""
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// IsFunc says whether an object is a function of a package.
func IsFunc(obj types.Object, path, name string) bool {
	fn, ok := obj.(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == path && fn.Name() == name && fn.Signature().Recv() == nil
}

// IsNamed says whether a type is one of a package.
func IsNamed(t types.Type, path, name string) bool {
	n, ok := t.(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path && n.Obj().Name() == name
}

// Distributed says what an RDD type holds: ("RDD", [T]), ("PairRDD", [K V]). The
// kind is "" for other types.
func Distributed(t types.Type) (kind string, args []types.Type) {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != Typed {
		return "", nil
	}
	switch name := n.Obj().Name(); name {
	case "RDD", "PairRDD", "RDDWith", "PairWith":
		for arg := range n.TypeArgs().Types() {
			args = append(args, arg)
		}
		return name, args
	}
	return "", nil
}

// Holds says whether a type is written with an RDD type in it.
func Holds(t types.Type) bool {
	found := false
	WalkType(t, func(t types.Type) bool {
		if kind, _ := Distributed(t); kind != "" {
			found = true
		}
		return !found
	})
	return found
}

// HasTypeParam says whether a type holds a type parameter.
func HasTypeParam(t types.Type) bool {
	found := false
	WalkType(t, func(t types.Type) bool {
		if _, ok := t.(*types.TypeParam); ok {
			found = true
		}
		return !found
	})
	return found
}

// WalkType visits a type and its parts as they are written, down to named types
// and their arguments.
func WalkType(t types.Type, visit func(types.Type) bool) {
	t = types.Unalias(t)
	if !visit(t) {
		return
	}
	switch t := t.(type) {
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			WalkType(arg, visit)
		}
	case *types.Pointer:
		WalkType(t.Elem(), visit)
	case *types.Slice:
		WalkType(t.Elem(), visit)
	case *types.Array:
		WalkType(t.Elem(), visit)
	case *types.Chan:
		WalkType(t.Elem(), visit)
	case *types.Map:
		WalkType(t.Key(), visit)
		WalkType(t.Elem(), visit)
	case *types.Signature:
		walkVars(t.Params(), visit)
		walkVars(t.Results(), visit)
	case *types.Struct:
		for f := range t.Fields() {
			WalkType(f.Type(), visit)
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			WalkType(m.Type(), visit)
		}
	}
}

func walkVars(vs *types.Tuple, visit func(types.Type) bool) {
	for v := range vs.Variables() {
		WalkType(v.Type(), visit)
	}
}
