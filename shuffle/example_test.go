package shuffle_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// Two map tasks count words, and a reduce task for each partition merges the counts.
func Example() {
	dir, err := os.MkdirTemp("", "shuffle")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	sum := must(shuffle.NewCombining[string](shuffle.Combine[int64, int64]{
		Init:  func(acc *int64, v int64) { *acc = v },
		Add:   func(acc *int64, v int64) { *acc += v },
		Merge: func(left, right *int64) { *left += *right },
	}))

	var outs []*shuffle.Output
	for task, text := range []string{"to be or not to be", "not now or not at all"} {
		w := shuffle.NewCombiner[string, int64, int64](shuffle.Config{Dir: dir, Map: uint32(task), Reduces: 2, Seed: 1}, sum)
		defer w.Abort()
		for word := range strings.FieldsSeq(text) {
			if !w.Push(word, 1) && !w.Flush() {
				break
			}
		}
		outs = append(outs, must(w.Close()))
	}
	for r := range 2 {
		parts := []shuffle.Input{outs[0].Input(r), outs[1].Input(r)}
		counts := shuffle.Merge(ctx, shuffle.Config{Dir: dir, Reduce: uint32(r), Seed: 1}, sum, shuffle.Read(ctx, parts, sum.Rows()))
		err := counts(func(rows codec.Rows) bool {
			for _, row := range codec.Slice[codec.Pair[string, int64]](rows) {
				fmt.Println(row.Key, row.Value)
			}
			return true
		})
		if err != nil {
			panic(err)
		}
	}
	// Unordered output:
	// to 2
	// be 2
	// or 2
	// not 3
	// now 1
	// at 1
	// all 1
}

func ExampleGroups() {
	in := func(yield func([]codec.Pair[string, int]) bool) error {
		yield([]codec.Pair[string, int]{{Key: "a", Value: 1}, {Key: "b", Value: 2}, {Key: "a", Value: 3}})
		return nil
	}
	groups := shuffle.Groups[string, int](context.Background(), shuffle.Config{Dir: os.TempDir()}, shuffle.Raw(in))
	err := groups(func(k string, vs iter.Seq[int]) bool {
		for v := range vs {
			fmt.Println(k, v)
		}
		return true
	})
	if err != nil {
		panic(err)
	}
	// Unordered output:
	// a 1
	// a 3
	// b 2
}
