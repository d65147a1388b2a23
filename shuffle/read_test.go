package shuffle_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// smallOutput writes 3 partitions in 2 segments and returns the file's bytes too.
func smallOutput(t *testing.T, m uint32, compress bool) (*shuffle.Output, []byte) {
	t.Helper()
	cfg := shuffle.Config{Dir: t.TempDir(), Reduces: 3, Shuffle: 7, Map: m, Compress: compress, SegmentBytes: 1 << 10, BlockRows: 8}
	w := shuffle.NewWriter(cfg, must(codec.For[string]()), shuffle.RoundRobin[string](0, 3))
	for i := range 40 {
		if err := w.Write([]string{strings.Repeat(names(i), 3)}); err != nil {
			t.Fatal(err)
		}
	}
	out := must(w.Close())
	if len(out.Segments) < 2 {
		t.Fatalf("%d segments", len(out.Segments))
	}
	return out, must(os.ReadFile(out.Path))
}

// inMemory makes the input read data in place of the file.
func inMemory(in shuffle.Input, data []byte) shuffle.Input {
	in.Open = func() (io.ReaderAt, io.Closer, error) {
		return bytes.NewReader(data), io.NopCloser(nil), nil
	}
	return in
}

func readAll(t *testing.T, out *shuffle.Output, data []byte) ([][]string, error) {
	t.Helper()
	var rows [][]string
	for p := range out.Sizes {
		got, err := collect(shuffle.Read(t.Context(), []shuffle.Input{inMemory(out.Input(p), data)}, must(codec.For[string]())))
		if err != nil {
			return rows, err
		}
		rows = append(rows, got)
	}
	return rows, nil
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for _, compress := range []bool{false, true} {
		out, data := smallOutput(t, 1, compress)
		if _, err := readAll(t, out, data); err != nil {
			t.Fatal(err)
		}
		for i := range data {
			for bit := range 8 {
				bad := slices.Clone(data)
				bad[i] ^= 1 << bit
				_, err := readAll(t, out, bad)
				var fetch *shuffle.FetchError
				if !errors.As(err, &fetch) || !errors.Is(err, shuffle.ErrCorrupt) {
					t.Fatalf("bit %d of byte %d flipped: got %v", bit, i, err)
				}
				if fetch.Shuffle != 7 || fetch.Map != 1 || fetch.Path != out.Path {
					t.Fatalf("the error names %+v", fetch)
				}
			}
		}
	}
}

func TestEveryCutIsFound(t *testing.T) {
	out, data := smallOutput(t, 1, false)
	for n := range data {
		if _, err := readAll(t, out, data[:n]); !errors.Is(err, shuffle.ErrCorrupt) {
			t.Fatalf("cut to %d bytes of %d: got %v", n, len(data), err)
		}
	}
}

func TestBlocksInTheWrongPlaceAreFound(t *testing.T) {
	out, data := smallOutput(t, 1, false)
	other, foreign := smallOutput(t, 2, false)
	if !slices.Equal(out.Sizes, other.Sizes) {
		t.Fatal("outputs differ in size")
	}
	if _, err := readAll(t, out, foreign); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("the file of another map task: got %v", err)
	}
	read := func(in shuffle.Input) error {
		_, err := collect(shuffle.Read(t.Context(), []shuffle.Input{inMemory(in, data)}, must(codec.For[string]())))
		return err
	}
	in := out.Input(0)
	in.Ranges[0], in.Ranges[1] = in.Ranges[1], in.Ranges[0]
	if err := read(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("swapped segments: got %v", err)
	}
	in = out.Input(0)
	in.Ranges = out.Input(1).Ranges
	if err := read(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another partition: got %v", err)
	}
	in = out.Input(0)
	in.Shuffle = 8
	if err := read(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another shuffle: got %v", err)
	}
	_, err := collect(shuffle.Read(t.Context(), []shuffle.Input{inMemory(out.Input(0), data)}, must(codec.For[int64]())))
	if !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another row type: got %v", err)
	}
}

func TestReadOfAMissingFile(t *testing.T) {
	out, _ := smallOutput(t, 1, false)
	if err := os.Remove(out.Path); err != nil {
		t.Fatal(err)
	}
	_, err := collect(shuffle.Read(t.Context(), []shuffle.Input{out.Input(2)}, must(codec.For[string]())))
	var fetch *shuffle.FetchError
	if !errors.As(err, &fetch) || !errors.Is(err, os.ErrNotExist) || errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if want := "fetch block s7/m1/p2 from " + out.Path; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, want it to begin with %q", err, want)
	}
}

func TestReadClosesWhatItOpens(t *testing.T) {
	out, data := smallOutput(t, 1, false)
	opened := 0
	in := out.Input(0)
	in.Open = func() (io.ReaderAt, io.Closer, error) {
		opened++
		return bytes.NewReader(data), closer(func() error { opened--; return nil }), nil
	}
	read := shuffle.Read(t.Context(), []shuffle.Input{in, in}, must(codec.For[string]()))
	if err := read(func([]string) bool { return false }); err != nil || opened != 0 {
		t.Errorf("left early: %d open, %v", opened, err)
	}
	if _, err := collect(read); err != nil || opened != 0 {
		t.Errorf("read to the end: %d open, %v", opened, err)
	}
	in.Open = func() (io.ReaderAt, io.Closer, error) {
		return bytes.NewReader(data), closer(func() error { return io.ErrClosedPipe }), nil
	}
	if _, err := collect(shuffle.Read(t.Context(), []shuffle.Input{in}, must(codec.For[string]()))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a failing close: got %v", err)
	}
}

type closer func() error

func (c closer) Close() error { return c() }

func TestOutputWithoutRows(t *testing.T) {
	w := shuffle.NewWriter(shuffle.Config{Dir: t.TempDir(), Reduces: 4}, must(codec.For[int]()), shuffle.Single[int])
	out := must(w.Close())
	if out.Bytes != 0 || len(out.Sizes) != 4 {
		t.Errorf("got %+v", out)
	}
	if _, err := os.Stat(out.Path); err != nil {
		t.Error(err)
	}
	in := out.Input(3)
	in.Open = nil // nothing is opened for nothing
	if rows := must(collect(shuffle.Read(t.Context(), []shuffle.Input{in}, must(codec.For[int]())))); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBlocksStandAlone(t *testing.T) {
	c := must(codec.For[string]())
	rows := []string{"a", "", "c"}
	b := must(shuffle.EncodeBlock(nil, c, rows, true))
	got := must(shuffle.DecodeBlock([]string{"before"}, c, b))
	if want := []string{"before", "a", "", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := shuffle.DecodeBlock(nil, c, append(b, 0)); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("a trailing byte: got %v", err)
	}
	var buf bytes.Buffer
	w := shuffle.NewBlockWriter(&buf, c, false, 100)
	var want []string
	for i := range 500 {
		want = append(want, names(i))
		if err := w.Write(want[i:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil || w.Bytes() != int64(buf.Len()) {
		t.Fatal(w.Bytes(), buf.Len(), err)
	}
	r := shuffle.NewBlockReader(&buf, c, -1)
	var all []string
	for {
		next, err := r.Next(all)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = next
	}
	if !slices.Equal(all, want) {
		t.Error("rows differ")
	}
}

func TestMemoryIsShared(t *testing.T) {
	m := shuffle.NewMemory(100)
	a := m.Open("a")
	if !a.Grow(100) || a.Grow(1) {
		t.Error("a lone account gets all and no more")
	}
	b := m.Open("b")
	if !b.Grow(25) {
		t.Error("a new account gets half its share even when nothing is left")
	}
	if b.Grow(1) {
		t.Error("more than half its share has to be free")
	}
	a.Shrink(80)
	if a.Used() != 20 || !b.Grow(25) || b.Grow(1) {
		t.Error("what is free goes to those below their share, up to it")
	}
	b.Force(1000)
	if m.Peak() != 1070 || m.Used() != 1070 || m.Limit() != 100 {
		t.Errorf("peak %d, used %d", m.Peak(), m.Used())
	}
	b.Close()
	b.Close()
	if m.Used() != 20 || !a.Grow(80) {
		t.Error("a closed account gives everything back")
	}
	var none *shuffle.Account
	none.Force(1)
	if !none.Grow(1<<60) || none.Used() != 0 {
		t.Error("no account has no limit")
	}
}
