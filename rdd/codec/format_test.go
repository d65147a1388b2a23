package codec

import (
	"encoding/hex"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// golden compares the bytes of rows with hex digits, written with spaces
// between the parts the package comment speaks of.
func golden[T any](t *testing.T, name, want string, rows ...T) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		c := mustFor[T](t)
		got, err := c.Append(nil, rows)
		if err != nil {
			t.Fatal(err)
		}
		if plain := strings.ReplaceAll(want, " ", ""); hex.EncodeToString(got) != plain {
			t.Errorf("got  %x\nwant %s", got, plain)
		}
		checkRows(t, c, rows)
	})
}

// The bytes are what generated codecs write too: they do not change.
func TestFormat(t *testing.T) {
	one, two := int16(1), "two"
	golden[int8](t, "no rows", "")
	golden(t, "bool", "01 00", true, false)
	golden(t, "int8", "ff 02", int8(-1), 2)
	golden(t, "int16", "feff 0100", int16(-2), 1)
	golden(t, "uint32", "01000000 efbeadde", uint32(1), 0xdeadbeef)
	golden(t, "int", "ffffffffffffffff 0500000000000000", -1, 5)
	golden(t, "uintptr", "0100000000000000", uintptr(1))
	golden(t, "float32", "0000803f", float32(1))
	golden(t, "float64", "000000000000f0bf", -1.0)
	golden(t, "complex64", "0000803f 00000040", complex64(1+2i))
	golden(t, "string", "02 00 03 6162 636465", "ab", "", "cde")
	golden(t, "long string", "8001"+strings.Repeat("78", 128), strings.Repeat("x", 128))
	golden(t, "bytes", "00 01 03 0102", nil, []byte{}, []byte{1, 2})
	golden(t, "slice of strings", "03 00 02 01 02 61 6262 01 63", []string{"a", "bb"}, nil, []string{"c"})
	golden(t, "slice of structs", "03 02 01 01 61 62 0100 0200 01 63 0300",
		[]Pair[string, int16]{{"a", 1}, {"b", 2}}, []Pair[string, int16]{{"c", 3}})
	golden(t, "array", "0100 0200 0300 0400", [2]int16{1, 2}, [2]int16{3, 4})
	golden(t, "array of strings", "01 01 61 62 00 01 63", [2]string{"a", "b"}, [2]string{"", "c"})
	golden(t, "pointer", "01 00 01 0100 0100", &one, nil, &one)
	golden(t, "pointer to string", "00 01 03 74776f", nil, &two)
	golden(t, "map", "00 01 04 01 01 02 61 62 6161 0200 0100 0300",
		nil, map[string]int16{}, map[string]int16{"b": 1, "a": 2, "aa": 3})
	golden(t, "pair", "01 02 61 6262 0100 0200", Pair[string, int16]{"a", 1}, Pair[string, int16]{"bb", 2})
	golden(t, "nested struct", "0a 0b 01 00 61 0100 0200",
		Pair[int8, Pair[string, int16]]{10, Pair[string, int16]{"a", 1}}, Pair[int8, Pair[string, int16]]{11, Pair[string, int16]{"", 2}})
	golden(t, "nothing", "", struct{}{}, struct{}{})
	golden(t, "slice of nothing", "03", make([]struct{}, 2))
	golden(t, "time in UTC", "0100000000000000 02000000 00000080", time.Unix(1, 2).UTC())
	golden(t, "binary pair", "04 01020304", netip.AddrFrom4([4]byte{1, 2, 3, 4}))
	golden(t, "text pair", "03 2d3132 01 37", *big.NewInt(-12), *big.NewInt(7))
	golden(t, "recursive struct", "01000000 03 02000000 03000000 01 00", tree{1, []tree{{2, []tree{}}, {3, nil}}})
	golden[shape](t, "interface", "00 03 7371 0200", nil, square{2})
}

type shape interface{ Area() int16 }

type square struct{ Side int16 }

func (s square) Area() int16 { return s.Side * s.Side }

type circle struct{ R int16 }

func (c *circle) Area() int16 { return 3 * c.R * c.R }

// group holds shapes, itself among them.
type group []shape

func (g group) Area() (sum int16) {
	for _, s := range g {
		sum += s.Area()
	}
	return sum
}

func init() {
	RegisterName[square]("sq")
	RegisterName[*circle]("circle")
	RegisterName[group]("group")
	RegisterName[[]int]("ints")
}
