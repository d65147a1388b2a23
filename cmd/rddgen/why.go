package main

import (
	"fmt"
	"io"

	"github.com/gordd-project/gordd/gen/diag"
)

// explainKind prints the entry of the catalogue for an ID.
func explainKind(id string, stdout, stderr io.Writer) int {
	k := diag.Lookup(id)
	if k == nil {
		_, _ = fmt.Fprintf(stderr, "rddgen: there is no finding %s: %s to %s are listed in docs/diagnostics.md\n",
			id, diag.Kinds()[0].ID, diag.Kinds()[len(diag.Kinds())-1].ID)
		return wrong
	}
	_, _ = io.WriteString(stdout, k.Explain())
	return ok
}
