package gen_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/gen/fix"
	"github.com/gordd-project/gordd/internal/testmod"
)

// TestCgo generates for packages that import C, and runs them. What is generated
// for files that cgo rewrites has their names and texts, not those of cgo's, and
// is left out with them. No file of cgo's is fixed.
func TestCgo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skipf("there is no cgo here: %s %v", out, err)
	}
	files, err := filepath.Glob("testdata/cgo/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	root := testmod.New(t, module)
	archives := map[string]*golden{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		archives[name] = &golden{file: file, name: name, archive: a, dir: filepath.Join(root, name)}
		for _, f := range a.Files {
			if !strings.HasPrefix(f.Name, "want/") {
				testmod.Write(t, filepath.Join(root, name, f.Name), f.Data)
			}
		}
	}
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	generateInto(t, archives, pkgs)
	for name, g := range archives {
		t.Run(name, func(t *testing.T) {
			g.compare(t, "errors.txt", []byte(g.errs))
			for i := range g.results {
				if r := &g.results[i]; r.Content != nil && !r.Failed() {
					g.compare(t, filepath.Base(r.File), r.Content)
				}
			}
			cmd := exec.Command("go", "run", "-trimpath", ".")
			cmd.Dir = g.dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			g.compare(t, "stdout.txt", out)
			cmd = exec.Command("go", "vet", "-trimpath", "./...")
			cmd.Dir, cmd.Env = g.dir, append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("without cgo: %v\n%s", err, out)
			}
			if *update {
				if err := os.WriteFile(g.file, txtar.Format(g.archive), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
	left := gen.Fix(pkgs)
	if len(left.Files) > 0 {
		t.Errorf("%s is fixed", left.Files[0].File)
	}
	if !slices.ContainsFunc(left.Left, func(l fix.Left) bool { return strings.Contains(l.Why, "does not import C") }) {
		t.Errorf("got %v, want to be told that files that import C are not fixed", left.Left)
	}
}

// generateInto generates packages, and hands the results to their archives.
func generateInto(t *testing.T, archives map[string]*golden, pkgs []*gen.Package) {
	t.Helper()
	results, err := gen.Generate(pkgs)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		g := archives[filepath.Base(r.Dir)]
		g.results = append(g.results, r)
		for _, d := range r.Diagnostics {
			g.errs += d.Text(filepath.Base(d.Pos.Filename)) + "\n"
		}
		if !r.Failed() {
			if err := r.Commit(); err != nil {
				t.Error(err)
			}
		}
	}
}
