package shuffle_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

type (
	word  string
	id    int64
	small uint8
	place struct {
		City string
		Zip  int32
		At   [2]float64
	}
	tally struct {
		N    int64
		Last string
	}
	pair[K, V any] = codec.Pair[K, V]
)

// names makes keys of all lengths around the limits of the table: empty, inline, just too long, long.
func names(n int) string {
	if n == 0 {
		return ""
	}
	s := fmt.Sprint(uint32(n) * 2654435761)
	for range n % 4 {
		s += s
	}
	return s[:min(len(s), 1+n%37)]
}

var floats = []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1.5}

// keyTypes runs f for keys of every kind of table.
func keyTypes(t *testing.T, run func(t *testing.T, kind string)) {
	for _, kind := range []string{"string", "word", "int64", "id", "int32", "small", "float64", "place", "array"} {
		t.Run(kind, func(t *testing.T) { run(t, kind) })
	}
}

// combineOnce combines rows on both sides of a shuffle and checks the tallies against a map.
func combineOnce[K comparable](t *testing.T, r *rand.Rand, keyOf func(int) K) {
	t.Helper()
	keys, c := keysOf[K](), typeOf[pair[K, tally]]()
	f := shuffle.Combine[string, tally]{
		Init:  func(acc *tally, v string) { *acc = tally{1, v} },
		Add:   func(acc *tally, v string) { acc.N, acc.Last = acc.N+1, v },
		Merge: func(l, r *tally) { l.N, l.Last = l.N+r.N, r.Last },
	}
	reduces := []int{1, 2, 7, 64, 5000}[r.IntN(5)]
	maps := 1 + r.IntN(4)
	limit := int64(64<<10) << r.IntN(12)
	mem, acc := budget(t, limit)
	cfg := shuffle.Config{
		Dir: emptyDir(t), Reduces: reduces, Seed: r.Uint64(), Mem: acc, Compress: r.IntN(2) == 0, Shuffle: 3,
		SegmentBytes: int64(r.IntN(3)) * (100 << 10), RowSum: true,
	}
	type want struct {
		key K
		tally
	}
	var wants []want // a list, since NaN is not a key of Go's maps
	find := map[uint64][]int{}
	var outs []*shuffle.Output
	for m := range maps {
		cfg.Map = uint32(m)
		cb := newCombiner[K](cfg, f)
		for i := range r.IntN(20000) {
			n := r.IntN(3000)
			k, v := keyOf(n), fmt.Sprint(m, "/", i)
			if !cb.Push(k, v) && !cb.Flush() {
				t.Fatal(cb.Err())
			}
			if r.IntN(4000) == 0 && (!cb.Flush() || cb.Shed() != nil) {
				t.Fatal(cb.Err())
			}
			h := keys.Hash1(k, 0)
			at := slices.IndexFunc(find[h], func(i int) bool { return keys.Equal(wants[i].key, k) })
			if at < 0 {
				find[h] = append(find[h], len(wants))
				wants = append(wants, want{key: k, tally: tally{1, v}})
				continue
			}
			w := &wants[find[h][at]]
			w.N, w.Last = w.N+1, v
		}
		out, err := cb.Close()
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
	}
	for p := range reduces {
		cfg.Reduce = uint32(p)
		var parts []shuffle.Input
		for _, out := range outs {
			parts = append(parts, out.Input(p))
		}
		in := shuffle.Typed[pair[K, tally]](shuffle.Read(t.Context(), parts, c))
		rows, err := collect(merge[K](t.Context(), cfg, f, in))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			at := slices.IndexFunc(find[keys.Hash1(row.Key, 0)], func(i int) bool { return keys.Equal(wants[i].key, row.Key) })
			if at < 0 {
				t.Fatalf("key %v was never pushed, or came twice", row.Key)
			}
			h := keys.Hash1(row.Key, 0)
			i := find[h][at]
			if wants[i].tally != row.Value {
				t.Fatalf("key %v: got %v, want %v", row.Key, row.Value, wants[i].tally)
			}
			if got := partitionOf(keys, row.Key, cfg.Seed, reduces); got != uint32(p) {
				t.Fatalf("key %v in partition %d, want %d", row.Key, p, got)
			}
			find[h] = slices.Delete(find[h], at, at+1)
		}
	}
	for _, left := range find {
		for _, i := range left {
			t.Fatalf("key %v is missing", wants[i].key)
		}
	}
	if over := mem.Peak() - limit; over > 1<<20+int64(reduces)*16 {
		t.Errorf("%d bytes over a budget of %d", over, limit)
	}
}

func TestCombineMatchesAMap(t *testing.T) {
	keyTypes(t, func(t *testing.T, kind string) {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 1))
			switch kind {
			case "string":
				combineOnce(t, r, names)
			case "word":
				combineOnce(t, r, func(n int) word { return word(names(n)) })
			case "int64":
				combineOnce(t, r, func(n int) int64 { return int64(n-1500) * 1e12 })
			case "id":
				combineOnce(t, r, func(n int) id { return id(n) })
			case "int32":
				combineOnce(t, r, func(n int) int32 { return int32(n - 1500) })
			case "small":
				combineOnce(t, r, func(n int) small { return small(n) })
			case "float64":
				combineOnce(t, r, func(n int) float64 { return floats[n%len(floats)] * float64(n/1000) })
			case "place":
				combineOnce(t, r, func(n int) place { return place{names(n), int32(n % 3), [2]float64{floats[n%3], 1}} })
			case "array":
				combineOnce(t, r, func(n int) [2]uint16 { return [2]uint16{uint16(n), uint16(n % 5)} })
			}
		}
	})
}

func TestCombinerCopiesKeys(t *testing.T) {
	c := newCombiner[place](shuffle.Config{Dir: t.TempDir()}, sumInt64())
	buf := []byte("a city that is overwritten")
	c.Push(place{City: unsafeString(buf)}, 1)
	c.Flush()
	for i := range buf {
		buf[i] = 'x'
	}
	out := must(c.Close())
	rows := must(read[pair[place, int64]](t, out.Input(0)))
	if len(rows) != 1 || rows[0].Key.City != "a city that is overwritten" {
		t.Errorf("got %v", rows)
	}
}

func TestCombinerWritesTheSameBytesAgain(t *testing.T) {
	write := func() (*shuffle.Output, []byte) {
		cfg := shuffle.Config{Dir: t.TempDir(), Reduces: 9, Seed: 5, SegmentBytes: 64 << 10, RowSum: true}
		c := newCombiner[string](cfg, sumInt64())
		for i := range 50000 {
			_ = c.Push(names(i%9000), int64(i)) || c.Flush()
		}
		out := must(c.Close())
		return out, must(os.ReadFile(out.Path))
	}
	a, abytes := write()
	b, bbytes := write()
	if !slices.Equal(abytes, bbytes) || a.Sum != b.Sum || a.RowSum != b.RowSum || a.RowSum == 0 {
		t.Errorf("outputs differ: %+v and %+v", a, b)
	}
	if len(a.Segments) < 2 {
		t.Errorf("%d segments, want several", len(a.Segments))
	}
}

func TestCombinerGivesUpWhenKeysDoNotRepeat(t *testing.T) {
	for _, tt := range []struct {
		name     string
		keys     int
		total    float64 // rows that there are to come
		combined bool
	}{
		{"keys never repeat", 400_000, 400_000, false},
		{"keys will repeat later on", 100_000, 100_000_000, true},
		{"nobody knows", 400_000, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pushed := 0
			cfg := shuffle.Config{Dir: t.TempDir(), Reduces: 3, Progress: func() float64 {
				if tt.total == 0 {
					return 0
				}
				return float64(pushed) / tt.total
			}}
			cb := newCombiner[string](cfg, sumInt64())
			r := rand.New(rand.NewPCG(1, 1))
			var buf []byte
			for ; pushed < 400_000; pushed++ {
				buf = fmt.Appendf(buf[:0], "a rather long key %d", r.IntN(tt.keys))
				if !cb.Push(string(buf), 1) && !cb.Flush() {
					t.Fatal(cb.Err())
				}
			}
			out := must(cb.Close())
			if combined := out.Rows < 300_000; combined != tt.combined {
				t.Errorf("%d rows written, combined should be %v", out.Rows, tt.combined)
			}
			total := int64(0)
			for p := range 3 {
				for _, row := range must(read[pair[string, int64]](t, out.Input(p))) {
					total += row.Value
				}
			}
			if total != 400_000 {
				t.Errorf("values add up to %d", total)
			}
		})
	}
}

func TestCombinerAbortRemovesTheFile(t *testing.T) {
	_, acc := budget(t, 1<<20)
	dir := t.TempDir()
	cfg := shuffle.Config{Dir: dir, Mem: acc, SegmentBytes: 64 << 10, Reduces: 4}
	c := newCombiner[int](cfg, sumInt64())
	func() {
		defer func() { _ = recover() }()
		defer c.Abort()
		for i := range 100_000 {
			_ = c.Push(i, 1) || c.Flush()
		}
		panic("user code")
	}()
	if c.Push(1, 1); c.Flush() {
		t.Error("Flush after Abort reports true")
	}
	if _, err := c.Close(); err == nil {
		t.Error("Close after Abort reports no error")
	}
	if left := must(os.ReadDir(dir)); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestWriteErrorNamesTheFile(t *testing.T) {
	cfg := shuffle.Config{Dir: filepath.Join(emptyDir(t), "missing"), Name: "out"}
	w := shuffle.NewWriter(cfg, typeOf[int](), shuffle.Single)
	if err := w.Write(codec.RowsOf([]int{1})); err != nil {
		t.Fatal(err)
	}
	_, err := w.Close()
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestWriterPartitionsRows(t *testing.T) {
	type row struct {
		N    int
		Text string
	}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		reduces := []int{1, 3, 64, 200, 5000}[r.IntN(5)]
		limit := int64(64<<10) << r.IntN(8)
		mem, acc := budget(t, limit)
		cfg := shuffle.Config{
			Dir: emptyDir(t), Reduces: reduces, Mem: acc, Copy: r.IntN(2) == 0, Compress: r.IntN(2) == 0, RowSum: r.IntN(4) == 0,
			SegmentBytes: int64(r.IntN(2)) * (200 << 10), BlockRows: 1 + r.IntN(1000), BlockBytes: 1 << r.IntN(16),
		}
		byN := shuffle.By(typeOf[row](), func(v unsafe.Pointer) uint32 { return uint32((*row)(v).N % reduces) })
		w := shuffle.NewWriter(cfg, typeOf[row](), byN)
		want := make([][]row, reduces)
		for range 30 {
			rows := make([]row, r.IntN(700))
			for i := range rows {
				n := r.IntN(10000)
				rows[i] = row{n, names(n % 500)}
				if n == 0 {
					rows[i].Text = strings.Repeat("long", 40<<10) // longer than a block
				}
				want[n%reduces] = append(want[n%reduces], rows[i])
			}
			if err := w.Write(codec.RowsOf(rows)); err != nil {
				t.Fatal(err)
			}
			if r.IntN(10) == 0 {
				if err := w.Shed(); err != nil {
					t.Fatal(err)
				}
			}
		}
		out := must(w.Close())
		w.Abort()
		for p := range reduces {
			got := must(read[row](t, out.Input(p)))
			if !slices.Equal(got, want[p]) {
				t.Fatalf("seed %d: partition %d of %d has %d rows, want %d in their order", seed, p, reduces, len(got), len(want[p]))
			}
		}
		if err := w.Write(codec.Rows{}); err == nil {
			t.Error("Write after Close reports no error")
		}
		if over := mem.Peak() - limit; over > 512<<10 {
			t.Errorf("seed %d: %d bytes over a budget of %d", seed, over, limit)
		}
	}
}

func TestWriterPartitionsSmallRows(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 5))
		checkSmallRows(t, r, func(n uint32) uint8 { return uint8(n) })
		checkSmallRows(t, r, func(n uint32) int64 { return int64(n) })
		checkSmallRows(t, r, func(n uint32) [3]uint32 { return [3]uint32{n, n + 1, n + 2} })
		checkSmallRows(t, r, func(n uint32) pair[uint32, float64] { return pair[uint32, float64]{Key: n, Value: float64(n)} })
		checkSmallRows(t, r, func(n uint32) [3]uint64 { return [3]uint64{uint64(n), 1, 2} })
	}
}

// checkSmallRows writes rows without pointers, some partitions having many more than others.
func checkSmallRows[T comparable](t *testing.T, r *rand.Rand, row func(n uint32) T) {
	t.Helper()
	reduces := []int{1, 3, 64, 65}[r.IntN(4)]
	limit := int64(64<<10) << r.IntN(8)
	mem, acc := budget(t, limit)
	cfg := shuffle.Config{Dir: emptyDir(t), Reduces: reduces, Mem: acc, SegmentBytes: int64(r.IntN(2)) * (100 << 10)}
	places := map[T]uint32{}
	w := shuffle.NewWriter(cfg, typeOf[T](), shuffle.By(typeOf[T](), func(v unsafe.Pointer) uint32 { return places[*(*T)(v)] }))
	want := make([][]T, reduces)
	for range 40 {
		rows := make([]T, r.IntN(3000))
		for i := range rows {
			rows[i] = row(r.Uint32())
			p, ok := places[rows[i]]
			if !ok {
				if p = uint32(r.IntN(reduces)); r.IntN(3) > 0 {
					p = uint32(reduces / 2)
				}
				places[rows[i]] = p
			}
			want[p] = append(want[p], rows[i])
		}
		if err := w.Write(codec.RowsOf(rows)); err != nil {
			t.Fatal(err)
		}
		if r.IntN(10) == 0 {
			if err := w.Shed(); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := must(w.Close())
	for p := range reduces {
		if got := must(read[T](t, out.Input(p))); !slices.Equal(got, want[p]) {
			t.Fatalf("partition %d of %d has %d rows of %T, want %d in their order", p, reduces, len(got), want[p], len(want[p]))
		}
	}
	if over := mem.Peak() - limit; over > 256<<10 {
		t.Errorf("%d bytes over a budget of %d", over, limit)
	}
}

func TestWriterOfAMillionPartitions(t *testing.T) {
	mem, acc := budget(t, 1<<20)
	cfg := shuffle.Config{Dir: emptyDir(t), Reduces: 1_000_000, Mem: acc}
	typ := typeOf[int64]()
	w := shuffle.NewWriter(cfg, typ, shuffle.HashKeys(must(codec.KeyTypeOf[int64]()), typ, 1, cfg.Reduces))
	for i := range int64(100) {
		if err := w.Write(codec.RowsOf([]int64{i, i * 3, i * 5})); err != nil {
			t.Fatal(err)
		}
	}
	out := must(w.Close())
	if len(out.Segments) != 1 || out.Rows != 300 {
		t.Errorf("%d segments with %d rows", len(out.Segments), out.Rows)
	}
	if mem.Peak() > 32<<20 {
		t.Errorf("peak of %d bytes", mem.Peak())
	}
}

func TestPlacers(t *testing.T) {
	out := make([]uint32, 6)
	tens := func(row unsafe.Pointer) uint32 { return uint32(min(*(*int)(row)/10, 2)) }
	shuffle.By(typeOf[int](), tens)(codec.RowsOf([]int{5, 10, 15, 20, 25, 9}), out)
	if want := []uint32{0, 1, 1, 2, 2, 0}; !slices.Equal(out, want) {
		t.Errorf("by tens: got %v, want %v", out, want)
	}
	robin := shuffle.RoundRobin(2, 3)
	robin(codec.RowsOf([]int{0, 0}), out)
	robin(codec.RowsOf([]int{0, 0}), out[2:])
	if want := []uint32{2, 0, 1, 2}; !slices.Equal(out[:4], want) {
		t.Errorf("round robin: got %v, want %v", out[:4], want)
	}
	keys := keysOf[string]()
	ks := make([]string, 300)
	pairs := make([]pair[string, int], len(ks))
	for i := range ks {
		ks[i] = names(i)
		pairs[i].Key = ks[i]
	}
	byRow, byPair := make([]uint32, len(ks)), make([]uint32, len(ks))
	shuffle.HashKeys(keys.KeyType, typeOf[string](), 7, 11)(codec.RowsOf(ks), byRow)
	shuffle.HashKeys(keys.KeyType, typeOf[pair[string, int]](), 7, 11)(codec.RowsOf(pairs), byPair)
	if !slices.Equal(byRow, byPair) {
		t.Error("pairs and rows of the same keys are placed differently")
	}
}

func TestOutputIsPlainData(t *testing.T) {
	for f := range reflect.TypeFor[shuffle.Output]().Fields() {
		if !f.IsExported() {
			t.Errorf("field %s would not travel", f.Name)
		}
	}
}

func TestCombinerSpillsAccumulatorsThatGrow(t *testing.T) {
	mem, acc := budget(t, 4<<20)
	cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
	lists := shuffle.Combine[int64, []int64]{
		Init: func(acc *[]int64, v int64) { *acc = []int64{v} },
		Add:  func(acc *[]int64, v int64) { *acc = append(*acc, v) },
	}
	cb := newCombiner[int](cfg, lists)
	for i := range 2_000_000 { // 100 keys with 16 MB of values
		if !cb.Push(i%100, int64(i)) && !cb.Flush() {
			t.Fatal(cb.Err())
		}
	}
	out := must(cb.Close())
	if len(out.Segments) < 4 || mem.Peak() > 5<<20 {
		t.Errorf("%d segments, peak of %d bytes", len(out.Segments), mem.Peak())
	}
	got := map[int][]int64{}
	for _, row := range must(read[pair[int, []int64]](t, out.Input(0))) {
		got[row.Key] = append(got[row.Key], row.Value...)
	}
	for k, list := range got {
		if len(list) != 20_000 || !slices.IsSorted(list) || list[0] != int64(k) {
			t.Errorf("key %d has %d values", k, len(list))
		}
	}
}

func TestCombinerEndsAtItsFirstError(t *testing.T) {
	c := newCombiner[int](shuffle.Config{Dir: filepath.Join(emptyDir(t), "missing"), SegmentBytes: 1}, sumInt64())
	defer c.Abort()
	more := true
	for i := 0; more && i < 600_000; i++ {
		more = c.Push(i, 1) || c.Flush()
	}
	if more || !errors.Is(c.Err(), os.ErrNotExist) {
		t.Errorf("got %v", c.Err())
	}
	if _, err := c.Close(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close: got %v", err)
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "map-0.data")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Skip(err)
	}
	w := shuffle.NewWriter(shuffle.Config{Dir: dir}, typeOf[string](), shuffle.Single)
	if err := w.Write(codec.RowsOf([]string{"x"})); err != nil {
		t.Fatal(err)
	}
	_, err := w.Close()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is still there")
	}
}
