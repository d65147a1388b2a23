package deep

import (
	"math"
	"strings"
	"testing"
	"time"
)

type node struct {
	Name string
	next *node
	_    int
}

func TestShow(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	x := 3
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, "nil"},
		{true, "true"},
		{int8(-3), "-3"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{float32(0.1), "0.1"},
		{math.Copysign(0, -1), "0"},
		{math.NaN(), "NaN"},
		{complex(1, -2), "(1-2i)"},
		{"a\tb\xff", `"a\tb\xff"`},
		{&x, "&3"},
		{(*int)(nil), "nil"},
		{[]string(nil), "nil"},
		{[]string{}, "[]"},
		{[2]bool{true}, "[true false]"},
		{map[string][]int{"b": nil, "a": {1, 2}}, `{"a":[1 2] "b":nil}`},
		{map[string]int(nil), "nil"},
		{node{"x", &node{Name: "y"}, 0}, `{Name:"x" next:&{Name:"y" next:nil}}`},
		{at, "2026-01-02T03:04:05.000000006Z"},
		{struct{ V any }{1}, "{V:1}"},
		{struct{}{}, "{}"},
		{func() {}, "func()"},
	} {
		if got := Show(test.v); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestAValueThatLeadsToItself(t *testing.T) {
	n, m := &node{Name: "n"}, &node{Name: "n"}
	n.next, m.next = n, m
	if got := Show(n); !strings.Contains(got, "…") {
		t.Error(got)
	}
	if !Equal(n, m, 0) {
		t.Error("two rings of one node differ")
	}
}

func TestEqual(t *testing.T) {
	nan := math.NaN()
	now := time.Now()
	one, other := 1, 1
	for _, test := range []struct {
		a, b      any
		tolerance float64
		want      bool
	}{
		{1, 1, 0, true},
		{1, 2, 5, false}, // tolerance is for floats
		{1, int64(1), 0, false},
		{nil, nil, 0, true},
		{nil, 1, 0, false},
		{"a", "a", 0, true},
		{0.1 + 0.2, 0.3, 0, 0.1+0.2 == 0.3},
		{1.0, 1.0000001, 1e-6, true},
		{1.0, 1.1, 1e-6, false},
		{1e12, 1e12 + 1, 1e-6, true}, // relative
		{1e-12, 0.0, 1e-6, true},     // absolute below 1
		{math.Inf(1), math.MaxFloat64, 1, false},
		{math.Inf(1), math.Inf(1), 0, true},
		{nan, nan, 0, true},
		{nan, 1.0, 1, false},
		{complex(1, 2), complex(1, 2.0000001), 1e-6, true},
		{&one, &other, 0, true},
		{&one, (*int)(nil), 0, false},
		{[]int(nil), []int{}, 0, true},
		{[]int{1}, []int{1, 2}, 0, false},
		{[2]float64{1, 2}, [2]float64{1, 2.0000001}, 1e-6, true},
		{map[string]float64{"a": 1}, map[string]float64{"a": 1.0000001}, 1e-6, true},
		{map[string]int{"a": 1}, map[string]int{"b": 1}, 0, false},
		{map[string]int{"a": 1}, map[string]int{"a": 1, "b": 1}, 0, false},
		{map[float64]int{nan: 1}, map[float64]int{nan: 1}, 0, true},
		{map[float64]int{nan: 1}, map[float64]int{nan: 2}, 0, false},
		{now, now.UTC(), 0, true},
		{now, now.Add(1), 0, false},
		{node{Name: "x", next: &node{}}, node{Name: "x", next: &node{}}, 0, true},
		{node{Name: "x", next: &node{}}, node{Name: "x"}, 0, false},
		{struct{ V any }{1}, struct{ V any }{"1"}, 0, false},
	} {
		if got := Equal(test.a, test.b, test.tolerance); got != test.want {
			t.Errorf("%s and %s within %v: %t", Show(test.a), Show(test.b), test.tolerance, got)
		}
	}
}
