package random

import (
	"fmt"
	"strings"
)

// helpers are types and generic functions that every program has: the operators
// of these are generated for each of their instances.
const helpers = `
// Tally is an accumulator.
type Tally struct {
	N   int
	Sum uint64
}

// Box is generic.
type Box[T any] struct {
	N int64
	V T
}

// Coded travels in its own form.
type Coded struct {
	A string
	b int64
}

func (c Coded) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint64([]byte(c.A), uint64(c.b)), nil
}

func (c *Coded) UnmarshalBinary(b []byte) error {
	at := len(b) - 8
	if at < 0 {
		return errors.New("too short")
	}
	c.A, c.b = string(b[:at]), int64(binary.BigEndian.Uint64(b[at:]))
	return nil
}

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
	case d.order == bag && g.one(3):
		return repartition(g, d)
	case d.key != nil && d.order != exact && !d.parts && g.one(2):
		return pick(g, []func(*generator, *data) *step{partitionBy, reduceByKey})(g, d)
	case d.key == nil:
		f := g.mapper(d.row, d.row)
		return d.op("Map", f, fmt.Sprintf("oracle.Map(%s, %s)", d.name, f.plain()), *d)
	}
	f := g.mapper(d.row, d.row)
	return d.op("MapValues", f, fmt.Sprintf("oracle.Value(%s, %s)", d.name, f.plain()), *d)
}

// fan makes two of one, and joins or unites them again.
func (g *generator) fan(v *variable) *variable {
	left, right := g.apply(v, g.stays(&v.data)), g.apply(v, g.stays(&v.data))
	s := g.united(&left.data, right)
	if s == nil {
		return left
	}
	return g.apply(left, s)
}
