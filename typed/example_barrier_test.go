package typed_test

import (
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/gordd-project/gordd/typed"
)

// Each partition learns what share of all rows it has.
func ExampleRDD_MapPartitionsWithBarrier() {
	rows := session().Range(5, typed.Partitions(2)).MapPartitionsWithBarrier(func(t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			own := len(slices.Collect(rows))
			all := 0
			for _, message := range t.AllGather([]byte(strconv.Itoa(own))) {
				n, _ := strconv.Atoi(string(message))
				all += n
			}
			yield(fmt.Sprint(own, " of ", all))
		}
	})
	fmt.Println(rows.Collect(ctx))
	// Output: [2 of 5 3 of 5] <nil>
}

func ExamplePairRDD_MapPartitionsWithBarrier() {
	pairs := session().Range(4, typed.Partitions(2)).KeyBy(func(x int64) int64 { return x })
	fmt.Println(pairs.MapPartitionsWithBarrier(func(t *typed.BarrierTask, pairs iter.Seq2[int64, int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			t.Barrier() // nobody reads before all of them are here
			for k := range pairs {
				if !yield(fmt.Sprint(t.Partition(), ":", k)) {
					return
				}
			}
		}
	}).Collect(ctx))
	// Output: [0:0 0:1 1:2 1:3] <nil>
}
