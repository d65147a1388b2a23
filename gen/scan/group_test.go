package scan

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestGroupOf(t *testing.T) {
	tests := []struct {
		file, text string
		want       Group
		name       string
	}{
		{"p.go", "package p", Group{}, ""},
		{"p_test.go", "package p", Group{Test: true}, "test"},
		{"linux.go", "package p", Group{}, ""},
		{"p_linux.go", "package p", Group{Constraint: "linux"}, "linux"},
		{"p_linux_test.go", "package p", Group{Constraint: "linux", Test: true}, "linux_test"},
		{"p_amd64.go", "package p", Group{Constraint: "amd64"}, "amd64"},
		{"p_linux_amd64.go", "package p", Group{Constraint: "linux && amd64"}, "linux_amd64"},
		{"p_other.go", "package p", Group{}, ""},
		{"p.go", "//go:build go1.27\n\npackage p", Group{Constraint: "go1.27"}, "go1_27"},
		{"p.go", "// Copyright.\n\n//go:build !linux\n\n// Package p.\npackage p", Group{Constraint: "!linux"}, "not_linux"},
		{"p.go", "//go:build linux  ||  darwin\n\npackage p", Group{Constraint: "linux || darwin"}, "linux_or_darwin"},
		{"p_linux.go", "//go:build special || race\n\npackage p", Group{Constraint: "linux && (special || race)"}, "linux_special_or_race_a3ce"},
		{"p.go", "package p\n\n//go:build linux\n", Group{}, ""},
		{"p.go", "//go:build (\n\npackage p", Group{}, ""},
	}
	for _, test := range tests {
		f, err := parser.ParseFile(token.NewFileSet(), test.file, test.text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		got := groupOf("/dir/"+test.file, f)
		if got != test.want || got.Name() != test.name {
			t.Errorf("%s %q: got %+v (%s), want %+v (%s)", test.file, test.text, got, got.Name(), test.want, test.name)
		}
	}
}

func TestGroupsHaveNamesOfTheirOwn(t *testing.T) {
	a, b := Group{Constraint: "(a || b) && c"}, Group{Constraint: "a || (b && c)"}
	if a.Name() == b.Name() {
		t.Errorf("both are %s", a.Name())
	}
}

func TestGroupOrder(t *testing.T) {
	want := []Group{{}, {Constraint: "b"}, {Constraint: "c"}, {Constraint: "a && b"}, {Test: true}, {Constraint: "a", Test: true}}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, Group.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestGroupsImply(t *testing.T) {
	group := func(text string) Group {
		text, test := strings.CutSuffix(text, " test")
		return Group{Constraint: text, Test: test}
	}
	tests := []struct {
		a, b    string
		implies bool
		with    string
	}{
		{"", "", true, ""},
		{"linux", "", true, "linux"},
		{"", "linux", false, "linux"},
		{"linux && cgo", "cgo && linux", true, "linux && cgo"},
		{"linux && cgo", "linux", true, "linux && cgo"},
		{"linux", "cgo", false, "cgo && linux"},
		{"linux || darwin", "cgo", false, "cgo && (linux || darwin)"},
		{"linux || darwin", "linux", false, "linux && (linux || darwin)"},
		{"!cgo", "linux && x", false, "!cgo && linux && x"},
		{"linux && a", "linux && b", false, "a && b && linux"},
		{" test", "", true, " test"},
		{"", " test", false, " test"},
		{"linux", " test", false, "linux test"},
		{"linux test", "linux", true, "linux test"},
		{"linux test", " test", true, "linux test"},
	}
	for _, test := range tests {
		a, b := group(test.a), group(test.b)
		if got := a.Implies(b); got != test.implies {
			t.Errorf("%q implies %q: %t", test.a, test.b, got)
		}
		with := a.With(b)
		if with != group(test.with) {
			t.Errorf("%q with %q: got %+v, want %q", test.a, test.b, with, test.with)
		}
		if !with.Implies(a) || !with.Implies(b) || !with.Equal(b.With(a)) {
			t.Errorf("%q with %q: does not imply both, or depends on their order", test.a, test.b)
		}
	}
}
