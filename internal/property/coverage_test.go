package property

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// elsewhere are exported names of typed that no pipeline can use: how sessions
// are made and ended, what says something without running, what is said of actions, and
// what matters to files that are shipped or to stores that have blocks.
var elsewhere = []string{
	"Main", "Usagef", "NewSession", "Session.Close", "RDD.Err", "PairRDD.Err", "Fail", "Skip", "SetAside", "File", "BlockSize", "Replication",
	"WithDescription", "WithTags", "Session.CancelTag",
}

// TestEveryOperatorHasACase fails for an exported function or method of typed
// that no pipeline of this package calls.
func TestEveryOperatorHasACase(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax}, ".", "../../typed")
	if err != nil || packages.PrintErrors(pkgs) > 0 {
		t.Fatal("load: ", err)
	}
	used := map[string]bool{}
	var api []string
	for _, p := range pkgs {
		if strings.HasSuffix(p.PkgPath, "/typed") {
			api = exported(p.Types)
			continue
		}
		for _, f := range p.Syntax {
			if name := p.Fset.Position(f.Pos()).Filename; strings.HasSuffix(name, "_rdd.go") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if fn, ok := p.TypesInfo.Uses[id].(*types.Func); ok {
						used[qualified(fn)] = true
					}
				}
				return true
			})
		}
	}
	if len(api) < 100 {
		t.Fatalf("typed has %d functions and methods only: %v", len(api), api)
	}
	for _, name := range api {
		if !used[name] && !slices.Contains(elsewhere, name) {
			t.Errorf("no case uses %s: add one to a pipelines file", name)
		}
	}
}

// exported names the functions of a package and the methods of its types.
func exported(p *types.Package) []string {
	var out []string
	for _, name := range p.Scope().Names() {
		switch obj := p.Scope().Lookup(name).(type) {
		case *types.Func:
			if obj.Exported() {
				out = append(out, qualified(obj))
			}
		case *types.TypeName:
			named, ok := obj.Type().(*types.Named)
			if !ok || !obj.Exported() || obj.IsAlias() {
				continue
			}
			for m := range named.Methods() {
				if m.Exported() {
					out = append(out, qualified(m))
				}
			}
		}
	}
	return out
}

// qualified is the name of a function with its receiver's.
func qualified(fn *types.Func) string {
	recv := fn.Origin().Signature().Recv()
	if recv == nil {
		return fn.Name()
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name() + "." + fn.Name()
	}
	return fn.Name()
}

// TestNamesAreDifferent keeps -case able to name every case.
func TestNamesAreDifferent(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] {
			t.Errorf("two cases are named %s", c.Name)
		}
		seen[c.Name] = true
	}
}
