//go:build linux

package chaos

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// text is an input with what a job has to make of it.
type text struct {
	path   string
	counts string // digest of its words with their counts, in order
	sorted string // digest of its lines, in order
	lines  int
}

// vocabulary is how many different words a text has.
const vocabulary = 50_000

// write makes a text of about a size, and computes the results by plain loops.
func write(path string, size int, seed uint64) (*text, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	words := make([]string, vocabulary)
	for i := range words {
		words[i] = strconv.FormatUint(rng.Uint64()|1<<63, 36)[:2+rng.IntN(9)]
	}
	var b bytes.Buffer
	b.Grow(size + 1024)
	for b.Len() < size {
		for range rng.IntN(16) {
			b.WriteString(words[int(math.Pow(vocabulary, rng.Float64()))-1]) // few words are frequent
			b.WriteByte(' ')
		}
		b.WriteByte('\n')
	}
	counts, sorted := counted(b.Bytes()), linesOf(b.Bytes())
	slices.SortFunc(sorted, bytes.Compare)
	return &text{path: path, counts: digest(counts), sorted: digest(sorted), lines: len(sorted)}, os.WriteFile(path, b.Bytes(), 0o666)
}

func linesOf(b []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

// counted gives the lines that a word count has to write, in order.
func counted(b []byte) (lines [][]byte) {
	n := map[string]int64{}
	for word := range bytes.FieldsSeq(b) {
		n[string(word)]++
	}
	for word, n := range n {
		lines = append(lines, fmt.Appendf(nil, "%s\t%d", word, n))
	}
	slices.SortFunc(lines, bytes.Compare)
	return lines
}

// digest names a sequence of lines.
func digest(lines [][]byte) string {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<20)
	for _, l := range lines {
		_, _ = w.Write(l)
		_ = w.WriteByte('\n')
	}
	_ = w.Flush()
	return fmt.Sprintf("%x", h.Sum(nil))
}

// check compares what a job wrote with what it should have written.
func (x *text) check(dir string, sort bool) error {
	if _, err := os.Stat(filepath.Join(dir, "_SUCCESS")); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	var all []byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	lines, want := linesOf(all), x.sorted
	if !sort {
		slices.SortFunc(lines, bytes.Compare)
		want = x.counts
	}
	if digest(lines) != want {
		return errWrong
	}
	return nil
}

// errWrong is the worst that can happen.
var errWrong = errors.New("the result is not that of a plain loop")

func TestText(t *testing.T) {
	dir := t.TempDir()
	x, err := write(filepath.Join(dir, "text"), 1000, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, err := write(filepath.Join(dir, "again"), 1000, 7)
	if err != nil {
		t.Fatal(err)
	}
	if again.path = x.path; *again != *x {
		t.Errorf("a seed gives %v and %v", x, again)
	}
	b, err := os.ReadFile(x.path)
	if err != nil {
		t.Fatal(err)
	}
	lines := linesOf(b)
	slices.SortFunc(lines, bytes.Compare)
	out := filepath.Join(dir, "out")
	put := func(name string, lines [][]byte) {
		t.Helper()
		if err := os.MkdirAll(out, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, name), append(bytes.Join(lines, []byte("\n")), '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	half := len(lines) / 2
	put("part-0", lines[:half])
	put("part-1", lines[half:])
	if err := x.check(out, true); err == nil {
		t.Error("a result without _SUCCESS is taken")
	}
	put("_SUCCESS", nil)
	if err := x.check(out, true); err != nil {
		t.Error(err)
	}
	if err := x.check(out, false); !errors.Is(err, errWrong) {
		t.Errorf("got %v of lines where counts should be", err)
	}
	put("part-1", append(lines[half:], lines[0]))
	if err := x.check(out, true); !errors.Is(err, errWrong) {
		t.Errorf("got %v of a line too many", err)
	}
	counts := counted(b)
	put("part-0", counts[1:])
	put("part-1", counts[:1])
	if err := x.check(out, false); err != nil {
		t.Errorf("counts in another order: %v", err)
	}
}
