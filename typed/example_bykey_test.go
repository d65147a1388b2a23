package typed_test

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/gordd-project/gordd/typed"
)

func ExamplePairRDD_FoldByKey() {
	products := pairs(session()).FoldByKey(1, func(a, b int) int { return a * b })
	fmt.Println(products.CollectAsMap(ctx))
	// Output: map[a:3 b:2] <nil>
}

func ExamplePairRDD_ReduceByKeyLocally() {
	fmt.Println(pairs(session()).ReduceByKeyLocally(ctx, func(a, b int) int { return max(a, b) }))
	// Output: map[a:3 b:2] <nil>
}

func ExampleTopByKey() {
	scores := session().Range(10).KeyBy(func(n int64) string { return []string{"even", "odd"}[n%2] })
	fmt.Println(typed.TopByKey(scores, 2, cmp.Compare[int64]).CollectAsMap(ctx))
	// Output: map[even:[8 6] odd:[9 7]] <nil>
}

func ExampleRepartitionAndSortWithinPartitions() {
	p := session().Range(6).MapToPair(func(n int64) (int64, int64) { return n % 3, n })
	fmt.Println(typed.RepartitionAndSortWithinPartitions(p, typed.Partitions(1)).Collect(ctx))
	// Output: [{0 0} {0 3} {1 1} {1 4} {2 2} {2 5}] <nil>
}

func ExampleRDD_Zip() {
	words := session().Parallelize([]string{"a", "b", "c"}, 2)
	lengths := words.Map(func(w string) int { return len(w) })
	fmt.Println(words.Zip(lengths, func(w string, n int) string { return fmt.Sprint(w, n) }).Collect(ctx))
	// Output: [a1 b1 c1] <nil>
}

func ExampleRDD_ZipPartitions() {
	numbers := session().Range(6, typed.Partitions(2))
	even := numbers.Filter(func(n int64) bool { return n%2 == 0 })
	shares := numbers.ZipPartitions(even, func(_ *typed.Task, all, some iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			yield(fmt.Sprint(length(some), " of ", length(all)))
		}
	})
	fmt.Println(shares.Collect(ctx))
	// Output: [2 of 3 1 of 3] <nil>
}

func length[T any](rows iter.Seq[T]) (n int) {
	for range rows {
		n++
	}
	return n
}

func ExampleSliding() {
	pairs, err := typed.Sliding(ctx, session().Range(5, typed.Partitions(3)), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pairs.Collect(ctx))
	// Output: [[0 1] [1 2] [2 3] [3 4]] <nil>
}
