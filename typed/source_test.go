package typed_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// TestSourcesLookAnew: an RDD is what its paths held at its first action. One
// made later sees what was written meanwhile.
func TestSourcesLookAnew(t *testing.T) {
	s, dir := open(t, typed.Options{}), t.TempDir()
	count := func(r typed.RDD[string], want int64) {
		t.Helper()
		if got, err := r.Count(t.Context()); got != want || err != nil {
			t.Errorf("%d lines, %v, want %d", got, err, want)
		}
	}
	fill := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fill("a", "1\n2\n")
	first := s.TextFile(dir)
	count(first, 2)
	fill("b", "3\n4\n5\n")
	count(first, 2)
	count(s.TextFile(dir), 5)
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	count(s.TextFile(dir), 2)
	count(first.Union(s.TextFile(dir)), 4)
}

// TestReadsWhatItOverwrote is a loop whose rounds read what the last one wrote.
func TestReadsWhatItOverwrote(t *testing.T) {
	s, out := open(t, typed.Options{}), filepath.Join(t.TempDir(), "out")
	for round := range int64(3) {
		if err := s.Range(10*round+1).SaveAsTextFile(t.Context(), out, typed.Overwrite()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.TextFile(out).Count(t.Context()); got != 10*round+1 || err != nil {
			t.Errorf("round %d: %d lines, %v", round, got, err)
		}
	}
}
