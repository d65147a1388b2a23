package encode

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// hidden reports an operator of a generic function whose type is that of another
// instance, and shows how the call is written so that it is not.
func (enc *Encoder) hidden(st *scan.Site) {
	params := enc.hiddenParams(st)
	enc.diags.Report(st.Expr.Lparen, diag.HiddenParameter, st.Op.Name, strings.Join(params, ", "), enc.toShow(st, params))
}

// toShow says how the type of a call's function shows type parameters.
func (enc *Encoder) toShow(st *scan.Site, params []string) string {
	zero := params[0]
	if len(params) > 1 {
		var fields []string
		for i, name := range params {
			fields = append(fields, fmt.Sprint("F", i, " ", name))
		}
		zero = "struct{ " + strings.Join(fields, "; ") + " }"
	}
	switch i := slices.IndexFunc(st.Funcs, enc.isSignature); {
	case st.With:
		return "give With a struct that has its value and a field of type " + zero
	case i < 0:
		return "use With(zero), after var zero " + zero
	default:
		sig := types.TypeString(enc.Info.TypeOf(st.Funcs[i]), (*types.Package).Name)
		return fmt.Sprintf("instead of %[1]s(%[2]s) write With(zero).%[1]s(%[3]s), after var zero %[4]s", st.Op.Name, sig, withFirst(sig, zero), zero)
	}
}

func (enc *Encoder) isSignature(e ast.Expr) bool {
	_, ok := types.Unalias(enc.Info.TypeOf(e)).(*types.Signature)
	return ok
}

// withFirst puts a parameter before those of the type of a function.
func withFirst(sig, typ string) string {
	params := strings.TrimPrefix(sig, "func(")
	switch first, _, _ := strings.Cut(params, ")"); {
	case first == "":
		return "func(zero " + typ + params
	case strings.Contains(strings.SplitN(first, ",", 2)[0], " "):
		return "func(zero " + typ + ", " + params
	}
	return "func(" + typ + ", " + params
}

// hiddenParams are the type parameters of the enclosing function that are not in
// the types of the operator's functions; all, where all are.
func (enc *Encoder) hiddenParams(st *scan.Site) []string {
	var all, hidden []string
	params := scan.Outermost(st.SSA.Parent()).TypeParams()
	for p := range params.TypeParams() {
		all = append(all, p.Obj().Name())
		shown := slices.ContainsFunc(st.Funcs, func(e ast.Expr) bool { return mentions(enc.Info.TypeOf(e), p) })
		if !shown {
			hidden = append(hidden, p.Obj().Name())
		}
	}
	if len(hidden) == 0 {
		return all
	}
	return hidden
}

func mentions(t types.Type, p *types.TypeParam) bool {
	found := false
	api.WalkType(t, func(t types.Type) bool {
		found = found || t == p
		return !found
	})
	return found
}
