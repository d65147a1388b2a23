package oracle

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/gordd-project/gordd/typed"
)

// TopByKey gives the n greatest values of each key, the greatest first.
func TopByKey[K, V any](d Data[Pair[K, V]], n int, order func(a, b V) int) Data[Pair[K, []V]] {
	return ByKey(d, func(_ K, values []V) []V {
		values = slices.Clone(values)
		slices.SortStableFunc(values, func(a, b V) int { return order(b, a) })
		return values[:min(n, len(values))]
	})
}

// those are rows by what they show.
func those[T any](d Data[T]) map[string]bool {
	all := map[string]bool{}
	for _, x := range d.All() {
		all[Show(x)] = true
	}
	return all
}

// WithoutKeys leaves the pairs whose keys the other side has not.
func WithoutKeys[K, V, W any](d Data[Pair[K, V]], o Data[Pair[K, W]]) Data[Pair[K, V]] {
	there := those(Keys(o))
	return Filter(d, func(p Pair[K, V]) bool { return !there[Show(p.Key)] })
}

// Subtract leaves the rows that the other side has not.
func Subtract[T any](d, o Data[T]) Data[T] {
	there := those(o)
	return Moved(Filter(d, func(x T) bool { return !there[Show(x)] }))
}

// Intersection gives one of each row that both sides have.
func Intersection[T any](d, o Data[T]) Data[T] {
	there := those(o)
	return Moved(Filter(d, func(x T) bool {
		ok := there[Show(x)]
		delete(there, Show(x))
		return ok
	}))
}

// Of gives the values of a key.
func Of[K, V any](d Data[Pair[K, V]], key K) []V {
	return Values(Filter(d, func(p Pair[K, V]) bool { return Show(p.Key) == Show(key) })).All()
}

// Shares are such that of some keys all are drawn, and of all others none.
func Shares[K comparable](seeds ...uint64) map[K]float64 {
	all := map[K]float64{}
	for _, seed := range seeds {
		all[Make[K](seed)] = 1
	}
	return all
}

// OfKeys leaves the pairs whose keys have a share.
func OfKeys[K comparable, V any](d Data[Pair[K, V]], shares map[K]float64) Data[Pair[K, V]] {
	return Filter(d, func(p Pair[K, V]) bool { return shares[p.Key] == 1 })
}

// Sampled leaves all rows or none.
func Sampled[T any](d Data[T], all bool) Data[T] { return Filter(d, func(T) bool { return all }) }

// Glom makes a row of each partition; no rows are nil.
func Glom[T any](d Data[T]) Data[[]T] {
	out := make(Data[[]T], len(d))
	for i, rows := range d {
		out[i] = [][]T{slices.Collect(slices.Values(rows))}
	}
	return out
}

// Numbered gives row j of partition i of n the number j·n+i.
func Numbered[T any](d Data[T]) Data[Pair[int64, T]] {
	out := make(Data[Pair[int64, T]], len(d))
	for i, rows := range d {
		for j, x := range rows {
			out[i] = append(out[i], Pair[int64, T]{Key: int64(j*len(d) + i), Value: x})
		}
	}
	return out
}

// Indexed gives each row its place among all.
func Indexed[T any](d Data[T]) Data[Pair[int64, T]] {
	n := int64(-1)
	return Map(d, func(x T) Pair[int64, T] {
		n++
		return Pair[int64, T]{Key: n, Value: x}
	})
}

// Sliding gives runs of n rows.
func Sliding[T any](d Data[T], n int) Data[[]T] {
	all, out := d.All(), [][]T{}
	for i := n; i <= len(all); i++ {
		out = append(out, all[i-n:i])
	}
	return Data[[]T]{out}
}

// Zipped puts rows at the same place together.
func Zipped[T, U, R any](d Data[T], o Data[U], f func(T, U) R) Data[R] {
	out := make(Data[R], len(d))
	for i, rows := range d {
		for j, x := range rows {
			out[i] = append(out[i], f(x, o[i][j]))
		}
	}
	return out
}

// ZippedPartitions hands f the partitions of both.
func ZippedPartitions[T, U, R any](d Data[T], o Data[U], f func(*typed.Task, iter.Seq[T], iter.Seq[U]) iter.Seq[R]) Data[R] {
	out := make(Data[R], len(d))
	for i, rows := range d {
		out[i] = slices.Collect(f(nil, slices.Values(rows), slices.Values(o[i])))
	}
	return out
}

// MapPartitionsWithIndex hands f partitions with their numbers.
func MapPartitionsWithIndex[T, U any](d Data[T], f func(int, iter.Seq[T]) iter.Seq[U]) Data[U] {
	out := make(Data[U], len(d))
	for i, rows := range d {
		out[i] = slices.Collect(f(i, slices.Values(rows)))
	}
	return out
}

// Gathered is the sum of what tasks that wait for one another bring.
func Gathered(gather func([]byte) [][]byte, n int) (sum int) {
	for _, b := range gather(strconv.AppendInt(nil, int64(n), 10)) {
		n, err := strconv.Atoi(string(b))
		if err != nil {
			panic(err)
		}
		sum += n
	}
	return sum
}

// MaxOf shows the greatest row, or NaN.
func MaxOf[T cmp.Ordered](d Data[T]) []string {
	return end(d, func(all []T) T { return slices.Max(all) })
}

// MinOf shows the least row, or NaN.
func MinOf[T cmp.Ordered](d Data[T]) []string {
	return end(d, func(all []T) T { return slices.Min(all) })
}

func end[T any](d Data[T], f func([]T) T) []string {
	all := d.All()
	if len(all) == 0 {
		return Must(One(0, typed.ErrEmpty))
	}
	return Must(One(f(all), nil))
}

// SumOf shows the sum of rows.
func SumOf[T typed.Number](d Data[T]) []string {
	var sum T
	for _, x := range d.All() {
		sum += x
	}
	return Must(One(sum, nil))
}

// Stats shows what of statistics does not depend on what is added first.
func Stats(st typed.StatCounter, err error) ([]string, error) {
	return Lines([]any{st.Count, st.Min, st.Max}, err)
}

// StatsOf is Stats of rows.
func StatsOf[T typed.Number](d Data[T]) []string {
	st := typed.StatCounter{Min: math.Inf(1), Max: math.Inf(-1)}
	for i, x := range d.All() {
		st.Count, st.Min, st.Max = int64(i+1), math.Min(st.Min, float64(x)), math.Max(st.Max, float64(x))
	}
	return Must(Stats(st, nil))
}

// Bounds are those of histograms.
var Bounds = []float64{-1e9, -10, 0, 1, 5, 100, 1e9}

// HistogramOf shows how many rows are between Bounds: the last upper one is within.
func HistogramOf[T typed.Number](d Data[T]) []string {
	counts := make([]int64, len(Bounds)-1)
	for _, x := range d.All() {
		for i := range counts {
			if v := float64(x); v >= Bounds[i] && (v < Bounds[i+1] || i == len(counts)-1 && v == Bounds[i+1]) {
				counts[i]++
			}
		}
	}
	return Must(Lines(counts, nil))
}

// Different says how many different rows there are.
func Different[T any](rows []T, err error) (int, error) { return len(those(Data[T]{rows})), err }

// Near shows how far an estimate is from what is so.
func Near(about int64, n int, err error) ([]string, error) {
	if off := math.Abs(float64(about) - float64(n)); off > 3+0.2*float64(n) {
		return []string{fmt.Sprintf("%d, about %d", n, about)}, err
	}
	return []string{"near"}, err
}
