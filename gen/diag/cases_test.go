package diag_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/internal/testmod"
)

var update = flag.Bool("update", false, "rewrite what is wanted")

// TestCases generates the examples of the catalogue and the archives of
// testdata, each with packages under wrong/ and right/, and compares the findings
// with errors.txt. What is right has none.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	files, err := filepath.Glob("*/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	root := testmod.New(t, "example.com/cases")
	found := findings(t, root, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) { compare(t, file, found[name]) })
	}
}

// compare compares the findings of an archive with those that it wants.
func compare(t *testing.T, file string, got string) {
	a := parse(t, file)
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "right") {
			t.Errorf("found in what is right: %s", line)
		}
	}
	if name := strings.TrimSuffix(filepath.Base(file), ".txtar"); filepath.Dir(file) == "cases" && !strings.Contains(got, name+": ") {
		t.Errorf("%s is not found in its own example:\n%s", name, got)
	}
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "errors.txt" })
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: "errors.txt"})
		i = len(a.Files) - 1
	}
	if bytes.Equal(a.Files[i].Data, []byte(got)) {
		return
	}
	if !*update {
		t.Errorf("got\n%s\nwant\n%s\n(go test ./gen/diag -run TestCases -update rewrites it)", got, a.Files[i].Data)
		return
	}
	a.Files[i].Data = []byte(got)
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Error(err)
	}
}

// findings generates all archives as packages of one module, and gives the
// findings by archive.
func findings(t *testing.T, root string, files []string) map[string]string {
	t.Helper()
	for _, file := range files {
		dir := filepath.Join(root, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		for _, f := range parse(t, file).Files {
			if strings.HasSuffix(f.Name, ".go") {
				testmod.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data)
			}
		}
	}
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root, Tests: true}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range results {
		for _, d := range r.Diagnostics {
			rel, err := filepath.Rel(root, d.Pos.Filename)
			if err != nil {
				t.Fatal(err)
			}
			name, rest, _ := strings.Cut(filepath.ToSlash(rel), "/")
			found[name] += d.Text(rest) + "\n"
		}
	}
	return found
}

func parse(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
