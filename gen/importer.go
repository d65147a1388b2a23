package gen

import (
	"bufio"
	"fmt"
	"go/types"
	"maps"
	"os"
	"slices"

	"golang.org/x/tools/go/gcexportdata"
)

// universe is the types of packages as some package sees them: each path is one
// package in it.
type universe struct {
	l *loader
	// types are the packages that were checked or read in this universe.
	types map[string]*types.Package
	// exports are the files of compiled packages.
	exports map[string]string
	// under is, for an external test, the universe of all others, which differs in
	// one package and what imports it.
	under   *universe
	differs string
}

// with gives a universe that has a package in another version.
func (u *universe) with(p *types.Package) *universe {
	return &universe{l: u.l, types: map[string]*types.Package{p.Path(): p}, under: u, differs: p.Path()}
}

// Import gives the types of a package: of its declarations, if it uses the API
// or is not as it was compiled, else as compiled.
func (u *universe) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := u.types[path]; p != nil && p.Complete() {
		return p, nil
	}
	if u.under != nil && !u.imports(path, map[string]bool{}) {
		return u.under.Import(path)
	}
	if u.under != nil || u.l.usesAPI(path) {
		return u.declarations(path)
	}
	return u.compiled(path)
}

// imports says whether a package imports that in which the universe differs.
func (u *universe) imports(path string, seen map[string]bool) bool {
	if path == u.differs {
		return true
	}
	if seen[path] || u.l.graph[path] == nil {
		return false
	}
	seen[path] = true
	return slices.ContainsFunc(u.l.graph[path].Imports, func(path string) bool { return u.imports(path, seen) })
}

// declarations type-checks the declarations of a package.
func (u *universe) declarations(path string) (*types.Package, error) {
	of := u.l.graph[path]
	p := u.l.newPackage(of, path, of.Name)
	if err := u.l.parse(p, of, nil); err != nil {
		return nil, err
	}
	err := p.checkWith(types.Config{Importer: u, IgnoreFuncBodies: true})
	if err != nil && u.l.importError == nil {
		u.l.importError = err
	}
	u.types[path] = p.Types
	return p.Types, err
}

// compiled reads the types of a package from what the compiler left.
func (u *universe) compiled(path string) (*types.Package, error) {
	file, ok := u.exports[path]
	if !ok {
		return nil, fmt.Errorf("package %s was not loaded", path)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r, err := gcexportdata.NewReader(bufio.NewReader(f)) //nolint:staticcheck // what Go 1.27 lists is an archive
	if err != nil {
		return nil, fmt.Errorf("read the types of %s: %w", path, err)
	}
	return gcexportdata.Read(r, u.l.fset, u.types, path)
}

// readExports has all compiled that is imported and does not use the API.
func (l *loader) readExports() error {
	l.world = &universe{l: l, types: map[string]*types.Package{}, exports: map[string]string{}}
	wanted := l.imported()
	if len(wanted) == 0 {
		return nil
	}
	all, err := l.list(listTypes, wanted...)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Error != nil || p.Export == "" {
			return l.why(wanted)
		}
		l.world.exports[p.ImportPath] = p.Export
	}
	return nil
}

// imported are the packages that are imported by what is checked.
func (l *loader) imported() []string {
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		if path == "unsafe" || path == "C" || seen[path] {
			return
		}
		seen[path] = true
		if l.usesAPI(path) {
			for _, path := range l.graph[path].Imports {
				visit(path)
			}
		}
	}
	for _, ld := range l.all {
		for _, p := range []*Package{ld.pkg, ld.external} {
			if p != nil {
				for _, f := range p.Files {
					for _, path := range importsOf(f) {
						visit(path)
					}
				}
			}
		}
	}
	maps.DeleteFunc(seen, func(path string, _ bool) bool { return l.usesAPI(path) })
	return slices.Sorted(maps.Keys(seen))
}

// why finds out what does not compile.
func (l *loader) why(paths []string) error {
	all, err := l.list(listWhy, paths...)
	if err != nil {
		return err
	}
	if err := failed(all); err != nil {
		return err
	}
	return broken(nil, fmt.Sprint(paths))
}
