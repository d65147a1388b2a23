// Terasort sorts records of a hundred bytes by their first ten, as the sort benchmark
// wants it (sortbenchmark.org): it makes them, sorts them, and validates the result.
//
// Usage:
//
//	terasort -dir DIR [-rows N] [-seed N] [-partitions N]
//
// DIR, which must not be there yet, gets the records as they were made, in unsorted,
// and in sorted. A record ends with a newline. The program fails when what it has
// sorted is not in order, or not what it has made.
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/gordd-project/gordd/storage"
	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	dir   = flag.String("dir", "", "`directory` for the records, which must not be there yet")
	rows  = flag.Int64("rows", 1_000_000, "how many records")
	seed  = flag.Uint64("seed", 1, "draws them")
	parts = flag.Int("partitions", 0, "of the sorted records; 0: as many as their size asks for")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *dir == "" || *rows < 1 || *parts < 0 {
		return typed.Usagef("give -dir, -rows above zero, and -partitions not below it")
	}
	unsorted, sorted := storage.Join(*dir, "unsorted"), storage.Join(*dir, "sorted")
	if err := generate(s, *rows, *seed).SaveAsTextFile(ctx, unsorted); err != nil {
		return err
	}
	if err := sort(s.TextFile(unsorted), *parts).SaveAsTextFile(ctx, sorted); err != nil {
		return err
	}
	if err := validate(ctx, s.TextFile(unsorted), s.TextFile(sorted)); err != nil {
		return err
	}
	fmt.Printf("%d records are in order in %s\n", *rows, sorted)
	return nil
}
