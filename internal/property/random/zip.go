package random

import (
	"fmt"
	"strings"
)

// variable finds that of an RDD.
func (g *generator) variable(d *data) *variable {
	for _, v := range g.vars {
		if v.name == d.name {
			return v
		}
	}
	panic("no variable " + d.name)
}

// placed says whether it is known which row is where.
func (d *data) placed() bool { return d.parts && d.order == exact }

// statements are steps that are no expressions.
var statements = []func(*generator, *variable) *variable{numbering, numbering, checkpoint, sampleExact, splitting}

// statement makes a step that runs actions, and so has an error and is no expression.
func (g *generator) statement(d *variable, out data, call, plain string) *variable {
	g.lazy = true // its action and the pipeline's compute rows
	v := &variable{data: out, from: []*variable{d}, statement: true}
	g.add(v)
	v.run = fmt.Sprintf("%s, err := %s\nif err != nil {\nreturn nil, err\n}\n", v.name, call)
	v.plain = fmt.Sprintf("%s := %s\n", v.name, plain)
	return v
}

// listed is a list of rows.
func (d *data) listed() *typ { return &typ{name: "[]" + d.row.name, kind: list, elem: d.row} }

func glom(_ *generator, d *data) *step {
	if !d.placed() {
		return nil
	}
	return &step{out: d.kept(nil, d.listed()), whole: true, call: fmt.Sprintf("typed.Glom(%s)", d.name), plain: fmt.Sprintf("oracle.Glom(%s)", d.name)}
}

func zipWithUniqueID(_ *generator, d *data) *step {
	if !d.placed() {
		return nil
	}
	return &step{out: d.kept(int64Type, d.row), whole: true, call: fmt.Sprintf("typed.ZipWithUniqueID(%s)", d.name), plain: fmt.Sprintf("oracle.Numbered(%s)", d.name)}
}

// zipping draws a zip of an RDD with itself: others have other numbers of rows.
func zipping(g *generator, d *data) *step {
	if !d.placed() {
		return nil
	}
	g.lazy = true // it is computed for both sides
	r := g.anyType()
	if g.one(2) {
		f := g.mapper(r, d.row, d.row)
		return &step{out: d.kept(nil, r), other: g.variable(d), call: fmt.Sprintf("%sZip(%s, %s)", f.with(), d.name, f.operand()),
			plain: fmt.Sprintf("oracle.Zipped(%s, %s, %s)", d.name, d.name, f.plain())}
	}
	task := &typ{name: "*typed.Task", kind: pointer, elem: &typ{}}
	f := g.function("iter.Seq["+r.name+"]", func(ps []param) string {
		left, right, env := ps[len(ps)-2].name, ps[len(ps)-1].name, ps[:len(ps)-3]
		vars := append(append([]param{}, env...), param{"a", d.row})
		return fmt.Sprintf("return func(yield func(%s) bool) {\nn1 := 0\nfor range %s {\nn1++\n}\nfor a := range %s {\nif !yield(%s) {\nreturn\n}\n}\n}",
			r.name, right, left, g.made(r, vars, "n1"))
	}, task, sequenceOf(d.row), sequenceOf(d.row))
	return &step{out: d.kept(nil, r), other: g.variable(d), call: fmt.Sprintf("%sZipPartitions(%s, %s)", f.with(), d.name, f.operand()),
		plain: fmt.Sprintf("oracle.ZippedPartitions(%s, %s, %s)", d.name, d.name, f.plain())}
}

// numbering draws what numbers rows, or puts those together that follow one another.
func numbering(g *generator, v *variable) *variable {
	if v.key != nil || v.order != exact {
		return nil
	}
	if g.one(2) && v.size*3 < wide {
		n := 1 + g.IntN(4)
		out := v.kept(nil, v.listed())
		out.parts, out.size = false, v.size*n
		return g.statement(v, out, fmt.Sprintf("typed.Sliding(ctx, %s, %d)", v.name, n), fmt.Sprintf("oracle.Sliding(%s, %d)", v.name, n))
	}
	return g.statement(v, v.kept(int64Type, v.row), fmt.Sprintf("typed.ZipWithIndex(ctx, %s)", v.name), fmt.Sprintf("oracle.Indexed(%s)", v.name))
}

// checkpoint draws one: rows and partitions stay.
func checkpoint(g *generator, v *variable) *variable {
	return g.statement(v, v.data, v.name+".Checkpoint(ctx)", v.name)
}

// sampleExact draws all pairs of some keys, since the interpreter draws no lots.
func sampleExact(g *generator, v *variable) *variable {
	shares := g.shares(&v.data)
	if shares == "" {
		return nil
	}
	return g.statement(v, v.data, fmt.Sprintf("%s.SampleByKeyExact(ctx, %s, typed.Seed(%d))", v.name, shares, g.IntN(100)),
		fmt.Sprintf("oracle.OfKeys(%s, %s)", v.name, shares))
}

// splitting draws rows into several RDDs, and unites them again: none is lost.
func splitting(g *generator, v *variable) *variable {
	if v.key != nil || v.order != exact {
		return nil
	}
	g.lazy = true
	out := v.data
	out.order, out.parts = bag, false
	made := &variable{data: out, from: []*variable{v}, statement: true}
	g.add(made)
	made.run = fmt.Sprintf("%[1]sparts := %[2]s.RandomSplit([]float64{1, 0, 2.5}, typed.Seed(%[3]d))\n%[1]s := %[1]sparts[0].Union(%[1]sparts[1:]...)\n", made.name, v.name, g.IntN(100))
	made.plain = fmt.Sprintf("%s := oracle.Moved(%s)\n", made.name, v.name)
	return made
}

// shares are those of some keys: all or nothing; "" where keys cannot be written.
func (g *generator) shares(d *data) string {
	if d.key == nil || d.key.kind != whole && d.key.kind != text {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "oracle.Shares[%s](", d.key.name)
	for i := range 1 + g.IntN(5) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, g.IntN(30))
	}
	return b.String() + ")"
}

// sample draws all rows or none, as often as they are there, or all of some keys.
func sample(g *generator, d *data) *step {
	if shares := g.shares(d); shares != "" && g.one(2) {
		return &step{out: *d, call: fmt.Sprintf("SampleByKey(%s, typed.Seed(%d))", shares, g.IntN(100)), plain: fmt.Sprintf("oracle.OfKeys(%s, %s)", d.name, shares)}
	}
	if g.one(3) {
		return &step{out: *d, call: "Sample(0, typed.WithReplacement())", plain: fmt.Sprintf("oracle.Sampled(%s, false)", d.name)}
	}
	return &step{out: *d, call: fmt.Sprintf("Sample(1, typed.Seed(%d))", g.IntN(100)), plain: fmt.Sprintf("oracle.Sampled(%s, true)", d.name)}
}

// keeping draws a Cache or Persist.
func keeping(g *generator, d *data) *step {
	g.lazy = true // what has no room is computed again
	call := pick(g, []string{"Cache()", "Persist(typed.MemoryOnly)", "Persist(typed.MemoryOnlySer)", "Persist(typed.MemoryAndDisk)", "Persist(typed.MemoryAndDiskSer)", "Persist(typed.DiskOnly)",
		"Persist(typed.MemoryOnly2)", "Persist(typed.MemoryAndDiskSer2)"})
	return &step{out: *d, call: call, plain: d.name}
}

// withIndex gives functions the number of the partition where it is known what is there.
func withIndex(g *generator, d *data) *step {
	if d.key != nil || !d.parts {
		return nil
	}
	u := g.anyType()
	f := g.function("iter.Seq["+u.name+"]", func(ps []param) string {
		index, rows, env := ps[len(ps)-2], ps[len(ps)-1], ps[:len(ps)-2]
		vars := append(append([]param{}, env...), param{"a", d.row})
		return fmt.Sprintf("return func(yield func(%s) bool) {\nfor a := range %s {\nif !yield(%s) {\nreturn\n}\n}\n}", u.name, rows.name, g.made(u, vars, index.name))
	}, &typ{name: "int"}, sequenceOf(d.row))
	return d.op("MapPartitionsWithIndex", f, fmt.Sprintf("oracle.MapPartitionsWithIndex(%s, %s)", d.name, f.plain()), d.kept(nil, u))
}

// barrier draws tasks that tell each other how many rows they have. There are slots for
// few, and only whole stages can wait.
func barrier(g *generator, d *data) *step {
	if d.key != nil {
		return nil
	}
	g.lazy = true // all tasks are run again when one fails
	u := g.anyType()
	f := &function{params: []param{{"t", &typ{name: "*typed.BarrierTask"}}, {"rows", sequenceOf(d.row)}}, result: "iter.Seq[" + u.name + "]",
		body: fmt.Sprintf("all := slices.Collect(rows)\nn := oracle.Gathered(t.AllGather, len(all))\nreturn func(yield func(%s) bool) {\nfor _, a := range all {\nif !yield(oracle.Make[%s](oracle.Hash(a, n))) {\nreturn\n}\n}\n}", u.name, u.name)}
	plain := fmt.Sprintf("oracle.Moved(oracle.Map(%s, func(a %s) %s { return oracle.Make[%s](oracle.Hash(a, len(%s.All()))) }))", d.name, d.row.name, u.name, u.name, d.name)
	return &step{out: data{row: u, order: bag, size: d.size},
		call:  fmt.Sprintf("Coalesce(%d).\nMapPartitionsWithBarrier(%s).\nRepartition(%d)", 1+g.IntN(3), f.operand(), g.partitions()),
		plain: plain}
}
