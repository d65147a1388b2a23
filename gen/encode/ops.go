package encode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// opKey is what operators have in common that are one: instances of a generic
// helper may be alike in all, and the run time need not tell them apart.
type opKey struct {
	line int
	file string
	id   string
}

// makeOps describes the operators of sites: those of a generic function, where g
// is given.
func (enc *Encoder) makeOps(sites []*scan.Site, g *model.Generic) {
	for _, st := range sites {
		if _, ok := enc.index[st]; ok || st.Op.Family == api.Pass {
			continue
		}
		clear(enc.depends)
		funcs := enc.functionsOf(st)
		if !described(funcs) {
			continue
		}
		what := enc.identity(st, funcs)
		k := opKey{enc.Fset.Position(st.Expr.Lparen).Line, st.File.Name, what}
		if i, ok := enc.known[k]; ok {
			enc.index[st] = i
			continue
		}
		if names := enc.unshown(st); g != nil && len(names) > 0 {
			enc.diags.Report(st.Expr.Lparen, diag.NoInstance, fmt.Sprintf("%s in instances of %s", st.Op.Name, g.Func), fmt.Sprintf(
				"its function depends on type parameter %s, which its type does not show", strings.Join(names, ", ")),
				enc.toShow(st, names))
			continue
		}
		enc.ordinals[what]++
		var of *model.Generic
		if len(enc.depends) > 0 {
			of = g
		}
		op := enc.makeOp(st, funcs, of)
		op.ID = hashID(what, enc.ordinals[what])
		enc.index[st] = len(enc.pkg.Ops)
		enc.known[k] = len(enc.pkg.Ops)
		enc.pkg.Ops, enc.groups = append(enc.pkg.Ops, op), append(enc.groups, enc.group)
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
func (enc *Encoder) identity(st *scan.Site, funcs []function) string {
	w := enc.canonicalWriter(st.Subst)
	parts := []string{enc.Types.Path() + enc.group.Name(), st.Encl, st.Op.Recv + "." + st.Op.Name}
	for _, t := range enc.typeList(st, st.Op.Types) {
		parts = append(parts, t(w))
	}
	if st.With {
		parts = append(parts, "with "+w.typ(st.Types["E"]))
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

// typeList reads a list of types of the operators' table: "K,V", "Pair", "*W".
// Each is written when a writer is given.
func (enc *Encoder) typeList(st *scan.Site, list string) []func(*writer) string {
	var out []func(*writer) string
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case "":
		case "Pair":
			out = append(out, func(w *writer) string {
				return fmt.Sprintf("%s.Pair[%s, %s]", w.qual(types.NewPackage(api.RDD, "rdd")), w.typ(st.Types["K"]), w.typ(st.Types["V"]))
			})
		default:
			out = append(out, func(w *writer) string {
				bare := strings.TrimPrefix(name, "*")
				return name[:len(name)-len(bare)] + w.typ(st.Types[bare])
			})
		}
	}
	return out
}

// shape is that of rows of a kind and a list of types, as typeList reads it.
func (enc *Encoder) shape(st *scan.Site, kind model.Kind, list string, w *writer) model.Shape {
	sh := model.Shape{Kind: kind}
	for _, t := range enc.typeList(st, list) {
		sh.Types = append(sh.Types, model.Type(t(w)))
	}
	return sh
}

func (enc *Encoder) makeOp(st *scan.Site, funcs []function, g *model.Generic) model.Op {
	w := enc.writer(st.Subst)
	op := model.Op{
		Name:    st.Op.Name,
		Generic: g,
		Pos:     enc.Pos(st.Expr.Lparen),
		Token:   enc.tokensOf(st.File).ordinals[enc.WrittenOffset(st.File, st.Expr.Lparen)],
		Step:    st.Op.Step,
		Ends:    st.Op.End,
		Ctor:    model.Ctor{Name: st.Op.Ctor, Func: st.Op.Fn, As: st.Op.As},
	}
	if st.Op.As != "" {
		op.Name = st.Op.As
	}
	if st.Op.Name == "CollectAsMap" {
		op.Name = "Collect"
	}
	for _, t := range enc.typeList(st, st.Op.Types) {
		op.Ctor.Types = append(op.Ctor.Types, model.Type(t(w)))
	}
	if st.With {
		env := model.Type(w.typ(st.Types["E"]))
		op.Env = &env
	}
	for i := range funcs {
		op.Funcs = append(op.Funcs, enc.makeFunc(st, &funcs[i], w, i, g))
	}
	if st.Op.Batch && !st.With {
		op.Batch = enc.names.top(enclosingName(st.Encl) + st.Op.Name + "Batch")
	}
	op.In, op.Out = enc.shapes(st, w)
	op.EndTypes = enc.endTypes(st, op, w)
	if w.bad != nil && !enc.unnamed[w.bad.obj] {
		w.bad.report(enc.diags, st.Expr.Lparen)
	}
	return op
}

// makeFunc describes a function, and gives a literal its name: that of the
// enclosing function and the operator.
func (enc *Encoder) makeFunc(st *scan.Site, f *function, w *writer, i int, g *model.Generic) model.Func {
	m := model.Func{Call: f.name, Body: f.body, Faster: f.faster}
	if f.lit != nil {
		base := enclosingName(st.Encl) + upperFirst(st.Op.Name)
		if p := st.ParamName(i); p != "" {
			base += upperFirst(p)
		}
		m.Name = enc.names.top(base)
		m.Call = m.Name
		if g != nil {
			m.Call += "[" + g.Args + "]"
		}
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
func (enc *Encoder) shapes(st *scan.Site, w *writer) (in, out model.Shape) {
	in = enc.receiverShape(st, w)
	if st.Op.In != "" {
		in = enc.shape(st, st.Op.Shape, st.Op.In, w)
	}
	kind, args := api.Distributed(st.Result)
	switch {
	case st.Op.Keyed != "":
		out = enc.shape(st, model.Pair, st.Op.Keyed, w)
	case kind == "PairRDD":
		out = model.Shape{Kind: model.Pair, Types: w.types(args)}
	case kind == "RDD":
		out = model.Shape{Kind: model.Row, Types: w.types(args)}
	}
	return in, out
}

func (enc *Encoder) receiverShape(st *scan.Site, w *writer) model.Shape {
	switch st.Op.Recv {
	case "RDD":
		return enc.shape(st, model.Row, "T", w)
	case "PairRDD":
		return enc.shape(st, model.Pair, "K,V", w)
	case "":
		for _, arg := range st.SSA.Call.Args {
			switch k, args := api.Distributed(arg.Type()); k {
			case "RDD":
				return model.Shape{Kind: model.Row, Types: w.types(args)}
			case "PairRDD":
				return model.Shape{Kind: model.Pair, Types: w.types(args)}
			}
		}
	}
	return model.Shape{}
}

// endTypes gives the type arguments of the sink in which a kernel may end.
func (enc *Encoder) endTypes(st *scan.Site, op model.Op, w *writer) []model.Type {
	switch st.Op.End {
	case model.EndPairs:
		combination := op.In.Types[1]
		if len(op.Out.Types) > 0 { // the result is an RDD
			combination = op.Out.Types[1]
		}
		return []model.Type{op.In.Types[0], op.In.Types[1], combination}
	case model.EndOnes:
		return []model.Type{op.In.Types[0], "int64", "int64"}
	case model.EndDistinct:
		return []model.Type{op.In.Types[0], "struct{}", "struct{}"}
	case model.EndKeyed:
		return []model.Type{model.Type(w.typ(st.Types["K"])), op.In.Types[0], op.In.Types[0]}
	case model.EndCount:
		return []model.Type{"int64"}
	case model.EndReduce:
		return []model.Type{op.In.Types[0]}
	case model.EndAdd:
		return []model.Type{model.Type(w.typ(st.Types["A"]))}
	}
	return nil
}

// checkLines finds operators that the run time could not tell apart: those on
// one line with one name and function type.
func (enc *Encoder) checkLines(sites []*scan.Site) {
	first := map[string]*scan.Site{}
	for _, st := range sites {
		i, ok := enc.index[st]
		if !ok {
			continue
		}
		op := &enc.pkg.Ops[i]
		at := enc.Fset.Position(st.Expr.Lparen)
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
		case enc.index[other] == i:
		case other.Expr != st.Expr:
			enc.diags.Report(st.Expr.Lparen, diag.SameLine, st.Op.Name)
		default:
			enc.hidden(st)
		}
	}
}
