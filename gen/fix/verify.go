package fix

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/gen/diag"
	"github.com/gordd-project/gordd/gen/scan"
)

// Code is a package as it is, or as it would be after changes.
type Code interface {
	// Findings scans and checks it.
	Findings() (*scan.Package, []diag.Diagnostic)
	// Text is that of a file, by its name; nil if a tool wrote it, such as cgo.
	Text(file string) []byte
	// Changed gives it with other texts of files. The error says why that is no
	// Go.
	Changed(texts map[string][]byte) (Code, error)
}

var errWritten = errors.New("a tool wrote the file: change what it is made from, or, where that was cgo, move the pipeline to a file that does not import C")

// rounds bounds how often a package is fixed: a fix may bring forth a finding
// that was hidden, as two operators of one type on a line, or be in the way of
// another.
const rounds = 8

// All makes all fixes that are right, and gives what the files are then, the
// fixes by file, and what is left.
func All(c Code) (now Code, done map[string][]Fix, left []Left) {
	done = map[string][]Fix{}
	for range rounds {
		found, before := c.Findings()
		var fixes []Fix
		fixes, left = Find(found, before)
		if len(fixes) == 0 {
			break
		}
		next, made, refused := apply(c, fixes, before)
		left = append(left, refused...)
		if next == nil {
			break
		}
		for _, f := range made {
			done[f.File] = append(done[f.File], f)
		}
		c = next
	}
	return c, done, left
}

// offers bounds the fixes that Each makes sure of.
const offers = 50

// Each gives the fixes that are right by themselves, with the line ends of their
// files.
func Each(c Code, found *scan.Package, before []diag.Diagnostic) []Fix {
	fixes, _ := Find(found, before)
	var all []Fix
	for _, f := range fixes[:min(len(fixes), offers)] {
		if _, _, err := with(c, []Fix{f}, before); err != nil {
			continue
		}
		f.Edits = inOrder(f.Edits)
		if bytes.Contains(c.Text(f.File), lineEnd) {
			for i := range f.Edits {
				e := &f.Edits[i]
				e.Text = strings.ReplaceAll(strings.ReplaceAll(e.Text, "\r\n", "\n"), "\n", "\r\n")
			}
		}
		all = append(all, f)
	}
	return all
}

// apply makes fixes: all at once, or, where that is not right, each that is right
// with those before it. The code is nil when none is.
func apply(c Code, fixes []Fix, before []diag.Diagnostic) (next Code, made []Fix, refused []Left) {
	next, _, err := with(c, fixes, before)
	if err == nil {
		return next, fixes, nil
	}
	next = nil
	for _, f := range fixes {
		try, after, err := with(c, append(slices.Clip(made), f), before)
		switch {
		case errors.Is(err, errWritten):
			refused = append(refused, Left{f.Pos, err.Error()})
			continue
		case err != nil:
			refused = append(refused, Left{f.Pos, "the change would not be right: " + err.Error()})
			continue
		}
		next, made, before = try, append(made, f), after
	}
	return next, made, refused
}

// with gives the code as it would be with fixes, and what is found there. The
// error says why it would not be right.
func with(c Code, fixes []Fix, before []diag.Diagnostic) (next Code, after []diag.Diagnostic, err error) {
	byFile := map[string][]Fix{}
	for _, f := range fixes {
		byFile[f.File] = append(byFile[f.File], f)
	}
	texts := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		src := c.Text(name)
		if src == nil {
			return nil, nil, errWritten
		}
		text, err := Apply(src, byFile[name])
		if err != nil {
			return nil, nil, err
		}
		texts[name] = text
	}
	next, err = c.Changed(texts)
	if err != nil {
		return nil, nil, err
	}
	_, after = next.Findings()
	return next, after, better(before, after)
}

// better says what is wrong with the findings after a change: an error of a kind
// that was not there so often, or of no kind fewer.
func better(before, after []diag.Diagnostic) error {
	old, now := count(before), count(after)
	fewer := false
	for k, n := range old {
		fewer = fewer || now[k] < n
	}
	for _, d := range after {
		if now[d.Kind] > old[d.Kind] && !follows(d.Kind, old, now) {
			return errors.New(d.Kind.ID + ": " + d.Message)
		}
	}
	if !fewer {
		return errors.New("as much is found as before")
	}
	return nil
}

func count(all []diag.Diagnostic) map[*diag.Kind]int {
	n := map[*diag.Kind]int{}
	for _, d := range all {
		if !d.Kind.Warning {
			n[d.Kind]++
		}
	}
	return n
}

// follows says whether errors of a kind show only when another is gone, and are
// fixed then.
func follows(k *diag.Kind, old, now map[*diag.Kind]int) bool {
	switch k {
	case diag.SameLine:
		return true
	case diag.Captures:
		return now[diag.UnknownFunction] < old[diag.UnknownFunction]
	}
	return k.Warning
}
