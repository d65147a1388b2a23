package rdd

import (
	"iter"
	"maps"
	"math"
	"math/rand/v2"
)

// Sampling says which rows are drawn: each by itself, with the chance To − From,
// or, with Replace, so many times as Poisson's law gives for that as its mean.
// What is drawn from a partition depends on Seed, its number and its rows in
// order: drawn again, it is the same. With one Seed and ranges that do not
// overlap, no row is drawn twice.
type Sampling struct {
	Seed     uint64
	From, To float64
	Replace  bool
}

// draws gives a function that says for one row after the other how many times it
// is drawn.
func (s Sampling) draws(partition int) func() int {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(partition)))
	if s.Replace {
		return func() int { return poisson(rng, s.To-s.From) }
	}
	return func() int {
		if x := rng.Float64(); s.From <= x && x < s.To {
			return 1
		}
		return 0
	}
}

// poisson draws a number by Poisson's law, whose mean is small: it takes so many
// steps (Knuth, The Art of Computer Programming 2, 3.4.1).
func poisson(rng *rand.Rand, mean float64) int {
	const most = 500 // beyond, e^-mean would be 0
	n := 0
	for ; mean > most; mean -= most {
		n += poisson(rng, most)
	}
	for p := rng.Float64(); p > math.Exp(-mean); p *= rng.Float64() {
		n++
	}
	return n
}

// SampleOp draws rows; its Sampling travels with it.
func SampleOp[T any]() *Op {
	return valued(func(s Sampling) *Op {
		return of((*T)(nil), one("Sample", nil, acrossNumbered(func(_ *Task, at place, rows iter.Seq[T]) iter.Seq[T] {
			draw := s.draws(at.partition)
			return repeated(rows, func(T) int { return draw() })
		})))
	})
}

// repeated gives each row as many times as n says.
func repeated[T any](rows iter.Seq[T], n func(T) int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for row := range rows {
			for range n(row) {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// Strata says how pairs are drawn by key: with the chance that Fractions has for
// it, 0 for keys that are not there.
type Strata[K comparable] struct {
	Seed      uint64
	Fractions map[K]float64
	Replace   bool
}

// SampleByKeyOp draws pairs; their Strata travel with it.
func SampleByKeyOp[K comparable, V any]() *Op {
	return valued(func(s Strata[K]) *Op {
		return of((*Pair[K, V])(nil), one("SampleByKey", nil, acrossNumbered(func(_ *Task, at place, rows iter.Seq[Pair[K, V]]) iter.Seq[Pair[K, V]] {
			rng := rand.New(rand.NewPCG(s.Seed, uint64(at.partition)))
			return repeated(rows, func(p Pair[K, V]) int {
				fraction := s.Fractions[p.Key]
				switch {
				case s.Replace:
					return poisson(rng, fraction)
				case rng.Float64() < fraction:
					return 1
				}
				return 0
			})
		})))
	})
}

// Quotas say which pairs are drawn, by their numbers among those of their key, in order,
// which may be there several times; of each partition. Wanted are the keys of them.
type Quotas[K comparable] struct {
	Wanted map[K]bool
	Picks  []map[K][]int64
}

// SampleByKeyExactOp draws the pairs of its Quotas, which travel with it. Its part
// "count" counts the pairs of each wanted key.
func SampleByKeyExactOp[K comparable, V any]() *Op {
	return valued(func(q Quotas[K]) *Op {
		return of((*Pair[K, V])(nil), many("SampleByKeyExact", nil, map[string]Part{
			"count": accPart((*Rows[map[K]int64])(nil), nil, func() accumulator {
				acc := &Acc[map[K]int64]{Value: map[K]int64{}, Has: true}
				return accumulate(acc, func(b any) bool {
					for _, p := range b.(*Rows[Pair[K, V]]).Rows {
						if q.Wanted[p.Key] {
							acc.Value[p.Key]++
						}
					}
					return true
				})
			}),
			"": acrossNumbered(func(t *Task, at place, rows iter.Seq[Pair[K, V]]) iter.Seq[Pair[K, V]] {
				t.sameCount(at, len(q.Picks))
				picks := maps.Clone(q.Picks[at.partition])
				seen := map[K]int64{}
				return repeated(rows, func(p Pair[K, V]) (n int) {
					left, ok := picks[p.Key]
					if !ok {
						return 0
					}
					i := seen[p.Key]
					seen[p.Key] = i + 1
					for n < len(left) && left[n] == i {
						n++
					}
					picks[p.Key] = left[n:]
					return n
				})
			}),
		}))
	})
}

// TakeSampleOp brings the rows with the given numbers to the driver: in each
// partition those listed for it, in order, which may be there several times. Its
// part "count" counts the rows of each.
func TakeSampleOp[T any]() *Op {
	return valued(func(picks [][]int64) *Op {
		return of((*T)(nil), many("TakeSample", nil, map[string]Part{
			"":      collectPart((*Rows[T])(nil)),
			"count": countPart,
			"pick": acrossNumbered(func(t *Task, at place, rows iter.Seq[T]) iter.Seq[T] {
				t.sameCount(at, len(picks))
				return picked(rows, picks[at.partition])
			}),
		}))
	})
}

// picked gives the rows with the given numbers, which are in order.
func picked[T any](rows iter.Seq[T], numbers []int64) iter.Seq[T] {
	return func(yield func(T) bool) {
		if len(numbers) == 0 {
			return
		}
		var at int64
		for row := range rows {
			for ; len(numbers) > 0 && numbers[0] == at; numbers = numbers[1:] {
				if !yield(row) {
					return
				}
			}
			if len(numbers) == 0 {
				return
			}
			at++
		}
	}
}
