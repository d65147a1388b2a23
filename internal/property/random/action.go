package random

import "fmt"

// action ends a pipeline: statements of the program and of the interpreter.
type action struct{ run, plain string }

// action draws one for a variable.
func (g *generator) action(v *variable) action {
	g.shown = "Exact"
	var before string
	if g.one(4) {
		g.lazy = true
		before = fmt.Sprintf("if _, err := %s.Count(ctx); err != nil {\nreturn nil, err\n}\n", v.name)
	}
	for {
		of := actions
		if g.one(2) {
			of = actions[:1]
		}
		if a := pick(g, of)(g, v); a != nil {
			a.run = before + a.run
			return *a
		}
	}
}

var actions = []func(*generator, *variable) *action{
	collect, all, count, countByKey, collectAsMap, take, first, takeOrdered, reduce, fold, aggregate, save, save, forEach, forEachPartition,
	reduceByKeyLocally, lookup, numbersOf, numbersOf, countByValue, approximate, isEmpty, takeSample, objects, counted, counted,
}

// lines is the function that shows rows.
func (v *variable) lines() string {
	if v.key == nil {
		return "oracle.Lines"
	}
	return "oracle.Pairs"
}

func (g *generator) shows(v *variable) {
	switch {
	case v.order == exact:
		g.shown = "Exact"
	case v.order == perKey && v.key != nil:
		g.shown = "PerKey"
	default:
		g.shown = "Bag"
	}
}

func collect(g *generator, v *variable) *action {
	g.shows(v)
	return &action{fmt.Sprintf("return %s(%s.Collect(ctx))\n", v.lines(), v.name),
		fmt.Sprintf("return oracle.Must(%s(%s.All(), nil))\n", v.lines(), v.name)}
}

func all(g *generator, v *variable) *action {
	g.shows(v)
	return &action{fmt.Sprintf("var rows []%s\nfor x, err := range %s.All(ctx) {\nif err != nil {\nreturn nil, err\n}\nrows = append(rows, x)\n}\nreturn %s(rows, nil)\n",
		v.rowType(), v.name, v.lines()),
		fmt.Sprintf("return oracle.Must(%s(%s.All(), nil))\n", v.lines(), v.name)}
}

func count(_ *generator, v *variable) *action {
	return &action{fmt.Sprintf("return oracle.One(%s.Count(ctx))\n", v.name),
		fmt.Sprintf("return oracle.Must(oracle.One(len(%s.All()), nil))\n", v.name)}
}

func countByKey(_ *generator, v *variable) *action {
	if v.key == nil {
		return nil
	}
	return &action{fmt.Sprintf("return oracle.Counts(%s.CountByKey(ctx))\n", v.name),
		fmt.Sprintf("return oracle.Must(oracle.Counts(oracle.Count(%s), nil))\n", v.name)}
}

func collectAsMap(_ *generator, v *variable) *action {
	if v.key == nil || !v.known() {
		return nil
	}
	return &action{fmt.Sprintf("return oracle.Counts(%s.CollectAsMap(ctx))\n", v.name),
		fmt.Sprintf("return oracle.Must(oracle.Counts(oracle.Last(%s), nil))\n", v.name)}
}

func take(g *generator, v *variable) *action {
	if v.order != exact {
		return nil
	}
	g.lazy = true
	n := pick(g, []int{0, 1, 2, 10, 100, 5000})
	return &action{fmt.Sprintf("return %s(%s.Take(ctx, %d))\n", v.lines(), v.name, n),
		fmt.Sprintf("rows := %s.All()\nreturn oracle.Must(%s(rows[:min(%d, len(rows))], nil))\n", v.name, v.lines(), n)}
}

func first(g *generator, v *variable) *action {
	if v.order != exact {
		return nil
	}
	g.lazy = true
	return &action{fmt.Sprintf("return oracle.One(%s.First(ctx))\n", v.name),
		fmt.Sprintf("rows := %s.All()\nif len(rows) == 0 {\nreturn oracle.Must(oracle.One(0, typed.ErrEmpty))\n}\nreturn oracle.Must(oracle.One(rows[0], nil))\n", v.name)}
}

// row is the type of a row as a function takes it.
func (v *variable) rowTyp() *typ {
	if v.key == nil {
		return v.row
	}
	return &typ{name: v.rowType(), kind: record}
}

func takeOrdered(g *generator, v *variable) *action {
	f, n := g.comparison(v.rowTyp()), pick(g, []int{0, 1, 5, 40, 3000})
	g.lazy = g.lazy || n == 0
	name, rows := "TakeOrdered", "a, b"
	if g.one(2) {
		name, rows = "Top", "b, a"
	}
	return &action{fmt.Sprintf("return %s(%s.%s%s(ctx, %d, %s))\n", v.lines(), v.name, f.with(), name, n, f.operand()),
		fmt.Sprintf("order := %s\nrows := oracle.Sort(%s, func(a, b %s) int { return order(%s) }).All()\nreturn oracle.Must(%s(rows[:min(%d, len(rows))], nil))\n",
			f.plain(), v.name, v.rowType(), rows, v.lines(), n)}
}

func reduce(g *generator, v *variable) *action {
	if v.key != nil {
		return nil
	}
	f := g.merging(v.row, false)
	return &action{fmt.Sprintf("return oracle.One(%s.%sReduce(ctx, %s))\n", v.name, f.with(), f.operand()),
		fmt.Sprintf("rows := %s.All()\nif len(rows) == 0 {\nreturn oracle.Must(oracle.One(0, typed.ErrEmpty))\n}\nreturn oracle.Must(oracle.One(oracle.Reduce(rows, %s), nil))\n",
			v.name, f.plain())}
}

// fold has a zero that counts where partitions are known.
func fold(g *generator, v *variable) *action {
	if v.key != nil || v.row.kind == whole && !v.parts {
		return nil
	}
	f := g.merging(v.row, false)
	zero := g.made(v.row, nil)
	return &action{fmt.Sprintf("return oracle.One(%s.%sFold(ctx, %s, %s))\n", v.name, f.with(), zero, f.operand()),
		fmt.Sprintf("return oracle.Must(oracle.One(oracle.Fold(%s, %s, %s), nil))\n", v.name, zero, f.plain())}
}

func aggregate(g *generator, v *variable) *action {
	if v.key != nil {
		return nil
	}
	a, s := g.accumulator(v.row, v.order == exact), g.several()
	zero, add, merge := g.inPlace(a, s, v.row)
	return &action{fmt.Sprintf("return oracle.One(%s.%sAggregate(ctx, %s, %s, %s))\n", v.name, add.with(), zero.operand(), add.operand(), merge.operand()),
		fmt.Sprintf("return oracle.Must(oracle.One(oracle.Aggregate(%s, %s, %s), nil))\n", v.name, zero.plain(), add.plain())}
}

// save writes files, and shows what is in them.
func save(g *generator, v *variable) *action {
	g.shows(v)
	if g.shown == "PerKey" {
		g.shown = "Bag"
	}
	more := ""
	if v.key != nil || v.row.kind != whole || g.one(2) {
		format := &function{params: []param{{"row", v.rowTyp()}}, result: "string", body: "return oracle.Show(row)"}
		more = fmt.Sprintf(", typed.Format(%s)", format.operand())
	}
	if g.one(3) {
		more += ", typed.Overwrite()"
	}
	plain := fmt.Sprintf("return oracle.Must(oracle.Lines(%s.All(), nil))\n", v.name)
	if !g.one(2) {
		return &action{fmt.Sprintf("out := filepath.Join(dir, \"out\")\nreturn oracle.Saved(out, %s.SaveAsTextFile(ctx, out%s))\n", v.name, more), plain}
	}
	if g.one(2) {
		more += fmt.Sprintf(", typed.Compress(%q)", pick(g, []string{"gzip", "zstd"}))
	}
	return &action{fmt.Sprintf("out := filepath.Join(dir, \"out\")\nif err := %s.SaveAsTextFile(ctx, out%s); err != nil {\nreturn nil, err\n}\nreturn s.TextFile(out, typed.SplitBytes(%d)).Collect(ctx)\n",
		v.name, more, pick(g, []int{1 << 20, 100})), plain}
}

// notes draws a function without a result that takes note of what it is given.
// The With value is where: what a case notes is its own.
func (v *variable) notes(note string, more ...param) *function {
	return &function{params: append([]param{{"where", stringType}}, more...), body: note}
}

// forEach sees rows of a task that is tried again twice.
func forEach(g *generator, v *variable) *action {
	g.shown = "Seen"
	f := v.notes("oracle.Note(where, x)", param{"x", v.row})
	if v.key != nil {
		f = v.notes("oracle.Note(where, oracle.Pair["+v.key.name+", "+v.row.name+"]{Key: k, Value: x})", param{"k", v.key}, param{"x", v.row})
	}
	return &action{fmt.Sprintf("return oracle.Noted(dir, %s.With(dir).ForEach(ctx, %s))\n", v.name, f.operand()),
		fmt.Sprintf("return oracle.Must(oracle.Lines(%s.All(), nil))\n", v.name)}
}

func forEachPartition(g *generator, v *variable) *action {
	g.shows(v)
	note, seq := "oracle.NoteAll(where, t, rows)", "iter.Seq["+v.row.name+"]"
	if v.key != nil {
		note, seq = "oracle.NotePairs(where, t, rows)", fmt.Sprintf("iter.Seq2[%s, %s]", v.key.name, v.row.name)
	}
	f := v.notes("return "+note, param{"t", &typ{name: "*typed.Task"}}, param{"rows", &typ{name: seq}})
	f.result = "error"
	return &action{fmt.Sprintf("return oracle.Noted(dir, %s.With(dir).ForEachPartition(ctx, %s))\n", v.name, f.operand()),
		fmt.Sprintf("return oracle.Must(%s(%s.All(), nil))\n", v.lines(), v.name)}
}
