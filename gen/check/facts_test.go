package check

import (
	"bytes"
	"encoding/gob"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/gen/scan"
)

// library has what the sources of tests import.
var library = map[string]string{
	"os":          "package os; var Args []string; func Getenv(string) string { return \"\" }; func Exit(int) {}",
	"flag":        "package flag; func Bool(string, bool, string) *bool { return nil }; func IntVar(*int, string, int, string) {}",
	"sync":        "package sync; type Once struct{}; func (*Once) Do(func()) {}; type Mutex struct{}; func (*Mutex) Lock() {}",
	"sync/atomic": "package atomic; func AddInt64(*int64, int64) {}; func LoadInt64(*int64) int64 { return 0 }",
	"json":        "package json; func Unmarshal([]byte, any) error { return nil }",
}

// sources are packages of a module, by path.
type sources struct {
	fset  *token.FileSet
	texts map[string]string
	done  map[string]scan.Input
}

func newSources(texts map[string]string) *sources {
	return &sources{fset: token.NewFileSet(), texts: texts, done: map[string]scan.Input{}}
}

func (s *sources) Import(path string) (*types.Package, error) {
	in, err := s.load(path)
	return in.Types, err
}

func (s *sources) load(path string) (scan.Input, error) {
	if in, ok := s.done[path]; ok {
		return in, nil
	}
	text, ok := s.texts[path]
	if !ok {
		text, ok = library[path]
	}
	if !ok {
		return scan.Input{}, errors.New("no package " + path)
	}
	f, err := parser.ParseFile(s.fset, path+"/x.go", text, 0)
	if err != nil {
		return scan.Input{}, err
	}
	in := scan.Input{Fset: s.fset, Files: []*ast.File{f}, Info: &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Instances: map[*ast.Ident]types.Instance{},
	}}
	conf := types.Config{Importer: s}
	in.Types, err = conf.Check(path, s.fset, in.Files, in.Info)
	s.done[path] = in
	return in, err
}

// facts gives those of a package of the module m.
func (s *sources) facts(t *testing.T, path string) *Facts {
	t.Helper()
	in, err := s.load(path)
	if err != nil {
		t.Fatal(err)
	}
	return FactsOf(in, func(path string) *Facts {
		if !Follows("m", path) {
			return nil
		}
		return s.facts(t, path)
	})
}

func TestFactsOf(t *testing.T) {
	s := newSources(map[string]string{
		"m/deep": `package deep
			import "os"
			var Limit = 3
			func Home() string { return os.Getenv("HOME") }
			func Stop() { os.Exit(1) }`,
		"m/lib": `package lib
			import ("m/deep"; "flag"; "sync"; "os"; "json")
			var level, parsed, other, table = 1, 2, 3, map[string]int{}
			var verbose = flag.Bool("v", false, "")
			var port int
			var once sync.Once
			func init() { table["a"] = 1; flag.IntVar(&port, "port", 1, ""); prepare() }
			func prepare() { other = 4 }
			func SetLevel(n int) { level = n; deep.Limit = n }
			func Parse(b []byte) { _ = json.Unmarshal(b, &parsed) }
			func Pure(a, b int) int { return a + b }
			func Level() int { return helper() }
			func helper() int { return level + deep.Limit }
			type T struct{}
			func (t *T) Home() string { return deep.Home() + os.Args[0] }
			func (t T) Stop() { deep.Stop() }
			func Start() { go prepare() }
			func Wait(c chan int) int { go prepare(); return <-c }`,
	})
	got := s.facts(t, "m/lib")
	variable := func(pkg, name string) Variable { return Variable{"m/" + pkg, pkg, name} }
	other, level := variable("lib", "other"), variable("lib", "level")
	want := []Function{
		{Name: "Level", Reads: []Variable{variable("deep", "Limit"), level}},
		{Name: "SetLevel", Writes: []Variable{variable("deep", "Limit"), level}},
		{Name: "Parse", Writes: []Variable{variable("lib", "parsed")}},
		{Name: "Start", Writes: []Variable{other}, Starts: true},
		{Name: "T.Home", State: []string{"os.Args", "os.Getenv"}},
		{Name: "T.Stop", Ends: []string{"os.Exit"}},
		{Name: "Wait", Writes: []Variable{other}},
	}
	for _, w := range want {
		i := slices.IndexFunc(got.Functions, func(f Function) bool { return f.Name == w.Name })
		if i < 0 || !reflect.DeepEqual(got.Functions[i], w) {
			t.Errorf("want %+v in\n%+v", w, got.Functions)
		}
	}
	if slices.ContainsFunc(got.Functions, func(f Function) bool { return f.Name == "Pure" }) {
		t.Error("there is nothing to know of Pure")
	}
	var changed []string
	for _, c := range got.Changed {
		changed = append(changed, c.Variable.Package+"."+c.Variable.Name+" "+c.How)
	}
	wantChanged := []string{
		"deep.Limit assigned in SetLevel", "lib.level assigned in SetLevel", "lib.parsed assigned in Parse", "lib.port a flag", "lib.verbose a flag",
	}
	if !slices.Equal(changed, wantChanged) {
		t.Errorf("changed are\n%q, want\n%q", changed, wantChanged)
	}
}

// TestFactsTravel writes facts as go vet does.
func TestFactsTravel(t *testing.T) {
	texts := map[string]string{"m/p": `package p
		import "os"
		var a, b, c, d int
		func A() int { return a + b + c }
		func B() { a, b, c, d = 1, 2, 3, 4 }
		func C() string { return os.Getenv("A") }`}
	var first []byte
	for range 5 {
		var buf bytes.Buffer
		facts := newSources(texts).facts(t, "m/p")
		if err := gob.NewEncoder(&buf).Encode(facts); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = bytes.Clone(buf.Bytes())
		}
		if !bytes.Equal(first, buf.Bytes()) {
			t.Fatal("facts of one source have several encodings")
		}
		var back Facts
		if err := gob.NewDecoder(&buf).Decode(&back); err != nil || !reflect.DeepEqual(&back, facts) {
			t.Fatalf("got %+v, %v, want %+v", back, err, facts)
		}
	}
}

func TestFollows(t *testing.T) {
	const gordd = "github.com/gordd-project/gordd"
	for _, test := range []struct {
		module, path string
		want         bool
	}{
		{"m", "m", true}, {"m", "m/lib", true}, {"m", "mx", false}, {"m", "os", false}, {"", "os", false},
		{gordd, gordd + "/typed", false}, {gordd, gordd + "/rdd/codec", false}, {gordd, gordd + "/examples/wordcount", true},
	} {
		if got := Follows(test.module, test.path); got != test.want {
			t.Errorf("Follows(%q, %q) = %v", test.module, test.path, got)
		}
	}
}

// TestWrites reads how a body changes package variables.
func TestWrites(t *testing.T) {
	in, err := newSources(map[string]string{"m/p": `package p
		import ("sync"; "sync/atomic")
		var n, m int64
		var s []int
		var table map[string]int
		var once sync.Once
		var mu sync.Mutex
		type conf struct{ N int }
		func (c *conf) set() { c.N = 1 }
		func (c *conf) get() int { return c.N }
		var c, d conf
		func show(c *conf) int { return c.N }
		func fill(c *conf) { c.N = 2 }
		func f() {
			n++
			m += 2
			s[0], table["a"] = 1, 2
			atomic.AddInt64(&n, 1)
			_ = atomic.LoadInt64(&m)
			once.Do(func() { s = nil })
			mu.Lock()
			c.set()
			_ = d.get() + show(&d)
			fill(&d)
			delete(table, "b")
			local := conf{}
			local.N = 3
		}`}).load("m/p")
	if err != nil {
		t.Fatal(err)
	}
	fs := newFunctions(&scan.Package{Input: in}, nil)
	f := in.Types.Scope().Lookup("f").(*types.Func)
	b := fs.body(fs.decls[f])
	type change struct {
		name string
		by   writing
		once bool
	}
	var got []change
	for _, w := range b.writes {
		got = append(got, change{w.v.Name(), w.by, w.once})
	}
	want := []change{
		{"n", counted, false}, {"m", counted, false}, {"s", assigned, false}, {"table", assigned, false}, {"n", counted, false},
		{"s", assigned, true}, {"c", passed, false}, {"d", passed, false}, {"table", assigned, false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !b.locks || b.waits || len(b.starts) > 0 {
		t.Errorf("locks %v, waits %v, starts %v", b.locks, b.waits, b.starts)
	}
}
