package gen_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/gordd-project/gordd/gen"
	"github.com/gordd-project/gordd/gen/emit"
)

var update = flag.Bool("update", false, "rewrite the wanted files in testdata")

// golden is one archive of testdata: sources, and what is wanted of them. Files
// under want/ are the generated files by their path, errors.txt with the
// diagnostics, explain.txt, and stdout.txt of a program that is run.
type golden struct {
	file    string
	name    string
	archive *txtar.Archive
	dir     string
	pkg     string // clause of the package in dir
	runs    bool
	results []gen.Result
	errs    string
}

const module = "example.com/golden"

var packageClause = regexp.MustCompile(`(?m)^package (\w+)`)

// modes is added to the packages that are run: it runs their pipeline as
// closures, operator by operator, and fused, with one seed, and prints the
// result when all are equal. Nothing may be told to the user where generated
// code is there to be run.
const modes = `package PACKAGE

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/typed"
)

func ENTRY() {
	var first string
	for i, o := range []typed.Options{{Closures: true}, {NoFusing: true}, {}} {
		var notices, out bytes.Buffer
		o.Seed, o.Cores, o.Notices = 7, 2, &notices
		s, err := typed.NewSession(context.Background(), o)
		if err != nil {
			panic(err)
		}
		if err := pipeline(context.Background(), s, &out); err != nil {
			fmt.Fprintln(&out, "error:", err)
		}
		if err := s.Close(); err != nil {
			panic(err)
		}
		if notices.Len() > 0 {
			fmt.Print("notice: ", notices.String())
		}
		if i == 0 {
			first = out.String()
		} else if out.String() != first {
			fmt.Printf("run %d differs:\n%s", i, out.String())
		}
	}
	fmt.Print(first)
}

func input(text string) string {
	dir, err := os.MkdirTemp("", "golden")
	if err != nil {
		panic(err)
	}
	name := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return name
}
`

// modesOf is what is added to a package: the main function of a main.
func modesOf(pkg string) []byte {
	entry := "Golden"
	if pkg == "main" {
		entry = "main"
	}
	return []byte(strings.NewReplacer("PACKAGE", pkg, "ENTRY", entry).Replace(modes))
}

// runner is the main that runs the packages that are none: linking is what takes
// the time.
func runner(goldens []*golden) []byte {
	var imports, cases strings.Builder
	for _, g := range goldens {
		if g.runs && g.pkg != "main" {
			fmt.Fprintf(&imports, "\t%s %q\n", g.name, module+"/"+g.name)
			fmt.Fprintf(&cases, "\tcase %q:\n\t\t%s.Golden()\n", g.name, g.name)
		}
	}
	return fmt.Appendf(nil, "package main\n\nimport (\n\t\"os\"\n\n%s)\n\nfunc main() {\n\tswitch os.Args[1] {\n%s\t}\n}\n", &imports, &cases)
}

// TestGolden generates, compares, compiles and runs the archives of testdata.
// They are packages of one module, so that the go command is started a few
// times only.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	left := t.TempDir() // for what the programs leave, even when they are killed
	t.Setenv("TMPDIR", left)
	t.Setenv("TMP", left)
	root := newModule(t)
	goldens := readGoldens(t, root)
	generateAll(t, root, goldens)
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			g.compare(t, "errors.txt", []byte(g.errs))
			for i := range g.results {
				r := &g.results[i]
				if r.Content != nil && !r.Failed() {
					rel, _ := filepath.Rel(g.dir, r.File)
					g.compare(t, filepath.ToSlash(rel), r.Content)
				}
			}
			if g.has("want/explain.txt") {
				g.compare(t, "explain.txt", []byte(g.explain()))
			}
		})
	}
	build(t, root)
	for _, g := range goldens {
		if g.runs {
			t.Run("run/"+g.name, func(t *testing.T) {
				program := "all"
				if g.pkg == "main" {
					program = g.name
				}
				out, err := exec.Command(filepath.Join(root, "bin", program), g.name).CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				g.compare(t, "stdout.txt", out)
			})
		}
	}
	if *update {
		for _, g := range goldens {
			if err := os.WriteFile(g.file, txtar.Format(g.archive), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}

// newModule makes an empty module that uses this one.
func newModule(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	gordd, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(gordd, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\nrequire")
	sum, err := os.ReadFile(filepath.Join(gordd, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "go.sum"), sum)
	write(t, filepath.Join(root, "go.mod"), fmt.Appendf(nil,
		"module %s\n\ngo 1.27.0\n\nrequire github.com/gordd-project/gordd v0.0.0\n\nreplace github.com/gordd-project/gordd => %s\n\nrequire%s",
		module, filepath.ToSlash(gordd), requires))
	return root
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGoldens(t *testing.T, root string) []*golden {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	var all []*golden
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		g := &golden{file: file, name: name, archive: a, dir: filepath.Join(root, name)}
		for _, f := range a.Files {
			if clause := packageClause.FindSubmatch(f.Data); clause != nil && !strings.Contains(f.Name, "/") && !strings.HasSuffix(f.Name, "_test.go") {
				g.pkg = string(clause[1])
			}
			if !strings.HasPrefix(f.Name, "want/") {
				write(t, filepath.Join(g.dir, filepath.FromSlash(f.Name)), asNamed(name, f.Data))
			}
		}
		g.runs = g.has("want/stdout.txt")
		if g.runs {
			write(t, filepath.Join(g.dir, "modes.go"), modesOf(g.pkg))
		}
		all = append(all, g)
	}
	write(t, filepath.Join(root, "all", "main.go"), runner(all))
	return all
}

// asNamed makes the text of an archive that says so by its name one with other
// line ends, or with a byte order mark, which an archive cannot show.
func asNamed(name string, text []byte) []byte {
	switch name {
	case "crlf":
		return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	case "byte_order_mark":
		return append([]byte("\xef\xbb\xbf"), text...)
	}
	return text
}

// generateAll generates all packages of the module at once and hands the
// results to their archives.
func generateAll(t *testing.T, root string, goldens []*golden) {
	t.Helper()
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root, Tests: true}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		i := slices.IndexFunc(goldens, func(g *golden) bool {
			return r.Dir == g.dir || strings.HasPrefix(r.Dir, g.dir+string(filepath.Separator))
		})
		if i < 0 {
			continue // the runner
		}
		g := goldens[i]
		g.results = append(g.results, r)
		for _, d := range r.Diagnostics {
			rel, _ := filepath.Rel(g.dir, d.Pos.Filename)
			g.errs += d.Text(filepath.ToSlash(rel)) + "\n"
		}
		if !r.Failed() {
			if err := r.Commit(); err != nil {
				t.Error(err)
			}
		}
	}
}

func (g *golden) explain() string {
	var s strings.Builder
	for i := range g.results {
		s.WriteString(g.results[i].Explain())
	}
	return s.String()
}

func (g *golden) index(name string) int {
	return slices.IndexFunc(g.archive.Files, func(f txtar.File) bool { return f.Name == name })
}

func (g *golden) has(name string) bool { return g.index(name) >= 0 }

// compare compares what came out with what is wanted; nothing is wanted where
// the archive has no such file.
func (g *golden) compare(t *testing.T, name string, got []byte) {
	t.Helper()
	name = "want/" + name
	i := g.index(name)
	switch {
	case *update && len(got) == 0 && i >= 0:
		g.archive.Files = slices.Delete(g.archive.Files, i, i+1)
	case *update && len(got) == 0:
	case *update && i < 0:
		g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: got})
	case *update:
		g.archive.Files[i].Data = got
	case i < 0 && len(got) > 0:
		t.Errorf("%s is not wanted:\n%s", name, got)
	case i >= 0 && !bytes.Equal(g.archive.Files[i].Data, got):
		t.Errorf("%s:\ngot\n%s\nwant\n%s\n(go test ./gen -run TestGolden -update rewrites it)", name, got, g.archive.Files[i].Data)
	}
}

// build compiles every package, with the programs that are run. With -trimpath,
// what was compiled in another temporary folder is not compiled again.
func build(t *testing.T, root string) {
	t.Helper()
	goCommand(t, root, "build", "-trimpath", "-o", filepath.Join(root, "bin")+string(filepath.Separator), "./...")
	goCommand(t, root, "vet", "-trimpath", "./...")
}

func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestFoldersDoNotShow generates one package in two folders.
func TestFoldersDoNotShow(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	a, err := txtar.ParseFile("testdata/wordcount.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var outputs [][]byte
	for range 2 {
		root := newModule(t)
		for _, f := range a.Files {
			if f.Name == "main.go" {
				write(t, filepath.Join(root, "wordcount", f.Name), f.Data)
			}
		}
		write(t, filepath.Join(root, "wordcount", "modes.go"), modesOf("main"))
		pkgs, err := gen.Load(context.Background(), gen.Options{Dir: root, Tests: true}, "./...")
		if err != nil {
			t.Fatal(err)
		}
		results, err := gen.Generate(pkgs)
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, results[0].Content)
	}
	if !bytes.Equal(outputs[0], outputs[1]) || !bytes.HasPrefix(outputs[0], []byte(emit.Header)) {
		t.Errorf("outputs differ:\n%s\n%s", outputs[0], outputs[1])
	}
}

// TestIdentity changes what must not change an operator's ID, and what must.
func TestIdentity(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the go command")
	}
	const src = `package p

import (
	"context"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func run(ctx context.Context, s *typed.Session) {
	_, _ = s.TextFile("in").
		Map(func(s string) string { return strings.ToUpper(s) }).
		Filter(func(s string) bool { return s != "" }).
		Count(ctx)
}
`
	replace := strings.NewReplacer
	tests := []struct {
		name, file string
		change     *strings.Replacer
		changed    []string
	}{
		{"nothing", "p.go", replace(), nil},
		{"another file name", "q.go", replace(), nil},
		{"moved lines and comments", "p.go", replace("func run", "// A comment.\n\nfunc run", "{ return s != ", "{\n\t\t\t// why\n\t\t\treturn s != "), nil},
		{"another import name", "p.go", replace(`"strings"`, `str "strings"`, "strings.T", "str.T"), nil},
		{"another body", "p.go", replace("ToUpper", "ToLower"), []string{"Map"}},
		{"another package of that name", "p.go", replace(`"strings"`, `strings "bytes"`, "strings.ToUpper(s)", "string(strings.ToUpper([]byte(s)))"), []string{"Map"}},
		{"another type", "p.go", replace("func(s string) bool", "func(t string) bool"), []string{"Filter"}},
		{"another function", "p.go", replace("func run", "func other"), []string{"TextFile", "Map", "Filter", "Count"}},
	}
	root := newModule(t)
	for i, test := range tests {
		// All have one import path, each in its own module.
		dir := filepath.Join(root, fmt.Sprint(i))
		for _, name := range []string{"go.mod", "go.sum"} {
			b, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, name), b)
		}
		text := test.change.Replace(src)
		if test.name == "another type" {
			text = strings.ReplaceAll(text, "return s != ", "return t != ")
		}
		write(t, filepath.Join(dir, "p", test.file), []byte(text))
	}
	var want map[string]string
	for i, test := range tests {
		ids := operatorIDs(t, filepath.Join(root, fmt.Sprint(i)))
		if want == nil {
			want = ids
		}
		var changed []string
		for _, name := range []string{"TextFile", "Map", "Filter", "Count"} {
			if ids[name] == "" || ids[name] != want[name] {
				changed = append(changed, name)
			}
		}
		if !slices.Equal(changed, test.changed) {
			t.Errorf("%s changes the IDs of %v, want %v", test.name, changed, test.changed)
		}
	}
}

func operatorIDs(t *testing.T, dir string) map[string]string {
	t.Helper()
	pkgs, err := gen.Load(context.Background(), gen.Options{Dir: dir, Tests: true}, "./p")
	if err != nil {
		t.Fatal(err)
	}
	results, err := gen.Generate(pkgs)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, op := range results[0].Model.Ops {
		ids[op.Name] = op.ID
	}
	return ids
}
