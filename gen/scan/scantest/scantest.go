// Package scantest scans sources that tests have as texts, without starting the
// go command.
//
// The packages see a small package typed, which has what such tests use: the
// declarations of some operators, without what they do. Of the standard library
// there is none.
package scantest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/gen/api"
	"github.com/gordd-project/gordd/gen/scan"
)

const typed = `package typed

type Session struct{}

type RDD[T any] struct{ s *Session }

type PairRDD[K comparable, V any] struct{ s *Session }

type RDDWith[E, T any] struct{ r RDD[T] }

func (s *Session) Range(n int) (r RDD[int]) { return }

func (r RDD[T]) Map[U any](f func(T) U) (out RDD[U]) { return }

func (r RDD[T]) Filter(keep func(T) bool) RDD[T] { return r }

func (r RDD[T]) MapToPair[K comparable, V any](f func(T) (K, V)) (out PairRDD[K, V]) { return }

func (r RDD[T]) Union(others ...RDD[T]) RDD[T] { return r }

func (r RDD[T]) With[E any](value E) (out RDDWith[E, T]) { return }

func (r RDD[T]) Count() int64 { return 0 }

func (r RDD[T]) Collect() []T { return nil }

func (w RDDWith[E, T]) Map[U any](f func(E, T) U) (out RDD[U]) { return }

func (w RDDWith[E, T]) Filter(keep func(E, T) bool) (out RDD[T]) { return }

func (p PairRDD[K, V]) ReduceByKey(f func(a, b V) V) PairRDD[K, V] { return p }

func (p PairRDD[K, V]) Keys() (out RDD[K]) { return }

func Distinct[T comparable](r RDD[T]) RDD[T] { return r }
`

// Source is a file of a package.
type Source struct{ Path, File, Text string }

// Scan scans the last package of some; those before it are what it may import,
// beside the others. Sources of one path are one package.
func Scan(t testing.TB, sources ...Source) *scan.Package {
	t.Helper()
	w := world{t: t, fset: token.NewFileSet(), known: map[string]*types.Package{}, files: map[string][]*ast.File{}}
	all := append([]Source{{api.Typed, "typed.go", typed}}, sources...)
	texts := map[string][]byte{}
	var paths []string
	for _, src := range all {
		name := cmp.Or(src.File, "p.go")
		f, err := parser.ParseFile(w.fset, name, src.Text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(paths, src.Path) {
			paths = append(paths, src.Path)
		}
		w.files[src.Path] = append(w.files[src.Path], f)
		texts[name] = []byte(src.Text)
	}
	var in scan.Input
	for _, path := range paths {
		in = w.check(path)
	}
	in.Texts = texts
	in.SSA = scan.BuildSSA(w.fset, in.Types, in.Files, in.Info)
	return scan.Find(in)
}

type world struct {
	t     testing.TB
	fset  *token.FileSet
	known map[string]*types.Package
	files map[string][]*ast.File
}

// Import gives a package that was checked before.
func (w *world) Import(path string) (*types.Package, error) {
	if p := w.known[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s: there are %v", path, slices.Sorted(maps.Keys(w.known)))
}

func (w *world) check(path string) scan.Input {
	w.t.Helper()
	in := scan.Input{Fset: w.fset, Files: w.files[path], Info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}}
	conf := types.Config{Importer: w, GoVersion: "go1.27"}
	p, err := conf.Check(path, w.fset, in.Files, in.Info)
	if err != nil {
		w.t.Fatal(err)
	}
	in.Types, w.known[path] = p, p
	return in
}
