// Package forms has five pipelines, each beside the loops that somebody would
// write by hand for it. Its benchmarks compare the forms in which a pipeline can
// run: fused, every operator alone, plain closures, and by hand.
package forms

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

// Pipeline is one of the pipelines.
type Pipeline struct {
	Name string
	Rows int64 // that it starts from
	// Run runs it, and Hand does the same in loops, on as many cores. Both give
	// the same number.
	Run  func(ctx context.Context, s *typed.Session, rows int64) (int64, error)
	Hand func(cores int, rows int64) int64
}

// Pipelines are the five.
var Pipelines = []Pipeline{
	{"numbers", 20_000_000, numbers, numbersByHand},
	{"strings", 2_000_000, words, wordsByHand},
	{"structs", 10_000_000, structs, structsByHand},
	{"join", 1_000_000, join, joinByHand},
	{"group", 4_000_000, group, groupByHand},
}

func numbers(ctx context.Context, s *typed.Session, rows int64) (int64, error) {
	return s.Range(rows).
		Map(func(n int64) int64 { return n*3 + 1 }).
		Filter(func(n int64) bool { return n%7 != 0 }).
		Map(func(n int64) int64 { return n ^ n>>3 }).
		Fold(ctx, 0, func(a, b int64) int64 { return a + b })
}

func words(ctx context.Context, s *typed.Session, rows int64) (int64, error) {
	return s.Range(rows).
		Map(line).
		FlatMap(strings.FieldsSeq).
		Filter(func(w string) bool { return !strings.HasPrefix(w, "a") }).
		Map(func(w string) int64 { return int64(len(w)) }).
		Fold(ctx, 0, func(a, b int64) int64 { return a + b })
}

// line makes a line of log of a number.
func line(n int64) string {
	b := make([]byte, 0, 48)
	b = append(b, "user"...)
	b = strconv.AppendInt(b, n%1000, 10)
	b = append(b, " action"...)
	b = strconv.AppendInt(b, n%7, 10)
	b = append(b, " took "...)
	b = strconv.AppendInt(b, n, 10)
	return string(b)
}

type point struct {
	ID      int64
	X, Y, Z float64
}

func structs(ctx context.Context, s *typed.Session, rows int64) (int64, error) {
	return s.Range(rows).
		Map(func(n int64) point { return point{n, float64(n % 100), float64(n % 101), float64(n % 103)} }).
		Filter(func(p point) bool { return p.X > p.Y }).
		Map(func(p point) point { return point{p.ID, p.Y, p.Z, p.X + 1} }).
		Filter(func(p point) bool { return p.X*p.X+p.Y*p.Y < p.Z*p.Z }).
		Count(ctx)
}

const keys = 100_003

func join(ctx context.Context, s *typed.Session, rows int64) (int64, error) {
	left := s.Range(rows).MapToPair(func(n int64) (int64, int64) { return n * 7 % keys, n })
	right := s.Range(keys).MapToPair(func(n int64) (int64, int64) { return n, n % 13 })
	return left.Join(right, func(a, b int64) int64 { return a * b }).Values().
		Fold(ctx, 0, func(a, b int64) int64 { return a + b })
}

func group(ctx context.Context, s *typed.Session, rows int64) (int64, error) {
	return s.Range(rows).
		MapToPair(func(n int64) (int64, int64) { return n * 31 % 10_007, n }).
		GroupByKey(spread).
		Values().
		Fold(ctx, 0, func(a, b int64) int64 { return a + b })
}

// spread is the difference of a group's largest and smallest value.
func spread(_ int64, values iter.Seq[int64]) int64 {
	least, most := int64(1<<62), int64(-1<<62)
	for v := range values {
		least, most = min(least, v), max(most, v)
	}
	return most - least
}
