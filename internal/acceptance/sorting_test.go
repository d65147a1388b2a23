package acceptance_test

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// shuffled gives the numbers below n in an order that a seed makes.
func shuffled(n int64) []int64 {
	all := numbers(0, n)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// TestSortsOfMany compares sorts with one of a slice, for few and many partitions
// on either side.
func TestSortsOfMany(t *testing.T) {
	s, all := shared(), shuffled(3000)
	up := numbers(0, 3000)
	down := slices.Clone(up)
	slices.Reverse(down)
	for _, from := range []int{1, 4, 50} {
		for _, to := range []int{1, 3, 20} {
			r := s.Parallelize(all, from)
			for name, c := range map[string]struct {
				r    typed.RDD[int64]
				want []int64
			}{
				"ascending":  {r.SortBy(func(x int64) int64 { return x }, typed.Partitions(to)), up},
				"descending": {r.SortBy(func(x int64) int64 { return x }, typed.Partitions(to), typed.Descending()), down},
				"comparison": {r.SortFunc(func(a, b int64) int { return cmp.Compare(b, a) }, typed.Partitions(to)), down},
				"by key":     {typed.SortByKey(r.KeyBy(func(x int64) int64 { return -x }), typed.Partitions(to)).Values(), down},
			} {
				if got, err := c.r.Collect(ctx); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s, %d partitions to %d: %d rows, %v", name, from, to, len(got), err)
				}
			}
		}
	}
}

func TestSorts(t *testing.T) {
	words := func(s *typed.Session) typed.RDD[string] {
		return s.Parallelize([]string{"dd", "a", "ccc", "b", "ee", "f", "ggg"}, 3)
	}
	length := func(w string) int { return len(w) }
	check(t, []promise{
		{does: "rows with equal keys stay in order", run: func(s *typed.Session) (any, error) { return rows(words(s).SortBy(length)) },
			want: []string{"a", "b", "f", "dd", "ee", "ccc", "ggg"}},
		{does: "so they do when it descends", run: func(s *typed.Session) (any, error) {
			return rows(words(s).SortBy(length, typed.Descending()))
		}, want: []string{"ccc", "ggg", "dd", "ee", "a", "b", "f"}},
		{does: "a sort of what is sorted", run: func(s *typed.Session) (any, error) {
			return rows(words(s).SortBy(func(w string) string { return w }).SortBy(length))
		}, want: []string{"a", "b", "f", "dd", "ee", "ccc", "ggg"}},
		{does: "fewer rows than partitions", run: func(s *typed.Session) (any, error) {
			return rows(s.Parallelize([]int{3, 1, 2}, 3).SortBy(func(x int) int { return x }, typed.Partitions(40)))
		}, want: []int{1, 2, 3}},
		{does: "one row", run: func(s *typed.Session) (any, error) {
			return rows(s.Parallelize([]int{5}, 1).SortBy(func(x int) int { return x }, typed.Partitions(4)))
		}, want: []int{5}},
		{does: "equal keys are in one partition", run: func(s *typed.Session) (any, error) {
			p := s.Range(500, typed.Partitions(10)).KeyBy(func(x int64) int64 { return x % 5 })
			return placedOnce(typed.SortByKey(p, typed.Partitions(4)))
		}, want: 5},
		{does: "all keys equal", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(200, typed.Partitions(9)).SortBy(func(int64) int { return 1 }, typed.Partitions(6)))
		}, want: numbers(0, 200)},
		{does: "most keys equal, into many partitions", run: func(s *typed.Session) (any, error) {
			return rows(s.Parallelize(shuffled(1000), 7).SortBy(func(x int64) int64 { return max(x, 900) }, typed.Partitions(10)).Filter(func(x int64) bool { return x > 900 }))
		}, want: numbers(901, 1000)},
		{does: "a range, with its ends", run: func(s *typed.Session) (any, error) {
			p := s.Range(100, typed.Partitions(8)).KeyBy(func(x int64) int64 { return x })
			return rows(typed.FilterByRange(typed.SortByKey(p), 20, 25).Keys())
		}, want: numbers(20, 26)},
		{does: "a range of what is not sorted", run: func(s *typed.Session) (any, error) {
			p := s.Parallelize([]int64{9, 2, 7, 4}, 2).KeyBy(func(x int64) int64 { return x })
			return rows(typed.FilterByRange(p, 4, 9).Keys())
		}, want: []int64{9, 7, 4}},
		{does: "a range from the greater to the less", run: func(s *typed.Session) (any, error) {
			p := s.Range(10).KeyBy(func(x int64) int64 { return x })
			return rows(typed.FilterByRange(typed.SortByKey(p), 7, 3).Keys())
		}, want: []int64{}},
		{does: "partitions that are sorted by themselves", run: func(s *typed.Session) (any, error) {
			p := s.Parallelize(shuffled(400), 5).KeyBy(func(x int64) int64 { return x })
			return rows(typed.RepartitionAndSortWithinPartitions(p, typed.Partitions(3)).MapPartitions(
				func(_ *typed.Task, rows iter.Seq2[int64, int64]) iter.Seq[bool] {
					var keys []int64
					for k := range rows {
						keys = append(keys, k)
					}
					return slices.Values([]bool{slices.IsSorted(keys) && len(keys) > 0})
				}))
		}, want: []bool{true, true, true}},
		{does: "a key function that panics", run: func(s *typed.Session) (any, error) {
			return rows(words(s).SortBy(func(w string) byte { return w[2] }))
		}, fails: `^SortBy \(sorting_test.go:\d+\): panic: .*index out of range.*: at sorting_test.go:\d+, `},
	})
}

// placedOnce gives how many keys there are, and an error where one is in two partitions.
func placedOnce[K cmp.Ordered, V any](p typed.PairRDD[K, V]) (int, error) {
	all, err := placed(p)
	n := len(slices.Compact(all))
	keys, err2 := typed.Distinct(p.Keys()).Count(ctx)
	if err == nil && err2 == nil && int64(n) != keys {
		err = fmt.Errorf("%d keys are in %d places", keys, n)
	}
	return n, cmp.Or(err, err2)
}
