package main

import (
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

func TestCount(t *testing.T) {
	lines := []string{"to be or not", "", "  to\tbe ", "Straße \u2003 \xff"}
	typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, int64] {
		return count(s.Parallelize(lines, 3))
	}, []typed.Pair[string, int64]{
		{Key: "to", Value: 2}, {Key: "be", Value: 2}, {Key: "or", Value: 1}, {Key: "not", Value: 1},
		{Key: "Straße", Value: 1}, {Key: "\xff", Value: 1},
	}, typedtest.AnyOrder())
}

// TestCountOfManyWords has more words than fit into the least memory.
func TestCountOfManyWords(t *testing.T) {
	lines := []string{}
	want := map[string]int64{}
	for i := range 3000 {
		line := strings.Repeat("x", i%1000) + " y " + strings.Repeat("z", i%7+1)
		lines = append(lines, line)
		for word := range strings.FieldsSeq(line) {
			want[word]++
		}
	}
	var pairs []typed.Pair[string, int64]
	for word, n := range want {
		pairs = append(pairs, typed.Pair[string, int64]{Key: word, Value: n})
	}
	typedtest.Pairs(t, func(s *typed.Session) typed.PairRDD[string, int64] {
		return count(s.Parallelize(lines, 5))
	}, pairs, typedtest.AnyOrder())
}
