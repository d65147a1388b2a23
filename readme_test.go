package gordd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a Markdown file.
type block struct{ language, text string }

// section gives the fenced blocks below a heading.
func section(t *testing.T, file, heading string) (blocks []block) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for {
		_, rest, ok := strings.Cut(text, "\n```")
		if !ok {
			return blocks
		}
		language, rest, _ := strings.Cut(rest, "\n")
		body, rest, ok := strings.Cut(rest, "\n```\n")
		if !ok {
			t.Fatalf("%s: a block of %q does not end", file, heading)
		}
		blocks = append(blocks, block{language, body + "\n"})
		text = "\n" + rest
	}
}

// TestReadmeWorks does what README says about a module of one's own: commands
// are run, the program is written to main.go.
func TestReadmeWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module of its own")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash to run the commands with")
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "words")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(parent, "gordd")); err != nil {
		t.Fatal(err)
	}
	blocks := section(t, "README.md", "In a module of your own")
	if len(blocks) < 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	var out []byte
	for _, b := range blocks {
		switch b.language {
		case "go":
			err = os.WriteFile(filepath.Join(dir, "main.go"), []byte(b.text), 0o666)
		case "sh":
			cmd := exec.Command("bash", "-euc", b.text)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto", "GOFLAGS=")
			out, err = cmd.CombinedOutput()
		default:
			t.Fatalf("a block in %q", b.language)
		}
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, b.text, out)
		}
	}
	if text := string(out); !strings.Contains(text, "different words") || strings.Contains(text, "closures") {
		t.Errorf("the program said %s", text)
	}
	for _, name := range []string{"words_rdd.go", "counts/_SUCCESS"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// code is blocks and spans of code in a document.
var code = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`|\n    [^\n]*")

// TestReadmeNamesFilesThatAreThere follows the links of the documents.
func TestReadmeNamesFilesThatAreThere(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(docs, "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			continue
		}
		text := code.ReplaceAllString(string(b), "")
		for _, part := range strings.Split(text, "](")[1:] {
			link, _, _ := strings.Cut(part, ")")
			link, _, _ = strings.Cut(link, "#")
			if link == "" || strings.Contains(link, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), link)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestOperatorsAreListed looks for every operator and source of typed in its
// document.
func TestOperatorsAreListed(t *testing.T) {
	doc, err := os.ReadFile("docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	method := regexp.MustCompile(`(?m)^func \((?:r RDD|p PairRDD|s \*Session)[^)]*\) ([A-Z]\w*)`)
	for _, name := range []string{"action.go", "pair.go", "rdd.go", "source.go"} {
		src, err := os.ReadFile("typed/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range method.FindAllStringSubmatch(string(src), -1) {
			if m[1] != "Err" && !regexp.MustCompile("`[^`]*"+m[1]+"\\b[^`]*`").Match(doc) {
				t.Errorf("docs/operators.md lacks %s", m[1])
			}
		}
	}
}
