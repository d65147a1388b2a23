package rddvet

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/gordd-project/gordd/gen/check"
	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/encode"
	"github.com/gordd-project/gordd/gen/fix"
	"github.com/gordd-project/gordd/gen/scan"
)

// code is the package as it is, or as it would be with fixes.
type code struct {
	unit *unit
	in   scan.Input
}

// Findings checks the package as rddgen does.
func (c *code) Findings() (*scan.Package, []diag.Diagnostic) {
	found := scan.Find(c.in)
	diags := diag.NewList(c.in.Fset)
	check.Package(found, c.unit.facts, diags)
	enc := encode.New(found, c.in.Types.Name()+"_rdd.go", c.unit.offers, diags)
	enc.Ops()
	enc.Open()
	enc.Finish(nil, nil, nil)
	return found, diags.Sorted()
}

// Text is that of a file. What cgo or another tool wrote is not to be changed.
func (c *code) Text(file string) []byte {
	if slices.ContainsFunc(c.in.Files, func(f *ast.File) bool { return c.in.Fset.File(f.FileStart).Name() == file && ast.IsGenerated(f) }) {
		return nil
	}
	return c.in.Texts[file]
}

// Changed parses and type-checks the package with other texts of files.
func (c *code) Changed(texts map[string][]byte) (fix.Code, error) {
	next := &code{unit: c.unit, in: c.in}
	next.in.Files, next.in.Texts = slices.Clone(c.in.Files), maps.Clone(c.in.Texts)
	for i, f := range c.in.Files {
		name := c.in.Fset.File(f.FileStart).Name()
		text, changed := texts[name]
		if !changed {
			continue
		}
		parsed, err := parser.ParseFile(c.in.Fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		next.in.Files[i], next.in.Texts[name] = parsed, text
	}
	return next, next.check()
}

// check type-checks the package. What it imports is there already.
func (c *code) check() (err error) {
	c.in.Info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}
	conf := types.Config{Importer: c.unit, Sizes: types.SizesFor("gc", runtime.GOARCH), GoVersion: c.unit.Pkg.GoVersion()}
	if c.in.Types, err = conf.Check(c.unit.Pkg.Path(), c.in.Fset, c.in.Files, c.in.Info); err != nil {
		return err
	}
	c.in.SSA = scan.BuildSSA(c.in.Fset, c.in.Types, c.in.Files, c.in.Info)
	return nil
}

// Import gives an imported package.
func (u *unit) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := u.imports[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %s is not imported", path)
}

func (u *unit) file(name string) *token.File {
	for _, f := range u.Files {
		if file := u.Fset.File(f.FileStart); file.Name() == name {
			return file
		}
	}
	return nil // no fix is of such a file
}

// suggested gives those fixes that are for a finding.
func (u *unit) suggested(d diag.Diagnostic, fixes []fix.Fix) (all []analysis.SuggestedFix) {
	for i := range fixes {
		f := &fixes[i]
		if !f.For(d) {
			continue
		}
		s := analysis.SuggestedFix{Message: f.What}
		file := u.file(f.File)
		for _, e := range f.Edits {
			s.TextEdits = append(s.TextEdits, analysis.TextEdit{Pos: file.Pos(e.From), End: file.Pos(e.To), NewText: []byte(e.Text)})
		}
		all = append(all, s)
	}
	return all
}
