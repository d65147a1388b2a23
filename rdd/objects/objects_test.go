package objects_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/objects"
)

type point struct {
	Name string
	X    int64
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

// write makes a file of batches of rows.
func write[T any](t testing.TB, batches ...[]T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := objects.NewWriter(&b, typeOf[T](t))
	n := int64(0)
	for _, rows := range batches {
		n += int64(len(rows))
		if err := errors.Join(w.Write(codec.RowsOf(rows)), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Bytes() != int64(b.Len()) || w.Rows() != n {
		t.Fatalf("%d bytes and %d rows, want %d and %d", w.Bytes(), w.Rows(), b.Len(), n)
	}
	return b.Bytes()
}

// read reads the rows of a part of a file.
func read[T any](typ *codec.Type, file []byte, from, to int64) (rows []T, err error) {
	f, err := objects.Open(bytes.NewReader(file), int64(len(file)), typ)
	if err != nil {
		return nil, err
	}
	r, err := f.Part(from, to)
	if err != nil {
		return nil, err
	}
	for {
		buf := typ.NewBuffer(0)
		_, _, err := r.Next(buf)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, codec.Slice[T](buf.Rows())...)
	}
}

// Parts that cover a file give every row once and in order, wherever it is cut.
func TestRoundTrip(t *testing.T) {
	typ := typeOf[point](t)
	rapid.Check(t, func(rt *rapid.T) {
		row := rapid.Custom(func(rt *rapid.T) point {
			return point{rapid.String().Draw(rt, "name"), rapid.Int64().Draw(rt, "x"), rapid.SliceOfN(rapid.String(), 1, 3).Draw(rt, "tags")}
		})
		batches := rapid.SliceOfN(rapid.SliceOfN(row, 0, 20), 0, 10).Draw(rt, "batches")
		file := write(t, batches...)
		cuts := rapid.SliceOfN(rapid.Int64Range(0, int64(len(file))), 0, 6).Draw(rt, "cuts")
		cuts = append(cuts, 0, int64(len(file)))
		slices.Sort(cuts)
		var got []point
		for i := range cuts[1:] {
			rows, err := read[point](typ, file, cuts[i], cuts[i+1])
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, rows...)
		}
		if want := slices.Concat(batches...); len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		if again := write(t, batches...); !bytes.Equal(again, file) {
			rt.Fatal("the same rows give other bytes")
		}
	})
}

func TestLargeFilesHaveSeveralBlocks(t *testing.T) {
	var b bytes.Buffer
	typ := typeOf[[100]int64](t)
	w := objects.NewWriter(&b, typ)
	const n = 5000
	for i := range int64(n) {
		if err := w.Write(codec.RowsOf([][100]int64{{i, i * i}})); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	if len(file) > 100*n {
		t.Errorf("%d bytes for %d: it is not compressed", len(file), 800*n)
	}
	first, err := read[[100]int64](typ, file, 0, 1)
	if err != nil || len(first) == 0 || len(first) > n/8 {
		t.Errorf("the first block has %d rows, %v", len(first), err)
	}
	f, err := objects.Open(bytes.NewReader(file), int64(len(file)), typ)
	if err != nil || f.Rows() != n {
		t.Errorf("%v, %v", f, err)
	}
}

// An index that is longer than what is read of the end at first.
func TestLongIndex(t *testing.T) {
	batches := make([][]int64, 10_000)
	for i := range batches {
		batches[i] = []int64{int64(i)}
	}
	file := write(t, batches...)
	rows, err := read[int64](typeOf[int64](t), file, 0, int64(len(file)))
	if err != nil || len(rows) != len(batches) || rows[9999] != 9999 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestTypesAreCompared(t *testing.T) {
	type other struct{ A, B int64 }
	file := write(t, []point{{Name: "a"}})
	_, err := objects.Open(bytes.NewReader(file), int64(len(file)), typeOf[other](t))
	if !errors.Is(err, objects.ErrType) || !strings.Contains(err.Error(), "rows of objects_test.point") || !strings.Contains(err.Error(), "as rows of objects_test.other") {
		t.Errorf("got %v", err)
	}
	// Names do not matter, as little as they do anywhere else.
	type same struct {
		N string
		Y int64
		T []string
	}
	if rows, err := read[same](typeOf[same](t), file, 0, int64(len(file))); err != nil || rows[0].N != "a" {
		t.Errorf("%v, %v", rows, err)
	}
}

// Whatever bit flips and wherever a file ends, it is found.
func TestDamageIsFound(t *testing.T) {
	typ := typeOf[string](t)
	file := write(t, []string{"one", "two"}, []string{"three"})
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 4
		if _, err := read[string](typ, bad, 0, int64(len(bad))); !errors.Is(err, objects.ErrCorrupt) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := read[string](typ, file[:i], 0, int64(i)); !errors.Is(err, objects.ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	// Blocks of one file that change places are others than those asked for.
	two := write(t, []string{"aaa"}, []string{"bbb"})
	half := (len(two) - 40 - len("string") - 8) / 2
	swapped := slices.Concat(two[half:2*half], two[:half], two[2*half:])
	if _, err := read[string](typ, swapped, 0, int64(len(swapped))); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("swapped blocks: %v", err)
	}
}

func TestFailuresOfTheStoreComeOut(t *testing.T) {
	typ := typeOf[string](t)
	broken := errors.New("broken")
	for _, n := range []int{0, 1, 60} {
		w := objects.NewWriter(&limited{left: n, err: broken}, typ)
		if err := errors.Join(w.Write(codec.RowsOf([]string{strings.Repeat("x", 100)})), w.Close()); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	file := write(t, []string{"one"})
	if _, err := objects.Open(failing{bytes.NewReader(file), broken}, int64(len(file)), typ); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.err
	}
	return len(p), nil
}

type failing struct {
	io.ReadSeeker
	err error
}

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzRead: bytes that are no object file are refused, whatever they claim.
func FuzzRead(f *testing.F) {
	typ := typeOf[point](f)
	f.Add(write(f, []point{{Name: "a", Tags: []string{"x"}}}, []point{{X: 1, Tags: []string{"y"}}}))
	f.Add(write[point](f))
	f.Add([]byte("gorddobj"))
	f.Fuzz(func(t *testing.T, file []byte) {
		sealed := seal(file)
		for _, b := range [][]byte{file, sealed} {
			rows, err := read[point](typ, b, 0, int64(len(b)))
			if err != nil && !errors.Is(err, objects.ErrCorrupt) && !errors.Is(err, objects.ErrType) {
				t.Fatal(err)
			}
			if len(rows) > len(b) {
				t.Fatalf("%d rows in %d bytes", len(rows), len(b))
			}
		}
	})
}

// seal gives an index the checksum that it should have, so that what it says is
// looked at.
func seal(file []byte) []byte {
	const tail = 40
	if len(file) < tail {
		return file
	}
	file = slices.Clone(file)
	end := file[len(file)-tail:]
	n, name := int(binary.LittleEndian.Uint32(end[16:])), int(binary.LittleEndian.Uint16(end[20:]))
	copy(end[32:], "gorddobj")
	if length := 4*n + name + tail; length <= len(file) {
		sum := xxh3.Hash(file[len(file)-length : len(file)-16])
		binary.LittleEndian.PutUint64(end[24:], sum)
	}
	return file
}
