package diag

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// cases has an example of each kind that can have one: packages under wrong/ and
// right/, and the findings. Tests hold them to it.
//
//go:embed cases/*.txtar
var cases embed.FS

// Example is code that a kind is found in, and code that does what was meant.
type Example struct{ What, Wrong, Right string }

// Example gives the example of a kind; nil if it has none.
func (k *Kind) Example() *Example {
	data, err := cases.ReadFile("cases/" + k.ID + ".txtar")
	if err != nil {
		return nil
	}
	a := txtar.Parse(data)
	return &Example{
		What: strings.TrimSpace(string(a.Comment)), Wrong: sourcesUnder(a, "wrong/"), Right: sourcesUnder(a, "right/"),
	}
}

// sourcesUnder gives the code of a folder without its package clauses and
// imports. Files in folders of their own come first, under their names.
func sourcesUnder(a *txtar.Archive, prefix string) string {
	var all []string
	for _, f := range a.Files {
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok {
			continue
		}
		code := withoutImports(string(f.Data))
		if dir := path.Dir(name); dir != "." {
			all = slices.Insert(all, 0, fmt.Sprintf("// In package %s:\n\n%s", dir, code))
			continue
		}
		all = append(all, code)
	}
	if len(all) > 1 {
		all[len(all)-1] = "// In package main or any other:\n\n" + all[len(all)-1]
	}
	return strings.Join(all, "\n")
}

func withoutImports(code string) string {
	_, code, _ = strings.Cut(code, "\n\n") // the package clause
	if strings.HasPrefix(code, "import ") {
		_, code, _ = strings.Cut(code, "\n\n")
		for strings.HasPrefix(code, "\t\"") { // a second group
			_, code, _ = strings.Cut(code, "\n\n")
		}
	}
	return code
}

// Lookup finds a kind by its ID, in small letters or capitals; nil if there is
// none.
func Lookup(id string) *Kind {
	for _, k := range catalogue {
		if strings.EqualFold(k.ID, id) {
			return k
		}
	}
	return nil
}

// Explain is the entry of the catalogue for a terminal.
func (k *Kind) Explain() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s%s\n\n  %s\n\n%s\n", k.ID, k.Title, k.note(), k.Form(), k.Why)
	if e := k.Example(); e != nil {
		fmt.Fprintf(&s, "\n%s Wrong:\n\n%s\nRight:\n\n%s", e.What, indent(e.Wrong), indent(e.Right))
	}
	return s.String()
}

func (k *Kind) note() string {
	if k.Warning {
		return " (warning)"
	}
	return ""
}

func indent(code string) string {
	var s strings.Builder
	for line := range strings.Lines(code) {
		if line != "\n" {
			s.WriteString("    ")
		}
		s.WriteString(line)
	}
	return s.String()
}

// Page is the catalogue as a page of documentation.
func Page() string {
	var s strings.Builder
	s.WriteString(`# Diagnostics

What rddgen, and rddvet through ` + "`go vet`" + `, say about pipelines. A finding has a position, what is wrong, and what to do:

    main.go:17:46: RDD101: function of Map captures limit (int): use With(limit), or rddgen -fix

Errors stop generation; warnings do not. ` + "`rddgen -why RDD101`" + ` prints an entry of this page, ` + "`rddgen -fix`" + ` makes the changes that
can be made mechanically. In the wording below, what differs from case to case stands in angle brackets. The page is
written by a test from the table in ` + "`gen/diag`" + `, and the examples are what tests run.

| ID | finding | |
|---|---|---|
`)
	for _, k := range Kinds() {
		fmt.Fprintf(&s, "| [%s](#%s) | %s |%s |\n", k.ID, strings.ToLower(k.ID), k.Title, k.note())
	}
	for _, k := range Kinds() {
		k.section(&s)
	}
	return s.String()
}

func (k *Kind) section(s *strings.Builder) {
	fmt.Fprintf(s, "\n## %s\n\n%s%s%s.\n\n    %s\n\n%s\n", k.ID, strings.ToUpper(k.Title[:1]), k.Title[1:], k.note(), k.Form(), k.Why)
	if e := k.Example(); e != nil {
		fmt.Fprintf(s, "\n%s Wrong:\n\n```go\n%s```\n\nRight:\n\n```go\n%s```\n", e.What, e.Wrong, e.Right)
	}
}
