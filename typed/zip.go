package typed

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
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

// Sliding gives each run of size rows one after the other, across the borders of
// partitions: rows a, b and c have the runs of two [a b] and [b c]. To know the
// rows that follow each partition it brings the first size − 1 of each to the
// driver, which runs at once.
func Sliding[T any](ctx context.Context, r RDD[T], size int) (RDD[[]T], error) {
	n, err := newUse(r.s, r.n, typeOf[T]()).sliding(ctx, rdd.SlidingOp[T](), size)
	return RDD[[]T]{r.s, n}, err
}

func (u *use) sliding(ctx context.Context, op *rdd.Op, size int) (*rdd.Node, error) {
	if size < 1 && u.c.Err == nil {
		u.c.Err = fmt.Errorf("%s (%s): windows of %d rows: give a number from 1 on", op.Name, u.c.Site, size)
	}
	heads, err := u.heads(ctx, op, size-1)
	u.carry(encode(rdd.Window{Size: size, Tails: tails(heads, size-1)}))
	return u.n.Narrow(op, u.as(op), false), err
}

// head is the first rows of a partition, as a result encodes them.
type head struct {
	encoded []byte
	rows    int
}

// heads runs the part "heads" of an operator whose value is not known yet: it
// gives the first n rows of each partition.
func (u *use) heads(ctx context.Context, op *rdd.Op, n int) ([]head, error) {
	first := *u
	first.carry(encode(rdd.Window{}))
	defer first.done()
	a := first.action(op)
	a.Part, a.Limit = "heads", max(int64(n), 1)
	values, err := gather(ctx, u.s, u.n, a)
	heads := make([]head, len(values))
	for i, b := range values {
		heads[i].encoded = b
		var broken error
		panicked := rdd.InDriver(a, func() {
			broken = rdd.DecodeRows(bytes.NewReader(b), u.t.typ, func(rows codec.Rows) bool {
				heads[i].rows += rows.Len
				return true
			})
		})
		err = cmp.Or(err, panicked, broken)
	}
	return heads, err
}

// tails gives the rows that follow each partition, n of them where there are so
// many: those of the next one and, where that has fewer, of those behind it.
func tails(heads []head, n int) [][]byte {
	all := make([][]byte, len(heads))
	for i := range heads {
		for j, rows := i+1, 0; j < len(heads) && rows < n; j++ {
			all[i] = append(all[i], heads[j].encoded...)
			rows += heads[j].rows
		}
	}
	return all
}

// aligned is how operators read parents whose partitions stay as they are.
var aligned = rdd.Wide{Aligned: true}

// Zip gives what f makes of the rows of r and o that have the same place. Both
// have as many partitions, and as many rows in each; it fails where they have not.
func (r RDD[T]) Zip[U, R any](o RDD[U], f func(T, U) R) RDD[R] {
	return RDD[R]{r.s, newUse(r.s, r.n, rowType{}).wide(rdd.ZipOp(f), aligned, o.n)}
}

// ZipPartitions hands f the rows of each partition of r and of that of o which has
// the same number, and takes the rows it makes of them. Both have as many
// partitions. Each sequence can be ranged over once; to go through both together
// there is iter.Pull.
func (r RDD[T]) ZipPartitions[U, R any](o RDD[U], f func(*Task, iter.Seq[T], iter.Seq[U]) iter.Seq[R]) RDD[R] {
	return RDD[R]{r.s, newUse(r.s, r.n, rowType{}).wide(rdd.ZipPartitionsOp(f), aligned, o.n)}
}

// Zip is RDD.Zip.
func (w RDDWith[E, T]) Zip[U, R any](o RDD[U], f func(E, T, U) R) RDD[R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op { return rdd.ZipOp(func(x T, y U) R { return f(e, x, y) }) })
	return RDD[R]{w.r.s, w.env.use(w.r.s, w.r.n, rowType{}).wide(op, aligned, o.n)}
}

// ZipPartitions is RDD.ZipPartitions.
func (w RDDWith[E, T]) ZipPartitions[U, R any](o RDD[U], f func(E, *Task, iter.Seq[T], iter.Seq[U]) iter.Seq[R]) RDD[R] {
	op := rdd.WithOp(f, func(e E) *rdd.Op {
		return rdd.ZipPartitionsOp(func(t *Task, left iter.Seq[T], right iter.Seq[U]) iter.Seq[R] { return f(e, t, left, right) })
	})
	return RDD[R]{w.r.s, w.env.use(w.r.s, w.r.n, rowType{}).wide(op, aligned, o.n)}
}
