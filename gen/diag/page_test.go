package diag_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/diag"
)

const page = "../../docs/diagnostics.md"

// TestPage compares docs/diagnostics.md with the catalogue.
func TestPage(t *testing.T) {
	if *update {
		if err := os.WriteFile(page, []byte(diag.Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != diag.Page() {
		t.Errorf("docs/diagnostics.md is not what the catalogue says (%v): go test ./gen/diag -run TestPage -update", err)
	}
}

// TestExamples wants one of every kind that is found in one package's code.
func TestExamples(t *testing.T) {
	none := map[string]bool{
		diag.OldLanguage.ID: true, // of go.mod
		diag.Stale.ID:       true,
		diag.Broken.ID:      true,
		diag.UsesC.ID:       true, // wants a C compiler
	}
	for _, k := range diag.Kinds() {
		e := k.Example()
		if (e == nil) != none[k.ID] {
			t.Errorf("%s: example %v", k.ID, e)
		}
		if e == nil {
			continue
		}
		if e.What == "" || !strings.Contains(e.Wrong, "func ") || !strings.Contains(e.Right, "func ") || e.Wrong == e.Right {
			t.Errorf("%s: an example has a wrong and a right side, not %+v", k.ID, e)
		}
		if strings.Contains(e.Wrong+e.Right, "import") {
			t.Errorf("%s: imports are left out, not %s\n%s", k.ID, e.Wrong, e.Right)
		}
	}
}

func TestLookup(t *testing.T) {
	if diag.Lookup("rdd101") != diag.Captures || diag.Lookup("RDD999") != nil {
		t.Error("kinds are found by their IDs, in any case")
	}
	text := diag.Lookup("RDD122").Explain()
	for _, want := range []string{"RDD122: rows differ when a task runs again (warning)\n", "Wrong:\n", "Right:\n", "    func run("} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
