package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// visit is a row whose codec is written out below the way a generator would,
// with nothing but the format of the package comment to go by.
type visit struct {
	Site  string
	Hits  int
	Score float64
	Path  []uint16
	Last  bool
}

type visitCodec struct{}

func (visitCodec) Schema() uint64 {
	s, err := SchemaOf[visit]()
	if err != nil {
		panic(err)
	}
	return s
}

func (visitCodec) Append(dst []byte, rows []visit) ([]byte, error) {
	for i := range rows {
		dst = binary.AppendUvarint(dst, uint64(len(rows[i].Site)))
	}
	for i := range rows {
		dst = append(dst, rows[i].Site...)
	}
	for i := range rows {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(rows[i].Hits))
	}
	for i := range rows {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(rows[i].Score))
	}
	for i := range rows {
		n := uint64(0)
		if rows[i].Path != nil {
			n = uint64(len(rows[i].Path)) + 1
		}
		dst = binary.AppendUvarint(dst, n)
	}
	for i := range rows {
		for _, p := range rows[i].Path {
			dst = binary.LittleEndian.AppendUint16(dst, p)
		}
	}
	for i := range rows {
		last := byte(0)
		if rows[i].Last {
			last = 1
		}
		dst = append(dst, last)
	}
	return dst, nil
}

// Decode has only what it can borrow: the test is about writing.
func (visitCodec) Decode(dst []visit, src []byte, n int) ([]visit, []byte, error) {
	p, err := compile(reflect.TypeFor[visit]())
	if err != nil {
		return dst, src, err
	}
	return newCompiled[visit](p).Decode(dst, src, n)
}

func TestGeneratedAndCompiledWriteTheSame(t *testing.T) {
	compiled := mustFor[visit](t)
	Register[visit](visitCodec{})
	generated := mustFor[visit](t)
	if generated != Codec[visit](visitCodec{}) {
		t.Fatal("the registered codec should replace the compiled one")
	}
	if compiled.Schema() != generated.Schema() {
		t.Error("schemas differ")
	}
	rapid.Check(t, func(t *rapid.T) {
		rows := randomRows[visit](rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 9).Draw(t, "rows"))
		a, err := compiled.Append(nil, rows)
		b, err2 := generated.Append(nil, rows)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("compiled  %x (%v)\ngenerated %x (%v)", a, err, b, err2)
		}
	})
}
