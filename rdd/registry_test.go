package rdd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

// thisDir is the directory of this file as the compiler recorded it.
func thisDir() string {
	_, file, _, _ := runtime.Caller(0)
	return dirOf(file)
}

func at(file string, line int) plan.Site { return plan.Site{File: file, Line: line} }

const source1 = `package p

func run() {
	r.Map(double).
		Map(
			half).
		Filter(func(n int) bool { return n > 0 })
}
`

func TestRegistryFind(t *testing.T) {
	withRegistry(t)
	p := register(map[string]string{"a.go": source1})
	ints := MapOp(func(n int) int { return n })
	texts := MapOp(func(s string) string { return s })
	p.Op("ints", "a.go", 4, 5, ints)
	p.Op("texts", "a.go", 4, 5, texts) // another instance of a generic function
	p.Op("ints", "a.go", 4, 5, ints)   // the same again
	again := Register()
	if again != p {
		t.Error("a package's second file registers another package")
	}

	for _, test := range []struct {
		name string
		dir  string
		site plan.Site
		op   *Op
		want plan.OpID
	}{
		{"the operator", thisDir(), at("a.go", 4), ints, "ints"},
		{"another instance", thisDir(), at("a.go", 4), texts, "texts"},
		{"another type", thisDir(), at("a.go", 4), MapOp(func(n int8) int8 { return n }), ""},
		{"another name", thisDir(), at("a.go", 4), ints.Named("Filter"), ""},
		{"another line", thisDir(), at("a.go", 5), ints, ""},
		{"another file", thisDir(), at("b.go", 4), ints, ""},
		{"another package", "/elsewhere", at("a.go", 4), ints, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, pkg, ok := registered.find(test.dir, test.site, test.op)
			if id != test.want || ok != (test.want != "") || (pkg == nil) != (test.dir == "/elsewhere") {
				t.Errorf("got %q, %v, want %q", id, ok, test.want)
			}
		})
	}
	if op, ok := registered.op("texts"); !ok || op != texts {
		t.Errorf("got %v, %v", op, ok)
	}
	if _, ok := registered.op("nothing"); ok {
		t.Error("found an ID that nobody registered")
	}
	defer func() {
		if got := fmt.Sprint(recover()); got != "rdd: a.go:4: Map is registered as ints and as other" {
			t.Errorf("got %s", got)
		}
	}()
	p.Op("other", "a.go", 4, 5, ints)
}

// TestRegistryInstances registers what a generic helper calls for two types:
// neither the line nor the type of the function tells the instances apart.
func TestRegistryInstances(t *testing.T) {
	withRegistry(t)
	p := Register()
	add := func(a, b int) int { return a + b }
	with := func(e string, a, b int) int { return a + b }
	withAdd := func(e string) *Op { return ReduceByKeyOp[string](func(a, b int) int { return with(e, a, b) }) }
	ops := map[plan.OpID]*Op{
		"keys/string": KeysOp[string, int](), "keys/int": KeysOp[int, int](),
		"sum/string": ReduceByKeyOp[string](add), "sum/int": ReduceByKeyOp[int](add),
		"with/string": WithOp(with, withAdd),
		"collect":     CollectOp[int](), "distinct": DistinctOp[int](), "join": JoinOp[string](add),
	}
	for id, op := range ops {
		p.Op(id, "a.go", 1, 1, op)
	}
	for want, op := range ops {
		if id, _, ok := registered.find(thisDir(), at("a.go", 1), op); !ok || id != want {
			t.Errorf("got %q, %v, want %q", id, ok, want)
		}
	}
	for _, op := range []*Op{KeysOp[bool, int](), ReduceByKeyOp[bool](add), CollectOp[string](), DistinctOp[bool](), JoinOp[int](add)} {
		if id, _, ok := registered.find(thisDir(), at("a.go", 1), op); ok {
			t.Errorf("%s of other types is %q", op.Name, id)
		}
	}
}

// TestStale changes a source after its code was generated.
func TestStale(t *testing.T) {
	ints := MapOp(func(n int) int { return n })
	tests := []struct {
		name    string
		change  func(text string) string
		stale   bool
		m1, m2  int // lines of the two Maps now
		noLine5 bool
	}{
		{"nothing", func(s string) string { return s }, false, 4, 5, false},
		{"a comment above", func(s string) string { return "// about p\n\n" + s }, false, 6, 7, true},
		{"a comment at the end of a line", func(s string) string { return strings.Replace(s, "(double).", "(double). // twice", 1) }, false, 4, 5, false},
		{"a comment between", func(s string) string { return strings.Replace(s, "\t\tMap(", "\n\t\t// half\n\n\t\tMap(", 1) }, false, 4, 8, true},
		{"other blanks", func(s string) string { return strings.ReplaceAll(s, "\t", "    ") }, false, 4, 5, false},
		{"CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, false, 4, 5, false},
		{"semicolons", func(s string) string { return strings.Replace(s, "package p\n", "package p;\n", 1) }, false, 4, 5, false},
		{"what gofmt takes out", func(s string) string {
			return strings.NewReplacer("(double)", "(\n\ndouble,\n)", "\n}", ";;}").Replace(s)
		}, false, 4, 8, true},
		{"a body", func(s string) string { return strings.Replace(s, "n > 0", "n > 1", 1) }, true, 0, 0, false},
		{"a name", func(s string) string { return strings.Replace(s, "double", "triple", 1) }, true, 0, 0, false},
		{"a call more", func(s string) string { return strings.Replace(s, "Map(double).", "Map(double).Map(double).", 1) }, true, 0, 0, false},
		{"a literal", func(s string) string { return s + "\nconst s = `\n`\n" }, true, 0, 0, false},
		{"lines joined, so that the Maps cannot be told apart", func(s string) string {
			return strings.Replace(s, "(double).\n\t\tMap(", "(double). Map(", 1)
		}, true, 0, 0, false},
		{"cut short", func(s string) string { return s[:len(s)/2] }, true, 0, 0, false},
		{"empty", func(string) string { return "" }, true, 0, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withRegistry(t)
			hash, _ := HashTokens(source1)
			p := Register()
			p.Source("a.go", test.change(source1), HashBytes(source1), hash)
			p.Source("b.go", "package p\n", HashBytes("package p\n"), "")
			first, second := strings.Index(source1, "(double"), strings.Index(source1, "(\n\t\t\thalf")
			p.Op("m1", "a.go", 4, ordinal(source1, first), ints)
			p.Op("m2", "a.go", 5, ordinal(source1, second), ints)

			g := NewGraph(GraphOptions{})
			id, unfit := g.generated(ints, Call{Dir: thisDir(), Site: at("a.go", 4)})
			if test.stale {
				if unfit == nil || !unfit.Stale || !strings.Contains(unfit.Error(), "a.go changed since go generate: run go generate") {
					t.Fatalf("got %q, %v", id, unfit)
				}
				var code *CodeError
				if err := CheckFresh(); !errors.As(err, &code) || !code.Stale {
					t.Errorf("CheckFresh says %v", err)
				}
				return
			}
			if err := CheckFresh(); err != nil {
				t.Errorf("CheckFresh says %v", err)
			}
			for line, want := range map[int]plan.OpID{test.m1: "m1", test.m2: "m2"} {
				if id, unfit := g.generated(ints, Call{Dir: thisDir(), Site: at("a.go", line)}); id != want || unfit != nil {
					t.Errorf("line %d: got %q, %v, want %s", line, id, unfit, want)
				}
			}
			if id, _ := g.generated(ints, Call{Dir: thisDir(), Site: at("a.go", 5)}); test.noLine5 && id != "" {
				t.Errorf("line 5 is still %s", id)
			}
		})
	}
}

// ordinal is the place among the tokens of the one at an offset.
func ordinal(text string, offset int) int {
	_, lines := HashTokens(text[:offset])
	return len(lines)
}

// TestSourceOfSeveralFiles is the source of two generated files of a package.
func TestSourceOfSeveralFiles(t *testing.T) {
	withRegistry(t)
	p := Register()
	hash, _ := HashTokens(source1)
	register := func(text string) {
		hash, _ := HashTokens(text)
		p.Source("a.go", "// Moved.\n"+source1, HashBytes(text), hash)
	}
	register(source1)
	p.Op("map", "a.go", 4, ordinal(source1, strings.Index(source1, "(double")), MapOp(same[int]))
	p.Source("a.go", "// Moved.\n"+source1, HashBytes(source1), hash)
	if id, _, _ := registered.find(thisDir(), at("a.go", 5), MapOp(same[int])); id != "map" {
		t.Errorf("the second file hides what the first one registered: got %q", id)
	}
	withRegistry(t)
	p = Register()
	register(source1)
	register(source1 + "// Older.\n")
	if err := CheckFresh(); err == nil || !strings.HasPrefix(err.Error(), "a.go changed since go generate") {
		t.Errorf("files of different times: %v", err)
	}
}

func TestStaleNamesAllFiles(t *testing.T) {
	withRegistry(t)
	p := Register()
	for _, name := range []string{"c.go", "a.go", "b.go"} {
		p.Source(name, "package p", HashBytes("package q"), "")
	}
	p.check()
	if !slices.Equal(p.stale, []string{"a.go", "b.go", "c.go"}) {
		t.Errorf("got %v", p.stale)
	}
}

func TestCodeError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := os.MkdirAll(filepath.Join(dir, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		wd:                           "go generate",
		filepath.Join(wd, "c"):       "go generate ./c",
		filepath.Dir(wd):             "go generate ..",
		filepath.Join(wd, "missing"): "go generate",
	} {
		if got := (&CodeError{What: "x", Dir: at, Stale: true}).Error(); got != "x: run "+want {
			t.Errorf("%s: got %s", at, got)
		}
	}
	if got := (&CodeError{What: "x", Dir: wd}).Error(); got != "x: plain closures are run; go generate makes it faster" {
		t.Errorf("got %s", got)
	}
}

// kernels registers an operator for each of the letters, which add themselves
// to a row, and kernels for runs of them, which add themselves in brackets.
func kernels(w *world, letters string, fused ...string) *Node {
	p := Register()
	ids := map[byte]string{}
	n := slice(w, 1, "")
	for i := range len(letters) {
		letter := letters[i : i+1]
		op := MapOp(func(s string) string { return s + letter })
		id := plan.OpID("op-" + letter)
		ids[letters[i]] = string(id)
		c := Call{Dir: thisDir(), Site: at("k.go", i+1)}
		p.Op(id, "k.go", i+1, 0, op)
		n = n.Narrow(op, c, false)
	}
	for _, run := range fused {
		var refs []string
		for i := range len(run) {
			refs = append(refs, ids[run[i]])
		}
		p.Kernel(func(_ *Task, _ []any, in, out any) {
			rows, next := in.(*Rows[string]), out.(*Rows[string])
			for i, s := range rows.Rows {
				rows.Row = i
				if !next.Push(s+"["+run+"]") && !next.Flush() {
					return
				}
			}
		}, refs...)
	}
	return n
}

func TestKernelCover(t *testing.T) {
	tests := []struct {
		name    string
		letters string
		fused   []string
		want    string
	}{
		{"no kernels", "abc", nil, "abc"},
		{"all in one", "abc", []string{"abc", "ab", "bc"}, "[abc]"},
		{"one of one", "abc", []string{"b"}, "a[b]c"},
		{"the fewest", "abcdef", []string{"abc", "ab", "cdef"}, "[ab][cdef]"},
		{"fewest although the first is longer", "abcdef", []string{"abcd", "ab", "cdef"}, "[ab][cdef]"},
		{"the rest on its own", "abcd", []string{"bc"}, "a[bc]d"},
		{"a kernel for another chain", "abc", []string{"abc"}, "[abc]"},
		{"longer than the chain", "ab", []string{"ab"}, "[ab]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withRegistry(t)
			w := newWorld(t)
			if got := collect[string](w, kernels(w, test.letters, test.fused...)); got[0] != test.want {
				t.Errorf("got %s, want %s", got[0], test.want)
			}
			w.r = NewRunner(RunnerOptions{Memory: w.r.o.Memory, Blob: w.fetch, BlobPart: w.fetchPart, Local: w.g.Local, NoKernels: true})
			// Operators alone are registered as such.
			if got := collect[string](w, kernels(w, test.letters)); got[0] != test.letters {
				t.Errorf("without kernels: got %s", got[0])
			}
			if len(w.notices) > 0 && !strings.Contains(w.notices[0], "Parallelize") && !strings.Contains(w.notices[0], "Collect") {
				t.Errorf("notices %q", w.notices)
			}
		})
	}
}

// TestKernelsInUnions: the branches of a union are covered one by one, with
// the operators that follow the union.
func TestKernelsInUnions(t *testing.T) {
	withRegistry(t)
	w := newWorld(t)
	n := kernels(w, "abc", "abc", "bc")
	b := n.parents()[0]
	a := b.parents()[0]
	other := slice(w, 1, "x")
	u := a.Union(here(), other).Narrow(b.op, Call{Dir: b.dir, Site: b.site}, false).Narrow(n.op, Call{Dir: n.dir, Site: n.site}, false)
	if got := collect[string](w, u); !slices.Equal(got, []string{"[abc]", "x[bc]"}) {
		t.Errorf("got %q", got)
	}
}

// TestKernelAcross: a whole-partition operator splits the chain.
func TestKernelAcross(t *testing.T) {
	withRegistry(t)
	w := newWorld(t)
	n := kernels(w, "ab", "ab")
	a := n.parents()[0]
	split := a.Narrow(MapPartitionsOp(passOn[string]), here(), false).Narrow(n.op, Call{Dir: n.dir, Site: n.site}, false)
	if got := collect[string](w, split); got[0] != "ab" {
		t.Errorf("got %s", got[0])
	}
	after := n.Narrow(MapPartitionsOp(passOn[string]), here(), false).Narrow(MapPartitionsOp(passOn[string]), here(), false)
	if got := collect[string](w, after); got[0] != "[ab]" {
		t.Errorf("got %s", got[0])
	}
}

// TestKernelIntoSink: a kernel may end in an action or a shuffle.
func TestKernelIntoSink(t *testing.T) {
	for _, fused := range []bool{true, false} {
		withRegistry(t)
		w := newWorld(t)
		n := kernels(w, "ab")
		p := Register()
		count, used := CountOp[string](), 0
		p.Op("count", "k.go", 9, 0, count)
		p.Kernel(func(_ *Task, env []any, in, out any) {
			used++
			if len(env) != 2 {
				t.Errorf("kernel gets %d With values", len(env))
			}
			out.(*Acc[int64]).Value += int64(len(in.(*Rows[string]).Rows))
		}, "op-b", "count")
		by := ReduceByKeyOp[string](func(a, b int64) int64 { return a + b })
		p.Op("by", "k.go", 10, 0, by)
		pair := MapToPairOp(func(s string) (string, int64) { return s, 1 })
		p.Op("pair", "k.go", 11, 0, pair)
		p.Kernel(func(_ *Task, _ []any, in, out any) {
			used++
			c := out.(*Combiner[string, int64, int64])
			for _, s := range in.(*Rows[string]).Rows {
				if !c.Push(s+"!", 1) && !c.Flush() {
					return
				}
			}
		}, "pair", "by/map")
		if !fused {
			w.r.o.NoKernels = true
		}
		call := func(line int) Call { return Call{Dir: thisDir(), Site: at("k.go", line)} }
		acc, err := decodeAcc[int64](w.act(n, Action{Op: count, Call: call(9)})[0].Value)
		if err != nil || acc.Value != 1 {
			t.Errorf("counted %+v, %v", acc, err)
		}
		got := collect[Pair[string, int64]](w, n.Narrow(pair, call(11), false).Wide(by, call(10), wide("map")))
		want := Pair[string, int64]{Key: "ab", Value: 1}
		if fused {
			want.Key = "ab!"
		}
		if len(got) != 1 || got[0] != want || (used == 2) != fused {
			t.Errorf("got %v after %d kernels", got, used)
		}
	}
}

func TestExplain(t *testing.T) {
	withRegistry(t)
	w := newWorld(t)
	n := kernels(w, "abcd", "bc")
	n = n.Narrow(MapPartitionsOp(passOn[string]), here(), false)
	n = n.Union(here(), n).Narrow(MapOp(func(s string) string { return s }), here(), false)
	stages := w.g.Explain(w.plan(n, Action{Op: CountOp[string](), Call: here()}))
	if len(stages) != 1 || len(stages[0].Pipe.Union) != 2 {
		t.Fatalf("got %+v", stages)
	}
	var ways []plan.Way
	for _, piece := range stages[0].Pipe.Union[1].Pieces {
		ways = append(ways, piece.Way)
	}
	want := []plan.Way{plan.Composed, plan.Fused, plan.Composed, plan.Whole, plan.Closure, plan.Closure}
	if !slices.Equal(ways, want) {
		t.Errorf("got %v, want %v", ways, want)
	}
	if why := stages[0].Pipe.Union[1].Pieces[2].Why; why == "" {
		t.Error("nothing says why d is not in the loop of b and c")
	}
	// A narrow side of a wide operator is explained too.
	sum := ReduceByKeyOp[string](func(a, b int64) int64 { return a + b })
	once := slice(w, 2, Pair[string, int64]{Key: "a", Value: 1}).Wide(sum, here(), wide("map"))
	stages = w.g.Explain(w.plan(once.Wide(sum, here(), wide("map")), Action{Op: CountOp[string](), Call: here()}))
	if len(stages) != 2 || len(stages[1].Pipe.Inputs) != 1 || stages[1].Pipe.Inputs[0].Source.Name != "ReduceByKey" {
		t.Errorf("got %+v", stages)
	}
}

func TestBuiltins(t *testing.T) {
	for id, op := range builtins {
		if got, ok := registered.op(id); !ok || got != op || op.builtin != id {
			t.Errorf("%s is not found", id)
		}
	}
	g := NewGraph(GraphOptions{Strict: true})
	if ref, err := g.refer(RangeOp(), here()); err != nil || ref.ID != "builtin-Range" {
		t.Errorf("got %+v, %v", ref, err)
	}
	if _, err := g.refer(CountOp[int](), here()); !errors.As(err, new(*CodeError)) {
		t.Errorf("a strict graph takes a closure: %v", err)
	}
}

func TestAs(t *testing.T) {
	f := func(k string, v int) int { return v }
	op := PairMapOp(f)
	if op.Name != "Map" || op.Func != reflect.TypeOf(f) {
		t.Errorf("got %s of %v", op.Name, op.Func)
	}
}
