// Package random draws programs of pipelines. From a seed it writes the Go
// source of a package: types, functions, and pipelines over them with sources,
// operators and actions of every kind, each with the same again for the
// interpreter of package oracle. The tests give the package to rddgen, compile
// it, and run its pipelines in all modes.
//
//	go test ./internal/property/random -seed 17 -pipelines 100
//
// replays a package; with -programs, that many packages follow from the seed on.
//
// A pipeline is a function of the choices that were made for it, its [Recipe],
// and the generator turns any list of numbers into a pipeline that compiles. So
// what fails is made smaller by leaving numbers out and lowering them
// ([Shrink]), and the program and the interpreter always stay in step.
package random

import (
	"fmt"
	"go/format"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// Program is the source of a package.
type Program struct {
	Files     map[string]string // by name
	Pipelines []*Pipeline
}

// Pipeline is a pipeline of a program.
type Pipeline struct {
	Name   string
	Text   string // its source and that of its types
	Recipe Recipe

	steps []span // of the choices for the pipeline
	order string // as package oracle has it
	text  string // without the types
	whole bool   // each row is computed once
}

// perGroup is how many pipelines share their types, and a file: every operator
// is compiled for each combination of types, which is what takes the time.
const perGroup = 50

// New draws a program of n pipelines.
func New(seed uint64, n int) (*Program, error) {
	g := &generator{}
	p := &Program{}
	for i := range n {
		if i%perGroup == 0 {
			g.newTypes(&chooser{rand: stream(seed, i, 0)})
		}
		p.Pipelines = append(p.Pipelines, g.pipeline(i, &chooser{rand: stream(seed, i, 1)}))
	}
	return p, p.write(g)
}

// stream is what a part of a program is drawn from.
func stream(seed uint64, i int, part uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(i)<<1|part))
}

// Of makes a program of recipes: what they give is the same in any program, but
// for the names of types and functions.
func Of(recipes ...Recipe) (*Program, error) {
	g := &generator{}
	p := &Program{}
	for i, r := range recipes {
		p.Pipelines = append(p.Pipelines, g.follow(i, r))
	}
	return p, p.write(g)
}

// follow draws a pipeline, and types of its own, by a recipe.
func (g *generator) follow(i int, r Recipe) *Pipeline {
	g.newTypes(&chooser{given: r.Types})
	return g.pipeline(i, &chooser{given: r.Pipeline})
}

// write makes the files.
func (p *Program) write(g *generator) error {
	p.Files = map[string]string{}
	var cases strings.Builder
	for i, group := range slices.Collect(slices.Chunk(p.Pipelines, perGroup)) {
		var file strings.Builder
		for _, l := range group {
			file.WriteString(l.text)
			n := strings.TrimPrefix(l.Name, "p")
			fmt.Fprintf(&cases, "{Name: \"p%s\", Order: oracle.%s, Once: %t, Run: run%s, Want: want%s},\n", n, l.order, l.whole, n, n)
		}
		if err := p.add(fmt.Sprintf("pipelines%d.go", i), file.String()); err != nil {
			return err
		}
	}
	main := fmt.Sprintf("%s\n%s\nfunc main() { oracle.Main(cases) }\n\nvar cases = []oracle.Case{\n%s}\n", strings.Join(g.decls, "\n\n"), helpers, cases.String())
	return p.add("main.go", main)
}

const header = `package main

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/property/random/oracle"
	"github.com/gordd-project/gordd/typed"
)

var (
	_ context.Context
	_ = binary.BigEndian
	_ time.Time
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
		return fmt.Errorf("%s: %w", name, err)
	}
	p.Files[name] = string(b)
	return nil
}

// generator draws a program.
type generator struct {
	*chooser
	decls []string // of all

	// Of the group in hand.
	types  []*typ
	own    []string // declarations
	recipe Draws
	serial int // of types, in all groups

	// Of the pipeline in hand.
	number int
	names  int
	withs  bool
	lazy   bool // not all rows may be computed, or some twice
	funcs  []string
	vars   []*variable
	shown  string // its order, as oracle has it
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

// newTypes begins a group.
func (g *generator) newTypes(c *chooser) {
	g.chooser = c
	g.drawTypes()
	g.recipe = c.made
	g.decls = append(g.decls, g.own...)
}

// name makes a name for a function.
func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d_%d", prefix, g.number, g.names)
}

// mostSteps bounds the operators that are drawn one after the other.
const mostSteps = 8

// pipeline draws a pipeline.
func (g *generator) pipeline(number int, c *chooser) *Pipeline {
	g.chooser, g.number, g.names, g.funcs, g.vars = c, number, 0, nil, nil
	g.lazy, g.withs = false, g.one(2)
	end := g.span()
	v := g.source()
	end()
	for more, n := true, 0; more && n < mostSteps; n++ {
		end := g.span()
		if more = g.IntN(5) > 0; more {
			v = g.more(v)
		}
		end()
	}
	end = g.span()
	a := g.action(v)
	end()
	var b strings.Builder
	needed := reach(v)
	fmt.Fprintf(&b, "func run%d(ctx context.Context, s *typed.Session, dir string) ([]string, error) {\n", number)
	once := g.statements(&b, needed, v)
	fmt.Fprintf(&b, "%s}\n\nfunc want%d() []string {\n", a.run, number)
	for _, v := range needed {
		b.WriteString(v.declared(v.plain))
	}
	fmt.Fprintf(&b, "%s}\n\n", a.plain)
	p := &Pipeline{Name: fmt.Sprintf("p%d", number), steps: c.spans, order: g.shown, Recipe: Recipe{g.recipe, c.made}}
	p.whole = once && !g.lazy
	for _, f := range g.called(b.String()) {
		p.text += f + "\n\n"
	}
	p.text += b.String()
	p.Text = strings.Join(g.own, "\n\n") + "\n\n" + p.text
	return p
}

// more draws what follows a variable, or another one.
func (g *generator) more(v *variable) *variable {
	if g.one(8) {
		v = pick(g, g.vars)
	}
	switch {
	case g.one(10):
		return g.flow(v)
	case g.one(12):
		return g.fan(v)
	case g.one(12):
		if next := pick(g, statements)(g, v); next != nil {
			return next
		}
	}
	return g.apply(v, g.next(&v.data))
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
// used once, or a variable of its own. It says whether all of them are.
func (g *generator) statements(b *strings.Builder, needed []*variable, last *variable) (once bool) {
	once = true
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
		once = once && uses[v] == 1
	}
	return once
}

var funcName = regexp.MustCompile(`\b(?:f|step)\d+_\d+\b`)

// called are the functions of a pipeline that its statements lead to: others
// belong to variables that nothing was made of.
func (g *generator) called(statements string) (out []string) {
	byName := map[string]string{}
	for _, f := range g.funcs {
		byName[funcName.FindString(f)] = f
	}
	needed := map[string]bool{}
	for todo := []string{statements}; len(todo) > 0; {
		text := todo[0]
		todo = todo[1:]
		for _, name := range funcName.FindAllString(text, -1) {
			if !needed[name] {
				needed[name] = true
				todo = append(todo, byName[name])
			}
		}
	}
	for _, f := range g.funcs {
		if needed[funcName.FindString(f)] {
			out = append(out, f)
		}
	}
	return out
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
	switch s.third {
	case nil:
	case &d.data:
		v.from = append(v.from, d)
	default:
		v.from = append(v.from, s.other)
	}
	switch {
	case s.whole:
		v.call = false
	case s.other == nil && g.one(8):
		name := g.name("step")
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
