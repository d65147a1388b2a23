package codec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// allocated returns the bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// refuse demands an error and little memory for bytes that claim much.
func refuse[T any](t *testing.T, name string, src []byte, n int) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		c := mustFor[T](t)
		used := allocated(func() {
			if _, _, err := c.Decode(nil, src, n); !errors.Is(err, ErrCorrupt) {
				t.Errorf("error is %v", err)
			}
		})
		if limit := uint64(32*len(src) + 64<<10); used > limit {
			t.Errorf("%d bytes cost %d, limit %d", len(src), used, limit)
		}
	})
}

func TestHostileBytes(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	big := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2 GiB
	overlong := bytes.Repeat([]byte{0xff}, 11)
	twice := append(bytes.Clone(huge), huge...)

	refuse[int64](t, "rows without bytes", nil, 1<<30)
	refuse[int64](t, "negative rows", big, -1)
	refuse[[1 << 20]string](t, "array longer than input", big, 1)
	refuse[bool](t, "bool of 2", []byte{1, 2}, 2)
	refuse[string](t, "string of 2^64-1", huge, 1)
	refuse[string](t, "lengths that overflow", twice, 2)
	refuse[string](t, "string of 2 GiB", big, 1)
	refuse[string](t, "uvarint without end", overlong, 1)
	refuse[string](t, "uvarint cut off", []byte{0x80}, 1)
	refuse[[]byte](t, "bytes of 2^64-2", huge, 1)
	refuse[[]int64](t, "slice of 2 GiB", big, 1)
	refuse[[]int64](t, "slice a little too long", append([]byte{3}, make([]byte, 15)...), 1)
	refuse[[][]int64](t, "slice in slice", append([]byte{2}, big...), 1)
	refuse[[]order](t, "slice of structs", big, 1)
	refuse[[]struct{}](t, "slice of nothing", big, 1)
	refuse[[]struct{}](t, "slice of nothing at its limit", []byte{0x82, 0x80, 0x40}, 1)
	refuse[*int64](t, "pointer without value", []byte{1}, 1)
	refuse[*int64](t, "pointer marked 2", []byte{2, 0, 0, 0, 0, 0, 0, 0, 0}, 1)
	refuse[*[1 << 20]int64](t, "pointer to a big array", []byte{1, 0, 0}, 1)
	refuse[map[string]int](t, "map of 2 GiB", big, 1)
	refuse[map[string]int](t, "second map too big", append([]byte{2, 2}, make([]byte, 10)...), 2)
	refuse[map[int8]bool](t, "key twice", []byte{3, 7, 7, 0, 0}, 1)
	refuse[map[struct{}]struct{}](t, "many keys of nothing", []byte{0xff, 0x7f}, 1)
	refuse[map[struct{}]int8](t, "many keys, one possible", []byte{3, 0, 0}, 1)
	refuse[map[any]int8](t, "key that cannot be hashed", []byte{2, 5, 'i', 'n', 't', 's', 1, 0}, 1)
	refuse[time.Time](t, "too many nanoseconds", bytes.Repeat([]byte{0xff}, 16), 1)
	refuse[time.Time](t, "half a time", make([]byte, 8), 1)
	refuse[shape](t, "name of 2 GiB", big, 1)
	refuse[shape](t, "unknown name", []byte{3, 'n', 'o'}, 1)
	refuse[shape](t, "name of another interface's", []byte{5, 'i', 'n', 't', 's', 1}, 1)
	refuse[shape](t, "name without value", []byte{3, 's', 'q'}, 1)
	refuse[marshaled](t, "marshaler's bytes missing", big, 1)
	refuse[marshaled](t, "marshaler's own error", []byte{1, 'x'}, 1)
	refuse[matrix](t, "nested without end", bytes.Repeat([]byte{2}, 1<<20), 1)
	refuse[shape](t, "interfaces nested without end", bytes.Repeat([]byte("\x06group\x02"), 1<<16), 1)
	refuse[chain](t, "list without end", bytes.Repeat(append(make([]byte, 8), 1), 1<<12), 1)
}

// A slice of nothing may be at most so long, on both sides.
func TestLimitOfElementsWithoutSize(t *testing.T) {
	c := mustFor[[]struct{}](t)
	checkRows(t, c, [][]struct{}{make([]struct{}, maxZeroElems), nil, {}})
	if _, err := c.Append(nil, [][]struct{}{make([]struct{}, maxZeroElems+1)}); err == nil {
		t.Error("a longer one was encoded")
	}
}

func TestDepth(t *testing.T) {
	list := func(n int) *chain {
		var c *chain
		for range n {
			c = &chain{1, c}
		}
		return c
	}
	c := mustFor[*chain](t)
	checkRows(t, c, []*chain{list(maxDepth), nil})
	_, err := c.Append(nil, []*chain{list(maxDepth + 2)})
	if !errors.Is(err, errDepth) || len(err.Error()) > 200 {
		t.Errorf("too deep a list: %v", err)
	}
	loop := &chain{}
	loop.Next = loop
	if _, err := c.Append(nil, []*chain{loop}); !errors.Is(err, errDepth) {
		t.Errorf("a loop: %v", err)
	}
	self := group{nil}
	self[0] = self
	if _, err := mustFor[shape](t).Append(nil, []shape{self}); !errors.Is(err, errDepth) {
		t.Errorf("a group in itself: %v", err)
	}
}

// mostPerByte is what a decoded value may cost for a byte of input: the header
// of a nil slice, or a map.
const mostPerByte = 128

// fuzz runs Decode over anything; what decodes must encode to something that
// decodes to the same.
func fuzz[T any](f *testing.F) {
	c := mustFor[T](f)
	for seed := range uint64(8) {
		code, err := c.Append(nil, randomRows[T](seed, int(seed)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(code, uint16(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16) { fuzzOne(t, c, src, int(n)) })
}

func fuzzOne[T any](t *testing.T, c Codec[T], src []byte, n int) {
	old := bytes.Clone(src)
	var rows []T
	var rest []byte
	var err error
	used := allocated(func() { rows, rest, err = c.Decode(nil, src, n) })
	var row T
	if limit := mostPerByte*uint64(len(src)) + uint64(unsafe.Sizeof(row)) + 256<<10; used > limit {
		t.Errorf("decoding %d bytes cost %d, limit %d", len(src), used, limit)
	}
	if !bytes.Equal(old, src) {
		t.Fatal("decode wrote to its input")
	}
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("error is not ErrCorrupt: %v", err)
		}
		return
	}
	if len(rows) != n || !bytes.HasSuffix(src, rest) {
		t.Fatalf("%d rows of %d, rest %x", len(rows), n, rest)
	}
	code, err := c.Append(nil, rows)
	if err != nil {
		t.Fatalf("encode what was decoded: %v", err)
	}
	again, left, err := c.Decode(nil, code, n)
	if err != nil || len(left) > 0 {
		t.Fatalf("decode once more: %v, %d bytes left", err, len(left))
	}
	// NaN is in the way of DeepEqual; bytes are stable enough.
	if twice, err := c.Append(nil, again); err != nil || !bytes.Equal(code, twice) {
		t.Fatalf("encodes to %x, then to %x (%v)", code, twice, err)
	}
}

type everything struct {
	A string
	B []Pair[label, *int32]
	C map[string]matrix
	D [2]bool
	E []byte
	F chain
	G time.Time
}

func FuzzString(f *testing.F)     { fuzz[string](f) }
func FuzzPair(f *testing.F)       { fuzz[Pair[string, int64]](f) }
func FuzzLines(f *testing.F)      { fuzz[[]line](f) }
func FuzzMap(f *testing.F)        { fuzz[map[string][]bool](f) }
func FuzzTree(f *testing.F)       { fuzz[tree](f) }
func FuzzEverything(f *testing.F) { fuzz[everything](f) }
func FuzzShape(f *testing.F)      { fuzz[shape](f) }

// TestMutations is the fuzzing every run of the tests does: flipped bytes of
// good encodings.
func TestMutations(t *testing.T) {
	mutate[everything](t)
	mutate[order](t)
	mutate[[]line](t)
	mutate[forest](t)
	mutate[Pair[string, int64]](t)
}

func mutate[T any](t *testing.T) {
	t.Run(strings.ReplaceAll(reflect.TypeFor[T]().String(), "/", "."), func(t *testing.T) {
		c := mustFor[T](t)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 150 {
			n := r.IntN(5)
			code, err := c.Append(nil, randomRows[T](uint64(i), n))
			if err != nil {
				t.Fatal(err)
			}
			for range min(len(code), 1+r.IntN(3)) {
				code[r.IntN(len(code))] = byte(r.Uint32() >> r.IntN(8))
			}
			fuzzOne(t, c, code, n)
		}
	})
}
