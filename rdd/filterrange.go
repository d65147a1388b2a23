package rdd

import (
	"bytes"
	"cmp"
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Span is the keys from one to another, both of them among it.
type Span[K any] struct{ From, To K }

// FilterByRangeOp keeps the pairs whose key is in a Span, which travels with it. Of
// sorted pairs it reads the partitions alone that can have such.
func FilterByRangeOp[K cmp.Ordered, V any]() *Op {
	return valued(func(s Span[K]) *Op {
		p := across(func(_ *Task, _ place, rows iter.Seq[Pair[K, V]]) iter.Seq[Pair[K, V]] {
			return func(yield func(Pair[K, V]) bool) {
				for row := range rows {
					if cmp.Compare(row.Key, s.From) >= 0 && cmp.Compare(row.Key, s.To) <= 0 && !yield(row) {
						return
					}
				}
			}
		})
		run := p.run
		p.ranged = true
		p.run = func(t *Task, at place, in Run, next Feed) error {
			reaches, err := t.reaches(at, byKey[K, V], unsafe.Pointer(&s.From), unsafe.Pointer(&s.To))
			if err != nil || !reaches {
				return err
			}
			return run(t, at, in, next)
		}
		return of((*Pair[K, V])(nil), one("FilterByRange", nil, p))
	})
}

// sorted is how a sort has placed the rows that a node reads whose operator makes use of it.
func (b *builder) sorted(n *Node) *plan.Partitioner {
	across, ok := n.op.Parts[n.part].(*Across)
	if !ok || !across.ranged {
		return nil
	}
	at := b.lying[n.parents()[0]]
	if at == nil || at.kind != plan.RangePartitioner {
		return nil
	}
	by := at.by
	return &plan.Partitioner{Kind: plan.RangePartitioner, Bounds: by.boundsKey(), Descending: by.wide.Descending}
}

// reaches says whether a partition of sorted rows can have any between two bounds.
func (t *Task) reaches(at place, order ordering, from, to unsafe.Pointer) (bool, error) {
	if at.placed == nil {
		return true, nil
	}
	o, err := order(at.placed.Descending)
	if err != nil {
		return false, err
	}
	encoded, err := t.bounds(at.placed.Bounds)
	switch {
	case err != nil && t.spec.Held: // it began with its block alone: all of that is read
		return true, nil
	case err != nil:
		return false, err
	}
	bounds := o.bound.NewBuffer(0)
	if err := DecodeRows(bytes.NewReader(encoded), o.bound, func(rows codec.Rows) bool {
		bounds.Append(rows)
		return true
	}); err != nil {
		return false, err
	}
	if at.placed.Descending {
		from, to = to, from
	}
	rows := bounds.Rows()
	if i := at.partition; i > rows.Len || i > 0 && o.cmp(o.bound.At(rows, i-1), to) >= 0 {
		return false, nil // above bound i−1 all is beyond the range
	}
	return at.partition == rows.Len || o.cmp(o.bound.At(rows, at.partition), from) >= 0, nil
}
