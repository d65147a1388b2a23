package rdd

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// TestNilSequenceInKernel: a generated loop over what a function gave says what
// a loop of the library says.
func TestNilSequenceInKernel(t *testing.T) {
	for _, several := range []bool{false, true} {
		withRegistry(t)
		w := newWorld(t)
		p := Register() // this is the generated file, then
		letters := func(s string) iter.Seq[string] {
			if s == "c" {
				return nil
			}
			return slices.Values([]string{s, s})
		}
		double, each := MapOp(func(s string) string { return s }), FlatMapOp(letters)
		if several {
			double = FlatMapOp(letters)
		}
		p.Op("double", "k.go", 1, 0, double)
		p.Op("each", "k.go", 2, 0, each)
		p.Kernel(func(_ *Task, _ []any, inAny, outAny any) {
			in, out := inAny.(*Rows[string]), outAny.(*Rows[string])
			for i, row := range in.Rows {
				in.Row = i
				for s := range letters(row) {
					if !out.Push(s) && !out.Flush() {
						return
					}
				}
			}
		}, "double", "each")
		n := slice(w, 1, "a", "b", "c").Narrow(double, Call{Dir: thisDir(), Site: at("k.go", 1)}, false).
			Narrow(each, Call{Dir: thisDir(), Site: at("k.go", 2)}, false)
		f := w.fails(n, Action{Op: CollectOp[string](), Call: here()})
		op, text := "FlatMap (k.go:2)", "the function gave a nil sequence: give an empty one"
		if several {
			op, text = "FlatMap (k.go:1)", "the function, or that of FlatMap (k.go:2), gave a nil sequence: give an empty one"
		}
		if f.Op != op || f.Message != text || f.Row != 2 || f.Class != plan.FailUser {
			t.Errorf("got %+v", f)
		}
	}
}

// TestOtherNils are panics of user code, also where a sequence is in hand.
func TestOtherNils(t *testing.T) {
	w := newWorld(t)
	var none *Op
	for name, op := range map[string]*Op{
		"in the function": FlatMapOp(func(string) iter.Seq[string] { return slices.Values([]string{none.Name}) }),
		"in the sequence": FlatMapOp(func(string) iter.Seq[string] {
			return func(yield func(string) bool) { yield(none.Name) }
		}),
		"of another operator": MapOp(func(string) string { return none.Name }),
	} {
		f := w.fails(slice(w, 1, "a").Narrow(op, here(), false), Action{Op: CollectOp[string](), Call: here()})
		if !strings.Contains(f.Message, "nil pointer dereference") || f.Class != plan.FailUser {
			t.Errorf("%s: got %+v", name, f)
		}
	}
}

func TestIsNil(t *testing.T) {
	caught := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	var none *Op
	var list []int
	if v := caught(func() { _ = none.Name }); !isNil(v) {
		t.Errorf("a nil dereference is none: %v", v)
	}
	for _, v := range []any{nil, "nil pointer dereference", errors.New("nil pointer dereference"), caught(func() { _ = list[len(list)] })} {
		if isNil(v) {
			t.Errorf("%v is a nil dereference", v)
		}
	}
	if inLoop() {
		t.Error("a test is a loop")
	}
}

// TestLacking: which functions an operator is missing.
func TestLacking(t *testing.T) {
	f := func(int64) int64 { return 1 }
	for _, test := range []struct {
		op   *Op
		want string
	}{
		{MapOp(f), ""},
		{MapOp[int64, int64](nil), "Map (m.go:7): the function is nil"},
		{MapOp(f).As("KeyBy", f), ""},
		{MapOp(f).As("KeyBy", (func(int) int)(nil)), "KeyBy (m.go:7): the function is nil"},
		{MapOp(f).Needs(f), ""},
		{MapOp(f).Needs(f, (func())(nil)), "Map (m.go:7): one of the functions is nil"},
		{MapOp(f).Needs((func())(nil)).As("KeyBy", f), "KeyBy (m.go:7): one of the functions is nil"},
		{WithOp((func(int, int64) int64)(nil), func(int) *Op { return MapOp(f) }), "Map (m.go:7): the function is nil"},
		{CountOp[int]().Named("Other"), ""},
	} {
		got := ""
		if err := test.op.misuse(Call{Site: at("m.go", 7)}); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	earlier := errors.New("earlier")
	if err := MapOp[int, int](nil).misuse(Call{Err: earlier}); !errors.Is(err, earlier) {
		t.Errorf("got %v", err)
	}
}

// TestZeroNode: what is made of no node says so, and does not change that.
func TestZeroNode(t *testing.T) {
	w := newWorld(t)
	var none *Node
	op := MapOp(func(s string) string { return s })
	for name, n := range map[string]*Node{
		"none": none, "narrow": none.Narrow(op, here(), true), "part": none.Part(op, here(), "x"),
		"union": none.Union(here(), none), "wide": none.Wide(op, here(), wide("a"), none),
		"other side": slice(w, 1, "a").Wide(op, here(), wide("a", "b"), none),
	} {
		if err := n.Err(); !errors.Is(err, nowhere.err) || strings.Contains(err.Error(), "sessions") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.g.Plan(n, Action{Op: CollectOp[string](), Call: here()}); !errors.Is(err, nowhere.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
