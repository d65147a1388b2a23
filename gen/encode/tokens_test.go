package encode

import (
	"encoding/hex"
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
		if len(got.ordinals) != len(lines) {
			t.Errorf("%s: %d tokens, want %d", name, len(got.ordinals), len(lines))
		}
		for offset, n := range got.ordinals {
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
