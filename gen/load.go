package gen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

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

const loadMode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
	packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedModule

// Load loads and type-checks packages. Generated files are left out, so that an
// outdated one is never in the way. The packages are in order of their paths.
func Load(ctx context.Context, o Options, patterns ...string) ([]*packages.Package, error) {
	cfg := &packages.Config{Context: ctx, Dir: o.Dir, Env: o.Env, BuildFlags: o.BuildFlags}
	overlay, err := outputs(cfg, patterns)
	if err != nil {
		return nil, err
	}
	cfg.Mode, cfg.Overlay = loadMode, overlay
	pkgs, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", strings.Join(patterns, " "), err)
	}
	slices.SortFunc(pkgs, func(a, b *packages.Package) int { return strings.Compare(a.PkgPath, b.PkgPath) })
	return pkgs, broken(pkgs)
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
	seen := map[string]bool{}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			// What begins with # repeats errors that come with positions too.
			if !seen[e.Error()] && !strings.HasPrefix(e.Msg, "# ") {
				seen[e.Error()] = true
				errs = append(errs, fmt.Errorf("%w", e))
			}
		}
	})
	for _, p := range pkgs {
		if len(errs) == 0 && p.IllTyped {
			errs = append(errs, fmt.Errorf("%s: a package that it imports has errors: go build %s", p.PkgPath, p.PkgPath))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nRDD141: %s %w: go build %s", errors.Join(errs...), paths(pkgs), ErrBroken, paths(pkgs))
}

func paths(pkgs []*packages.Package) string {
	var all []string
	for _, p := range pkgs {
		all = append(all, p.PkgPath)
	}
	return strings.Join(all, " ")
}
