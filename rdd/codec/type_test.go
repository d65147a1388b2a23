package codec

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"unsafe"
)

func typeOf[T any](t testing.TB) *Type {
	t.Helper()
	typ, err := TypeOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestTypeIsMadeOnce(t *testing.T) {
	a, b := typeOf[line](t), mustFor[line](t).Type
	if a != b {
		t.Error("For and TypeOf give different types")
	}
	if a.Reflect() != reflect.TypeFor[line]() || a.Size() != int(unsafe.Sizeof(line{})) {
		t.Errorf("%v of %d bytes", a.Reflect(), a.Size())
	}
}

func TestRowsShareMemory(t *testing.T) {
	rows := []string{"a", "b", "c"}
	typ := typeOf[string](t)
	r := RowsOf(rows)
	rows[1] = "B"
	if got := *(*string)(typ.At(r, 1)); got != "B" {
		t.Errorf("got %q", got)
	}
	if got := Slice[string](typ.Part(r, 1, 3)); !slices.Equal(got, []string{"B", "c"}) {
		t.Errorf("got %q", got)
	}
	if got := typ.Part(r, 3, 3); got.Len != 0 {
		t.Errorf("%d rows", got.Len)
	}
	typ.Clear(typ.Part(r, 0, 2))
	if !slices.Equal(rows, []string{"", "", "c"}) {
		t.Errorf("got %q", rows)
	}
}

func TestMisuseOfRowsPanics(t *testing.T) {
	typ := typeOf[int64](t)
	three := RowsOf(make([]int64, 3))
	for name, f := range map[string]func(){
		"part":             func() { typ.Part(three, 1, 4) },
		"turned":           func() { typ.Part(three, 2, 1) },
		"copy":             func() { typ.Copy(typ.Part(three, 0, 1), three) },
		"gather":           func() { typ.Gather(typ.Part(three, 0, 1), make([]unsafe.Pointer, 2)) },
		"buffer of others": func() { _, _ = typ.Decode(typeOf[string](t).NewBuffer(1), nil, 0) },
		"truncate":         func() { typ.NewBuffer(3).Truncate(1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestBuffer fills a buffer of every kind of row in all ways and lets the
// collector have a look at it.
func TestBuffer(t *testing.T) {
	t.Run("int64", func(t *testing.T) { buffer(t, func(i int) int64 { return int64(i) }) })
	t.Run("string", func(t *testing.T) { buffer(t, func(i int) string { return fmt.Sprint("row ", i) }) })
	t.Run("nothing", func(t *testing.T) { buffer(t, func(int) struct{} { return struct{}{} }) })
	t.Run("struct", func(t *testing.T) {
		buffer(t, func(i int) line { return line{SKU: fmt.Sprint(i), Count: i} })
	})
	t.Run("slice", func(t *testing.T) { buffer(t, func(i int) []string { return []string{fmt.Sprint(i), "x"} }) })
}

// TestNothingIsAddedToAFullBuffer: there is no memory behind it to point to.
func TestNothingIsAddedToAFullBuffer(t *testing.T) {
	b := typeOf[[64]int64](t).NewBuffer(2)
	b.Append(RowsOf(make([][64]int64, 2)))
	b.Append(Rows{})
	b.Gather(nil)
	if b.Len() != 2 || b.Cap() != 2 {
		t.Errorf("%d rows, room for %d", b.Len(), b.Cap())
	}
}

func buffer[T any](t *testing.T, row func(i int) T) {
	typ := typeOf[T](t)
	b := typ.NewBuffer(0)
	var want []T
	for i := 0; i < 300; i += 3 {
		part := []T{row(i), row(i + 1), row(i + 2)}
		want = append(want, part...)
		switch i % 9 {
		case 0:
			b.Append(RowsOf(part))
		case 3:
			b.Gather([]unsafe.Pointer{unsafe.Pointer(&part[0]), unsafe.Pointer(&part[1]), unsafe.Pointer(&part[2])})
		default:
			code, err := typ.Append(nil, RowsOf(part))
			if err != nil {
				t.Fatal(err)
			}
			if rest, err := typ.Decode(b, append(code, 9), 3); err != nil || len(rest) != 1 {
				t.Fatalf("%d bytes left, %v", len(rest), err)
			}
		}
		if i%60 == 0 {
			runtime.GC()
		}
	}
	if got := Slice[T](b.Rows()); !reflect.DeepEqual(got, want) || b.Len() != len(want) || b.Cap() < b.Len() {
		t.Errorf("got %v", got)
	}
	if _, err := typ.Decode(b, nil, -1); err == nil || b.Len() != len(want) {
		t.Errorf("a failed decode: %d rows, %v", b.Len(), err)
	}
	b.Truncate(len(want) - 1)
	b.Append(RowsOf(want[len(want)-1:]))
	if got := Slice[T](b.Rows()); !reflect.DeepEqual(got, want) {
		t.Errorf("cut and mended: got %v", got)
	}
	cap, data := b.Cap(), b.Rows().Data
	b.Clear()
	var zero T
	if b.Len() != 0 || !reflect.DeepEqual(*(*T)(data), zero) {
		t.Error("Clear leaves rows")
	}
	b.Append(RowsOf(want))
	b.Reset()
	if b.Len() != 0 || b.Cap() != cap {
		t.Errorf("after Reset %d rows, room for %d", b.Len(), b.Cap())
	}
}

// TestMoves: rows of types with pointers and without are copied, gathered and
// cleared alike.
func TestMoves(t *testing.T) {
	testMoves(t, 1, 2, 3)
	testMoves(t, "a", "", "c")
	testMoves(t, Pair[string, *int]{Key: "a"}, Pair[string, *int]{Value: new(int)})
	testMoves(t, struct{}{}, struct{}{})
	testMoves[[3]byte](t)
}

func testMoves[T comparable](t *testing.T, rows ...T) {
	t.Helper()
	typ := typeOf[T](t)
	made := typ.Make(len(rows))
	if got := Slice[T](made); !slices.Equal(got, make([]T, len(rows))) {
		t.Errorf("made %v", got)
	}
	typ.Copy(made, RowsOf(rows))
	if got := Slice[T](made); !slices.Equal(got, rows) {
		t.Errorf("got %v of %v", got, rows)
	}
	var from []unsafe.Pointer
	for i := range rows {
		from = append(from, typ.At(RowsOf(rows), len(rows)-1-i))
	}
	typ.Gather(made, from)
	slices.Reverse(rows)
	if got := Slice[T](made); !slices.Equal(got, rows) {
		t.Errorf("gathered %v, want %v", got, rows)
	}
	typ.Clear(made)
	if got := Slice[T](made); !slices.Equal(got, make([]T, len(rows))) {
		t.Errorf("cleared to %v", got)
	}
}

func TestOrder(t *testing.T) {
	typ := typeOf[Pair[int, int]](t)
	rows := make([]Pair[int, int], 500)
	for i := range rows {
		rows[i] = Pair[int, int]{Key: i * 7919 % 13, Value: i}
	}
	byKey := func(a, b unsafe.Pointer) int { return *(*int)(a) - *(*int)(b) }
	order := typ.Order(make([]unsafe.Pointer, 1), RowsOf(rows), byKey)
	if len(order) != 1+len(rows) || order[0] != nil {
		t.Fatalf("%d pointers for %d rows", len(order), len(rows))
	}
	got := typ.Make(len(rows))
	typ.Gather(got, order[1:])
	want := slices.Clone(rows)
	slices.SortStableFunc(want, func(a, b Pair[int, int]) int { return a.Key - b.Key })
	if !slices.Equal(Slice[Pair[int, int]](got), want) {
		t.Error("not in order, or equal rows are not as they were")
	}
	if order := typ.Order(nil, Rows{}, byKey); len(order) != 0 {
		t.Errorf("%d pointers for no rows", len(order))
	}
}

func TestMarshalByPointer(t *testing.T) {
	typ := typeOf[line](t)
	v := line{}
	b, err := typ.Marshal(unsafe.Pointer(&v))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := Marshal(v); err != nil || !slices.Equal(b, same) {
		t.Errorf("got %q, Marshal gives %q, %v", b, same, err)
	}
	p, err := typ.Unmarshal(b)
	if err != nil || !reflect.DeepEqual(*(*line)(p), v) {
		t.Errorf("got %v back, %v", p, err)
	}
	if p, err := typ.Unmarshal(append(b, 0)); err == nil || p != nil {
		t.Errorf("a byte too many gives %v, %v", p, err)
	}
}
