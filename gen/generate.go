package gen

import (
	"bytes"
	"errors"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/ssa"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/chain"
	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/emit"
	"github.com/gordd-project/gordd/gen/encode"
	"github.com/gordd-project/gordd/gen/model"
	"github.com/gordd-project/gordd/gen/scan"
)

// Result is what was made of one package.
type Result struct {
	PkgPath string
	Dir     string
	// File is the path of the generated file; Content is nil when the package
	// has no operator calls, and the file is to be removed if it is ours.
	File        string
	Content     []byte
	Model       *model.Package
	Diagnostics []diag.Diagnostic
}

// Failed says whether there are diagnostics that stop generation.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool { return !d.Kind.Warning })
}

// Generate makes the generated files of loaded packages.
func Generate(pkgs []*Package) ([]Result, error) {
	var results []Result
	for _, p := range pkgs {
		if len(p.Files) == 0 {
			continue
		}
		r, err := generate(p)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

func generate(p *Package) (Result, error) {
	output := outputName(p.Name, p.Dir)
	r := Result{PkgPath: p.Path, Dir: p.Dir, File: filepath.Join(p.Dir, output)}
	if !slices.ContainsFunc(p.Types.Imports(), func(i *types.Package) bool { return i.Path() == api.Typed }) {
		return r, nil
	}
	found := scan.Find(scan.Input{
		Fset: p.Fset, Files: p.Files, Sources: p.Sources, Types: p.Types, Info: p.Info, SSA: buildSSA(p),
		Dir: p.Dir, GoVersion: p.GoVersion,
	})
	diags := diag.NewList(p.Fset)
	r.Model = makeModel(found, output, diags)
	r.Diagnostics = diags.Sorted()
	if r.Model == nil || r.Failed() || len(r.Model.Ops) == 0 {
		return r, nil
	}
	var err error
	r.Content, err = emit.File(r.Model)
	return r, err
}

// makeModel checks a package and makes its model; nil when it has no operator
// calls. With findings that are not warnings it is not to be used.
func makeModel(p *scan.Package, output string, diags *diag.List) *model.Package {
	check.Package(p, diags)
	if len(p.Calls) == 0 {
		return nil
	}
	enc := encode.New(p, output, diags)
	ops, index := enc.Ops()
	found := chain.Find(p, ops, index)
	return enc.Finish(found.Chains, found.Cuts)
}

// outputName is the base name of a package's generated file: that of the
// package, or of the directory for a main.
func outputName(pkg, dir string) string {
	if pkg == "main" {
		pkg = filepath.Base(dir)
	}
	return pkg + "_rdd.go"
}

// buildSSA builds the SSA form of a package; those that it imports have no
// bodies.
func buildSSA(p *Package) *ssa.Package {
	prog := ssa.NewProgram(p.Fset, ssa.InstantiateGenerics)
	seen := map[*types.Package]bool{}
	todo := p.Types.Imports()
	for len(todo) > 0 {
		imp := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[imp] {
			seen[imp] = true
			prog.CreatePackage(imp, nil, nil, true)
			todo = append(todo, imp.Imports()...)
		}
	}
	pkg := prog.CreatePackage(p.Types, p.Files, p.Info, false)
	pkg.Build()
	return pkg
}

// Stale says whether the file on disk differs from what was generated.
func (r *Result) Stale() (bool, error) {
	old, err := os.ReadFile(r.File)
	if errors.Is(err, os.ErrNotExist) {
		return r.Content != nil, nil
	}
	if err != nil {
		return false, err
	}
	if r.Content == nil {
		return bytes.HasPrefix(old, []byte(emit.Header)), nil
	}
	return !bytes.Equal(old, r.Content), nil
}

// Commit writes the file, or removes what an earlier run wrote. A file that is
// not rddgen's is left alone. The file is replaced as a whole or not at all.
func (r *Result) Commit() error {
	stale, err := r.Stale()
	if err != nil || !stale {
		return err
	}
	ours, err := isOurs(r.File)
	if err != nil {
		return err
	}
	if r.Content == nil {
		return os.Remove(r.File)
	}
	if _, err := os.Stat(r.File); err == nil && !ours {
		return fmt.Errorf("%s was not written by rddgen: rename it", r.File)
	}
	return replace(r.File, r.Content)
}

// replace writes a file through a temporary one beside it.
func replace(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".rddgen-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
