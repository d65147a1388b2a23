package gordd_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// packageDirs are the folders with Go code, testdata and modules of their own
// left out.
func packageDirs(t *testing.T) (dirs []string) {
	t.Helper()
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if dir := filepath.Dir(path); strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// TestEverythingHasADocComment fails for packages and exported names that are
// bare.
func TestEverythingHasADocComment(t *testing.T) {
	for _, dir := range packageDirs(t) {
		fset := token.NewFileSet()
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		var files []*ast.File
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if !ast.IsGenerated(f) {
				files = append(files, f)
			}
		}
		if len(files) == 0 {
			continue
		}
		d, err := doc.NewFromFiles(fset, files, module+"/"+filepath.ToSlash(dir))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(d.Doc) == "" {
			t.Errorf("package %s has no comment", dir)
		}
		if d.Name != "main" {
			bareNames(d, func(name string) { t.Errorf("%s.%s has no comment", dir, name) })
		}
	}
}

func bareNames(d *doc.Package, bare func(name string)) {
	values := func(vs []*doc.Value) {
		for _, v := range vs {
			if v.Doc == "" && !eachDocumented(v.Decl) {
				bare(strings.Join(v.Names, ", "))
			}
		}
	}
	funcs := func(fs []*doc.Func, of string) {
		for _, f := range fs {
			if f.Doc == "" {
				bare(of + f.Name)
			}
		}
	}
	values(d.Consts)
	values(d.Vars)
	funcs(d.Funcs, "")
	for _, typ := range d.Types {
		if typ.Doc == "" {
			bare(typ.Name)
		}
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs, "")
		funcs(typ.Methods, typ.Name+".")
	}
}

// eachDocumented says whether all exported names of a group have a comment of
// their own.
func eachDocumented(g *ast.GenDecl) bool {
	for _, s := range g.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || v.Doc == nil && v.Comment == nil && v.Names[0].IsExported() {
			return false
		}
	}
	return true
}
