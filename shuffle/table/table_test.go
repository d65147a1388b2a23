package table_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
)

type (
	word   string
	number uint16
	point  struct {
		X    float64
		Name string
	}
	wide struct{ A, B, C, D int64 }
)

// keyType is a KeyType with methods that take values.
type keyType[K comparable] struct{ *codec.KeyType }

func keysOf[K comparable](t testing.TB) keyType[K] {
	t.Helper()
	k, err := codec.KeyTypeOf[K]()
	if err != nil {
		t.Fatal(err)
	}
	return keyType[K]{k}
}

func (k keyType[K]) Hash1(key K, seed uint64) uint64 {
	return k.KeyType.Hash1(unsafe.Pointer(&key), seed)
}

func (k keyType[K]) Hash(out []uint64, keys []K, seed uint64) {
	k.KeyType.Hash(out[:len(keys)], unsafe.Pointer(unsafe.SliceData(keys)), unsafe.Sizeof(*new(K)), seed)
}

const seed = 99

// typed is a table whose keys and accumulators come as slices.
type typed[K comparable, C any] struct{ table.Table }

func newTable[K comparable, C any](keys keyType[K], seed uint64, overhead int) typed[K, C] {
	pairs, err := codec.PairTypeOf[K, C]()
	if err != nil {
		panic(err)
	}
	return typed[K, C]{table.New(keys.KeyType, pairs, seed, overhead)}
}

func keysIn[K any](keys []K) table.Keys {
	return table.Keys{First: unsafe.Pointer(unsafe.SliceData(keys)), Stride: unsafe.Sizeof(*new(K)), Len: len(keys)}
}

func pointers[C any](slots []*C) []unsafe.Pointer {
	return unsafe.Slice((*unsafe.Pointer)(unsafe.Pointer(unsafe.SliceData(slots))), len(slots))
}

func (t typed[K, C]) Hash(keys []K, hashes []uint64) { t.Table.Hash(keysIn(keys), hashes) }

func (t typed[K, C]) Upsert(keys []K, hashes []uint64, slots []*C) uint64 {
	return t.Table.Upsert(keysIn(keys), hashes, pointers(slots))
}

func (t typed[K, C]) Find(keys []K, hashes []uint64, slots []*C) uint64 {
	return t.Table.Find(keysIn(keys), hashes, pointers(slots))
}

func (t typed[K, C]) Load(rows []codec.Pair[K, C], pos []uint32, keep bool) {
	t.Table.Load(codec.RowsOf(rows), pos, keep)
}

// counts runs a table of counters against a list, with clears in between.
func counts[K comparable, C any](t *testing.T, keyOf func(int) K, add func(*C), count func(C) int) {
	t.Helper()
	keys := keysOf[K](t)
	tab := newTable[K, C](keys, seed, 8)
	defer tab.Free()
	r := rand.New(rand.NewPCG(1, 1))
	for _, domain := range []int{1, 100, 50_000} {
		tab.Clear()
		want := make(map[uint64]int)
		for range 3000 {
			ks := make([]K, 1+r.IntN(table.Batch))
			for i := range ks {
				ks[i] = keyOf(r.IntN(domain))
			}
			hashes, slots := make([]uint64, len(ks)), make([]*C, len(ks))
			tab.Hash(ks, hashes)
			before, need := tab.Bytes(), tab.Need(len(ks))
			fresh := tab.Upsert(ks, hashes, slots)
			if now := tab.Bytes(); now > before+need {
				t.Fatalf("grew from %d to %d bytes, needed %d", before, now, need)
			}
			for i, h := range hashes {
				if isFresh := fresh>>i&1 != 0; isFresh != (want[h] == 0) {
					t.Fatalf("key %v: fresh %v, seen %d times", ks[i], isFresh, want[h])
				}
				if got := count(*slots[i]); got != want[h] {
					t.Fatalf("key %v: count %d, want %d", ks[i], got, want[h])
				}
				want[h]++
				add(slots[i])
			}
			again := make([]*C, len(ks))
			if missing := tab.Find(ks, hashes, again); missing != 0 || !slices.Equal(again, slots) {
				t.Fatalf("found others than inserted, missing %b", missing)
			}
		}
		if tab.Len() != len(want) {
			t.Fatalf("%d keys, want %d", tab.Len(), len(want))
		}
		verify(t, tab, keys, want, count)
	}
}

func verify[K comparable, C any](t *testing.T, tab typed[K, C], keys keyType[K], want map[uint64]int, count func(C) int) {
	t.Helper()
	pos := tab.Positions(nil)
	if len(pos) != len(want) {
		t.Fatalf("%d positions of %d keys", len(pos), len(want))
	}
	hashes := make([]uint64, len(pos))
	tab.Hashes(pos, seed, hashes)
	for _, h := range hashes {
		if want[h] == 0 {
			t.Fatalf("hash %x of an entry is that of no key", h)
		}
	}
	tab.Hashes(pos, seed+1, hashes)
	var kept []codec.Pair[K, C]
	for part := range slices.Chunk(pos, 100) {
		rows := make([]codec.Pair[K, C], len(part))
		tab.Load(rows, part, false)
		for i, row := range rows {
			if h := keys.Hash1(row.Key, seed+1); h != hashes[i] {
				t.Fatalf("key %v: hash %x under another seed, want %x", row.Key, hashes[i], h)
			}
			if h := keys.Hash1(row.Key, seed); count(row.Value) != want[h] {
				t.Fatalf("key %v: count %d, want %d", row.Key, count(row.Value), want[h])
			}
		}
		tab.Load(rows, part, true)
		kept = append(kept, rows...)
		hashes = hashes[len(part):]
	}
	tab.Clear()
	if tab.Len() != 0 || len(tab.Positions(nil)) != 0 {
		t.Fatal("keys are left after Clear")
	}
	for _, row := range kept { // kept rows outlive the table's memory
		delete(want, keys.Hash1(row.Key, seed))
	}
	if len(want) != 0 {
		t.Fatalf("%d keys were lost", len(want))
	}
}

// text returns different texts of 1 to about 50 bytes.
func text(n int) string {
	return strings.Repeat("é", n%9) + fmt.Sprint(n) + strings.Repeat("-", n%3*n%31)
}

func TestTablesCountLikeAMap(t *testing.T) {
	inSlot := func(c *int64) { *c++ }
	fromSlot := func(c int64) int { return int(c) }
	onHeap := func(c **int) {
		if *c == nil {
			*c = new(int)
		}
		**c++
	}
	fromHeap := func(c *int) int {
		if c == nil {
			return 0
		}
		return *c
	}
	large := func(c *[9]int32) { c[8]++ }
	fromLarge := func(c [9]int32) int { return int(c[8]) }

	t.Run("string", func(t *testing.T) { counts(t, text, inSlot, fromSlot) })
	t.Run("string, pointers", func(t *testing.T) { counts(t, text, onHeap, fromHeap) })
	t.Run("string, large", func(t *testing.T) { counts(t, text, large, fromLarge) })
	t.Run("named string", func(t *testing.T) { counts(t, func(n int) word { return word(text(n)) }, inSlot, fromSlot) })
	t.Run("int", func(t *testing.T) { counts(t, func(n int) int { return n - 50 }, inSlot, fromSlot) })
	t.Run("int, pointers", func(t *testing.T) { counts(t, func(n int) int { return n }, onHeap, fromHeap) })
	t.Run("uint64", func(t *testing.T) {
		counts(t, func(n int) uint64 { return math.MaxUint64 - uint64(n) }, large, fromLarge)
	})
	t.Run("int32", func(t *testing.T) { counts(t, func(n int) int32 { return int32(n) - 9 }, inSlot, fromSlot) })
	t.Run("named uint16", func(t *testing.T) { counts(t, func(n int) number { return number(n) }, inSlot, fromSlot) })
	t.Run("int8", func(t *testing.T) { counts(t, func(n int) int8 { return int8(n) }, inSlot, fromSlot) })
	t.Run("bool", func(t *testing.T) { counts(t, func(n int) bool { return n&1 != 0 }, inSlot, fromSlot) })
	t.Run("float64", func(t *testing.T) {
		counts(t, func(n int) float64 { return []float64{math.NaN(), 0, math.Copysign(0, -1), float64(n)}[n%4] }, inSlot, fromSlot)
	})
	t.Run("struct", func(t *testing.T) {
		counts(t, func(n int) point { return point{float64(n % 3), text(n)} }, onHeap, fromHeap)
	})
	t.Run("wide", func(t *testing.T) { counts(t, func(n int) wide { return wide{D: int64(n)} }, large, fromLarge) })
}

func TestShortKeysOfEveryLength(t *testing.T) {
	keys := keysOf[string](t)
	tab := newTable[string, int64](keys, seed, 0)
	defer tab.Free()
	var all []string
	for n := range 40 {
		for i := range max(1, n) { // strings that differ in one byte, and by zeros at the end
			b := make([]byte, n)
			if n > 0 {
				b[i] = 1
			}
			all = append(all, string(b))
		}
		if n > 0 {
			all = append(all, string(make([]byte, n)))
		}
	}
	hashes, slots := make([]uint64, len(all)), make([]*int64, len(all))
	for from := 0; from < len(all); from += table.Batch {
		part := all[from:min(from+table.Batch, len(all))]
		tab.Hash(part, hashes[from:])
		if fresh := tab.Upsert(part, hashes[from:], slots[from:]); fresh != 1<<len(part)-1 {
			t.Fatalf("keys from %d on are taken for others: %b", from, fresh)
		}
	}
	rows := make([]codec.Pair[string, int64], len(all))
	tab.Load(rows, tab.Positions(nil), false)
	got := make([]string, len(rows))
	for i, row := range rows {
		got[i] = row.Key
	}
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(got, all) {
		t.Errorf("keys come back changed")
	}
}

func TestSlotsDependOnSeedAndInsertionsOnly(t *testing.T) {
	keys := keysOf[string](t)
	build := func() []string {
		tab := newTable[string, int64](keys, seed, 0)
		defer tab.Free()
		for i := range 10_000 {
			k, h := []string{text(i)}, make([]uint64, 1)
			tab.Hash(k, h)
			tab.Upsert(k, h, make([]*int64, 1))
		}
		rows := make([]codec.Pair[string, int64], tab.Len())
		tab.Load(rows, tab.Positions(nil), true)
		var out []string
		for _, r := range rows {
			out = append(out, r.Key)
		}
		return out
	}
	if !slices.Equal(build(), build()) {
		t.Error("two tables differ")
	}
}

func TestEqualHashes(t *testing.T) {
	long := func(n int) string { return fmt.Sprintf("a key longer than a slot, number %d", n) }
	texts, ints, structs := newTable[string, int64](keysOf[string](t), seed, 0),
		newTable[int, int64](keysOf[int](t), seed, 0), newTable[wide, int64](keysOf[wide](t), seed, 0)
	same := slices.Repeat([]uint64{math.MaxUint64}, 60) // the last slot: probing wraps around
	slots := make([]*int64, 60)
	var ss []string
	var is []int
	var ws []wide
	for i := range 60 {
		s := fmt.Sprint(i)
		if i%2 == 0 {
			s = long(i)
		}
		ss, is, ws = append(ss, s), append(is, i), append(ws, wide{C: int64(i)})
	}
	const all = 1<<60 - 1
	texts.Hash(ss, make([]uint64, 60))
	ints.Hash(is, make([]uint64, 60))
	structs.Hash(ws, make([]uint64, 60))
	if f := texts.Upsert(ss, same, slots); f != all || texts.Find(ss, same, slots) != 0 || texts.Upsert(ss, same, slots) != 0 {
		t.Error("strings of equal hashes are confused")
	}
	if f := ints.Upsert(is, same, slots); f != all || ints.Find(is, same, slots) != 0 || ints.Upsert(is, same, slots) != 0 {
		t.Error("integers of equal hashes are confused")
	}
	if f := structs.Upsert(ws, same, slots); f != all || structs.Find(ws, same, slots) != 0 || structs.Upsert(ws, same, slots) != 0 {
		t.Error("structs of equal hashes are confused")
	}
}

func TestFindInAnEmptyTable(t *testing.T) {
	slots := make([]*int64, 2)
	if m := newTable[string, int64](keysOf[string](t), seed, 0).Find([]string{"", "a"}, []uint64{1, 2}, slots); m != 3 {
		t.Errorf("missing %b", m)
	}
	if m := newTable[int, int64](keysOf[int](t), seed, 0).Find([]int{0, 1}, []uint64{1, 2}, slots); m != 3 {
		t.Errorf("missing %b", m)
	}
	if m := newTable[wide, int64](keysOf[wide](t), seed, 0).Find(make([]wide, 2), []uint64{1, 2}, slots); m != 3 {
		t.Errorf("missing %b", m)
	}
}

// TestHashIsThatOfTheKeys: what a table spills is ordered by the hashes of codec.
func TestHashIsThatOfTheKeys(t *testing.T) {
	keys := keysOf[string](t)
	tab := newTable[string, int64](keys, seed, 0)
	defer tab.Free()
	const bytes = "\x00\xff0123456789abcdefghijklmnopqrstuvwxyz"
	for n := range bytes {
		for from := range n + 1 {
			got, want := make([]uint64, 1), make([]uint64, 1)
			k := []string{bytes[from:n]}
			tab.Hash(k, got)
			keys.Hash(want, k, seed)
			if got[0] != want[0] {
				t.Fatalf("%q: hash %x, want %x", k[0], got[0], want[0])
			}
		}
	}
}

// TestHashOfTextsAnywhere: short keys are read with what lies behind them, but not beyond a page.
func TestHashOfTextsAnywhere(t *testing.T) {
	keys := keysOf[string](t)
	tab := newTable[string, int64](keys, seed, 0)
	defer tab.Free()
	memory := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 500)
	for from := range 5000 {
		n := from % 17
		k, got, want := []string{memory[from : from+n]}, make([]uint64, 1), make([]uint64, 1)
		tab.Hash(k, got)
		keys.Hash(want, []string{strings.Clone(k[0])}, seed)
		if got[0] != want[0] {
			t.Fatalf("%q at %d: hash %x, want %x", k[0], from, got[0], want[0])
		}
	}
}

// BenchmarkUpsert counts words that are drawn as in text: few of them often.
func BenchmarkUpsert(b *testing.B) {
	words := make([]string, 200_000)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", i*7919)
	}
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 4, uint64(len(words)-1))
	drawn := make([]string, 1<<20)
	for i := range drawn {
		drawn[i] = words[z.Uint64()]
	}
	tab := newTable[string, int64](keysOf[string](b), seed, 0)
	defer tab.Free()
	hashes, slots := make([]uint64, table.Batch), make([]*int64, table.Batch)
	for b.Loop() {
		for from := 0; from < len(drawn); from += table.Batch {
			part := drawn[from : from+table.Batch]
			tab.Hash(part, hashes)
			tab.Upsert(part, hashes, slots)
			for _, s := range slots {
				*s++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(drawn)), "ns/key")
}
