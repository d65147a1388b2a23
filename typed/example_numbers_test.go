package typed_test

import (
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

func ExampleSum() {
	fmt.Println(typed.Sum(ctx, session().Range(101)))
	// Output: 5050 <nil>
}

func ExampleMax() {
	fmt.Println(typed.Max(ctx, session().Parallelize([]string{"b", "c", "a"}, 2)))
	// Output: c <nil>
}

func ExampleMin() {
	fmt.Println(typed.Min(ctx, session().Parallelize([]float64{2.5, -1, 4}, 2)))
	// Output: -1 <nil>
}

func ExampleMean() {
	fmt.Println(typed.Mean(ctx, session().Parallelize([]int{1, 2, 6}, 2)))
	// Output: 3 <nil>
}

func ExampleVariance() {
	fmt.Println(typed.Variance(ctx, session().Parallelize([]int{1, 3}, 2)))
	// Output: 1 <nil>
}

func ExampleStdev() {
	fmt.Println(typed.Stdev(ctx, session().Parallelize([]int{2, 6}, 2)))
	// Output: 2 <nil>
}

func ExampleStats() {
	st, err := typed.Stats(ctx, session().Parallelize([]int{1, 2, 3, 4}, 2))
	fmt.Println(st.Count, st.Sum(), st.Mean, st.Variance(), st.Min, st.Max, err)
	// Output: 4 10 2.5 1.25 1 4 <nil>
}

func ExampleHistogram() {
	fmt.Println(typed.Histogram(ctx, session().Range(51), 2))
	// Output: [0 25 50] [25 26] <nil>
}

func ExampleHistogramIn() {
	fmt.Println(typed.HistogramIn(ctx, session().Range(51), []float64{0, 5, 25, 50}))
	// Output: [5 20 26] <nil>
}

func ExampleCountByValue() {
	fmt.Println(typed.CountByValue(ctx, session().Parallelize([]string{"a", "b", "a"}, 2)))
	// Output: map[a:2 b:1] <nil>
}

func ExampleRDD_IsEmpty() {
	fmt.Println(session().Range(9).Filter(func(x int64) bool { return x > 9 }).IsEmpty(ctx))
	// Output: true <nil>
}

func ExamplePairRDD_IsEmpty() {
	fmt.Println(session().Range(9).KeyBy(func(x int64) int64 { return x }).IsEmpty(ctx))
	// Output: false <nil>
}

func ExamplePairRDD_Lookup() {
	fmt.Println(session().Range(9).KeyBy(func(x int64) int64 { return x % 4 }).Lookup(ctx, 1))
	// Output: [1 5] <nil>
}

func ExampleRDD_Sample() {
	n, err := session().Range(100_000).Sample(0.1).Count(ctx)
	fmt.Println(9_000 < n && n < 11_000, err)
	// Output: true <nil>
}

func ExamplePairRDD_Sample() {
	n, err := session().Range(100_000).KeyBy(func(x int64) int64 { return x % 9 }).Sample(2, typed.WithReplacement()).Count(ctx)
	fmt.Println(195_000 < n && n < 205_000, err)
	// Output: true <nil>
}

func ExamplePairRDD_SampleByKey() {
	odd := session().Range(6).KeyBy(func(x int64) int64 { return x % 2 }).SampleByKey(map[int64]float64{1: 1})
	fmt.Println(odd.Collect(ctx))
	// Output: [{1 1} {1 3} {1 5}] <nil>
}

func ExampleRDD_RandomSplit() {
	parts := session().Range(1000).RandomSplit([]float64{3, 1}, typed.Seed(7))
	train, err := parts[0].Count(ctx)
	test, err2 := parts[1].Count(ctx)
	fmt.Println(train+test, train > test, err, err2)
	// Output: 1000 true <nil> <nil>
}

func ExampleRDD_TakeSample() {
	rows, err := session().Range(1000).TakeSample(ctx, 5)
	fmt.Println(len(rows), err)
	// Output: 5 <nil>
}

func ExampleRDD_MapPartitionsWithIndex() {
	rows := session().Range(4, typed.Partitions(2)).MapPartitionsWithIndex(func(partition int, rows iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			yield(fmt.Sprint(partition, slices.Collect(rows)))
		}
	})
	fmt.Println(rows.Collect(ctx))
	// Output: [0 [0 1] 1 [2 3]] <nil>
}

func ExamplePairRDD_MapPartitionsWithIndex() {
	pairs := session().Range(4, typed.Partitions(2)).KeyBy(func(x int64) int64 { return x })
	fmt.Println(pairs.MapPartitionsWithIndex(func(partition int, rows iter.Seq2[int64, int64]) iter.Seq[int] {
		return func(yield func(int) bool) {
			for range rows {
				if !yield(partition) {
					return
				}
			}
		}
	}).Collect(ctx))
	// Output: [0 0 1 1] <nil>
}

func ExampleSeed() {
	r := session().Range(1000)
	a, err := r.Sample(0.5, typed.Seed(7)).Collect(ctx)
	b, err2 := r.Sample(0.5, typed.Seed(7)).Collect(ctx)
	fmt.Println(slices.Equal(a, b), err, err2)
	// Output: true <nil> <nil>
}

func ExampleWithReplacement() {
	rows, err := session().Range(3).TakeSample(ctx, 10, typed.WithReplacement())
	fmt.Println(len(rows), err)
	// Output: 10 <nil>
}

func ExampleGlom() {
	fmt.Println(typed.Glom(session().Range(5, typed.Partitions(2))).Collect(ctx))
	// Output: [[0 1] [2 3 4]] <nil>
}

func ExampleZipWithIndex() {
	words, err := typed.ZipWithIndex(ctx, session().Parallelize([]string{"a", "b", "c"}, 2))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(words.Collect(ctx))
	// Output: [{0 a} {1 b} {2 c}] <nil>
}

func ExampleZipWithUniqueID() {
	fmt.Println(typed.ZipWithUniqueID(session().Parallelize([]string{"a", "b", "c"}, 2)).Collect(ctx))
	// Output: [{0 a} {1 b} {3 c}] <nil>
}

func ExampleSubtract() {
	s := session()
	fmt.Println(typed.Subtract(s.Parallelize([]int{1, 1, 2, 3}, 2), s.Parallelize([]int{2, 3, 4}, 2)).Collect(ctx))
	// Output: [1 1] <nil>
}

func ExampleIntersection() {
	s := session()
	both := typed.Intersection(s.Parallelize([]int{1, 2, 2, 3}, 2), s.Parallelize([]int{2, 3, 4}, 2))
	fmt.Println(both.TakeOrdered(ctx, 9, func(a, b int) int { return a - b }))
	// Output: [2 3] <nil>
}

func ExamplePairRDD_SubtractByKey() {
	s := session()
	all := s.Range(4).KeyBy(func(x int64) int64 { return x % 2 })
	fmt.Println(all.SubtractByKey(s.Range(1).KeyBy(func(x int64) int64 { return x })).Collect(ctx))
	// Output: [{1 1} {1 3}] <nil>
}

func ExamplePairRDD_SampleByKeyExact() {
	odd, err := session().Range(6).KeyBy(func(x int64) int64 { return x % 2 }).SampleByKeyExact(ctx, map[int64]float64{0: 0.5, 1: 1})
	if err != nil {
		panic(err)
	}
	fmt.Println(odd.CountByKey(ctx))
	// Output: map[0:2 1:3] <nil>
}
