package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

func TestSort(t *testing.T) {
	var want []string
	for i := range int64(2000) {
		want = append(want, record(7, i))
		if r := want[i]; len(r) != recordLength || strings.Contains(r, "\n") {
			t.Fatalf("record %d is %q", i, r)
		}
	}
	slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(a[:10], b[:10]) })
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[string] { return sort(generate(s, 2000, 7), 5) }, want)
}

func TestValidate(t *testing.T) {
	records := []string{"b", "a", "c", "d"}
	for _, c := range []struct {
		sorted []string
		parts  int
		says   string
	}{
		{[]string{"a", "b", "c", "d"}, 2, ""},
		{[]string{"a", "b", "c", "d"}, 6, ""},
		{[]string{"b", "a", "c", "d"}, 1, "record 2 is not in order"},
		{[]string{"a", "c", "b", "d"}, 2, "record 3 is not in order"},
		{[]string{"a", "b", "d", "c"}, 2, "record 4 is not in order"},
		{[]string{"a", "b", "c"}, 2, "4 records"},
		{[]string{"a", "b", "c", "e"}, 2, "4 records"},
		{nil, 1, "became 0"},
	} {
		typedtest.Run(t, func(t *testing.T, s *typed.Session) {
			err := validate(t.Context(), s.Parallelize(records, 3), s.Parallelize(c.sorted, c.parts))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q in %d partitions: %v, want %q", c.sorted, c.parts, err, c.says)
			}
		})
	}
}
