package rdd

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/rdd/codec"
)

// Window says what windows over rows need beside these: how many rows are in one,
// and, for each partition, the rows that follow it, as a result encodes them.
type Window struct {
	Size  int
	Tails [][]byte
}

// SlidingOp gives each run of so many rows one after the other; its Window travels
// with it. Its part "heads" brings the first rows of each partition to the driver.
func SlidingOp[T any]() *Op {
	return valued(func(w Window) *Op {
		return of((*T)(nil), many("Sliding", nil, map[string]Part{
			"heads": collectPart((*Rows[T])(nil)),
			"": acrossNumbered(func(t *Task, at place, rows iter.Seq[T]) iter.Seq[[]T] {
				t.sameCount(at, len(w.Tails))
				return windows(rows, tail[T](t, w.Tails[at.partition], w.Size-1), w.Size)
			}),
		}))
	})
}

// tail decodes the first rows of a result, n at most.
func tail[T any](t *Task, encoded []byte, n int) []T {
	typ, err := codec.TypeOf[T]()
	if err != nil {
		t.leave(err)
	}
	rows := typ.NewBuffer(0)
	err = DecodeRows(bytes.NewReader(encoded), typ, func(batch codec.Rows) bool {
		rows.Append(batch)
		return rows.Len() < n
	})
	if err != nil {
		t.leave(fmt.Errorf("decode the rows of the partitions that follow: %w", err))
	}
	return codec.Slice[T](rows.Rows())[:min(n, rows.Len())]
}

// windows gives the runs of size rows that begin with one of rows, after which
// come those of tail, which are fewer than size.
func windows[T any](rows iter.Seq[T], tail []T, size int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		var last []T
		add := func(row T) bool {
			if len(last) == size {
				last = append(last[:0], last[1:]...)
			}
			last = append(last, row)
			return len(last) < size || yield(slices.Clone(last))
		}
		for row := range rows {
			if !add(row) {
				return
			}
		}
		for _, row := range tail {
			if !add(row) {
				return
			}
		}
	}
}
