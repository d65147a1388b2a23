package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Lengths are one byte or several, and columns switch from one to the other in
// the middle.
func TestLengthsAroundTheWidthsOfUvarint(t *testing.T) {
	lengths := []int{0, 1, 126, 127, 128, 129, 16382, 16383, 16384, 3, 0}
	strs, slcs := make([]string, 0), make([][]uint16, 0)
	for i, l := range lengths {
		strs = append(strs, strings.Repeat(string(rune('a'+i)), l))
		slcs = append(slcs, make([]uint16, l))
		if l > 0 {
			slcs[i][l-1] = uint16(i)
		}
	}
	for i := range lengths {
		checkRows(t, mustFor[string](t), strs[i:])
		checkRows(t, mustFor[[]uint16](t), slcs[i:])
		checkRows(t, mustFor[[]string](t), [][]string{strs[i:], nil, strs[:i]})
	}
	checkRows(t, mustFor[string](t), []string{string(make([]byte, 1<<21)), "x"})
}

func TestManyRows(t *testing.T) {
	const n = 50_000
	pairs, groups := make([]Pair[string, int64], n), make([]Pair[int32, []string], n)
	for i := range n {
		pairs[i] = Pair[string, int64]{fmt.Sprint("key", i), int64(i)}
		groups[i].Key = int32(i)
		for j := range i % 4 {
			groups[i].Value = append(groups[i].Value, fmt.Sprint(j))
		}
	}
	checkRows(t, mustFor[Pair[string, int64]](t), pairs)
	checkRows(t, mustFor[Pair[int32, []string]](t), groups)
}

// Pointers written into decoded rows must be seen by the garbage collector.
func TestDecodedRowsSurviveCollection(t *testing.T) {
	rows := randomRows[order](11, 50)
	c := mustFor[order](t)
	code, err := c.Append(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	var kept [][]order
	for range 30 {
		got, _, err := c.Decode(nil, code, len(rows))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, got)
		runtime.GC()
	}
	for i, got := range kept {
		if again, err := c.Append(nil, got); err != nil || !bytes.Equal(again, code) {
			t.Fatalf("decoding %d changed afterwards (%v)", i, err)
		}
	}
}

func TestBatchesFollowEachOther(t *testing.T) {
	c := mustFor[line](t)
	var code []byte
	var err error
	var want []line
	sizes := []int{3, 0, 1, 5}
	for i, n := range sizes {
		rows := randomRows[line](uint64(i), n)
		want = append(want, rows...)
		if code, err = c.Append(code, rows); err != nil {
			t.Fatal(err)
		}
	}
	var got []line
	for _, n := range sizes {
		if got, code, err = c.Decode(got, code, n); err != nil {
			t.Fatal(err)
		}
	}
	if len(code) > 0 || !slices.Equal(got, want) {
		t.Errorf("%d bytes left, got %v, want %v", len(code), got, want)
	}
}

// Maps have no order; their bytes have.
func TestMapsEncodeTheSameEveryTime(t *testing.T) {
	first := []byte(nil)
	for round := range 20 {
		m := map[float64]string{}
		for i := range 50 {
			k := float64((i*7+round)%50) - 25
			m[k] = fmt.Sprint(k)
		}
		code, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = code
		}
		if !bytes.Equal(code, first) {
			t.Fatalf("round %d gives %x, the first gave %x", round, code, first)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	decode := func(want string, err error) {
		t.Helper()
		if !errors.Is(err, ErrCorrupt) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	_, _, err := mustFor[int32](t).Decode(nil, make([]byte, 7), 2)
	decode("decode int32: corrupt batch: 2 rows in 7 bytes", err)
	_, _, err = mustFor[Pair[string, bool]](t).Decode(nil, []byte{0, 1, 'a', 1, 7}, 2)
	decode("decode codec.Pair[string,bool]: field Value: corrupt batch: row 1: bool is 7", err)
	_, _, err = mustFor[Pair[int8, Pair[string, int8]]](t).Decode(nil, []byte{1, 0xff, 0xff}, 1)
	decode("decode codec.Pair[int8,github.com/gordd-project/gordd/rdd/codec.Pair[string,int8]]: field Value.Key: "+
		"length of row 0: corrupt batch: bad uvarint in the last 2 bytes", err)
	_, _, err = mustFor[[]Pair[bool, bool]](t).Decode(nil, []byte{2, 1, 3}, 1)
	decode("decode []codec.Pair[bool,bool]: field Value: corrupt batch: row 0: bool is 3", err)
	_, _, err = mustFor[*bool](t).Decode(nil, []byte{1, 0, 1}, 2)
	if err != nil {
		t.Error(err)
	}
	_, _, err = mustFor[*bool](t).Decode(nil, []byte{1, 1, 1}, 2)
	decode("decode *bool: corrupt batch: 2 values of at least 1 bytes in 1", err)
	_, _, err = mustFor[map[string]bool](t).Decode(nil, []byte{2, 1, 'a', 2}, 1)
	decode("decode map[string]bool: row 0: corrupt batch: row 0: bool is 2", err)
	_, _, err = mustFor[map[bool]bool](t).Decode(nil, []byte{2, 2, 1}, 1)
	decode("decode map[bool]bool: row 0: key: corrupt batch: row 0: bool is 2", err)

	encode := func(want string, err error) {
		t.Helper()
		if !errors.Is(err, errOdd) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	odd := marshaled{N: 1}
	_, err = Marshal([]marshaled{{N: 2}, odd})
	encode("encode []codec.marshaled: row 1: marshal codec.marshaled: odd", err)
	_, err = Marshal([1]marshaled{odd})
	encode("encode [1]codec.marshaled: row 0: marshal codec.marshaled: odd", err)
	_, err = Marshal(map[string]*marshaled{"a": &odd})
	encode("encode map[string]*codec.marshaled: row 0: marshal codec.marshaled: odd", err)
	_, err = Marshal(box[marshaled]{Vs: []marshaled{odd}})
	encode("encode codec.box[github.com/gordd-project/gordd/rdd/codec.marshaled]: field Vs: row 0: marshal codec.marshaled: odd", err)
}

// A failed Append leaves the caller's bytes alone.
func TestFailedAppendKeepsOldBytes(t *testing.T) {
	c := mustFor[Pair[string, marshaled]](t)
	dst := append(make([]byte, 0, 64), "old"...)
	got, err := c.Append(dst, []Pair[string, marshaled]{{"a", marshaled{N: 1}}})
	if err == nil || string(got) != "old" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSaturation(t *testing.T) {
	const most = math.MaxInt
	for _, c := range []struct{ got, want int }{
		{satMul(0, most), 0}, {satMul(3, 4), 12}, {satMul(most, 2), most}, {satMul(2, most), most},
		{satAdd(1, 2), 3}, {satAdd(most, 1), most}, {satAdd(most, most), most}, {satAdd(0, most), most},
	} {
		if c.got != c.want {
			t.Errorf("got %d, want %d", c.got, c.want)
		}
	}
	if !enough(1<<30, 0, 0) || enough(2, 3, 5) || !enough(2, 3, 6) || !enough(0, 9, 0) {
		t.Error("enough counts wrongly")
	}
	if _, err := For[[1 << 12][1 << 12][]string](); err != nil {
		t.Error(err) // too long for any input, but a type like others
	}
}

// Both ways to move fixed-width values give the same bytes on any machine.
func TestStridedAndCopiedRunsAgree(t *testing.T) {
	type spread struct {
		V uint32
		_ uint64
	}
	values, apart := make([]uint32, 100), make([]spread, 100)
	for i := range values {
		values[i] = uint32(i) * 0x01020304
		apart[i].V = values[i]
	}
	a, _ := mustFor[uint32](t).Append(nil, values)
	b, _ := mustFor[spread](t).Append(nil, apart)
	if !bytes.Equal(a, b) {
		t.Fatalf("copied %x\nstrided %x", a, b)
	}
	one, _, err := mustFor[uint32](t).Decode(nil, b, 100)
	two, _, err2 := mustFor[spread](t).Decode(nil, a, 100)
	if err != nil || err2 != nil || !slices.Equal(one, values) || !slices.Equal(two, apart) {
		t.Errorf("decoded differently: %v %v", err, err2)
	}
	if swapped := littleEndian; swapped {
		littleEndian = false
		defer func() { littleEndian = swapped }()
		if c, _ := mustFor[uint32](t).Append(nil, values); !bytes.Equal(a, c) {
			t.Errorf("a big endian machine would write %x", c)
		}
		if three, _, err := mustFor[uint32](t).Decode(nil, a, 100); err != nil || !slices.Equal(three, values) {
			t.Errorf("a big endian machine would read %v, %v", three, err)
		}
	}
}

// Hot columns must not allocate per row.
func TestAllocationsPerBatch(t *testing.T) {
	check := func(name string, got, most float64) {
		t.Helper()
		if got > most {
			t.Errorf("%s: %v allocations a batch, want at most %v", name, got, most)
		}
	}
	encode, decode := allocations(t, counts())
	check("encode counts", encode, 0)
	check("decode counts", decode, 1) // the strings
	encode, decode = allocations(t, trades())
	check("encode trades", encode, 0)
	check("decode trades", decode, 0)
	encode, decode = allocations(t, [][]byte{{1}, {2, 3}, nil, {}})
	check("encode bytes", encode, 0)
	check("decode bytes", decode, 2) // the bytes and reflect's header of them
	encode, decode = allocations(t, []*int64{new(int64), nil, new(int64)})
	check("encode pointers", encode, 0)
	check("decode pointers", decode, 2)
}

func allocations[T any](t *testing.T, rows []T) (encode, decode float64) {
	c := mustFor[T](t)
	buf, err := c.Append(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	encode = testing.AllocsPerRun(20, func() { buf, _ = c.Append(buf[:0], rows) })
	out := make([]T, 0, len(rows))
	decode = testing.AllocsPerRun(20, func() { out, _, _ = c.Decode(out[:0], buf, len(rows)) })
	return encode, decode
}
