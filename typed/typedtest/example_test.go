package typedtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// t is what the test function is given.
var t *testing.T

func count(lines typed.RDD[string]) typed.PairRDD[string, int64] {
	return lines.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(word string) (string, int64) { return word, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b })
}

// The pipeline is a function of its own, so that the test gives it other rows
// than the program does.
func ExamplePairs() {
	typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, int64] {
		return count(s.Parallelize([]string{"a b", "", "b"}, 2))
	}, []typed.Pair[string, int64]{{Key: "a", Value: 1}, {Key: "b", Value: 2}}, typedtest.AnyOrder())
}

func ExampleRows() {
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[int64] {
		return s.Range(5).Filter(func(n int64) bool { return n%2 == 0 })
	}, []int64{0, 2, 4})
}

func ExampleValue() {
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (float64, error) {
		return s.Range(4).Map(func(n int64) float64 { return float64(n) / 10 }).
			Reduce(ctx, func(a, b float64) float64 { return a + b })
	}, 0.6, typedtest.Within(1e-9))
}

func ExampleAgree() {
	counts := typedtest.Agree(t, func(ctx context.Context, s *typed.Session) (map[string]int64, error) {
		return count(s.TextFile("testdata/*.txt")).CollectAsMap(ctx)
	})
	if counts["the"] == 0 {
		t.Error("no the")
	}
}

func ExampleRun() {
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		out := t.TempDir() + "/counts"
		if err := count(s.TextFile("testdata/*.txt")).SaveAsTextFile(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		// … look at the files in out …
	}, typedtest.Options(typed.Options{Policy: typed.Skip(10)}))
}

func ExampleDiff() {
	fmt.Println(typedtest.Diff([]string{"a", "b", "b"}, []string{"b", "a", "c"}, typedtest.AnyOrder()))
	// Output:
	// 3 rows, want 3
	// 1 missing:
	// 	"c"
	// 1 not wanted:
	// 	"b"
}
