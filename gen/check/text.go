package check

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// text checks that rows that are written as text have one, by the rules of
// package rdd. What options say that come from elsewhere is not known.
func (s *checker) text(st *scan.Site) {
	if len(st.Funcs) > 0 || st.Expr.Ellipsis.IsValid() {
		return
	}
	for _, opt := range st.Expr.Args[min(2, len(st.Expr.Args)):] {
		c, ok := ast.Unparen(opt).(*ast.CallExpr)
		if !ok {
			return
		}
		if fn := s.Named(c.Fun); fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != api.Typed {
			return
		}
	}
	_, rows := api.Distributed(st.SSA.Call.Args[0].Type())
	for _, t := range rows {
		if bad := withoutText(t); bad != nil {
			remedy := "give typed.Format(func(row) string)"
			if n, ok := types.Unalias(bad).(*types.Named); ok && n.Obj().Pkg() == s.Types {
				remedy += ", or " + s.short(bad) + " a MarshalText method"
			}
			s.report(st.Expr.Lparen, diag.NoText, s.short(bad), remedy)
			return
		}
	}
}

// withoutText gives the part of a row that has no text form; nil if all has.
func withoutText(t types.Type) types.Type {
	if hasMethod(t, "MarshalText") {
		return nil
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && isPair(n) {
		for arg := range n.TypeArgs().Types() {
			if bad := withoutText(arg); bad != nil {
				return bad
			}
		}
		return nil
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Info()&(types.IsString|types.IsBoolean|types.IsInteger|types.IsFloat) != 0 && u.Kind() != types.Uintptr {
			return nil
		}
	case *types.Slice:
		if b, ok := u.Elem().Underlying().(*types.Basic); ok && b.Kind() == types.Uint8 {
			return nil
		}
	}
	return t
}

// isPair says whether a type is the pair of package rdd, under any of its names.
func isPair(n *types.Named) bool {
	p := n.Obj().Pkg()
	return p != nil && n.Obj().Name() == "Pair" && n.TypeArgs().Len() == 2 &&
		(p.Path() == api.Typed || p.Path() == api.RDD || strings.HasPrefix(p.Path(), api.RDD+"/"))
}
