package gen

import (
	"bytes"
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
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/emit"
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

// Package is a loaded package: its sources, type-checked.
type Package struct {
	Path      string
	Name      string
	Dir       string
	Module    string // path of its module
	GoVersion string // of its module
	Fset      *token.FileSet
	Files     []*ast.File // generated ones are left out
	Sources   map[string][]byte
	Types     *types.Package
	Info      *types.Info
}

const (
	listMode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedModule
	typeMode = packages.NeedName | packages.NeedTypes | packages.NeedExportFile | packages.NeedTypesSizes
)

// Load loads and type-checks packages. Generated files are left out, so that an
// outdated one is never in the way. The packages are in order of their paths.
//
// Only what the packages import is compiled, not they themselves: code without
// its generated file would be compiled for nothing.
func Load(ctx context.Context, o Options, patterns ...string) ([]*Package, error) {
	cfg := &packages.Config{Context: ctx, Dir: o.Dir, Env: o.Env, BuildFlags: o.BuildFlags, Fset: token.NewFileSet(), Mode: listMode}
	overlay, err := outputs(cfg, patterns)
	if err != nil {
		return nil, err
	}
	cfg.Overlay = overlay
	roots, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", strings.Join(patterns, " "), err)
	}
	if err := broken(roots); err != nil {
		return nil, err
	}
	slices.SortFunc(roots, func(a, b *packages.Package) int { return strings.Compare(a.PkgPath, b.PkgPath) })
	imp, err := loadImports(cfg, roots)
	if err != nil {
		return nil, err
	}
	var all []*Package
	for _, root := range roots {
		p, err := typeCheck(cfg.Fset, root, imp)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// imported finds the types of imported packages.
type imported map[string]*types.Package

func (m imported) Import(path string) (*types.Package, error) {
	if p, ok := m[path]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("package %s was not loaded", path)
}

// loadImports loads the types of all that the packages import.
func loadImports(list *packages.Config, roots []*packages.Package) (imported, error) {
	imp := imported{"unsafe": types.Unsafe}
	var paths []string
	for _, root := range roots {
		for _, p := range root.Imports {
			if p.PkgPath != "unsafe" && !slices.Contains(paths, p.PkgPath) {
				paths = append(paths, p.PkgPath)
			}
		}
	}
	if len(paths) == 0 {
		return imp, nil
	}
	slices.Sort(paths)
	cfg := *list
	cfg.Mode = typeMode
	pkgs, err := packages.Load(&cfg, paths...)
	if err != nil {
		return nil, fmt.Errorf("load imports: %w", err)
	}
	for _, p := range pkgs {
		imp[p.PkgPath] = p.Types
	}
	return imp, broken(pkgs)
}

// typeCheck parses and type-checks a package.
func typeCheck(fset *token.FileSet, root *packages.Package, imp types.Importer) (*Package, error) {
	p := &Package{Path: root.PkgPath, Name: root.Name, Dir: root.Dir, Fset: fset, Sources: map[string][]byte{}}
	version := ""
	if root.Module != nil {
		p.Module, p.GoVersion = root.Module.Path, root.Module.GoVersion
		if p.GoVersion != "" {
			version = "go" + p.GoVersion
		}
	}
	var errs []error
	for _, name := range root.CompiledGoFiles {
		if err := p.parse(name); err != nil {
			errs = append(errs, err)
		}
	}
	p.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}
	conf := types.Config{
		Importer: imp, GoVersion: version, Sizes: types.SizesFor("gc", runtime.GOARCH),
		Error: func(err error) { errs = append(errs, err) },
	}
	p.Types, _ = conf.Check(p.Path, fset, p.Files, p.Info)
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w\n%s: %s %w", errors.Join(errs...), diag.Broken.ID, p.Path, ErrBroken)
	}
	return p, nil
}

// parse adds a file that rddgen did not write.
func (p *Package) parse(name string) error {
	ours, err := isOurs(name)
	if err != nil || ours {
		return err
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(p.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.Files = append(p.Files, f)
	p.Sources[name] = src
	return nil
}

// outputs finds the generated files of the packages, and stands a bare package
// clause in their place.
func outputs(cfg *packages.Config, patterns []string) (map[string][]byte, error) {
	list := *cfg
	list.Mode = packages.NeedName | packages.NeedFiles
	pkgs, err := packages.Load(&list, patterns...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", strings.Join(patterns, " "), err)
	}
	overlay := map[string][]byte{}
	for _, p := range pkgs {
		for _, dir := range dirs(p) {
			if err := outputsIn(dir, overlay); err != nil {
				return nil, err
			}
		}
	}
	return overlay, nil
}

func dirs(p *packages.Package) []string {
	var all []string
	for _, f := range slices.Concat(p.GoFiles, p.OtherFiles, p.IgnoredFiles) {
		if dir := filepath.Dir(f); !slices.Contains(all, dir) {
			all = append(all, dir)
		}
	}
	if p.Dir != "" && !slices.Contains(all, p.Dir) {
		all = append(all, p.Dir)
	}
	return all
}

func outputsIn(dir string, overlay map[string][]byte) error {
	names, err := filepath.Glob(filepath.Join(dir, "*_rdd.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		ours, err := isOurs(name)
		if err != nil {
			return err
		}
		if ours {
			// The output itself may be cut short: its clause is a sibling's.
			overlay[name] = []byte("package " + packageName(dir) + "\n")
		}
	}
	return nil
}

// isOurs says whether a file begins as rddgen's do.
func isOurs(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(emit.Header))
	n, _ := f.Read(head)
	return bytes.Equal(head[:n], []byte(emit.Header)), nil
}

// packageName reads the package clause of a file in the directory that is not
// generated.
func packageName(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range files {
		if ours, err := isOurs(name); err != nil || ours || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly)
		if err == nil && f.Name.Name != "documentation" {
			return f.Name.Name
		}
	}
	return "main"
}

// broken gives the errors of packages and of all that they import. A dependency
// that does not compile shows nowhere else: what is called from it is only not
// found.
func broken(pkgs []*packages.Package) error {
	var errs []error
	var bad []string
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			if first, rest, ok := strings.Cut(e.Msg, "\n"); ok && strings.HasPrefix(first, "# ") {
				e.Pos, e.Msg = "", strings.TrimSpace(rest) // what the compiler said
			}
			text := e.Msg
			if e.Pos != "" && e.Pos != "-" {
				text = e.Pos + ": " + e.Msg
			}
			errs = append(errs, errors.New(text))
		}
		if len(p.Errors) > 0 {
			bad = append(bad, p.PkgPath)
		}
	})
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w\n%s: %s %w", errors.Join(errs...), diag.Broken.ID, strings.Join(bad, ", "), ErrBroken)
}
