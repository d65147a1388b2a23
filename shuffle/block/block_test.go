package block_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
	"github.com/gordd-project/gordd/shuffle/weight"
)

type row struct {
	Name string
	N    int64
	Tags []string
}

func typeOf[T any](t testing.TB) *codec.Type {
	t.Helper()
	typ, err := codec.TypeOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func decode[T any](t testing.TB, b []byte) ([]T, error) {
	t.Helper()
	typ := typeOf[T](t)
	d, rows := block.Decoder{Type: typ}, typ.NewBuffer(0)
	err := d.Decode(rows, id, b)
	return codec.Slice[T](rows.Rows()), err
}

var id = block.ID{Shuffle: 1, Map: 2, Reduce: 3, Segment: 4, Seq: 5}

func encode[T any](t testing.TB, rows []T, compress bool) []byte {
	t.Helper()
	e := block.Encoder{Type: typeOf[T](t), Compress: compress}
	b, _, err := e.Append(nil, id, codec.RowsOf(rows))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHeader(t *testing.T) {
	b := encode(t, []int64{7, 8}, false)
	h, err := block.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if h.Rows != 2 || h.Raw != 16 || h.Stored != 16 || h.Compressed || h.Shuffle != 1 || h.Map != 2 || h.Reduce != 3 {
		t.Errorf("got %+v", h)
	}
	if want := []byte{'B', 'k', 1, 0}; !bytes.Equal(b[:4], want) {
		t.Errorf("begins with % x, want % x", b[:4], want)
	}
	if want := xxh3.HashSeed(b[block.HeaderSize:], xxh3.HashSeed(b[:32], 4<<32|5)); h.Sum != want {
		t.Errorf("checksum %x, want %x", h.Sum, want)
	}
	if got, want := id.String(), "s1/m2/p3 block 4.5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompression(t *testing.T) {
	same := slices.Repeat([]string{"again and again"}, 1000)
	packed := encode(t, same, true)
	if plain := encode(t, same, false); len(packed) > len(plain)/4 {
		t.Errorf("%d bytes packed, %d plain", len(packed), len(plain))
	}
	got, err := decode[string](t, packed)
	if err != nil || !slices.Equal(got, same) {
		t.Errorf("%d rows, %v", len(got), err)
	}
	zeros := make([]byte, 64<<20) // packs better than a reader would believe
	if got, err := decode[[]byte](t, encode(t, [][]byte{zeros}, true)); err != nil || len(got[0]) != len(zeros) {
		t.Errorf("%d rows, %v", len(got), err)
	}
}

// seal makes the checksum of tampered bytes right again.
func seal(b []byte) []byte {
	binary.LittleEndian.PutUint64(b[32:], xxh3.HashSeed(b[block.HeaderSize:], xxh3.HashSeed(b[:32], uint64(id.Segment)<<32|uint64(id.Seq))))
	return b
}

func TestHostileHeaders(t *testing.T) {
	le := binary.LittleEndian
	for name, tamper := range map[string]func(b []byte) []byte{
		"short":            func(b []byte) []byte { return b[:39] },
		"magic":            func(b []byte) []byte { b[0]++; return b },
		"version":          func(b []byte) []byte { b[2]++; return b },
		"compression":      func(b []byte) []byte { b[3] = 2; return b },
		"schema":           func(b []byte) []byte { b[4]++; return b },
		"no rows":          func(b []byte) []byte { le.PutUint32(b[20:], 0); return b },
		"more rows":        func(b []byte) []byte { le.PutUint32(b[20:], 1<<20); return b },
		"too many rows":    func(b []byte) []byte { le.PutUint32(b[20:], 1<<25); return b },
		"raw and stored":   func(b []byte) []byte { le.PutUint32(b[24:], 1<<29); return b },
		"stored too large": func(b []byte) []byte { le.PutUint32(b[28:], 1<<31); return b },
		"not compressed":   func(b []byte) []byte { b[3] = 1; return b },
		"a bomb": func(b []byte) []byte {
			b[3] = 1
			le.PutUint32(b[24:], 1<<30)
			return append(b[:40:40], binary.AppendUvarint(nil, 1<<30)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := tamper(encode(t, []row{{"x", 1, nil}, {"y", 2, []string{"z"}}}, false))
			if len(b) >= block.HeaderSize {
				le.PutUint32(b[28:], max(uint32(len(b)-block.HeaderSize), le.Uint32(b[28:])&(1<<31)))
				b = seal(b)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := decode[row](t, b)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, block.ErrCorrupt) || len(rows) != 0 {
				t.Errorf("got %d rows, %v", len(rows), err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

func TestReaderOfAFalseLengthAllocatesLittle(t *testing.T) {
	b := encode(t, []int64{1}, false)
	binary.LittleEndian.PutUint32(b[24:], 1<<30)
	binary.LittleEndian.PutUint32(b[28:], 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := block.NewReader(bytes.NewReader(b), id, typeOf[int64](t), -1).Next(typeOf[int64](t).NewBuffer(0))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, block.ErrCorrupt) || got > 4<<20 {
		t.Errorf("%d bytes allocated, %v", got, err)
	}
}

func TestStreamSurvivesShortReads(t *testing.T) {
	var buf bytes.Buffer
	w := block.NewWriter(&buf, id, typeOf[row](t), true, 200)
	var want []row
	for i := range 300 {
		want = append(want, row{strings.Repeat("n", i%50), int64(i), make([]string, i%4)})
	}
	want[7].Name = strings.Repeat("large", 100_000)
	for part := range slices.Chunk(want, 11) {
		if err := w.Write(codec.RowsOf(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.Reader{
		"whole":    bytes.NewReader(buf.Bytes()),
		"halves":   iotest.HalfReader(bytes.NewReader(buf.Bytes())),
		"data+EOF": iotest.DataErrReader(bytes.NewReader(buf.Bytes())),
	} {
		r := block.NewReader(src, id, typeOf[row](t), int64(buf.Len()))
		r.ReadAhead(1000)
		all := typeOf[row](t).NewBuffer(0)
		for {
			err := r.Next(all)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(name, err)
			}
		}
		got := codec.Slice[row](all.Rows())
		if !reflect.DeepEqual(got, want) || r.Consumed() != int64(buf.Len()) || r.Block().Seq < 20 {
			t.Errorf("%s: %d rows in %d bytes up to %v", name, len(got), r.Consumed(), r.Block())
		}
	}
	r := block.NewReader(iotest.TimeoutReader(iotest.OneByteReader(&buf)), id, typeOf[row](t), -1)
	if err := r.Next(typeOf[row](t).NewBuffer(0)); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a read error: got %v", err)
	}
}

func TestWriterReportsWriteErrors(t *testing.T) {
	_, w := io.Pipe()
	_ = w.CloseWithError(io.ErrNoProgress)
	bw := block.NewWriter(w, id, typeOf[int](t), false, 10)
	if err := bw.Write(codec.RowsOf([]int{1, 2, 3})); err == nil {
		t.Error("no error")
	}
}

func cutter(typ *codec.Type, rows, bytes int) block.Cutter {
	return block.Cutter{Rows: rows, Bytes: bytes, Type: typ, Weigh: weight.NewWeigher(typ.Reflect())}
}

func TestCutter(t *testing.T) {
	cut := cutter(typeOf[string](t), 4, 100)
	big := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		rows []string
		want int
	}{
		{nil, 0},
		{[]string{"a", "b"}, 2},
		{[]string{"a", "b", "c", "d", "e"}, 4},
		{[]string{big, "b"}, 1},
		{[]string{"a", big, "b"}, 2},
	} {
		if got := cut.Next(codec.RowsOf(tt.rows)); got != tt.want {
			t.Errorf("%d rows: cut after %d, want %d", len(tt.rows), got, tt.want)
		}
	}
	if got := cutter(typeOf[struct{}](t), 9, 1).Next(codec.RowsOf(make([]struct{}, 5))); got != 1 {
		t.Errorf("empty rows: cut after %d", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, []row{{"x", 1, nil}}, false)[:], true)
	f.Add(encode(f, slices.Repeat([]row{{"some text", 2, []string{"a", ""}}}, 30), true), false)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed && len(b) >= block.HeaderSize {
			b = seal(slices.Clone(b))
		}
		rows, err := decode[row](t, b)
		if err != nil {
			if !errors.Is(err, block.ErrCorrupt) || len(rows) != 0 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			return
		}
		again, err := decode[row](t, encode(t, rows, false))
		if err != nil || !reflect.DeepEqual(rows, again) {
			t.Fatalf("rows do not survive: %v", err)
		}
	})
}

func FuzzReader(f *testing.F) {
	b := encode(f, []row{{"x", 1, nil}}, false)
	f.Add(append(b, b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := block.NewReader(bytes.NewReader(b), id, typeOf[row](t), -1)
		rows := typeOf[row](t).NewBuffer(0)
		for {
			if err := r.Next(rows); err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, block.ErrCorrupt) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}
