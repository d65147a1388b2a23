package property

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/sketch"
)

var quantileShares = []float64{0, 0.3, 0.5, 1}

// nearQuantiles says of each whether it is within 1 % of the row that is there, or of
// one beside it: shares are of ranks.
func nearQuantiles(quantiles []float64, rows []int64) []string {
	sorted := slices.Sorted(slices.Values(rows))
	near := make([]bool, len(quantiles))
	for i, q := range quantiles {
		at := int(quantileShares[i] * float64(len(sorted)-1))
		near[i] = slices.ContainsFunc(sorted[max(at-1, 0):min(at+2, len(sorted))], func(row int64) bool {
			return math.Abs(q-float64(row)) <= 0.0101*math.Abs(float64(row))
		})
	}
	return text(near)
}

// perKey counts the pairs of each key.
func perKey(pairs []KV) []string {
	counts := map[string]int{}
	for _, p := range pairs {
		counts[p.Key]++
	}
	return each(slices.Sorted(maps.Keys(counts)), func(k string) string { return line(k, counts[k]) })
}

// within says whether rows are some of others, none more often than there.
func within[T comparable](rows, of []T) bool {
	left := map[T]int{}
	for _, x := range of {
		left[x]++
	}
	for _, x := range rows {
		if left[x]--; left[x] < 0 {
			return false
		}
	}
	return true
}

// drawCases are the cases of what is drawn at random: what must hold of every draw.
func drawCases() []Case {
	return []Case{
		{"RDD.Sample/all", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Map(double).Sample(1).Collect(ctx))
		}, func(in Input) []string { return text(each(in.Ints, double)) }},
		{"RDD.Sample/none", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Sample(0, typed.WithReplacement()).Collect(ctx))
		}, func(Input) []string { return nil }},
		{"RDD.Sample", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := ints(s, in).Sample(0.3, typed.Seed(in.Seed))
			alone, err := r.Collect(ctx)
			if err != nil {
				return nil, err
			}
			after, err := ints(s, in).Union(r).Collect(ctx)
			if err != nil {
				return nil, err
			}
			return []string{fmt.Sprint(within(alone, in.Ints), slices.Equal(alone, after[len(in.Ints):]))}, nil
		}, func(Input) []string { return []string{"true true"} }},
		{"PairRDD.Sample", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			rows, err := kvs(s, in).Sample(0.5).Collect(ctx)
			return []string{fmt.Sprint(within(each(rows, func(p typed.Pair[string, int64]) KV { return KV(p) }), in.Pairs))}, err
		}, func(Input) []string { return []string{"true"} }},
		{"PairRDD.SampleByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			fractions := map[string]float64{}
			for _, p := range in.Pairs {
				fractions[p.Key] = float64(len(p.Key) % 2)
			}
			return show(kvs(s, in).SampleByKey(fractions).Collect(ctx))
		}, func(in Input) []string {
			return text(keep(in.Pairs, func(p KV) bool { return len(p.Key)%2 == 1 }))
		}},
		{"PairRDD.SampleByKeyExact", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			fractions := map[string]float64{}
			for _, p := range in.Pairs {
				fractions[p.Key] = float64(len(p.Key)%3) / 2
			}
			drawn, err := kvs(s, in).SampleByKeyExact(ctx, fractions, typed.Seed(in.Seed))
			if err != nil {
				return nil, err
			}
			rows, err := drawn.Collect(ctx)
			kvs := each(rows, func(p typed.Pair[string, int64]) KV { return KV(p) })
			return append(perKey(kvs), fmt.Sprint(within(kvs, in.Pairs))), err
		}, func(in Input) []string {
			counts, all := map[string]int{}, []KV(nil)
			for _, p := range in.Pairs {
				counts[p.Key]++
			}
			for k, n := range counts {
				for range (n*(len(k)%3) + 1) / 2 {
					all = append(all, KV{Key: k})
				}
			}
			return append(perKey(all), "true")
		}},
		{"RDD.RandomSplit", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			parts := strs(s, in).RandomSplit([]float64{1, 2, 0.5}, typed.Seed(in.Seed))
			return show(parts[0].Union(parts[1:]...).Collect(ctx))
		}, func(in Input) []string { return in.Words }},
		{"RDD.TakeSample", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			rows, err := ints(s, in).TakeSample(ctx, in.few())
			return []string{fmt.Sprint(len(rows), within(rows, in.Ints))}, err
		}, func(in Input) []string { return []string{fmt.Sprint(min(in.few(), len(in.Ints)), true)} }},
		{"RDD.TakeSample/with replacement", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			rows, err := ints(s, in).Map(double).TakeSample(ctx, 50, typed.WithReplacement())
			for _, x := range rows {
				if !slices.Contains(in.Ints, x/2) && !slices.Contains(each(in.Ints, double), x) {
					return nil, fmt.Errorf("%d was not there", x)
				}
			}
			return []string{strconv.Itoa(len(rows))}, err
		}, func(in Input) []string {
			if len(in.Ints) == 0 {
				return []string{"0"}
			}
			return []string{"50"}
		}},
		{"RDD.TakeSample/all", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).TakeSample(ctx, len(in.Words)+1, typed.Seed(in.Seed)))
		}, func(in Input) []string { return in.Words }},
	}
}

// finite are numbers whose sums are exact in any order.
func finite(s *typed.Session, in Input) typed.RDD[int64] {
	return ints(s, in).Map(func(x int64) int64 { return x % 1000 })
}

func wantFinite(in Input) []int64 {
	return each(in.Ints, func(x int64) int64 { return x % 1000 })
}

// rounded shows a number without the digits that the order of additions changes.
func rounded(x float64, err error) ([]string, error) {
	return orEmpty([]string{fmt.Sprintf("%.6g", x)}, err)
}

func wantRounded(in Input, f func(rows []float64) float64) []string {
	if len(in.Ints) == 0 {
		return []string{"empty"}
	}
	return []string{fmt.Sprintf("%.6g", f(each(wantFinite(in), func(x int64) float64 { return float64(x) })))}
}

func mean(rows []float64) float64 {
	var sum float64
	for _, x := range rows {
		sum += x
	}
	return sum / float64(len(rows))
}

func variance(rows []float64) float64 {
	m := mean(rows)
	return mean(each(rows, func(x float64) float64 { return (x - m) * (x - m) }))
}

var bounds = []float64{-500, 0, 1, 250, 999}

// buckets counts rows between bounds.
func buckets(rows []float64, bounds []float64) []int64 {
	counts := make([]int64, len(bounds)-1)
	for _, x := range rows {
		for i := range counts {
			last := i == len(counts)-1
			if bounds[i] <= x && (x < bounds[i+1] || last && x == bounds[i+1]) {
				counts[i]++
			}
		}
	}
	return counts
}

func numberCases() []Case {
	return []Case{
		{"Sum", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(typed.Sum(ctx, ints(s, in).Filter(even)))
		}, func(in Input) []string {
			return text([]int64{reduced(append([]int64{0}, keep(in.Ints, even)...), addInts)})
		}},
		{"Max", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(typed.Max(ctx, ints(s, in))))
		}, func(in Input) []string { return firstOrEmpty(sortedFunc(in.Ints, reverse(compareInts))) }},
		{"Min", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(typed.Min(ctx, strs(s, in))))
		}, func(in Input) []string { return firstOrEmpty(slices.Sorted(slices.Values(in.Words))) }},
		{"Mean", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return rounded(typed.Mean(ctx, finite(s, in)))
		}, func(in Input) []string { return wantRounded(in, mean) }},
		{"Variance", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return rounded(typed.Variance(ctx, finite(s, in)))
		}, func(in Input) []string { return wantRounded(in, variance) }},
		{"Stdev", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return rounded(typed.Stdev(ctx, finite(s, in)))
		}, func(in Input) []string {
			return wantRounded(in, func(rows []float64) float64 { return math.Sqrt(variance(rows)) })
		}},
		{"Stats", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			st, err := typed.Stats(ctx, finite(s, in))
			return []string{fmt.Sprint(st.Count, st.Min, st.Max), fmt.Sprintf("%.6g", st.Sum()+1e6)}, err
		}, func(in Input) []string {
			least, greatest, sum := math.Inf(1), math.Inf(-1), 0.0
			for _, x := range wantFinite(in) {
				least, greatest, sum = min(least, float64(x)), max(greatest, float64(x)), sum+float64(x)
			}
			return []string{fmt.Sprint(len(in.Ints), least, greatest), fmt.Sprintf("%.6g", sum+1e6)}
		}},
		{"sketch.QuantilesOf", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			q, err := sketch.QuantilesOf(ctx, finite(s, in), quantileShares...)
			return orEmpty(nearQuantiles(q, wantFinite(in)), err)
		}, func(in Input) []string {
			if len(in.Ints) == 0 {
				return []string{"empty"}
			}
			return text([]bool{true, true, true, true})
		}},
		{"HistogramIn", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(typed.HistogramIn(ctx, floats(s, in), bounds))
		}, func(in Input) []string { return text([][]int64{buckets(in.Floats, bounds)}) }},
		{"Histogram", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			at, counts, err := typed.Histogram(ctx, finite(s, in), 4)
			return orEmpty([]string{fmt.Sprint(at, counts)}, err)
		}, func(in Input) []string {
			if len(in.Ints) == 0 {
				return []string{"empty"}
			}
			rows := each(wantFinite(in), func(x int64) float64 { return float64(x) })
			least, greatest := slices.Min(rows), slices.Max(rows)
			at := []float64{least, greatest}
			if least < greatest {
				at = nil
				for i := range 5 {
					at = append(at, least+(greatest-least)*float64(i)/4)
				}
			}
			return []string{fmt.Sprint(at, buckets(rows, at))}
		}},
		{"CountApproxDistinct", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			n, err := typed.CountApproxDistinct(ctx, strs(s, in), 0.01)
			want := len(slices.Compact(slices.Sorted(slices.Values(in.Words))))
			return one(math.Abs(float64(n)-float64(want)) <= 0.05*float64(want)+1.5, err)
		}, func(Input) []string { return []string{"true"} }},
		{"CountApproxDistinctByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			counts, err := typed.CountApproxDistinctByKey(kvs(s, in), 0.01, typed.Partitions(in.Reducers)).Collect(ctx)
			values := map[string]map[int64]bool{}
			for _, p := range in.Pairs {
				if values[p.Key] == nil {
					values[p.Key] = map[int64]bool{}
				}
				values[p.Key][p.Value] = true
			}
			return each(counts, func(p typed.Pair[string, int64]) string {
				n := float64(len(values[p.Key]))
				return line(p.Key, math.Abs(float64(p.Value)-n) <= 0.05*n+1.5)
			}), err
		}, func(in Input) []string {
			keys := map[string]bool{}
			for _, p := range in.Pairs {
				keys[p.Key] = true
			}
			return each(slices.Sorted(maps.Keys(keys)), func(k string) string { return line(k, true) })
		}},
		{"CountByValue", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return entries(typed.CountByValue(ctx, strs(s, in)))
		}, func(in Input) []string {
			counts := map[string]int64{}
			for _, w := range in.Words {
				counts[w]++
			}
			return slices.Sorted(func(yield func(string) bool) {
				for w, n := range counts {
					if !yield(line(w, n)) {
						return
					}
				}
			})
		}},
	}
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// numberedRows numbers the rows of a partition, whose number it is given.
func numberedRows(partition int, rows iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for x := range rows {
			if !yield(fmt.Sprintf("%d/%d %d", partition, i, x)) {
				return
			}
			i++
		}
	}
}

func numberedPairs(partition int, rows iter.Seq2[string, int64]) iter.Seq[string] {
	return numberedRows(partition, func(yield func(int64) bool) {
		for _, x := range rows {
			if !yield(x) {
				return
			}
		}
	})
}

func shifted(by, partition int, rows iter.Seq[int64]) iter.Seq[string] {
	return numberedRows(by+partition, rows)
}

func shiftedPairs(by, partition int, rows iter.Seq2[string, int64]) iter.Seq[string] {
	return numberedPairs(by+partition, rows)
}

// wantNumbered is what numberedRows gives of values, shifted.
func wantNumbered(in Input, by int, values []int64) (out []string) {
	for partition, cut := range in.slices(len(values)) {
		out = slices.AppendSeq(out, numberedRows(by+partition, slices.Values(values[cut[0]:cut[1]])))
	}
	return out
}

func valuesOf(rows []KV) []int64 { return each(rows, func(p KV) int64 { return p.Value }) }

func indexCases() []Case {
	return []Case{
		{"RDD.MapPartitionsWithIndex", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := ints(s, in).MapPartitionsWithIndex(numberedRows)
			return show(r.Union(r).Collect(ctx))
		}, func(in Input) []string {
			rows := wantNumbered(in, 0, in.Ints)
			return slices.Concat(rows, rows)
		}},
		{"PairRDD.MapPartitionsWithIndex", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).MapPartitionsWithIndex(numberedPairs).Collect(ctx))
		}, func(in Input) []string { return wantNumbered(in, 0, valuesOf(in.Pairs)) }},
		{"RDDWith.MapPartitionsWithIndex", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).With(3).MapPartitionsWithIndex(shifted).Collect(ctx))
		}, func(in Input) []string { return wantNumbered(in, 3, in.Ints) }},
		{"PairWith.MapPartitionsWithIndex", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).With(5).MapPartitionsWithIndex(shiftedPairs).Collect(ctx))
		}, func(in Input) []string { return wantNumbered(in, 5, valuesOf(in.Pairs)) }},
		{"Glom", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(typed.Glom(ints(s, in).Map(double)).Collect(ctx))
		}, func(in Input) (out []string) {
			for _, cut := range in.slices(len(in.Ints)) {
				out = append(out, fmt.Sprint(each(in.Ints[cut[0]:cut[1]], double)))
			}
			return out
		}},
		{"ZipWithIndex", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			numbered, err := typed.ZipWithIndex(ctx, ints(s, in).FlatMap(upTo))
			if err != nil {
				return nil, err
			}
			return show(numbered.Map(line[int64, int64]).Collect(ctx))
		}, func(in Input) (out []string) {
			for i, x := range flat(in.Ints, upTo) {
				out = append(out, line(i, x))
			}
			return out
		}},
		{"ZipWithUniqueID", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			r := typed.ZipWithUniqueID(ints(s, in)).Map(line[int64, int64])
			return show(s.Empty[string]().Union(strs(s, in), r).Collect(ctx))
		}, func(in Input) []string {
			out := slices.Clone(in.Words)
			cuts := in.slices(len(in.Ints))
			for k, cut := range cuts {
				for i, x := range in.Ints[cut[0]:cut[1]] {
					out = append(out, line(k+i*len(cuts), x))
				}
			}
			return out
		}},
	}
}

func setCases() []Case {
	return []Case{
		{"PairRDD.SubtractByKey", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			l, r := left(s, in), right(s, in)
			return show(l.SubtractByKey(r.MapValues(double), typed.Partitions(in.Reducers)).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			there := map[string]bool{}
			for _, p := range in.Right {
				there[p.Key] = true
			}
			return lines(pairs(keep(in.Left, func(p KV) bool { return !there[p.Key] })))
		}},
		{"Subtract", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			l, r := left(s, in), right(s, in)
			return show(typed.Subtract(l.Keys(), r.Keys(), typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			there := keysOf(in.Right)
			return keep(keysOf(in.Left), func(k string) bool { return !slices.Contains(there, k) })
		}},
		{"Intersection", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			l, r := left(s, in), right(s, in)
			return show(typed.Intersection(l.Keys(), r.Keys(), typed.Partitions(in.Reducers)).Collect(ctx))
		}, func(in Input) []string {
			there := keysOf(in.Right)
			return keep(distinct(keysOf(in.Left)), func(k string) bool { return slices.Contains(there, k) })
		}},
		{"RDD.CountApprox", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(ints(s, in).Filter(even).CountApprox(ctx, time.Hour, 0.9))
		}, func(in Input) []string { return exactly(len(keep(in.Ints, even))) }},
		{"PairRDD.CountApprox", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(kvs(s, in).CountApprox(ctx, time.Hour, 0.9))
		}, func(in Input) []string { return exactly(len(in.Pairs)) }},
		{"RDD.IsEmpty", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(ints(s, in).Filter(even).IsEmpty(ctx))
		}, func(in Input) []string { return text([]bool{len(keep(in.Ints, even)) == 0}) }},
		{"PairRDD.IsEmpty", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(kvs(s, in).IsEmpty(ctx))
		}, func(in Input) []string { return text([]bool{len(in.Pairs) == 0}) }},
		{"PairRDD.Lookup", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Lookup(ctx, lookedUp(in)))
		}, func(in Input) []string {
			return text(valuesOf(keep(in.Pairs, func(p KV) bool { return p.Key == lookedUp(in) })))
		}},
	}
}

// exactly is a number that is known.
func exactly(n int) []string {
	return text([]typed.Approximation{{Value: float64(n), Low: float64(n), High: float64(n), Confidence: 1}})
}

// lookedUp is the least key there is.
func lookedUp(in Input) string {
	keys := map[string]bool{"": len(in.Pairs) == 0}
	if len(in.Pairs) > 0 {
		delete(keys, "")
	}
	for _, p := range in.Pairs {
		keys[p.Key] = true
	}
	return slices.Min(slices.Collect(maps.Keys(keys)))
}

func keysOf(rows []KV) []string { return each(rows, func(p KV) string { return p.Key }) }
