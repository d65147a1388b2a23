package gen

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/gen/api"
)

// Options say what to load.
type Options struct {
	// Dir is where patterns are resolved; the default is the working directory.
	Dir string
	// Env is the environment of the go command; the default is the process's.
	Env []string
	// BuildFlags are passed to the go command.
	BuildFlags []string
}

// ErrBroken is wrapped by the error of Load for packages, or dependencies of
// them, that do not compile.
var ErrBroken = errors.New("does not compile: nothing was written")

// Package is a loaded package: its sources, type-checked, with the tests that
// are in it. External tests are a package of their own.
type Package struct {
	Path      string
	Name      string
	Dir       string
	Module    string // path of its module
	GoVersion string // of its module
	Fset      *token.FileSet
	Files     []*ast.File // generated ones are left out
	Sources   map[string][]byte
	Types     *types.Package // nil when nothing of the API can be reached from it
	Info      *types.Info
	// Ignored are the files of the package that this build leaves out.
	Ignored []*ast.File
	// Outputs are the paths of the generated files that are there and part of
	// this build.
	Outputs []string
}

// Load loads and type-checks packages. Generated files are left out, so that an
// outdated one is never in the way. The packages are in order of their paths,
// each followed by that of its external tests.
//
// Only what the packages import is compiled, not they themselves: code without
// its generated file would be compiled for nothing.
func Load(ctx context.Context, o Options, patterns ...string) ([]*Package, error) {
	temp, err := os.MkdirTemp("", "rddgen")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	l := &loader{lister: lister{ctx: ctx, o: o}, temp: temp, fset: token.NewFileSet()}
	roots, err := l.list(listFiles, patterns...)
	if err != nil {
		return nil, err
	}
	if err := failed(roots); err != nil {
		return nil, err
	}
	slices.SortFunc(roots, func(a, b *listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return l.load(roots)
}

// loader is the state of a Load.
type loader struct {
	lister
	temp string
	fset *token.FileSet
}

func (l *loader) load(roots []*listed) ([]*Package, error) {
	var all []*Package
	paths := map[string]bool{}
	for _, root := range roots {
		p, err := l.parse(root)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
		for _, f := range p.Files {
			for _, path := range importsOf(f) {
				paths[path] = true
			}
		}
	}
	imp, err := l.imports(roots, paths)
	if err != nil {
		return nil, err
	}
	var out []*Package
	for i, p := range all {
		if !imp.reaches(p) {
			p.Files = nil
		} else if err := p.check(imp); err != nil {
			return nil, err
		}
		out = append(out, p)
		x, err := l.externalTests(roots[i], p)
		if err != nil {
			return nil, err
		}
		if x != nil {
			out = append(out, x)
		}
	}
	return out, nil
}

// importsOf are the import paths of a file, but for those that have no types of
// their own.
func importsOf(f *ast.File) []string {
	var all []string
	for _, spec := range f.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && path != "unsafe" && path != "C" {
			all = append(all, path)
		}
	}
	return all
}

// parse reads the files of a package and of the tests in it.
func (l *loader) parse(root *listed) (*Package, error) {
	p := l.newPackage(root, root.ImportPath, root.Name)
	names, err := l.compiled(root)
	if err != nil {
		return nil, err
	}
	return p, p.parse(root, append(names, root.TestGoFiles...))
}

func (l *loader) newPackage(root *listed, path, name string) *Package {
	p := &Package{Path: path, Name: name, Dir: root.Dir, Fset: l.fset, Sources: map[string][]byte{}}
	if root.Module != nil {
		p.Module, p.GoVersion = root.Module.Path, root.Module.GoVersion
	}
	return p
}

// compiled are the files that the compiler is given: where there is cgo, some
// are written by it.
func (l *loader) compiled(root *listed) ([]string, error) {
	if len(root.CgoFiles) == 0 {
		return root.GoFiles, nil
	}
	all, err := l.list(listCgo, root.ImportPath)
	if err != nil {
		return nil, err
	}
	return all[0].CompiledGoFiles, failed(all)
}

// parse adds the files that rddgen did not write.
func (p *Package) parse(root *listed, names []string) error {
	outputs := outputsIn(p.Dir)
	for _, name := range outputs {
		if !slices.Contains(root.IgnoredGoFiles, filepath.Base(name)) && clauseOf(name, root.Name) == p.Name {
			p.Outputs = append(p.Outputs, name)
		}
	}
	var errs []error
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		if slices.Contains(outputs, name) {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(p.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Files = append(p.Files, f)
		p.Sources[name] = src
	}
	if len(errs) > 0 {
		return broken(errs, p.Path)
	}
	p.parseIgnored(root)
	return nil
}

// parseIgnored reads the files that are for other systems or tags, for the names
// that they declare. What cannot be read has none.
func (p *Package) parseIgnored(root *listed) {
	for _, name := range root.IgnoredGoFiles {
		name = filepath.Join(p.Dir, name)
		if ours, err := isOurs(name); err != nil || ours {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err == nil && f.Name.Name == p.Name {
			p.Ignored = append(p.Ignored, f)
		}
	}
}

// check type-checks a package.
func (p *Package) check(imp *importer) error {
	version := ""
	if p.GoVersion != "" {
		version = "go" + p.GoVersion
	}
	p.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}
	var errs []error
	conf := types.Config{
		Importer: imp, GoVersion: version, Sizes: types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) { errs = append(errs, err) },
	}
	p.Types, _ = conf.Check(p.Path, p.Fset, p.Files, p.Info)
	if len(errs) > 0 {
		return broken(errs, p.Path)
	}
	return nil
}

// externalTests loads the external tests of a package, if they can reach the
// API.
func (l *loader) externalTests(root *listed, of *Package) (*Package, error) {
	if len(root.XTestGoFiles) == 0 {
		return nil, nil
	}
	p := l.newPackage(root, root.ImportPath+"_test", root.Name+"_test")
	if err := p.parse(root, root.XTestGoFiles); err != nil {
		return nil, err
	}
	if of.Types == nil && !p.mayReach() {
		p.Files = nil
		return p, nil
	}
	imp, err := l.testImports(root, p)
	if err != nil {
		return nil, err
	}
	if !imp.reaches(p) {
		p.Files = nil
		return p, nil
	}
	return p, p.check(imp)
}

// mayReach says, before anything is compiled, whether a package imports the API
// or a package of its module.
func (p *Package) mayReach() bool {
	for _, f := range p.Files {
		for _, path := range importsOf(f) {
			if path == api.Typed || path == p.Module || strings.HasPrefix(path, p.Module+"/") {
				return true
			}
		}
	}
	return false
}
