package gordd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goSays is a call as documentation shows it: what Go says of it, and what to
// write in its place.
type goSays struct {
	call, says string
	instead    []string
}

// goErrors reads the calls of a block: each with its error below it as a comment,
// and then what is meant.
func goErrors(t *testing.T, text string) (all []goSays) {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		call, rest, _ := strings.Cut(part, "\n")
		x := goSays{call: call}
		for line := range strings.SplitSeq(rest, "\n") {
			if words, ok := strings.CutPrefix(line, "// "); ok {
				x.says = strings.TrimSpace(x.says + " " + words)
			} else {
				x.instead = append(x.instead, line)
			}
		}
		if x.says == "" || len(x.instead) == 0 {
			t.Errorf("%q: no error, or nothing to write in its place", call)
		}
		all = append(all, x)
	}
	return all
}

// compile compiles statements of a function with an RDD r and pairs p, and gives
// the errors by line of the statements, from 0.
func compile(t *testing.T, statements []string) map[int]string {
	t.Helper()
	head := `package snippets

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"` + module + `/typed"
)

var (
	_ = cmp.Compare[int]
	_ iter.Seq[int]
	_ = slices.Max[[]int]
	_ = strconv.Itoa
	_ = strings.ToUpper
	_ = typed.Fields
)

func run(r typed.RDD[string], p typed.PairRDD[string, int]) {
`
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	src, overlay := filepath.Join(temp, "snippets.go"), filepath.Join(temp, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(dir, "snippets", "snippets.go"): src}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{src: head + strings.Join(statements, "\n") + "\n}\n", overlay: string(replace)} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "build", "-overlay", overlay, "-gcflags=-e", "./snippets").CombinedOutput()
	found := map[int]string{}
	for _, m := range regexp.MustCompile(`(?m)^.*snippets\.go:(\d+):\d+: (.*)$`).FindAllStringSubmatch(string(out), -1) {
		var line int
		_, _ = fmt.Sscan(m[1], &line)
		found[line-strings.Count(head, "\n")-1] = m[2]
	}
	if err != nil && len(found) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	return found
}

// TestGoErrorsAreQuoted: Go says of calls what the documentation quotes, and takes
// what is there in their place.
func TestGoErrorsAreQuoted(t *testing.T) {
	blocks := section(t, "docs/pipelines.md", "What Go's own errors mean")
	if len(blocks) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	var statements []string
	want := map[int]string{}
	for _, x := range goErrors(t, blocks[0].text) {
		want[len(statements)] = x.says
		statements = append(statements, x.call)
		statements = append(statements, x.instead...)
	}
	got := compile(t, statements)
	for i, statement := range statements {
		switch says, wrong := want[i]; {
		case !wrong && got[i] != "":
			t.Errorf("%s\ndoes not compile: %s", statement, got[i])
		case wrong && !strings.HasPrefix(got[i], says):
			t.Errorf("of %s\nGo says:  %s\nquoted is: %s", statement, got[i], says)
		}
	}
}
