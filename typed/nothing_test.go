package typed_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// What was saved of no partitions is read as no rows, in each format.
func TestNothingSavedIsRead(t *testing.T) {
	s := open(t, typed.Options{})
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	pairs := s.Empty[string]().KeyBy(func(x string) string { return x })
	if err := errors.Join(s.Empty[string]().SaveAsTextFile(ctx, path("text")), s.Empty[int]().SaveAsObjectFile(ctx, path("objects")),
		typed.SaveAsSequenceFile(ctx, pairs, path("sequence"))); err != nil {
		t.Fatal(err)
	}
	text, err := s.TextFile(path("text"), typed.Partitions(7)).Collect(ctx)
	objects, err2 := typed.ObjectFile[int](s, path("objects")).Map(func(x int) int { return x + 1 }).Collect(ctx)
	sequence, err3 := typed.SequenceFile[string, string](s, path("sequence")).Count(ctx)
	words, err4 := s.TextFile(path("text")).KeyBy(func(x string) string { return x }).CountByKey(ctx)
	if err := errors.Join(err, err2, err3, err4); err != nil || len(text) != 0 || len(objects) != 0 || sequence != 0 || len(words) != 0 {
		t.Errorf("%q, %v, %d, %v: %v", text, objects, sequence, words, err)
	}
}
