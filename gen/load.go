package gen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	"github.com/gordd-project/gordd/gen/scan"
)

// Options say what to load.
type Options struct {
	// Dir is where patterns are resolved; the default is the working directory.
	Dir string
	// Env is the environment of the go command; the default is the process's.
	Env []string
	// BuildFlags are passed to the go command.
	BuildFlags []string
	// Tests says that the packages' tests are loaded. Those of packages that
	// have generated code for tests are loaded in any case.
	Tests bool
}

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

	world *universe     // in which it was type-checked
	found *scan.Package // what was found in it
}

// Load loads and type-checks packages. The packages are in order of their paths,
// each followed by that of its external tests.
//
// Generated files are left out, so that an outdated one is never in the way. For
// the same reason packages that use the API are not compiled for others that
// import them: their declarations are type-checked, without bodies.
func Load(ctx context.Context, o Options, patterns ...string) ([]*Package, error) {
	if err := noFiles(o.Dir, patterns); err != nil {
		return nil, err
	}
	l := &loader{
		lister: lister{ctx: ctx, o: o}, fset: token.NewFileSet(),
		graph: map[string]*listed{}, uses: map[string]bool{},
	}
	roots, err := l.listAll(patterns)
	if err != nil {
		return nil, err
	}
	if err := l.parseAll(roots); err != nil {
		return nil, err
	}
	if err := l.readExports(); err != nil {
		return nil, err
	}
	return l.checkAll()
}

// noFiles refuses Go files among patterns: code is generated for whole packages.
func noFiles(root string, patterns []string) error {
	for _, p := range patterns {
		if !strings.HasSuffix(p, ".go") {
			continue
		}
		at := p
		if !filepath.IsAbs(p) {
			at = filepath.Join(root, p)
		}
		if st, err := os.Stat(at); err == nil && st.IsDir() {
			continue
		}
		dir := filepath.ToSlash(filepath.Dir(p))
		if dir != "." && dir != ".." && !filepath.IsAbs(p) && !strings.HasPrefix(dir, "../") {
			dir = "./" + dir
		}
		return fmt.Errorf("%s: give the package rather than a file of it: %s", p, dir)
	}
	return nil
}

// loader is the state of a Load.
type loader struct {
	lister
	fset  *token.FileSet
	graph map[string]*listed // what is loaded and all that it imports, by path
	uses  map[string]bool    // paths of packages that import the API, or one that does
	world *universe
	// importError is of the first package whose declarations are wrong.
	importError error
	all         []*loaded
}

// loaded is a package that was asked for, with its external tests.
type loaded struct {
	of       *listed
	pkg      *Package
	external *Package // nil when there are none
}

// listAll lists the packages and all that they and their tests import.
func (l *loader) listAll(patterns []string) ([]*listed, error) {
	all, err := l.list(listSources, patterns...)
	if err != nil {
		return nil, err
	}
	var roots []*listed
	for _, p := range all {
		l.graph[p.ImportPath] = p
		if !p.DepOnly {
			roots = append(roots, p)
		}
	}
	slices.SortFunc(roots, func(a, b *listed) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	if err := failed(all); err != nil {
		return nil, err
	}
	for _, p := range roots {
		if !l.o.Tests && !p.generatesTests() {
			p.TestGoFiles, p.XTestGoFiles, p.TestImports, p.XTestImports = nil, nil, nil, nil
		}
	}
	return roots, l.listTestImports(roots)
}

// generatesTests says whether there is generated code for the package's tests.
func (p *listed) generatesTests() bool {
	return slices.ContainsFunc(slices.Concat(p.TestGoFiles, p.XTestGoFiles), func(name string) bool {
		return strings.HasSuffix(name, "_rdd_test.go")
	})
}

// listTestImports lists what only tests import. The standard library does not
// import the API, and need not be listed.
func (l *loader) listTestImports(roots []*listed) error {
	var more []string
	for _, root := range roots {
		for _, path := range slices.Concat(root.TestImports, root.XTestImports) {
			first, _, _ := strings.Cut(path, "/")
			foreign := strings.Contains(first, ".") || root.Module != nil && strings.HasPrefix(path, root.Module.Path+"/")
			if l.graph[path] == nil && foreign && !slices.Contains(more, path) {
				more = append(more, path)
			}
		}
	}
	if len(more) == 0 {
		return nil
	}
	all, err := l.list(listSources, more...)
	if err != nil {
		return err
	}
	for _, p := range all {
		if l.graph[p.ImportPath] == nil {
			l.graph[p.ImportPath] = p
		}
	}
	return failed(all)
}

// usesAPI says whether a package imports the API, or one that does. What the API
// itself is made of does not.
func (l *loader) usesAPI(path string) bool {
	uses, known := l.uses[path]
	if known {
		return uses
	}
	l.uses[path] = false // against cycles
	p := l.graph[path]
	if p == nil || p.Standard {
		return false
	}
	l.uses[path] = slices.ContainsFunc(p.Imports, l.reaches)
	return l.uses[path]
}

func (l *loader) reaches(path string) bool { return path == api.Typed || l.usesAPI(path) }

// parseAll reads the packages from which, or from whose tests, the API can be
// reached.
func (l *loader) parseAll(roots []*listed) error {
	var all flaws
	for _, root := range roots {
		p := l.newPackage(root, root.ImportPath, root.Name)
		x := l.newPackage(root, root.ImportPath+"_test", root.Name+"_test")
		p.findOutputs(root)
		x.findOutputs(root)
		ld := &loaded{of: root, pkg: p}
		l.all = append(l.all, ld)
		if l.usesAPI(root.ImportPath) || slices.ContainsFunc(root.TestImports, l.reaches) {
			if err := all.add(l.parse(p, root, root.TestGoFiles)); err != nil {
				return err
			}
		}
		if len(p.Files) > 0 && slices.Contains(root.XTestImports, root.ImportPath) || slices.ContainsFunc(root.XTestImports, l.reaches) {
			if err := all.add(x.parse(root.XTestGoFiles)); err != nil {
				return err
			}
			x.parseIgnored(root)
		}
		if len(x.Files)+len(x.Outputs) > 0 {
			ld.external = x
		}
	}
	return all.err()
}

// checkAll type-checks what was parsed. External tests see their package with the
// tests that are in it, and so does what they import that imports it.
func (l *loader) checkAll() ([]*Package, error) {
	var out []*Package
	var all flaws
	for _, ld := range l.all {
		out = append(out, ld.pkg)
		if err := all.add(ld.pkg.check(l.world)); err != nil || l.importError != nil {
			return nil, cmp.Or(err, l.importError)
		}
		x := ld.external
		if x == nil {
			continue
		}
		out = append(out, x)
		w := l.world
		if ld.pkg.Types != nil {
			w = l.world.with(ld.pkg.Types)
		}
		if err := all.add(x.check(w)); err != nil || l.importError != nil {
			return nil, cmp.Or(err, l.importError)
		}
	}
	return out, all.err()
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

// parse reads the files of a package, and some of its tests.
func (l *loader) parse(p *Package, of *listed, tests []string) error {
	names, err := l.compiled(of)
	if err != nil {
		return err
	}
	p.parseIgnored(of)
	return p.parse(append(slices.Clip(names), tests...))
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

// findOutputs finds the generated files that are part of this build.
func (p *Package) findOutputs(of *listed) {
	for _, name := range outputsIn(p.Dir) {
		if !slices.Contains(of.IgnoredGoFiles, filepath.Base(name)) && clauseOf(name, of.Name) == p.Name {
			p.Outputs = append(p.Outputs, name)
		}
	}
}

// parse adds the files that rddgen did not write.
func (p *Package) parse(names []string) error {
	var errs []error
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		if ours, err := isOurs(name); err != nil {
			return err
		} else if ours {
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
		if scan.ByCgo(f) {
			if err := p.readWritten(f); err != nil {
				return err
			}
		}
	}
	if len(errs) > 0 {
		return broken(errs, p.Path)
	}
	return nil
}

// readWritten reads the file that cgo made another of. Its own types have none.
func (p *Package) readWritten(f *ast.File) error {
	name := filepath.Join(p.Dir, filepath.Base(p.Fset.Position(f.Package).Filename))
	src, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	p.Sources[name] = src
	return err
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

// check type-checks a package that was parsed.
func (p *Package) check(u *universe) error {
	if len(p.Files) == 0 {
		return nil
	}
	p.world = u
	p.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}
	err := p.checkWith(types.Config{Importer: u})
	if err != nil && u.l.importError != nil {
		return u.l.importError // the cause
	}
	return err
}

func (p *Package) checkWith(conf types.Config) error {
	if p.GoVersion != "" {
		conf.GoVersion = "go" + p.GoVersion
	}
	var errs []error
	conf.Sizes = types.SizesFor("gc", runtime.GOARCH)
	conf.Error = func(err error) { errs = append(errs, err) }
	p.Types, _ = conf.Check(p.Path, p.Fset, p.Files, p.Info)
	if len(errs) > 0 {
		return broken(errs, p.Path)
	}
	return nil
}
