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

// product goes through all rows of the right side for each of the left one.
func product[T, U, R any](t *Task, left iter.Seq[T], right *shuffle.Kept, f func(T, U) R) iter.Seq[R] {
	return func(yield func(R) bool) {
		for x := range left {
			more := true
			err := right.Rows(func(rows codec.Rows) bool {
				for _, y := range codec.Slice[U](rows) {
					if more = yield(f(x, y)); !more {
						break
					}
				}
				return more
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
