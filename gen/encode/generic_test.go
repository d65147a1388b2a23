package encode

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
	"github.com/gordd-project/gordd/gen/scan/scantest"
)

const genericHead = `package p

import "github.com/gordd-project/gordd/typed"

var _ typed.RDD[int]

func yes[T any](T) bool { return true }

`

const genericLib = `package lib

import "github.com/gordd-project/gordd/typed"

type hidden struct{}

func Hidden() (r typed.RDD[hidden]) { return }

func Same[T any](r typed.RDD[T]) typed.RDD[T] { return r.Filter(func(T) bool { return true }) }

func Count[T any](s *typed.Session, t T) int64 { return s.Range(1).Count() }

func Plain[T any](t T) {}
`

func nothing(*types.Func) (g scan.Group, ok bool) { return }

func everything(fn *types.Func) (g scan.Group, ok bool) { return g, fn.Name() != "Plain" }

// encoded gives the model of a source, after its generic functions, and the
// findings.
func encoded(t *testing.T, offers Offers, src string) (*model.Package, []string) {
	t.Helper()
	if strings.Contains(src, "lib.") {
		src = strings.Replace(genericHead, "import ", "import \"example.com/lib\"\nimport ", 1) + src
	} else {
		src = genericHead + src
	}
	p := scantest.Scan(t, scantest.Source{Path: "example.com/lib", File: "lib.go", Text: genericLib}, scantest.Source{Path: "example.com/p", Text: src})
	diags := diag.NewList(p.Fset)
	enc := New(p, "p_rdd.go", offers, diags)
	enc.Ops()
	enc.Open()
	m := enc.Finish(nil, nil, nil)
	var found []string
	for _, d := range diags.Sorted() {
		found = append(found, d.Kind.ID+": "+d.Message)
	}
	return m, found
}

func TestWhatIsRegistered(t *testing.T) {
	tests := []struct {
		name, src string
		offers    Offers
		want      []string // registrations with their parameters, and what they call
	}{
		{"one with an operator", "func F[T any](r typed.RDD[T]) int64 { return r.Count() }", nothing, []string{"RddRegisterF[T any]"}},
		{"one that gives RDDs", "func F[T any](r typed.RDD[T]) typed.RDD[T] { return r }", nothing, []string{"RddRegisterF[T any]"}},
		{"one that knows none", "func F[T any](t T) T { return t }", nothing, nil},
		{"one for this package only", "func f[T any](r typed.RDD[T]) int64 { return r.Count() }", nothing, nil},
		{"one that others need", "func F[T any](r []typed.RDD[T]) { g(r) }\nfunc g[T any](r []T) { h[T](nil) }\nfunc h[T any](s *typed.Session) { s.Range(1).Count() }",
			nothing, []string{"RddRegisterF[T any] rddRegisterG[typed.RDD[T]]", "rddRegisterG[T any] rddRegisterH[T]", "rddRegisterH[T any]"}},
		{"what others need without an operator", "func F[T any](r typed.RDD[T]) { g(r) }\nfunc g[T any](t T) {}", nothing, []string{"RddRegisterF[T any]"}},
		{"one that calls another package's", "func F[T any](s *typed.Session, t T) { lib.Count(s, []T{t}) }", everything, []string{"RddRegisterF[T any] lib.RddRegisterCount[[]T]"}},
		{"one that calls itself", "func F[T any](r typed.RDD[T]) { F(r); F(r.Filter(yes[T])) }", nothing, []string{"RddRegisterF[T any]"}},
		{"constraints", "type Num interface{ ~int | ~string }\nfunc F[S ~[]E, E Num, K comparable](r typed.RDD[S], k K, e E) {}", nothing,
			[]string{"RddRegisterF[S interface{~[]E}, E Num, K comparable]"}},
		{"parameters without names of their own", "type X[_, T any] struct{}\nfunc (X[_, string]) M() (r typed.RDD[string]) { return }", nothing,
			[]string{"RddRegisterX_M[T1 any, T2 any]"}},
		{"parameters of receiver and method", "type X[A any] struct{ r typed.RDD[A] }\nfunc (x *X[B]) M[C any](f func(B) C) (r typed.RDD[C]) { return }", nothing,
			[]string{"RddRegisterX_M[B any, C any]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, found := encoded(t, test.offers, test.src)
			var got []string
			for _, g := range m.Generics {
				got = append(got, strings.Join(append([]string{g.Name + "[" + g.Params + "]"}, g.Calls...), " "))
			}
			if !slices.Equal(got, test.want) || len(found) > 0 {
				t.Errorf("got %q, want %q; found %q", got, test.want, found)
			}
		})
	}
}

// TestOperatorsOfGenericFunctions says of each whether it depends on the type
// parameters, and how it is made.
func TestOperatorsOfGenericFunctions(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string
		found     string
	}{
		{"a literal", "func F[T any](r typed.RDD[T]) { r.Filter(func(T) bool { return true }) }", []string{"Filter[T] fFilter[T]"}, ""},
		{"a named function", "func F[T any](r typed.RDD[T]) { r.Filter(yes[T]) }", []string{"Filter[T] yes[T]"}, ""},
		{"one that does not depend", "func F[T any](r typed.RDD[T], s *typed.Session) { s.Range(1).Filter(func(int) bool { return true }) }",
			[]string{"Range", "Filter fFilter"}, ""},
		{"one that an instance here has too", "func F[T any](s *typed.Session) { s.Range(1).Filter(func(int) bool { return true }) }\nfunc g() { F[bool](nil) }",
			[]string{"Range", "Filter fFilter"}, ""},
		{"an instance here", "func F[T any](r typed.RDD[T]) { r.Filter(func(T) bool { return true }) }\nfunc g(r typed.RDD[bool]) { F(r) }",
			[]string{"Filter fFilter", "Filter[T] fFilter2[T]"}, ""},
		{"in the type of a With value", "func F[T any](s *typed.Session, t T) { s.Range(1).With(t).Filter(func(T, int) bool { return true }) }",
			[]string{"Range", "Filter[T] fFilter[T]"}, ""},
		{"of all types by name", "func F[T comparable](r typed.RDD[T]) { typed.Distinct(r).Count() }", []string{"Distinct[T]", "Count[T]"}, ""},
		{"one whose type hides what it depends on", "func F[K, V any](r typed.RDD[K]) { r.Filter(func(k K) bool { var v V; return any(k) != any(v) }).Count() }",
			[]string{"Count[K, V]"}, "RDD121: no code can be generated for Filter in instances of F: its function depends on type parameter V, which its type does not show; " +
				"its operators run as plain closures, which a cluster refuses: instead of Filter(func(k K) bool) write With(zero).Filter(func(zero V, k K) bool), after var zero V"},
		{"a type of its own", "func F[T any](r typed.RDD[T]) { type own struct{ t T }; r.Map(func(t T) bool { _ = own{t}; return true }) }",
			[]string{"Map[T] fMap[T]"}, "RDD107: own (type) is declared inside a function: generated code cannot name it: declare it at package level"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, found := encoded(t, nothing, test.src)
			var got []string
			for _, op := range m.Ops {
				text := op.Name
				if op.Generic != nil {
					text += "[" + op.Generic.Args + "]"
				}
				for _, f := range op.Funcs {
					text += " " + f.Call
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.want) || strings.Join(found, "\n") != test.found {
				t.Errorf("got %q, want %q; found\n%s\nwant\n%s", got, test.want, strings.Join(found, "\n"), test.found)
			}
		})
	}
}

func TestInstancesOfOtherPackages(t *testing.T) {
	const refused = "; its operators run as plain closures, which a cluster refuses: "
	conditional := func(*types.Func) (scan.Group, bool) { return scan.Group{Constraint: "linux"}, true }
	tests := []struct {
		name, src string
		offers    Offers
		calls     []string
		found     string
	}{
		{"of types of this package", "type own struct{}\nfunc f(r typed.RDD[own]) { lib.Same(r); lib.Same(r.Filter(yes[own])) }", everything, []string{"lib.RddRegisterSame[own]"}, ""},
		{"without an operator here", "func f(s *typed.Session) { lib.Count(s, map[string][]bool{}) }", everything, []string{"lib.RddRegisterCount[map[string][]bool]"}, ""},
		{"in order", "func f(s *typed.Session) { lib.Count(s, true); lib.Count(s, 1) }", everything, []string{"lib.RddRegisterCount[bool]", "lib.RddRegisterCount[int]"}, ""},
		{"of no interest", "func f() { type own struct{}; lib.Plain(own{}) }", everything, nil, ""},
		{"not offered", "func f(r typed.RDD[bool]) { lib.Same(r) }", nothing, nil,
			"RDD121: no code can be generated for lib.Same[bool]: what is generated of package example.com/lib does not offer it" + refused + "run go generate there"},
		{"not offered, and perhaps not needed", "func f(s *typed.Session) { lib.Count(s, true) }", nothing, nil, ""},
		{"offered in some builds", "func f(r typed.RDD[bool]) { lib.Same(r) }", conditional, nil,
			"RDD121: no code can be generated for lib.Same[bool]: it is in a file that is built under conditions of its own" + refused + "move it to one without"},
		{"of a local type", "func f(s *typed.Session) { type own struct{}; lib.Count(s, own{}) }", everything, nil,
			"RDD121: no code can be generated for lib.Count[own]: own (type) is declared inside a function" + refused + "declare it at package level"},
		{"of a type of another package", "func f() { lib.Same(lib.Hidden()) }", everything, nil,
			"RDD121: no code can be generated for lib.Same[lib.hidden]: hidden (type) is not exported by package example.com/lib" + refused + "export it, or use another type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, found := encoded(t, test.offers, test.src)
			if !slices.Equal(m.Calls, test.calls) || strings.Join(found, "\n") != test.found {
				t.Errorf("got %q, want %q; found\n%s\nwant\n%s", m.Calls, test.calls, strings.Join(found, "\n"), test.found)
			}
			// A caller's code is known to be out of date by the file of the call.
			if embeds := len(m.Files) == 1; embeds != (len(m.Calls) > 0) && len(m.Ops) == 0 {
				t.Errorf("files: %v", m.Files)
			}
		})
	}
}

func TestNamesOfRegistrationsAreTheGenerators(t *testing.T) {
	_, found := encoded(t, nothing, "func RddRegisterF() {}\nfunc F[T any](r typed.RDD[T]) {}")
	if len(found) != 1 || !strings.HasPrefix(found[0], "RDD130: package declares RddRegisterF, which generated code needs") {
		t.Errorf("found %q", found)
	}
}

// TestIdentitiesOfGenericOperators changes what must not change them, and what
// must.
func TestIdentitiesOfGenericOperators(t *testing.T) {
	ids := func(src string) string {
		m, _ := encoded(t, nothing, src)
		var all []string
		for _, op := range m.Ops {
			if op.Generic != nil {
				all = append(all, op.ID)
			}
		}
		return fmt.Sprint(all)
	}
	const src = "func F[T any](r typed.RDD[T]) { r.Filter(func(T) bool { return true }).Count() }\n"
	first := ids(src)
	for name, same := range map[string]string{
		"an instance here": src + "func g(r typed.RDD[bool]) { F(r) }",
		"other functions":  "func e() {}\n\n\n" + src + "func g[T any](r typed.RDD[T]) { r.Filter(func(T) bool { return true }) }",
		"a comment":        strings.Replace(src, "return true", "/* why */ return true", 1),
		"a constraint":     strings.Replace(src, "T any", "T comparable", 1),
	} {
		if got := ids(same); got != first {
			t.Errorf("%s changes %s to %s", name, first, got)
		}
	}
	for name, other := range map[string]string{
		"a body":   strings.Replace(src, "return true", "return false", 1),
		"the name": strings.Replace(src, "func F", "func G", 1),
	} {
		if got := ids(other); got == first {
			t.Errorf("%s does not change %s", name, first)
		}
	}
}
