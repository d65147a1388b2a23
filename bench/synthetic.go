package main

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/gordd-project/gordd/typed"
)

const sumRows = 200_000_000

// sum is range → map → filter → map → sum.
func sum(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	n, err := s.Range(sumRows).
		Map(func(i int64) int64 { return i * 3 }).
		Filter(func(i int64) bool { return i&1 == 0 }).
		Map(func(i int64) int64 { return i>>1 + 7 }).
		Reduce(ctx, add)
	return result{run: time.Since(t).Seconds(), check: n}, err
}

// sumLoop is sum written by hand, over as many goroutines as there are cores.
func sumLoop(context.Context, *typed.Session) (result, error) {
	t := time.Now()
	sums := make(chan int64)
	for c := range *cores {
		go func() {
			var n int64
			for i := int64(c) * sumRows / int64(*cores); i < int64(c+1)*sumRows/int64(*cores); i++ {
				x := i * 3
				if x&1 != 0 {
					continue
				}
				n += x>>1 + 7
			}
			sums <- n
		}()
	}
	var n int64
	for range *cores {
		n += <-sums
	}
	return result{run: time.Since(t).Seconds(), check: n}, nil
}

// kept collects a line in a thousand, and says how much heap that took.
func kept(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	lines, err := s.TextFile(filepath.Join(*in, "part-*")).
		MapPartitions(func(_ *typed.Task, lines iter.Seq[string]) iter.Seq[string] {
			return func(yield func(string) bool) {
				n := 0
				for line := range lines {
					if n++; n%1000 == 0 && !yield(line) {
						return
					}
				}
			}
		}).
		Collect(ctx)
	run := time.Since(t).Seconds()
	held := heap()
	bytes := 0
	for _, l := range lines {
		bytes += len(l) + 16
	}
	return result{run: run, check: fmt.Sprintf("%d lines of %d bytes, heap %d bytes", len(lines), bytes, held)}, err
}
