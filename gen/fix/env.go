package fix

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/scan"
)

// env is what an operator's functions are to take from With.
type env struct {
	*finder
	call *scan.Call
	// values are those of the struct, or the only one. The first is what With has
	// already, if it has something.
	values   []*value
	captured []*value
	old      *value
	with     *ast.CallExpr // of old

	moves []Edit // of types that a function declares
	moved []string
	name  string // of the struct; "" for a single value
	args  string // its type arguments, those of the enclosing function
	typ   string // of the parameter
	param string
}

// prepare finds the values and their types. It says why they cannot be given to
// With.
func (e *env) prepare() (why string) {
	c := e.call
	if selector(c) == nil || c.Op.Recv == "" || c.Op.Recv == "Session" {
		return c.Op.Name + " has no form that follows With"
	}
	if e.captured, why = e.finder.values(c); why != "" {
		return why
	}
	if c.With {
		if why := e.findOld(); why != "" {
			return why
		}
	}
	e.values = append(e.values, e.captured...)
	for _, v := range e.values {
		if why := e.typeOf(v); why != "" {
			return why
		}
	}
	if len(e.values) == 1 {
		e.typ = e.values[0].text
		return ""
	}
	return e.structure()
}

// typeOf writes the type of a value, and moves out of the function what it has
// from there.
func (e *env) typeOf(v *value) (why string) {
	for _, t := range locals(v.typ) {
		edits, why := e.move(t)
		if why == "" && e.fileOf(t.Pos()) != e.call.File.Syntax {
			why = "it is of another file"
		}
		if why != "" {
			return fmt.Sprintf("type %s is declared inside a function, and stays there: %s", t.Name(), why)
		}
		e.moves, e.moved = append(e.moves, edits...), append(e.moved, t.Name())
	}
	v.text, why = e.typeText(e.call.File.Syntax, v.typ)
	return why
}

// also says what is done besides.
func (e *env) also() string {
	if len(e.moved) == 0 {
		return ""
	}
	return "; type " + strings.Join(e.moved, ", ") + " is declared at package level"
}

// findOld finds the value that With has already: the call must be the
// operator's receiver, as what is stored others may use.
func (e *env) findOld() (why string) {
	recv := ast.Unparen(selectorExpr(e.call).X)
	with, ok := recv.(*ast.CallExpr)
	if !ok || len(with.Args) != 1 {
		return "its With value is stored in " + types.ExprString(recv) + ", which other operators may use: call With where the operator is"
	}
	if op, _ := api.OperatorOf(e.calledBy(with)); op == nil || op.Name != "With" {
		return "its With value comes from " + types.ExprString(with.Fun) + ": call With where the operator is"
	}
	_, args := api.Distributed(e.Info.TypeOf(with))
	e.with = with
	e.old = &value{expr: e.text(e.call, with.Args[0]), typ: args[0], in: map[*ast.FuncLit]string{}}
	for _, fn := range e.call.Funcs {
		lit := fn.(*ast.FuncLit)
		if name := e.oldName(lit); name != "" {
			e.old.in[lit] = name
			if e.old.name == "" {
				e.old.name = name
			}
		}
	}
	if e.old.name == "" {
		e.old.name = "value"
	}
	e.values = append(e.values, e.old)
	return ""
}

func (e *env) calledBy(c *ast.CallExpr) *types.Func {
	fn, ok := e.Named(c.Fun).(*types.Func)
	if !ok {
		return new(types.Func)
	}
	return fn.Origin()
}

// oldName is the name that a literal has for the With value; "" if it does not
// use it.
func (e *env) oldName(lit *ast.FuncLit) string {
	first := lit.Type.Params.List[0]
	if len(first.Names) == 0 {
		return ""
	}
	v := e.Info.Defs[first.Names[0]]
	used := false
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		used = used || ok && v != nil && e.Info.Uses[id] == v
		return !used
	})
	if !used {
		return ""
	}
	return first.Names[0].Name
}

// structure makes a struct of several values.
func (e *env) structure() (why string) {
	nameFields(e.values)
	params, args, why := e.typeParams()
	if why != "" {
		return why
	}
	e.name, e.args = e.typeName(e.call), args
	e.typ = e.name + args
	e.param = "env"
	taken := e.names(e.call)
	for _, v := range e.values {
		taken[v.name] = true
	}
	for taken[e.param] {
		e.param += "2"
	}
	var fields strings.Builder
	for _, v := range e.values {
		fmt.Fprintf(&fields, "\t%s %s\n", v.field, v.text)
	}
	decl := topLevel(e.call.File.Syntax, e.call.Expr.Lparen)
	text := fmt.Sprintf("// %s is what the function of %s takes along.\ntype %s%s struct {\n%s}\n\n", e.name, e.call.Op.Name, e.name, params, &fields)
	e.moves = append(e.moves, e.insert(begin(decl), text))
	return ""
}

// typeParams writes those type parameters of the enclosing function that the
// values' types have, as parameters of the struct and as arguments.
func (e *env) typeParams() (params, args, why string) {
	var all []*types.TypeParam
	var add func(t types.Type)
	add = func(t types.Type) {
		for _, p := range typeParamsIn(t) {
			if !containsParam(all, p) {
				all = append(all, p)
				add(p.Constraint())
			}
		}
	}
	for _, v := range e.values {
		add(v.typ)
	}
	if len(all) == 0 {
		return "", "", ""
	}
	var ps, as []string
	for _, p := range all {
		constraint, why := e.typeText(e.call.File.Syntax, p.Constraint())
		if why != "" {
			return "", "", why
		}
		ps, as = append(ps, p.Obj().Name()+" "+constraint), append(as, p.Obj().Name())
	}
	return "[" + strings.Join(ps, ", ") + "]", "[" + strings.Join(as, ", ") + "]", ""
}

func containsParam(all []*types.TypeParam, p *types.TypeParam) bool {
	for _, q := range all {
		if p == q {
			return true
		}
	}
	return false
}

func typeParamsIn(t types.Type) (all []*types.TypeParam) {
	api.WalkType(t, func(t types.Type) bool {
		switch t := t.(type) {
		case *types.TypeParam:
			all = append(all, t)
		case *types.Interface:
			for u := range t.EmbeddedTypes() {
				all = append(all, typeParamsIn(u)...)
			}
		case *types.Union:
			for term := range t.Terms() {
				all = append(all, typeParamsIn(term.Type())...)
			}
		}
		return true
	})
	return all
}

// expr is what With is given.
func (e *env) expr() string {
	if e.name == "" {
		return e.values[0].expr
	}
	var fields []string
	for _, v := range e.values {
		fields = append(fields, v.field+": "+v.expr)
	}
	return e.typ + "{" + strings.Join(fields, ", ") + "}"
}

// extend gives With the struct for the value that it has.
func (e *env) extend() []Edit {
	arg := e.with.Args[0]
	edits := []Edit{e.replace(arg.Pos(), arg.End(), e.expr())}
	if x, ok := ast.Unparen(e.with.Fun).(*ast.IndexExpr); ok {
		edits = append(edits, e.replace(x.Index.Pos(), x.Index.End(), e.typ))
	}
	return edits
}

// edits change the functions, and declare what they need.
func (e *env) edits() []Edit {
	edits := e.moves
	for _, fn := range e.call.Funcs {
		edits = append(edits, e.literal(fn.(*ast.FuncLit))...)
	}
	for _, v := range e.captured {
		edits = append(edits, e.rename(v)...)
	}
	return edits
}

// literal gives a function the parameter, and takes it apart on its first line.
// More lines may follow.
func (e *env) literal(lit *ast.FuncLit, more ...string) []Edit {
	param := "_"
	var lines []string
	if e.name == "" {
		param = cmp.Or(e.values[0].in[lit], param)
	} else {
		var names, parts []string
		for _, v := range e.values {
			if name := v.in[lit]; name != "" {
				names, parts = append(names, name), append(parts, e.param+"."+v.field)
			}
		}
		if len(names) > 0 {
			param = e.param
			lines = append(lines, strings.Join(names, ", ")+" := "+strings.Join(parts, ", "))
		}
	}
	edits := e.parameter(lit, param)
	if lines = append(lines, more...); len(lines) > 0 {
		edits = append(edits, e.firstLines(lit, lines))
	}
	return edits
}

// firstLines puts statements at the beginning of a function.
func (e *env) firstLines(lit *ast.FuncLit, lines []string) Edit {
	text := "\n" + strings.Join(lines, "\n")
	if rest := e.call.File.Source[e.Offset(lit.Body.Lbrace)+1:]; rest[0] != '\n' && rest[0] != '\r' {
		text += "\n"
	}
	return e.insert(lit.Body.Lbrace+1, text)
}

// parameter puts a parameter before those of a literal, or in the place of that
// for the value that With has. Where those have no names, they get blank ones.
func (e *env) parameter(lit *ast.FuncLit, name string) (edits []Edit) {
	params, typ := lit.Type.Params, e.typ
	rest := params.List
	text := name + " " + typ
	if e.old != nil {
		first := rest[0]
		rest = rest[1:]
		switch {
		case len(first.Names) == 0:
			edits = append(edits, e.replace(first.Type.Pos(), first.Type.End(), text))
		case len(first.Names) == 1:
			edits = append(edits, e.replace(first.Names[0].Pos(), first.Type.End(), text))
		default:
			edits = append(edits, e.replace(first.Names[0].Pos(), first.Names[0].End(), text))
		}
	} else {
		if len(rest) > 0 {
			if first := rest[0]; len(first.Names) > 0 && e.text(e.call, first.Type) == typ {
				text = name
			}
			text += ", "
		}
		edits = append(edits, e.insert(params.Opening+1, text))
	}
	for _, p := range rest {
		if len(p.Names) == 0 {
			edits = append(edits, e.insert(p.Type.Pos(), "_ "))
		}
	}
	return edits
}

// format makes the function that typed.Format is given one of Map: the rows are
// texts then, which are written as they are.
func (e *env) format() []Edit {
	c := e.call
	lit := c.Funcs[len(c.Funcs)-1].(*ast.FuncLit)
	edits := e.moves
	var inside []Edit
	if kind, args := api.Distributed(e.Info.TypeOf(selectorExpr(c).X)); kind == "PairRDD" {
		edit, line := e.splitPair(lit, args)
		inside = append(e.literal(lit, line...), edit)
	} else {
		inside = e.literal(lit)
	}
	for _, v := range e.captured {
		inside = append(inside, e.rename(v)...)
	}
	from := e.Offset(lit.Pos())
	for i := range inside {
		inside[i].From, inside[i].To = inside[i].From-from, inside[i].To-from
	}
	text, err := edited(c.File.Source[from:e.Offset(lit.End())], inside)
	if err != nil {
		text = nil // what is written does not compile, and is refused
	}
	var before, option ast.Expr
	for i, arg := range c.Expr.Args {
		if arg.Pos() <= lit.Pos() && lit.End() <= arg.End() {
			before, option = c.Expr.Args[i-1], arg
		}
	}
	return append(edits,
		e.insert(selector(c).Pos(), "With("+e.expr()+").Map("+string(text)+")."),
		e.replace(before.End(), option.End(), ""))
}

// splitPair changes a function of a pair to one of a key and a value, of which
// its first line makes the pair.
func (e *env) splitPair(lit *ast.FuncLit, args []types.Type) (Edit, []string) {
	p := lit.Type.Params.List[0]
	var types [2]string
	for i, t := range args {
		types[i], _ = e.typeText(e.call.File.Syntax, t) // what cannot be written does not compile
	}
	taken := e.names(e.call)
	name := func(s string) string {
		for taken[s] || s == e.param {
			s += "2"
		}
		return s
	}
	switch {
	case len(p.Names) == 0:
		return e.replace(p.Pos(), p.End(), types[0]+", _ "+types[1]), nil
	case p.Names[0].Name == "_":
		return e.replace(p.Pos(), p.End(), "_ "+types[0]+", _ "+types[1]), nil
	}
	key, val := name("key"), name("value")
	return e.replace(p.Pos(), p.End(), key+" "+types[0]+", "+val+" "+types[1]),
		[]string{fmt.Sprintf("%s := %s{Key: %s, Value: %s}", p.Names[0].Name, e.text(e.call, p.Type), key, val)}
}

// selectorExpr is what an operator's call selects.
func selectorExpr(c *scan.Call) *ast.SelectorExpr {
	fun := ast.Unparen(c.Expr.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = ast.Unparen(x.X)
	case *ast.IndexListExpr:
		fun = ast.Unparen(x.X)
	}
	sel, _ := fun.(*ast.SelectorExpr)
	return sel
}

// selector is the name of an operator behind the dot; nil if it has none.
func selector(c *scan.Call) *ast.Ident {
	if sel := selectorExpr(c); sel != nil {
		return sel.Sel
	}
	return nil
}
