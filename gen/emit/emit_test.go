package emit

import (
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/model"
)

var (
	filterStep = model.Step{Takes: model.TakesRow, Gives: model.GivesSame}
	mapStep    = model.Step{Takes: model.TakesRow, Gives: model.GivesRow}
	pairStep   = model.Step{Takes: model.TakesRow, Gives: model.GivesPair}
	valueStep  = model.Step{Takes: model.TakesValue, Gives: model.GivesValue}
)

func rows(ts ...model.Type) model.Shape  { return model.Shape{Types: ts} }
func pairs(ts ...model.Type) model.Shape { return model.Shape{Kind: model.Pair, Types: ts} }

// fn is a named function of a parameter.
func fn(call, param string, in, out model.Type) []model.Func {
	return []model.Func{{Call: call, Params: []string{param}, Types: []model.Type{in}, Result: []model.Type{out}}}
}

// pkg is a package with operators, all in one kernel.
func pkg(ops ...model.Op) *model.Package {
	k := model.Kernel{Name: "kernel"}
	for i := range ops {
		ops[i].ID = string(rune('a' + i))
		ops[i].Ctor.Name = ops[i].Name + "Op"
		part := model.Part{Op: i}
		if ops[i].Ends != model.EndRows {
			part.Name = sinkPart(&ops[i])
		}
		k.Parts = append(k.Parts, part)
	}
	return &model.Package{
		Path: "example.com/p", Name: "p", Output: "p_rdd.go", RDD: "rdd", Ops: ops, Kernels: []model.Kernel{k},
		Imports: []model.Import{{Name: "rdd", Path: "github.com/gordd-project/gordd/rdd"}},
	}
}

func file(t *testing.T, p *model.Package) string {
	t.Helper()
	src, err := File(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "p_rdd.go", src, parser.SkipObjectResolution); err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return string(src)
}

// loop is the text of the kernel's loop over its rows, in one line.
func loop(t *testing.T, p *model.Package) string {
	t.Helper()
	_, text, ok := strings.Cut(file(t, p), "\tfor ")
	if !ok {
		t.Fatal("no loop")
	}
	text, _, _ = strings.Cut(text, "\n\t}\n")
	return strings.Join(strings.Fields("for "+text+" }"), " ")
}

func TestSteps(t *testing.T) {
	keep := model.Op{Name: "Filter", In: rows("int"), Out: rows("int"), Step: filterStep, Funcs: fn("keep", "n", "int", "bool")}
	double := model.Op{Name: "Map", In: rows("int"), Out: rows("int"), Step: mapStep, Funcs: fn("double", "n", "int", "int")}
	words := model.Op{Name: "FlatMap", In: rows("int"), Out: rows("string"), Step: model.Step{Takes: model.TakesRow, Gives: model.GivesRow, Seq: true}, Funcs: fn("words", "n", "int", "iter.Seq[string]")}
	parse := model.Op{Name: "TryMap", In: rows("int"), Out: rows("int"), Step: model.Step{Takes: model.TakesRow, Gives: model.GivesRow, Try: true}, Funcs: fn("parse", "n", "int", "int")}
	toPair := model.Op{Name: "MapToPair", In: rows("int"), Out: pairs("int", "bool"), Step: pairStep, Funcs: fn("split", "n", "int", "int")}
	values := model.Op{Name: "MapValues", In: pairs("int", "bool"), Out: pairs("int", "bool"), Step: valueStep, Funcs: fn("not", "b", "bool", "bool")}
	onlyKeys := model.Op{Name: "Keys", In: pairs("int", "bool"), Out: rows("int"), Step: model.Step{Gives: model.GivesOnlyKey}}
	sum := model.Op{Name: "ReduceByKey", In: pairs("int", "bool"), Ends: model.EndPairs, EndTypes: []model.Type{"int", "bool", "bool"}, Funcs: fn("or", "a", "bool", "bool")}
	count := model.Op{Name: "Count", In: rows("int"), Ends: model.EndCount, EndTypes: []model.Type{"int64"}}
	least := model.Op{Name: "Reduce", In: rows("int"), Ends: model.EndReduce, EndTypes: []model.Type{"int"}, Funcs: fn("least", "a", "int", "int")}
	tests := []struct {
		name string
		ops  []model.Op
		want string
	}{
		{"a row that stays", []model.Op{keep},
			"for i, n := range in.Rows { in.Row = i if !keep(n) { continue } if !out.Push(n) && !out.Flush() { return } }"},
		{"names follow the next function", []model.Op{double, double, keep},
			"for i, n := range in.Rows { in.Row = i n2 := double(n) n3 := double(n2) if !keep(n3) { continue } if !out.Push(n3) && !out.Flush() { return } }"},
		{"a sequence is a loop", []model.Op{words},
			"for i, n := range in.Rows { in.Row = i for x := range words(n) { if !out.Push(x) && !out.Flush() { return } } }"},
		{"an error rejects the row", []model.Op{keep, parse},
			"for i, n := range in.Rows { in.Row = i if !keep(n) { continue } x, err := parse(n) if err != nil { task.RejectIn(1, n, err) continue } if !out.Push(x) && !out.Flush() { return } }"},
		{"pairs are two variables", []model.Op{toPair, values, sum},
			"for i, n := range in.Rows { in.Row = i k, b := split(n) v := not(b) if !out.Push(k, v) && !out.Flush() { return } }"},
		{"what nobody reads has no name", []model.Op{toPair, onlyKeys},
			"for i, n := range in.Rows { in.Row = i k, _ := split(n) if !out.Push(k) && !out.Flush() { return } }"},
		{"rows that are counted are not read", []model.Op{count}, "for i := range in.Rows { in.Row = i acc++ }"},
		{"a function runs though its row is counted", []model.Op{double, count}, "for i, n := range in.Rows { in.Row = i _ = double(n) acc++ }"},
		{"the first row starts a sum", []model.Op{least},
			"for i, a := range in.Rows { in.Row = i if has { acc = least(acc, a) } else { acc, has = a, true } }"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := loop(t, pkg(test.ops...)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestWithValues(t *testing.T) {
	env := model.Type("string")
	op := model.Op{Name: "Filter", In: rows("int"), Out: rows("int"), Step: filterStep, Env: &env,
		Funcs: []model.Func{{Call: "keep", Params: []string{"mark", "n"}, Types: []model.Type{"string", "int"}, Result: []model.Type{"bool"}}}}
	src := file(t, pkg(op))
	for _, want := range []string{"mark := env[0].(string)", "if !keep(mark, n) {", "rdd.WithOp(keep, func(env string) *rdd.Op {", "return keep(env, n)"} {
		if !strings.Contains(src, want) {
			t.Errorf("%q is not in\n%s", want, src)
		}
	}
}

// TestGenericFunctions has an operator that depends on a type parameter, one
// that does not, and a function without any.
func TestGenericFunctions(t *testing.T) {
	g := &model.Generic{Func: "Dedupe", Name: "RddRegisterDedupe", Params: "T comparable", Args: "T", Calls: []string{"lib.RddRegisterSame[[]T]"}}
	empty := &model.Generic{Func: "Flow.Size", Name: "RddRegisterFlow_Size", Params: "T1 any", Args: "T1"}
	body := func(text string) *model.Body { return &model.Body{Pos: model.Pos{File: "p.go", Line: 7}, Text: text} }
	keep := model.Op{Name: "Filter", In: rows("T"), Out: rows("T"), Step: filterStep, Generic: g, Pos: model.Pos{File: "p.go", Line: 7}, Token: 9,
		Funcs: []model.Func{{Name: "dedupeFilter", Call: "dedupeFilter[T]", Params: []string{"t"}, Types: []model.Type{"T"}, Result: []model.Type{"bool"}, Body: body("(t T) bool { return true }")}}}
	sum := model.Op{Name: "ReduceByKey", In: pairs("T", "int"), Generic: g, Ctor: model.Ctor{Types: []model.Type{"T"}}, Batch: "addBatch",
		Funcs: fn("add", "a", "int", "int")}
	length := model.Op{Name: "Map", In: rows("string"), Out: rows("int"), Step: mapStep,
		Funcs: []model.Func{{Name: "dedupeMap", Call: "dedupeMap", Params: []string{"s"}, Types: []model.Type{"string"}, Result: []model.Type{"int"}, Body: body("(s string) int { return 1 }")}}}
	p := pkg(keep, sum, length)
	p.Generics, p.Calls = []*model.Generic{g, empty}, []string{"lib.RddRegisterSame[Row]"}
	p.Kernels = []model.Kernel{{Name: "dedupeKernel", Parts: []model.Part{{Op: 0}}, Generic: g}, {Name: "dedupeKernel2", Parts: []model.Part{{Op: 2}}}}
	p.Imports = append(p.Imports, model.Import{Name: "lib", Path: "example.com/lib"})
	src := file(t, p)
	_, initial, _ := strings.Cut(src, "func init() {")
	initial, rest, _ := strings.Cut(initial, "\n}\n")
	has := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	has(initial, `p.Op("c", "", 0, 0, rdd.MapOp(dedupeMap))`, `p.Kernel(dedupeKernel2, "c")`, "lib.RddRegisterSame[Row]()")
	has(rest, `
func RddRegisterDedupe[T comparable]() {
	p := rdd.RegisterInstance("Dedupe", (func(T))(nil))
	if p == nil {
		return
	}
	p.Op("a", "p.go", 7, 9, rdd.FilterOp(dedupeFilter[T]))
	p.Op("b", "", 0, 0, rdd.ReduceByKeyOp[T](add, addBatch[T]))
	p.Kernel(dedupeKernel[T], "a")
	lib.RddRegisterSame[[]T]()
}
`, "func RddRegisterFlow_Size[T1 any]() {}\n", "func dedupeKernel[T comparable](", "in := inAny.(*rdd.Rows[T])", "if !dedupeFilter[T](t) {",
		"\n//line p.go:7\nfunc dedupeFilter[T comparable](t T) bool { return true }\n", "func addBatch[T comparable](slots []*int, vals []int) {",
		"func dedupeMap(s string) int { return 1 }", "func dedupeKernel2(_ *rdd.Task")
	if strings.Contains(src, "embed") {
		t.Error("embed is imported without a file to embed")
	}
}

// TestWithoutOperators is a package that only calls generic functions of others.
func TestWithoutOperators(t *testing.T) {
	p := pkg()
	p.Kernels, p.Calls = nil, []string{"lib.RddRegisterSame[Row]"}
	src := file(t, p)
	if strings.Contains(src, "Register()") || !strings.Contains(src, "\tlib.RddRegisterSame[Row]()\n}") {
		t.Errorf("got\n%s", src)
	}
}

func TestRestoreLines(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"code follows", "a\n" + lineMark + "\nb\n", "a\n//line p_rdd.go:3\nb\n"},
		{"a blank line, and code", "a\n" + lineMark + "\n\nb\n", "a\n//line p_rdd.go:3\n\nb\n"},
		{"another directive follows", "a\n\n" + lineMark + "\n\n//line p.go:7\nb\n", "a\n\n//line p.go:7\nb\n"},
		{"nothing follows", "a\n\n" + lineMark + "\n", "a\n"},
		{"two", lineMark + "\na\n" + lineMark + "\nb\n", "//line p_rdd.go:2\na\n//line p_rdd.go:4\nb\n"},
	}
	for _, test := range tests {
		if got := string(restoreLines([]byte(test.src), "p_rdd.go")); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestBodyText(t *testing.T) {
	pos := model.Pos{File: "p.go", Line: 20}
	same := "(n int) int {\n\treturn n\n}"
	for text, want := range map[string]string{
		same:                             same,
		"(n int) int { return n }":       "(n int) int { return n }",
		"(n int) int { /* n */ return n": "error",
	} {
		got, err := bodyText("f", &model.Body{Pos: pos, Text: text})
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	// Where formatting would join lines, directives keep the old ones.
	moved, err := bodyText("f", &model.Body{Pos: pos, Text: "(n int) int {\n\n\n\n\treturn n\n}"})
	if err != nil || !strings.Contains(moved, "//line p.go:24\n") {
		t.Errorf("got %q, %v", moved, err)
	}
}

func TestUsedNames(t *testing.T) {
	used, err := usedNames([]byte("package p\n\nfunc f[T any](a int) T { b := g(a); return h.i(b, func(c int) { _ = c }) }\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(slices.Sorted(maps.Keys(used)), func(name string) bool { return name == "any" || name == "int" })
	if !slices.Equal(got, []string{"g", "h"}) {
		t.Errorf("got %v", got)
	}
}

func TestLocals(t *testing.T) {
	l := &locals{taken: map[string]bool{"in": true, "len": true}, used: map[string]bool{}}
	var got []string
	for _, want := range [][2]string{{"in", ""}, {"", "x"}, {"", "x"}, {"x", "y"}, {"len", ""}, {"row", "x"}} {
		got = append(got, l.name(want[0], want[1]))
	}
	if want := []string{"in2", "x", "x2", "x3", "len2", "row"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestImports(t *testing.T) {
	p := pkg()
	p.Kernels = nil
	p.Calls = []string{"lib.A[strings.B, other.C]"}
	p.Imports = append(p.Imports, model.Import{Name: "lib", Path: "example.com/x/lib/v2"}, model.Import{Name: "strings", Path: "strings"},
		model.Import{Name: "other", Path: "example.com/other"}, model.Import{Name: "unused", Path: "example.com/unused"})
	src := file(t, p)
	want := "import (\n\t\"strings\"\n\n\t\"example.com/other\"\n\tlib \"example.com/x/lib/v2\"\n\t\"github.com/gordd-project/gordd/rdd\"\n)\n"
	if !strings.Contains(src, want) {
		t.Errorf("want\n%s\nin\n%s", want, src)
	}
}

func TestErrorsNameThePackage(t *testing.T) {
	op := model.Op{Name: "Map", In: rows("int"), Out: rows("int"), Step: mapStep, Pos: model.Pos{File: "p.go", Line: 3},
		Funcs: []model.Func{{Name: "f", Call: "f", Params: []string{"n"}, Types: []model.Type{"int"}, Result: []model.Type{"int"}, Body: &model.Body{Text: "(n int) int {"}}}}
	if _, err := File(pkg(op)); err == nil || !strings.HasPrefix(err.Error(), "copy the function of Map (p.go:3): ") {
		t.Errorf("got %v", err)
	}
	p := pkg()
	p.Kernels, p.Calls = nil, []string{"no )name"}
	if _, err := File(p); err == nil || !strings.HasPrefix(err.Error(), "write the code for example.com/p: ") {
		t.Errorf("got %v", err)
	}
}
