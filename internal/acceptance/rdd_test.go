package acceptance_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// none are the ways in which an RDD can have no rows.
func none(s *typed.Session) map[string]typed.RDD[int64] {
	return map[string]typed.RDD[int64]{
		"no partitions":        s.Empty[int64](),
		"partitions, no rows":  s.Range(0, typed.Partitions(3)),
		"all rows filtered":    s.Range(9, typed.Partitions(4)).Filter(func(int64) bool { return false }),
		"nothing in a shuffle": typed.Distinct(s.Range(0, typed.Partitions(2))),
	}
}

// TestOperatorsOnNothing puts no rows through every operator on rows.
func TestOperatorsOnNothing(t *testing.T) {
	s := shared()
	for name, r := range none(s) {
		some := s.Range(3, typed.Partitions(2))
		for op, got := range map[string]typed.RDD[int64]{
			"Map":             r.Map(func(x int64) int64 { return x }),
			"TryMap":          r.TryMap(func(x int64) (int64, error) { return x, nil }),
			"FlatMap":         r.FlatMap(func(x int64) iter.Seq[int64] { return slices.Values([]int64{x, x}) }),
			"MapPartitions":   r.MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] { return rows }),
			"Sample":          r.Sample(0.5, typed.Seed(1)),
			"Sample again":    r.Sample(2, typed.WithReplacement(), typed.Seed(1)),
			"RandomSplit":     r.RandomSplit([]float64{1, 2})[1],
			"Distinct":        typed.Distinct(r),
			"DistinctBy":      r.DistinctBy(func(x int64) int64 { return x }),
			"SortBy":          r.SortBy(func(x int64) int64 { return x }),
			"SortFunc":        r.SortFunc(cmp.Compare),
			"Repartition":     r.Repartition(5),
			"Coalesce":        r.Coalesce(1),
			"Union":           r.Union(r, r),
			"Cartesian right": some.Cartesian(r, add),
			"Cartesian left":  r.Cartesian(some, add),
			"Subtract":        typed.Subtract(r, some),
			"Intersection":    typed.Intersection(some, r),
			"Zip":             r.Zip(r, add),
			"Cache":           r.Cache(),
			"Keys":            typed.ZipWithUniqueID(r).Keys(),
		} {
			if all, err := got.Collect(ctx); err != nil || len(all) != 0 {
				t.Errorf("%s, %s: %v, %v", name, op, all, err)
			}
		}
		if all, err := typed.Subtract(some, r).Count(ctx); err != nil || all != 3 {
			t.Errorf("%s: %d rows without nothing, %v", name, all, err)
		}
	}
}

// TestNothingHasNoFirst asks for one value of no rows.
func TestNothingHasNoFirst(t *testing.T) {
	for name, r := range none(shared()) {
		for action, run := range map[string]func() error{
			"Reduce":    func() error { _, err := r.Reduce(ctx, add); return err },
			"First":     func() error { _, err := r.First(ctx); return err },
			"Max":       func() error { _, err := typed.Max(ctx, r); return err },
			"Min":       func() error { _, err := typed.Min(ctx, r); return err },
			"Mean":      func() error { _, err := typed.Mean(ctx, r); return err },
			"Histogram": func() error { _, _, err := typed.Histogram(ctx, r, 3); return err },
		} {
			err := run()
			if !errors.Is(err, typed.ErrEmpty) || !strings.HasPrefix(err.Error(), action+" (rdd_test.go:") {
				t.Errorf("%s, %s: %v", name, action, err)
			}
		}
		if empty, err := r.IsEmpty(ctx); !empty || err != nil {
			t.Errorf("%s: IsEmpty %v, %v", name, empty, err)
		}
	}
}

func TestActions(t *testing.T) {
	words := func(s *typed.Session) typed.RDD[string] {
		return s.Parallelize([]string{"to", "be", "or", "not", "to", "be"}, 3)
	}
	check(t, []promise{
		{does: "very many partitions without rows", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(3, typed.Partitions(1500)))
		}, want: numbers(0, 3)},
		{does: "rows come one by one, and no more than are wanted", run: func(s *typed.Session) (any, error) {
			var got []int64
			for x, err := range s.Range(1000, typed.Partitions(20)).All(ctx) {
				if err != nil {
					return nil, err
				}
				if got = append(got, x); len(got) == 3 {
					break
				}
			}
			return got, nil
		}, want: numbers(0, 3)},
		{does: "groupBy", run: func(s *typed.Session) (any, error) {
			return byKey(words(s).KeyBy(func(w string) int { return len(w) }).GroupByKey(func(_ int, ws iter.Seq[string]) []string { return slices.Sorted(ws) }))
		}, want: []string{"2=[be be or to to]", "3=[not]"}},
		{does: "the zero of aggregate is not shared between partitions", run: func(s *typed.Session) (any, error) {
			return words(s).Aggregate(ctx, func() map[string]int { return map[string]int{} }, func(m *map[string]int, w string) { (*m)[w]++ },
				func(a, b *map[string]int) {
					for w, n := range *b {
						(*a)[w] += n
					}
				})
		}, want: map[string]int{"to": 2, "be": 2, "or": 1, "not": 1}},
		{does: "the greatest and the least row", run: func(s *typed.Session) (any, error) {
			greatest, err := typed.Max(ctx, words(s))
			if err != nil {
				return nil, err
			}
			least, err := typed.Min(ctx, words(s))
			return []string{greatest, least}, err
		}, want: []string{"to", "be"}},
		{does: "the sum of nothing", run: func(s *typed.Session) (any, error) { return typed.Sum(ctx, s.Empty[int64]()) }, want: int64(0)},
		{does: "statistics in one pass", run: func(s *typed.Session) (any, error) {
			st, err := typed.Stats(ctx, s.Parallelize([]float64{2, 4, 4, 4, 5, 5, 7, 9}, 3))
			return fmt.Sprintf("%d %g %.9g %.9g %g %g", st.Count, st.Mean, st.Variance(), st.Stdev(), st.Min, st.Max), err
		}, want: "8 5 4 2 2 9"},
		{does: "about how many different rows", run: func(s *typed.Session) (any, error) {
			n, err := typed.CountApproxDistinct(ctx, s.Range(30_000, typed.Partitions(6)).Map(func(x int64) int64 { return x % 10_000 }), 0.02)
			return n > 9_200 && n < 10_800, err
		}, want: true},
		{does: "an RDD within a function", run: func(s *typed.Session) (any, error) {
			return s.Range(3).With(s.Range(5)).Map(func(o typed.RDD[int64], x int64) int64 { return x }).Count(ctx)
		}, fails: `^With \(rdd_test.go:\d+\): `},
		{does: "RDDs of two sessions", run: func(s *typed.Session) (any, error) {
			other, err := typed.NewSession(ctx, typed.Options{Cores: 1, Notices: io.Discard})
			if err != nil {
				return nil, err
			}
			defer func() { _ = other.Close() }()
			return s.Range(3).Union(other.Range(3)).Count(ctx)
		}, fails: `^Union \(rdd_test.go:\d+\) mixes RDDs of two sessions`},
		{does: "an action after the session's end", run: func(*typed.Session) (any, error) {
			ended, err := typed.NewSession(ctx, typed.Options{Cores: 1, Notices: io.Discard})
			if err != nil {
				return nil, err
			}
			r := ended.Range(3)
			if err := ended.Close(); err != nil {
				return nil, err
			}
			return r.Count(ctx)
		}, fails: `closed|ended`},
		{does: "more partitions than rows", run: func(s *typed.Session) (any, error) {
			return lengths(s.Parallelize([]int{1, 2, 3}, 5))
		}, want: []int{0, 1, 0, 1, 1}},
		{does: "one partition has them all in order", run: func(s *typed.Session) (any, error) {
			return rows(typed.Glom(s.Range(4, typed.Partitions(1))))
		}, want: [][]int64{{0, 1, 2, 3}}},
		{does: "take goes on over partitions without rows", run: func(s *typed.Session) (any, error) {
			return s.Range(1000, typed.Partitions(100)).Filter(func(x int64) bool { return x >= 975 }).Take(ctx, 20)
		}, want: numbers(975, 995)},
		{does: "take of nothing", run: func(s *typed.Session) (any, error) { return words(s).Take(ctx, 0) }, want: []string{}},
		{does: "take of more than there are", run: func(s *typed.Session) (any, error) { return s.Range(3).Take(ctx, 10) }, want: numbers(0, 3)},
		{does: "the first row is that of the first partition with rows", run: func(s *typed.Session) (any, error) {
			return s.Range(100, typed.Partitions(10)).Filter(func(x int64) bool { return x > 55 }).First(ctx)
		}, want: int64(56)},
		{does: "takeOrdered of more than there are", run: func(s *typed.Session) (any, error) {
			return words(s).TakeOrdered(ctx, 50, cmp.Compare)
		}, want: []string{"be", "be", "not", "or", "to", "to"}},
		{does: "top of more than there are", run: func(s *typed.Session) (any, error) {
			return words(s).Top(ctx, 50, cmp.Compare)
		}, want: []string{"to", "to", "or", "not", "be", "be"}},
		{does: "top of none", run: func(s *typed.Session) (any, error) { return words(s).Top(ctx, 0, cmp.Compare) }, want: []string{}},
		{does: "top by another order", run: func(s *typed.Session) (any, error) {
			return words(s).Top(ctx, 1, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
		}, want: []string{"not"}},
		{does: "countByValue", run: func(s *typed.Session) (any, error) { return typed.CountByValue(ctx, words(s)) },
			want: map[string]int64{"to": 2, "be": 2, "or": 1, "not": 1}},
		{does: "fold's zero enters for each partition and once more", run: func(s *typed.Session) (any, error) {
			return s.Range(4, typed.Partitions(8)).Fold(ctx, 100, add)
		}, want: int64(6 + 9*100)},
		{does: "aggregate to another type", run: func(s *typed.Session) (any, error) {
			return words(s).Aggregate(ctx, func() int { return 0 }, func(n *int, w string) { *n += len(w) }, func(a, b *int) { *a += *b })
		}, want: 13},
		{does: "reduce keeps the order of rows", run: func(s *typed.Session) (any, error) {
			return s.Parallelize(strings.Split("abcdefgh", ""), 5).Reduce(ctx, joined)
		}, want: "abcdefgh"},
		{does: "an error has the operator's place, the user's line and the row", run: func(s *typed.Session) (any, error) {
			return s.Range(100, typed.Partitions(4)).Map(func(x int64) int64 {
				return 7 / (x - 60)
			}).Count(ctx)
		}, fails: `^Map \(rdd_test.go:\d+\): .*divide by zero.*rdd_test.go:\d+.*partition 2, row 10`},
	})
}

func TestSetsOfRows(t *testing.T) {
	one := func(s *typed.Session) typed.RDD[int] { return s.Parallelize([]int{1, 1, 2, 3, 3, 3}, 4) }
	other := func(s *typed.Session) typed.RDD[int] { return s.Parallelize([]int{2, 2, 1, 9}, 2) }
	check(t, []promise{
		{does: "union keeps what is there twice, in order", run: func(s *typed.Session) (any, error) {
			return rows(one(s).Union(other(s)))
		}, want: []int{1, 1, 2, 3, 3, 3, 2, 2, 1, 9}},
		{does: "union of one with itself", run: func(s *typed.Session) (any, error) {
			r := s.Parallelize([]int{4, 5}, 1)
			return rows(r.Union(r, r))
		}, want: []int{4, 5, 4, 5, 4, 5}},
		{does: "union has all partitions", run: func(s *typed.Session) (any, error) {
			return lengths(one(s).Union(other(s), s.Empty[int]()))
		}, want: []int{1, 2, 1, 2, 2, 2}},
		{does: "distinct", run: func(s *typed.Session) (any, error) { return sorted(typed.Distinct(one(s))) }, want: []int{1, 2, 3}},
		{does: "distinct into many partitions", run: func(s *typed.Session) (any, error) {
			return sorted(typed.Distinct(one(s), typed.Partitions(17)))
		}, want: []int{1, 2, 3}},
		{does: "intersection gives each row once", run: func(s *typed.Session) (any, error) {
			return sorted(typed.Intersection(one(s), other(s)))
		}, want: []int{1, 2}},
		{does: "intersection of those without a common row", run: func(s *typed.Session) (any, error) {
			return sorted(typed.Intersection(one(s), s.Parallelize([]int{7}, 1)))
		}, want: []int{}},
		{does: "subtract keeps what the left one has twice", run: func(s *typed.Session) (any, error) {
			return sorted(typed.Subtract(one(s), other(s)))
		}, want: []int{3, 3, 3}},
		{does: "subtract of itself", run: func(s *typed.Session) (any, error) { return sorted(typed.Subtract(one(s), one(s))) }, want: []int{}},
		{does: "cartesian has each with each", run: func(s *typed.Session) (any, error) {
			return sorted(s.Parallelize([]string{"a", "b"}, 2).Cartesian(s.Parallelize([]string{"x", "x", "y"}, 2), joined))
		}, want: []string{"ax", "ax", "ay", "bx", "bx", "by"}},
		{does: "cartesian has the product of partitions", run: func(s *typed.Session) (any, error) {
			n, err := lengths(s.Range(4, typed.Partitions(2)).Cartesian(s.Range(3, typed.Partitions(3)), add))
			return n, err
		}, want: []int{2, 2, 2, 2, 2, 2}},
	})
}

func TestZips(t *testing.T) {
	check(t, []promise{
		{does: "zip pairs rows at the same place", run: func(s *typed.Session) (any, error) {
			return rows(s.Parallelize([]string{"a", "b", "c"}, 2).Zip(s.Parallelize([]string{"x", "y", "z"}, 2), joined))
		}, want: []string{"ax", "by", "cz"}},
		{does: "zip of as many rows in other partitions", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(4, typed.Partitions(2)).Zip(s.Range(4, typed.Partitions(4)), add))
		}, fails: `Zip \(rdd_test.go:\d+\): its inputs have 2 and 4 partitions`},
		{does: "zip of partitions of unequal length", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(5, typed.Partitions(2)).Zip(s.Range(6, typed.Partitions(2)), add))
		}, fails: `more rows than`},
		{does: "zipPartitions takes unequal lengths", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(5, typed.Partitions(2)).ZipPartitions(s.Range(2, typed.Partitions(2)),
				func(_ *typed.Task, a, b iter.Seq[int64]) iter.Seq[string] {
					return slices.Values([]string{fmt.Sprint(len(slices.Collect(a)), len(slices.Collect(b)))})
				}))
		}, want: []string{"2 1", "3 1"}},
		{does: "zipPartitions of unequal numbers of partitions", run: func(s *typed.Session) (any, error) {
			return rows(s.Range(5, typed.Partitions(2)).ZipPartitions(s.Range(5, typed.Partitions(3)),
				func(_ *typed.Task, a, _ iter.Seq[int64]) iter.Seq[int64] { return a }))
		}, fails: `ZipPartitions \(rdd_test.go:\d+\): .*2 and 3 partitions`},
		{does: "zipWithIndex counts over partitions without rows", run: func(s *typed.Session) (any, error) {
			p, err := typed.ZipWithIndex(ctx, s.Range(60, typed.Partitions(6)).Filter(func(x int64) bool { return x < 2 || x > 57 }))
			if err != nil {
				return nil, err
			}
			return byKey(p)
		}, want: []string{"0=0", "1=1", "2=58", "3=59"}},
		{does: "zipWithIndex goes on into other operators", run: func(s *typed.Session) (any, error) {
			p, err := typed.ZipWithIndex(ctx, s.Range(3, typed.Partitions(2)).Union(s.Range(3, typed.Partitions(2))))
			if err != nil {
				return nil, err
			}
			return byKey(p.Filter(func(i, _ int64) bool { return i != 1 }).Union(p.Filter(func(i, _ int64) bool { return i == 0 })))
		}, want: []string{"0=0", "0=0", "2=2", "3=0", "4=1", "5=2"}},
		{does: "partitions of a union have numbers of their own", run: func(s *typed.Session) (any, error) {
			r := s.Range(2, typed.Partitions(2))
			return rows(r.Union(r.Union(r)).MapPartitionsWithIndex(func(i int, rows iter.Seq[int64]) iter.Seq[int] {
				return slices.Values([]int{i})
			}).Union(s.Parallelize([]int{-1}, 1)))
		}, want: []int{0, 1, 2, 3, 4, 5, -1}},
		{does: "zipWithUniqueID of a union gives no number twice", run: func(s *typed.Session) (any, error) {
			r := s.Range(4, typed.Partitions(2))
			return sorted(typed.ZipWithUniqueID(r.Union(r)).Keys())
		}, want: numbers(0, 8)},
		{does: "runs of rows go across partitions", run: func(s *typed.Session) (any, error) {
			r, err := typed.Sliding(ctx, s.Range(5, typed.Partitions(4)), 3)
			if err != nil {
				return nil, err
			}
			return rows(r)
		}, want: [][]int64{{0, 1, 2}, {1, 2, 3}, {2, 3, 4}}},
		{does: "zipWithUniqueID goes by partitions", run: func(s *typed.Session) (any, error) {
			return rows(typed.ZipWithUniqueID(s.Parallelize([]string{"a", "b", "c", "d", "e"}, 3)).Keys())
		}, want: []int64{0, 1, 4, 2, 5}},
	})
}

// TestSamplesGoBySeed draws with and without replacement.
func TestSamplesGoBySeed(t *testing.T) {
	r := shared().Range(2000, typed.Partitions(5))
	for name, draw := range map[string]func(seed uint64) typed.RDD[int64]{
		"once":             func(seed uint64) typed.RDD[int64] { return r.Sample(0.3, typed.Seed(seed)) },
		"with replacement": func(seed uint64) typed.RDD[int64] { return r.Sample(1.5, typed.WithReplacement(), typed.Seed(seed)) },
	} {
		first, err := draw(5).Collect(ctx)
		again, err2 := draw(5).Collect(ctx)
		other, err3 := draw(6).Collect(ctx)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(first, again) || slices.Equal(first, other) {
			t.Errorf("%s: seed 5 gave %d and %d rows, seed 6 %d", name, len(first), len(again), len(other))
		}
		if !slices.IsSorted(first) {
			t.Errorf("%s: rows changed their order", name)
		}
		if once := len(slices.Compact(slices.Clone(first))) == len(first); once == (name != "once") {
			t.Errorf("%s: each row at most once is %v", name, once)
		}
	}
}

func TestShares(t *testing.T) {
	check(t, []promise{
		{does: "all", run: func(s *typed.Session) (any, error) { return s.Range(50).Sample(1).Count(ctx) }, want: int64(50)},
		{does: "none", run: func(s *typed.Session) (any, error) { return s.Range(50).Sample(0).Count(ctx) }, want: int64(0)},
		{does: "a negative fraction", run: func(s *typed.Session) (any, error) { return s.Range(50).Sample(-0.1).Count(ctx) }, fails: `^Sample \(rdd_test.go:\d+\): fraction -0.1`},
		{does: "a sample without replacement has no more than all", run: func(s *typed.Session) (any, error) {
			got, err := s.Range(20, typed.Partitions(3)).TakeSample(ctx, 100)
			slices.Sort(got)
			return got, err
		}, want: numbers(0, 20)},
		{does: "one with replacement has as many as were asked for", run: func(s *typed.Session) (any, error) {
			got, err := s.Range(20, typed.Partitions(3)).TakeSample(ctx, 100, typed.WithReplacement())
			return len(got), err
		}, want: 100},
		{does: "a split loses nothing and repeats nothing", run: func(s *typed.Session) (any, error) {
			parts := s.Range(600, typed.Partitions(4)).RandomSplit([]float64{1, 2, 3}, typed.Seed(9))
			return sorted(parts[0].Union(parts[1:]...))
		}, want: numbers(0, 600)},
	})
}

func TestHistograms(t *testing.T) {
	in := func(bounds ...float64) func(*typed.Session) (any, error) {
		return func(s *typed.Session) (any, error) {
			return typed.HistogramIn(ctx, s.Parallelize([]float64{-1, 0, 1, 9.99, 10, 10.5, 20, 21}, 3), bounds)
		}
	}
	check(t, []promise{
		{does: "lower bounds are within, only the last upper one is", run: in(0, 10, 20), want: []int64{3, 3}},
		{does: "buckets of unequal width", run: in(-5, 0, 0.5, 21), want: []int64{1, 1, 6}},
		{does: "none within", run: in(100, 200), want: []int64{0}},
		{does: "one bound is none", run: in(1), fails: `^HistogramIn \(rdd_test.go:\d+\): bounds \[1\]`},
		{does: "bounds that descend", run: in(3, 2), fails: `ascend|greater`},
		{does: "bounds that are equal", run: in(3, 3), fails: `ascend|greater`},
		{does: "no rows between bounds", run: func(s *typed.Session) (any, error) {
			return typed.HistogramIn(ctx, s.Empty[int64](), []float64{0, 1, 2})
		}, want: []int64{0, 0}},
		{does: "buckets of one width", run: func(s *typed.Session) (any, error) {
			bounds, counts, err := typed.Histogram(ctx, s.Range(11, typed.Partitions(3)), 5)
			return fmt.Sprint(bounds, counts), err
		}, want: "[0 2 4 6 8 10] [2 2 2 2 3]"},
		{does: "equal rows have one bucket", run: func(s *typed.Session) (any, error) {
			bounds, counts, err := typed.Histogram(ctx, s.Parallelize([]int{7, 7, 7}, 2), 4)
			return fmt.Sprint(bounds, counts), err
		}, want: "[7 7] [3]"},
		{does: "no buckets", run: func(s *typed.Session) (any, error) {
			_, counts, err := typed.Histogram(ctx, s.Range(3), 0)
			return counts, err
		}, fails: `^Histogram \(rdd_test.go:\d+\): 0 buckets`},
	})
}

// numbers are those from a on and below b.
func numbers(a, b int64) []int64 {
	all := []int64{}
	for ; a < b; a++ {
		all = append(all, a)
	}
	return all
}
