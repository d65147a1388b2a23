package fix

import (
	"errors"
	"go/token"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

func TestBetter(t *testing.T) {
	all := func(kinds ...*diag.Kind) (ds []diag.Diagnostic) {
		for _, k := range kinds {
			ds = append(ds, diag.Diagnostic{Kind: k, Message: "found"})
		}
		return ds
	}
	tests := []struct {
		name          string
		before, after []diag.Diagnostic
		wrong         string // "" if it is better
	}{
		{"nothing is left", all(diag.Captures), nil, ""},
		{"fewer", all(diag.Captures, diag.Captures), all(diag.Captures), ""},
		{"the same", all(diag.Captures), all(diag.Captures), "as much is found"},
		{"another", all(diag.Captures), all(diag.EnvCannotTravel), "RDD116: found"},
		{"one more of another", all(diag.Captures, diag.NotEncodable), all(diag.NotEncodable, diag.NotEncodable), "RDD111: found"},
		{"a warning", all(diag.Captures), all(diag.AssignedLater), ""},
		{"fewer warnings", all(diag.AssignedLater), nil, "as much is found"},
		{"two on a line then", all(diag.MethodValue), all(diag.SameLine, diag.SameLine), ""},
		{"captures of a literal that a variable held", all(diag.UnknownFunction), all(diag.Captures, diag.Captures), ""},
		{"captures out of nothing", all(diag.MethodValue), all(diag.Captures), "RDD101: found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := better(test.before, test.after)
			if (err == nil) != (test.wrong == "") || err != nil && !strings.HasPrefix(err.Error(), test.wrong) {
				t.Errorf("got %v, want %q", err, test.wrong)
			}
		})
	}
}

// marks is code whose findings are the "!" in its only file; with a "?" it is no
// Go.
type marks string

func (c marks) Findings() (*scan.Package, []diag.Diagnostic) { return nil, marked(string(c)) }

func (c marks) Text(file string) []byte {
	if file != "p.go" {
		return nil
	}
	return []byte(c)
}

func (c marks) Changed(to map[string][]byte) (Code, error) {
	if strings.Contains(string(to["p.go"]), "?") {
		return nil, errors.New("no Go")
	}
	return marks(to["p.go"]), nil
}

func marked(text string) []diag.Diagnostic {
	all := make([]diag.Diagnostic, strings.Count(text, "!"))
	for i := range all {
		all[i].Kind = diag.Captures
	}
	return all
}

// TestApplyLeavesOutWhatIsWrong makes those fixes that are right, when one is
// not.
func TestApplyLeavesOutWhatIsWrong(t *testing.T) {
	const src = "a! b! c! d!"
	fix := func(file string, from int, text string) Fix {
		return Fix{File: file, Edits: []Edit{{From: from, To: from + 2, Text: text}}}
	}
	fixes := []Fix{fix("p.go", 0, "A"), fix("p.go", 3, "?"), fix("p.go", 6, "x!"), fix("q.go", 0, "A"), fix("p.go", 9, "D")}
	next, made, refused := apply(marks(src), fixes, marked(src))
	if next == nil || string(next.Text("p.go")) != "A b! c! D" || len(made) != 2 {
		t.Fatalf("got %v, %d made", next, len(made))
	}
	var why []string
	for _, l := range refused {
		why = append(why, l.Why)
	}
	if got := strings.Join(why, "; "); !strings.Contains(got, "no Go; ") || !strings.HasSuffix(got, "does not import C") || len(why) != 3 {
		t.Errorf("refused are %q", why)
	}
	if next, made, refused := apply(marks(src), fixes[1:3], marked(src)); next != nil || len(made) != 0 || len(refused) != 2 {
		t.Errorf("got %v, %d made, %d refused of two that are wrong", next, len(made), len(refused))
	}
}

func TestFor(t *testing.T) {
	f := Fix{Kind: diag.Captures, At: []token.Pos{3, 5}}
	for _, test := range []struct {
		kind *diag.Kind
		at   token.Pos
		want bool
	}{{diag.Captures, 3, true}, {diag.Captures, 5, true}, {diag.Captures, 4, false}, {diag.Assigns, 3, false}} {
		if got := f.For(diag.Diagnostic{Kind: test.kind, At: test.at}); got != test.want {
			t.Errorf("%s at %d: got %v", test.kind.ID, test.at, got)
		}
	}
}
