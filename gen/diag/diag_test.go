package diag

import (
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// TestCatalogue holds the entries to their rules.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	id := regexp.MustCompile(`^RDD1\d\d$`)
	for _, k := range Kinds() {
		if !id.MatchString(k.ID) || seen[k.ID] {
			t.Errorf("%q is no ID, or is there twice", k.ID)
		}
		seen[k.ID] = true
		for what, text := range map[string]string{"title": k.Title, "wording": k.Wording, "remedy": k.Remedy} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: the %s is one line without a full stop, not %q", k.ID, what, text)
			}
		}
		if !strings.HasSuffix(k.Why, ".") {
			t.Errorf("%s: the explanation is sentences, not %q", k.ID, k.Why)
		}
		if form := k.Form(); strings.Contains(form, "%!") {
			t.Errorf("%s: arguments and formats differ: %s", k.ID, form)
		}
		for i, arg := range k.Args {
			if !strings.Contains(k.Form(), "<"+arg+">") {
				t.Errorf("%s: argument %d (%s) shows nowhere in %s", k.ID, i, arg, k.Form())
			}
		}
	}
	for i, k := range Kinds()[1:] {
		if before := Kinds()[i]; before.ID >= k.ID {
			t.Errorf("%s stands before %s", before.ID, k.ID)
		}
	}
}

func TestMessage(t *testing.T) {
	const want = "function of Map captures n (int): use With(n)"
	if got := Captures.Message("Map", "n", "int", "use With(n)"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	const form = "function of <operator> captures <variable> (<type>): <remedy>"
	if got := Captures.Form(); got != form {
		t.Errorf("got %q, want %q", got, form)
	}
}

func TestListIsSortedAndWithoutRepetitions(t *testing.T) {
	fset := token.NewFileSet()
	b, a := fset.AddFile("b.go", -1, 100), fset.AddFile("a.go", -1, 100)
	b.SetLines([]int{0, 10})
	l := NewList(fset)
	l.Report(b.Pos(12), SameLine, "Map")
	l.Report(b.Pos(3), SameLine, "Map")
	l.Report(b.Pos(3), Captures, "Map", "n", "int", "use With(n)")
	l.Report(a.Pos(50), SameLine, "Map")
	l.Report(b.Pos(12), SameLine, "Map")
	var got []string
	for _, d := range l.Sorted() {
		got = append(got, strings.SplitAfter(d.Text(d.Pos.Filename), ": ")[0]+d.Kind.ID)
	}
	want := "a.go:1:51: RDD106 b.go:1:4: RDD101 b.go:1:4: RDD106 b.go:2:3: RDD106"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}
