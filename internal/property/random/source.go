package random

import "fmt"

// rows draws how many rows a source has: mostly a few.
func (g *generator) rows() int { return pick(g, []int{0, 1, 3, 10, 30, 30, 60, 100, 1500}) }

// source makes a variable of a source.
func (g *generator) source() *variable {
	parts := g.partitions()
	switch g.IntN(12) - 8 {
	case 0:
		n, from, step := g.rows(), g.IntN(20)-10, pick(g, []int{1, 2, -3})
		return g.add(&variable{data: data{row: int64Type, parts: true, size: n},
			run:   fmt.Sprintf("s.Range(%d, typed.From(%d), typed.Step(%d), typed.Partitions(%d))", n, from, step, parts),
			plain: fmt.Sprintf("oracle.Range(%d, %d, %d, %d)", n, from, step, parts)})
	case 1:
		if t := g.anyType(); g.one(3) {
			return g.add(&variable{data: data{row: t, parts: true}, run: fmt.Sprintf("s.Empty[%s]()", t.name), plain: fmt.Sprintf("oracle.Data[%s]{}", t.name)})
		}
	case 2, 3:
		return g.files()
	}
	return g.parallelize(g.anyType())
}

// another finds or makes an RDD of the type of d.
func (g *generator) another(d *data) *variable {
	var same []*variable
	for _, v := range g.vars {
		if v.rddType() == d.rddType() {
			same = append(same, v)
		}
	}
	if d.key != nil || g.one(2) {
		return pick(g, same)
	}
	return g.parallelize(d.row)
}

// partner finds or makes pairs with the key of d.
func (g *generator) partner(d *data) *variable {
	var same []*variable
	for _, v := range g.vars {
		if v.key != nil && v.key.name == d.key.name {
			same = append(same, v)
		}
	}
	if g.one(3) {
		return pick(g, same)
	}
	v := g.parallelize(g.anyType())
	f := g.mapper(d.key, v.row)
	v = g.apply(v, v.op("KeyBy", f, fmt.Sprintf("oracle.Map(%s, oracle.By(%s))", v.name, f.plain()), v.kept(d.key, v.row)))
	if g.one(3) {
		v = g.apply(v, partitionBy(g, &v.data))
	}
	return v
}

func (g *generator) parallelize(t *typ) *variable {
	parts := g.partitions()
	n := g.rows()
	rows := fmt.Sprintf("oracle.Rows[%s](%d, %d)", t.name, g.IntN(1000), n)
	return g.add(&variable{data: data{row: t, parts: true, size: n},
		run: fmt.Sprintf("s.Parallelize(%s, %d)", rows, parts), plain: fmt.Sprintf("oracle.Slice(%s, %d)", rows, parts)})
}

// files makes a variable of files that the pipeline writes first.
func (g *generator) files() *variable {
	seed := g.IntN(1000)
	path := fmt.Sprintf("oracle.Write(filepath.Join(dir, \"in%d\"), %d)", len(g.vars), seed)
	if g.one(4) {
		path += " + \"/*.txt*\""
	}
	var opts string
	if g.one(2) {
		opts += fmt.Sprintf(", typed.Partitions(%d)", g.partitions())
	}
	if g.one(2) {
		opts += fmt.Sprintf(", typed.SplitBytes(%d)", pick(g, []int{1000, 100, 7, 1}))
	}
	// Paths differ from run to run, names do not.
	switch g.IntN(6) {
	case 0, 1:
		return g.add(&variable{data: data{row: stringType, size: 60},
			run: fmt.Sprintf("s.TextFile(%s%s)", path, opts), plain: fmt.Sprintf("oracle.Text(%d)", seed)})
	case 2:
		return g.add(&variable{data: data{row: stringType, size: 60},
			run: fmt.Sprintf("s.Lines(%s%s).Map(oracle.At)", path, opts), plain: fmt.Sprintf("oracle.Map(oracle.Places(%d), oracle.At)", seed)})
	case 3:
		return g.add(&variable{data: data{key: stringType, row: stringType, size: 10},
			run:   fmt.Sprintf("s.BinaryFiles(%s%s).MapToPair(oracle.Sum)", path, opts),
			plain: fmt.Sprintf("oracle.Sums(%d)", seed)})
	case 4:
		path := fmt.Sprintf("oracle.WriteRecords(filepath.Join(dir, \"in%d\"), %d)", len(g.vars), seed)
		return g.add(&variable{data: data{row: stringType, size: 60},
			run:   fmt.Sprintf("s.BinaryRecords(%s, oracle.RecordBytes(%d)%s).Map(oracle.Record)", path, seed, opts),
			plain: fmt.Sprintf("oracle.Records(%d)", seed)})
	default:
		return g.add(&variable{data: data{key: stringType, row: stringType, size: 10},
			run:   fmt.Sprintf("s.WholeTextFiles(%s%s).MapToPair(oracle.Base)", path, opts),
			plain: fmt.Sprintf("oracle.Whole(%d)", seed)})
	}
}
