package rddvet_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
	"golang.org/x/tools/txtar"

	"github.com/gordd-project/gordd/gen/rddvet"
	"github.com/gordd-project/gordd/internal/testmod"
)

// TestMain makes the test binary a tool for go vet, too.
func TestMain(m *testing.M) {
	if os.Getenv("RDDVET_TOOL") != "" {
		unitchecker.Main(rddvet.Analyzer)
	}
	os.Exit(m.Run())
}

func TestAnalyzerIsValid(t *testing.T) {
	if err := analysis.Validate([]*analysis.Analyzer{rddvet.Analyzer}); err != nil {
		t.Error(err)
	}
}

// TestVetFindsWhatRddgenFinds runs go vet on the cases of the catalogue. The
// findings that they want are those of rddgen.
func TestVetFindsWhatRddgenFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	root := testmod.New(t, "example.com/cases")
	want := writeCases(t, root)
	got := vet(t, root)
	for name, lines := range want {
		if !slices.Equal(got[name], lines) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got[name], "\n"), strings.Join(lines, "\n"))
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more was found: %v", got)
	}
}

// writeCases makes a module of the cases, and gives the findings that each wants.
func writeCases(t *testing.T, root string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../diag/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	want := map[string][]string{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for _, f := range a.Files {
			if f.Name != "errors.txt" {
				testmod.Write(t, filepath.Join(root, name, filepath.FromSlash(f.Name)), f.Data)
				continue
			}
			for line := range strings.Lines(string(f.Data)) {
				want[name] = append(want[name], strings.TrimSpace(line))
			}
			slices.Sort(want[name])
		}
	}
	return want
}

// vet runs go vet, and gives the findings by the first folder.
func vet(t *testing.T, root string) map[string][]string {
	t.Helper()
	tool, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "vet", "-vettool="+tool, "./...")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "RDDVET_TOOL=1")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		t.Fatalf("go vet found nothing: %v\n%s", err, out)
	}
	got := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "./")
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(filepath.ToSlash(line), "/")
		got[name] = append(got[name], rest)
	}
	for _, lines := range got {
		slices.Sort(lines)
	}
	return got
}
