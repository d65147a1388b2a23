package rdd

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
)

// taken takes batches and keeps what they hold.
type taken[T any] struct {
	rows  []T
	from  []int
	sizes []int
	most  int // rows wanted; 0: all
}

func (k *taken[T]) feed(b any) bool {
	in := b.(*Rows[T])
	for i := range in.Rows {
		k.rows, k.from = append(k.rows, in.Rows[i]), append(k.from, in.raw().fromOf(i))
	}
	k.sizes = append(k.sizes, len(in.Rows))
	return k.most == 0 || len(k.rows) < k.most
}

func outOf[T any](parent *int, next Feed) *Rows[T] {
	return newOut((*Rows[T])(nil), parent, next).self.(*Rows[T])
}

// TestRawRows: all Rows are laid out alike, and what is seen of one is what is
// there.
func TestRawRows(t *testing.T) {
	type large struct {
		a byte
		b [100]string
	}
	testRawRows(t, "a", "b")
	testRawRows(t, byte(1), 2, 3)
	testRawRows[any](t, nil, 1, "x")
	testRawRows(t, struct{}{}, struct{}{})
	testRawRows(t, large{a: 1}, large{b: [100]string{7: "x"}})
	testRawRows[func()](t)
}

func testRawRows[T any](t *testing.T, rows ...T) {
	t.Helper()
	var r Rows[T]
	var raw rawRows
	typ, rawType := reflect.TypeOf(r), reflect.TypeOf(raw)
	if typ.Size() != rawType.Size() || typ.NumField() != rawType.NumField() {
		t.Fatalf("%s has another size than %s", typ, rawType)
	}
	for i := range typ.NumField() {
		if f, g := typ.Field(i), rawType.Field(i); f.Name != g.Name || f.Offset != g.Offset || f.Type.Kind() != g.Type.Kind() {
			t.Errorf("%s: %s at %d, %s at %d", typ, f.Name, f.Offset, g.Name, g.Offset)
		}
	}
	like := rowsLike(&r)
	like.set(codec.RowsOf(rows))
	got := like.self.(*Rows[T])
	if !reflect.DeepEqual(got.Rows, rows) && len(rows) > 0 || len(got.Rows) != len(rows) {
		t.Errorf("got %v, want %v", got.Rows, rows)
	}
	if back := like.rows(); !reflect.DeepEqual(codec.Slice[T](back), got.Rows) {
		t.Errorf("got back %v of %v", codec.Slice[T](back), got.Rows)
	}
	for i, row := range rows {
		if got := rowOf(got, i); !reflect.DeepEqual(got, any(row)) {
			t.Errorf("row %d: got %v, want %v", i, got, row)
		}
	}
}

// TestRowsSurvive: rows that only a raw batch refers to are not collected.
func TestRowsSurvive(t *testing.T) {
	var got taken[*string]
	out := newOut((*Rows[*string])(nil), new(int), got.feed)
	rows := out.self.(*Rows[*string])
	for i := range 3 * BatchRows {
		s := strconv.Itoa(i)
		if !rows.Push(&s) {
			runtime.GC()
			out.flush()
		}
	}
	out.flush()
	for i, s := range got.rows {
		if *s != strconv.Itoa(i) {
			t.Fatalf("row %d is %s", i, *s)
		}
	}
}

func TestRowsPushFlush(t *testing.T) {
	var got taken[int]
	parent := 0
	out := outOf[int](&parent, got.feed)
	const n = 10 * BatchRows
	for i := range n {
		parent = i % 777
		if !out.Push(i) && !out.Flush() {
			t.Fatal("ended early")
		}
	}
	if first, again := out.Flush(), out.Flush(); !first || !again {
		t.Error("Flush says that no more rows are wanted")
	}
	if len(got.rows) != n {
		t.Fatalf("got %d rows of %d", len(got.rows), n)
	}
	for i, v := range got.rows {
		if v != i || got.from[i] != i%777 {
			t.Fatalf("row %d: got %d of parent %d", i, v, got.from[i])
		}
	}
	if got.sizes[0] != minRows || slices.Max(got.sizes) != BatchRows || slices.Contains(got.sizes, 0) {
		t.Errorf("batches of %v rows", got.sizes)
	}
}

func TestRowsDone(t *testing.T) {
	got := taken[int]{most: 5}
	out := outOf[int](new(int), got.feed)
	pushed := 0
	for pushed < 1000 {
		pushed++
		if !out.Push(pushed) && !out.Flush() {
			break
		}
	}
	if pushed != minRows || len(got.rows) != minRows {
		t.Errorf("pushed %d, got %d", pushed, len(got.rows))
	}
	// Whatever comes after the end is dropped.
	out.Push(-1)
	if out.Flush() || slices.Contains(got.rows, -1) {
		t.Error("rows after the end are handed on")
	}
}

func TestRowsLimit(t *testing.T) {
	for _, limit := range []int64{1, 2, 15, 16, 17, 100, 5000} {
		var got taken[int]
		out := outOf[int](new(int), got.feed)
		out.raw().limit(limit)
		for i := range 5000 {
			if !out.Push(i) && !out.Flush() {
				t.Fatal("ended early")
			}
		}
		out.Flush()
		if len(got.rows) != 5000 || int64(slices.Max(got.sizes)) > limit {
			t.Errorf("limit %d: %d rows, batches of up to %d", limit, len(got.rows), slices.Max(got.sizes))
		}
	}
}

func TestRowsOfLargeTypes(t *testing.T) {
	type large [1 << 20]byte
	var got taken[large]
	out := outOf[large](new(int), func(b any) bool { got.sizes = append(got.sizes, len(b.(*Rows[large]).Rows)); return true })
	for range 50 {
		if !out.Push(large{}) {
			out.Flush()
		}
	}
	out.Flush()
	if slices.Max(got.sizes) > minRows {
		t.Errorf("batches of %d rows of 1 MiB", slices.Max(got.sizes))
	}
}

// TestRowsRandom pushes rows of random parents through random flushes.
func TestRowsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var got taken[int]
		parent := 0
		out := outOf[int](&parent, got.feed)
		var want []int
		for i := range rng.IntN(5000) {
			parent = rng.IntN(1 << 20)
			want = append(want, parent)
			if !out.Push(i) || rng.IntN(500) == 0 {
				out.Flush()
			}
		}
		out.Flush()
		if !slices.Equal(got.from, want) {
			t.Fatal("parents differ")
		}
	}
}

func TestRowsInHand(t *testing.T) {
	r := Rows[string]{Rows: []string{"a", "b"}, flow: flow{from: []int32{4, 9}}}
	for row, want := range map[int][2]int{-1: {-1, -1}, 0: {0, 4}, 1: {1, 9}, 2: {2, -1}} {
		r.Row = row
		if i, from := r.raw().inHand(); i != want[0] || from != want[1] {
			t.Errorf("row %d: got %d from %d, want %v", row, i, from, want)
		}
	}
}
