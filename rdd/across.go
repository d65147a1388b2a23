package rdd

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// MapPartitionsOp hands f the rows of a whole partition, which it may range
// over once.
func MapPartitionsOp[T, U any](f func(*Task, iter.Seq[T]) iter.Seq[U]) *Op {
	return one("MapPartitions", f, across(func(t *Task, _ place, rows iter.Seq[T]) iter.Seq[U] { return f(t, rows) }))
}

// MapPartitionsWithIndexOp is MapPartitionsOp whose function sees the number of
// the partition.
func MapPartitionsWithIndexOp[T, U any](f func(int, iter.Seq[T]) iter.Seq[U]) *Op {
	return one("MapPartitionsWithIndex", f, acrossNumbered(func(_ *Task, at place, rows iter.Seq[T]) iter.Seq[U] {
		return f(at.partition, rows)
	}))
}

// PairMapPartitionsWithIndexOp is PairMapPartitionsOp whose function sees the
// number of the partition.
func PairMapPartitionsWithIndexOp[K, V, U any](f func(int, iter.Seq2[K, V]) iter.Seq[U]) *Op {
	return MapPartitionsWithIndexOp(func(i int, pairs iter.Seq[Pair[K, V]]) iter.Seq[U] {
		return f(i, unpair(pairs))
	}).As("MapPartitionsWithIndex", f)
}

// across makes rows of those of a whole partition.
func across[T, U any](f func(*Task, place, iter.Seq[T]) iter.Seq[U]) *Across {
	return &Across{run: func(t *Task, at place, in Run, next Feed) error {
		p := &partition{t: t, in: in}
		return through(next, f(t, at, rowsOf[T](p)), p)
	}}
}

// acrossNumbered is across for an operator that makes use of which partition it is
// given.
func acrossNumbered[T, U any](f func(*Task, place, iter.Seq[T]) iter.Seq[U]) *Across {
	p := across(f)
	p.numbered = true
	return p
}

// through feeds the rows that are made of those of partitions.
func through[U any](feed Feed, made iter.Seq[U], of ...*partition) error {
	out := emitter[U](feed)
	for _, p := range of {
		// What is made of a batch goes on before the next one is read: a row in a
		// thousand, kept until there is a batch of them, would keep the text of
		// them all.
		p.after = out.Flush
	}
	more := true
	for u := range made {
		if more = out.Push(u) || out.Flush(); !more {
			break
		}
	}
	for _, p := range of {
		if p.err != nil {
			return p.err
		}
	}
	if more {
		out.Flush()
	}
	return nil
}

// partition is the rows of a whole partition on their way to a function that
// ranges over them.
type partition struct {
	t     *Task
	in    Run
	after func() bool // runs after each batch, and says whether to go on
	used  bool
	err   error // what ended the rows early
}

// each hands on the batches. The second time there are none: the rows are
// gone, as they are in an iterator of Spark's.
func (p *partition) each(feed Feed) {
	if p.used {
		return
	}
	p.used = true
	p.err = p.in(func(b any) bool { return feed(b) && (p.after == nil || p.after()) && !p.t.stopped() })
	if p.err == nil && p.t.stopped() {
		p.err = context.Cause(p.t)
	}
	if p.err != nil {
		// To the function the rows would seem to be over: what it does with a part
		// of them, such as a commit, must not happen.
		p.t.leave(p.err)
	}
}

//go:noinline
func rowsOf[T any](p *partition) iter.Seq[T] {
	return func(yield func(T) bool) {
		p.each(func(b any) bool {
			rows := b.(*Rows[T])
			for i, row := range rows.Rows {
				rows.Row = i
				if !yield(row) {
					return false
				}
			}
			return true
		})
	}
}

// GlomOp makes one row of each partition: all its rows.
func GlomOp[T any]() *Op {
	return of((*T)(nil), one("Glom", nil, across(func(_ *Task, _ place, rows iter.Seq[T]) iter.Seq[[]T] {
		return func(yield func([]T) bool) { yield(slices.Collect(rows)) }
	})))
}

// ZipWithIndexOp pairs each row with its number, from 0 on; what travels with it
// are the numbers of the first row of each partition. Its part "count" counts the
// rows of each.
func ZipWithIndexOp[T any]() *Op {
	return valued(func(starts []int64) *Op {
		return of((*T)(nil), many("ZipWithIndex", nil, map[string]Part{
			"count": countPart,
			"": acrossNumbered(func(t *Task, at place, rows iter.Seq[T]) iter.Seq[Pair[int64, T]] {
				t.sameCount(at, len(starts))
				return numbered(rows, starts[at.partition], 1)
			}),
		}))
	})
}

// ZipWithUniqueIDOp pairs each row with a number that no other row has: those of
// partition k of n get k, k+n, k+2n and so on.
func ZipWithUniqueIDOp[T any]() *Op {
	return of((*T)(nil), one("ZipWithUniqueID", nil, acrossNumbered(func(_ *Task, at place, rows iter.Seq[T]) iter.Seq[Pair[int64, T]] {
		return numbered(rows, int64(at.partition), int64(at.of))
	})))
}

// sameCount fails a task whose RDD has not so many partitions as it had when they
// were counted.
func (t *Task) sameCount(at place, n int) {
	if at.of != n {
		t.leave(fmt.Errorf("there are %d partitions, and there were %d when their rows were counted: give the operator before it a number of partitions", at.of, n))
	}
}

// numbered pairs rows with numbers.
func numbered[T any](rows iter.Seq[T], from, step int64) iter.Seq[Pair[int64, T]] {
	return func(yield func(Pair[int64, T]) bool) {
		for row := range rows {
			if !yield(Pair[int64, T]{Key: from, Value: row}) {
				return
			}
			from += step
		}
	}
}
