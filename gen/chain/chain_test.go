package chain_test

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/chain"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/encode"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
	"github.com/gordd-project/gordd/gen/scan/scantest"
)

// head is the beginning of every source: the operators a, b and c are told apart
// by the type of their rows.
const head = `package p

import "github.com/gordd-project/gordd/typed"

type (
	A int
	B int
	C int
)

func a(int) A { return 0 }
func b(A) B   { return 0 }
func c(B) C   { return 0 }

func keep[T any](T) bool { return true }

`

// find gives the chains of a source as the names of their functions, and the
// reasons of its cuts.
func find(t *testing.T, src string) (chains, cuts []string) {
	t.Helper()
	p := scantest.Scan(t, scantest.Source{Path: "example.com/p", Text: head + src})
	diags := diag.NewList(p.Fset)
	ops, index := encode.New(p, "p_rdd.go", func(*types.Func) (g scan.Group, ok bool) { return }, diags).Ops()
	if all := diags.Sorted(); len(all) > 0 {
		t.Fatalf("findings: %v", all)
	}
	found := chain.Find(p, ops, index)
	for _, parts := range found.Chains {
		chains = append(chains, names(ops, parts))
	}
	for _, cut := range found.Cuts {
		cuts = append(cuts, cut.Why)
	}
	return chains, cuts
}

func names(ops []model.Op, parts []model.Part) string {
	var all []string
	for _, part := range parts {
		op := &ops[part.Op]
		name := op.Name
		if len(op.Funcs) > 0 && op.Name == "Map" {
			name = op.Funcs[0].Call
		}
		if part.Name != "" {
			name += "/" + part.Name
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestFind(t *testing.T) {
	const session = "var s *typed.Session\n"
	tests := []struct {
		name, src string
		chains    []string
		cuts      []string
	}{
		{"in one expression", `func f() { s.Range(1).Map(a).Map(b).Count() }`, []string{"a b Count"}, nil},
		{"an action alone is no loop", `func f() { s.Range(1).Count() }`, nil, nil},
		{"a variable", `func f() { r := s.Range(1).Map(a); q := r.Map(b); q.Count() }`, []string{"a b Count"}, nil},
		{"two consumers have a loop each", `func f() { r := s.Range(1).Map(a); r.Map(b).Count(); r.Count() }`, []string{"a b Count", "a Count"}, nil},
		{"a condition", `func f(x bool) { r := s.Range(1).Map(a); if x { r = r.Filter(keep[A]) }; r.Map(b).Count() }`,
			[]string{"a Filter b Count", "a b Count"}, nil},
		{"a loop that grows", `func f() { r := s.Range(1).Map(a); for range 3 { r = r.Filter(keep[A]) }; r.Map(b).Count() }`,
			[]string{"a Filter", "a Filter b Count", "a b Count", "Filter", "Filter b Count"}, nil},
		{"a helper", `func f() { g(s.Range(1).Map(a)).Count() }
			func g(r typed.RDD[A]) typed.RDD[B] { return r.Map(b) }`, []string{"a b Count"}, nil},
		{"a helper of two callers", `func f() { g(s.Range(1).Map(a)).Map(c).Count(); g(s.Range(1).Map(a).Filter(keep[A])).Count() }
			func g(r typed.RDD[A]) typed.RDD[B] { return r.Map(b) }`, []string{"a b c Count", "a Filter b Count"}, nil},
		{"a generic helper", `func f() { g(s.Range(1).Map(a)).Count() }
			func g[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(keep[T]) }`, []string{"a Filter Count"}, nil},
		{"an exported helper may have other callers", `func F(r typed.RDD[A]) { r.Map(b).Count() }`, []string{"b Count"},
			[]string{"is a parameter of F, whose callers are not all known"}},
		{"an exported result is an end", `func F() typed.RDD[A] { return s.Range(1).Map(a) }; func g() { F().Map(b).Count() }`, []string{"a", "a b Count"}, nil},
		{"a field", `type j struct { r typed.RDD[A] }; func f(x *j) { x.r = s.Range(1).Map(a); x.r.Map(b).Count() }`, []string{"a b Count"}, nil},
		{"a package variable", `var r typed.RDD[A]; func f() { r = s.Range(1).Map(a); r.Map(b).Count() }`, []string{"a b Count"}, nil},
		{"a captured variable", `func f() { r := s.Range(1).Map(a); g := func() { r.Map(b).Count() }; r = r.Filter(keep[A]); g() }`,
			[]string{"a b Count", "a Filter b Count", "a Filter", "Filter", "Filter b Count"}, nil},
		{"a slice", `func f() { rs := []typed.RDD[A]{s.Range(1).Map(a)}; rs[0].Map(b).Count() }`, []string{"a", "b Count"},
			[]string{"comes out of a slice"}},
		{"a map", `func f() { m := map[int]typed.RDD[A]{1: s.Range(1).Map(a)}; m[1].Map(b).Count() }`, []string{"a", "b Count"},
			[]string{"comes out of a map"}},
		{"a channel", `func f(ch chan typed.RDD[A]) { ch <- s.Range(1).Map(a); (<-ch).Map(b).Count() }`, []string{"a", "b Count"},
			[]string{"comes out of a channel"}},
		{"an interface", `func f(x any) { x = s.Range(1).Map(a); x.(typed.RDD[A]).Map(b).Count() }`, []string{"a", "b Count"},
			[]string{"comes out of an interface"}},
		{"a function value", `func f(g func() typed.RDD[A]) { g().Map(b).Count() }`, []string{"b Count"}, []string{"is the result of a function value"}},
		{"a method of an interface", `type i interface{ r() typed.RDD[A] }; func f(x i) { x.r().Map(b).Count() }`, []string{"b Count"},
			[]string{"is the result of a method of an interface"}},
		{"a union has two sides", `func f() { r := s.Range(1).Map(a); r.Union(r.Filter(keep[A])).Map(b).Count() }`,
			[]string{"a Filter b Count", "a b Count"}, nil},
		{"a shuffle", `func f() { s.Range(1).Map(a).MapToPair(func(x A) (A, int) { return x, 1 }).ReduceByKey(func(x, y int) int { return x }).Keys().Map(b).Count() }`,
			[]string{"a MapToPair ReduceByKey/map", "Keys b Count"}, nil},
		{"distinct rows", `func f() { typed.Distinct(s.Range(1).Map(a)).Map(b).Count() }`, []string{"a Distinct/map", "b Count"}, nil},
		{"with a value", `func f() { s.Range(1).Map(a).With(1).Filter(func(n int, x A) bool { return true }).Count() }`, []string{"a Filter Count"}, nil},
		{"recursion", `func f(r typed.RDD[A], n int) typed.RDD[A] { if n == 0 { return r }; return f(r, n-1).Filter(keep[A]) }
			func g() { f(s.Range(1).Map(a), 3).Map(b).Count() }`, nil, nil},
		{"unused", `func f() { _ = s.Range(1).Map(a).Map(b) }`, []string{"a b"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			chains, cuts := find(t, session+test.src)
			if test.name == "recursion" {
				recursion(t, chains)
				return
			}
			slices.Sort(chains)
			slices.Sort(test.chains)
			if !slices.Equal(chains, test.chains) {
				t.Errorf("got %q, want %q", chains, test.chains)
			}
			if !slices.Equal(cuts, test.cuts) {
				t.Errorf("cut for %q, want %q", cuts, test.cuts)
			}
		})
	}
}

// recursion wants each operator in a loop: which, depends on how far it goes.
func recursion(t *testing.T, chains []string) {
	for _, name := range []string{"a", "Filter", "b Count"} {
		if !slices.ContainsFunc(chains, func(c string) bool { return strings.Contains(c, name) }) {
			t.Errorf("%s is in none of %q", name, chains)
		}
	}
}

// TestTooManyWays cuts a chain where it would be doubled again and again.
func TestTooManyWays(t *testing.T) {
	var src strings.Builder
	src.WriteString("var s *typed.Session\nfunc f(x bool) {\nr := s.Range(1).Map(a)\n")
	for range 10 {
		src.WriteString("if x { r = r.Filter(keep[A]) }\n")
	}
	src.WriteString("r.Map(b).Count()\n}\n")
	chains, cuts := find(t, src.String())
	if len(chains) > 30 || !slices.Contains(cuts, "comes by more than 16 ways, of which each would be a loop") {
		t.Errorf("%d chains, cut for %q", len(chains), cuts)
	}
}

// TestLongChains cuts one that is too long for a loop.
func TestLongChains(t *testing.T) {
	chains, _ := find(t, "var s *typed.Session\nfunc f() { s.Range(1)"+strings.Repeat(".\nFilter(keep[int])", 30)+".Count() }\n")
	var lengths []int
	for _, c := range chains {
		lengths = append(lengths, len(strings.Fields(c)))
	}
	slices.Sort(lengths)
	if !slices.Equal(lengths, []int{7, 24}) {
		t.Errorf("got chains of %v operators", lengths)
	}
}

// TestOrder finds the same in the same order, however often.
func TestOrder(t *testing.T) {
	src := "var s *typed.Session\nfunc f(x bool) { r := s.Range(1).Map(a); if x { r = r.Filter(keep[A]) }; r.Map(b).Count(); r.Map(b).Map(c).Count() }\n"
	first, _ := find(t, src)
	for range 5 {
		if again, _ := find(t, src); fmt.Sprint(again) != fmt.Sprint(first) {
			t.Fatalf("got %q, then %q", first, again)
		}
	}
}
