package random

import (
	"fmt"
	"strings"
)

// order is what is known of the order of rows.
type order int

const (
	exact order = iota
	perKey
	bag
)

// data is an RDD of a pipeline: a variable of this name in the program, and in
// what the interpreter does.
type data struct {
	name  string
	key   *typ // nil: no pairs
	row   *typ // or value
	order order
	parts bool // its partitions are known
	size  int  // about how many rows it may have
}

// known says whether the values of a key come in a known order.
func (d *data) known() bool { return d.order != bag }

func (d *data) types() []*typ {
	if d.key == nil {
		return []*typ{d.row}
	}
	return []*typ{d.key, d.row}
}

// rowType is the type of a row.
func (d *data) rowType() string {
	if d.key == nil {
		return d.row.name
	}
	return fmt.Sprintf("typed.Pair[%s, %s]", d.key.name, d.row.name)
}

// on adapts an interpreter's function of keys and values, with n results.
func (d *data) on(n int, f string) string {
	switch {
	case d.key == nil:
		return f
	case n == 1:
		return "oracle.On(" + f + ")"
	}
	return fmt.Sprintf("oracle.On%d(%s)", n, f)
}

// step makes an RDD of one that there is.
type step struct {
	out   data
	call  string // after the dot
	whole bool   // call is the whole expression
	plain string // what the interpreter does
	other *variable
	third *data // what a third side is of: the other's, or the first's; nil: there is none
}

// op is a step by an operator that takes one function.
func (d *data) op(name string, f *function, plain string, out data, options ...string) *step {
	args := append([]string{f.operand()}, options...)
	return &step{out: out, call: fmt.Sprintf("%s%s(%s)", f.with(), name, strings.Join(args, ", ")), plain: plain}
}

// kept are rows in the order of d, made one by one of its rows.
func (d *data) kept(key, row *typ) data {
	out := *d
	out.key, out.row = key, row
	if out.order == perKey {
		out.order = bag
	}
	return out
}

// keyed are pairs that a shuffle has placed.
func (d *data) keyed(key, row *typ) data {
	out := data{key: key, row: row, size: d.size, order: perKey}
	if !d.known() {
		out.order = bag
	}
	return out
}

// steps are what can follow any RDD, any of rows, any of pairs.
var (
	steps     = []func(*generator, *data) *step{mapping, mapping, tryMapping, filtering, flatMapping, tryFlatMapping, mapPartitions, toPair, toPair, tryToPair, flatToPair, union, union, repartition, coalesce, keeping, sample}
	rowSteps  = []func(*generator, *data) *step{keyBy, keyBy, sortBy, sortFunc, distinct, distinctBy, doubling, cartesian, glom, zipWithUniqueID, zipping, zipping, sets, withIndex, barrier}
	pairSteps = []func(*generator, *data) *step{mapValues, mapValues, keys, values, reduceByKey, reduceByKey, combineByKey, combineByKey,
		aggregateByKey, aggregateByKey, groupByKey, groupByKey, flatMapGroups, joining, joining, joining, coGroup, coGroup3, partitionBy, sortByKey, sortBy, sortFunc, mapValuesWithKey, flatMapValues, latestOf, swapping, groupedOf, filterByRange, flatMapSortedGroups,
		foldByKey, topByKey, repartitionAndSort, distinctValues, subtractByKey}
)

// next draws a step that can follow d.
func (g *generator) next(d *data) *step {
	for {
		from := steps
		switch {
		case g.one(3):
		case d.key == nil:
			from = rowSteps
		default:
			from = pairSteps
		}
		if s := pick(g, from)(g, d); s != nil {
			return s
		}
	}
}

func mapping(g *generator, d *data) *step {
	u := g.anyType()
	f := g.mapper(u, d.types()...)
	return d.op("Map", f, fmt.Sprintf("oracle.Map(%s, %s)", d.name, d.on(1, f.plain())), d.kept(nil, u))
}

func tryMapping(g *generator, d *data) *step {
	u := g.anyType()
	f := g.function("("+u.name+", error)", func(ps []param) string {
		return g.trying(ps, g.made(u, ps), g.expr(ps, u))
	}, d.types()...)
	return d.op("TryMap", f, fmt.Sprintf("oracle.TryMap(%s, %s)", d.name, d.on(2, f.plain())), d.kept(nil, u))
}

func filtering(g *generator, d *data) *step {
	f := g.mapper(boolType, d.types()...)
	return d.op("Filter", f, fmt.Sprintf("oracle.Filter(%s, %s)", d.name, d.on(1, f.plain())), *d)
}

// wide bounds how many rows there get to be.
const wide = 6000

func flatMapping(g *generator, d *data) *step {
	if d.size*3 > wide {
		return nil
	}
	u := g.anyType()
	f := g.function("iter.Seq["+u.name+"]", func(ps []param) string { return g.sequence(ps, u) }, d.types()...)
	out := d.kept(nil, u)
	out.size *= 3
	return d.op("FlatMap", f, fmt.Sprintf("oracle.FlatMap(%s, %s)", d.name, d.on(1, f.plain())), out)
}

func tryFlatMapping(g *generator, d *data) *step {
	if d.size*3 > wide {
		return nil
	}
	u := g.anyType()
	f := g.function("(iter.Seq["+u.name+"], error)", func(ps []param) string {
		return g.trying(ps, "nil", fmt.Sprintf("slices.Values([]%s{%s, %s})", u.name, g.expr(ps, u), g.made(u, ps)))
	}, d.types()...)
	out := d.kept(nil, u)
	out.size *= 3
	return d.op("TryFlatMap", f, fmt.Sprintf("oracle.TryFlatMap(%s, %s)", d.name, d.on(2, f.plain())), out)
}

// mapPartitions goes over a partition row by row, with a state where
// partitions are known.
func mapPartitions(g *generator, d *data) *step {
	u := g.anyType()
	seq, vars := "iter.Seq["+d.row.name+"]", []param{{"a", d.row}}
	if d.key != nil {
		seq, vars = fmt.Sprintf("iter.Seq2[%s, %s]", d.key.name, d.row.name), []param{{"a", d.key}, {"b", d.row}}
	}
	stateful := d.parts && d.order == exact && g.one(2)
	task := &typ{name: "*typed.Task", kind: pointer, elem: &typ{}}
	f := g.function("iter.Seq["+u.name+"]", func(ps []param) string {
		task, rows, env := ps[len(ps)-2], ps[len(ps)-1], ps[:len(ps)-2]
		inner := append(append([]param{}, env...), vars...)
		loop := "a"
		if d.key != nil {
			loop = "a, b"
		}
		if !stateful {
			mark := ""
			if g.one(3) {
				mark = fmt.Sprintf("if %s%%%d == 0 {\noracle.Reject(%s, a)\ncontinue\n}\n", g.hash(vars), 2+g.IntN(4), task.name)
			}
			for _, v := range vars {
				mark += "_ = " + v.name + "\n"
			}
			return fmt.Sprintf("return func(yield func(%s) bool) {\nfor %s := range %s {\n%sif !yield(%s) {\nreturn\n}\n}\n}", u.name, loop, rows.name, mark, g.expr(inner, u))
		}
		stop := ""
		if g.one(3) {
			g.lazy = true
			stop = fmt.Sprintf("if seen == %d {\nbreak\n}\n", 2+g.IntN(20))
		}
		return fmt.Sprintf("return func(yield func(%s) bool) {\nsum, seen := uint64(1), 0\nfor %s := range %s {\n%ssum = sum*31 + %s\nseen++\nif seen%%3 == 0 && !yield(%s) {\nreturn\n}\n}\nyield(oracle.Make[%s](sum))\n}",
			u.name, loop, rows.name, stop, g.hash(inner), g.made(u, inner, "seen", "sum"), u.name)
	}, task, &typ{name: seq, kind: pointer, elem: &typ{}})
	p := f.plain()
	if d.key != nil {
		p = "oracle.Seq2(" + p + ")"
	}
	return d.op("MapPartitions", f, fmt.Sprintf("oracle.MapPartitions(%s, %s)", d.name, p), d.kept(nil, u))
}

func toPair(g *generator, d *data) *step {
	k, v := g.keyType(), g.anyType()
	f := g.function(fmt.Sprintf("(%s, %s)", k.name, v.name), func(ps []param) string { return g.twice(ps, k, v) }, d.types()...)
	return d.op("MapToPair", f, fmt.Sprintf("oracle.Map(%s, oracle.To(%s))", d.name, d.on(2, f.plain())), d.kept(k, v))
}

func tryToPair(g *generator, d *data) *step {
	k, v := g.keyType(), g.anyType()
	f := g.function(fmt.Sprintf("(%s, %s, error)", k.name, v.name), func(ps []param) string {
		return g.trying(ps, g.made(k, ps)+", "+g.made(v, ps), g.expr(ps, k)+", "+g.expr(ps, v))
	}, d.types()...)
	return d.op("TryMapToPair", f, fmt.Sprintf("oracle.TryMap(%s, oracle.Try(%s))", d.name, d.on(3, f.plain())), d.kept(k, v))
}

func flatToPair(g *generator, d *data) *step {
	if d.size*3 > wide {
		return nil
	}
	k, v := g.keyType(), g.anyType()
	f := g.function(fmt.Sprintf("iter.Seq2[%s, %s]", k.name, v.name), func(ps []param) string { return g.sequence2(ps, k, v) }, d.types()...)
	out := d.kept(k, v)
	out.size *= 3
	return d.op("FlatMapToPair", f, fmt.Sprintf("oracle.FlatMap(%s, oracle.Zip(%s))", d.name, d.on(1, f.plain())), out)
}

func keyBy(g *generator, d *data) *step {
	k := g.keyType()
	f := g.mapper(k, d.row)
	return d.op("KeyBy", f, fmt.Sprintf("oracle.Map(%s, oracle.By(%s))", d.name, f.plain()), d.kept(k, d.row))
}

// union joins an RDD with itself, or with another of its type.
func union(g *generator, d *data) *step { return g.united(d, g.another(d)) }

func (g *generator) united(d *data, o *variable) *step {
	if d.size+o.size > wide {
		return nil
	}
	out := *d
	out.size += o.size
	out.parts = d.parts && o.parts
	if d.order != exact || o.order != exact {
		out.order = bag
	}
	if !out.parts {
		return &step{out: out, other: o, call: fmt.Sprintf("Union(%s)", o.name), plain: fmt.Sprintf("oracle.Moved(oracle.Union(%s, %s))", d.name, o.name)}
	}
	return &step{out: out, other: o, call: fmt.Sprintf("Union(%s)", o.name), plain: fmt.Sprintf("oracle.Union(%s, %s)", d.name, o.name)}
}

// partitions draws how many there are.
func (g *generator) partitions() int { return pick(g, []int{1, 2, 3, 5, 8, 13}) }

// options are those of a shuffle.
func (g *generator) options(more ...string) []string {
	if g.one(3) {
		return more
	}
	return append([]string{fmt.Sprintf("typed.Partitions(%d)", g.partitions())}, more...)
}

func repartition(g *generator, d *data) *step {
	out := *d
	out.order, out.parts = bag, false
	return &step{out: out, call: fmt.Sprintf("Repartition(%d)", g.partitions()), plain: fmt.Sprintf("oracle.Moved(%s)", d.name)}
}

func sortBy(g *generator, d *data) *step {
	k := g.such((*typ).ordered)
	f := g.mapper(k, d.types()...)
	var opts []string
	down := g.one(3)
	if down {
		opts = append(opts, "typed.Descending()")
	}
	out := *d
	out.parts = false
	return d.op("SortBy", f, fmt.Sprintf("oracle.Sort(%s, oracle.Key(%s, %t))", d.name, d.on(1, f.plain()), down), out, g.options(opts...)...)
}

// comparison is a function that tells all rows apart that differ.
func (g *generator) comparison(t *typ) *function {
	f := &function{result: "int", params: []param{{"a", t}, {"b", t}}, body: "return oracle.Less(a, b)"}
	if g.one(2) {
		f.body = "if a, b := oracle.Hash(a)%3, oracle.Hash(b)%3; a != b {\nreturn int(a) - int(b)\n}\nreturn oracle.Less(b, a)"
	}
	if g.withs && g.one(4) {
		f.env, f.seed = &param{"env", g.envType()}, uint64(g.IntN(100))
		f.body = "if oracle.Hash(env)%2 == 0 {\na, b = b, a\n}\n" + f.body
	}
	return f
}

func sortFunc(g *generator, d *data) *step {
	f := g.comparison(&typ{name: d.rowType()})
	out := *d
	out.parts, out.order = false, exact
	return d.op("SortFunc", f, fmt.Sprintf("oracle.Sort(%s, %s)", d.name, f.plain()), out, g.options()...)
}

func sortByKey(g *generator, d *data) *step {
	if !d.key.ordered() {
		return nil
	}
	out := *d
	out.parts = false
	if d.known() {
		out.order = exact
	}
	opts, down := g.options(), g.one(3)
	if down {
		opts = append(opts, "typed.Descending()")
	}
	return &step{out: out, whole: true, call: fmt.Sprintf("typed.SortByKey(%s)", strings.Join(append([]string{d.name}, opts...), ", ")),
		plain: fmt.Sprintf("oracle.Sort(%s, oracle.Key(func(p %s) %s { return p.Key }, %t))", d.name, d.rowType(), d.key.name, down)}
}

func distinct(g *generator, d *data) *step {
	if !d.row.key {
		return nil
	}
	return &step{out: data{row: d.row, order: bag, size: d.size},
		whole: true,
		call:  fmt.Sprintf("typed.Distinct(%s)", strings.Join(append([]string{d.name}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.First(%s, func(x %s) %s { return x })", d.name, d.row.name, d.row.name)}
}

func distinctBy(g *generator, d *data) *step {
	if d.order != exact {
		return nil
	}
	f := g.mapper(g.keyType(), d.row)
	return d.op("DistinctBy", f, fmt.Sprintf("oracle.First(%s, %s)", d.name, f.plain()),
		data{row: d.row, order: bag, size: d.size}, g.options()...)
}

func mapValues(g *generator, d *data) *step {
	v := g.anyType()
	f := g.mapper(v, d.row)
	out := *d
	out.row = v
	return d.op("MapValues", f, fmt.Sprintf("oracle.Value(%s, %s)", d.name, f.plain()), out)
}

func mapValuesWithKey(g *generator, d *data) *step {
	v := g.anyType()
	f := g.mapper(v, d.types()...)
	out := *d
	out.row = v
	return d.op("MapValuesWithKey", f, fmt.Sprintf("oracle.ValueWithKey(%s, %s)", d.name, f.plain()), out)
}

func flatMapValues(g *generator, d *data) *step {
	if d.size*3 > wide {
		return nil
	}
	v := g.anyType()
	f := g.function("iter.Seq["+v.name+"]", func(ps []param) string { return g.sequence(ps, v) }, d.row)
	out := *d
	out.row = v
	out.size *= 3
	return d.op("FlatMapValues", f, fmt.Sprintf("oracle.FlatValue(%s, %s)", d.name, f.plain()), out)
}

func keys(_ *generator, d *data) *step {
	return &step{out: d.kept(nil, d.key), call: "Keys()", plain: fmt.Sprintf("oracle.Keys(%s)", d.name)}
}

func values(_ *generator, d *data) *step {
	return &step{out: d.kept(nil, d.row), call: "Values()", plain: fmt.Sprintf("oracle.Values(%s)", d.name)}
}

func partitionBy(g *generator, d *data) *step {
	return &step{out: d.keyed(d.key, d.row), call: fmt.Sprintf("PartitionBy(%s)", strings.Join(g.placing(d), ", ")),
		plain: fmt.Sprintf("oracle.Moved(%s)", d.name)}
}

// placing draws options of operators that only place pairs, by a function too.
func (g *generator) placing(d *data) []string {
	if (d.key == stringType || d.key == int64Type) && g.one(2) {
		n := g.partitions()
		return []string{fmt.Sprintf("typed.PartitionFunc(%d, func(k %s) int { return int(oracle.Hash(k) %% %d) })", n, d.key.name, n)}
	}
	return g.options()
}
