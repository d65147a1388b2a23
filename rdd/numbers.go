package rdd

import (
	"cmp"
	"math"
	"sort"
)

// Number is what can be added up.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// folding makes an action without a function that combines the rows of each
// partition.
func folding[T any](name string, f func(T, T) T) *Op {
	return of((*T)(nil), one(name, nil, accPart((*Rows[T])(nil), nil, reduceRows(f))))
}

// SumOp adds up the rows of each partition.
func SumOp[T Number]() *Op { return folding("Sum", Add[T]) }

// Add is a + b.
func Add[T Number](a, b T) T { return a + b }

// MaxOp finds the greatest row of each partition.
func MaxOp[T cmp.Ordered]() *Op { return folding("Max", Greater[T]) }

// Greater is the greater one, or NaN if one is.
func Greater[T cmp.Ordered](a, b T) T { return max(a, b) }

// MinOp finds the least row of each partition.
func MinOp[T cmp.Ordered]() *Op { return folding("Min", Less[T]) }

// Less is the lesser one, or NaN if one is.
func Less[T cmp.Ordered](a, b T) T { return min(a, b) }

// StatCounter is what is known of numbers that have been seen: their count, mean,
// spread and borders. Counters of parts are merged to that of the whole, without
// the loss of digits that a sum of squares would have (Chan, Golub and LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances",
// 1979).
type StatCounter struct {
	Count    int64
	Mean     float64 // 0 when Count is
	M2       float64 // sum of the squares of the distances from the mean
	Min, Max float64 // +Inf and -Inf when Count is 0
}

// NewStatCounter is the counter of no numbers.
func NewStatCounter() StatCounter {
	return StatCounter{Min: math.Inf(1), Max: math.Inf(-1)}
}

// Add counts one more number.
func (s *StatCounter) Add(x float64) {
	s.Count++
	d := x - s.Mean
	s.Mean += d / float64(s.Count)
	s.M2 += d * (x - s.Mean)
	s.Min, s.Max = min(s.Min, x), max(s.Max, x)
}

// Merge counts what another counter has counted.
func (s *StatCounter) Merge(o *StatCounter) {
	if o.Count == 0 {
		return
	}
	if s.Count == 0 {
		*s = *o
		return
	}
	n, m := float64(s.Count), float64(o.Count)
	d := o.Mean - s.Mean
	s.Mean += d * m / (n + m)
	s.M2 += o.M2 + d*d*n*m/(n+m)
	s.Count += o.Count
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// Sum is the sum of the numbers.
func (s StatCounter) Sum() float64 { return float64(s.Count) * s.Mean }

// Variance is the population's variance; NaN of no numbers.
func (s StatCounter) Variance() float64 { return s.M2 / float64(s.Count) }

// SampleVariance is the estimate of the variance of what the numbers are a sample
// of; NaN of less than two.
func (s StatCounter) SampleVariance() float64 {
	if s.Count < 2 {
		return math.NaN()
	}
	return s.M2 / float64(s.Count-1)
}

// Stdev is the root of Variance.
func (s StatCounter) Stdev() float64 { return math.Sqrt(s.Variance()) }

// SampleStdev is the root of SampleVariance.
func (s StatCounter) SampleStdev() float64 { return math.Sqrt(s.SampleVariance()) }

// StatsOp counts the rows of each partition in a StatCounter.
func StatsOp[T Number]() *Op { return of((*T)(nil), one("Stats", nil, statsPart[T]())) }

func statsPart[T Number]() *SinkPart {
	return accPart((*Rows[StatCounter])(nil), nil, func() accumulator {
		acc := &Acc[StatCounter]{Value: NewStatCounter(), Has: true}
		return accumulate(acc, func(b any) bool {
			for _, x := range b.(*Rows[T]).Rows {
				acc.Value.Add(float64(x))
			}
			return true
		})
	})
}

// HistogramOp counts the rows of each partition that lie between bounds, which
// travel with it. Its part "range" finds where the rows lie.
func HistogramOp[T Number]() *Op {
	return valued(func(bounds []float64) *Op {
		return of((*T)(nil), many("Histogram", nil, map[string]Part{"": histogramPart[T](bounds), "range": statsPart[T]()}))
	})
}

func histogramPart[T Number](bounds []float64) *SinkPart {
	return accPart((*Rows[[]int64])(nil), nil, func() accumulator {
		acc := &Acc[[]int64]{Value: make([]int64, max(len(bounds)-1, 0)), Has: true}
		return accumulate(acc, func(b any) bool {
			for _, x := range b.(*Rows[T]).Rows {
				if i := bucket(bounds, float64(x)); i >= 0 {
					acc.Value[i]++
				}
			}
			return true
		})
	})
}

// bucket finds the bucket of a number: each has its lower bound in it, the last
// one its upper bound too. What is in none of them, as NaN, is in -1.
func bucket(bounds []float64, x float64) int {
	last := len(bounds) - 1
	if !(x >= bounds[0] && x <= bounds[last]) {
		return -1
	}
	return min(sort.Search(last, func(i int) bool { return bounds[i+1] > x }), last-1)
}
