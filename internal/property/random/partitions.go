package random

import (
	"fmt"
	"strings"
)

// coalesce puts partitions together; rows stay in order.
func coalesce(g *generator, d *data) *step {
	n := g.partitions()
	return &step{out: *d, call: fmt.Sprintf("Coalesce(%d)", n), plain: fmt.Sprintf("oracle.Coalesce(%s, %d)", d.name, n)}
}

// cartesian draws a product with rows of the same type.
func cartesian(g *generator, d *data) *step {
	o := g.another(d)
	if d.size*o.size > wide {
		return nil
	}
	g.lazy = true // a partition of a side is computed with each of the other
	r := g.anyType()
	f := g.mapper(r, d.row, o.row)
	out := d.kept(nil, r)
	out.size, out.parts = d.size*o.size, d.parts && o.parts
	if !out.parts || d.order != exact || o.order != exact {
		out.order = bag
	}
	return &step{out: out, other: o, call: fmt.Sprintf("%sCartesian(%s, %s)", f.with(), o.name, f.operand()),
		plain: fmt.Sprintf("oracle.Cartesian(%s, %s, %s)", d.name, o.name, f.plain())}
}

func filterByRange(g *generator, d *data) *step {
	if !d.key.ordered() {
		return nil
	}
	g.lazy = true // partitions that cannot have such keys are not computed
	from, to := fmt.Sprintf("oracle.Make[%s](%d)", d.key.name, g.IntN(100)), fmt.Sprintf("oracle.Make[%s](%d)", d.key.name, g.IntN(100))
	return &step{out: *d, whole: true, call: fmt.Sprintf("typed.FilterByRange(%s, %s, %s)", d.name, from, to),
		plain: fmt.Sprintf("oracle.Between(%s, %s, %s)", d.name, from, to)}
}

// flatMapSortedGroups sorts by what many values share, so that others must stay as
// they came.
func flatMapSortedGroups(g *generator, d *data) *step {
	if !d.known() {
		return nil
	}
	k, r, s := g.such((*typ).ordered), g.anyType(), g.several()
	by := s.function(k.name, fmt.Sprintf("return oracle.Make[%s](oracle.Hash(v)%%5)", k.name), param{"v", d.row})
	f := s.function("iter.Seq["+r.name+"]",
		fmt.Sprintf("return func(yield func(%s) bool) {\nsum := oracle.Hash(k)\nfor v := range values {\nsum = sum*31 + oracle.Hash(v)\nif !yield(oracle.Make[%s](sum)) {\nreturn\n}\n}\n}", r.name, r.name),
		param{"k", d.key}, param{"values", sequenceOf(d.row)})
	return &step{out: data{row: r, order: bag, size: d.size},
		call:  fmt.Sprintf("%sFlatMapSortedGroups(%s)", f.with(), strings.Join(append([]string{by.operand(), f.operand()}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.FlatMapSortedGroups(%s, %s, %s)", d.name, by.plain(), f.plain())}
}
