package typed_test

import (
	"cmp"
	"fmt"
)

func ExampleRDD_With() {
	s := session()
	stop := map[string]bool{"the": true, "a": true}
	words := s.Parallelize([]string{"the", "cat", "a", "hat"}, 2).With(stop).
		Filter(func(stop map[string]bool, w string) bool { return !stop[w] })
	stop["cat"] = true // too late: the value was encoded when With was called
	fmt.Println(words.Collect(ctx))
	// Output: [cat hat] <nil>
}

func ExampleRDDWith() {
	s := session()
	// Actions take the value too.
	target := 10
	nearest, err := s.Parallelize([]int{3, 14, 8, 27}, 2).With(target).
		TakeOrdered(ctx, 2, func(target, a, b int) int {
			return cmp.Compare((a-target)*(a-target), (b-target)*(b-target))
		})
	fmt.Println(nearest, err)
	// Output: [8 14] <nil>
}

func ExamplePairRDD_With() {
	s := session()
	limit := 3
	sums := pairs(s).With(limit).ReduceByKey(func(limit, a, b int) int { return min(a+b, limit) })
	fmt.Println(sums.CollectAsMap(ctx))
	// Output: map[a:3 b:2] <nil>
}

func ExamplePairWith() {
	s := session()
	prices := map[string]float64{"a": 0.5, "b": 2}
	cost, err := pairs(s).With(prices).
		Map(func(prices map[string]float64, k string, n int) float64 { return prices[k] * float64(n) }).
		Reduce(ctx, func(a, b float64) float64 { return a + b })
	fmt.Println(cost, err)
	// Output: 6 <nil>
}
