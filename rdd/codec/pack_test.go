package codec

import (
	"bytes"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// packed are types that have packers.
type (
	flags struct {
		Name  label
		On    bool
		Level level
		Width word16
		Pixel pixel
		Notes struct {
			_    struct{}
			Text string
			At   [2][3]float32
		}
		N int
	}
)

// packs compares a packer of rows of type T with the encoding of all rows at once.
func packs[T any](t *testing.T) {
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		typ, err := TypeOf[T]()
		if err != nil {
			t.Fatal(err)
		}
		p := typ.Packer()
		if p == nil {
			t.Fatal("there is no packer")
		}
		var to Packed
		rapid.Check(t, func(t *rapid.T) {
			rows := rapid.SliceOf(rapid.Make[T]()).Draw(t, "rows")
			to.Reset()
			size := 0
			for i := range rows {
				p.Add(&to, unsafe.Pointer(&rows[i]))
				size += p.Size(unsafe.Pointer(&rows[i]))
			}
			want, err := typ.Append([]byte("front"), RowsOf(rows))
			if err != nil {
				t.Fatal(err)
			}
			if got := to.Append([]byte("front")); !bytes.Equal(got, want) || to.Rows != len(rows) {
				t.Fatalf("got %d rows as %x, want %d as %x", to.Rows, got, len(rows), want)
			}
			if real := len(want) - len("front"); size > real || real > size+8*len(rows) {
				t.Fatalf("size is %d of %d", size, real)
			}
		})
	})
}

func TestPackedAsAppended(t *testing.T) {
	packs[string](t)
	packs[label](t)
	packs[int64](t)
	packs[float32](t)
	packs[[5]uint16](t)
	packs[Pair[string, string]](t)
	packs[Pair[int32, point]](t)
	packs[Pair[label, Pair[bool, struct{ S string }]]](t)
	packs[line](t)
	packs[flags](t)
}

func packer[T any](t *testing.T) *Packer {
	typ, err := TypeOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ.Packer()
}

func TestNoPacker(t *testing.T) {
	for name, p := range map[string]*Packer{
		"empty":           packer[struct{}](t),
		"bytes":           packer[blob](t),
		"strings":         packer[[2]string](t),
		"list in a pair":  packer[Pair[string, []int]](t),
		"pointer":         packer[*int](t),
		"time":            packer[time.Time](t),
		"map":             packer[tags](t),
		"order":           packer[order](t),
		"too many leaves": packer[Pair[[2]line, [20]struct{ A, B int8 }]](t),
	} {
		if p != nil {
			t.Errorf("%s has a packer", name)
		}
	}
}
