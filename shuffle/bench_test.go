package shuffle_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// sumInt64 is a sum as the generator writes it.
func sumInt64() shuffle.Combine[int64, int64] {
	return shuffle.Combine[int64, int64]{
		Init:  func(acc *int64, v int64) { *acc = v },
		Add:   func(acc *int64, v int64) { *acc += v },
		Merge: func(l, r *int64) { *l += *r },
		AddBatch: func(slots []*int64, vals []int64) {
			for i, s := range slots {
				*s += vals[i]
			}
		},
		MergeBatch: func(slots []*int64, accs []int64) {
			for i, s := range slots {
				*s += accs[i]
			}
		},
	}
}

const benchRows = 1 << 21

// skewed draws numbers below n, small ones far more often.
func skewed(n int) []int {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 8, uint64(n-1))
	out := make([]int, benchRows)
	for i := range out {
		out[i] = int(z.Uint64())
	}
	return out
}

func benchWords() []string {
	words := make([]string, benchRows)
	for i, n := range skewed(1 << 18) {
		words[i] = fmt.Sprintf("w%d", n*7919)
	}
	return words
}

func benchInts() []int64 {
	ints := make([]int64, benchRows)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range ints {
		ints[i] = r.Int64N(1 << 18)
	}
	return ints
}

func benchCombiner[K comparable](b *testing.B, keys []K) {
	b.Run("combiner", func(b *testing.B) {
		for b.Loop() {
			c := newCombiner[K](shuffle.Config{Dir: b.TempDir(), Reduces: 16, Seed: 1}, sumInt64())
			for _, k := range keys {
				if !c.Push(k, 1) && !c.Flush() {
					b.Fatal(c.Err())
				}
			}
			must(c.Close())
		}
		perRow(b)
	})
	b.Run("map", func(b *testing.B) {
		for b.Loop() {
			m := map[K]int64{}
			for _, k := range keys {
				m[k]++
			}
		}
		perRow(b)
	})
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkCombineWords(b *testing.B) { benchCombiner(b, benchWords()) }

func BenchmarkCombineInts(b *testing.B) { benchCombiner(b, benchInts()) }

func BenchmarkGroup(b *testing.B) {
	rows := make([]codec.Pair[int64, int64], 0, benchRows)
	for i, k := range benchInts() {
		rows = append(rows, codec.Pair[int64, int64]{Key: k, Value: int64(i)})
	}
	b.Run("groups", func(b *testing.B) {
		for b.Loop() {
			g := shuffle.Groups[int64, int64](context.Background(), shuffle.Config{Dir: b.TempDir()}, raw(rows, 4096))
			sum := int64(0)
			err := g(func(_ int64, vs iter.Seq[int64]) bool {
				for v := range vs {
					sum += v
				}
				return true
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	b.Run("map", func(b *testing.B) {
		for b.Loop() {
			m := map[int64][]int64{}
			for _, r := range rows {
				m[r.Key] = append(m[r.Key], r.Value)
			}
		}
		perRow(b)
	})
}

func BenchmarkSort(b *testing.B) {
	rows := make([]uint64, benchRows)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range rows {
		rows[i] = r.Uint64()
	}
	b.Run("sort", func(b *testing.B) {
		for b.Loop() {
			s := shuffle.Sort(context.Background(), shuffle.Config{Dir: b.TempDir()}, typeOf[uint64](),
				func(rows codec.Rows, out []uint64) { copy(out, codec.Slice[uint64](rows)) }, nil, raw(rows, 4096))
			if err := s(func(codec.Rows) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	b.Run("slices.Sort", func(b *testing.B) {
		for b.Loop() {
			slices.Sort(slices.Clone(rows))
		}
		perRow(b)
	})
}

func BenchmarkJoin(b *testing.B) {
	left := make([]codec.Pair[int64, int64], 0, benchRows)
	for i, k := range benchInts() {
		left = append(left, codec.Pair[int64, int64]{Key: k, Value: int64(i)})
	}
	right := make([]codec.Pair[int64, int64], 1<<18)
	for i := range right {
		right[i] = codec.Pair[int64, int64]{Key: int64(i), Value: int64(i)}
	}
	b.Run("join", func(b *testing.B) {
		for b.Loop() {
			sum := int64(0)
			err := shuffle.Join[int64, int64, int64](context.Background(), shuffle.Config{Dir: b.TempDir()}, shuffle.Outer{},
				raw(left, 4096), raw(right, 4096))(func(_, v, w *int64) bool {
				sum += *v ^ *w
				return true
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	b.Run("cogroups", func(b *testing.B) {
		for b.Loop() {
			sum := int64(0)
			err := shuffle.CoGroups[int64, int64, int64](context.Background(), shuffle.Config{Dir: b.TempDir()},
				raw(left, 4096), raw(right, 4096))(func(_ int64, vs, ws iter.Seq[int64]) bool {
				for v := range vs {
					for w := range ws {
						sum += v ^ w
					}
				}
				return true
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
}

func BenchmarkWriter(b *testing.B) {
	ints := make([]codec.Pair[int64, int64], 0, benchRows)
	for i, k := range benchInts() {
		ints = append(ints, codec.Pair[int64, int64]{Key: k, Value: int64(i)})
	}
	words := make([]codec.Pair[string, string], 0, benchRows)
	text := strings.Repeat("what a line of text has beside its key ", 2)
	for _, w := range benchWords() {
		words = append(words, codec.Pair[string, string]{Key: w, Value: text[len(w):]})
	}
	for _, reduces := range []int{8, 64, 500} {
		b.Run(fmt.Sprint(reduces), func(b *testing.B) { benchWriter(b, reduces, ints) })
		b.Run(fmt.Sprint("text/", reduces), func(b *testing.B) { benchWriter(b, reduces, words) })
	}
}

func benchWriter[K comparable, V any](b *testing.B, reduces int, rows []codec.Pair[K, V]) {
	typ, keys := typeOf[codec.Pair[K, V]](), must(codec.KeyTypeOf[K]())
	for b.Loop() {
		cfg := shuffle.Config{Dir: b.TempDir(), Reduces: reduces, Copy: true}
		w := shuffle.NewWriter(cfg, typ, shuffle.HashKeys(keys, typ, 1, reduces))
		for part := range slices.Chunk(rows, 1024) {
			if err := w.Write(codec.RowsOf(part)); err != nil {
				b.Fatal(err)
			}
		}
		must(w.Close())
	}
	perRow(b)
}

func BenchmarkAggregate(b *testing.B) {
	rows := make([]codec.Pair[int64, int64], 0, benchRows)
	for i, k := range benchInts() {
		rows = append(rows, codec.Pair[int64, int64]{Key: k, Value: int64(i)})
	}
	for _, limit := range []int64{1 << 30, 2 << 20} {
		b.Run(fmt.Sprint(limit>>20, "MiB"), func(b *testing.B) {
			for b.Loop() {
				acc := shuffle.NewMemory(limit).Open("")
				s := merge[int64](context.Background(), shuffle.Config{Dir: b.TempDir(), Mem: acc}, sumInt64(), batches(rows, 4096))
				if err := s(func([]codec.Pair[int64, int64]) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}
