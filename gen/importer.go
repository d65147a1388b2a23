package gen

import (
	"bufio"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"os"
	"slices"

	"golang.org/x/tools/go/gcexportdata"

	"github.com/gordd-project/gordd/gen/api"
)

// importer reads the types of compiled packages.
type importer struct {
	fset    *token.FileSet
	exports map[string]string // files, by import path
	types   map[string]*types.Package
}

// Import gives the types of a package.
func (imp *importer) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := imp.types[path]; p != nil && p.Complete() {
		return p, nil
	}
	file, ok := imp.exports[path]
	if !ok {
		return nil, fmt.Errorf("package %s was not loaded", path)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r, err := gcexportdata.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("read the types of %s: %w", path, err)
	}
	return gcexportdata.Read(r, imp.fset, imp.types, path)
}

// reaches says whether a package can have values of the API's types: they come
// through what it imports.
func (imp *importer) reaches(p *Package) bool {
	seen := map[*types.Package]bool{}
	var find func(*types.Package) bool
	find = func(t *types.Package) bool {
		if seen[t] {
			return false
		}
		seen[t] = true
		return t.Path() == api.Typed || slices.ContainsFunc(t.Imports(), find)
	}
	for _, f := range p.Files {
		for _, path := range importsOf(f) {
			if t, err := imp.Import(path); err != nil || find(t) {
				return true
			}
		}
	}
	return false
}

// imports compiles what the packages import, and reads the types. Generated
// files of the packages, and those of what they import that are in the way, are
// hidden.
func (l *loader) imports(roots []*listed, paths map[string]bool) (*importer, error) {
	imp := &importer{fset: l.fset, exports: map[string]string{}, types: map[string]*types.Package{}}
	if len(paths) == 0 {
		return imp, nil
	}
	if err := l.hide(l.temp, outputsOf(roots)); err != nil {
		return nil, err
	}
	wanted := slices.Sorted(maps.Keys(paths))
	all, err := l.list(listTypes, wanted...)
	if err != nil {
		return nil, err
	}
	if missing(all) {
		all, err = l.again(listTypes, wanted)
		if err != nil {
			return nil, err
		}
	}
	for _, p := range all {
		imp.exports[p.ImportPath] = p.Export
	}
	return imp, nil
}

func missing(all []*listed) bool {
	return slices.ContainsFunc(all, func(p *listed) bool { return p.Error != nil || p.Export == "" && p.ImportPath != "unsafe" })
}

// again lists packages with the generated files of all that they import hidden:
// one that is outdated may be why something did not compile.
func (l *loader) again(mode, patterns []string) ([]*listed, error) {
	deps, err := l.list(listDeps, patterns...)
	if err != nil {
		return nil, err
	}
	if err := failed(deps); err != nil {
		return nil, err
	}
	if err := l.hide(l.temp, outputsOf(deps)); err != nil {
		return nil, err
	}
	all, err := l.list(mode, patterns...)
	if err != nil || !missing(all) {
		return all, err
	}
	all, err = l.list(append([]string{"-deps"}, mode...), patterns...)
	if err != nil {
		return nil, err
	}
	if err := failed(all); err != nil {
		return nil, err
	}
	return nil, broken([]error{errors.New("the go command does not say why")}, fmt.Sprint(patterns))
}

// testImports compiles what the external tests of a package import: packages
// that import the one under test are built with what its own tests add to it.
func (l *loader) testImports(root *listed, p *Package) (*importer, error) {
	all, err := l.list(listTests, root.ImportPath)
	if err != nil {
		return nil, err
	}
	byPath := map[string]*listed{}
	for _, q := range all {
		byPath[q.ImportPath] = q
	}
	imp := &importer{fset: l.fset, exports: map[string]string{}, types: map[string]*types.Package{}}
	tests := byPath[fmt.Sprintf("%s_test [%s.test]", root.ImportPath, root.ImportPath)]
	if tests == nil {
		return nil, fmt.Errorf("list %s: the go command lists no external tests", root.ImportPath)
	}
	bad := false
	for _, f := range p.Files {
		for _, path := range importsOf(f) {
			real, ok := tests.ImportMap[path]
			if !ok {
				real = path
			}
			if q := byPath[real]; q != nil && q.Export != "" {
				imp.exports[path] = q.Export
			} else {
				bad = true
			}
		}
	}
	if bad {
		all = slices.DeleteFunc(all, func(q *listed) bool { return q == tests })
		if err := failed(all); err != nil {
			return nil, err
		}
		return nil, broken([]error{errors.New("the go command does not say why")}, p.Path)
	}
	return imp, nil
}
