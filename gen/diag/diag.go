// Package diag is what the generator tells users about their code: findings at
// positions, and the catalogue of what there is to find.
//
// A finding is of a [Kind]: the catalogue has for each its identity, the wording
// and the remedy that messages are made of, and an explanation. Messages and
// documentation come from the same table.
package diag

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Diagnostic is a finding at a position.
type Diagnostic struct {
	Kind    *Kind
	Pos     token.Position
	At      token.Pos // the same, in the file set
	Message string    // wording: remedy
}

// Text writes the diagnostic, with the file as given.
func (d Diagnostic) Text(file string) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", file, d.Pos.Line, d.Pos.Column, d.Kind.ID, d.Message)
}

// List collects diagnostics.
type List struct {
	fset *token.FileSet
	all  []Diagnostic
}

// NewList makes an empty list for positions of a file set.
func NewList(fset *token.FileSet) *List { return &List{fset: fset} }

// Report adds a finding. The arguments are those that the kind lists.
func (l *List) Report(pos token.Pos, k *Kind, args ...any) {
	l.all = append(l.all, Diagnostic{Kind: k, Pos: l.fset.Position(pos), At: pos, Message: k.Message(args...)})
}

// Sorted gives the findings in order of their positions, each once.
func (l *List) Sorted() []Diagnostic {
	slices.SortFunc(l.all, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Kind.ID, b.Kind.ID), cmp.Compare(a.Message, b.Message))
	})
	l.all = slices.Compact(l.all)
	return l.all
}
