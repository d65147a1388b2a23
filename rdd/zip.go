package rdd

import (
	"fmt"
	"iter"
)

// ZipOp gives what f makes of the rows of two sides that have the same place: in
// the partition of the same number, the first with the first.
func ZipOp[T, U, R any](f func(T, U) R) *Op {
	return sidesOp("Zip", f, func(t *Task, at place, left iter.Seq[T], right iter.Seq[U]) iter.Seq[R] {
		return func(yield func(R) bool) {
			next, stop := iter.Pull(right)
			defer func() {
				at := t.at // what fails on the left must not seem to be of the right
				stop()
				t.at = at
			}()
			for row := range left {
				other, ok := next()
				if !ok {
					t.leave(unequal(at, "first"))
				}
				if !yield(f(row, other)) {
					return
				}
			}
			if _, ok := next(); ok {
				t.leave(unequal(at, "second"))
			}
		}
	})
}

func unequal(at place, side string) error {
	return fmt.Errorf("partition %d of the %s RDD has more rows than that of the other: Zip takes RDDs with the same number of rows in each partition", at.partition, side)
}

// ZipPartitionsOp hands f the rows of the partitions of two sides that have the
// same number.
func ZipPartitionsOp[T, U, R any](f func(*Task, iter.Seq[T], iter.Seq[U]) iter.Seq[R]) *Op {
	return sidesOp("ZipPartitions", f, func(t *Task, _ place, left iter.Seq[T], right iter.Seq[U]) iter.Seq[R] {
		return f(t, left, right)
	})
}

// sidesOp makes an operator over the partitions of two sides as they are.
func sidesOp[T, U, R any](name string, f any, rows func(*Task, place, iter.Seq[T], iter.Seq[U]) iter.Seq[R]) *Op {
	read := &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		if len(in.sides) != 2 || in.sides[0].run == nil || in.sides[1].run == nil {
			return nil, fmt.Errorf("%s reads two RDDs as they are, and the plan has others: driver and executor are of different builds", name)
		}
		left, right := &partition{t: t, in: t.within(in.sides[0].run)}, &partition{t: t, in: t.within(in.sides[1].run)}
		at := place{partition: in.partition}
		return func(feed Feed) error {
			return through(feed, rows(t, at, rowsOf[T](left), rowsOf[U](right)), left, right)
		}, nil
	}}
	return of((*Pair[T, U])(nil), many(name, f, map[string]Part{"reduce": read}))
}

// within gives a run whose batches are handed on to what is at work when it begins:
// that, and not the run's last operator, is what fails there.
func (t *Task) within(run Run) Run {
	return func(feed Feed) error {
		own := t.at
		return run(func(b any) bool {
			at := t.at
			t.at = own
			ok := feed(b)
			t.at = at
			return ok
		})
	}
}
