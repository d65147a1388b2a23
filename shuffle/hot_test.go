package shuffle_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// hotOf makes a Hot of pairs of which some keys are hot, with so many parts each.
func hotOf[K comparable, V any](reduces, start int, copied bool, parts int, keys ...K) *shuffle.Hot {
	var hot []shuffle.HotKey
	for i := range keys {
		hot = append(hot, shuffle.HotKey{Key: unsafe.Pointer(&keys[i]), Parts: parts, Copied: copied})
	}
	return shuffle.NewHot(must(codec.KeyTypeOf[K]()), typeOf[codec.Pair[K, V]](), 5, start, reduces, hot)
}

// placedBy gives the partitions of rows, in order of the rows.
func placedBy(place shuffle.Placer, rows codec.Rows, from, to int, typ *codec.Type) []uint32 {
	out := make([]uint32, to-from)
	place(typ.Part(rows, from, to), out)
	return out
}

func testHot[K comparable](t *testing.T, key func(i int) K) {
	type row = codec.Pair[K, int]
	const reduces, parts, n = 20, 7, 3000
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{Key: key(i % 40), Value: i}
	}
	typ, all := typeOf[row](), codec.RowsOf(rows)
	hot := []K{key(3), key(17), key(39), key(1000)}
	plain := placedBy(shuffle.HashKeys(must(codec.KeyTypeOf[K]()), typ, 5, reduces), all, 0, n, typ)

	dealt, got := hotOf[K, int](reduces, 2, false, parts, hot...), []uint32(nil)
	for from := 0; from < n; from += 333 { // how they are cut into batches says nothing
		got = append(got, placedBy(dealt.Place, all, from, min(from+333, n), typ)...)
	}
	next := map[K]uint32{}
	for i, r := range rows {
		want := plain[i]
		if slices.Contains(hot, r.Key) {
			want = (want + (2+next[r.Key])%parts) % reduces
			next[r.Key]++
		}
		if got[i] != want {
			t.Fatalf("row %d of key %v is in partition %d, want %d", i, r.Key, got[i], want)
		}
	}

	copies := hotOf[K, int](reduces, 2, true, parts, hot...)
	where := map[int][]uint32{}
	var order []int
	for from := 0; from < n; from += 777 {
		err := copies.Copied(typ.Part(all, from, min(from+777, n)), func(some codec.Rows) error {
			for i, p := range placedBy(copies.Place, some, 0, some.Len, typ) {
				v := codec.Slice[row](some)[i].Value
				where[v], order = append(where[v], p), append(order, v)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.IsSorted(order) {
		t.Error("rows are out of order")
	}
	for i, r := range rows {
		want := []uint32{plain[i]}
		if slices.Contains(hot, r.Key) {
			for part := range uint32(parts - 1) {
				want = append(want, (plain[i]+part+1)%reduces)
			}
		}
		if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(where[i])), want) {
			t.Fatalf("row %d of key %v is in partitions %v, want %v", i, r.Key, where[i], want)
		}
	}
}

func TestHot(t *testing.T) {
	testHot(t, func(i int) int64 { return int64(i) })
	testHot(t, func(i int) string { return fmt.Sprint("key ", i) })
	testHot(t, func(i int) [2]uint16 { return [2]uint16{uint16(i), 7} })
}

// TestHotOfOneKey: all keys are one, which has every partition.
func TestHotOfOneKey(t *testing.T) {
	hot := hotOf[struct{}, int64](3, 1, false, 3, struct{}{})
	rows := codec.RowsOf(make([]codec.Pair[struct{}, int64], 6))
	first := placedBy(hot.Place, rows, 0, 6, typeOf[codec.Pair[struct{}, int64]]())
	if slices.Sort(first); !slices.Equal(first, []uint32{0, 0, 1, 1, 2, 2}) {
		t.Errorf("got %v", first)
	}
}

// TestCopiedEndsEarly: the error of who takes the rows ends it.
func TestCopiedEndsEarly(t *testing.T) {
	rows := make([]codec.Pair[int64, int64], 5000)
	for _, first := range []int64{0, 3} {
		for i := range rows {
			rows[i].Key = first
		}
		rows[0].Key = 1
		calls := 0
		err := hotOf[int64, int64](4, 0, true, 4, 3).Copied(codec.RowsOf(rows), func(codec.Rows) error {
			calls++
			return errStop
		})
		if !errors.Is(err, errStop) || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
	}
}

// TestDealtSum says the same of the same rows in the same partitions, and nothing else.
func TestDealtSum(t *testing.T) {
	testDealtSum(t, func(i int) int { return i })
	testDealtSum(t, func(i int) []int { return []int{i} }) // which has to be encoded
}

func testDealtSum[V any](t *testing.T, value func(i int) V) {
	type row = codec.Pair[string, V]
	typ := typeOf[row]()
	make := func(order ...int) (all []row) {
		for _, i := range order {
			all = append(all, row{Key: "hot", Value: value(i)})
		}
		return all
	}
	for name, c := range map[string]struct {
		rows []row
		same bool
	}{
		"as they were":         {make(0, 1, 2, 3), true},
		"within a partition":   {make(2, 1, 0, 3), true},
		"in another partition": {make(1, 0, 2, 3), false},
		"another row":          {make(0, 1, 2, 4), false},
		"fewer rows":           {make(0, 1, 2), false},
	} {
		turns := func(rows []row) uint64 { return dealtSum(t, typ, shuffle.RoundRobin(0, 2), rows) }
		hot := func(rows []row) uint64 { return dealtSum(t, typ, hotOf[string, V](8, 0, false, 2, "hot").Place, rows) }
		for how, sum := range map[string]func([]row) uint64{"turns": turns, "hot": hot} {
			if was, is := sum(make(0, 1, 2, 3)), sum(c.rows); was == 0 || (was == is) != c.same {
				t.Errorf("%s, %s: sums %x and %x", how, name, was, is)
			}
		}
	}
	copied := func(order ...int) uint64 {
		hot := hotOf[string, V](8, 0, true, 2, "hot")
		var rows []row
		for _, r := range make(order...) {
			rows = append(rows, r, r) // as Copied gives them
		}
		return dealtSum(t, typ, hot.Place, rows)
	}
	if copied(0, 1) != copied(1, 0) {
		t.Error("the order of copied rows counts, which are in each partition")
	}
}

func dealtSum[R any](t *testing.T, typ *codec.Type, place shuffle.Placer, rows []R) uint64 {
	t.Helper()
	w := shuffle.NewWriter(shuffle.Config{Dir: emptyDir(t), Reduces: 8, RowSum: true}, typ, place)
	if err := w.Write(codec.RowsOf(rows)); err != nil {
		t.Fatal(err)
	}
	return must(w.Close()).RowSum
}

var errStop = errors.New("no more")

// BenchmarkPlace places rows by their hash, with hot keys that none of the rows has, and
// with some that half of the rows have.
func BenchmarkPlace(b *testing.B) {
	type row = codec.Pair[int64, int64]
	rows, typ := make([]row, 1024), typeOf[row]()
	for i := range rows {
		rows[i].Key = int64(i)
		if i%2 == 0 {
			rows[i].Key = -1
		}
	}
	all, out := codec.RowsOf(rows), make([]uint32, len(rows))
	for _, c := range []struct {
		name  string
		place shuffle.Placer
	}{
		{"hash", shuffle.HashKeys(must(codec.KeyTypeOf[int64]()), typ, 5, 64)},
		{"turns", shuffle.RoundRobin(3, 64)},
		{"none hot", hotOf[int64, int64](64, 0, false, 9, -7, -8, -9).Place},
		{"half hot", hotOf[int64, int64](64, 0, false, 9, -1, -8, -9).Place},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(rows)) * 16)
			for b.Loop() {
				c.place(all, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
		})
	}
	for name, hot := range map[string]*shuffle.Hot{"none copied": hotOf[int64, int64](64, 0, true, 9, -7), "two of a thousand copied": hotOf[int64, int64](64, 0, true, 9, 3, 511)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = hot.Copied(all, func(codec.Rows) error { return nil })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
		})
	}
}
