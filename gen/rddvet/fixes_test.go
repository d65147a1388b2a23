package rddvet_test

import (
	"bytes"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/txtar"

	"github.com/gordd-project/gordd/gen/rddvet"
	"github.com/gordd-project/gordd/internal/testmod"
)

// TestSuggestedFixes makes the changes that the analyzer suggests, and compares
// the files with what is wanted.
func TestSuggestedFixes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	root := testmod.New(t, "example.com/fixes")
	a, err := txtar.ParseFile("testdata/fixes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		testmod.Write(t, filepath.Join(root, "p", f.Name), f.Data)
	}
	results := analysistest.RunWithSuggestedFixes(t, root, rddvet.Analyzer, "./p")
	if len(results) != 1 {
		t.Fatalf("%d packages were analyzed", len(results))
	}
	for _, d := range results[0].Diagnostics {
		if (len(d.SuggestedFixes) == 0) != strings.HasPrefix(d.Message, "RDD102") {
			t.Errorf("%q has %d fixes", d.Message, len(d.SuggestedFixes))
		}
		for _, f := range d.SuggestedFixes {
			if f.Message == "" || len(f.TextEdits) == 0 || f.TextEdits[0].Pos == token.NoPos {
				t.Errorf("%q has the fix %+v", d.Message, f)
			}
		}
	}
}

// TestSuggestedFixesKeepLineEnds suggests changes for files with the line ends of
// Windows.
func TestSuggestedFixesKeepLineEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	root := testmod.New(t, "example.com/fixes")
	a, err := txtar.ParseFile("testdata/fixes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, ".go") {
			testmod.Write(t, filepath.Join(root, "p", f.Name), bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n")))
		}
	}
	lines := 0
	for _, result := range analysistest.Run(t, root, rddvet.Analyzer, "./p") {
		for _, d := range result.Diagnostics {
			for _, f := range d.SuggestedFixes {
				for _, e := range f.TextEdits {
					if n := bytes.Count(e.NewText, []byte("\n")); n != bytes.Count(e.NewText, []byte("\r\n")) {
						t.Errorf("%q has the edit %q", d.Message, e.NewText)
					} else {
						lines += n
					}
				}
			}
		}
	}
	if lines == 0 {
		t.Error("no edit has lines")
	}
}

// TestVetFixes has go vet make the changes in the archives of package fix, where
// there is one for each: they are those of rddgen -fix.
func TestVetFixes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	root := testmod.New(t, "example.com/fix")
	names := []string{"one", "several", "methods", "field", "parameters", "type_parameters", "format", "with_already"}
	want := map[string]string{}
	for _, name := range names {
		a, err := txtar.ParseFile(filepath.Join("..", "fix", "testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			switch f.Name {
			case "p.go":
				testmod.Write(t, filepath.Join(root, name, f.Name), f.Data)
			case "want.go":
				want[name] = string(f.Data)
			}
		}
	}
	tool, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "vet", "-vettool="+tool, "-fix", "./...")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "RDDVET_TOOL=1")
	out, _ := cmd.CombinedOutput() // it may say that there is more to be done
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(root, name, "p.go"))
		if err != nil || string(got) != want[name] {
			t.Errorf("%s is now\n%s\nwant\n%s\n%v\n%s", name, got, want[name], err, out)
		}
	}
}
