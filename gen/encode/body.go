package encode

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// function is a function given to an operator, before it has a name.
type function struct {
	expr ast.Expr
	sig  *types.Signature // with concrete types
	lit  *ast.FuncLit     // or
	name string           // how generated code calls it
	// canonical is what it is, for identities.
	canonical string
	body      *model.Body
	faster    string
}

// functionsOf describes the functions that a call is given.
func (enc *Encoder) functionsOf(st *scan.Site) []function {
	var all []function
	for i, e := range st.Funcs {
		all = append(all, enc.function(st, e, st.Sigs[i]))
	}
	return all
}

// function describes one function. What cannot be described was reported by
// the checks.
func (enc *Encoder) function(st *scan.Site, e ast.Expr, sig *types.Signature) function {
	f := function{expr: e, sig: sig}
	if lit, ok := e.(*ast.FuncLit); ok {
		f.lit = lit
		f.body = enc.body(st, lit)
		c := enc.rewriter(st, lit, enc.canonicalWriter(st.Subst))
		f.canonical = canonical("func" + c.text())
		return f
	}
	f.name = enc.named(e, enc.writer(st.Subst))
	f.canonical = enc.named(e, enc.canonicalWriter(st.Subst))
	switch f.canonical {
	case `"strings".FieldsSeq`:
		f.faster = "Fields"
	case pathQualifier(types.NewPackage(api.Typed, "typed")) + ".Fields":
		f.name = enc.pkg.RDD + ".Fields"
	}
	return f
}

// named writes a named function or a method expression.
func (enc *Encoder) named(e ast.Expr, w *writer) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return enc.object(x, w)
	case *ast.SelectorExpr:
		if sel, ok := enc.Info.Selections[x]; ok {
			recv := w.typ(sel.Recv())
			if strings.HasPrefix(recv, "*") {
				recv = "(" + recv + ")"
			}
			return recv + "." + x.Sel.Name
		}
		return enc.object(x.Sel, w)
	case *ast.IndexExpr:
		return enc.named(x.X, w)
	case *ast.IndexListExpr:
		return enc.named(x.X, w)
	}
	return ""
}

// object writes a package's function, with its type arguments.
func (enc *Encoder) object(id *ast.Ident, w *writer) string {
	obj := enc.Info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return id.Name
	}
	name := obj.Name()
	if w.pkg == nil || !samePackage(obj.Pkg(), w.pkg) {
		name = w.qual(obj.Pkg()) + "." + name
	}
	inst := enc.Info.Instances[id]
	if inst.TypeArgs.Len() == 0 {
		return name
	}
	var args []string
	for t := range inst.TypeArgs.Types() {
		args = append(args, w.typ(t))
	}
	return name + "[" + strings.Join(args, ", ") + "]"
}

// body copies a literal.
func (enc *Encoder) body(st *scan.Site, lit *ast.FuncLit) *model.Body {
	r := enc.rewriter(st, lit, enc.writer(st.Subst))
	b := &model.Body{Pos: enc.Pos(lit.Pos()), Text: r.text()}
	if bad := r.w.bad; bad != nil {
		enc.unnamed[bad.obj] = true
		bad.report(enc.diags, lit.Pos())
	}
	if st.File.Cgo {
		enc.usesC(st, lit)
	}
	shape := enc.measure(lit)
	b.Bound = !shape.apart && (shape.cost > 80 || st.Op.Step.Seq && len(lit.Body.List) > 1 && shape.iterators == 1)
	if st.Op.Step.Seq && shape.iterators > 1 {
		enc.diags.Report(lit.Pos(), diag.SeveralIterators, st.Op.Name)
	}
	return b
}

// usesC reports a literal that uses C: its names are not those that are compiled.
func (enc *Encoder) usesC(st *scan.Site, lit *ast.FuncLit) {
	reported := false
	ast.Inspect(lit, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && !reported && (strings.HasPrefix(id.Name, "_C") || strings.HasPrefix(id.Name, "_cgo")) {
			reported = true
			enc.diags.Report(lit.Pos(), diag.UsesC, st.Op.Name)
		}
		return true
	})
}

// rewriter changes the names in a literal so that it can stand elsewhere.
type rewriter struct {
	enc   *Encoder
	w     *writer
	lit   *ast.FuncLit
	src   []byte
	base  int // offset of the literal in src
	edits []edit
}

type edit struct {
	from, to int
	text     string
}

func (enc *Encoder) rewriter(st *scan.Site, lit *ast.FuncLit, w *writer) *rewriter {
	r := &rewriter{enc: enc, w: w, lit: lit, src: st.File.Source, base: enc.Offset(lit.Pos())}
	ast.Inspect(lit, r.visit)
	slices.SortFunc(r.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	return r
}

func (r *rewriter) visit(n ast.Node) bool {
	switch x := n.(type) {
	case *ast.SelectorExpr:
		// The name behind the dot stays.
		ast.Inspect(x.X, r.visit)
		return false
	case *ast.Ident:
		r.ident(x)
	}
	return true
}

func (r *rewriter) ident(id *ast.Ident) {
	switch obj := r.enc.Info.Uses[id].(type) {
	case nil:
	case *types.PkgName:
		r.replace(id, r.w.qual(obj.Imported()))
	case *types.TypeName:
		r.typeName(id, obj)
	case *types.Const:
		if obj.Pkg() == r.enc.Types && obj.Parent() != r.enc.Types.Scope() && !within(r.lit, obj.Pos()) {
			r.replace(id, r.constant(obj))
			return
		}
		r.foreign(id, obj)
	case *types.Var:
		if !obj.IsField() {
			r.foreign(id, obj)
		}
	default:
		r.foreign(id, obj)
	}
}

// foreign qualifies names that a dot import brought, and in identities those
// of the package itself.
func (r *rewriter) foreign(id *ast.Ident, obj types.Object) {
	if obj.Pkg() != nil && obj.Pkg() != r.enc.Types && obj.Parent() == obj.Pkg().Scope() {
		r.replace(id, r.w.qual(obj.Pkg())+"."+id.Name)
	}
}

func (r *rewriter) typeName(id *ast.Ident, obj *types.TypeName) {
	if param, ok := obj.Type().(*types.TypeParam); ok {
		r.replace(id, r.w.typ(param))
		return
	}
	if obj.Pkg() == r.enc.Types && obj.Parent() != r.enc.Types.Scope() && !within(r.lit, obj.Pos()) {
		if obj.IsAlias() {
			r.replace(id, r.w.typ(obj.Type()))
			return
		}
		r.w.fail(obj)
		return
	}
	r.foreign(id, obj)
}

// constant writes a local constant as a literal.
func (r *rewriter) constant(obj *types.Const) string {
	v := obj.Val()
	text := v.ExactString()
	switch v.Kind() {
	case constant.Float:
		f, _ := constant.Float64Val(v)
		text = fmt.Sprintf("%g", f)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
	case constant.Complex:
		re, _ := constant.Float64Val(constant.Real(v))
		im, _ := constant.Float64Val(constant.Imag(v))
		text = fmt.Sprintf("complex(%g, %g)", re, im)
	}
	t := obj.Type()
	if b, ok := t.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		if b.Kind() == types.UntypedRune {
			return runeLiteral(v)
		}
		if strings.HasPrefix(text, "-") {
			return "(" + text + ")"
		}
		return text
	}
	return r.w.typ(t) + "(" + text + ")"
}

// runeLiteral writes an untyped rune so that it stays one: it may be used as any
// number.
func runeLiteral(v constant.Value) string {
	if n, ok := constant.Int64Val(v); ok && n == int64(rune(n)) && utf8.ValidRune(rune(n)) {
		return strconv.QuoteRune(rune(n))
	}
	return "('\\x00' + " + v.ExactString() + ")"
}

func (r *rewriter) replace(id *ast.Ident, text string) {
	if text != id.Name {
		from := r.enc.Offset(id.Pos())
		r.edits = append(r.edits, edit{from, from + len(id.Name), text})
	}
}

// text is what follows the literal's keyword.
func (r *rewriter) text() string {
	var b strings.Builder
	at := r.base + len("func")
	for _, e := range r.edits {
		b.Write(r.src[at:e.from])
		b.WriteString(e.text)
		at = e.to
	}
	b.Write(r.src[at:r.enc.Offset(r.lit.End())])
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func within(n ast.Node, p token.Pos) bool { return n.Pos() <= p && p < n.End() }

// bodyShape is what decides where a literal is put.
type bodyShape struct {
	cost      int  // estimate of what the compiler's inliner will count
	apart     bool // it is never inlined
	iterators int  // results of the literal that are function literals
}

// measure estimates: a node costs one, a call sixty, as in the compiler where
// the callee is not inlined itself.
func (enc *Encoder) measure(lit *ast.FuncLit) bodyShape {
	var b bodyShape
	depth := 0
	var stack []bool
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if n == nil {
			if last := len(stack) - 1; last >= 0 {
				if stack[last] {
					depth--
				}
				stack = stack[:last]
			}
			return false
		}
		_, inner := n.(*ast.FuncLit)
		switch x := n.(type) {
		case *ast.DeferStmt, *ast.SelectStmt, *ast.GoStmt:
			b.apart = true
		case *ast.CallExpr:
			b.cost += 60
			if id, ok := x.Fun.(*ast.Ident); ok && id.Name == "recover" {
				b.apart = true
			} else if tv := enc.Info.Types[x.Fun]; tv.IsType() || tv.IsBuiltin() {
				b.cost -= 58
			}
		case *ast.ReturnStmt:
			if depth == 0 {
				b.iterators += literals(x)
			}
			b.cost++
		case ast.Expr, ast.Stmt:
			b.cost++
		}
		if inner {
			depth++
		}
		stack = append(stack, inner)
		return true
	})
	return b
}

func literals(r *ast.ReturnStmt) int {
	if len(r.Results) > 0 && !isNil(r.Results[0]) {
		return 1
	}
	return 0
}

func isNil(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "nil"
}
