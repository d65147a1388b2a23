package codec

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func hasherOf[T any](t testing.TB) (*Type, *Hasher) {
	t.Helper()
	typ, err := TypeOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ, typ.Hasher()
}

// sumOf sums rows, so many at once, from hashes that are 1 each.
func sumOf[T any](t testing.TB, h *Hasher, rows []T, batch int) (sum uint64) {
	t.Helper()
	for from := 0; from < len(rows); from += batch {
		part := rows[from:min(from+batch, len(rows))]
		hashes := make([]uint64, len(part))
		for i := range hashes {
			hashes[i] = 1
		}
		s, err := h.Sum(hashes, unsafe.Pointer(&part[0]), unsafe.Sizeof(part[0]))
		if err != nil {
			t.Fatal(err)
		}
		sum += s
	}
	return sum
}

// hashesRows says that rows have equal hashes when their encodings are equal, and in no
// other case, and that their sum does not depend on batches, order and distance.
func hashesRows[T any](t *testing.T) {
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		typ, h := hasherOf[T](t)
		rapid.Check(t, func(r *rapid.T) {
			rows := rapid.SliceOfN(rapid.Make[T](), 1, 20).Draw(r, "rows")
			sum := sumOf(t, h, rows, 7)
			type apart struct {
				Row T
				Gap int32
			}
			turned := make([]apart, len(rows))
			for i := range rows {
				turned[len(rows)-1-i] = apart{rows[i], int32(i)}
			}
			hashes := make([]uint64, len(rows))
			for i := range hashes {
				hashes[i] = 1
			}
			s, err := h.Sum(hashes, unsafe.Pointer(&turned[0]), unsafe.Sizeof(turned[0]))
			if err != nil || s != sum {
				r.Fatalf("%d, %v from behind, and %d in batches", s, err, sum)
			}
			a, b := encoded(t, typ, rows[:1]), encoded(t, typ, rows[len(rows)-1:])
			same := sumOf(t, h, rows[:1], 1) == sumOf(t, h, rows[len(rows)-1:], 1)
			if same != bytes.Equal(a, b) {
				r.Fatalf("hashes are equal: %v; encodings are %x and %x", same, a, b)
			}
		})
	})
}

func encoded[T any](t testing.TB, typ *Type, rows []T) []byte {
	b, err := typ.Append(nil, RowsOf(rows))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHasher(t *testing.T) {
	hashesRows[int64](t)
	hashesRows[int32](t)
	hashesRows[uint16](t)
	hashesRows[float64](t)
	hashesRows[string](t)
	hashesRows[[3]byte](t)
	hashesRows[[40]byte](t)
	hashesRows[Pair[int64, int64]](t)
	hashesRows[Pair[int8, int64]](t)
	hashesRows[Pair[string, string]](t)
	hashesRows[Pair[string, [3]int32]](t)
	hashesRows[Pair[string, []int16]](t)
	hashesRows[Pair[int64, map[string]int8]](t)
	hashesRows[flags](t)
}

// Texts of every length differ from those with another byte, and from longer ones.
func TestHasherReadsEveryByte(t *testing.T) {
	_, h := hasherOf[string](t)
	one := func(s string) uint64 { return sumOf(t, h, []string{s}, 1) }
	text := bytes.Repeat([]byte{0}, 80)
	for n := range text {
		whole := one(string(text[:n]))
		if one(string(text[:n+1])) == whole {
			t.Errorf("%d and %d bytes have one hash", n, n+1)
		}
		for i := range n {
			text[i] = 1
			if one(string(text[:n])) == whole {
				t.Errorf("byte %d of %d does not count", i, n)
			}
			text[i] = 0
		}
	}
}

func TestHasherOfNothing(t *testing.T) {
	_, h := hasherOf[struct{}](t)
	if sum := sumOf(t, h, make([]struct{}, 3), 2); sum != 3 {
		t.Errorf("the sum is %d, want that of what there was", sum)
	}
}

// What lies between fields does not count.
func TestHasherLeavesGapsOut(t *testing.T) {
	type gaps struct {
		A int8
		B int64
		C bool
	}
	_, h := hasherOf[gaps](t)
	rows := make([]gaps, 2)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&rows[1])), unsafe.Sizeof(rows[1]))
	for i := range b {
		b[i] = 0xff
	}
	rows[0].A, rows[0].B, rows[0].C = 1, 2, true
	rows[1].A, rows[1].B = 1, 2
	*(*byte)(unsafe.Pointer(&rows[1].C)) = 1
	if sumOf(t, h, rows[:1], 1) != sumOf(t, h, rows[1:], 1) {
		t.Error("equal rows have two hashes")
	}
}

func TestHasherFailsAsEncodingDoes(t *testing.T) {
	typ, h := hasherOf[Pair[string, marshaled]](t)
	rows := []Pair[string, marshaled]{{Key: "odd", Value: marshaled{N: 1}}}
	_, err := h.Sum(make([]uint64, 1), unsafe.Pointer(&rows[0]), uintptr(typ.Size()))
	if !errors.Is(err, errOdd) {
		t.Error(err)
	}
}
