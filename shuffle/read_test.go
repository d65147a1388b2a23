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
	"github.com/gordd-project/gordd/shuffle/block"
)

// smallOutput writes 3 partitions in 2 segments and returns the file's bytes too.
func smallOutput(t *testing.T, m uint32, compress bool) (*shuffle.Output, []byte) {
	t.Helper()
	cfg := shuffle.Config{Dir: t.TempDir(), Reduces: 3, Shuffle: 7, Map: m, Compress: compress, SegmentBytes: 1 << 10, BlockRows: 8}
	w := shuffle.NewWriter(cfg, typeOf[string](), shuffle.RoundRobin(0, 3))
	for i := range 40 {
		if err := w.Write(codec.RowsOf([]string{strings.Repeat(names(i), 3)})); err != nil {
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
		got, err := read[string](t, inMemory(out.Input(p), data))
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
	fails := func(in shuffle.Input) error {
		_, err := read[string](t, inMemory(in, data))
		return err
	}
	in := out.Input(0)
	in.Ranges[0], in.Ranges[1] = in.Ranges[1], in.Ranges[0]
	if err := fails(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("swapped segments: got %v", err)
	}
	in = out.Input(0)
	in.Ranges = out.Input(1).Ranges
	if err := fails(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another partition: got %v", err)
	}
	in = out.Input(0)
	in.Shuffle = 8
	if err := fails(in); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another shuffle: got %v", err)
	}
	_, err := read[int64](t, inMemory(out.Input(0), data))
	if !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("another row type: got %v", err)
	}
}

func TestReadOfAMissingFile(t *testing.T) {
	out, _ := smallOutput(t, 1, false)
	if err := os.Remove(out.Path); err != nil {
		t.Fatal(err)
	}
	_, err := read[string](t, out.Input(2))
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
	twice := shuffle.Read(t.Context(), []shuffle.Input{in, in}, typeOf[string]())
	if err := twice(func(codec.Rows) bool { return false }); err != nil || opened != 0 {
		t.Errorf("left early: %d open, %v", opened, err)
	}
	if _, err := collect(shuffle.Typed[string](twice)); err != nil || opened != 0 {
		t.Errorf("read to the end: %d open, %v", opened, err)
	}
	in.Open = func() (io.ReaderAt, io.Closer, error) {
		return bytes.NewReader(data), closer(func() error { return io.ErrClosedPipe }), nil
	}
	if _, err := read[string](t, in); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a failing close: got %v", err)
	}
}

type closer func() error

func (c closer) Close() error { return c() }

func TestOutputWithoutRows(t *testing.T) {
	w := shuffle.NewWriter(shuffle.Config{Dir: t.TempDir(), Reduces: 4}, typeOf[int](), shuffle.Single)
	out := must(w.Close())
	if out.Bytes != 0 || len(out.Sizes) != 4 {
		t.Errorf("got %+v", out)
	}
	if _, err := os.Stat(out.Path); err != nil {
		t.Error(err)
	}
	in := out.Input(3)
	in.Open = nil // nothing is opened for nothing
	if rows := must(read[int](t, in)); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBlocksStandAlone(t *testing.T) {
	typ := typeOf[string]()
	b := must(shuffle.EncodeBlock(nil, typ, codec.RowsOf([]string{"a", "", "c"}), true))
	got := typ.NewBuffer(1)
	got.Append(codec.RowsOf([]string{"before"}))
	if err := shuffle.DecodeBlock(got, typ, b); err != nil {
		t.Fatal(err)
	}
	if err := shuffle.DecodeBlock(got, typ, append(b, 0)); !errors.Is(err, shuffle.ErrCorrupt) {
		t.Errorf("a trailing byte: got %v", err)
	}
	if rows := codec.Slice[string](got.Rows()); !slices.Equal(rows, []string{"before", "a", "", "c"}) {
		t.Errorf("got %q", rows)
	}
	var buf bytes.Buffer
	w := block.NewWriter(&buf, block.ID{}, typ, false, 100)
	var want []string
	for i := range 500 {
		want = append(want, names(i))
		if err := w.Write(codec.RowsOf(want[i:])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil || w.Bytes() != int64(buf.Len()) {
		t.Fatal(w.Bytes(), buf.Len(), err)
	}
	r, all := block.NewReader(&buf, block.ID{}, typ, -1), typ.NewBuffer(0)
	for {
		err := r.Next(all)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(codec.Slice[string](all.Rows()), want) {
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
