package shuffle_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

func sumFloats() shuffle.Combine[float64, float64] {
	return shuffle.Combine[float64, float64]{
		Init:  func(acc *float64, v float64) { *acc = v },
		Add:   func(acc *float64, v float64) { *acc += v },
		Merge: func(l, r *float64) { *l += *r },
	}
}

// limits are budgets from too small for anything to plenty.
var limits = []int64{64 << 10, 300 << 10, 1 << 20, 4 << 20, 1 << 30}

// aggregateEverywhere aggregates the same rows under all limits and demands the same bits in the same order.
func aggregateEverywhere[K comparable](t *testing.T, keyOf func(int) K) {
	t.Helper()
	keys := keysOf[K]()
	r := rand.New(rand.NewPCG(1, 9))
	rows := make([]pair[K, float64], 60_000)
	for i := range rows {
		rows[i] = pair[K, float64]{Key: keyOf(r.IntN(20_000)), Value: r.NormFloat64() * math.Pow(10, float64(r.IntN(20)))}
	}
	sums := map[uint64]float64{}
	for _, row := range rows {
		sums[keys.Hash1(row.Key, 42)] += row.Value
	}
	var first []pair[K, float64]
	for _, limit := range limits {
		mem, acc := budget(t, limit)
		cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc, Seed: 4, Reduce: 2}
		for _, stream := range []shuffle.Stream[pair[K, float64]]{
			aggregate[K](t.Context(), cfg, sumFloats(), batches(rows, 1000)),
			merge[K](t.Context(), cfg, sumFloats(), batches(rows, 77)),
		} {
			got := must(collect(stream))
			if first == nil {
				first = got
			}
			if len(got) != len(sums) {
				t.Fatalf("limit %d: %d keys, want %d", limit, len(got), len(sums))
			}
			for i, row := range got {
				if !keys.Equal(row.Key, first[i].Key) {
					t.Fatalf("limit %d: row %d is of key %v, want %v", limit, i, row.Key, first[i].Key)
				}
				if want := sums[keys.Hash1(row.Key, 42)]; math.Float64bits(row.Value) != math.Float64bits(want) {
					t.Fatalf("limit %d: key %v sums up to %v, want %v", limit, row.Key, row.Value, want)
				}
			}
		}
		if over := mem.Peak() - limit; over > 512<<10 {
			t.Errorf("%d bytes over a budget of %d", over, limit)
		}
	}
}

func TestAggregateDoesNotDependOnMemory(t *testing.T) {
	t.Run("string", func(t *testing.T) { aggregateEverywhere(t, names) })
	t.Run("word", func(t *testing.T) { aggregateEverywhere(t, func(n int) word { return word(names(n)) }) })
	t.Run("int64", func(t *testing.T) { aggregateEverywhere(t, func(n int) int64 { return int64(n) }) })
	t.Run("int32", func(t *testing.T) { aggregateEverywhere(t, func(n int) int32 { return int32(n - 9) }) })
	t.Run("float64", func(t *testing.T) { aggregateEverywhere(t, func(n int) float64 { return floats[n%6] * float64(n) }) })
	t.Run("place", func(t *testing.T) {
		aggregateEverywhere(t, func(n int) place { return place{City: names(n), Zip: int32(n % 7)} })
	})
}

func TestAggregateKeepsAccumulatorsWithPointers(t *testing.T) {
	f := shuffle.Combine[int, []int]{
		Init:  func(acc *[]int, v int) { *acc = []int{v} },
		Add:   func(acc *[]int, v int) { *acc = append(*acc, v) },
		Merge: func(l, r *[]int) { *l = append(*l, *r...) },
	}
	var rows []pair[string, int]
	want := map[string][]int{}
	for i := range 30_000 {
		k := names(i % 7919)
		rows = append(rows, pair[string, int]{Key: k, Value: i})
		want[k] = append(want[k], i)
	}
	for _, limit := range limits {
		_, acc := budget(t, limit)
		cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
		got := map[string][]int{}
		for _, row := range must(collect(aggregate[string](t.Context(), cfg, f, batches(rows, 500)))) {
			got[row.Key] = row.Value
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("limit %d: lists differ", limit)
		}
	}
}

func TestDistinct(t *testing.T) {
	var rows []pair[int32, struct{}]
	for i := range int32(100_000) {
		rows = append(rows, pair[int32, struct{}]{Key: i % 30_000})
	}
	for _, limit := range limits {
		_, acc := budget(t, limit)
		got := must(collect(aggregate[int32](t.Context(), shuffle.Config{Dir: emptyDir(t), Mem: acc}, shuffle.Presence(), batches(rows, 999))))
		slices.SortFunc(got, func(a, b pair[int32, struct{}]) int { return cmp.Compare(a.Key, b.Key) })
		if len(got) != 30_000 || got[29_999].Key != 29_999 {
			t.Errorf("limit %d: %d keys", limit, len(got))
		}
	}
}

func TestGroupsMatchAMap(t *testing.T) {
	type value struct {
		N    int
		Text string
	}
	rows := make([]pair[string, value], 40_000)
	want := map[string][]value{}
	for i := range rows {
		k := names(i * i % 4001)
		if i%3 == 0 {
			k = "one large group"
		}
		rows[i] = pair[string, value]{Key: k, Value: value{i, names(i)}}
		want[k] = append(want[k], rows[i].Value)
	}
	var first []string
	for _, limit := range limits {
		mem, acc := budget(t, limit)
		cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc, Copy: true, Compress: true}
		got, order := map[string][]value{}, []string(nil)
		err := shuffle.Groups[string, value](t.Context(), cfg, raw(rows, 300))(func(k string, vs iter.Seq[value]) bool {
			if _, twice := got[k]; twice {
				t.Errorf("key %q comes twice", k)
			}
			got[k], order = slices.Collect(vs), append(order, k)
			for range vs {
				t.Errorf("key %q has values the second time", k)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("limit %d: groups differ", limit)
		}
		if first == nil {
			first = order
		}
		if !slices.Equal(order, first) {
			t.Errorf("limit %d: the order of keys is another one", limit)
		}
		if over := mem.Peak() - limit; over > 512<<10 {
			t.Errorf("%d bytes over a budget of %d", over, limit)
		}
	}
}

func TestGroupsSkipUnreadValues(t *testing.T) {
	var rows []pair[int, int]
	for i := range 10_000 {
		rows = append(rows, pair[int, int]{Key: i % 100, Value: i})
	}
	seen := 0
	err := shuffle.Groups[int, int](t.Context(), shuffle.Config{Dir: t.TempDir()}, raw(rows, 64))(func(k int, vs iter.Seq[int]) bool {
		for v := range vs {
			if v != k {
				t.Errorf("first value of %d is %d", k, v)
			}
			break
		}
		seen++
		return seen < 50
	})
	if err != nil || seen != 50 {
		t.Errorf("%d groups seen, error %v", seen, err)
	}
}

func TestCoGroupsMatchMaps(t *testing.T) {
	var left []pair[int64, string]
	var right []pair[int64, [3]int32]
	wantL, wantR := map[int64][]string{}, map[int64][][3]int32{}
	r := rand.New(rand.NewPCG(8, 8))
	for i := range 20_000 {
		k, w := r.Int64N(3000), r.Int64N(3000)+1000
		if i%2 == 0 {
			w = 2000 // many right values of one key
		}
		left = append(left, pair[int64, string]{Key: k, Value: names(i)})
		right = append(right, pair[int64, [3]int32]{Key: w, Value: [3]int32{int32(i)}})
		wantL[k] = append(wantL[k], names(i))
		wantR[w] = append(wantR[w], [3]int32{int32(i)})
	}
	for _, limit := range limits {
		_, acc := budget(t, limit)
		cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
		gotL, gotR := map[int64][]string{}, map[int64][][3]int32{}
		err := shuffle.CoGroups[int64, string, [3]int32](t.Context(), cfg, raw(left, 512), raw(right, 333))(func(k int64, vs iter.Seq[string], ws iter.Seq[[3]int32]) bool {
			for v := range vs {
				gotL[k] = append(gotL[k], v)
				if len(gotL[k]) > 3 {
					continue
				}
				if again := slices.Collect(ws); len(gotR[k]) > 0 && !slices.Equal(gotR[k], again) {
					t.Errorf("key %d: the right values are others the second time", k)
				} else if len(again) > 0 {
					gotR[k] = again
				}
			}
			if again := slices.Collect(ws); len(again) > 0 {
				gotR[k] = again
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(gotL, wantL) || !reflect.DeepEqual(gotR, wantR) {
			t.Errorf("limit %d: groups differ", limit)
		}
	}
}

func TestSortMatchesTheStandardLibrary(t *testing.T) {
	type row struct {
		Key  string
		N    int
		More []int16
	}
	prefix := func(rows []row, out []uint64) {
		for i, r := range rows {
			var b [8]byte
			copy(b[:], r.Key)
			out[i] = binary.BigEndian.Uint64(b[:])
		}
	}
	compare := func(a, b *row) int { return cmp.Compare(a.Key, b.Key) }
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 3))
		rows := make([]row, 30_000)
		for i := range rows {
			rows[i] = row{names(r.IntN(9000)), i, make([]int16, r.IntN(8))}
			if i%4 == 0 {
				rows[i].Key = fmt.Sprintf("all the same prefix %d", r.IntN(50))
			}
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b row) int { return compare(&a, &b) })
		for _, limit := range limits {
			mem, acc := budget(t, limit)
			cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc, Compress: seed == 1}
			got := must(collect(sorted(t, cfg, prefix, compare, batches(rows, 700))))
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("limit %d: rows are not sorted", limit)
			}
			if over := mem.Peak() - limit; over > 512<<10 {
				t.Errorf("%d bytes over a budget of %d", over, limit)
			}
		}
	}
}

func TestJoinMatchesMaps(t *testing.T) {
	joinMatches(t, func(k int) int32 { return int32(k) })
	joinMatches(t, func(k int) string { return names(k) })
	joinMatches(t, func(k int) [2]uint8 { return [2]uint8{uint8(k), uint8(k >> 8)} })
}

// match is a pair of a join; what has no partner is with missing.
type match[K comparable] struct {
	key  K
	v, w int64
}

const missing = -1

// joined gives the pairs of a join.
func joined[K comparable](t *testing.T, cfg shuffle.Config, outer shuffle.Outer, left, right []pair[K, int64]) []match[K] {
	t.Helper()
	value := func(v *int64) int64 {
		if v == nil {
			return missing
		}
		return *v
	}
	var all []match[K]
	err := shuffle.Join[K, int64, int64](t.Context(), cfg, outer, raw(left, 512), raw(right, 333))(func(k *K, v, w *int64) bool {
		all = append(all, match[K]{*k, value(v), value(w)})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// nested gives the pairs of a join with their numbers, by loops over both sides.
func nested[K comparable](outer shuffle.Outer, left, right []pair[K, int64]) map[match[K]]int {
	rights, want, met := map[K][]int64{}, map[match[K]]int{}, map[K]bool{}
	for _, r := range right {
		rights[r.Key] = append(rights[r.Key], r.Value)
	}
	for _, l := range left {
		met[l.Key] = true
		for _, w := range rights[l.Key] {
			want[match[K]{l.Key, l.Value, w}]++
		}
		if outer.Left && rights[l.Key] == nil {
			want[match[K]{l.Key, l.Value, missing}]++
		}
	}
	for _, r := range right {
		if outer.Right && !met[r.Key] {
			want[match[K]{r.Key, missing, r.Value}]++
		}
	}
	return want
}

func joinMatches[K comparable](t *testing.T, key func(int) K) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 9))
	left, right := make([]pair[K, int64], 16_000), make([]pair[K, int64], 8000)
	for i := range right {
		k := r.IntN(3000)
		if i%10 == 0 {
			k = 7 // more than are at hand at a time
		}
		right[i] = pair[K, int64]{Key: key(k), Value: int64(i)}
	}
	for i := range left {
		left[i] = pair[K, int64]{Key: key(r.IntN(6000) + 500), Value: int64(i)}
		if i%400 == 0 {
			left[i].Key = key(7)
		}
	}
	for _, outer := range []shuffle.Outer{{}, {Left: true}, {Right: true}, {Left: true, Right: true}} {
		want := nested(outer, left, right)
		var first []match[K]
		for _, limit := range limits {
			_, acc := budget(t, limit)
			all := joined(t, shuffle.Config{Dir: emptyDir(t), Mem: acc}, outer, left, right)
			got := map[match[K]]int{}
			for _, m := range all {
				got[m]++
			}
			if !maps.Equal(got, want) {
				t.Errorf("%+v, limit %d: %d pairs, want %d", outer, limit, len(all), len(want))
			}
			if first == nil {
				first = all
			}
			if !slices.Equal(all, first) {
				t.Errorf("%+v, limit %d: the pairs come in another order", outer, limit)
			}
		}
	}
}

// TestJoinOfHotKeys is about a key that has more rows than memory on both sides: they stream, and each row of the file
// that the right ones are in is read for many left ones.
func TestJoinOfHotKeys(t *testing.T) {
	const lefts, rights, limit = 600, 40_000, 300 << 10
	left, right := make([]pair[int, int64], lefts), make([]pair[int, int64], rights)
	for i := range left {
		left[i] = pair[int, int64]{Key: 7, Value: int64(i)}
	}
	for i := range right {
		right[i] = pair[int, int64]{Key: 7, Value: int64(i)}
	}
	var spilled, n, sum int64
	mem, acc := budget(t, limit)
	cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc, Spilled: &spilled}
	order := rand.New(rand.NewPCG(1, 2)).Perm(lefts) // what comes is not sorted by value
	for i, j := range order {
		left[i].Value = int64(j)
	}
	err := shuffle.Join[int, int64, int64](t.Context(), cfg, shuffle.Outer{}, raw(left, 512), raw(right, 333))(func(_ *int, v, w *int64) bool {
		// 256 left values at a time, and the rest of them.
		block := n / (256 * rights)
		size := min(256, lefts-256*block)
		at := n - block*256*rights
		if *w != at/size || *v != int64(order[256*block+at%size]) {
			t.Errorf("pair %d is of %d and %d", n, *v, *w)
			return false
		}
		n++
		sum += *v * *w
		return true
	})
	if err != nil || n != lefts*rights || sum != lefts*(lefts-1)/2*rights*(rights-1)/2 {
		t.Errorf("%d pairs, sum %d, %v", n, sum, err)
	}
	if over := mem.Peak() - limit; over > 512<<10 || spilled < rights {
		t.Errorf("%d bytes over a budget of %d, %d spilled", over, limit, spilled)
	}
}

func TestJoinEndsEarly(t *testing.T) {
	rows := []pair[int, int]{{Key: 1, Value: 1}, {Key: 2, Value: 2}, {Key: 3, Value: 3}, {Key: 3, Value: 4}}
	cfg := shuffle.Config{Dir: t.TempDir()}
	for _, outer := range []shuffle.Outer{{}, {Left: true}, {Right: true}} {
		sides := [2][]pair[int, int]{rows, rows}
		if outer.Left {
			sides[1] = nil
		}
		if outer.Right {
			sides[0] = nil
		}
		seen := 0
		if err := shuffle.Join[int, int, int](t.Context(), cfg, outer, raw(sides[0], 9), raw(sides[1], 9))(func(*int, *int, *int) bool {
			seen++
			return seen < 2
		}); err != nil || seen != 2 {
			t.Errorf("%+v: %d pairs, %v", outer, seen, err)
		}
	}
	bad := errors.New("no more rows")
	err := shuffle.Join[int, int, int](t.Context(), cfg, shuffle.Outer{}, raw(rows, 9), func(func(codec.Rows) bool) error { return bad })(func(*int, *int, *int) bool {
		t.Error("there are pairs")
		return true
	})
	if !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

// TestSortSmallRows is about rows that are moved before they are sorted: equal ones stay as they came.
func TestSortSmallRows(t *testing.T) {
	shapes := map[string]func(r *rand.Rand, i int) uint64{
		"random": func(r *rand.Rand, _ int) uint64 { return r.Uint64() },
		"few":    func(r *rand.Rand, _ int) uint64 { return r.Uint64N(3) },
		"one far": func(r *rand.Rand, i int) uint64 {
			return r.Uint64N(100) + uint64(i/99_999)<<63
		},
	}
	for name, shape := range shapes {
		sortsSmall(t, name, shape, func(k uint64, n int) [2]uint64 { return [2]uint64{k, uint64(n)} }, func(v *[2]uint64) uint64 { return v[0] })
		sortsSmall(t, name, shape, func(k uint64, n int) [3]uint64 { return [3]uint64{k, uint64(n)} }, func(v *[3]uint64) uint64 { return v[0] })
		sortsSmall(t, name, shape, func(k uint64, n int) [2]uint32 { return [2]uint32{uint32(k >> 32), uint32(n)} }, func(v *[2]uint32) uint64 { return uint64(v[0]) })
		sortsSmall(t, name, shape, func(k uint64, n int) [3]uint32 { return [3]uint32{uint32(k), uint32(n)} }, func(v *[3]uint32) uint64 { return uint64(v[0]) })
	}
}

func sortsSmall[T comparable](t *testing.T, name string, shape func(r *rand.Rand, i int) uint64, row func(uint64, int) T, key func(*T) uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 1))
	rows := make([]T, 100_000)
	for i := range rows {
		rows[i] = row(shape(r, i), i)
	}
	compare := func(a, b *T) int { return cmp.Compare(key(a), key(b)) }
	prefix := func(rows []T, out []uint64) {
		for i := range rows {
			out[i] = key(&rows[i]) >> 1 // so that some are equal and their rows are not
		}
	}
	want := slices.Clone(rows)
	slices.SortStableFunc(want, func(a, b T) int { return compare(&a, &b) })
	for _, limit := range limits {
		_, acc := budget(t, limit)
		got := must(collect(sorted(t, shuffle.Config{Dir: emptyDir(t), Mem: acc}, prefix, compare, batches(rows, 700))))
		if !slices.Equal(got, want) {
			t.Errorf("%s, limit %d: rows of %T are not sorted", name, limit, rows)
		}
	}
}

func TestSortNumbers(t *testing.T) {
	shapes := map[string]func(r *rand.Rand, i int) uint64{
		"random":     func(r *rand.Rand, _ int) uint64 { return r.Uint64() },
		"few":        func(r *rand.Rand, _ int) uint64 { return r.Uint64N(3) },
		"equal":      func(*rand.Rand, int) uint64 { return 7 },
		"ascending":  func(_ *rand.Rand, i int) uint64 { return uint64(i) },
		"descending": func(_ *rand.Rand, i int) uint64 { return math.MaxUint64 - uint64(i) },
		"one far":    func(r *rand.Rand, i int) uint64 { return r.Uint64N(1000) + uint64(i/99_999)<<63 },
		"nested":     func(r *rand.Rand, _ int) uint64 { return r.Uint64() >> r.IntN(64) },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			rows := make([]uint64, 100_000)
			for i := range rows {
				rows[i] = shape(r, i)
			}
			want := slices.Sorted(slices.Values(rows))
			got := must(collect(sorted(t, shuffle.Config{Dir: t.TempDir()},
				func(rows, out []uint64) { copy(out, rows) }, nil, batches(rows, 5000))))
			if !slices.Equal(got, want) {
				t.Error("not sorted")
			}
		})
	}
}

func TestARowLargerThanTheBudget(t *testing.T) {
	_, acc := budget(t, 64<<10)
	rows := []string{string(make([]byte, 3<<20)), "b", string(make([]byte, 1<<20)), "a"}
	got := must(collect(sorted(t, shuffle.Config{Dir: emptyDir(t), Mem: acc},
		func(rows []string, out []uint64) {
			must(codec.KeyTypeOf[string]()).Prefix(out, unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(""))
		}, func(a, b *string) int { return cmp.Compare(*a, *b) }, batches(rows, 4))))
	if len(got) != 4 || len(got[0]) != 1<<20 || got[3] != "b" {
		t.Errorf("%d rows", len(got))
	}
}

func TestReduceErrorsAndEarlyEnds(t *testing.T) {
	rows := make([]pair[int, int], 50_000)
	for i := range rows {
		rows[i] = pair[int, int]{Key: i, Value: i}
	}
	bad := errors.New("the stream broke")
	broken := func(yield func([]pair[int, int]) bool) error {
		_ = batches(rows, 1000)(yield)
		return bad
	}
	c := typeOf[pair[int, int]]()
	f := shuffle.Combine[int, int]{Init: func(a *int, v int) { *a = v }, Add: func(a *int, v int) { *a += v }, Merge: func(l, r *int) { *l += *r }}
	byKey := func(rows codec.Rows, out []uint64) {
		for i, row := range codec.Slice[pair[int, int]](rows) {
			out[i] = uint64(row.Key)
		}
	}
	all := func(ctx context.Context, cfg shuffle.Config, in shuffle.Stream[pair[int, int]], more bool) map[string]error {
		rows, untyped := func([]pair[int, int]) bool { return more }, shuffle.Raw(in)
		return map[string]error{
			"aggregate": aggregate[int](ctx, cfg, f, in)(rows),
			"sort":      shuffle.Sort(ctx, cfg, c, byKey, nil, untyped)(func(codec.Rows) bool { return more }),
			"groups":    shuffle.Groups[int, int](ctx, cfg, untyped)(func(int, iter.Seq[int]) bool { return more }),
			"cogroups":  shuffle.CoGroups[int, int, int](ctx, cfg, untyped, untyped)(func(int, iter.Seq[int], iter.Seq[int]) bool { return more }),
		}
	}
	_, acc := budget(t, 64<<10)
	cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
	for name, err := range all(t.Context(), cfg, broken, true) {
		if !errors.Is(err, bad) {
			t.Errorf("%s of a broken stream: %v", name, err)
		}
	}
	for name, err := range all(t.Context(), cfg, batches(rows, 100), false) {
		if err != nil {
			t.Errorf("%s that is left early: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(bad)
	for name, err := range all(ctx, cfg, batches(rows, 100), true) {
		if !errors.Is(err, bad) {
			t.Errorf("%s under an ended context: %v", name, err)
		}
	}
	cfg.Dir += "/missing"
	for name, err := range all(t.Context(), cfg, batches(rows, 100), true) {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s without a directory: %v", name, err)
		}
	}
}

func TestPanicsLeaveNothingBehind(t *testing.T) {
	rows := make([]pair[int, int], 50_000)
	for i := range rows {
		rows[i] = pair[int, int]{Key: i, Value: i}
	}
	_, acc := budget(t, 64<<10)
	cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
	defer func() {
		if recover() == nil {
			t.Error("the panic was lost")
		}
		if used := acc.Used(); used != 0 {
			t.Errorf("%d bytes still held", used)
		}
	}()
	_ = shuffle.Groups[int, int](t.Context(), cfg, raw(rows, 100))(
		func(int, iter.Seq[int]) bool { panic("user code") })
}

func TestCoGroups3MatchMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	type values struct {
		first  []string
		second [][3]int32
		third  []int64
	}
	want := map[int64]values{}
	var first []pair[int64, string]
	var second []pair[int64, [3]int32]
	var third []pair[int64, int64]
	for i := range 20_000 {
		a, b, c := r.Int64N(3000), r.Int64N(3000)+1000, r.Int64N(3000)+2000
		if i%2 == 0 {
			c = 2500 // many third values of one key
		}
		first = append(first, pair[int64, string]{Key: a, Value: names(i)})
		second = append(second, pair[int64, [3]int32]{Key: b, Value: [3]int32{int32(i)}})
		third = append(third, pair[int64, int64]{Key: c, Value: int64(i)})
		add := func(k int64, change func(*values)) {
			v := want[k]
			change(&v)
			want[k] = v
		}
		add(a, func(v *values) { v.first = append(v.first, names(i)) })
		add(b, func(v *values) { v.second = append(v.second, [3]int32{int32(i)}) })
		add(c, func(v *values) { v.third = append(v.third, int64(i)) })
	}
	for _, limit := range limits {
		_, acc := budget(t, limit)
		cfg := shuffle.Config{Dir: emptyDir(t), Mem: acc}
		got := map[int64]values{}
		err := shuffle.CoGroups3[int64, string, [3]int32, int64](t.Context(), cfg, raw(first, 512), raw(second, 333), raw(third, 100))(
			func(k int64, vs iter.Seq[string], ws iter.Seq[[3]int32], xs iter.Seq[int64]) bool {
				if _, twice := got[k]; twice {
					t.Errorf("key %d comes twice", k)
				}
				for range 2 { // of the third side some, then all
					for range xs {
						break
					}
				}
				v := values{third: slices.Collect(xs), first: slices.Collect(vs), second: slices.Collect(ws)}
				if again := slices.Collect(ws); !slices.Equal(again, v.second) {
					t.Errorf("key %d: the second side's values are others the second time", k)
				}
				got[k] = v
				return true
			})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("limit %d: groups differ", limit)
		}
	}
}

// Of a side that is empty, and of keys whose values nobody reads, nothing is lost.
func TestCoGroups3OfLittle(t *testing.T) {
	some := []pair[int, int]{{Key: 1, Value: 1}, {Key: 2, Value: 2}, {Key: 2, Value: 3}}
	none := []pair[int, int]{}
	for name, c := range map[string]struct {
		first, second, third []pair[int, int]
		keys                 int
	}{
		"nothing": {none, none, none, 0}, "first": {some, none, none, 2}, "second": {none, some, none, 2}, "third": {none, none, some, 2},
		"all": {some, some, some, 2}, "two": {some, none, some, 2},
	} {
		seen := 0
		err := shuffle.CoGroups3[int, int, int, int](t.Context(), shuffle.Config{Dir: emptyDir(t)}, raw(c.first, 2), raw(c.second, 2), raw(c.third, 2))(
			func(k int, vs, ws, xs iter.Seq[int]) bool {
				seen++
				if seen%2 == 0 {
					return true
				}
				for side, of := range []iter.Seq[int]{vs, ws, xs} {
					want := 0
					for _, p := range [][]pair[int, int]{c.first, c.second, c.third}[side] {
						if p.Key == k {
							want++
						}
					}
					if got := len(slices.Collect(of)); got != want {
						t.Errorf("%s: key %d has %d values on side %d, want %d", name, k, got, side, want)
					}
				}
				return true
			})
		if err != nil || seen != c.keys {
			t.Errorf("%s: %d keys, %v; want %d", name, seen, err, c.keys)
		}
	}
}
