package shuffle_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// anyhow draws what must make no difference to a sum.
func anyhow(t *testing.T, r *rand.Rand, cfg shuffle.Config) shuffle.Config {
	_, cfg.Mem = budget(t, int64(64<<10)<<r.IntN(8))
	cfg.Dir, cfg.RowSum = emptyDir(t), true
	cfg.Compress, cfg.Copy = r.IntN(2) == 0, r.IntN(2) == 0
	cfg.SegmentBytes = int64(r.IntN(2)) * (20 << 10)
	cfg.BlockRows = r.IntN(3) * 100
	return cfg
}

// writtenSum is the sum of rows that a Writer is given in batches of any size.
func writtenSum[K comparable, V any](t *testing.T, r *rand.Rand, cfg shuffle.Config, rows []pair[K, V], place shuffle.Placer) uint64 {
	t.Helper()
	typ := typeOf[pair[K, V]]()
	if place == nil {
		place = shuffle.HashKeys(must(codec.KeyTypeOf[K]()), typ, 1, cfg.Reduces)
	}
	w := shuffle.NewWriter(cfg, typ, place)
	for len(rows) > 0 {
		n := min(1+r.IntN(700), len(rows))
		if err := w.Write(codec.RowsOf(rows[:n])); err != nil {
			t.Fatal(err)
		}
		if rows = rows[n:]; r.IntN(20) == 0 {
			if err := w.Shed(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return must(w.Close()).RowSum
}

// sumsOfWriter says what makes a difference to the sum of rows that are not combined. Row gives rows whose values differ.
func sumsOfWriter[K comparable, V any](t *testing.T, row func(i int) pair[K, V]) {
	for _, reduces := range []int{1, 7, 100} {
		t.Run(fmt.Sprintf("%T/%d", row(0), reduces), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(reduces), 1))
			rows := make([]pair[K, V], 5000)
			for i := range rows {
				rows[i] = row(i)
			}
			cfg := shuffle.Config{Reduces: reduces}
			want := writtenSum(t, r, anyhow(t, r, cfg), rows, nil)
			if want == 0 {
				t.Fatal("there is no sum")
			}
			for range 6 {
				r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
				if got := writtenSum(t, r, anyhow(t, r, cfg), rows, nil); got != want {
					t.Errorf("got %x, want %x", got, want)
				}
			}
			other := slices.Clone(rows)
			other[17].Value = row(6000).Value
			for name, rows := range map[string][]pair[K, V]{
				"a value": other, "one row less": rows[1:], "a row twice": append(slices.Clone(rows[1:]), rows[1]),
			} {
				if writtenSum(t, r, anyhow(t, r, cfg), rows, nil) == want {
					t.Errorf("%s makes no difference", name)
				}
			}
			plain := anyhow(t, r, cfg)
			plain.RowSum = false
			if got := writtenSum(t, r, plain, rows, nil); got != 0 {
				t.Errorf("got %x, and nobody asked", got)
			}
			few := anyhow(t, r, cfg)
			few.Inexact = true
			if a, b, c := writtenSum(t, r, few, rows, nil), writtenSum(t, r, few, other, nil), writtenSum(t, r, few, rows[1:], nil); a != b || a == c || a == 0 {
				t.Errorf("got %x, %x and %x of inexact rows, want their number to count", a, b, c)
			}
		})
	}
}

func TestRowSumOfWriter(t *testing.T) {
	sumsOfWriter(t, func(i int) pair[int64, int64] { return pair[int64, int64]{Key: int64(i / 3), Value: int64(i)} })
	sumsOfWriter(t, func(i int) pair[string, string] {
		return pair[string, string]{Key: names(i / 3), Value: fmt.Sprint("a text of some length, which is about ", i)}
	})
	sumsOfWriter(t, func(i int) pair[string, []int32] {
		return pair[string, []int32]{Key: names(i / 3), Value: []int32{int32(i), int32(i)}}
	})
}

// Rows that go elsewhere are not the same: somebody has taken in some partitions already.
func TestRowSumKnowsPartitions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	rows := make([]pair[int64, string], 3000)
	for i := range rows {
		rows[i] = pair[int64, string]{Key: int64(i), Value: names(i)}
	}
	sum := func(start int) uint64 {
		return writtenSum(t, r, anyhow(t, r, shuffle.Config{Reduces: 7}), rows, shuffle.RoundRobin(start, 7))
	}
	first := sum(3)
	for range 5 {
		if got := sum(3); got != first {
			t.Errorf("got %x, want %x", got, first)
		}
	}
	if sum(4) == first {
		t.Error("rows that are dealt otherwise have the same sum")
	}
}

// combinedSum is the sum of values that a Combiner is given.
func combinedSum[V, C any](t *testing.T, r *rand.Rand, cfg shuffle.Config, f shuffle.Combine[V, C], rows []pair[string, V]) uint64 {
	t.Helper()
	c := newCombiner[string](cfg, f)
	for _, row := range rows {
		if !c.Push(row.Key, row.Value) && !c.Flush() {
			t.Fatal(c.Err())
		}
		if r.IntN(10000) == 0 && (!c.Flush() || c.Shed() != nil) {
			t.Fatal(c.Err())
		}
	}
	return must(c.Close()).RowSum
}

// What a Combiner is given has one sum, however much of it was combined before it was written.
func TestRowSumOfCombiner(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	rows := make([]pair[string, int64], 60000)
	for i := range rows {
		rows[i] = pair[string, int64]{Key: names(i / 2), Value: int64(i)}
	}
	sum := func(rows []pair[string, int64]) (sum uint64, gaveUp bool) {
		cfg := anyhow(t, r, shuffle.Config{Reduces: 9, Seed: 5, Shuffle: 1, Map: 2})
		if gaveUp = r.IntN(2) == 0; gaveUp {
			cfg.SegmentBytes, cfg.Mem = 0, nil
			cfg.Progress = func() float64 { return 0.5 }
		}
		return combinedSum(t, r, cfg, sumInt64(), rows), gaveUp
	}
	want, _ := sum(rows)
	ways := map[bool]int{}
	for range 12 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		got, gaveUp := sum(rows)
		if ways[gaveUp]++; got != want || got == 0 {
			t.Errorf("got %x, want %x; combining was given up: %v", got, want, gaveUp)
		}
	}
	if len(ways) < 2 {
		t.Errorf("not all ways were gone: %v", ways)
	}
	// The sums of all keys stay what they were.
	i := slices.IndexFunc(rows[1:], func(row pair[string, int64]) bool { return row.Key == rows[0].Key }) + 1
	rows[0].Value, rows[i].Value = rows[0].Value+1, rows[i].Value-1
	if got, _ := sum(rows); got == want {
		t.Error("other values make no difference")
	}
}

// Accumulators may be made of values, and change them.
func TestRowSumIsOfValuesAsTheyCame(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	f := shuffle.Combine[[]int64, []int64]{
		Init:  func(acc *[]int64, v []int64) { *acc = v },
		Add:   func(acc *[]int64, v []int64) { (*acc)[0] += v[0] },
		Merge: func(l, r *[]int64) { (*l)[0] += (*r)[0] },
	}
	var sums []uint64
	for range 2 {
		rows := make([]pair[string, []int64], 5000)
		for i := range rows {
			rows[i] = pair[string, []int64]{Key: names(i % 10), Value: []int64{int64(i)}}
		}
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		sums = append(sums, combinedSum(t, r, anyhow(t, r, shuffle.Config{Reduces: 3}), f, rows))
	}
	if sums[0] != sums[1] || sums[0] == 0 {
		t.Errorf("got %x", sums)
	}
}

var errSecret = errors.New("secret")

// secret cannot be encoded, and need not be where it is only counted.
type secret struct{ N int }

func (secret) MarshalBinary() ([]byte, error)     { return nil, errSecret }
func (*secret) UnmarshalBinary(data []byte) error { return errSecret }

func TestRowSumOfWhatCannotBeEncoded(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	f := shuffle.Combine[secret, int64]{
		Init:  func(acc *int64, _ secret) { *acc = 1 },
		Add:   func(acc *int64, _ secret) { *acc++ },
		Merge: func(l, r *int64) { *l += *r },
	}
	rows := []pair[string, secret]{{Key: "a"}, {Key: "b"}, {Key: "a"}}
	if sum := combinedSum(t, r, anyhow(t, r, shuffle.Config{Reduces: 3}), f, rows); sum != 0 {
		t.Errorf("got %x, want 0", sum)
	}
}
