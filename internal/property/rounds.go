package property

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

const (
	roundRows   = 8000
	roundLine   = "some line of text"
	roundParts  = 8
	roundsAfter = 3 // rounds before and after a worker is lost
)

// rounds goes over lines that are kept again and again, and at last lets go of them.
func rounds(ctx context.Context, s *typed.Session, path string, level typed.StorageLevel) error {
	kept := s.TextFile(path, typed.Partitions(roundParts)).Persist(level)
	for round := range 2*roundsAfter + 1 {
		if round == 2*roundsAfter {
			kept.Unpersist()
		}
		n, err := kept.Count(ctx)
		if err != nil || n != roundRows {
			return fmt.Errorf("round %d: %d rows, %w", round, n, err)
		}
	}
	return nil
}

// sides keeps lines in two RDDs, at other workers each, and reads them together in one
// way after the other: nothing is read of the file again, wherever tasks run.
func sides(ctx context.Context, s *typed.Session, path string, level typed.StorageLevel) error {
	lens := s.TextFile(path, typed.Partitions(roundParts)).Map(func(line string) int64 { return int64(len(line)) })
	left, right := lens.Persist(level), lens.Map(func(n int64) int64 { return -n }).Persist(level)
	for _, side := range []typed.RDD[int64]{left, right} {
		if n, err := side.Count(ctx); err != nil || n != roundRows {
			return fmt.Errorf("%d rows, %w", n, err)
		}
	}
	few := left.MapPartitions(firstOf)
	for _, both := range []struct {
		rows typed.RDD[int64]
		n    int64
		sum  int64
	}{
		{left.Union(right), 2 * roundRows, 0},
		{left.Coalesce(3), roundRows, roundRows * int64(len(roundLine))},
		{left.Zip(right, addInts), roundRows, 0},
		{left.ZipPartitions(right, merged), 2 * roundRows, 0},
		{few.Cartesian(right, addInts), roundParts * roundRows, 0},
	} {
		rows := typed.NewCounter(s, "rows")
		sum, err := both.rows.With(rows).Map(func(rows typed.Counter, n int64) int64 { rows.Add(1); return n }).Reduce(ctx, addInts)
		if err != nil || rows.Value() != both.n || sum != both.sum {
			return fmt.Errorf("%d rows whose sum is %d, %w", rows.Value(), sum, err)
		}
	}
	return nil
}

// firstOf gives the first row of a partition.
func firstOf(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for row := range rows {
			yield(row)
			return
		}
	}
}

// merged gives the rows of one partition behind those of another.
func merged(_ *typed.Task, a, b iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, rows := range []iter.Seq[int64]{a, b} {
			for row := range rows {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// countsOnce counts lines as they are kept and rows as they are read, while the process of
// an executor is killed that has some: what it kept is made again, or another has it.
func countsOnce(ctx context.Context, s *typed.Session, path string, level typed.StorageLevel) error {
	lines, rows := typed.NewCounter(s, "lines"), typed.NewCounter(s, "rows")
	kept := s.TextFile(path, typed.Partitions(roundParts)).With(lines).Map(func(lines typed.Counter, line string) int64 {
		lines.Add(1)
		return int64(len(line))
	}).Persist(level)
	for range 2 {
		if n, err := kept.Count(ctx); err != nil || n != roundRows || lines.Value() != roundRows {
			return fmt.Errorf("%d rows, %d lines, %w", n, lines.Value(), err)
		}
	}
	n, err := kept.With(killer{path + killSuffix, rows}).MapPartitions(killed).Count(ctx)
	if err != nil || n != roundRows || rows.Value() != roundRows || lines.Value() != roundRows {
		return fmt.Errorf("with a process killed: %d rows, %d of them counted, %d lines, %w", n, rows.Value(), lines.Value(), err)
	}
	if n, err = kept.Count(ctx); err != nil || n != roundRows || lines.Value() != roundRows {
		return fmt.Errorf("after it: %d rows, %d lines, %w", n, lines.Value(), err)
	}
	return nil
}

// killSuffix is behind the name of the file that lets a process be killed.
const killSuffix = ".kill"

// killer kills the process of a task when a file is there, and the file goes.
type killer struct {
	File string
	Rows typed.Counter
}

// killed counts the rows of all tasks, and ends the process of the first.
func killed(k killer, t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for row := range rows {
			if k.Rows.Add(1); !yield(row) {
				return
			}
		}
		if t.Partition() == 0 {
			k.await(t)
		}
	}
}

// await waits for the file, once: the task that comes after this one finds its trace.
func (k killer) await(ctx context.Context) {
	done := k.File + ".done"
	for ctx.Err() == nil {
		if _, err := os.Stat(done); err == nil {
			return
		}
		if os.Rename(k.File, done) == nil {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Kill()
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// checkpointed reads lines once, and has only what it wrote of them after that: their
// file is gone.
func checkpointed(ctx context.Context, s *typed.Session, path string) error {
	lines, err := s.TextFile(path, typed.Partitions(roundParts)).Map(func(line string) int { return len(line) }).Checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	for round := range 2 * roundsAfter {
		n, err := lines.Reduce(ctx, func(a, b int) int { return a + b })
		if err != nil || n != roundRows*len(roundLine) {
			return fmt.Errorf("round %d: %d bytes, %w", round, n, err)
		}
	}
	return nil
}

// locally does the same with what workers keep of the lines, until one of them is lost.
func locally(ctx context.Context, s *typed.Session, path string) error {
	lines, err := s.TextFile(path, typed.Partitions(roundParts)).Map(func(line string) int { return len(line) }).LocalCheckpoint(ctx)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	for round := range 2 * roundsAfter {
		n, err := lines.Reduce(ctx, func(a, b int) int { return a + b })
		if round >= roundsAfter-1 && err != nil && strings.Contains(err.Error(), "use Checkpoint") {
			return nil
		}
		if err != nil || n != roundRows*len(roundLine) {
			return fmt.Errorf("round %d: %d bytes, %w", round, n, err)
		}
	}
	return errors.New("nothing was lost")
}

// manyRounds are those of manyKept.
const manyRounds = 100

// manyKept keeps the rows of each round until the next one has read them, and has a
// With value and a shuffle in each.
func manyKept(ctx context.Context, s *typed.Session) error {
	rows, want := s.Range(roundRows, typed.Partitions(roundParts)), int64(roundRows)*(roundRows-1)/2
	var old typed.RDD[int64]
	for round := range int64(manyRounds) {
		rows = rows.With(round).Map(func(round, x int64) int64 { return x + round%2 }).Persist(typed.StorageLevel(round % 5))
		want += round % 2 * roundRows
		sums, err := rows.KeyBy(func(x int64) int64 { return x % 7 }).ReduceByKey(addInts, typed.Partitions(2)).Values().Collect(ctx)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		var sum int64
		for _, x := range sums {
			sum += x
		}
		if sum != want {
			return fmt.Errorf("round %d: %d instead of %d", round, sum, want)
		}
		if round > 0 {
			old.Unpersist()
		}
		old = rows
	}
	return nil
}
