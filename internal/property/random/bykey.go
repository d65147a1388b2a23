package random

import (
	"fmt"
	"strings"
)

// foldByKey has a zero that changes nothing.
func foldByKey(g *generator, d *data) *step {
	zero, body := fmt.Sprintf("%s(0)", d.row.name), "return a "+pick(g, []string{"+", "^", "|"})+" b"
	switch {
	case d.row.kind == text && d.known():
		zero, body = fmt.Sprintf("%s(%q)", d.row.name, ""), "return a + b"
	case d.row.kind != whole:
		return nil
	}
	f := g.several().function(d.row.name, body, param{"a", d.row}, param{"b", d.row})
	return &step{out: d.keyed(d.key, d.row),
		call:  fmt.Sprintf("%sFoldByKey(%s)", f.with(), strings.Join(append([]string{zero, f.operand()}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.Combine(%s, func(v %s) %s { return v }, %s)", d.name, d.row.name, d.row.name, f.plain())}
}

// topByKey takes its values by a comparison that tells all apart that differ.
func topByKey(g *generator, d *data) *step {
	withs := g.withs
	g.withs = false // it takes no value
	f := g.comparison(d.row)
	g.withs = withs
	n := 1 + g.IntN(4)
	return &step{out: d.keyed(d.key, &typ{name: "[]" + d.row.name, kind: list, elem: d.row}), whole: true,
		call:  fmt.Sprintf("typed.TopByKey(%s)", strings.Join(append([]string{d.name, fmt.Sprint(n), f.operand()}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.TopByKey(%s, %d, %s)", d.name, n, f.plain())}
}

func repartitionAndSort(g *generator, d *data) *step {
	if !d.key.ordered() {
		return nil
	}
	opts := g.placing(d)
	if g.one(3) {
		opts = append(opts, "typed.Descending()")
	}
	return &step{out: d.keyed(d.key, d.row), whole: true,
		call:  fmt.Sprintf("typed.RepartitionAndSortWithinPartitions(%s)", strings.Join(append([]string{d.name}, opts...), ", ")),
		plain: fmt.Sprintf("oracle.Moved(%s)", d.name)}
}

// distinctValues counts about how many there are, of which only the keys are sure.
func distinctValues(g *generator, d *data) *step {
	if !d.row.key {
		return nil
	}
	call := fmt.Sprintf("typed.CountApproxDistinctByKey(%s)", strings.Join(append([]string{d.name, "0.1"}, g.options()...), ", "))
	return &step{out: d.keyed(d.key, int64Type), whole: true,
		call:  call + ".MapValues(func(n int64) int64 { return min(n, 1) })",
		plain: fmt.Sprintf("oracle.Groups(%s, func(_ %s, _ iter.Seq[%s]) int64 { return 1 })", d.name, d.key.name, d.row.name)}
}

func subtractByKey(g *generator, d *data) *step {
	o := g.partner(d)
	return &step{out: d.keyed(d.key, d.row), other: o,
		call:  fmt.Sprintf("SubtractByKey(%s)", strings.Join(append([]string{o.name}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.Moved(oracle.WithoutKeys(%s, %s))", d.name, o.name)}
}

// sets draws what one set of rows leaves of another.
func sets(g *generator, d *data) *step {
	if !d.row.key {
		return nil
	}
	o := g.another(d)
	name := pick(g, []string{"Subtract", "Intersection"})
	return &step{out: data{row: d.row, order: bag, size: d.size}, other: o, whole: true,
		call:  fmt.Sprintf("typed.%s(%s)", name, strings.Join(append([]string{d.name, o.name}, g.options()...), ", ")),
		plain: fmt.Sprintf("oracle.%s(%s, %s)", name, d.name, o.name)}
}

func reduceByKeyLocally(g *generator, v *variable) *action {
	if v.key == nil {
		return nil
	}
	f := g.merging(v.row, v.known())
	return &action{fmt.Sprintf("return oracle.Counts(%s.%sReduceByKeyLocally(ctx, %s))\n", v.name, f.with(), f.operand()),
		fmt.Sprintf("return oracle.Must(oracle.Counts(oracle.Last(oracle.Combine(%s, func(v %s) %s { return v }, %s)), nil))\n", v.name, v.row.name, v.row.name, f.plain())}
}

// lookup asks for the key of a row where there is one.
func lookup(g *generator, v *variable) *action {
	if v.key == nil {
		return nil
	}
	if !v.known() {
		g.shown = "Bag"
	}
	g.lazy = true // one partition may be enough
	key := fmt.Sprintf("oracle.Make[%s](%d)", v.key.name, g.IntN(30))
	return &action{fmt.Sprintf("return oracle.Lines(%s.Lookup(ctx, %s))\n", v.name, key),
		fmt.Sprintf("return oracle.Must(oracle.Lines(oracle.Of(%s, %s), nil))\n", v.name, key)}
}
