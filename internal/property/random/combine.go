package random

import (
	"fmt"
	"strings"
)

// merger draws the statements of an associative function of the last two
// variables: one that depends on their order only where that is known.
func (g *generator) merger(ps []param, t *typ, known bool) string {
	a, b := ps[len(ps)-2].name, ps[len(ps)-1].name
	if known && g.one(2) {
		switch {
		case t.kind == text && g.one(2):
			return fmt.Sprintf("return %s + %s", a, b)
		case t.kind == list && g.one(2):
			return fmt.Sprintf("return append(%s[:len(%s):len(%s)], %s...)", a, a, a, b)
		}
		return "return " + pick(g, []string{a, b})
	}
	if t.kind == whole && g.IntN(3) > 0 {
		return fmt.Sprintf("return %s %s %s", a, pick(g, []string{"+", "*", "^", "&", "|"}), b)
	}
	if t.kind == whole {
		return fmt.Sprintf("return %s(%s, %s)", pick(g, []string{"min", "max"}), a, b)
	}
	return pick(g, []string{
		fmt.Sprintf("return oracle.Max(%s, %s)", a, b),
		fmt.Sprintf("if oracle.Less(%s, %s) < 0 {\nreturn %s\n}\nreturn %s", a, b, a, b),
	})
}

func (g *generator) merging(t *typ, known bool) *function {
	return g.function(t.name, func(ps []param) string { return g.merger(ps, t, known) }, t, t)
}

func reduceByKey(g *generator, d *data) *step {
	f := g.merging(d.row, d.known())
	return d.op("ReduceByKey", f, fmt.Sprintf("oracle.Combine(%s, func(v %s) %s { return v }, %s)", d.name, d.row.name, d.row.name, f.plain()),
		d.keyed(d.key, d.row), g.options()...)
}

// accumulator is a way to combine values of a type.
type accumulator struct {
	typ         *typ
	ordered     bool   // the order of values matters
	create, add string // with %[1]s for the variable or its address, %[2]s for a value
	merge       string
	addTo, join string // in place
}

func (g *generator) accumulator(v *typ, known bool) accumulator {
	all := []accumulator{
		{typ: uint64Type, create: "oracle.Hash(%[1]s)", add: "%[1]s + oracle.Hash(%[2]s)", merge: "%[1]s + %[2]s",
			addTo: "*%[1]s += oracle.Hash(%[2]s)", join: "*%[1]s += *%[2]s"},
		{typ: int64Type, create: "int64(1)", add: "%[1]s + 1", merge: "%[1]s + %[2]s", addTo: "*%[1]s += 1", join: "*%[1]s += *%[2]s"},
		{typ: &typ{name: "Tally", kind: record}, create: "Tally{1, oracle.Hash(%[1]s)}",
			add: "Tally{%[1]s.N + 1, %[1]s.Sum ^ oracle.Hash(%[2]s)}", merge: "Tally{%[1]s.N + %[2]s.N, %[1]s.Sum ^ %[2]s.Sum}",
			addTo: "%[1]s.N++\n%[1]s.Sum ^= oracle.Hash(%[2]s)", join: "%[1]s.N += %[2]s.N\n%[1]s.Sum ^= %[2]s.Sum"},
	}
	if known {
		values := &typ{name: "[]" + v.name, kind: list, elem: v}
		all = append(all,
			accumulator{typ: values, ordered: true, create: "[]" + v.name + "{%[1]s}", add: "append(%[1]s, %[2]s)",
				merge: "append(%[1]s, %[2]s...)", addTo: "*%[1]s = append(*%[1]s, %[2]s)", join: "*%[1]s = append(*%[1]s, *%[2]s...)"},
			accumulator{typ: stringType, ordered: true, create: "oracle.Show(%[1]s)", add: "%[1]s + oracle.Show(%[2]s)", merge: "%[1]s + %[2]s",
				addTo: "*%[1]s += oracle.Show(%[2]s)", join: "*%[1]s += *%[2]s"})
	}
	return pick(g, all)
}

// several draws literals for an operator with several functions, all with the
// same With value.
type several struct {
	env  *param
	seed uint64
}

func (g *generator) several() several {
	if !g.withs || g.IntN(5) > 0 {
		return several{}
	}
	return several{&param{"env", g.envType()}, uint64(g.IntN(100))}
}

func (s several) function(result, body string, ps ...param) *function {
	return &function{params: ps, result: result, body: body, env: s.env, seed: s.seed}
}

func combineByKey(g *generator, d *data) *step {
	a, s := g.accumulator(d.row, d.known()), g.several()
	acc, v := param{"acc", a.typ}, param{"v", d.row}
	create := s.function(a.typ.name, "return "+one(a.create, "v"), v)
	add := s.function(a.typ.name, "return "+two(a.add, "acc", "v"), acc, v)
	merge := s.function(a.typ.name, "return "+two(a.merge, "acc", "out"), acc, param{"out", a.typ})
	args := append([]string{create.operand(), add.operand(), merge.operand()}, g.options()...)
	return &step{out: d.keyed(d.key, a.typ), call: fmt.Sprintf("%sCombineByKey(%s)", create.with(), strings.Join(args, ", ")),
		plain: fmt.Sprintf("oracle.Combine(%s, %s, %s)", d.name, create.plain(), add.plain())}
}

func one(format, a string) string {
	return strings.ReplaceAll(format, "%[1]s", a)
}

func two(format, a, b string) string {
	return strings.ReplaceAll(one(format, a), "%[2]s", b)
}

func aggregateByKey(g *generator, d *data) *step {
	a, s := g.accumulator(d.row, d.known()), g.several()
	zero, add, merge := g.inPlace(a, s, d.row)
	args := append([]string{zero.operand(), add.operand(), merge.operand()}, g.options()...)
	return &step{out: d.keyed(d.key, a.typ), call: fmt.Sprintf("%sAggregateByKey(%s)", add.with(), strings.Join(args, ", ")),
		plain: fmt.Sprintf("oracle.Add(%s, %s, %s)", d.name, zero.plain(), add.plain())}
}

// inPlace are the functions of an accumulator that is changed.
func (g *generator) inPlace(a accumulator, s several, v *typ) (zero, add, merge *function) {
	p := &typ{name: "*" + a.typ.name, kind: pointer, elem: a.typ}
	zero = s.function(a.typ.name, "var zero "+a.typ.name+"\nreturn zero")
	add = s.function("", two(a.addTo, "acc", "v"), param{"acc", p}, param{"v", v})
	merge = s.function("", two(a.join, "acc", "out"), param{"acc", p}, param{"out", p})
	return zero, add, merge
}

// gathers is the statements that make a value of type t of sequences: in the
// order of their values only where it is known.
func (g *generator) gathers(ps []param, t *typ, known bool, loops ...string) string {
	sum := "sum += "
	stop := ""
	if known {
		sum = "sum = sum*31 + "
		if g.one(3) {
			g.lazy = true
			stop = "if seen == 3 {\nbreak\n}\n"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sum, seen := %s, 0\n", g.hash(ps))
	for _, name := range loops {
		fmt.Fprintf(&b, "for x := range %s {\n%s%soracle.Hash(x)\nseen++\n}\n", name, stop, sum)
	}
	fmt.Fprintf(&b, "return oracle.Make[%s](sum + uint64(seen))", t.name)
	return b.String()
}

func sequenceOf(t *typ) *typ {
	return &typ{name: "iter.Seq[" + t.name + "]", kind: pointer, elem: &typ{}}
}

func groupByKey(g *generator, d *data) *step {
	r := g.anyType()
	collect := d.known() && g.one(3)
	if collect {
		r = &typ{name: "[]" + d.row.name, kind: list, elem: d.row}
	}
	f := g.function(r.name, func(ps []param) string {
		values, rest := ps[len(ps)-1].name, ps[:len(ps)-1]
		switch {
		case collect:
			return fmt.Sprintf("return slices.Collect(%s)", values)
		case g.one(6):
			return "return " + g.expr(rest, r)
		}
		return g.gathers(rest, r, d.known(), values)
	}, d.key, sequenceOf(d.row))
	return d.op("GroupByKey", f, fmt.Sprintf("oracle.Groups(%s, %s)", d.name, f.plain()), d.keyed(d.key, r), g.options()...)
}

func flatMapGroups(g *generator, d *data) *step {
	r := g.anyType()
	f := g.function("iter.Seq["+r.name+"]", func(ps []param) string {
		values, rest := ps[len(ps)-1].name, ps[:len(ps)-1]
		x := param{"x1", d.row}
		count, decl := "", ""
		if d.known() && g.one(2) {
			g.lazy = true
			decl, count = "seen := 0\n", "if seen == 4 {\nreturn\n}\nseen++\n"
		}
		return fmt.Sprintf("return func(yield func(%s) bool) {\n%sfor x1 := range %s {\n_ = x1\n%sif !yield(%s) {\nreturn\n}\n}\n}", r.name, decl, values, count,
			g.expr(append([]param{x}, rest...), r))
	}, d.key, sequenceOf(d.row))
	return d.op("FlatMapGroups", f, fmt.Sprintf("oracle.FlatMapGroups(%s, %s)", d.name, f.plain()),
		data{row: r, order: bag, size: d.size}, g.options()...)
}

// both is the result of an operator over two sides.
func (d *data) both(o *data, row *typ) data {
	out := data{key: d.key, row: row, order: perKey, size: d.size * o.size}
	if !d.known() || !o.known() {
		out.order = bag
	}
	return out
}

// joining draws a join of any kind.
func joining(g *generator, d *data) *step {
	o := g.partner(d)
	if d.size*o.size > wide {
		return nil
	}
	r := g.anyType()
	left, right := d.row, o.row
	pl := &typ{name: "*" + left.name, kind: pointer, elem: left}
	pr := &typ{name: "*" + right.name, kind: pointer, elem: right}
	var name, plain string
	var f *function
	switch g.IntN(4) {
	case 0:
		name, f = "Join", g.mapper(r, left, right)
		plain = fmt.Sprintf("false, false, func(v *%s, w *%s) %s { return (%s)(*v, *w) }", left.name, right.name, r.name, f.plain())
	case 1:
		name, f = "LeftOuterJoin", g.mapper(r, left, pr)
		plain = fmt.Sprintf("true, false, func(v *%s, w *%s) %s { return (%s)(*v, w) }", left.name, right.name, r.name, f.plain())
	case 2:
		name, f = "RightOuterJoin", g.mapper(r, pl, right)
		plain = fmt.Sprintf("false, true, func(v *%s, w *%s) %s { return (%s)(v, *w) }", left.name, right.name, r.name, f.plain())
	default:
		name, f = "FullOuterJoin", g.mapper(r, pl, pr)
		plain = "true, true, " + f.plain()
	}
	out := d.both(&o.data, r)
	opts := append([]string{o.name, f.operand()}, g.joinOptions(&out)...)
	return &step{out: out, other: o,
		call:  fmt.Sprintf("%s%s(%s)", f.with(), name, strings.Join(opts, ", ")),
		plain: fmt.Sprintf("oracle.Join(%s, %s, %s)", d.name, o.name, plain)}
}

// joinOptions is options for a join, of which any side may be small enough to be read
// whole by every task: then rows come in the order of the other. Or its keys may be split.
func (g *generator) joinOptions(out *data) []string {
	switch g.IntN(5) {
	case 0:
		out.order = bag
		return []string{"typed.BroadcastBelow(1 << 40)"}
	case 1:
		return g.options("typed.BroadcastBelow(0)")
	case 2:
		out.order = bag
		return []string{"typed.BroadcastBelow(0)", "typed.SkewJoin(1)"}
	}
	return g.options()
}

func coGroup(g *generator, d *data) *step {
	o := g.partner(d)
	if d.size*o.size > wide {
		return nil
	}
	r := g.anyType()
	known := d.known() && o.known()
	f := g.function("iter.Seq["+r.name+"]", func(ps []param) string {
		left, right, rest := ps[len(ps)-2].name, ps[len(ps)-1].name, ps[:len(ps)-2]
		vars := append([]param{{"a", d.row}, {"b", o.row}}, rest...)
		switch g.IntN(3) {
		case 0:
			return fmt.Sprintf("return func(yield func(%s) bool) {\nfor a := range %s {\nfor b := range %s {\n_, _ = a, b\nif !yield(%s) {\nreturn\n}\n}\n}\n}", r.name, left, right, g.expr(vars, r))
		case 1:
			return fmt.Sprintf("return func(yield func(%s) bool) {\nn1 := 0\nfor range %s {\nn1++\n}\nfor b := range %s {\n_ = b\nif !yield(%s) {\nreturn\n}\n}\n_ = yield(%s) && yield(%s)\n}",
				r.name, right, right, g.expr(vars[1:], r), g.made(r, rest, "n1"), g.made(r, rest))
		}
		return fmt.Sprintf("made := func() %s {\n%s\n}\nreturn func(yield func(%s) bool) { yield(made()) }", r.name, g.gathers(rest, r, known, left, right), r.name)
	}, d.key, sequenceOf(d.row), sequenceOf(o.row))
	return &step{out: d.both(&o.data, r), other: o,
		call:  fmt.Sprintf("%sCoGroup(%s)", f.with(), strings.Join(append([]string{o.name, f.operand()}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.CoGroup(%s, %s, %s)", d.name, o.name, f.plain())}
}

// coGroup3 draws a group of three sides, of which two are the same.
func coGroup3(g *generator, d *data) *step {
	o := g.partner(d)
	if d.size*o.size > wide/10 {
		return nil
	}
	third := &o.data
	if g.one(2) {
		third = d
	}
	r := g.anyType()
	known := d.known() && o.known()
	f := g.function("iter.Seq["+r.name+"]", func(ps []param) string {
		sides, rest := ps[len(ps)-3:], ps[:len(ps)-3]
		first, second, last := sides[0].name, sides[1].name, sides[2].name
		if g.one(2) {
			vars := append([]param{{"b", o.row}, {"c", third.row}}, rest...)
			return fmt.Sprintf("return func(yield func(%s) bool) {\nn1 := 0\nfor range %s {\nn1++\n}\nfor b := range %s {\nfor c := range %s {\n_, _ = b, c\nif !yield(%s) {\nreturn\n}\n}\n}\n_ = yield(%s)\n}",
				r.name, first, second, last, g.expr(vars, r), g.made(r, rest, "n1"))
		}
		return fmt.Sprintf("made := func() %s {\n%s\n}\nreturn func(yield func(%s) bool) { yield(made()) }", r.name, g.gathers(rest, r, known, first, second, last), r.name)
	}, d.key, sequenceOf(d.row), sequenceOf(o.row), sequenceOf(third.row))
	return &step{out: d.both(&o.data, r), other: o, third: third,
		call:  fmt.Sprintf("%sCoGroup3(%s)", f.with(), strings.Join(append([]string{o.name, third.name, f.operand()}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.CoGroup3(%s, %s, %s, %s)", d.name, o.name, third.name, f.plain())}
}
