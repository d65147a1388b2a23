package scan_test

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/scan"
	"github.com/gordd-project/gordd/gen/scan/scantest"
)

const lib = `package lib

import "github.com/gordd-project/gordd/typed"

func Same[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(func(T) bool { return true }) }

type Flow[T any] struct{ Rows typed.RDD[T] }

func (f Flow[T]) Size() int64 { return f.Rows.Count() }

func (f *Flow[T]) By[K comparable](k K) typed.PairRDD[K, T] {
	return f.Rows.With(k).Map(func(K, T) T { var t T; return t }).MapToPair(func(t T) (K, T) { var k K; return k, t })
}

type Sizer interface{ Size() int64 }
`

func uses(all []scan.Instance) []string {
	var texts []string
	for _, use := range all {
		var args []string
		for _, t := range use.Args {
			args = append(args, types.TypeString(t, (*types.Package).Name))
		}
		texts = append(texts, fmt.Sprintf("%s[%s]", scan.Title(use.Func), strings.Join(args, " ")))
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func TestInstances(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string
	}{
		{"a call", "func f(r typed.RDD[int]) { lib.Same(r) }", []string{"Same[int]"}},
		{"a function as a value", "var f = lib.Same[own]", []string{"Same[p.own]"}},
		{"a method", "func f(x lib.Flow[own]) { x.Size() }", []string{"Flow.Size[p.own]"}},
		{"a generic method", "func f(x lib.Flow[own]) { x.By(1) }", []string{"Flow.By[p.own int]"}},
		{"a method value", "func f(x lib.Flow[own]) func() int64 { return x.Size }", []string{"Flow.Size[p.own]"}},
		{"a method expression", "var f = lib.Flow[own].Size", []string{"Flow.Size[p.own]"}},
		{"a method through an interface", "func f(x lib.Flow[own]) lib.Sizer { return x }", []string{"Flow.Size[p.own]"}},
		{"a method through a pointer and an interface", "func f(x *lib.Flow[own]) any { return x }", []string{"Flow.Size[p.own]"}},
		{"inside a generic function of the package", "func g[T any](r typed.RDD[T]) { lib.Same(r) }\nfunc f(r typed.RDD[[]own]) { g(r) }", []string{"Same[[]p.own]"}},
		{"inside one that nobody calls", "func g[T any](r typed.RDD[T]) { lib.Same(r) }", nil},
		{"in a literal", "func f(r typed.RDD[own]) { func() { lib.Same(r) }() }", []string{"Same[p.own]"}},
		{"of the typed API", "func f(r typed.RDD[int]) { typed.Distinct(r) }", nil},
		{"of the package itself", "func g[T any](r typed.RDD[T]) {}\nfunc f(r typed.RDD[int]) { g(r) }", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := scantest.Scan(t, scantest.Source{Path: "example.com/lib", File: "lib.go", Text: lib}, scantest.Source{Path: "example.com/p", Text: head + test.src})
			if got := uses(p.Instances); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

const head = `package p

import (
	"example.com/lib"
	"github.com/gordd-project/gordd/typed"
)

type own struct{}

var (
	_ lib.Flow[int]
	_ typed.RDD[int]
)

`

func TestGenerics(t *testing.T) {
	p := scantest.Scan(t, scantest.Source{Path: "example.com/lib", File: "lib.go", Text: lib}, scantest.Source{Path: "example.com/p", Text: head + `
func Open[K comparable, V any](p typed.PairRDD[K, V]) typed.RDD[[]K] { return lists(lib.Same(p.Keys())) }

func lists[T any](r typed.RDD[T]) typed.RDD[[]T] {
	return r.Map(func(t T) []T { return []T{t} }).Filter(func([]T) bool { return true })
}

func unseen[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(func(T) bool { return true }) }

func Plain(r typed.RDD[int]) { unseen(r) }

func (h Holder[A]) All() lib.Sizer { return lib.Flow[A]{h.r} }

type Holder[T any] struct{ r typed.RDD[T] }
`})
	var got []string
	for _, g := range p.Generics {
		var params []string
		for _, t := range g.Params {
			params = append(params, t.Obj().Name())
		}
		got = append(got, fmt.Sprintf("%s[%s]: %d operators, uses %s", scan.Title(g.Func), strings.Join(params, " "), len(g.Sites), strings.Join(uses(g.Calls), ", ")))
	}
	want := []string{
		"Open[K V]: 1 operators, uses Same[K], lists[K]",
		"lists[T]: 2 operators, uses ",
		"Holder.All[A]: 0 operators, uses Flow.Size[A]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	open := p.Open(p.Generics)
	if n := len(open.Sites) - len(p.Sites); n != 3 {
		t.Errorf("%d sites more, want 3", n)
	}
	for _, st := range open.Sites {
		if open.SiteOf(st.SSA) != st {
			t.Errorf("the site of %s is not found by its call", st.Op.Name)
		}
	}
}

// TestRegistrations have names of their own for all functions of a package.
func TestRegistrations(t *testing.T) {
	p := scantest.Scan(t, scantest.Source{Path: "example.com/p", Text: `package p
func Size[T any]() {}
func size[T any]() {}
func FlowSize[T any]() {}
type Flow[T any] struct{}
func (Flow[T]) Size() {}
func (*Flow[T]) size() {}
type flow[T any] struct{}
func (flow[T]) Size() {}
type plain struct{}
func (plain) Make[T any]() {}
`})
	var got []string
	for _, f := range p.Files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				fn := p.Info.Defs[d.Name].(*types.Func)
				got = append(got, scan.Registration(fn)+" "+scan.Title(fn))
			}
		}
	}
	want := []string{
		"RddRegisterSize Size", "rddRegisterSize size", "RddRegisterFlowSize FlowSize", "RddRegisterFlow_Size Flow.Size",
		"rddRegisterFlow_size Flow.size", "RddRegisterflow_Size flow.Size", "RddRegisterplain_Make plain.Make",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnder looks at the files of a group: an instance that only a file behind a
// condition uses is not found in the file of the function.
func TestUnder(t *testing.T) {
	const base = `package p

import "github.com/gordd-project/gordd/typed"

func keep[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(func(T) bool { return true }) }

func Texts[T any](r typed.RDD[T]) typed.RDD[T] { return keep(r) }

func use(r typed.RDD[int]) { keep(r); hidden(r) }

var first = use
`
	const linux = `package p

import "github.com/gordd-project/gordd/typed"

type event int

func hidden[T any](r typed.RDD[T]) { r.Count() }

func onLinux(r typed.RDD[event]) { keep(r); Texts(r) }

var _ = func(r typed.RDD[[]event]) { keep(r) }
`
	const test = `package p

import "github.com/gordd-project/gordd/typed"

type row int

func testIt(r typed.RDD[row], s typed.RDD[int]) { keep(r); keep(s) }
`
	p := scantest.Scan(t, scantest.Source{Path: "p", File: "p.go", Text: base}, scantest.Source{Path: "p", File: "p_linux.go", Text: linux},
		scantest.Source{Path: "p", File: "p_test.go", Text: test})
	if got, want := fmt.Sprint(p.Groups()), "[{ false} {linux false} { true}]"; got != want {
		t.Errorf("groups %s, want %s", got, want)
	}
	tests := []struct {
		group           scan.Group
		sites, generics []string
		instances       []string
	}{
		{scan.Group{}, []string{"keep Filter int"}, []string{"keep", "Texts"}, nil},
		{scan.Group{Constraint: "linux"}, []string{"keep Filter int", "hidden Count int"}, []string{"keep", "Texts"}, []string{"Texts[p.event]", "keep[[]p.event]", "keep[p.event]"}},
		{scan.Group{Test: true}, []string{"keep Filter int"}, []string{"keep", "Texts"}, []string{"keep[p.row]"}},
	}
	for _, test := range tests {
		q := p.Under(test.group)
		var sites, generics []string
		for _, st := range q.Sites {
			sites = append(sites, fmt.Sprint(st.Encl, " ", st.Op.Name, " ", st.Types["T"]))
		}
		for _, g := range q.Generics {
			generics = append(generics, g.Name())
			if g.Local {
				t.Errorf("%+v: %s is local", test.group, g.Name())
			}
		}
		if !slices.Equal(sites, test.sites) || !slices.Equal(generics, test.generics) || !slices.Equal(uses(q.Instances), test.instances) {
			t.Errorf("%+v: got sites %q, generics %q, instances %q", test.group, sites, generics, uses(q.Instances))
		}
	}
}

// TestLocalGenerics has one that other packages cannot call, with a type of a
// test.
func TestLocalGenerics(t *testing.T) {
	p := scantest.Scan(t, scantest.Source{Path: "p", File: "p.go", Text: `package p

import "github.com/gordd-project/gordd/typed"

func keep[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(func(T) bool { return true }) }
`}, scantest.Source{Path: "p", File: "p_test.go", Text: `package p

import "github.com/gordd-project/gordd/typed"

type row int

func testIt(r typed.RDD[row]) { keep(r) }
`})
	if q := p.Under(scan.Group{}); len(q.Generics)+len(q.Instances)+len(q.Sites) > 0 {
		t.Errorf("without the test: %v, %v, %v", q.Generics, q.Instances, q.Sites)
	}
	q := p.Under(scan.Group{Test: true})
	if len(q.Generics) != 1 || !q.Generics[0].Local || len(q.Generics[0].Sites) != 1 || len(q.Sites) > 0 {
		t.Errorf("with the test: %v, %v", q.Generics, q.Sites)
	}
}
