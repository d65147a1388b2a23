// Package rddvet has the checks of the generator as an analyzer, for go vet and
// for editors that run it.
//
// It finds what rddgen finds, at the same positions, and suggests the changes that
// rddgen -fix makes, for editors and go vet -fix. What functions of other packages
// of the module do is handed from package to package as facts, so that nothing is
// read twice.
package rddvet

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/fix"
	"github.com/gordd-project/gordd/gen/scan"
)

// Analyzer reports the findings of rddgen. Tests may run their functions as they
// are: their findings are reported where code was generated for them, and with
// the flag tests.
var Analyzer = &analysis.Analyzer{
	Name:      "rdd",
	Doc:       "report what cannot run on workers, or would do something else there\n\nThe findings are those of rddgen; rddgen -why ID explains one.",
	Run:       run,
	FactTypes: []analysis.Fact{(*check.Facts)(nil)},
}

// tests is the flag.
var tests bool

func init() {
	Analyzer.Flags.BoolVar(&tests, "tests", false, "report findings in tests, too; where code was generated for tests, that is done without the flag")
}

func run(pass *analysis.Pass) (any, error) {
	u := &unit{Pass: pass, imports: map[string]*types.Package{}}
	if pass.Module == nil || pass.Module.Version != "" {
		return nil, nil // not of the main module, nor of the workspace
	}
	u.collect(pass.Pkg.Imports())
	if check.Follows(pass.Module.Path, pass.Pkg.Path()) {
		facts := check.FactsOf(scan.Input{Fset: pass.Fset, Files: u.written(), Types: pass.Pkg, Info: pass.TypesInfo}, u.facts)
		pass.ExportPackageFact(facts)
	}
	if u.imports[api.Typed] == nil {
		return nil, nil
	}
	in, err := u.input()
	if err != nil {
		return nil, err
	}
	c := &code{unit: u, in: in}
	found, diags := c.Findings()
	var fixes []fix.Fix
	if len(diags) > 0 {
		fixes = fix.Each(c, found, diags)
	}
	withTests := tests || u.generatesTests()
	for _, d := range diags {
		if !withTests && strings.HasSuffix(d.Pos.Filename, "_test.go") {
			continue
		}
		pass.Report(analysis.Diagnostic{
			Pos: d.At, Category: d.Kind.ID, Message: d.Kind.ID + ": " + d.Message, SuggestedFixes: u.suggested(d, fixes),
		})
	}
	return nil, nil
}

// unit is a package that is analyzed.
type unit struct {
	*analysis.Pass
	imports map[string]*types.Package // with those that they import
}

func (u *unit) collect(all []*types.Package) {
	for _, p := range all {
		if u.imports[p.Path()] == nil {
			u.imports[p.Path()] = p
			u.collect(p.Imports())
		}
	}
}

// facts gives what is known of an imported package of the module.
func (u *unit) facts(path string) *check.Facts {
	p := u.imports[path]
	if p == nil || path == u.Pkg.Path() || !check.Follows(u.Module.Path, path) {
		return nil
	}
	facts := &check.Facts{}
	if !u.ImportPackageFact(p, facts) {
		return nil
	}
	return facts
}

// offers says whether there is generated code for a generic function of another
// package. In the module there will be, which rddgen -check sees to.
func (u *unit) offers(fn *types.Func) (scan.Group, bool) {
	path := fn.Pkg().Path()
	if u.imports[path] == nil || path == api.RDD {
		return scan.Group{}, false
	}
	return scan.Group{}, check.Follows(u.Module.Path, path) && api.Holds(fn.Signature()) || fn.Pkg().Scope().Lookup(scan.Registration(fn)) != nil
}

// written are the files that were not generated.
func (u *unit) written() []*ast.File {
	var all []*ast.File
	for _, f := range u.Files {
		name := u.Fset.File(f.FileStart).Name()
		if !ast.IsGenerated(f) || !strings.HasSuffix(name, "_rdd.go") && !strings.HasSuffix(name, "_rdd_test.go") {
			all = append(all, f)
		}
	}
	return all
}

// generatesTests says whether there is generated code for the tests.
func (u *unit) generatesTests() bool {
	return slices.ContainsFunc(u.Files, func(f *ast.File) bool {
		return strings.HasSuffix(u.Fset.File(f.FileStart).Name(), "_rdd_test.go")
	})
}

// input is the package as it is.
func (u *unit) input() (scan.Input, error) {
	in := scan.Input{
		Fset: u.Fset, Files: u.written(), Texts: map[string][]byte{}, Types: u.Pkg, Info: u.TypesInfo,
		SSA: scan.BuildSSA(u.Fset, u.Pkg, u.Files, u.TypesInfo), GoVersion: strings.TrimPrefix(u.Module.GoVersion, "go"),
	}
	for _, f := range in.Files {
		name := u.Fset.File(f.FileStart).Name()
		src, err := u.ReadFile(name)
		if err != nil {
			return in, fmt.Errorf("read %s: %w", filepath.Base(name), err)
		}
		in.Texts[name], in.Dir = src, filepath.Dir(name)
	}
	return in, nil
}
