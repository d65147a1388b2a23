package fix_test

import (
	"bytes"
	"context"
	"encoding/json"
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
// which changes nothing. An archive has p.go, perhaps other files, and wants
// want.go and done.txt. One that wants stdout.txt has a function pipeline, which
// is run as closures before, and as generated code after.
func TestFixes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	root := testmod.New(t, "example.com/fix")
	runs := writeArchives(t, root, files)
	before := run(t, root, runs, "closures")
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
			compare(t, file, "want.go", escape(t, file, got))
			compare(t, file, "done.txt", []byte(done[name(file)]))
		})
	}
	build(t, root)
	if again := fixAll(t, root); len(again.Files) > 0 {
		t.Errorf("fixing again changes %s:\n%s", again.Files[0].File, again.Files[0].Diff("p.go"))
	}
	generate(t, root, runs)
	after := run(t, root, runs, "generated")
	for _, file := range runs {
		t.Run("run/"+name(file), func(t *testing.T) {
			if before[file] != after[file] {
				t.Errorf("before\n%s\nafter\n%s", before[file], after[file])
			}
			compare(t, file, "stdout.txt", []byte(after[file]))
		})
	}
}

// writeArchives writes the sources of archives, and gives those to be run.
func writeArchives(t *testing.T, root string, files []string) (runs []string) {
	t.Helper()
	var imports, cases strings.Builder
	for _, file := range files {
		dir := filepath.Join(root, name(file))
		for _, f := range parse(t, file).Files {
			if f.Name != "want.go" && strings.HasSuffix(f.Name, ".go") {
				testmod.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), unescape(file, f.Data))
			}
		}
		if a := parse(t, file); slices.ContainsFunc(a.Files, func(f txtar.File) bool { return f.Name == "stdout.txt" }) {
			runs = append(runs, file)
			testmod.Write(t, filepath.Join(dir, "exported.go"), []byte("package p\n\nvar Pipeline = pipeline\n"))
			fmt.Fprintf(&imports, "\t%s %q\n", name(file), "example.com/fix/"+name(file))
			fmt.Fprintf(&cases, "\t\t%q: %s.Pipeline,\n", file, name(file))
		}
	}
	testmod.Write(t, filepath.Join(root, "runner", "main.go"), []byte(strings.NewReplacer("IMPORTS", imports.String(), "CASES", cases.String()).Replace(runner)))
	return runs
}

// unescape makes the text of a golden that says so one with other line ends, or
// with a byte order mark, which an archive cannot show.
func unescape(file string, text []byte) []byte {
	if strings.Contains(name(file), "crlf") {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	if strings.Contains(name(file), "byte_order_mark") {
		text = append([]byte("\xef\xbb\xbf"), text...)
	}
	return text
}

// escape undoes that, and wants it all over the text.
func escape(t *testing.T, file string, text []byte) []byte {
	t.Helper()
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	plain := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if again := unescape(file, plain); !bytes.Equal(bytes.TrimPrefix(again, []byte("\xef\xbb\xbf")), text) {
		t.Errorf("line ends are mixed in %q", text)
	}
	return plain
}

// runner runs pipelines, and prints what they print as JSON.
const runner = `package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/gordd-project/gordd/typed"

IMPORTS)

func main() {
	outputs := map[string]string{}
	for name, pipeline := range map[string]func(context.Context, *typed.Session, io.Writer) error{
CASES	} {
		var out bytes.Buffer
		s, err := typed.NewSession(context.Background(), typed.Options{Closures: os.Args[1] == "closures", Seed: 7, Cores: 2, Notices: &out})
		if err != nil {
			panic(err)
		}
		if err := pipeline(context.Background(), s, &out); err != nil {
			fmt.Fprintln(&out, "error:", err)
		}
		if err := s.Close(); err != nil {
			panic(err)
		}
		outputs[name] = out.String()
	}
	if err := json.NewEncoder(os.Stdout).Encode(outputs); err != nil {
		panic(err)
	}
}
`

// run runs the pipelines of archives, and gives what they print.
func run(t *testing.T, root string, files []string, mode string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "run", "-trimpath", "./runner", mode)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v", mode, err)
	}
	outputs := map[string]string{}
	if err := json.Unmarshal(out, &outputs); err != nil || len(outputs) != len(files) {
		t.Fatalf("%d outputs: %v\n%s", len(outputs), err, out)
	}
	return outputs
}

// generate generates for all packages. Those of archives that are run have no
// finding.
func generate(t *testing.T, root string, runs []string) {
	t.Helper()
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		r := &results[i]
		if slices.ContainsFunc(runs, func(file string) bool { return name(file) == filepath.Base(r.Dir) }) {
			for _, d := range r.Diagnostics {
				t.Errorf("after the fix there is %s", d.Text(r.Dir))
			}
		}
		if !r.Failed() {
			if err := r.Commit(); err != nil {
				t.Error(err)
			}
		}
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
		{"other line ends", "package p\r\n\r\nvar a = 1\r\n", []fix.Fix{edit(21, 22, "2\nvar b = 3")}, "package p\r\n\r\nvar a = 2\r\nvar b = 3\r\n"},
		{"two line ends", "package p\r\n\r\nvar a = 1\n", []fix.Fix{edit(21, 22, "2\nvar  b = 3")}, "package p\r\n\r\nvar a = 2\nvar  b = 3\n"},
		{"byte order mark", "\xef\xbb\xbfpackage p\n\nvar a = 1\n", []fix.Fix{edit(22, 23, "2\nvar  b = 3")}, "\xef\xbb\xbfpackage p\n\nvar a = 2\nvar b = 3\n"},
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
