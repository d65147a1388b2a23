package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// scan counts the lines that have a z.
func scan(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	n, err := s.TextFile(filepath.Join(*in, "part-*")).
		Filter(func(line string) bool { return strings.Contains(line, "z") }).
		Count(ctx)
	return result{run: time.Since(t).Seconds(), check: n}, err
}

// emptyTasks runs as many empty tasks as -params says.
func emptyTasks(ctx context.Context, s *typed.Session) (result, error) {
	n, more, err := two("tasks", "runs")
	if err != nil {
		return result{}, err
	}
	return tasks(int(n), int(more))(ctx, s)
}

// square groups n rows by their hash, from as many partitions to as many: with enough
// rows each has something for each.
func square(ctx context.Context, s *typed.Session) (result, error) {
	n, parts, err := two("n", "parts")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	sum, err := s.Range(n, typed.Partitions(int(parts))).
		MapToPair(func(i int64) (int64, int64) { return hash(i), i % 1000 }).
		GroupByKey(lengthAndMax, typed.Partitions(int(parts))).
		Values().
		Reduce(ctx, sums.plus)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%d:%d", sum.N, sum.A, sum.B)}, err
}

// madeUp is the i-th of points that need no file.
func madeUp(i int64) (p point) {
	for d := range p {
		p[d] = float64(hash(i*dims+int64(d)) % 1000)
	}
	return p
}

// kmeansRounds is k-means over cached points that are made up, in eight partitions. It
// prints each round's seconds as it ends, for whoever breaks something meanwhile, and
// how much heap there is after the tenth and after the last.
func kmeansRounds(ctx context.Context, s *typed.Session) (result, error) {
	n, rounds, err := two("n", "iters")
	if err != nil {
		return result{}, err
	}
	t := time.Now()
	points := s.Range(n, typed.Partitions(8)).Map(madeUp).Cache()
	if _, err := points.Count(ctx); err != nil {
		return result{}, err
	}
	load := time.Since(t).Seconds()
	var centres []point
	for i := range int64(20) {
		centres = append(centres, madeUp(i))
	}
	t = time.Now()
	squares := 0.0
	for i := range rounds {
		round := time.Now()
		if squares, err = improve(ctx, points, centres, inPlace); err != nil {
			return result{}, err
		}
		fmt.Printf("round %d %.6f\n", i+1, time.Since(round).Seconds())
		if i+1 == 10 || i+1 == rounds {
			fmt.Printf("heap %d %d\n", i+1, heap())
		}
	}
	return result{load: load, run: time.Since(t).Seconds(), check: fmt.Sprintf("%.5e", squares)}, nil
}

// heap is what the process holds after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
