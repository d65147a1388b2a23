package typed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/gordd-project/gordd/rdd"
)

// Number is what Sum, Stats and Histogram take: integers and floating-point
// numbers.
type Number = rdd.Number

// StatCounter is what [Stats] gives: the count, mean, spread and borders of
// numbers.
type StatCounter = rdd.StatCounter

// Sum adds up the rows; 0 when there are none. Integers wrap around as Go's do.
// Those of floating-point numbers are added within each partition, and then
// partition by partition.
func Sum[T Number](ctx context.Context, r RDD[T]) (T, error) {
	u := newUse(r.s, r.n, typeOf[T]())
	var sum T
	return valueAt[T](u.merge(ctx, u.action(rdd.SumOp[T]()), unsafe.Pointer(&sum), combining(rdd.Add[T])))
}

// Max gives the greatest row, or NaN where there is one; ErrEmpty when there are
// no rows.
func Max[T cmp.Ordered](ctx context.Context, r RDD[T]) (T, error) {
	return valueAt[T](newUse(r.s, r.n, typeOf[T]()).reduce(ctx, rdd.MaxOp[T](), combining(rdd.Greater[T])))
}

// Min gives the least row, or NaN where there is one; ErrEmpty when there are no
// rows.
func Min[T cmp.Ordered](ctx context.Context, r RDD[T]) (T, error) {
	return valueAt[T](newUse(r.s, r.n, typeOf[T]()).reduce(ctx, rdd.MinOp[T](), combining(rdd.Less[T])))
}

// Stats gives count, mean, variance, least and greatest of the rows, in one pass.
func Stats[T Number](ctx context.Context, r RDD[T]) (StatCounter, error) {
	return newUse(r.s, r.n, typeOf[StatCounter]()).stats(ctx, rdd.StatsOp[T]())
}

// Mean gives the mean of the rows; ErrEmpty when there are none.
func Mean[T Number](ctx context.Context, r RDD[T]) (float64, error) {
	st, err := newUse(r.s, r.n, typeOf[StatCounter]()).someStats(ctx, rdd.StatsOp[T]().Named("Mean"))
	return st.Mean, err
}

// Variance gives the variance of the rows as a whole population; ErrEmpty when
// there are none. See Stats for that of a sample.
func Variance[T Number](ctx context.Context, r RDD[T]) (float64, error) {
	st, err := newUse(r.s, r.n, typeOf[StatCounter]()).someStats(ctx, rdd.StatsOp[T]().Named("Variance"))
	return st.M2 / float64(max(st.Count, 1)), err
}

// Stdev gives the standard deviation of the rows as a whole population; ErrEmpty
// when there are none. See Stats for that of a sample.
func Stdev[T Number](ctx context.Context, r RDD[T]) (float64, error) {
	st, err := newUse(r.s, r.n, typeOf[StatCounter]()).someStats(ctx, rdd.StatsOp[T]().Named("Stdev"))
	return math.Sqrt(st.M2 / float64(max(st.Count, 1))), err
}

func (u *use) stats(ctx context.Context, op *rdd.Op) (StatCounter, error) {
	return u.statsBy(ctx, u.action(op))
}

func (u *use) statsBy(ctx context.Context, a rdd.Action) (StatCounter, error) {
	st := rdd.NewStatCounter()
	return valueAt[StatCounter](u.merge(ctx, a, unsafe.Pointer(&st), func(acc, v unsafe.Pointer) {
		(*StatCounter)(acc).Merge((*StatCounter)(v))
	}))
}

// someStats is stats of at least one row.
func (u *use) someStats(ctx context.Context, op *rdd.Op) (StatCounter, error) {
	st, err := u.stats(ctx, op)
	if err == nil && st.Count == 0 {
		err = fmt.Errorf("%s (%s): %w", op.Name, u.c.Site, ErrEmpty)
	}
	return st, err
}

// Histogram counts the rows in n buckets of one width between the least and the
// greatest: bucket i has the rows from bounds[i] on and below bounds[i+1], the last
// one those at its upper bound too. When all rows are equal there is one bucket;
// ErrEmpty when there are no rows. It makes two passes. See HistogramIn.
func Histogram[T Number](ctx context.Context, r RDD[T], n int) (bounds []float64, counts []int64, err error) {
	return newUse(r.s, r.n, typeOf[[]int64]()).histogram(ctx, rdd.HistogramOp[T](), n)
}

// HistogramIn counts the rows between bounds, which ascend: bucket i has the rows
// from bounds[i] on and below bounds[i+1], the last one those at its upper bound
// too. Other rows are not counted.
func HistogramIn[T Number](ctx context.Context, r RDD[T], bounds []float64) ([]int64, error) {
	return newUse(r.s, r.n, typeOf[[]int64]()).histogramIn(ctx, rdd.HistogramOp[T]().Named("HistogramIn"), bounds)
}

func (u *use) histogram(ctx context.Context, op *rdd.Op, n int) ([]float64, []int64, error) {
	if n < 1 {
		return nil, nil, fmt.Errorf("%s (%s): %d buckets: give a number from 1 on", op.Name, u.c.Site, n)
	}
	stats := *u
	stats.t = typeOf[StatCounter]()
	stats.carry(encode[[]float64](nil))
	defer stats.done()
	a := stats.action(op)
	a.Part = "range"
	st, err := stats.statsBy(ctx, a)
	switch {
	case err != nil:
		return nil, nil, err
	case st.Count == 0:
		return nil, nil, fmt.Errorf("%s (%s): %w", op.Name, u.c.Site, ErrEmpty)
	case math.IsNaN(st.Max-st.Min) || math.IsInf(st.Max-st.Min, 0):
		return nil, nil, fmt.Errorf("%s (%s): rows from %v to %v have no buckets of one width: filter them, or give bounds to HistogramIn", op.Name, u.c.Site, st.Min, st.Max)
	}
	if st.Max == st.Min {
		n = 1
	}
	bounds := make([]float64, n+1)
	for i := range bounds {
		bounds[i] = st.Min + (st.Max-st.Min)*float64(i)/float64(n)
	}
	bounds[n] = st.Max // whatever rounding gave
	counts, err := u.histogramOver(ctx, op, bounds)
	return bounds, counts, err
}

func (u *use) histogramIn(ctx context.Context, op *rdd.Op, bounds []float64) ([]int64, error) {
	ascend := len(bounds) >= 2
	for i := 1; i < len(bounds); i++ {
		ascend = ascend && bounds[i-1] < bounds[i]
	}
	if !ascend {
		return nil, fmt.Errorf("%s (%s): bounds %v: give at least two numbers, each greater than the one before", op.Name, u.c.Site, bounds)
	}
	return u.histogramOver(ctx, op, bounds)
}

func (u *use) histogramOver(ctx context.Context, op *rdd.Op, bounds []float64) ([]int64, error) {
	counts := make([]int64, len(bounds)-1)
	u.carry(encode(bounds))
	defer u.done()
	_, err := u.merge(ctx, u.action(op), unsafe.Pointer(&counts), func(acc, v unsafe.Pointer) {
		sum := *(*[]int64)(acc)
		for i, n := range *(*[]int64)(v) {
			sum[i] += n
		}
	})
	return counts, err
}

// CountByValue counts equal rows.
func CountByValue[T comparable](ctx context.Context, r RDD[T]) (map[T]int64, error) {
	return mapOf(slice[Pair[T, int64]](newUse(r.s, r.n, keyed[T, int64]()).collectByKey(ctx, rdd.CountByValueOp[T]())))
}
