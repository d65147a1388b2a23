package typed_test

import (
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

func ExampleRDD_Coalesce() {
	numbers := session().Range(6, typed.Partitions(6))
	fmt.Println(typed.Glom(numbers.Coalesce(2)).Collect(ctx))
	fmt.Println(typed.Glom(numbers.Coalesce(100)).Count(ctx))
	// Output:
	// [[0 1 2] [3 4 5]] <nil>
	// 6 <nil>
}

func ExamplePairRDD_Coalesce() {
	squares := session().Range(4, typed.Partitions(4)).MapToPair(func(n int64) (int64, int64) { return n, n * n })
	fmt.Println(squares.Coalesce(1).Collect(ctx))
	// Output: [{0 0} {1 1} {2 4} {3 9}] <nil>
}
