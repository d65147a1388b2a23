package encode

import (
	"encoding/hex"
	"go/format"
	"math/rand/v2"
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
		agree(t, name, text)
	}
}

// agree compares the hashes of a text, and the lines of its tokens.
func agree(t *testing.T, name, text string) {
	t.Helper()
	got := scanTokens([]byte(text))
	want, lines := rdd.HashTokens(text)
	if got.hash != want || hashBytes([]byte(text)) != rdd.HashBytes(text) {
		t.Errorf("%s: hashes differ", name)
	}
	for offset, n := range got.ordinals {
		if line := 1 + strings.Count(text[:offset], "\n"); n >= len(lines) || line != lines[n] {
			t.Errorf("%s: token %d is on line %d, want that of %d lines", name, n, line, len(lines))
		}
	}
}

// FuzzTokens compares the hashes of any text.
func FuzzTokens(f *testing.F) {
	f.Add("package p\nimport (\"b\"\n\"a\")\nfunc f() { x(1,); }")
	f.Fuzz(func(t *testing.T, text string) { agree(t, "fuzzed", text) })
}

// TestFormattingDoesNotCount writes random sources as people do who do not use
// gofmt, and has them formatted.
func TestFormattingDoesNotCount(t *testing.T) {
	for seed := range uint64(300) {
		w := &sloppy{r: rand.New(rand.NewPCG(seed, 1))}
		w.file()
		text := w.String()
		formatted, err := format.Source([]byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		agree(t, "sloppy", text)
		agree(t, "formatted", string(formatted))
		a, b := scanTokens([]byte(text)), scanTokens(formatted)
		if a.hash != b.hash {
			t.Fatalf("seed %d: formatting changes the tokens:\n%s\n%s", seed, text, formatted)
		}
		// The same call is at the same place.
		for i := range strings.Count(text, "call") {
			x, y := nth(text, "call", i), nth(string(formatted), "call", i)
			if a.ordinals[x] != b.ordinals[y] {
				t.Fatalf("seed %d: call %d is token %d, and formatted %d", seed, i, a.ordinals[x], b.ordinals[y])
			}
		}
		// A change of code counts.
		if n := w.r.IntN(len(text)); text[n] >= 'b' && text[n] <= 'y' {
			changed := text[:n] + "Z" + text[n+1:]
			if got := scanTokens([]byte(changed)); got.hash == a.hash && !inComment(text, n) {
				t.Fatalf("seed %d: a change at %d does not count:\n%s", seed, n, text)
			}
		}
	}
}

func nth(text, word string, n int) int {
	at := -1
	for range n + 1 {
		at += 1 + strings.Index(text[at+1:], word)
	}
	return at
}

func inComment(text string, at int) bool {
	open, end := strings.LastIndex(text[:at], "/*"), strings.LastIndex(text[:at], "*/")
	return open > end || strings.Contains(text[strings.LastIndex(text[:at], "\n")+1:at], "//")
}

// sloppy writes a source with needless semicolons, commas, comments and blanks.
type sloppy struct {
	strings.Builder
	r *rand.Rand
}

func (w *sloppy) maybe(ss ...string) string { return ss[w.r.IntN(len(ss))] }

// gap is what may stand between tokens.
func (w *sloppy) gap() { w.WriteString(w.maybe(" ", "  ", "\t", " /* a comment, too; */ ")) }

func (w *sloppy) file() {
	w.WriteString("package p" + w.maybe("\n", ";", "\r\n"))
	specs := []string{`"fmt"`, `x "bytes"`, `_ "embed"`, `"strings"`}
	w.r.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
	w.WriteString("import (" + strings.Join(specs, w.maybe(";", "\n", ";\n\n", " // why\n")) + w.maybe("", ";", "\n") + ")\n")
	w.WriteString("type T struct { A int; B, C string" + w.maybe("", ";") + " }\n")
	for range 1 + w.r.IntN(4) {
		w.WriteString("func f" + string(rune('a'+w.r.IntN(26))) + "(a, b int" + w.maybe("", ",") + ") int {" + w.maybe("", "\n"))
		w.block(3)
		w.WriteString(w.maybe(" return a }", " return a; }", "\nreturn a\n}", "return a+b;\n}") + w.maybe("\n", ";\n", "\n\n\n"))
	}
}

func (w *sloppy) block(depth int) {
	for range w.r.IntN(4) {
		w.statement(depth)
		w.WriteString(w.maybe(";", "\n", ";\n", "; // done\n", ";;", "\n\n\n"))
	}
}

func (w *sloppy) statement(depth int) {
	switch n := w.r.IntN(6); {
	case n == 0 && depth > 0:
		w.WriteString("if a" + w.maybe("<", " < ") + "b {")
		w.block(depth - 1)
		w.WriteString("}")
	case n == 1 && depth > 0:
		w.WriteString("for i:=0;i<" + w.maybe("0X1F", "0b11", "1_000", "0XaF") + ";i++{")
		w.block(depth - 1)
		w.WriteString("}")
	case n == 2:
		w.WriteString("_ = []float64{1.5," + w.maybe("", "\n") + w.maybe("1E3", "0X1P-2", "2e5") + w.maybe("", ",", ",\n") + "}")
	case n == 3:
		w.WriteString("call(a,")
		w.gap()
		w.WriteString("func() { call(b" + w.maybe("", ",", ",\n") + ")" + w.maybe("", ";", "\n") + "}" + w.maybe("", ",\n", ",") + ")")
	case n == 4:
		w.WriteString("_ = T{ A:a, B:" + w.maybe(`"x;}"`, "`a\n,)`", "`;`") + w.maybe("", ",") + "}")
	default:
		w.WriteString("a" + w.maybe("=", " = ", "\t= ") + "b")
		w.gap()
		w.WriteString("+ 'x'")
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
	const want = `func ( a , b int ) int { return a + b } `
	for _, text := range []string{
		"func(a, b int) int {\n\treturn a + b\n}",
		"func(a,b int)int{\n// the sum\nreturn a+b;}",
		"func ( a, b int ) int { /* sum */ return a +\n b\n }",
	} {
		if got := canonical(text); got != want {
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
