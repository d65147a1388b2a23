package fix_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
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

var update = flag.Bool("update", false, "rewrite what is wanted")

// TestFixes fixes the packages of testdata, compiles them, and fixes them again,
// which changes nothing. An archive has p.go, and wants want.go and done.txt.
func TestFixes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	root := testmod.New(t, "example.com/fix")
	for _, file := range files {
		testmod.Write(t, filepath.Join(root, name(file), "p.go"), part(parse(t, file), "p.go").Data)
	}
	fixes := fixAll(t, root)
	done := map[string]string{}
	for i := range fixes.Files {
		f := &fixes.Files[i]
		if err := f.Commit(); err != nil {
			t.Error(err)
		}
		for _, made := range f.Fixes {
			done[dirName(f.File)] += fmt.Sprintf("%d: %s\n", made.Pos.Line, made.What)
		}
	}
	for _, l := range fixes.Left {
		done[dirName(l.Pos.Filename)] += fmt.Sprintf("%d: not fixed: %s\n", l.Pos.Line, l.Why)
	}
	for _, file := range files {
		t.Run(name(file), func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join(root, name(file), "p.go"))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, file, "want.go", got)
			compare(t, file, "done.txt", []byte(done[name(file)]))
		})
	}
	build(t, root)
	if again := fixAll(t, root); len(again.Files) > 0 {
		t.Errorf("fixing again changes %s:\n%s", again.Files[0].File, again.Files[0].Diff("p.go"))
	}
}

func fixAll(t *testing.T, root string) gen.Fixes {
	t.Helper()
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	return gen.Fix(pkgs)
}

// TestCommitWantsTheFileAsItWas changes a file between reading and writing.
func TestCommitWantsTheFileAsItWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.go")
	testmod.Write(t, file, []byte("package q\n"))
	f := gen.Fixed{File: file, Before: []byte("package p\n"), After: []byte("package r\n")}
	if err := f.Commit(); err == nil || !strings.Contains(err.Error(), "changed while it was fixed") {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "package q\n" {
		t.Errorf("the file is now %s", got)
	}
}

func TestApply(t *testing.T) {
	edit := func(from, to int, text string) fix.Fix {
		return fix.Fix{Edits: []fix.Edit{{From: from, To: to, Text: text}}}
	}
	tests := []struct {
		name, src string
		fixes     []fix.Fix
		want      string // "" for an error
	}{
		{"back to front", "package p\n\nvar a, b = 1, 2\n", []fix.Fix{edit(25, 26, "4"), edit(22, 23, "3")}, "package p\n\nvar a, b = 3, 4\n"},
		{"formatted", "package p\n\nvar a = 1\n", []fix.Fix{edit(15, 15, "  ")}, "package p\n\nvar a = 1\n"},
		{"not formatted", "package p\nvar a  = 1\n", []fix.Fix{edit(19, 20, "2")}, "package p\nvar a  = 2\n"},
		{"overlap", "package p\n\nvar a = 1\n", []fix.Fix{edit(11, 16, "x"), edit(12, 13, "y")}, ""},
		{"outside", "package p\n", []fix.Fix{edit(5, 50, "x")}, ""},
		{"no Go any more", "package p\n", []fix.Fix{edit(0, 0, "x")}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := fix.Apply([]byte(test.src), test.fixes)
			if (err != nil) != (test.want == "") || err == nil && string(got) != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func name(file string) string    { return strings.TrimSuffix(filepath.Base(file), ".txtar") }
func dirName(file string) string { return filepath.Base(filepath.Dir(file)) }

func parse(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// part is a file of an archive, which is added if it is not there.
func part(a *txtar.Archive, name string) *txtar.File {
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: name})
		i = len(a.Files) - 1
	}
	return &a.Files[i]
}

func compare(t *testing.T, file, name string, got []byte) {
	t.Helper()
	a := parse(t, file)
	want := part(a, name)
	if bytes.Equal(want.Data, got) {
		return
	}
	if !*update {
		t.Errorf("%s:\ngot\n%s\nwant\n%s\n(go test ./gen/fix -update rewrites it)", name, got, want.Data)
		return
	}
	want.Data = got
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Error(err)
	}
}

// build compiles what was fixed.
func build(t *testing.T, root string) {
	t.Helper()
	cmd := exec.Command("go", "build", "./...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
