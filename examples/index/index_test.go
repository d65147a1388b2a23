package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// library writes files of known words, and gives the lines of their index.
func library(t *testing.T) (dir string, want []string) {
	r := rand.New(rand.NewPCG(7, 8))
	dir = t.TempDir()
	lines := map[string]string{}
	for f := range 9 {
		path := filepath.Join(dir, fmt.Sprint(f%2), fmt.Sprintf("%d.txt", f))
		var text strings.Builder
		at := map[string][]string{}
		for i := range 150 {
			word := fmt.Sprintf("wörd%d", int(60*r.Float64()*r.Float64()))
			fmt.Fprint(&text, []string{strings.ToUpper(word), word}[r.IntN(2)], []string{" ", "\n", "... ", "–"}[r.IntN(4)])
			if word != "wörd3" {
				at[word] = append(at[word], fmt.Sprint(i))
			}
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		for word, positions := range at {
			lines[word] += " " + path + ":" + strings.Join(positions, ",")
		}
	}
	for word, files := range lines {
		all := strings.Fields(files)
		slices.Sort(all)
		want = append(want, word+"\t"+strings.Join(all, " "))
	}
	slices.Sort(want)
	return dir, want
}

func TestIndex(t *testing.T) {
	dir, want := library(t)
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[string] {
		return index(s.WholeTextFiles(dir, typed.Recursive()), stopWords("and,WÖRD3")).
			Map(func(word string, p []Posting) string { return line(typed.Pair[string, []Posting]{Key: word, Value: p}) })
	}, want)
}
