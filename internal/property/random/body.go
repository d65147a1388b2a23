package random

import (
	"fmt"
	"slices"
	"strings"
)

// param is a variable in scope.
type param struct {
	name string
	typ  *typ
}

// function is a function for an operator.
type function struct {
	params []param
	result string // its type, as it is written
	body   string
	name   string // of a declared function; "" for a literal
	env    *param // the With value, which is the first parameter
	seed   uint64 // of that value
}

func declared(params []param) string {
	var out []string
	for _, p := range params {
		out = append(out, p.name+" "+p.typ.name)
	}
	return strings.Join(out, ", ")
}

func (f *function) all() []param {
	if f.env == nil {
		return f.params
	}
	return append([]param{*f.env}, f.params...)
}

// operand is the function as the operator is given it.
func (f *function) operand() string {
	if f.name != "" {
		return f.name
	}
	return fmt.Sprintf("func(%s) %s {\n%s\n}", declared(f.all()), f.result, f.body)
}

// plain is the function as the interpreter is given it: the With value is a
// variable of it.
func (f *function) plain() string {
	if f.env == nil {
		return f.operand()
	}
	body := f.body
	if f.name != "" {
		var args []string
		for _, p := range f.all() {
			args = append(args, p.name)
		}
		body = fmt.Sprintf("return %s(%s)", f.name, strings.Join(args, ", "))
	}
	return fmt.Sprintf("func(%s) %s {\n%s := %s\n_ = %s\n%s\n}", declared(f.params), f.result, f.env.name, f.value(), f.env.name, body)
}

func (f *function) value() string { return fmt.Sprintf("oracle.Make[%s](%d)", f.env.typ.name, f.seed) }

// with is what stands before the operator's dot.
func (f *function) with() string {
	if f.env == nil {
		return ""
	}
	return fmt.Sprintf("With(%s).", f.value())
}

// names are those of parameters: many mean something else in generated code.
var names = []string{
	"x", "in", "out", "row", "rows", "i", "k", "v", "t", "env", "envs", "rdd", "word", "n", "s", "acc", "ok", "p", "typed", "inAny", "err",
}

func (g *generator) params(types ...*typ) []param {
	var out []param
	for _, t := range types {
		name := pick(g, names)
		for slices.ContainsFunc(out, func(p param) bool { return p.name == name }) {
			name += "2"
		}
		out = append(out, param{name, t})
	}
	return out
}

// function draws a function of some types; make makes its body.
func (g *generator) function(result string, make func(ps []param) string, types ...*typ) *function {
	f := &function{result: result}
	if g.withs && g.one(5) {
		ps := g.params(append([]*typ{g.envType()}, types...)...)
		f.env, f.params, f.seed = &ps[0], ps[1:], uint64(g.IntN(100))
	} else {
		f.params = g.params(types...)
	}
	f.sparePackage(g.types)
	f.body = make(f.all())
	if g.one(4) {
		f.name = g.name("f")
		g.funcs = append(g.funcs, fmt.Sprintf("func %s(%s) %s {\n%s\n}", f.name, declared(f.all()), f.result, f.body))
	}
	return f
}

// sparePackage renames a parameter that would hide the package whose types the body may name: that
// may be of any of the program's types.
func (f *function) sparePackage(types []*typ) {
	named := strings.Contains(f.result, "typed.")
	all := append([]*param{}, f.env)
	for i := range f.params {
		all = append(all, &f.params[i])
		types = append(slices.Clip(types), f.params[i].typ)
	}
	if !named && !slices.ContainsFunc(types, (*typ).fromTyped) {
		return
	}
	for _, p := range all {
		if p != nil && p.name == "typed" {
			p.name = "typing"
		}
	}
}

// fromTyped says whether package typed has the type, or what a record of it is made of.
func (t *typ) fromTyped() bool {
	return strings.Contains(t.name, "typed.") ||
		slices.ContainsFunc(t.fields, func(f field) bool { return strings.Contains(f.typ.name, "typed.") })
}

// mapper draws a function with a result of type t.
func (g *generator) mapper(t *typ, types ...*typ) *function {
	return g.function(t.name, func(ps []param) string { return g.body(ps, t) }, types...)
}

// hash is an expression of all variables.
func (g *generator) hash(ps []param, more ...string) string {
	args := append([]string{fmt.Sprint(g.IntN(1000))}, more...)
	for _, p := range ps {
		args = append(args, p.name)
	}
	return "oracle.Hash(" + strings.Join(args, ", ") + ")"
}

// coarse is a seed that is one of n.
func (g *generator) coarse(ps []param, more ...string) string {
	return fmt.Sprintf("%s %% %d", g.hash(ps, more...), pick(g, []int{2, 7, 50, 1000}))
}

func (g *generator) made(t *typ, ps []param, more ...string) string {
	return fmt.Sprintf("oracle.Make[%s](%s)", t.name, g.coarse(ps, more...))
}

// part is a variable or what it has inside.
type part struct {
	expr string
	typ  *typ
}

func parts(ps []param) (out []part) {
	for _, p := range ps {
		out = append(out, part{p.name, p.typ})
		for _, f := range p.typ.fields {
			out = append(out, part{p.name + "." + f.name, f.typ})
		}
	}
	return out
}

// expr is an expression of type t.
func (g *generator) expr(ps []param, t *typ) string {
	for _, p := range shuffle(g, parts(ps)) {
		if e := g.of(p, t); e != "" && g.IntN(4) > 0 {
			return e
		}
	}
	switch {
	case t.kind == record && g.one(3):
		return g.literal(ps, t)
	case t.kind == list && g.one(2):
		return fmt.Sprintf("%s{%s, %s}", t.name, g.expr(ps, t.elem), g.made(t.elem, ps))
	case t.kind == truth && g.one(2):
		return fmt.Sprintf("%s(%s)", t.name, g.condition(ps))
	}
	return g.made(t, ps)
}

// of makes an expression of type t of a part, "" when it cannot.
func (g *generator) of(p part, t *typ) string {
	c := 1 + g.IntN(9)
	same := p.typ.name == t.name
	switch {
	case same && t.kind == whole:
		return fmt.Sprintf(pick(g, []string{"%[1]s", "%[1]s + %[2]d", "%[1]s * %[2]d", "%[1]s / %[2]d", "%[1]s %% %[2]d", "-%[1]s", "%[1]s ^ %[2]d"}), p.expr, c)
	case same && t.kind == decimal:
		return fmt.Sprintf(pick(g, []string{"%[1]s", "%[1]s + %[2]d", "%[1]s * %[2]d"}), p.expr, c)
	case same && t.kind == text:
		return fmt.Sprintf(pick(g, []string{"%[1]s", "%[1]s + \"+%[2]d\"", "%[1]s[:len(%[1]s)/2]", "%[1]s[len(%[1]s)/2:]"}), p.expr, c)
	case same && t.kind == list:
		return fmt.Sprintf(pick(g, []string{"%[1]s", "%[1]s[:len(%[1]s)/2]", "append(%[1]s[:len(%[1]s):len(%[1]s)], oracle.Make[%[3]s](%[2]d))", "slices.Clone(%[1]s)"}),
			p.expr, c, t.elem.name)
	case same:
		return p.expr
	case t.kind == whole && p.typ.kind == whole:
		return fmt.Sprintf("%s(%s)", t.name, p.expr)
	case t.kind == whole && (p.typ.kind == text || p.typ.kind == list || p.typ.kind == table):
		return fmt.Sprintf("%s(len(%s))", t.name, p.expr)
	case t.kind == decimal && p.typ.kind == whole:
		return fmt.Sprintf("%s(%s)", t.name, p.expr)
	case t.kind == text && p.typ.kind != text:
		return fmt.Sprintf("%s(oracle.Show(%s))", t.name, p.expr)
	case t.kind == text:
		return fmt.Sprintf("%s(strings.ToUpper(string(%s)))", t.name, p.expr)
	case t.kind == pointer && t.elem.name == p.typ.name && !strings.HasSuffix(p.expr, "()"):
		return "&" + p.expr
	}
	return ""
}

// literal is a composite literal.
func (g *generator) literal(ps []param, t *typ) string {
	var out []string
	for _, f := range t.fields {
		if !strings.HasSuffix(f.name, "()") && f.name != "Next" && g.IntN(3) > 0 {
			e := g.made(f.typ, ps)
			if f.typ.kind != record {
				e = g.expr(ps, f.typ)
			}
			out = append(out, fmt.Sprintf("%s: %s", f.name, e))
		}
	}
	return t.name + "{" + strings.Join(out, ", ") + "}"
}

// condition is an expression of type bool.
func (g *generator) condition(ps []param) string {
	for _, p := range parts(ps) {
		if g.IntN(3) > 0 {
			continue
		}
		switch p.typ.kind {
		case whole:
			return fmt.Sprintf("%s %% 3 %s 0", p.expr, pick(g, []string{"==", "!=", ">"}))
		case text, list, table:
			return fmt.Sprintf("len(%s) %s %d", p.expr, pick(g, []string{"==", "!=", ">", "<"}), g.IntN(4))
		case pointer:
			return fmt.Sprintf("%s %s nil", p.expr, pick(g, []string{"==", "!="}))
		case truth:
			return "bool(" + p.expr + ")"
		case decimal:
			return fmt.Sprintf("%s < %d", p.expr, g.IntN(5))
		}
	}
	return fmt.Sprintf("%s%%%d %s 0", g.hash(ps), 2+g.IntN(4), pick(g, []string{"==", "!="}))
}

// body is the statements of a function with one result.
func (g *generator) body(ps []param, t *typ) string {
	e := func() string { return g.expr(ps, t) }
	switch g.IntN(12) - 5 {
	case 0:
		return fmt.Sprintf("if %s {\nreturn %s\n}\nreturn %s", g.condition(ps), e(), e())
	case 1:
		return fmt.Sprintf("h := uint64(%d)\nfor j := range 3 {\nif j == 1 && %s {\ncontinue\n}\nh += uint64(j+1) * %s\n}\nreturn oracle.Make[%s](h)", g.IntN(100), g.condition(ps), g.hash(ps), t.name)
	case 2:
		return fmt.Sprintf("made := %s\nf := func() %s { return made }\nreturn f()", e(), t.name)
	case 3:
		return fmt.Sprintf("switch %s %% 3 {\ncase 0:\nreturn %s\ncase 1:\nvar zero %s\nreturn zero\ndefault:\nreturn %s\n}", g.hash(ps), e(), t.name, e())
	case 4:
		return fmt.Sprintf("var made %s\ndefer func() { made = *new(%s) }()\nmade = %s\nreturn made", t.name, t.name, e())
	case 5:
		return fmt.Sprintf("if made := (%s); oracle.Hash(made)%%2 == 0 {\nreturn made\n} else if %s {\nreturn %s\n}\nreturn %s", e(), g.condition(ps), e(), e())
	case 6:
		return fmt.Sprintf("var made []%s\nouter:\nfor j := range 4 {\nfor l := range 3 {\nif j*l == 2 {\nbreak outer\n}\nmade = append(made, oracle.Make[%s](%s))\n}\n}\nreturn made[len(made)/2]", t.name, t.name, g.hash(ps, "j", "l"))
	}
	return "return " + e()
}

// twice is the statements of a function with two results, of types t and u.
func (g *generator) twice(ps []param, t, u *typ) string {
	e := func() string { return g.expr(ps, t) + ", " + g.expr(ps, u) }
	if g.one(4) {
		return fmt.Sprintf("if %s {\nreturn %s\n}\nreturn %s", g.condition(ps), e(), e())
	}
	return "return " + e()
}

// trying is the statements of a function that may fail; values are what it
// gives otherwise.
func (g *generator) trying(ps []param, zeros, values string) string {
	return fmt.Sprintf("if %s%%%d == 0 {\nreturn %s, errors.New(\"no\")\n}\nreturn %s, nil", g.hash(ps), 3+g.IntN(4), zeros, values)
}

// yields is the statements that yield a few times; value draws what, of some
// more variables.
func (g *generator) yields(ps []param, value func(more ...string) string) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("if %s {\nif !yield(%s) {\nreturn\n}\n}\nyield(%s)", g.condition(ps), value(), value())
	case 1:
		return fmt.Sprintf("for j := range %d {\n_ = j\nif !yield(%s) {\nreturn\n}\n}", 1+g.IntN(4), value("j"))
	case 2:
		return fmt.Sprintf("for j := 0; j < 3; j++ {\nif j == 1 && %s {\ncontinue\n}\nif !yield(%s) {\nbreak\n}\n}", g.condition(ps), value("j"))
	case 3:
		return fmt.Sprintf("defer func() { recover() }()\nif %s {\nreturn\n}\nfor l := range slices.Values([]int{1, 2}) {\n_ = l\nif !yield(%s) {\nreturn\n}\n}", g.condition(ps), value("l"))
	case 4:
		return fmt.Sprintf("more := true\nemit := func() { more = more && yield(%s) }\nemit()\nif %s {\nemit()\n}", value(), g.condition(ps))
	default:
		return fmt.Sprintf("if !yield(%s) {\nreturn\n}\nyield(%s)", value(), value())
	}
}

// sequence is the statements of a function that gives an iter.Seq of t.
func (g *generator) sequence(ps []param, t *typ) string {
	for _, p := range parts(ps) {
		if p.typ.kind == list && p.typ.elem.name == t.name && g.one(2) {
			return fmt.Sprintf("return slices.Values(%s)", p.expr)
		}
	}
	value := func(more ...string) string {
		if len(more) > 0 && g.one(2) {
			return g.made(t, ps, more...)
		}
		return g.expr(ps, t)
	}
	loop := func() string {
		return fmt.Sprintf("func(yield func(%s) bool) {\n%s\n}", t.name, g.yields(ps, value))
	}
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("return slices.Values([]%s{%s, %s})", t.name, value(), value())
	case 1:
		return fmt.Sprintf("if %s {\nreturn slices.Values([]%s{%s})\n}\nreturn %s", g.condition(ps), t.name, value(), loop())
	case 2:
		return fmt.Sprintf("made := %s\nreturn func(yield func(%s) bool) {\nif yield(made) {\nyield(made)\n}\n}", value(), t.name)
	case 3:
		return fmt.Sprintf("all := %s\nreturn all", loop())
	case 4:
		name := g.name("f")
		g.funcs = append(g.funcs, fmt.Sprintf("func %s(%s) iter.Seq[%s] {\nreturn %s\n}", name, declared(ps), t.name, loop()))
		var args []string
		for _, p := range ps {
			args = append(args, p.name)
		}
		return fmt.Sprintf("return %s(%s)", name, strings.Join(args, ", "))
	}
	return "return " + loop()
}

// sequence2 is the statements of a function that gives an iter.Seq2.
func (g *generator) sequence2(ps []param, t, u *typ) string {
	value := func(more ...string) string {
		if len(more) > 0 && g.one(2) {
			return g.made(t, ps, more...) + ", " + g.made(u, ps, more...)
		}
		return g.expr(ps, t) + ", " + g.expr(ps, u)
	}
	return fmt.Sprintf("return func(yield func(%s, %s) bool) {\n%s\n}", t.name, u.name, g.yields(ps, value))
}
