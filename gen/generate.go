package gen

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// Failed says whether there are diagnostics that stop generation. Those in tests
// stop only what would be generated for the tests, which run closures then.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool { return isError(d) && !inTest(d) })
}

func isError(d diag.Diagnostic) bool { return !d.Kind.Warning }
func inTest(d diag.Diagnostic) bool  { return strings.HasSuffix(d.Pos.Filename, "_test.go") }

// Generate makes the generated files of loaded packages. A package has a first
// result, with all findings, and one more for each set of conditions under which
// only some of its files are built.
func Generate(pkgs []*Package) ([]Result, error) {
	var results []Result
	known := newFacts(pkgs)
	for _, p := range pkgs {
		rs, err := generate(p, known)
		if err != nil {
			return nil, err
		}
		results = append(results, rs...)
	}
	return results, nil
}

func generate(p *Package, known *facts) ([]Result, error) {
	var results []Result
	if p.Types != nil {
		_, diags, models := p.findings(known)
		first := p.result(scan.Group{Test: p.external()})
		first.Diagnostics = diags
		if first.Failed() {
			return []Result{first}, nil
		}
		badTests := slices.ContainsFunc(first.Diagnostics, func(d diag.Diagnostic) bool { return isError(d) && inTest(d) })
		for _, m := range models {
			if m.group.Test && badTests {
				continue
			}
			r := p.result(m.group)
			content, err := emit.File(m.model)
			if err != nil {
				return nil, err
			}
			r.Model, r.Content = m.model, content
			results = append(results, r)
		}
		if len(results) == 0 {
			results = append(results, first)
		}
		results[0].Diagnostics = first.Diagnostics
	}
	return append(results, p.leftovers(results)...), nil
}

// findings scans and checks a package, and makes its models.
func (p *Package) findings(known *facts) (*scan.Package, []diag.Diagnostic, []grouped) {
	found := p.scan()
	diags := diag.NewList(p.Fset)
	models := makeModels(found, known.importedBy(p), known.offers, diags)
	return found, diags.Sorted(), models
}

// scan finds what the package has, once.
func (p *Package) scan() *scan.Package {
	if p.found == nil {
		p.found = p.find()
	}
	return p.found
}

func (p *Package) find() *scan.Package {
	return scan.Find(scan.Input{
		Fset: p.Fset, Files: p.Files, Texts: p.Sources, Types: p.Types, Info: p.Info,
		SSA: scan.BuildSSA(p.Fset, p.Types, p.Files, p.Info), Dir: p.Dir, GoVersion: p.GoVersion, Hidden: p.Ignored,
	})
}

func (p *Package) external() bool {
	return strings.HasSuffix(p.Path, "_test") && strings.HasSuffix(p.Name, "_test")
}

// result is what is made of a group of files, still empty.
func (p *Package) result(g scan.Group) Result {
	return Result{PkgPath: p.Path, Dir: p.Dir, File: filepath.Join(p.Dir, outputName(p.Name, p.Dir, g))}
}

// leftovers are generated files that nothing is generated for any more.
func (p *Package) leftovers(results []Result) []Result {
	var all []Result
	for _, name := range p.Outputs {
		if !slices.ContainsFunc(results, func(r Result) bool { return r.File == name }) {
			all = append(all, Result{PkgPath: p.Path, Dir: p.Dir, File: name})
		}
	}
	return all
}

// grouped is the model of a group of a package's files.
type grouped struct {
	group scan.Group
	model *model.Package
}

// makeModels checks a package and makes its models. With findings that are not
// warnings they are not to be used.
func makeModels(p *scan.Package, imported func(path string) *check.Facts, offers encode.Offers, diags *diag.List) []grouped {
	check.Package(p, imported, diags)
	if len(p.Calls)+len(p.Instances)+len(p.Generics) == 0 {
		return nil
	}
	base := scan.Group{}
	always := p.Under(base)
	always.Hidden = append(slices.Clone(p.Hidden), p.Without(base)...)
	enc := encode.New(always, outputName(p.Types.Name(), p.Dir, base), offers, diags)
	all := []grouped{{base, finish(enc, always)}}
	last := enc
	add := func(g scan.Group) {
		if !slices.ContainsFunc(all, func(made grouped) bool { return made.group.Equal(g) }) {
			some := p.Under(g)
			last = enc.Fork(last, some, g, outputName(p.Types.Name(), p.Dir, g))
			all = append(all, grouped{g, finish(last, some)})
		}
	}
	for _, g := range p.Groups() {
		add(g)
	}
	if len(all) > 2 {
		// Chains may go through files of several groups, of which none is built
		// wherever another is.
		ops, index := last.Known()
		for _, g := range last.Groups(chain.Find(p, ops, index).Chains) {
			add(g)
		}
	}
	return slices.DeleteFunc(all, func(g grouped) bool { return g.model.Empty() })
}

// finish makes a model.
func finish(enc *encode.Encoder, p *scan.Package) *model.Package {
	ops, index := enc.Ops()
	found := chain.Find(p, ops, index)
	generic := chain.Find(enc.Open())
	return enc.Finish(found.Chains, generic.Chains, found.Cuts)
}

// outputName is the base name of the generated file for a group of a package's
// files. It begins with the name of the package, or of the directory for a main.
func outputName(pkg, dir string, g scan.Group) string {
	if pkg == "main" || pkg == "main_test" {
		pkg = filepath.Base(dir) + strings.TrimPrefix(pkg, "main")
	}
	end := "_rdd.go"
	if g.Test {
		end = "_rdd_test.go"
		g.Test = false
	}
	if name := g.Name(); name != "" {
		pkg += "_" + name
	}
	return pkg + end
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
