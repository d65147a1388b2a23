package scan

import (
	"go/ast"
	"go/types"

	"github.com/gordd-project/gordd/gen/api"
)

// functionsOf gives the functions that a call is given.
func (p *Package) functionsOf(c *Call) []ast.Expr {
	fn, _ := p.Named(callee(c.Expr)).(*types.Func)
	if fn == nil {
		return nil
	}
	var all []ast.Expr
	sig := fn.Origin().Signature()
	for _, i := range functionParams(sig) {
		if i < len(c.Expr.Args) {
			all = append(all, ast.Unparen(c.Expr.Args[i]))
		}
	}
	if c.Op.Funcs > 0 {
		all = all[:min(len(all), c.Op.Funcs)]
	}
	if f := p.formatIn(c); f != nil {
		all = append(all, ast.Unparen(f.Args[0]))
	}
	return all
}

// functionParams gives the parameters that are functions. Options, at the end,
// are none of the operator.
func functionParams(sig *types.Signature) []int {
	var all []int
	for i := range sig.Params().Len() {
		_, ok := types.Unalias(sig.Params().At(i).Type()).(*types.Signature)
		options := sig.Variadic() && i == sig.Params().Len()-1
		if ok && !options {
			all = append(all, i)
		}
	}
	return all
}

// formatIn finds the call of typed.Format in that of an action.
func (p *Package) formatIn(c *Call) *ast.CallExpr {
	if c.Op.Name != "SaveAsTextFile" {
		return nil
	}
	for _, arg := range c.Expr.Args {
		if f, ok := ast.Unparen(arg).(*ast.CallExpr); ok && p.isFormat(f) {
			return f
		}
	}
	return nil
}

func (p *Package) isFormat(c *ast.CallExpr) bool {
	return len(c.Args) == 1 && api.IsFunc(p.Named(c.Fun), api.Typed, "Format")
}

// findFormats finds calls of typed.Format for which it is not known what action
// they are for.
func (p *Package) findFormats() {
	placed := map[*ast.CallExpr]bool{}
	for _, c := range p.Calls {
		if f := p.formatIn(c); f != nil {
			placed[f] = true
		}
	}
	for _, f := range p.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && !placed[c] && p.isFormat(c) {
				p.Formats = append(p.Formats, c)
			}
			return true
		})
	}
}

// formatSignature gives the type of the function that typed.Format takes.
func (p *Package) formatSignature(f *ast.CallExpr) *types.Signature {
	var id *ast.Ident
	switch x := callee(f).(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	}
	inst, _ := p.Info.Instances[id].Type.(*types.Signature)
	if inst == nil || inst.Params().Len() == 0 {
		return nil
	}
	sig, _ := types.Unalias(inst.Params().At(0).Type()).(*types.Signature)
	return sig
}
