package typed_test

import (
	"fmt"
	"iter"
	"strings"

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

func ExampleRDD_Cartesian() {
	s := session()
	sizes, colours := s.Parallelize([]string{"S", "M"}, 1), s.Parallelize([]string{"red", "blue"}, 1)
	fmt.Println(sizes.Cartesian(colours, func(size, colour string) string { return colour + " " + size }).Collect(ctx))
	// Output: [red S blue S red M blue M] <nil>
}

func ExampleFilterByRange() {
	words := session().Parallelize([]string{"pear", "fig", "plum", "apple"}, 2).KeyBy(strings.ToUpper)
	fmt.Println(typed.FilterByRange(typed.SortByKey(words), "B", "PF").Keys().Collect(ctx))
	// Output: [FIG PEAR] <nil>
}

func ExamplePairRDD_FlatMapSortedGroups() {
	visits := session().Parallelize([]string{"ann 9", "bob 4", "ann 2", "ann 5"}, 2).MapToPair(func(visit string) (string, int) {
		return visit[:3], int(visit[4] - '0')
	})
	gaps := visits.FlatMapSortedGroups(func(t int) int { return t }, func(who string, times iter.Seq[int]) iter.Seq[string] {
		return func(yield func(string) bool) {
			last := 0
			for t := range times {
				if last > 0 && !yield(fmt.Sprintf("%s +%d", who, t-last)) {
					return
				}
				last = t
			}
		}
	})
	fmt.Println(gaps.Collect(ctx))
	// Output: [ann +3 ann +4] <nil>
}

func ExamplePartitionFunc() {
	byFirst := typed.PartitionFunc(26, func(word string) int { return int(word[0] - 'a') })
	words := session().Parallelize([]string{"cab", "ace", "bed", "cab", "add"}, 2).MapToPair(func(w string) (string, int) { return w, 1 })
	counts := words.ReduceByKey(func(a, b int) int { return a + b }, byFirst)
	letters := counts.MapPartitions(func(t *typed.Task, rows iter.Seq2[string, int]) iter.Seq[string] {
		return func(yield func(string) bool) {
			n := 0
			for _, count := range rows {
				n += count
			}
			if n > 0 {
				yield(fmt.Sprintf("%c %d", 'a'+t.Partition(), n))
			}
		}
	})
	fmt.Println(letters.Collect(ctx))
	// Output: [a 2 b 1 c 2] <nil>
}
