package scan

import (
	"encoding/hex"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd"
)

// TestTokensAreThoseOfTheRunTime compares the hashes with package rdd's, which
// computes them again from the sources that are compiled in.
func TestTokensAreThoseOfTheRunTime(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"empty": "", "no end of line": "package p; var x = 1", "broken": "package p\nvar x = 'ab \"\n\x00",
		"CRLF": "package p\r\n\r\nvar x = 1\r\n",
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	for name, text := range texts {
		got := scanTokens([]byte(text))
		want, lines := rdd.HashTokens(text)
		if got.hash != want || hashBytes([]byte(text)) != rdd.HashBytes(text) {
			t.Errorf("%s: hashes differ", name)
		}
		if len(got.offsets) != len(lines) {
			t.Errorf("%s: %d tokens, want %d", name, len(got.offsets), len(lines))
		}
		for offset, n := range got.offsets {
			if line := 1 + strings.Count(text[:offset], "\n"); line != lines[n] {
				t.Errorf("%s: token %d is on line %d, want %d", name, n, line, lines[n])
			}
		}
	}
}

func TestHashIDIsShortAndOrdered(t *testing.T) {
	a, b := hashID("x", 1), hashID("x", 2)
	if a == b || len(a) != 12 {
		t.Errorf("got %s and %s", a, b)
	}
	if _, err := hex.DecodeString(a); err != nil {
		t.Error(err)
	}
}

func TestCanonical(t *testing.T) {
	const want = `func ( a , b int ) int { return a + b ; } `
	for _, text := range []string{
		"func(a, b int) int {\n\treturn a + b\n}",
		"func(a,b int)int{\n// the sum\nreturn a+b;}",
		"func ( a, b int ) int { /* sum */ return a +\n b\n }",
	} {
		if got := canonical(text); got != want && got != strings.TrimSpace(want)+" ; " {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if canonical(`f("a b")`) == canonical(`f("a  b")`) {
		t.Error("blanks in strings are part of them")
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"main": "main", "page_rank": "pageRank", "a-b.c": "aBC", "2fast": "f2fast", "Über": "über", "x__y": "xY",
	} {
		if got := camel(in); got != want {
			t.Errorf("camel(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"run": "run", "Run": "run", "job.run": "jobRun", "Job.Run": "jobRun", "var": "var"} {
		if got := enclosingName(in); got != want {
			t.Errorf("enclosingName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEnclosing(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "", `package p
func run() {}
func (j *job) a() {}
func (j job) b() {}
func (j *box[T]) c() {}
func (j (box[K, V])) d() {}
var x = 1
`, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"run", "job.a", "job.b", "box.c", "box.d", "var"}
	for i, d := range f.Decls {
		if got := enclosing(d); got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
}

// TestOperatorsTable holds the table to its rules.
func TestOperatorsTable(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, op := range operators {
		key := [2]string{op.recv, op.name}
		if seen[key] {
			t.Errorf("%v is there twice", key)
		}
		seen[key] = true
		if (op.family == pass || op.family == stop) != (op.ctor == "") {
			t.Errorf("%v: a constructor makes what is an operator", key)
		}
		if op.family == narrow && op.step.Gives == 0 {
			t.Errorf("%v: a narrow operator is a step", key)
		}
		if op.shape != 0 && op.in == "" {
			t.Errorf("%v: types of the rows behind the shuffle are missing", key)
		}
	}
}
