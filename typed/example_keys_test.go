package typed_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func ExamplePairRDD_ReduceByKey() {
	sums := pairs(session()).ReduceByKey(func(a, b int) int { return a + b })
	fmt.Println(sums.CollectAsMap(ctx))
	// Output: map[a:4 b:2] <nil>
}

func ExamplePairRDD_CombineByKey() {
	type mean struct {
		Sum, N int
	}
	means := pairs(session()).CombineByKey(
		func(v int) mean { return mean{v, 1} },
		func(m mean, v int) mean { return mean{m.Sum + v, m.N + 1} },
		func(m, n mean) mean { return mean{m.Sum + n.Sum, m.N + n.N} },
	).MapValues(func(m mean) float64 { return float64(m.Sum) / float64(m.N) })
	fmt.Println(means.CollectAsMap(ctx))
	// Output: map[a:2 b:2] <nil>
}

func ExamplePairRDD_AggregateByKey() {
	sets := pairs(session()).AggregateByKey(
		func() []int { return nil },
		func(all *[]int, v int) { *all = append(*all, v) },
		func(all, more *[]int) { *all = append(*all, *more...) },
	)
	fmt.Println(sets.CollectAsMap(ctx))
	// Output: map[a:[1 3] b:[2]] <nil>
}

func ExamplePairRDD_GroupByKey() {
	lists := pairs(session()).GroupByKey(func(k string, values iter.Seq[int]) string {
		return fmt.Sprint(k, slices.Sorted(values))
	})
	fmt.Println(lists.CollectAsMap(ctx))
	// Output: map[a:a[1 3] b:b[2]] <nil>
}

func ExamplePairRDD_FlatMapGroups() {
	steps := pairs(session()).FlatMapGroups(func(k string, values iter.Seq[int]) iter.Seq[string] {
		return func(yield func(string) bool) {
			sum := 0
			for v := range values {
				if sum += v; !yield(fmt.Sprint(k, sum)) {
					return
				}
			}
		}
	})
	fmt.Println(steps.SortBy(strings.Clone).Collect(ctx))
	// Output: [a1 a4 b2] <nil>
}

func ExamplePairRDD_CountByKey() {
	fmt.Println(pairs(session()).CountByKey(ctx))
	// Output: map[a:2 b:1] <nil>
}

func ExamplePairRDD_PartitionBy() {
	// Placed once, the pairs are joined and combined where they are.
	placed := pairs(session()).PartitionBy(typed.Partitions(4))
	sums := placed.ReduceByKey(func(a, b int) int { return a + b })
	fmt.Println(placed.Join(sums, func(v, sum int) float64 { return float64(v) / float64(sum) }).
		ReduceByKey(func(a, b float64) float64 { return a + b }).CollectAsMap(ctx))
	// Output: map[a:1 b:1] <nil>
}

func ExamplePairRDD_Repartition() {
	partitions := pairs(session()).Repartition(3).MapPartitions(func(t *typed.Task, _ iter.Seq2[string, int]) iter.Seq[int] {
		return slices.Values([]int{t.Partition()})
	})
	fmt.Println(partitions.Collect(ctx))
	// Output: [0 1 2] <nil>
}

func ExampleRDD_Repartition() {
	sizes := session().Range(10, typed.Partitions(1)).Repartition(2).
		MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int] {
			return slices.Values([]int{len(slices.Collect(rows))})
		})
	fmt.Println(sizes.Collect(ctx))
	// Output: [5 5] <nil>
}

func ExampleRDD_DistinctBy() {
	words := session().Parallelize([]string{"Go", "go", "GO", "Java"}, 1).DistinctBy(strings.ToLower)
	fmt.Println(words.SortBy(strings.Clone).Collect(ctx))
	// Output: [Go Java] <nil>
}

func ExampleDistinct() {
	words := session().Parallelize([]string{"b", "a", "b", "a"}, 2)
	fmt.Println(typed.Distinct(words).SortBy(strings.Clone).Collect(ctx))
	// Output: [a b] <nil>
}
