package gen

import (
	"errors"
	"go/scanner"
	"go/token"
	"go/types"
	"testing"
)

// TestBroken words what parsers, type checkers and the go command say.
func TestBroken(t *testing.T) {
	fset := token.NewFileSet()
	f := fset.AddFile("/far/away/a.go", -1, 100)
	f.SetLines([]int{0, 10, 20})
	cause := types.Error{Fset: fset, Pos: f.Pos(12), Msg: "second"}
	err := broken([]error{
		cause,
		types.Error{Fset: fset, Pos: f.Pos(2), Msg: "first"},
		types.Error{Fset: fset, Pos: f.Pos(2), Msg: "first"},
		scanner.ErrorList{
			{Pos: token.Position{Filename: "/far/away/b.go", Line: 2, Column: 1}, Msg: "fourth"},
			{Pos: token.Position{Filename: "/far/away/b.go", Line: 1, Column: 9}, Msg: "third"},
		},
		errors.New("of no place"),
	}, "example.com/a")
	const want = `of no place
/far/away/a.go:1:3: first
/far/away/a.go:2:3: second
/far/away/b.go:1:9: third
/far/away/b.go:2:1: fourth
RDD141: example.com/a does not compile: nothing was written`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var got types.Error
	if !errors.Is(err, ErrBroken) || !errors.As(err, &got) || got != cause {
		t.Errorf("the causes are lost: %v", got)
	}
}

// TestFlaws collects errors of packages that do not compile, and no others.
func TestFlaws(t *testing.T) {
	var all flaws
	if all.err() != nil || all.add(nil) != nil || all.err() != nil {
		t.Error("there are errors where none was added")
	}
	other := errors.New("disk full")
	if err := all.add(other); !errors.Is(err, other) {
		t.Errorf("got %v, want the error back", err)
	}
	for _, name := range []string{"a", "b"} {
		if err := all.add(broken(nil, name)); err != nil {
			t.Errorf("got %v back", err)
		}
	}
	const want = "RDD141: a does not compile: nothing was written\nRDD141: b does not compile: nothing was written"
	if err := all.err(); err == nil || err.Error() != want || !errors.Is(err, ErrBroken) {
		t.Errorf("got %v, want %s", err, want)
	}
}
