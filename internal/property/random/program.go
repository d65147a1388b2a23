// Package random draws programs of pipelines. From a seed it writes the Go
// source of a package: types, functions, and pipelines over them with sources,
// operators and actions of every kind, each with the same again for the
// interpreter of package oracle. The tests give the package to rddgen, compile
// it, and run its pipelines in all modes.
//
//	go test ./internal/property/random -seed 17 -pipelines 100
//
// replays a package; with -programs, that many packages follow from the seed on.
package random

import (
	"fmt"
	"go/format"
	"math/rand/v2"
	"slices"
	"strings"
)

// Program is the source of a package.
type Program struct {
	Seed  uint64
	Files map[string]string // by name
	// Pipelines are the sources of each alone, by name, to be shown.
	Pipelines map[string]string
}

// perFile is how many pipelines a file has.
const perFile = 40

// New draws a program of n pipelines.
func New(seed uint64, n int) (*Program, error) {
	g := newGenerator(seed)
	g.drawTypes()
	p := &Program{Seed: seed, Files: map[string]string{}, Pipelines: map[string]string{}}
	var file, cases strings.Builder
	for i := range n {
		text := g.pipeline(i)
		p.Pipelines[fmt.Sprintf("p%d", i)] = text
		file.WriteString(text)
		fmt.Fprintf(&cases, "{Name: \"p%d\", Order: oracle.%s, Run: run%d, Want: want%d},\n", i, g.shown, i, i)
		if i%perFile == perFile-1 || i == n-1 {
			if err := p.add(fmt.Sprintf("pipelines%d.go", i/perFile), file.String()); err != nil {
				return nil, err
			}
			file.Reset()
		}
	}
	main := fmt.Sprintf("%s\n%s\nfunc main() { oracle.Main(cases) }\n\nvar cases = []oracle.Case{\n%s}\n", strings.Join(g.decls, "\n\n"), helpers, cases.String())
	return p, p.add("main.go", main)
}

const header = `package main

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/internal/property/random/oracle"
	"github.com/gordd-project/gordd/typed"
)

var (
	_ context.Context
	_ iter.Seq[int]
	_ typed.Policy
	_ = errors.New
	_ = filepath.Join
	_ = slices.Max[[]int]
	_ = strings.ToUpper
)

`

func (p *Program) add(name, text string) error {
	b, err := format.Source([]byte(header + text))
	if err != nil {
		return fmt.Errorf("%s of seed %d: %w", name, p.Seed, err)
	}
	p.Files[name] = string(b)
	return nil
}

// generator draws a program.
type generator struct {
	*rand.Rand
	types []*typ
	decls []string

	// Of the pipeline in hand.
	number  int
	serials int
	withs   bool
	funcs   []string
	vars    []*variable
	shown   string // its order, as oracle has it
}

// variable is an RDD with what makes it.
type variable struct {
	data
	from  []*variable
	run   string // the whole expression; or, with call, what follows the first of from
	call  bool
	plain string
	// statement says that run and plain are statements, which declare it.
	statement bool
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

func pick[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

// one says yes once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func (g *generator) serial() int {
	g.serials++
	return g.serials
}

// pipeline draws a pipeline and gives its source.
func (g *generator) pipeline(number int) string {
	g.number, g.serials, g.funcs, g.vars = number, 0, nil, nil
	g.withs = g.one(2)
	v := g.source()
	for range 1 + g.IntN(7) {
		if g.one(8) {
			v = pick(g, g.vars)
		}
		if g.one(10) {
			v = g.flow(v)
			continue
		}
		v = g.apply(v, g.next(&v.data))
	}
	a := g.action(v)
	var b strings.Builder
	if len(g.funcs) > 0 {
		b.WriteString(strings.Join(g.funcs, "\n\n") + "\n\n")
	}
	needed := reach(v)
	fmt.Fprintf(&b, "func run%d(ctx context.Context, s *typed.Session, dir string) ([]string, error) {\n", number)
	g.statements(&b, needed, v)
	fmt.Fprintf(&b, "%s}\n\nfunc want%d() []string {\n", a.run, number)
	for _, v := range needed {
		b.WriteString(v.declared(v.plain))
	}
	fmt.Fprintf(&b, "%s}\n\n", a.plain)
	return b.String()
}

// reach gives what a variable is made of, and itself, in the order they are made.
func reach(v *variable) (all []*variable) {
	var visit func(*variable)
	visit = func(v *variable) {
		for _, f := range v.from {
			visit(f)
		}
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	visit(v)
	return all
}

// statements writes the variables of a pipeline: a chain of calls where one is
// used once, or a variable of its own.
func (g *generator) statements(b *strings.Builder, needed []*variable, last *variable) {
	uses := map[*variable]int{last: 1}
	for _, v := range needed {
		for _, f := range v.from {
			uses[f]++
		}
	}
	inlined := map[*variable]bool{}
	for _, v := range needed {
		if v.call && !v.from[0].statement && uses[v.from[0]] == 1 && g.IntN(4) > 0 {
			inlined[v.from[0]] = true
		}
	}
	var expr func(v *variable) string
	expr = func(v *variable) string {
		if !v.call {
			return v.run
		}
		from := v.from[0].name
		if inlined[v.from[0]] {
			from = expr(v.from[0])
		}
		return from + ".\n" + v.run
	}
	for _, v := range needed {
		if !inlined[v] {
			b.WriteString(v.declared(expr(v)))
		}
	}
}

// declared is the statement that makes a variable of an expression.
func (v *variable) declared(expr string) string {
	if v.statement {
		return expr
	}
	return fmt.Sprintf("%s := %s\n", v.name, expr)
}

func (g *generator) add(v *variable) *variable {
	v.name = fmt.Sprintf("a%d", len(g.vars))
	g.vars = append(g.vars, v)
	return v
}

// apply makes a variable of a step.
func (g *generator) apply(d *variable, s *step) *variable {
	v := &variable{data: s.out, from: []*variable{d}, run: s.call, call: true, plain: s.plain}
	if s.other != nil {
		v.from = append(v.from, s.other)
	}
	switch {
	case s.whole:
		v.call = false
	case s.other == nil && g.one(8):
		name := fmt.Sprintf("step%d_%d", g.number, g.serial())
		g.funcs = append(g.funcs, fmt.Sprintf("func %s(all %s) %s {\nreturn all.%s\n}", name, d.rddType(), v.rddType(), s.call))
		v.call, v.run = false, fmt.Sprintf("%s(%s)", name, d.name)
	}
	return g.add(v)
}

func (d *data) rddType() string {
	if d.key == nil {
		return "typed.RDD[" + d.row.name + "]"
	}
	return fmt.Sprintf("typed.PairRDD[%s, %s]", d.key.name, d.row.name)
}

// rows draws how many rows a source has: mostly a few.
func (g *generator) rows() int { return pick(g, []int{0, 1, 3, 10, 30, 30, 60, 100, 1500}) }

// source makes a variable of a source.
func (g *generator) source() *variable {
	parts := g.partitions()
	switch g.IntN(8) {
	case 0:
		n, from, step := g.rows(), g.IntN(20)-10, pick(g, []int{1, 2, -3})
		return g.add(&variable{data: data{row: int64Type, parts: true, size: n},
			run:   fmt.Sprintf("s.Range(%d, typed.From(%d), typed.Step(%d), typed.Partitions(%d))", n, from, step, parts),
			plain: fmt.Sprintf("oracle.Range(%d, %d, %d, %d)", n, from, step, parts)})
	case 1:
		if t := g.anyType(); g.one(3) {
			return g.add(&variable{data: data{row: t, parts: true}, run: fmt.Sprintf("s.Empty[%s]()", t.name), plain: fmt.Sprintf("oracle.Data[%s]{}", t.name)})
		}
	}
	return g.parallelize(g.anyType())
}

func (g *generator) parallelize(t *typ) *variable {
	parts := g.partitions()
	n := g.rows()
	rows := fmt.Sprintf("oracle.Rows[%s](%d, %d)", t.name, g.IntN(1000), n)
	return g.add(&variable{data: data{row: t, parts: true, size: n},
		run: fmt.Sprintf("s.Parallelize(%s, %d)", rows, parts), plain: fmt.Sprintf("oracle.Slice(%s, %d)", rows, parts)})
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
