package random

import (
	"fmt"
	"strings"
)

// helpers are generic functions that every program has: their operators are
// generated for each of their instances.
const helpers = `
func doubled[T any](all typed.RDD[T]) typed.RDD[T] {
	return all.
		FlatMap(func(x T) iter.Seq[T] {
			return func(yield func(T) bool) {
				if yield(x) {
					yield(x)
				}
			}
		}).
		Filter(func(x T) bool { return oracle.Hash(x)%7 != 0 })
}

func latest[K comparable, V any](all typed.PairRDD[K, V]) typed.PairRDD[K, V] {
	return all.ReduceByKey(func(_, b V) V { return b }, typed.Partitions(2))
}

func swapped[K, V comparable](all typed.PairRDD[K, V]) typed.PairRDD[V, K] {
	return all.MapToPair(func(k K, v V) (V, K) { return v, k })
}

func grouped[K comparable, V any](all typed.PairRDD[K, V]) typed.PairRDD[K, []V] {
	return all.GroupByKey(func(_ K, values iter.Seq[V]) []V { return slices.Collect(values) }).
		MapValues(func(values []V) []V { return values[:len(values)/2+1] })
}
`

func doubling(_ *generator, d *data) *step {
	if d.size*2 > wide {
		return nil
	}
	out := *d
	out.size *= 2
	return &step{out: out, whole: true, call: fmt.Sprintf("doubled(%s)", d.name),
		plain: fmt.Sprintf("oracle.Filter(oracle.FlatMap(%s, func(x %s) iter.Seq[%s] { return slices.Values([]%[2]s{x, x}) }), func(x %[2]s) bool { return oracle.Hash(x)%%7 != 0 })",
			d.name, d.row.name, d.row.name)}
}

func latestOf(_ *generator, d *data) *step {
	if !d.known() {
		return nil
	}
	return &step{out: d.keyed(d.key, d.row), whole: true, call: fmt.Sprintf("latest(%s)", d.name),
		plain: fmt.Sprintf("oracle.Combine(%s, func(v %s) %s { return v }, func(_, b %s) %s { return b })", d.name, d.row.name, d.row.name, d.row.name, d.row.name)}
}

func swapping(_ *generator, d *data) *step {
	if !d.row.key {
		return nil
	}
	return &step{out: d.kept(d.row, d.key), whole: true, call: fmt.Sprintf("swapped(%s)", d.name),
		plain: fmt.Sprintf("oracle.Map(%s, oracle.To(oracle.On2(func(k %s, v %s) (%s, %s) { return v, k })))", d.name, d.key.name, d.row.name, d.row.name, d.key.name)}
}

func groupedOf(_ *generator, d *data) *step {
	if !d.known() {
		return nil
	}
	values := &typ{name: "[]" + d.row.name, kind: list, elem: d.row}
	return &step{out: d.keyed(d.key, values), whole: true, call: fmt.Sprintf("grouped(%s)", d.name),
		plain: fmt.Sprintf("oracle.Groups(%s, func(_ %s, values iter.Seq[%s]) []%s { all := slices.Collect(values); return all[:len(all)/2+1] })",
			d.name, d.key.name, d.row.name, d.row.name)}
}

// flow draws a step that is taken in a loop or by a condition, so that the same
// operators follow each other in several ways.
func (g *generator) flow(from *variable) *variable {
	v := &variable{data: from.data, from: []*variable{from}}
	g.add(v)
	one, other := g.stays(&v.data), g.stays(&v.data)
	form := "NAME := FROM\nfor range 3 {\nNAME = ONE\n}\n"
	switch g.IntN(3) {
	case 0:
		form = fmt.Sprintf("NAME := FROM\nif oracle.Hash(%d)%%2 == 0 {\nNAME = ONE\n}\n", g.IntN(100))
	case 1:
		form = "NAME := FROM\nfor i := range 3 {\nif i == 1 {\nNAME = ONE\n} else {\nNAME = OTHER\n}\n}\n"
	}
	write := func(one, other string) string {
		return strings.NewReplacer("NAME", v.name, "FROM", from.name, "ONE", one, "OTHER", other).Replace(form)
	}
	v.run = write(v.name+"."+one.call, v.name+"."+other.call)
	v.plain = write(one.plain, other.plain)
	v.statement = true
	return v
}

// stays draws a step that changes neither the type nor what is known.
func (g *generator) stays(d *data) *step {
	switch {
	case g.one(2):
		return filtering(g, d)
	case d.key == nil:
		f := g.mapper(d.row, d.row)
		return d.op("Map", f, fmt.Sprintf("oracle.Map(%s, %s)", d.name, f.plain()), *d)
	}
	f := g.mapper(d.row, d.row)
	return d.op("MapValues", f, fmt.Sprintf("oracle.Value(%s, %s)", d.name, f.plain()), *d)
}
