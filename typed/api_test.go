package typed_test

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// method is what the sources say of an exported method or function.
type method struct {
	recv, name string
	types      string   // type parameters
	params     []string // types, one a parameter
	results    []string
	takesFunc  bool
}

// api parses the package: the types of methods with type parameters are not
// seen by package reflect.
func api(t *testing.T) (methods map[string]method, examples map[string]bool) {
	t.Helper()
	methods, examples = map[string]method{}, map[string]bool{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		test := strings.HasSuffix(name, "_test.go")
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case test && strings.HasPrefix(fn.Name.Name, "Example"):
				examples[fn.Name.Name] = true
			case !test && fn.Name.IsExported():
				m := methodOf(fset, fn)
				methods[m.recv+"."+m.name] = m
			}
		}
	}
	return methods, examples
}

func methodOf(fset *token.FileSet, fn *ast.FuncDecl) method {
	m := method{name: fn.Name.Name, results: fieldTypes(fset, fn.Type.Results), params: fieldTypes(fset, fn.Type.Params)}
	if fn.Recv != nil {
		m.recv, _, _ = strings.Cut(strings.TrimPrefix(text(fset, fn.Recv.List[0].Type), "*"), "[")
	}
	if fn.Type.TypeParams != nil {
		var all []string
		for _, f := range fn.Type.TypeParams.List {
			for _, n := range f.Names {
				all = append(all, n.Name+" "+text(fset, f.Type))
			}
		}
		m.types = strings.Join(all, ", ")
	}
	for _, p := range m.params {
		m.takesFunc = m.takesFunc || strings.HasPrefix(p, "func(")
	}
	return m
}

// fieldTypes lists the types of parameters, without their names.
func fieldTypes(fset *token.FileSet, l *ast.FieldList) []string {
	var all []string
	if l == nil {
		return nil
	}
	for _, f := range l.List {
		typ := text(fset, f.Type)
		if fn, ok := f.Type.(*ast.FuncType); ok {
			typ = "func(" + strings.Join(fieldTypes(fset, fn.Params), ", ") + ") " + strings.Join(fieldTypes(fset, fn.Results), ", ")
		}
		for range max(len(f.Names), 1) {
			all = append(all, typ)
		}
	}
	return all
}

func text(fset *token.FileSet, n ast.Node) string {
	var b strings.Builder
	if err := printer.Fprint(&b, fset, n); err != nil {
		return err.Error()
	}
	return b.String()
}

// withParams is what the With form of a method takes: functions have the value
// in front.
func withParams(params []string) []string {
	var all []string
	for _, p := range params {
		if rest, ok := strings.CutPrefix(p, "func("); ok {
			p = strings.Replace("func(E, "+rest, "(E, )", "(E)", 1)
		}
		all = append(all, p)
	}
	return all
}

func TestWithHasEveryOperatorThatTakesAFunction(t *testing.T) {
	methods, _ := api(t)
	forms := map[string]string{"RDD": "RDDWith", "PairRDD": "PairWith"}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		m := methods[name]
		form, ok := forms[m.recv]
		if !ok || !m.takesFunc {
			continue
		}
		w, ok := methods[form+"."+m.name]
		switch {
		case !ok:
			t.Errorf("%s has no method %s", form, m.name)
		case w.types != m.types:
			t.Errorf("%s.%s has type parameters [%s], want [%s]", form, m.name, w.types, m.types)
		case !slices.Equal(w.params, withParams(m.params)):
			t.Errorf("%s.%s takes\n%q, want\n%q", form, m.name, w.params, withParams(m.params))
		case !slices.Equal(w.results, m.results):
			t.Errorf("%s.%s gives %q, want %q", form, m.name, w.results, m.results)
		}
	}
	for name, m := range methods {
		for plain, form := range forms {
			if m.recv == form && methods[plain+"."+m.name].name == "" {
				t.Errorf("%s has no counterpart in %s", name, plain)
			}
		}
	}
}

func TestEveryOperatorHasAnExample(t *testing.T) {
	methods, examples := api(t)
	// Of these there is nothing to show, or a whole program is.
	bare := map[string]bool{".Main": true, "Session.Close": true, ".NewSession": true, ".Fail": true, ".Partitions": true, ".Usagef": true}
	for name, m := range methods {
		want := "Example" + m.recv + "_" + m.name
		switch m.recv {
		case "":
			want = "Example" + m.name
		case "Session", "RDD", "PairRDD":
		default:
			continue
		}
		if !examples[want] && !bare[name] {
			t.Errorf("%s has no %s", name, want)
		}
	}
	for _, want := range []string{"Example", "ExampleRDDWith", "ExamplePairWith"} {
		if !examples[want] {
			t.Errorf("there is no %s", want)
		}
	}
}
