package typed

import (
	"context"

	"github.com/gordd-project/gordd/rdd"
)

// Glom makes one row of each partition: all its rows.
func Glom[T any](r RDD[T]) RDD[[]T] {
	return RDD[[]T]{r.s, r.n.Narrow(rdd.GlomOp[T](), call(), false)}
}

// ZipWithIndex pairs each row with its number, from 0 on. To know the number of
// the first row of each partition it counts the rows, which runs at once.
func ZipWithIndex[T any](ctx context.Context, r RDD[T]) (PairRDD[int64, T], error) {
	n, err := newUse(r.s, r.n, rowType{}).zipWithIndex(ctx, rdd.ZipWithIndexOp[T]())
	return PairRDD[int64, T]{r.s, n}, err
}

// ZipWithUniqueID pairs each row with a number that no other row has: in partition
// k of n they are k, k+n, k+2n and so on. It runs nothing.
func ZipWithUniqueID[T any](r RDD[T]) PairRDD[int64, T] {
	return PairRDD[int64, T]{r.s, r.n.Narrow(rdd.ZipWithUniqueIDOp[T](), call(), false)}
}

func (u *use) zipWithIndex(ctx context.Context, op *rdd.Op) (*rdd.Node, error) {
	counts, err := u.counts(ctx, op)
	starts, next := make([]int64, len(counts)), int64(0)
	for i, n := range counts {
		starts[i] = next
		next += n
	}
	u.carry(encode(starts))
	return u.n.Narrow(op, u.c, false), err
}

// counts runs the part "count" of an operator whose value is not known yet: it
// gives the number of rows of each partition.
func (u *use) counts(ctx context.Context, op *rdd.Op) ([]int64, error) {
	counting := *u
	counting.carry(encode[[]int64](nil))
	defer counting.done()
	a := counting.action(op)
	a.Part = "count"
	values, err := gather(ctx, u.s, u.n, a)
	if err != nil {
		return nil, err
	}
	counts := make([]int64, len(values))
	for i, b := range values {
		if counts[i], err = accOf(b); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
