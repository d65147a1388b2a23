package shuffle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

func typeOf[T any](t testing.TB) *codec.Type {
	t.Helper()
	typ, err := codec.TypeOf[T]()
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func pairOf[K comparable, V any](t testing.TB) (*codec.KeyType, codec.PairType) {
	t.Helper()
	keys, err := codec.KeyTypeOf[K]()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := codec.PairTypeOf[K, V]()
	if err != nil {
		t.Fatal(err)
	}
	return keys, pair
}

// stream hands out rows n at a time from memory that is overwritten, as a stream's may be.
func stream[T any](rows []T, n int) RawStream {
	return Raw(func(yield func([]T) bool) error {
		var buf []T
		for part := range slices.Chunk(rows, n) {
			buf = append(buf[:0], part...)
			more := yield(buf)
			clear(buf)
			if !more {
				return nil
			}
		}
		return nil
	})
}

func TestPairsAreTakenApart(t *testing.T) {
	checkPair(t, int8(3), "three")
	checkPair(t, "key", [3]uint16{1, 2, 3})
	checkPair(t, struct{}{}, struct{}{})
	checkPair(t, [2]float32{1, 2}, []string{"a"})
	checkPair(t, int64(1)<<40, struct{}{})
	if _, err := codec.PairTypeOf[int, chan int](); err == nil {
		t.Error("channels are no values")
	}
	if _, err := codec.PairTypeOf[func(), int](); err == nil {
		t.Error("functions are no keys")
	}
}

func checkPair[K comparable, V any](t *testing.T, key K, value V) {
	t.Helper()
	_, pair := pairOf[K, V](t)
	row := codec.Pair[K, V]{Key: key, Value: value}
	p := unsafe.Pointer(&row)
	if *(*K)(p) != key || !reflect.DeepEqual(*(*V)(pair.ValueOf(p)), value) {
		t.Errorf("got %v and %v of %v", *(*K)(p), *(*V)(pair.ValueOf(p)), row)
	}
	if pair.Key.Size() != int(unsafe.Sizeof(key)) || pair.Value.Size() != int(unsafe.Sizeof(value)) {
		t.Errorf("%v: sizes %d and %d", row, pair.Key.Size(), pair.Value.Size())
	}
}

// TestRowStoreKeepsRowsOfAllSizes fills and empties stores and reads rows back one by one, by chunk and gathered.
func TestRowStoreKeepsRowsOfAllSizes(t *testing.T) {
	t.Run("nothing", func(t *testing.T) { storeRows(t, func(int) struct{} { return struct{}{} }) })
	t.Run("bytes", func(t *testing.T) { storeRows(t, func(i int) uint8 { return uint8(i) }) })
	t.Run("strings", func(t *testing.T) { storeRows(t, func(i int) string { return strings.Repeat("x", i%99) }) })
	t.Run("large", func(t *testing.T) { storeRows(t, func(i int) [300]int64 { return [300]int64{0: int64(i), 299: 1} }) })
	t.Run("slices", func(t *testing.T) { storeRows(t, func(i int) []int { return []int{i, i + 1} }) })
}

func storeRows[T any](t *testing.T, row func(int) T) {
	rows := make([]T, 5000)
	for i := range rows {
		rows[i] = row(i)
	}
	a := NewMemory(math.MaxInt64).Open("task")
	mem := share{account: a}
	s := newRowStore(&mem, Config{Copy: true}, typeOf[T](t), 8)
	for _, n := range []int{1, 17, 1000, 5000} {
		for at := 0; at < n; at += 313 {
			part := rows[at:min(at+313, n)]
			if got := s.add(codec.RowsOf(part)); got != len(part) {
				t.Fatalf("%d rows of %d kept", got, len(part))
			}
		}
		runtime.GC()
		var all []T
		for c := range s.parts() {
			all = append(all, codec.Slice[T](s.part(c))...)
		}
		if !reflect.DeepEqual(all, rows[:n]) {
			t.Fatalf("%d rows: %d in chunks, or others", n, len(all))
		}
		var back []uint32
		var want []T
		for i := n - 1; i >= 0; i-- {
			back, want = append(back, uint32(i)), append(want, rows[i])
		}
		got := s.typ.NewBuffer(0)
		s.gather(got, back)
		if !reflect.DeepEqual(codec.Slice[T](got.Rows()), want) || !reflect.DeepEqual(*(*T)(s.row(uint32(n - 1))), rows[n-1]) {
			t.Fatalf("%d rows come back as others", n)
		}
		if s.bytes() > a.Used() {
			t.Errorf("%d bytes counted, %d taken", s.bytes(), a.Used())
		}
		s.clear()
		if s.parts() != 0 || s.bytes() != 0 {
			t.Errorf("%d chunks are left after clear", s.parts())
		}
	}
	s.free()
	if a.Used() != 0 {
		t.Errorf("%d bytes held after free", a.Used())
	}
}

// TestClearForgetsWhatRowsPointTo: chunks that wait for rows must not keep those they had.
func TestClearForgetsWhatRowsPointTo(t *testing.T) {
	s := newRowStore(&share{}, Config{}, typeOf[string](t), 8)
	s.add(codec.RowsOf(slices.Repeat([]string{"kept"}, 700)))
	chunks := s.chunks
	s.clear()
	for _, c := range chunks {
		for _, row := range codec.Slice[string](c) {
			if row != "" {
				t.Fatalf("%q is still there", row)
			}
		}
	}
}

// sliced pulls from a slice of ordered rows, a few at a time from memory that it uses again.
type sliced struct {
	rows []codec.Pair[int, string]
	n    int
	buf  []codec.Pair[int, string]
	pre  []uint64
	err  error
}

func (s *sliced) next() (codec.Rows, []uint64, error) {
	clear(s.buf)
	n := min(s.n, len(s.rows))
	s.buf, s.pre = append(s.buf[:0], s.rows[:n]...), s.pre[:0]
	for _, r := range s.buf {
		s.pre = append(s.pre, uint64(r.Key)/4)
	}
	s.rows = s.rows[n:]
	if n == 0 {
		return codec.Rows{}, nil, s.err
	}
	return codec.RowsOf(s.buf), s.pre, nil
}

func TestMergeIsStable(t *testing.T) {
	ord := ordering{cmp: func(a, b unsafe.Pointer) int { return cmp.Compare(*(*int)(a), *(*int)(b)) }}
	row := typeOf[codec.Pair[int, string]](t)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		var srcs []puller
		var want []codec.Pair[int, string]
		for src := range r.IntN(9) {
			rows := make([]codec.Pair[int, string], r.IntN(1000))
			for i := range rows {
				rows[i].Key = r.IntN(60)
			}
			slices.SortFunc(rows, func(a, b codec.Pair[int, string]) int { return cmp.Compare(a.Key, b.Key) })
			for i := range rows {
				rows[i].Value = fmt.Sprint(src, "/", i)
			}
			srcs = append(srcs, &sliced{rows: rows, n: 1 + r.IntN(400)})
			want = append(want, rows...)
		}
		slices.SortStableFunc(want, func(a, b codec.Pair[int, string]) int { return cmp.Compare(a.Key, b.Key) })
		m, err := merge(ord, row, srcs)
		if err != nil {
			t.Fatal(err)
		}
		var got []codec.Pair[int, string]
		for {
			rows, pre, err := m.next()
			if err != nil {
				t.Fatal(err)
			}
			if rows.Len == 0 {
				break
			}
			for i, row := range codec.Slice[codec.Pair[int, string]](rows) {
				if pre[i] != uint64(row.Key)/4 {
					t.Fatalf("row %v has the prefix %d", row, pre[i])
				}
				got = append(got, row)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d rows of %d sources, or not in order", seed, len(got), len(srcs))
		}
	}
}

func TestMergeReportsItsSourcesErrors(t *testing.T) {
	row := typeOf[codec.Pair[int, string]](t)
	bad := fmt.Errorf("a bad run")
	if _, err := merge(ordering{}, row, []puller{&sliced{err: bad}}); !errors.Is(err, bad) {
		t.Errorf("at the beginning: got %v", err)
	}
	m, err := merge(ordering{}, row, []puller{&sliced{rows: make([]codec.Pair[int, string], 5), n: 2, err: bad}})
	if err != nil {
		t.Fatal(err)
	}
	if rows, _, err := m.next(); !errors.Is(err, bad) || rows.Len != 0 {
		t.Errorf("in the middle: got %d rows, %v", rows.Len, err)
	}
}

// collide makes only five hashes of all keys of groups.
func collide(g *groups) {
	stride := uintptr(g.pair.Size())
	g.exact, g.sorter.ord = false, byHash(g.keys, g.pair.Type, 0)
	g.sorter.ord.prefix = func(rows codec.Rows, out []uint64) {
		for i := range rows.Len {
			out[i] = uint64(*(*int)(unsafe.Add(rows.Data, uintptr(i)*stride))%5) * (math.MaxUint64 / 4)
		}
	}
	g.sorter.lanes.placed.place = laneOf(g.sorter.ord.prefix)
}

func TestKeysOfEqualHashesStayApart(t *testing.T) {
	keys, pair := pairOf[int, float64](t)
	r := rand.New(rand.NewPCG(4, 4))
	rows := make([]codec.Pair[int, float64], 20_000)
	want, wantCounts := map[int][]float64{}, map[int]int{}
	for i := range rows {
		rows[i] = codec.Pair[int, float64]{Key: r.IntN(1500), Value: r.NormFloat64()}
		want[rows[i].Key] = append(want[rows[i].Key], rows[i].Value)
		wantCounts[rows[i].Key] += 1000
		if i < 5000 {
			wantCounts[rows[i].Key]++
		}
	}
	for _, limit := range []int64{1, 64 << 10, 1 << 30} {
		cfg := Config{Dir: t.TempDir(), Mem: NewMemory(limit).Open("task")}
		if got := grouped(t, cfg, keys, pair, rows); !reflect.DeepEqual(got, want) {
			t.Errorf("limit %d: groups differ", limit)
		}
		co := openCoGroups(context.Background(), cfg, keys, pair, pair)
		collide(co.left)
		collide(co.right)
		if err := co.fill(stream(rows, 100), stream(rows[:5000], 70)); err != nil {
			t.Fatal(err)
		}
		counts := map[int]int{}
		count := func(values iter.Seq[float64]) int { return len(slices.Collect(values)) }
		for co.open() {
			counts[*(*int)(co.key)] += 1000*count(leftsOf[float64](co)) + count(rightsOf[float64](co))
		}
		if err := co.err(); err != nil || !reflect.DeepEqual(counts, wantCounts) {
			t.Errorf("limit %d: pairs of groups differ, %v", limit, err)
		}
		co.close()
		if used := cfg.Mem.Used(); used != 0 {
			t.Errorf("limit %d: %d bytes are still held", limit, used)
		}
	}
}

func grouped(t *testing.T, cfg Config, keys *codec.KeyType, pair codec.PairType, rows []codec.Pair[int, float64]) map[int][]float64 {
	t.Helper()
	g := openGroups(context.Background(), cfg, keys, pair, nil)
	defer g.close()
	collide(g)
	if err := g.fill(stream(rows, 100)); err != nil {
		t.Fatal(err)
	}
	got := map[int][]float64{}
	for g.open() {
		got[*(*int)(g.key)] = append(got[*(*int)(g.key)], slices.Collect(valuesOf[float64](g))...)
	}
	if g.err != nil {
		t.Fatal(g.err)
	}
	return got
}

func TestGroupsKeepTheKeyOfABatchThatIsGone(t *testing.T) {
	keys, pair := pairOf[string, int](t)
	rows := make([]codec.Pair[string, int], 5000)
	for i := range rows {
		rows[i] = codec.Pair[string, int]{Key: "one key of many batches", Value: i}
	}
	g := openGroups(context.Background(), Config{Dir: t.TempDir(), Limit: 64 << 10}, keys, pair, nil)
	defer g.close()
	if err := g.fill(stream(rows, 64)); err != nil {
		t.Fatal(err)
	}
	if len(g.sorter.runs) < 2 {
		t.Fatalf("%d runs", len(g.sorter.runs))
	}
	n := 0
	for g.open() {
		for v := range valuesOf[int](g) {
			if v != n || *(*string)(g.key) != rows[0].Key {
				t.Fatalf("value %d is %d of %q", n, v, *(*string)(g.key))
			}
			n++
		}
	}
	if n != len(rows) || g.err != nil {
		t.Errorf("%d values, %v", n, g.err)
	}
}

func TestPlacerIsAskedOnceForARow(t *testing.T) {
	const reduces, rows = 7, 20_000
	var of []uint32 // rows, in turn
	next := RoundRobin(3, reduces)
	w := NewWriter(Config{Dir: t.TempDir(), Reduces: reduces, Limit: 48 << 10}, typeOf[uint64](t), func(rows codec.Rows, out []uint32) {
		next(rows, out)
		of = append(of, out[:rows.Len]...)
	})
	defer w.Abort()
	for from := range rows / 500 {
		part := make([]uint64, 500)
		for i := range part {
			part[i] = uint64(from*500 + i)
		}
		if err := w.Write(codec.RowsOf(part)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Segments) < 2 {
		t.Error("memory was enough for all rows")
	}
	if len(of) != rows {
		t.Fatalf("the Placer was asked for %d rows of %d", len(of), rows)
	}
}

func TestSortRunsWithLittleMemoryAreNotTiny(t *testing.T) {
	typ := typeOf[uint64](t)
	cfg := Config{Dir: t.TempDir(), Limit: 1}.withDefaults()
	mem := cfg.share()
	s := newSorter(t.Context(), cfg, &mem, typ, ordering{prefix: func(rows codec.Rows, out []uint64) { copy(out, codec.Slice[uint64](rows)) }})
	defer s.close()
	rows := make([]uint64, 20_000)
	for i := range rows {
		rows[i] = rand.Uint64()
	}
	if err := s.consume(stream(rows, 500)); err != nil {
		t.Fatal(err)
	}
	if n := len(rows) / max(1, len(s.runs)); n < 500 || len(s.runs) < 2 {
		t.Errorf("%d runs, of %d rows each", len(s.runs), n)
	}
}

func TestReadingCountsRowsThatWereTaken(t *testing.T) {
	keys, pair := pairOf[int, int](t)
	rows := make([]codec.Pair[int, int], 5000)
	for i := range rows {
		rows[i] = codec.Pair[int, int]{Key: i % 4000, Value: i}
	}
	var read Reading
	cfg, in := Config{Dir: t.TempDir(), Reading: &read}, stream(rows, 100)
	first, last := int64(-1), int64(-1)
	see := func() {
		if last = read.Done; first < 0 {
			first = last
		}
	}
	sum := func(acc *int, v int) { *acc += v }
	c, err := NewCombining[int](Combine[int, int]{Init: sum, Add: sum, Merge: func(l, r *int) { *l += *r }})
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"sort": func() error {
			return Sort(t.Context(), cfg, pair.Type, byHash(keys, pair.Type, 0).prefix, nil, in)(func(codec.Rows) bool { see(); return true })
		},
		"groups": func() error {
			return Groups[int, int](t.Context(), cfg, in)(func(int, iter.Seq[int]) bool { see(); return true })
		},
		"aggregate": func() error {
			return Aggregate(t.Context(), cfg, c, in)(func(codec.Rows) bool { see(); return true })
		},
	} {
		first = -1
		if err := run(); err != nil {
			t.Fatal(err)
		}
		if first != 0 || last >= read.All || last == 0 {
			t.Errorf("%s: %d rows were done at first, and %d of %d at last", name, first, last, read.All)
		}
	}
}
