package main

import (
	"fmt"
	"io"

	"github.com/gordd-project/gordd/gen"
)

// fixed makes the changes that findings ask for, or shows them, and says what is
// left to be done by hand.
func fixed(patterns []string, o gen.Options, diff bool, stdout, stderr io.Writer) int {
	fixes, err := fixAll(patterns, o, diff, stdout)
	if err != nil {
		return failed(err, stderr)
	}
	for _, l := range fixes.Left {
		_, _ = fmt.Fprintf(stderr, "%s:%d:%d: not fixed: %s\n", relative(l.Pos.Filename), l.Pos.Line, l.Pos.Column, l.Why)
	}
	if len(fixes.Left) > 0 {
		return stale
	}
	return ok
}

func fixAll(patterns []string, o gen.Options, diff bool, stdout io.Writer) (gen.Fixes, error) {
	pkgs, err := load(patterns, o)
	if err != nil {
		return gen.Fixes{}, err
	}
	fixes := gen.Fix(pkgs)
	for i := range fixes.Files {
		f := &fixes.Files[i]
		if diff {
			_, _ = io.WriteString(stdout, f.Diff(relative(f.File)))
			continue
		}
		if err := f.Commit(); err != nil {
			return gen.Fixes{}, err
		}
		for _, made := range f.Fixes {
			_, _ = fmt.Fprintf(stdout, "%s:%d: %s\n", relative(f.File), made.Pos.Line, made.What)
		}
	}
	return fixes, nil
}
