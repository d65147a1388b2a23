package random

import "fmt"

// numbersOf draws an action on numbers or on what has an order.
func numbersOf(g *generator, v *variable) *action {
	if v.key != nil || !v.row.ordered() {
		return nil
	}
	name := pick(g, []string{"Max", "Min", "Sum", "Stats", "HistogramIn"})
	switch {
	case name == "Max" || name == "Min":
		return &action{fmt.Sprintf("return oracle.One(typed.%s(ctx, %s))\n", name, v.name), fmt.Sprintf("return oracle.%sOf(%s)\n", name, v.name)}
	case v.row.kind != whole: // what is rounded depends on what is added first
		return nil
	case name == "Sum":
		return &action{fmt.Sprintf("return oracle.One(typed.Sum(ctx, %s))\n", v.name), fmt.Sprintf("return oracle.SumOf(%s)\n", v.name)}
	case name == "Stats":
		return &action{fmt.Sprintf("return oracle.Stats(typed.Stats(ctx, %s))\n", v.name), fmt.Sprintf("return oracle.StatsOf(%s)\n", v.name)}
	}
	return &action{fmt.Sprintf("return oracle.Lines(typed.HistogramIn(ctx, %s, oracle.Bounds))\n", v.name), fmt.Sprintf("return oracle.HistogramOf(%s)\n", v.name)}
}

func countByValue(_ *generator, v *variable) *action {
	if v.key != nil || !v.row.key {
		return nil
	}
	return &action{fmt.Sprintf("return oracle.Counts(typed.CountByValue(ctx, %s))\n", v.name),
		fmt.Sprintf("return oracle.Must(oracle.Counts(oracle.Count(oracle.Map(%s, oracle.By(func(x %s) %s { return x }))), nil))\n", v.name, v.row.name, v.row.name)}
}

// approximate compares an estimate with what is so in the same run.
func approximate(g *generator, v *variable) *action {
	if v.key != nil || !v.row.key {
		return nil
	}
	g.lazy = true
	return &action{fmt.Sprintf("about, err := typed.CountApproxDistinct(ctx, %s, 0.02)\nif err != nil {\nreturn nil, err\n}\nn, err := oracle.Different(%s.Collect(ctx))\nreturn oracle.Near(about, n, err)\n", v.name, v.name),
		fmt.Sprintf("n, err := oracle.Different(%s.All(), nil)\nreturn oracle.Must(oracle.Near(int64(n), n, err))\n", v.name)}
}

func isEmpty(g *generator, v *variable) *action {
	g.lazy = true
	return &action{fmt.Sprintf("return oracle.One(%s.IsEmpty(ctx))\n", v.name), fmt.Sprintf("return oracle.Must(oracle.One(len(%s.All()) == 0, nil))\n", v.name)}
}

// takeSample takes more than there are: the interpreter draws no lots.
func takeSample(g *generator, v *variable) *action {
	if v.key != nil {
		return nil
	}
	g.shown, g.lazy = "Bag", true
	return &action{fmt.Sprintf("return oracle.Lines(%s.TakeSample(ctx, 100000, typed.Seed(%d)))\n", v.name, g.IntN(100)),
		fmt.Sprintf("return oracle.Must(oracle.Lines(%s.All(), nil))\n", v.name)}
}

// objects writes rows as they are, and reads them.
func objects(g *generator, v *variable) *action {
	g.shows(v)
	if g.shown == "PerKey" {
		g.shown = "Bag"
	}
	return &action{fmt.Sprintf("out := filepath.Join(dir, \"out\")\nif err := %s.SaveAsObjectFile(ctx, out); err != nil {\nreturn nil, err\n}\nreturn oracle.Lines(typed.ObjectFile[%s](s, out).Collect(ctx))\n", v.name, v.rowType()),
		fmt.Sprintf("return oracle.Must(oracle.Lines(%s.All(), nil))\n", v.name)}
}

// counted has an accumulator count the rows of an RDD: each once, however often and by
// which tasks they are read.
func counted(g *generator, v *variable) *action {
	params, args := []param{{"seen", &typ{name: "typed.Counter"}}, {"a", v.row}}, "a"
	if v.key != nil {
		params, args = []param{params[0], {"k", v.key}, {"a", v.row}}, "k, a"
	}
	f := &function{params: params, result: "bool", body: "seen.Add(1)\nreturn true"}
	key := &function{params: params[1:], result: "uint64", body: fmt.Sprintf("return oracle.Hash(%s) %% 5", args)}
	g.lazy = true
	const twice = "for range 2 {\nif _, err := counted.%s; err != nil {\nreturn nil, err\n}\n}\n"
	use := pick(g, []string{
		"if _, err := counted.Count(ctx); err != nil {\nreturn nil, err\n}\n",
		fmt.Sprintf("if _, err := counted.SortBy(%s).Count(ctx); err != nil {\nreturn nil, err\n}\n", key.operand()),
		"counted = counted.Cache()\n" + fmt.Sprintf(twice, "Count(ctx)"),
		"counted = counted.Persist(typed.DiskOnly)\n" + fmt.Sprintf(twice, "Union(counted).Count(ctx)"),
		"counted = counted.Persist(typed.MemoryAndDiskSer)\n" + fmt.Sprintf(twice, fmt.Sprintf("SortBy(%s).Count(ctx)", key.operand())),
		fmt.Sprintf("shuffled := counted.Map(%s).KeyBy(func(h uint64) uint64 { return h }).ReduceByKey(func(a, b uint64) uint64 { return a ^ b })\nfor range 2 {\nif _, err := shuffled.Count(ctx); err != nil {\nreturn nil, err\n}\n}\n", key.operand()),
	})
	return &action{fmt.Sprintf("seen := typed.NewCounter(s, \"rows\")\ncounted := %s.With(seen).Filter(%s)\n%sreturn oracle.One(seen.Value(), nil)\n", v.name, f.operand(), use),
		fmt.Sprintf("return oracle.Must(oracle.One(int64(len(%s.All())), nil))\n", v.name)}
}
