package gen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/encode"
	"github.com/gordd-project/gordd/gen/scan"
)

// facts is what is known of the packages whose functions stage code calls. They
// are read when one is asked for: those that are generated for are there
// already, other ones of their module are type-checked for it.
type facts struct {
	known map[string]*Package // type-checked, by path
	found map[string]*check.Facts
	// registered are the generic functions that the packages' generated code
	// registers for types, by the names of the registrations.
	registered map[string]map[string]scan.Group
	graph      map[string]*listed
}

func newFacts(pkgs []*Package) *facts {
	f := &facts{known: map[string]*Package{}, found: map[string]*check.Facts{}, registered: map[string]map[string]scan.Group{}}
	for _, p := range pkgs {
		if p.world != nil {
			f.graph = p.world.l.graph
		}
		if p.Types != nil {
			f.known[p.Path] = p
		}
	}
	return f
}

// importedBy gives what is known of the packages of a package's module.
func (f *facts) importedBy(p *Package) func(path string) *check.Facts {
	return func(path string) *check.Facts {
		if path == p.Path || !check.Follows(p.Module, path) {
			return nil
		}
		return f.of(p, path)
	}
}

func (f *facts) of(user *Package, path string) *check.Facts {
	if facts, ok := f.found[path]; ok {
		return facts
	}
	f.found[path] = nil
	p := f.known[path]
	if p == nil {
		p = user.world.source(path)
	}
	if p != nil && p.Types != nil {
		in := scan.Input{Fset: p.Fset, Files: p.Files, Types: p.Types, Info: p.Info}
		f.found[path] = check.FactsOf(in, f.importedBy(p))
	}
	return f.found[path]
}

// offers says whether there is generated code for a generic function.
func (f *facts) offers(fn *types.Func) (scan.Group, bool) {
	g, ok := f.registrations(fn.Pkg().Path())[scan.Registration(fn)]
	return g, ok
}

// registrations gives those of a package, as they will be, or as they are where
// nothing is generated for it.
func (f *facts) registrations(path string) map[string]scan.Group {
	all, ok := f.registered[path]
	if ok {
		return all
	}
	all = map[string]scan.Group{}
	f.registered[path] = all // against cycles, which tests may make
	if p := f.known[path]; p != nil {
		for _, g := range encode.Generics(p.scan(), f.offers) {
			if !g.Local {
				all[scan.Registration(g.Func)] = g.File.Group
			}
		}
	} else if of := f.graph[path]; of != nil && !of.Standard {
		for _, name := range registrationsIn(of) {
			all[name] = scan.Group{}
		}
	}
	return all
}

// registrationsIn reads the names of registrations in the generated file of a
// package.
func registrationsIn(of *listed) []string {
	var all []string
	for _, name := range outputsIn(of.Dir) {
		if filepath.Base(name) != outputName(of.Name, of.Dir, scan.Group{}) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			continue // it does not compile: that will be said
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, scan.Registers) {
				all = append(all, fn.Name.Name)
			}
		}
	}
	return all
}

// source type-checks a package that others import, with its bodies. What cannot
// be read is left out: that it compiles was found out before.
func (u *universe) source(path string) *Package {
	of := u.l.graph[path]
	if of == nil || of.Standard {
		return nil
	}
	p := u.l.newPackage(of, path, of.Name)
	if err := u.l.parse(p, of, nil); err != nil {
		return nil
	}
	u.export(of.Imports)
	if err := p.check(u); err != nil && p.Types == nil {
		return nil
	}
	return p
}

// export finds the compiled forms of packages that nothing was asked of yet.
func (u *universe) export(paths []string) {
	paths = slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return path == "unsafe" || path == "C" || u.exports[path] != "" || u.l.usesAPI(path)
	})
	if len(paths) == 0 {
		return
	}
	all, err := u.l.list(listTypes, paths...)
	if err != nil {
		return
	}
	for _, p := range all {
		if p.Error == nil && p.Export != "" {
			u.exports[p.ImportPath] = p.Export
		}
	}
}
