package codec

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// Types of every shape the package comment names.
type (
	level  int8
	word16 uint16
	label  string
	pixel  [3]uint8
	blob   []byte
	tags   map[label][]level

	point struct{ X, Y float64 }

	inner struct {
		Name  label
		score float32 //nolint:unused // travels as well
		_     int32
		Tags  tags
	}

	Base struct{ ID uint64 }

	order struct {
		Base
		*inner
		OK     bool
		Lines  []line
		Notes  [2]string
		Raw    blob
		At     time.Time
		Total  big.Int
		Parent *order
		Empty  struct{}
		C      complex128
	}

	line struct {
		SKU   string
		Count int
		Price point
	}

	tree struct {
		Value int32
		Kids  []tree
	}

	chain struct {
		V    int
		Next *chain
	}

	forest map[string]forest
	matrix []matrix

	box[T any] struct {
		V  T
		Vs []T
	}
)

// filler makes random values of any type; depth bounds recursion.
type filler struct{ *rand.Rand }

func (r filler) fill(v reflect.Value, depth int) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem() // unexported fields too
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<40)-1<<39, r.Int64N(1e9)).UTC()))
		return
	}
	if v.Type() == reflect.TypeFor[big.Int]() {
		v.Addr().Interface().(*big.Int).Lsh(big.NewInt(r.Int64()), uint(r.IntN(100)))
		return
	}
	if v.Type() == reflect.TypeFor[netip.Addr]() {
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{byte(r.Int()), 1, 2, 3})))
		return
	}
	r.fillKind(v, depth)
}

func (r filler) fillKind(v reflect.Value, depth int) {
	size := r.IntN(4) - 1 // nil, empty, or some
	if depth <= 0 {
		size = min(size, 0)
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Int64() - r.Int64()>>r.IntN(64))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(r.NormFloat64())))
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(float64(float32(r.NormFloat64())), float64(r.IntN(9))))
	case reflect.String:
		v.SetString(strings.Repeat("añ\x00", r.IntN(3)) + string(rune('a'+r.IntN(26))) + strings.Repeat("x", r.IntN(2)*r.IntN(200)))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "_" {
				r.fill(v.Field(i), depth-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			r.fill(v.Index(i), depth-1)
		}
	case reflect.Slice:
		if size >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), size, size))
			for i := range size {
				r.fill(v.Index(i), depth-1)
			}
		}
	case reflect.Pointer:
		if size > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth-1)
		}
	case reflect.Map:
		if size >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for range size {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.fill(k, depth-1)
			r.fill(e, depth-1)
			v.SetMapIndex(k, e)
		}
	}
}

func randomRows[T any](seed uint64, n int) []T {
	r := filler{rand.New(rand.NewPCG(seed, 7))}
	rows := make([]T, n)
	for i := range rows {
		r.fill(reflect.ValueOf(&rows[i]).Elem(), 5)
	}
	return rows
}

func mustFor[T any](t testing.TB) Codec[T] {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkRows encodes rows, decodes them behind one that is there already, and
// demands the rows, the rest, and the same bytes once more.
func checkRows[T any](t rapid.TB, c Codec[T], rows []T) []byte {
	t.Helper()
	front := []byte("front")
	out, err := c.Append(front, rows)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	if !bytes.HasPrefix(out, front) {
		t.Fatalf("append changed what was there: %q", out[:5])
	}
	src := append(bytes.Clone(out[5:]), "rest"...)
	var first T
	got, rest, err := c.Decode([]T{first}, src, len(rows))
	if err != nil {
		t.Fatalf("decode %x: %v", src, err)
	}
	clear(src[:len(src)-4]) // rows must not alias it
	if string(rest) != "rest" {
		t.Fatalf("rest is %q", rest)
	}
	if len(rows) > 0 && !reflect.DeepEqual(got[1:], rows) || len(got) != 1+len(rows) {
		t.Fatalf("got %+v\nwant %+v", got[1:], rows)
	}
	second, err := c.Append(nil, got[1:])
	if err != nil || !bytes.Equal(second, out[5:]) {
		t.Fatalf("encoded again:\n%x (%v), want\n%x", second, err, out[5:])
	}
	return second
}

// checkTruncated demands an error for every shorter input.
func checkTruncated[T any](t rapid.TB, c Codec[T], code []byte, n int) {
	t.Helper()
	for i := range code {
		got, rest, err := c.Decode(nil, code[:i], n)
		if !errors.Is(err, ErrCorrupt) || len(got) != 0 || len(rest) != i {
			t.Fatalf("%d of %d bytes: %d rows, %d bytes left, error %v", i, len(code), len(got), len(rest), err)
		}
	}
}

func property[T any](t *testing.T) {
	t.Helper()
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		c := mustFor[T](t)
		rapid.Check(t, func(t *rapid.T) {
			rows := randomRows[T](rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 6).Draw(t, "rows"))
			code := checkRows(t, c, rows)
			if len(code) < 400 {
				checkTruncated(t, c, code, len(rows))
			}
		})
	})
}

func TestRoundTrip(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Run("numbers", func(t *testing.T) {
		property[bool](t)
		property[int](t)
		property[level](t)
		property[word16](t)
		property[int32](t)
		property[uint64](t)
		property[uintptr](t)
		property[float32](t)
		property[float64](t)
		property[complex64](t)
		property[complex128](t)
		property[pixel](t)
	})
	t.Run("strings and slices", func(t *testing.T) {
		property[string](t)
		property[label](t)
		property[[]byte](t)
		property[[]string](t)
		property[[][]int32](t)
		property[[]pixel](t)
		property[[]line](t)
		property[[][2]string](t)
		property[[]struct{}](t)
		property[[3][]bool](t)
	})
	t.Run("structs", func(t *testing.T) {
		property[struct{}](t)
		property[point](t)
		property[line](t)
		property[order](t)
		property[[]*order](t)
		property[Pair[string, int64]](t)
		property[Pair[int8, Pair[string, []float64]]](t)
		property[Pair[pixel, bool]](t)
		property[box[uint16]](t)
		property[box[box[string]]](t)
		property[struct {
			A netip.Addr
			T *time.Time
		}](t)
	})
	t.Run("maps", func(t *testing.T) {
		property[map[string]int](t)
		property[tags](t)
		property[map[point]*string](t)
		property[map[pixel]struct{}](t)
		property[map[struct{}]string](t)
		property[Pair[string, map[int16]map[string]bool]](t)
	})
	t.Run("recursive", func(t *testing.T) {
		property[tree](t)
		property[chain](t)
		property[forest](t)
		property[matrix](t)
		property[[]**tree](t)
	})
}

func TestValuesReflectionWouldHide(t *testing.T) {
	nan := math.Float64frombits(0x7ff8dead00000001)
	c := mustFor[float64](t)
	code, err := c.Append(nil, []float64{nan, math.Copysign(0, -1), math.Inf(-1)})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Decode(nil, code, 3)
	if err != nil || math.Float64bits(got[0]) != math.Float64bits(nan) || !math.Signbit(got[1]) || !math.IsInf(got[2], -1) {
		t.Errorf("got %v, %v: the bits should have travelled", got, err)
	}
	m, err := Marshal(map[float64]int{math.NaN(): 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unmarshal[map[float64]int](m); err != nil || len(got) != 1 {
		t.Errorf("map with a NaN: got %v, %v", got, err)
	}
}

func TestRowsDoNotRunIntoEachOther(t *testing.T) {
	rows := [][]int{{1, 2}, {}, {3}}
	c := mustFor[[]int](t)
	code, _ := c.Append(nil, rows)
	got, _, err := c.Decode(nil, code, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range got {
		if len(row) != cap(row) {
			t.Errorf("row %d has capacity %d for %d elements: append would write into the next", i, cap(row), len(row))
		}
	}
	_ = append(got[0], 9)
	if got[2][0] != 3 {
		t.Errorf("append to row 0 changed row 2 to %v", got[2])
	}
}

func TestDecodeIntoUsedCapacity(t *testing.T) {
	c := mustFor[order](t)
	code, err := c.Append(nil, make([]order, 3))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Decode(randomRows[order](1, 3)[:0], code, 3)
	if err != nil || !reflect.DeepEqual(got, make([]order, 3)) {
		t.Errorf("old values shine through: %+v, %v", got, err)
	}
	// A big.Int reuses its digits when it can: those of rows handed on before.
	ints := mustFor[big.Int](t)
	one, _ := ints.Append(nil, []big.Int{*big.NewInt(1)})
	two, _ := ints.Append(nil, []big.Int{*big.NewInt(2)})
	buf, _, _ := ints.Decode(nil, one, 1)
	kept := buf[0]
	if _, _, err := ints.Decode(buf[:0], two, 1); err != nil || kept.Int64() != 1 {
		t.Errorf("a row kept from before is now %v (%v)", &kept, err)
	}
}

func TestFailedDecodeKeepsOldRows(t *testing.T) {
	c := mustFor[string](t)
	old := make([]string, 1, 8)
	old[0] = "old"
	got, rest, err := c.Decode(old, []byte{9, 'x'}, 1)
	if err == nil || len(got) != 1 || got[0] != "old" || len(rest) != 2 {
		t.Errorf("got %q, %d bytes left, %v", got, len(rest), err)
	}
}

func TestWideIntegersOnNarrowMachines(t *testing.T) {
	rows := []int32{-1, math.MinInt32, math.MaxInt32, 7}
	code, _ := wide[int32]{}.append(nil, unsafe.Pointer(&rows[0]), 4, len(rows), 0)
	asInt, _ := mustFor[int64](t).Append(nil, []int64{-1, math.MinInt32, math.MaxInt32, 7})
	if !bytes.Equal(code, asInt) {
		t.Errorf("int on 32 bits is %x, on 64 %x", code, asInt)
	}
	got := make([]int32, 4)
	if rest, err := (wide[int32]{}).decode(unsafe.Pointer(&got[0]), 4, 4, code, 0); err != nil || len(rest) > 0 || !reflect.DeepEqual(got, rows) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, big := range []int64{math.MaxInt32 + 1, math.MinInt32 - 1} {
		code, _ := mustFor[int64](t).Append(nil, []int64{big})
		if _, err := (wide[int32]{}).decode(unsafe.Pointer(&got[0]), 4, 1, code, 0); err == nil {
			t.Errorf("%d fitted into 32 bits", big)
		}
	}
	code, _ = mustFor[uint64](t).Append(nil, []uint64{1 << 32})
	if _, err := (wide[uint32]{}).decode(unsafe.Pointer(&got[0]), 4, 1, code, 0); err == nil {
		t.Error("1<<32 fitted into 32 bits without sign")
	}
	if _, err := (wide[uint32]{}).decode(unsafe.Pointer(&got[0]), 4, 2, code, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("two values in 8 bytes: %v", err)
	}
}

func TestMarshalChecksForTrailingBytes(t *testing.T) {
	code, err := Marshal(line{"a", 2, point{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unmarshal[line](code); err != nil || got != (line{"a", 2, point{1, 2}}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Unmarshal[line](append(code, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := Unmarshal[line](code[1:]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one byte less: %v", err)
	}
	if _, err := Marshal(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
	if _, err := Unmarshal[func()](nil); err == nil {
		t.Error("a function was decoded")
	}
}

func TestSchema(t *testing.T) {
	schema := func(c *Type, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c.Schema()
	}
	type renamed struct{ Left, Right float64 }
	if schema(TypeOf[point]()) != schema(TypeOf[renamed]()) {
		t.Error("names of fields should not matter")
	}
	all := map[uint64]string{}
	add := func(name string, s uint64) {
		if other, ok := all[s]; ok {
			t.Errorf("%s and %s have one schema", name, other)
		}
		all[s] = name
	}
	add("int64", schema(TypeOf[int64]()))
	add("uint64", schema(TypeOf[uint64]()))
	add("float64", schema(TypeOf[float64]()))
	add("string", schema(TypeOf[string]()))
	add("[]byte", schema(TypeOf[[]byte]()))
	add("[2]byte", schema(TypeOf[[2]byte]()))
	add("[3]byte", schema(TypeOf[[3]byte]()))
	add("*int64", schema(TypeOf[*int64]()))
	add("time", schema(TypeOf[time.Time]()))
	add("addr", schema(TypeOf[netip.Addr]()))
	add("prefix", schema(TypeOf[netip.Prefix]()))
	add("big.Int", schema(TypeOf[big.Int]()))
	add("int, string", schema(TypeOf[Pair[int, string]]()))
	add("string, int", schema(TypeOf[Pair[string, int]]()))
	add("tree", schema(TypeOf[tree]()))
	add("chain", schema(TypeOf[chain]()))
	if _, err := TypeOf[chan int](); err == nil {
		t.Error("a channel has a schema")
	}
}
