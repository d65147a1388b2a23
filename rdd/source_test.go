package rdd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestDataSlices(t *testing.T) {
	for _, count := range []int{0, 1, 2, 3, 10, 1023, 1024, 1025, 5000} {
		for _, n := range []int{1, 2, 3, 7, 100} {
			rows := make([]int, count)
			for i := range rows {
				rows[i] = i
			}
			w := newWorld(t)
			parts := partitions[int](w, w.act(slice(w, n, rows...), Action{Op: CollectOp[int](), Call: here()}))
			if len(parts) != n {
				t.Fatalf("%d partitions, want %d", len(parts), n)
			}
			for i, got := range parts {
				if want := rows[i*count/n : (i+1)*count/n]; !slices.Equal(got, want) {
					t.Fatalf("%d rows in %d: partition %d has %d rows, want %d", count, n, i, len(got), len(want))
				}
			}
		}
	}
}

func TestDataThatDoesNotFit(t *testing.T) {
	w := newWorld(t)
	blob := w.blob([]byte("rows"))
	for _, ends := range [][]int64{{5}, {-1}, {3, 2}, {1 << 60}, {4}} {
		n := w.g.Source(DataOp[int](), here(), plan.Source{Data: &plan.Data{Blob: blob, Ends: ends}})
		f := w.fails(n, Action{Op: CountOp[int](), Call: here()})
		if !strings.Contains(f.Message, "of a blob of 4 bytes") && !strings.Contains(f.Message, "corrupt") {
			t.Errorf("ends %v: got %+v", ends, f)
		}
	}
	n := w.g.Source(DataOp[int](), here(), plan.Source{Data: &plan.Data{Blob: "missing", Ends: []int64{0}}})
	if f := w.fails(n, Action{Op: CountOp[int](), Call: here()}); !strings.HasPrefix(f.Message, "fetch the rows of Parallelize: ") {
		t.Errorf("got %+v", f)
	}
}

// rangeOf runs one partition of a range as far as most rows.
func rangeOf(t *testing.T, r plan.Range, partition, most int) (rows []int64) {
	t.Helper()
	run, err := RangeOp().Parts[""].(*SourcePart).open(&Task{}, &Input{spec: &plan.Source{Range: &r}, partition: partition})
	if err != nil {
		t.Fatal(err)
	}
	err = run(func(b any) bool {
		rows = append(rows, b.(*Rows[int64]).Rows...)
		return len(rows) < most
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestRange(t *testing.T) {
	for _, r := range []plan.Range{
		{From: 0, Step: 1, Count: 10, N: 3}, {From: 5, Step: -2, Count: 10, N: 4}, {From: 0, Step: 1, Count: 3000, N: 1},
		{Step: 1, Count: 2, N: 5}, {Step: 1, N: 3}, {From: math.MinInt64, Step: 1, Count: 5, N: 2}, {From: math.MaxInt64, Step: -1, Count: 5, N: 2},
		{Step: 0, Count: 4, N: 2},
	} {
		var got []int64
		for i := range r.N {
			part := rangeOf(t, r, i, math.MaxInt)
			if want := (int64(i)+1)*r.Count/int64(r.N) - int64(i)*r.Count/int64(r.N); int64(len(part)) != want {
				t.Errorf("%+v: partition %d has %d rows, want %d", r, i, len(part), want)
			}
			got = append(got, part...)
		}
		if int64(len(got)) != r.Count {
			t.Errorf("%+v: %d rows", r, len(got))
		}
		for i, v := range got {
			if v != r.From+int64(i)*r.Step {
				t.Fatalf("%+v: row %d is %d", r, i, v)
			}
		}
	}
	if _, err := RangeOp().Parts[""].(*SourcePart).open(nil, &Input{spec: &plan.Source{Range: &plan.Range{N: 3}}, partition: 3}); err == nil {
		t.Error("a partition beyond the last is there")
	}
}

// TestRangeHuge compares the first row of partitions with floor(i·count/n).
func TestRangeHuge(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	for range 2000 {
		r := plan.Range{From: 0, Step: 1, Count: math.MaxInt64 - rng.Int64N(1<<20), N: 1 + rng.IntN(plan.MaxPartitions)}
		i := rng.IntN(r.N)
		want := new(big.Int).Mul(big.NewInt(int64(i)), big.NewInt(r.Count))
		want.Div(want, big.NewInt(int64(r.N)))
		if got := rangeOf(t, r, i, 1)[0]; got != want.Int64() {
			t.Fatalf("%+v: partition %d begins at %d, want %s", r, i, got, want)
		}
	}
}

func TestTextSources(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "text")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.txt": "one\ntwo\r\n\nfour", "b.txt": "five\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := func(op *Op, f plan.Files) *Node {
		f.Paths = dir
		return w.g.Source(op, here(), plan.Source{Files: &f})
	}
	if got := collect[string](w, source(TextOp(), plan.Files{})); !slices.Equal(got, []string{"one", "two", "", "four", "five"}) {
		t.Errorf("got %q", got)
	}
	var places []string
	for _, l := range collect[Line](w, source(LinesOp(), plan.Files{})) {
		places = append(places, fmt.Sprintf("%s:%d:%s", filepath.Base(l.Path), l.Offset, l.Text))
	}
	if want := []string{"a.txt:0:one", "a.txt:4:two", "a.txt:9:", "a.txt:10:four", "b.txt:0:five"}; !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
	whole := collect[Pair[string, string]](w, source(WholeFilesOp(), plan.Files{Whole: true}))
	if len(whole) != 2 || filepath.Base(whole[0].Key) != "a.txt" || whole[0].Value != "one\ntwo\r\n\nfour" || whole[1].Value != "five\n" {
		t.Errorf("got %q", whole)
	}
	raw := collect[Pair[string, []byte]](w, source(BinaryFilesOp(), plan.Files{Whole: true}))
	if len(raw) != 2 || filepath.Base(raw[1].Key) != "b.txt" || string(raw[0].Value) != "one\ntwo\r\n\nfour" || string(raw[1].Value) != "five\n" {
		t.Errorf("got %q", raw)
	}
	// A file that is gone by the time it is read.
	n := source(TextOp(), plan.Files{})
	p := w.plan(n, Action{Op: CountOp[string](), Call: here()})
	task := w.task(&p.Stages[0], 0)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, f := w.r.Run(t.Context(), p, &p.Stages[0], task); f == nil || f.Class != plan.FailInput || filepath.Base(f.Path) != "a.txt" {
		t.Errorf("got %+v", f)
	}
}

// hostileWords are what fields are made of and split by, and nearly so.
var hostileWords = []string{
	" ", "\t", "\n", "\v", "\f", "\r", "\x1c", "\x1f", "\x00", "!", "a", "z", "~", "\x7f", "\x80", "\x85", "\xa0", "\xff", "\xc2", "\u0085", "\u00a0",
	"\u1680", "\u2000", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "é", "語", "😀", "\xe2\x80", "\xf0\x9f\x98", "abcdefgh", "        ",
}

func equalFields(s string) bool {
	return slices.Equal(slices.Collect(Fields(s)), slices.Collect(strings.FieldsSeq(s)))
}

func TestFieldsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	var b []byte
	for range n {
		b = b[:0]
		for range rng.IntN(12) {
			b = append(b, hostileWords[rng.IntN(len(hostileWords))]...)
		}
		if s := string(b); !equalFields(s) {
			t.Fatalf("%q: got %q, want %q", s, slices.Collect(Fields(s)), strings.Fields(s))
		}
	}
}

func TestFieldsEveryByte(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			s := []byte(strings.Repeat("a", 20))
			s[at] = byte(c)
			if !equalFields(string(s)) {
				t.Fatalf("%q", s)
			}
		}
	}
	for r := range rune(utf8.MaxRune) + 1 {
		if s := "a" + string(r) + "b"; !equalFields(s) {
			t.Fatalf("%q", s)
		}
	}
	for range Fields("a b c") {
		break
	}
}

func FuzzFields(f *testing.F) {
	f.Add("")
	f.Add(" one  two\u00a0three\x85 ")
	f.Fuzz(func(t *testing.T, s string) {
		if !equalFields(s) {
			t.Errorf("%q", s)
		}
	})
}

// Types with and without a text of their own.
type (
	word    string
	upper   string
	pointed struct{ n int }
)

func (u upper) MarshalText() ([]byte, error)    { return []byte(strings.ToUpper(string(u))), nil }
func (p *pointed) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "<%d>", p.n), nil }

func text[T any](t *testing.T, row T) string {
	t.Helper()
	f, err := textOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	b, err := f([]byte("> "), unsafe.Pointer(&row))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(b), "> ")
}

func TestTextFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{text(t, "a\tb"), "a\tb"}, {text(t, word("w")), "w"}, {text(t, []byte{0, 255}), "\x00\xff"},
		{text(t, true), "true"}, {text(t, false), "false"},
		{text(t, int(-1)), "-1"}, {text(t, int8(-128)), "-128"}, {text(t, int16(-300)), "-300"}, {text(t, int32(math.MinInt32)), "-2147483648"},
		{text(t, int64(math.MinInt64)), "-9223372036854775808"},
		{text(t, uint(1)), "1"}, {text(t, uint8(255)), "255"}, {text(t, uint16(65535)), "65535"}, {text(t, uint32(math.MaxUint32)), "4294967295"},
		{text(t, uint64(math.MaxUint64)), "18446744073709551615"},
		{text(t, float32(0.1)), "0.1"}, {text(t, 1e100), "1e+100"}, {text(t, math.NaN()), "NaN"}, {text(t, math.Inf(-1)), "-Inf"},
		{text(t, 'a'), "97"}, {text(t, time.Second), "1000000000"},
		{text(t, upper("abc")), "ABC"}, {text(t, pointed{3}), "<3>"}, {text(t, &pointed{4}), "<4>"}, {text(t, (*pointed)(nil)), ""},
		{text(t, big.NewInt(7)), "7"}, {text(t, *big.NewInt(8)), "8"}, {text(t, time.Unix(0, 0).UTC()), "1970-01-01T00:00:00Z"},
		{text(t, Pair[string, int]{Key: "k", Value: 1}), "k\t1"}, {text(t, Pair[upper, Pair[int8, bool]]{Key: "k", Value: Pair[int8, bool]{Key: 1, Value: true}}), "K\t1\ttrue"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	type pair struct{ Key, Value string }
	for _, err := range []error{
		noFormat[struct{ A int }](), noFormat[pair](), noFormat[[]string](), noFormat[map[string]int](), noFormat[*int](), noFormat[complex128](),
		noFormat[Pair[string, []int]](), noFormat[Pair[[]int, string]](), noFormat[any](),
	} {
		if err == nil || !strings.Contains(err.Error(), "have no text form: give typed.Format(func(row) string), or ") {
			t.Errorf("got %v", err)
		}
	}
}

func noFormat[T any]() error { return HasText(reflect.TypeFor[T]()) }

func TestSave(t *testing.T) {
	for compression, open := range map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	} {
		w := newWorld(t)
		a := Action{Op: SaveAsTextFileOp[Pair[string, int64]](), Call: here(), Output: &plan.Output{Compression: compression}}
		n := w.numbers(30_000, 2).Narrow(KeyByOp(func(n int64) string { return fmt.Sprint("k", n) }), here(), false)
		results := w.act(n, a)
		for i, r := range results {
			b, err := os.ReadFile(r.Staged.Path)
			if err != nil {
				t.Fatal(err)
			}
			if r.Rows != 15_000 || r.Staged.Rows != r.Rows || r.Staged.Bytes != int64(len(b)) || r.Counters.Output != int64(len(b)) || r.Staged.Sum == 0 {
				t.Errorf("partition %d: got %+v of %d bytes", i, r, len(b))
			}
			text, err := open(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for s := bufio.NewScanner(text); s.Scan(); lines++ {
				if want := fmt.Sprintf("k%[1]d\t%[1]d", i*15_000+lines); s.Text() != want {
					t.Fatalf("line %d is %q, want %q", lines, s.Text(), want)
				}
			}
			if lines != 15_000 {
				t.Errorf("%d lines", lines)
			}
		}
		again := w.act(n, a)
		if again[0].Sum != results[0].Sum || again[0].Sum == again[1].Sum {
			t.Error("equal files have other sums, or others the same")
		}
	}
}

func TestSaveRejects(t *testing.T) {
	w := newWorld(t)
	n := w.numbers(5000, 1).Narrow(MapOp(func(n int64) noText { return noText(n) }), here(), false)
	a := Action{Op: SaveAsTextFileOp[noText](), Call: here(), Output: &plan.Output{}, Policy: plan.Policy{Rows: plan.SkipRows}}
	r := w.act(n, a)[0]
	b, err := os.ReadFile(r.Staged.Path)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows != 4999 || r.Counters.Rejected != 1 || bytes.Contains(b, []byte("half")) || bytes.Count(b, []byte("\n")) != 4999 {
		t.Errorf("got %d rows, %d rejected, %d lines", r.Rows, r.Counters.Rejected, bytes.Count(b, []byte("\n")))
	}
	a.Output.Compression = "lzma"
	if f := w.fails(n, a); !strings.Contains(f.Message, "lzma") {
		t.Errorf("got %+v", f)
	}
	if left := w.files("out"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSaveFormat(t *testing.T) {
	w := newWorld(t)
	op := SaveAsTextFileOp(func(n int64) string { return fmt.Sprintf("<%d>", n) })
	r := w.act(w.numbers(3, 1), Action{Op: op, Call: here(), Output: &plan.Output{}})[0]
	if b, err := os.ReadFile(r.Staged.Path); err != nil || string(b) != "<0>\n<1>\n<2>\n" {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestTasksReadTheirRowsOnly of what was given to Parallelize: all of it may be
// large.
func TestTasksReadTheirRowsOnly(t *testing.T) {
	w := newWorld(t, func(o *RunnerOptions) {
		o.Blob = func(plan.Digest) ([]byte, error) { return nil, errors.New("a task wants it all") }
	})
	if got := collect[int](w, slice(w, 3, 1, 2, 3, 4, 5)); !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("got %v", got)
	}
}
