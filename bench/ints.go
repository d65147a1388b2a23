package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// hash makes the numbers that all programs measured here share: plain arithmetic,
// without overflow.
func hash(i int64) int64 {
	x := i * 48271 % 2147483647
	return (x*x + i) % 2147483647
}

// pairs are numbers below 1000 under so many keys.
func pairs(s *typed.Session, n, keys int64) typed.PairRDD[int64, int64] {
	return s.Range(n).With(keys).MapToPair(func(keys, i int64) (int64, int64) { return hash(i) % keys, i % 1000 })
}

// sums are what a workload's answer is checked by.
type sums struct{ N, A, B int64 }

func (s sums) plus(o sums) sums { return sums{s.N + o.N, s.A + o.A, s.B + o.B} }

func reduceInts(ctx context.Context, s *typed.Session) (result, error) {
	n, keys, err := two("n", "keys")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	sum, err := pairs(s, n, keys).ReduceByKey(add).
		Map(func(k, v int64) sums { return sums{1, v, k * (v % 1000) % 1000003} }).
		Reduce(ctx, sums.plus)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%d:%d", sum.N, sum.A, sum.B)}, err
}

func groupInts(ctx context.Context, s *typed.Session) (result, error) {
	n, keys, err := two("n", "keys")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	sum, err := pairs(s, n, keys).GroupByKey(lengthAndMax).Values().Reduce(ctx, sums.plus)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%d:%d", sum.N, sum.A, sum.B)}, err
}

func lengthAndMax(_ int64, values iter.Seq[int64]) sums {
	s := sums{N: 1}
	for v := range values {
		s.A++
		s.B = max(s.B, v)
	}
	return s
}

// joinInts joins n rows with m rows, of which half have a partner.
func joinInts(ctx context.Context, s *typed.Session) (result, error) {
	n, m, err := two("n", "m")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	right := s.Range(m).MapToPair(func(j int64) (int64, int64) { return 2 * j, j % 1000 })
	sum, err := pairs(s, n, 2*m).Join(right, func(v, r int64) int64 { return v * r }).
		Map(func(_, product int64) sums { return sums{N: 1, A: product} }).
		Reduce(ctx, sums.plus)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%d", sum.N, sum.A)}, err
}

func distinctInts(ctx context.Context, s *typed.Session) (result, error) {
	n, keys, err := two("n", "keys")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	numbers := s.Range(n).With(keys).Map(func(keys, i int64) int64 { return hash(i) % keys })
	sum, err := typed.Distinct(numbers).
		Map(func(k int64) sums { return sums{N: 1, A: k} }).
		Reduce(ctx, sums.plus)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%d", sum.N, sum.A)}, err
}
