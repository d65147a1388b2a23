package typed_test

import (
	"cmp"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

func ExampleRDD_SortBy() {
	words := session().Parallelize([]string{"ccc", "a", "bb", "d"}, 2)
	fmt.Println(words.SortBy(func(w string) int { return len(w) }).Collect(ctx))
	// Output: [a d bb ccc] <nil>
}

func ExampleRDD_SortFunc() {
	words := session().Parallelize([]string{"ccc", "a", "bb", "d"}, 2)
	fmt.Println(words.SortFunc(func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(b, a))
	}).Collect(ctx))
	// Output: [d a bb ccc] <nil>
}

func ExamplePairRDD_SortBy() {
	fmt.Println(pairs(session()).SortBy(func(_ string, v int) int { return v }, typed.Descending()).Collect(ctx))
	// Output: [{a 3} {b 2} {a 1}] <nil>
}

func ExamplePairRDD_SortFunc() {
	fmt.Println(pairs(session()).SortFunc(func(a, b typed.Pair[string, int]) int {
		return cmp.Or(cmp.Compare(b.Key, a.Key), cmp.Compare(a.Value, b.Value))
	}).Collect(ctx))
	// Output: [{b 2} {a 1} {a 3}] <nil>
}

func ExampleSortByKey() {
	fmt.Println(typed.SortByKey(pairs(session())).Collect(ctx))
	// Output: [{a 1} {a 3} {b 2}] <nil>
}

func ExampleDescending() {
	fmt.Println(session().Range(4).SortBy(func(i int64) int64 { return i % 3 }, typed.Descending()).Collect(ctx))
	// Output: [2 1 0 3] <nil>
}
