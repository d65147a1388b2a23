// Package imports reads which Go packages import which: a graph that is on every
// machine that has Go.
package imports

import (
	"go/parser"
	"go/token"
	"iter"
	"path"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

// Of gives a pair for each import of a Go file: the package that imports and the one
// that is imported. Files that are no Go have none, and tests do not count.
func Of(files typed.PairRDD[string, string]) typed.PairRDD[string, string] {
	return files.FlatMapToPair(of)
}

func of(file, text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil || name == "C" { // which is no package
				continue
			}
			if !yield(pkg(file), name) {
				return
			}
		}
	}
}

// pkg is the path of a file's package, by which others import it: that below the last
// src/ or below a module's vendor/, or else just the directory's.
func pkg(file string) string {
	dir := path.Dir(file)
	for _, root := range []string{"/vendor/", "/src/"} {
		if i := strings.LastIndex(dir+"/", root); i >= 0 {
			return strings.TrimPrefix(dir[i:], root)
		}
	}
	return strings.TrimPrefix(dir, "file://")
}
