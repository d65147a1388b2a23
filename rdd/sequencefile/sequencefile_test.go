package sequencefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

type record struct{ key, value string }

// write makes a file; how is a codec's name, or none.
func write(t testing.TB, how string, records ...record) []byte {
	t.Helper()
	var b bytes.Buffer
	h := Header{Key: hadoop + "Text", Value: hadoop + "BytesWritable"}
	h.Codec, _ = CodecOf(how)
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Append([]byte(r.key), []byte(r.value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// byRecord makes a file that is compressed by record, with markers now and then: no
// Writer writes such.
func byRecord(t testing.TB, how string, every int, records ...record) []byte {
	t.Helper()
	class, _ := CodecOf(how)
	c, err := codecOf(class)
	if err != nil {
		t.Fatal(err)
	}
	h := Header{Key: "k", Value: "v", Codec: class, marker: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
	out := h.append(nil)
	z, err := c.writer()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if i%every == 0 {
			out = append(binary.BigEndian.AppendUint32(out, escape), h.marker[:]...)
		}
		var value bytes.Buffer
		z.Reset(&value)
		_, err := z.Write([]byte(r.value))
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(r.key)+value.Len()))
		out = binary.BigEndian.AppendUint32(out, uint32(len(r.key)))
		out = append(append(out, r.key...), value.Bytes()...)
	}
	return out
}

// read reads the records of a part.
func read(file []byte, from, to int64) (records []record, err error) {
	r, err := Open(bytes.NewReader(file), Options{From: from, To: to, Size: int64(len(file))})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		key, value, at, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if at < 0 || at > int64(len(file)) {
			return nil, fmt.Errorf("a record at %d of %d", at, len(file))
		}
		if err != nil {
			return records, err
		}
		records = append(records, record{string(key), string(value)})
	}
}

// Parts that cover a file give every record once and in order, wherever it is cut.
func TestRoundTrip(t *testing.T) {
	for _, how := range []string{"", "zlib", "gzip", "zstd", "record"} {
		t.Run("compressed by "+how, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				large := rapid.SampledFrom([]int{0, 10, 70_000, 400_000}).Draw(rt, "large")
				some := rapid.Custom(func(rt *rapid.T) record {
					v := rapid.String().Draw(rt, "value")
					return record{rapid.String().Draw(rt, "key"), strings.Repeat("v", rapid.IntRange(0, large).Draw(rt, "more")) + v}
				})
				records := rapid.SliceOfN(some, 0, 30).Draw(rt, "records")
				var file []byte
				if how == "record" {
					file = byRecord(t, "zlib", rapid.IntRange(1, 9).Draw(rt, "every"), records...)
				} else {
					file = write(t, how, records...)
				}
				cuts := rapid.SliceOfN(rapid.Int64Range(0, int64(len(file))), 0, 12).Draw(rt, "cuts")
				cuts = append(cuts, 0, int64(len(file)))
				slices.Sort(cuts)
				var got []record
				for i := range cuts[1:] {
					some, err := read(file, cuts[i], cuts[i+1])
					if err != nil {
						rt.Fatal(err)
					}
					got = append(got, some...)
				}
				if !slices.Equal(got, records) {
					rt.Fatalf("%d records of %d, cut at %v", len(got), len(records), cuts)
				}
			})
		})
	}
}

// Each byte of a small file is a place to cut.
func TestAnyTwoParts(t *testing.T) {
	records := []record{{"a", "one"}, {"b", "two"}, {"c", ""}, {"", "four"}, {"e", "five"}}
	for name, file := range map[string][]byte{
		"plain": write(t, "", records...), "blocks": write(t, "zlib", records...), "records": byRecord(t, "gzip", 2, records...),
	} {
		split := 0
		for at := range int64(len(file) + 1) {
			first, err := read(file, 0, at)
			second, err2 := read(file, at, int64(len(file)))
			if got := slices.Concat(first, second); !slices.Equal(got, records) || err != nil || err2 != nil {
				t.Fatalf("%s cut at %d: %v, %v, %v", name, at, got, err, err2)
			}
			if len(first) > 0 && len(second) > 0 {
				split++
			}
		}
		if name == "records" && split == 0 {
			t.Error("no cut gives both parts some")
		}
	}
}

// Large files have markers that parts begin at.
func TestMarkersAreWritten(t *testing.T) {
	records := make([]record, 3000)
	for i := range records {
		records[i] = record{fmt.Sprint(i), strings.Repeat(fmt.Sprint(i, " "), 200)}
	}
	for _, how := range []string{"", "zlib"} {
		file := write(t, how, records...)
		half, err := read(file, 0, int64(len(file))/2)
		if err != nil || len(half) < 100 || len(half) > 2900 {
			t.Errorf("%q: %d records in the first half, %v", how, len(half), err)
		}
	}
	if plain, zipped := len(write(t, "", records...)), len(write(t, "zlib", records...)); zipped > plain/4 {
		t.Errorf("%d bytes of %d", zipped, plain)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{
		0: "\x00", 127: "\x7f", -112: "\x90", 128: "\x8f\x80", 255: "\x8f\xff", 256: "\x8e\x01\x00", 1 << 20: "\x8d\x10\x00\x00", -113: "\x87\x70",
	} {
		b := appendVInt(nil, n)
		if string(b) != want {
			t.Errorf("%d is %x, want %x", n, b, want)
		}
		if got, rest, ok := cutVInt(append(b, 9)); got != n || len(rest) != 1 || !ok {
			t.Errorf("%d came back as %d, %v", n, got, ok)
		}
	}
	for _, bad := range []string{"", "\x8f", "\x88\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if n, _, ok := cutVInt([]byte(bad)); ok {
			t.Errorf("%x is %d", bad, n)
		}
	}
}

type word string

func TestClasses(t *testing.T) {
	check := func(v any, class, bytes string) {
		t.Helper()
		typ := reflect.TypeOf(v)
		c, ok := ForWriting(typ)
		if !ok || c.Name != hadoop+class {
			t.Fatalf("%T is written as %v", v, c)
		}
		p := reflect.New(typ)
		p.Elem().Set(reflect.ValueOf(v))
		b := c.Append(nil, unsafe.Pointer(p.Pointer()))
		if string(b) != bytes {
			t.Errorf("%T %v is %x, want %x", v, v, b, bytes)
		}
		r, ok := ForReading(c.Name, typ)
		if !ok {
			t.Fatalf("%T does not read %s", v, c.Name)
		}
		p.Elem().SetZero()
		if !r.Decode(b, unsafe.Pointer(p.Pointer())) || !reflect.DeepEqual(p.Elem().Interface(), v) {
			t.Errorf("%v came back as %v", v, p.Elem())
		}
		if r.Decode(append(b, 0), unsafe.Pointer(p.Pointer())) {
			t.Errorf("%T with a byte too many", v)
		}
		if len(b) > 0 && r.Decode(b[:len(b)-1], unsafe.Pointer(p.Pointer())) {
			t.Errorf("%T with a byte missing", v)
		}
	}
	check("grün", "Text", "\x05gr\xc3\xbcn")
	check(word("w"), "Text", "\x01w")
	check([]byte{1, 2}, "BytesWritable", "\x00\x00\x00\x02\x01\x02")
	check(int32(-2), "IntWritable", "\xff\xff\xff\xfe")
	check(int64(258), "LongWritable", "\x00\x00\x00\x00\x00\x00\x01\x02")
	check(float32(1), "FloatWritable", "\x3f\x80\x00\x00")
	check(1.5, "DoubleWritable", "\x3f\xf8\x00\x00\x00\x00\x00\x00")
	check(true, "BooleanWritable", "\x01")
	check(struct{}{}, "NullWritable", "")
	if c, ok := ForWriting(reflect.TypeFor[struct{ A int }]()); ok {
		t.Errorf("a struct is written as %s", c.Name)
	}
	if got := TypesOf(hadoop + "BytesWritable"); got != "[]uint8 or string" {
		t.Errorf("got %s", got)
	}
	if _, ok := ForReading(hadoop+"LongWritable", reflect.TypeFor[string]()); ok {
		t.Error("a string reads longs")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	snappy := Header{Key: "k", Value: "v", Codec: "org.apache.hadoop.io.compress.SnappyCodec"}
	old := write(t, "")
	old[3] = 5
	for want, file := range map[string][]byte{
		"compressed with org.apache.hadoop.io.compress.SnappyCodec": snappy.append(nil),
		"of version 5": old,
	} {
		if _, err := read(file, 0, int64(len(file))); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := NewWriter(io.Discard, snappy); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// A file that ends within a record, or with a length that does not fit, is found.
func TestDamageIsFound(t *testing.T) {
	records := []record{{"a", "one"}, {"b", "two"}}
	for name, file := range map[string][]byte{"plain": write(t, "", records...), "blocks": write(t, "zlib", records...), "records": byRecord(t, "zlib", 1, records...)} {
		whole := 0
		for i := range file {
			some, err := read(file[:i], 0, int64(i))
			if err == nil {
				whole++ // between records: the format does not tell
			} else if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: %d, %v", name, i, len(some), err)
			}
		}
		if whole > 5 {
			t.Errorf("%s: %d places to cut are not found", name, whole)
		}
	}
	for _, file := range [][]byte{byRecord(t, "zlib", 1, records...), write(t, "zlib", records...)} {
		file[bytes.LastIndex(file, []byte{255, 255, 255, 255})+7] ^= 1
		if _, err := read(file, 0, int64(len(file))); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "marker") {
			t.Errorf("got %v", err)
		}
	}
	long := write(t, "", records...)
	binary.BigEndian.PutUint32(long[len(long)-12:], 1<<31)
	if _, err := read(long, 0, int64(len(long))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestFailuresOfTheStoreComeOut(t *testing.T) {
	broken := errors.New("broken")
	w, err := NewWriter(failing{err: broken}, Header{Key: "k", Value: "v"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append([]byte("a"), nil), w.Close()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(failing{bytes.NewReader(nil), broken}, Options{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	file := write(t, "zlib", record{"a", strings.Repeat("b", 1<<20)})
	r, err := Open(bytes.NewReader(file), Options{To: int64(len(file)), Size: int64(len(file)), Room: func(n int) error {
		if n > 100_000 {
			return broken
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, _, _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("the second time: %v", err)
	}
}

type failing struct {
	io.ReadSeeker
	err error
}

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzRead: whatever a file claims, reading it ends without a panic and with little
// memory.
func FuzzRead(f *testing.F) {
	records := []record{{"a", "one"}, {"", strings.Repeat("two", 100)}}
	for _, how := range []string{"", "zlib", "gzip", "zstd"} {
		f.Add(write(f, how, records...), uint16(0))
	}
	f.Add(byRecord(f, "gzip", 1, records...), uint16(40))
	f.Fuzz(func(t *testing.T, file []byte, cut uint16) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		at := min(int64(cut), int64(len(file)))
		for _, part := range [][2]int64{{0, int64(len(file))}, {0, at}, {at, int64(len(file))}} {
			if _, err := read(file, part[0], part[1]); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		// A deflated byte gives a thousand at most, and a zstd window is asked for once a reader.
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<30+uint64(len(file))*10_000 {
			t.Fatalf("%d bytes were allocated for %d", got, len(file))
		}
	})
}
