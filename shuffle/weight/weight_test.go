package weight_test

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gordd-project/gordd/shuffle/weight"
)

type node struct {
	Name string
	Next *node
	Kids []node
}

func weighed[T any](v T) int64 {
	return weight.NewWeigher(reflect.TypeFor[T]()).Row(unsafe.Pointer(&v))
}

func weighRows[T any](w *weight.Weigher, rows []T) int64 {
	return w.Rows(unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(rows[0]), len(rows))
}

func copyRows[T any](c *weight.Copier, rows []T) {
	c.Copy(unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(rows[0]), len(rows))
}

func TestRow(t *testing.T) {
	word := strings.Repeat("x", 10)
	size := int64(unsafe.Sizeof(node{}))
	str, slice := int64(unsafe.Sizeof("")), int64(unsafe.Sizeof([]int(nil)))
	for _, tt := range []struct {
		name      string
		got, want int64
	}{
		{"number", weighed(7), 0},
		{"string", weighed(word), 10},
		{"strings in a struct", weighed(struct {
			A string
			B [3]string
			C int
		}{word, [3]string{word, "", word}, 1}), 30},
		{"bytes", weighed(make([]byte, 5, 8)), 8},
		{"slice of strings", weighed([]string{word, word}), 2*str + 20},
		{"many strings", weighed([100]string{word, word}), 20},
		{"slice of slices", weighed([][]int32{{1, 2}, nil}), 2*slice + 8},
		{"pointer", weighed(&word), str + 10},
		{"nil pointer", weighed((*string)(nil)), str},
		{"time", weighed(time.Now()), 0},
		{"interface", weighed([]any{word, nil, int64(3)}), 3*str + str + 10 + 8},
		{"empty interface", weighed[any](nil), 0},
		{"channel", weighed(make(chan int)), 0},
		{"list", weighed(node{word, &node{Name: word}, []node{{Name: word}}}), 30 + size*3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// A nil pointer deep inside a recursive type counts as its target: an estimate errs to the large side.
			if tt.got < tt.want || tt.got > tt.want*2+size*4 && tt.name == "list" || tt.got != tt.want && tt.name != "list" {
				t.Errorf("got %d, want %d", tt.got, tt.want)
			}
		})
	}
	if got := weighed(map[string]string{word: word}); got < 20+32 || got > 200 {
		t.Errorf("map: got %d", got)
	}
}

func TestCyclesEnd(t *testing.T) {
	n := &node{Name: "round"}
	n.Next = n
	if got := weighed(n); got <= 0 {
		t.Errorf("got %d", got)
	}
}

func TestRows(t *testing.T) {
	w := weight.NewWeigher(reflect.TypeFor[string]())
	if got := weighRows(w, []string{"ab", "c"}); got != 2*int64(w.Fixed())+3 || w.Fixed() != int(unsafe.Sizeof("")) || w.Flat() {
		t.Errorf("got %d, %d, %v", got, w.Fixed(), w.Flat())
	}
	if f := weight.NewWeigher(reflect.TypeFor[[2]int32]()); weighRows(f, make([][2]int32, 3)) != 24 || !f.Flat() {
		t.Error("numbers point to nothing")
	}
}

func TestCopy(t *testing.T) {
	type row struct {
		N    int
		A, B string
	}
	text := []byte("some text and more of it")
	s := unsafe.String(&text[0], len(text))
	rows := []row{{1, s[:4], s[5:9]}, {2, "", strings.Repeat(s, 1000)}}
	copyRows(weight.NewCopier(reflect.TypeFor[row]()), rows)
	clear(text)
	if rows[0].A != "some" || rows[0].B != "text" || rows[1].A != "" || !strings.HasPrefix(rows[1].B, "some text") {
		t.Errorf("got %v", rows[0])
	}
	others := [][]string{{s}}
	copyRows(weight.NewCopier(reflect.TypeFor[[]string]()), others)
	if unsafe.StringData(others[0][0]) != &text[0] {
		t.Error("strings behind other pointers are to be left alone")
	}
}

func TestCopiedStringsStayApart(t *testing.T) {
	c := weight.NewCopier(reflect.TypeFor[string]())
	var rows []string
	for i := range 5000 {
		part := []string{strings.Repeat(string(rune('a'+i%26)), i%50)}
		copyRows(c, part)
		rows = append(rows, part...)
	}
	for i, s := range rows {
		if s != strings.Repeat(string(rune('a'+i%26)), i%50) {
			t.Fatalf("row %d became %q", i, s)
		}
	}
}

func TestPointerFree(t *testing.T) {
	for _, tt := range []struct {
		t    reflect.Type
		want bool
	}{
		{reflect.TypeFor[int](), true},
		{reflect.TypeFor[struct{}](), true},
		{reflect.TypeFor[[3]struct{ A, B float32 }](), true},
		{reflect.TypeFor[string](), false},
		{reflect.TypeFor[[0]string](), true},
		{reflect.TypeFor[struct{ P *int }](), false},
		{reflect.TypeFor[[]int](), false},
		{reflect.TypeFor[map[int]int](), false},
		{reflect.TypeFor[any](), false},
		{reflect.TypeFor[func()](), false},
	} {
		if got := weight.PointerFree(tt.t); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.t, got, tt.want)
		}
	}
}
