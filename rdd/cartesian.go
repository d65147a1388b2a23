package rdd

import (
	"errors"
	"iter"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// CartesianOp gives what f makes of each row of one side and each of the other. The
// rows of the right side are kept for it.
func CartesianOp[T, U, R any](f func(T, U) R) *Op {
	like := (*Rows[U])(nil)
	read := &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		if len(in.sides) != 2 || in.sides[0].run == nil || in.sides[1].run == nil {
			return nil, errors.New("a product is of two RDDs as they are, and the plan has others: driver and executor are of different builds")
		}
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		left, right := &partition{t: t, in: t.within(in.sides[0].run)}, stream(t, in, 1, typ)
		cfg := t.readConfig(in)
		cfg.Copy = true
		return func(feed Feed) error {
			rows, err := shuffle.Keep(cfg, typ, right)
			if err != nil {
				return err
			}
			defer rows.Close()
			if rows.Len() == 0 {
				return nil
			}
			return through(feed, product(t, rowsOf[T](left), rows, f), left)
		}, nil
	}}
	return many("Cartesian", f, map[string]Part{"reduce": read})
}

// Of a right side with more than manyRight rows, which may be in a file, all rows are
// gone through for leftRows of the left side at a time. By the number of rows, and not
// by where they are: the order of a partition's rows is the same each time.
const (
	manyRight = 16 << 10
	leftRows  = 256
)

// product goes through all rows of the right side for each, or some, of the left one.
func product[T, U, R any](t *Task, left iter.Seq[T], right *shuffle.Kept, f func(T, U) R) iter.Seq[R] {
	size := 1
	if right.Len() > manyRight {
		size = leftRows
	}
	return func(yield func(R) bool) {
		for some := range inRuns(left, size) {
			more := true
			err := right.Rows(func(rows codec.Rows) bool {
				for _, y := range codec.Slice[U](rows) {
					for _, x := range some {
						if more = yield(f(x, y)); !more {
							return false
						}
					}
				}
				return true
			})
			if err != nil {
				t.leave(err)
			}
			if !more {
				return
			}
		}
	}
}

// inRuns gives so many rows at a time, in a slice that it uses again.
func inRuns[T any](rows iter.Seq[T], n int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		run := make([]T, 0, n)
		for row := range rows {
			if run = append(run, row); len(run) == n {
				if !yield(run) {
					return
				}
				run = run[:0]
			}
		}
		if len(run) > 0 {
			yield(run)
		}
	}
}
