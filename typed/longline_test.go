package typed_test

import (
	"bufio"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// withLongLine writes words, a line of some size in their middle.
func withLongLine(t *testing.T, words, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.txt")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range words {
		_, _ = fmt.Fprintf(w, "word number %d\n", i)
		if i == words-10 {
			_, _ = fmt.Fprintln(w, strings.Repeat("x", size))
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLongLinesAreInTheBudget: what a task holds beside a long line is spilled,
// and a line that is too long for its memory says so.
func TestLongLinesAreInTheBudget(t *testing.T) {
	const words = 300_000
	var spilled int64
	s := open(t, typed.Options{Cores: 1, Memory: 16 << 20, Observe: func(st plan.ActionStatus) {
		spilled = 0
		for _, stage := range st.Stages {
			spilled += stage.Counters.Spilled
		}
	}})
	counted := func(path string) (int64, error) {
		// Keys that do not repeat would not be combined.
		return s.TextFile(path, typed.Partitions(1)).
			FlatMap(func(line string) iter.Seq[string] {
				return slices.Values(slices.Repeat([]string{line[:min(len(line), 40)]}, 10))
			}).
			MapToPair(func(key string) (string, int) { return key, 1 }).
			ReduceByKey(func(a, b int) int { return a + b }).Count(ctx)
	}
	moved := func(path string) (int64, error) {
		return s.TextFile(path, typed.Partitions(1)).Map(func(line string) string { return line[:min(len(line), 40)] }).Repartition(2).Count(ctx)
	}
	for name, run := range map[string]func(string) (int64, error){"combined": counted, "written": moved} {
		n, err := run(withLongLine(t, words, 100))
		if n != words+1 || err != nil {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		before := spilled
		n, err = run(withLongLine(t, words, 7<<20))
		if n != words+1 || err != nil || spilled <= before {
			t.Errorf("%s: %d rows, %d bytes spilled, %d without the line, %v", name, n, spilled, before, err)
		}
		_, err = run(withLongLine(t, words, 30<<20))
		if err == nil || !strings.Contains(err.Error(), "no memory for a line of more than ") || !strings.Contains(err.Error(), "in.txt") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// A sink that has nothing to spill.
	n, err := s.TextFile(withLongLine(t, 10, 5<<20)).Count(ctx)
	if n != 11 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
}
