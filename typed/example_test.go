package typed_test

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// The count of each word in a text.
func Example() {
	s, err := typed.NewSession(ctx, typed.Options{Notices: io.Discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	text := s.Parallelize([]string{"to be or not to be", "that is the question"}, 2)
	counts, err := text.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(w string) (string, int64) { return w, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b }).
		CollectAsMap(ctx)
	fmt.Println(counts, err)
	// Output: map[be:2 is:1 not:1 or:1 question:1 that:1 the:1 to:2] <nil>
}

// The longest lines of a directory of text, written to another one.
func Example_files() {
	s := session()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(dir+"/in.txt", []byte("a\nbbb\ncc\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	err = s.TextFile(dir+"/*.txt").
		SortBy(func(line string) int { return len(line) }, typed.Descending(), typed.Partitions(1)).
		SaveAsTextFile(ctx, dir+"/out")
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := os.ReadFile(dir + "/out/part-00000")
	fmt.Print(string(out), err)
	// Output:
	// bbb
	// cc
	// a
	// <nil>
}

// How points move to the nearest of a few centers, which travel as a With
// value.
func Example_kMeans() {
	s := session()
	points := s.Parallelize([]float64{1, 2, 3, 10, 11, 12}, 2)
	centers := []float64{0, 5}
	for range 3 {
		sums, err := points.With(centers).
			MapToPair(func(centers []float64, p float64) (int, [2]float64) {
				best := 0
				for i, c := range centers {
					if (p-c)*(p-c) < (p-centers[best])*(p-centers[best]) {
						best = i
					}
				}
				return best, [2]float64{p, 1}
			}).
			ReduceByKey(func(a, b [2]float64) [2]float64 { return [2]float64{a[0] + b[0], a[1] + b[1]} }).
			CollectAsMap(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for i, sum := range sums {
			centers[i] = sum[0] / sum[1]
		}
	}
	fmt.Println(centers)
	// Output: [2 11]
}
