package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"strings"

	"github.com/gordd-project/gordd/gen/model"
)

// makeOps describes every site's operator. Instances of a generic helper that
// are alike become one.
func (s *scanner) makeOps() {
	type key struct {
		paren int
		file  string
		id    string
	}
	known := map[key]int{}
	ordinals := map[string]int{}
	for _, st := range s.sites {
		if st.op.family == pass || st.op.family == stop {
			continue
		}
		funcs := s.functionsOf(st)
		if !described(funcs) {
			continue
		}
		what := s.identity(st, funcs)
		k := key{s.offset(st.expr.Lparen), st.file.name, what}
		if i, ok := known[k]; ok {
			st.index = i
			continue
		}
		ordinals[what]++
		op := s.makeOp(st, funcs)
		op.ID = hashID(what, ordinals[what])
		st.index = len(s.pkg.Ops)
		known[k] = st.index
		s.pkg.Ops = append(s.pkg.Ops, op)
	}
}

// described says whether all functions are known; what is not was reported.
func described(funcs []function) bool {
	for _, f := range funcs {
		if f.lit == nil && f.name == "" {
			return false
		}
	}
	return true
}

// identity is what an operator is and does, without where it stands in its
// function.
func (s *scanner) identity(st *site, funcs []function) string {
	w := s.canonicalWriter(st.subst)
	parts := []string{s.Types.Path(), st.encl, st.op.recv + "." + st.op.name}
	for _, t := range s.typeList(st, st.op.types) {
		parts = append(parts, t(w))
	}
	if st.with {
		parts = append(parts, "with "+w.typ(st.types["E"]))
	}
	for _, f := range funcs {
		parts = append(parts, f.canonical, w.signature(f.sig))
	}
	return strings.Join(parts, "\x00")
}

func hashID(what string, ordinal int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", what, ordinal))
	return hex.EncodeToString(sum[:6])
}

// typeList reads a list of types of the operators' table: "K,V", "rdd.Pair[K,V]",
// "*W". Each is written when a writer is given.
func (s *scanner) typeList(st *site, list string) []func(*writer) string {
	var out []func(*writer) string
	if list == "rdd.Pair[K,V]" {
		return append(out, func(w *writer) string {
			return s.pairType(w, w.typ(st.types["K"]), w.typ(st.types["V"]))
		})
	}
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		out = append(out, func(w *writer) string {
			bare := strings.TrimPrefix(name, "*")
			return name[:len(name)-len(bare)] + w.typ(st.types[bare])
		})
	}
	return out
}

func (s *scanner) pairType(_ *writer, k, v string) string {
	return fmt.Sprintf("%s.Pair[%s, %s]", s.pkg.RDD, k, v)
}

func (s *scanner) makeOp(st *site, funcs []function) model.Op {
	w := s.writer(st.subst)
	op := model.Op{
		Name:  st.op.name,
		Pos:   s.pos(st.expr.Lparen),
		Token: st.file.scan().offsets[s.offset(st.expr.Lparen)],
		Step:  st.op.step,
		Ends:  st.op.end,
		Ctor:  model.Ctor{Name: st.op.ctor, Func: st.op.fn, As: st.op.as},
	}
	if st.op.as != "" {
		op.Name = st.op.as
	}
	if st.op.name == "CollectAsMap" {
		op.Name = "Collect"
	}
	for _, t := range s.typeList(st, st.op.types) {
		op.Ctor.Types = append(op.Ctor.Types, model.Type(t(w)))
	}
	if st.with {
		env := model.Type(w.typ(st.types["E"]))
		op.Env = &env
	}
	for i := range funcs {
		op.Funcs = append(op.Funcs, s.makeFunc(st, &funcs[i], w, i))
	}
	if st.op.batch && !st.with {
		op.Batch = s.names.top(enclosingName(st.encl) + st.op.name + "Batch")
	}
	op.In, op.Out = s.shapes(st, w)
	op.EndTypes = s.endTypes(st, op, w)
	if w.bad != nil && !s.unnamed[w.bad.obj] {
		s.report(st.expr.Lparen, "RDD107", "%s (type) %s", w.bad.obj.Name(), w.bad.why)
	}
	return op
}

// makeFunc describes a function, and gives a literal its name: that of the
// enclosing function and the operator.
func (s *scanner) makeFunc(st *site, f *function, w *writer, i int) model.Func {
	m := model.Func{Call: f.name, Body: f.body, Faster: f.faster}
	if f.lit != nil {
		base := enclosingName(st.encl) + upperFirst(st.op.name)
		if p := paramName(st, i); p != "" {
			base += upperFirst(p)
		}
		m.Call = s.names.top(base)
	}
	for v := range f.sig.Params().Variables() {
		m.Types = append(m.Types, model.Type(w.typ(v.Type())))
	}
	for v := range f.sig.Results().Variables() {
		m.Result = append(m.Result, model.Type(w.typ(v.Type())))
	}
	m.Params = make([]string, len(m.Types))
	if f.lit != nil {
		copy(m.Params, paramNames(f.lit))
	}
	return m
}

// paramName tells the functions of an operator with several apart, by the
// names of their parameters: create, add, merge.
func paramName(st *site, i int) string {
	var names []string
	for v := range st.sig.Params().Variables() {
		if _, ok := types.Unalias(v.Type()).(*types.Signature); ok {
			names = append(names, v.Name())
		}
	}
	if len(names) < 2 || i >= len(names) {
		return ""
	}
	return names[i]
}

func paramNames(lit *ast.FuncLit) []string {
	var names []string
	for _, f := range lit.Type.Params.List {
		if len(f.Names) == 0 {
			names = append(names, "")
		}
		for _, n := range f.Names {
			if n.Name == "_" {
				names = append(names, "")
				continue
			}
			names = append(names, n.Name)
		}
	}
	return names
}

// shapes gives the shapes of the rows that an operator's step takes and gives.
func (s *scanner) shapes(st *site, w *writer) (in, out model.Shape) {
	in = s.receiverShape(st, w)
	if st.op.in != "" {
		in = model.Shape{Kind: st.op.shape}
		for _, t := range s.typeList(st, st.op.in) {
			in.Types = append(in.Types, model.Type(t(w)))
		}
	}
	kind, args := distributed(st.result)
	switch {
	case st.op.part == "key":
		out = model.Shape{Kind: model.Pair, Types: []model.Type{model.Type(w.typ(st.types["K"])), model.Type(w.typ(st.types["T"]))}}
	case kind == "PairRDD":
		out = model.Shape{Kind: model.Pair, Types: w.types(args)}
	case kind == "RDD":
		out = model.Shape{Kind: model.Row, Types: w.types(args)}
	}
	return in, out
}

func (s *scanner) receiverShape(st *site, w *writer) model.Shape {
	var names string
	kind := model.Row
	switch st.op.recv {
	case "RDD":
		names = "T"
	case "PairRDD":
		kind, names = model.Pair, "K,V"
	case "":
		for _, arg := range st.ssa.Call.Args {
			switch k, args := distributed(arg.Type()); k {
			case "RDD":
				return model.Shape{Kind: model.Row, Types: w.types(args)}
			case "PairRDD":
				return model.Shape{Kind: model.Pair, Types: w.types(args)}
			}
		}
		return model.Shape{}
	default:
		return model.Shape{}
	}
	sh := model.Shape{Kind: kind}
	for _, t := range s.typeList(st, names) {
		sh.Types = append(sh.Types, model.Type(t(w)))
	}
	return sh
}

// endTypes gives the type arguments of the sink in which a kernel may end.
func (s *scanner) endTypes(st *site, op model.Op, w *writer) []model.Type {
	switch st.op.end {
	case model.EndPairs:
		return []model.Type{op.In.Types[0], op.In.Types[1], op.Out.Types[1]}
	case model.EndOnes:
		return []model.Type{op.In.Types[0], "int64", "int64"}
	case model.EndDistinct:
		return []model.Type{op.In.Types[0], "struct{}", "struct{}"}
	case model.EndKeyed:
		return []model.Type{model.Type(w.typ(st.types["K"])), op.In.Types[0], op.In.Types[0]}
	case model.EndCount:
		return []model.Type{"int64"}
	case model.EndReduce:
		return []model.Type{op.In.Types[0]}
	case model.EndAdd:
		return []model.Type{model.Type(w.typ(st.types["A"]))}
	}
	return nil
}

// checkLines finds operators that the run time could not tell apart: those on
// one line with one name and function type.
func (s *scanner) checkLines() {
	first := map[string]*site{}
	for _, st := range s.sites {
		if st.index < 0 {
			continue
		}
		op := &s.pkg.Ops[st.index]
		at := s.Fset.Position(st.expr.Lparen)
		key := fmt.Sprintf("%s:%d %s", filepath.Base(at.Filename), at.Line, op.Name)
		if op.Ctor.Func < len(op.Funcs) {
			f := op.Funcs[op.Ctor.Func]
			key += fmt.Sprint(f.Types, f.Result)
		}
		// What the constructor is told besides, the run time knows too.
		key += fmt.Sprint(op.Ctor.Types)
		other, ok := first[key]
		if !ok {
			first[key] = st
			continue
		}
		switch {
		case other.index == st.index:
		case other.expr != st.expr:
			s.report(st.expr.Lparen, "RDD106", "two %s of the same type on one line: put each on its own line", st.op.name)
		default:
			s.report(st.expr.Lparen, "RDD108", "function of %s depends on type parameter %s, which its type does not show: instances cannot be told apart: carry %s in an argument: With(zero)",
				st.op.name, typeParams(st), typeParams(st))
		}
	}
}

func typeParams(st *site) string {
	params := outermost(st.ssa.Parent()).TypeParams()
	var names []string
	for i := range params.Len() {
		names = append(names, params.At(i).Obj().Name())
	}
	return strings.Join(names, ", ")
}
