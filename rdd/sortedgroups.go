package rdd

import (
	"cmp"
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// FlatMapSortedGroupsOp gives every value of the sequence that f makes of a key and
// its values, in the order of what by gives for each.
func FlatMapSortedGroupsOp[S cmp.Ordered, K comparable, V, R any](by func(V) S, f func(K, iter.Seq[V]) iter.Seq[R]) *Op {
	read := &SourcePart{out: (*Rows[R])(nil), open: func(t *Task, in *Input) (Run, error) {
		typ, err := codec.TypeOf[Pair[K, V]]()
		if err != nil {
			return nil, err
		}
		keys, err := codec.KeyTypeOf[S]()
		if err != nil {
			return nil, err
		}
		rows := mapped(stream(t, in, 0, typ), func(p *Pair[K, V]) Pair[K, Pair[S, V]] {
			return Pair[K, Pair[S, V]]{Key: p.Key, Value: Pair[S, V]{Key: by(p.Value), Value: p.Value}}
		})
		// The value of such a pair begins with what it is sorted by.
		groups := shuffle.SortedGroups[K, Pair[S, V]](t, t.readConfig(in), func(a, b unsafe.Pointer) int { return keys.Compare(a, b) }, rows)
		return func(feed Feed) error {
			out := emitter[R](feed)
			more := true
			err := groups(func(k K, values iter.Seq[Pair[S, V]]) bool {
				lent, over := lend(t, seconds(values))
				defer over()
				for r := range f(k, lent) {
					if more = out.Push(r) || out.Flush(); !more {
						break
					}
				}
				return more
			})
			if err == nil && more {
				out.Flush()
			}
			return err
		}, nil
	}}
	return of((*S)(nil), many("FlatMapSortedGroups", f, map[string]Part{"map": pairWriter[K, V](), "reduce": read}).Needs(by))
}

// seconds gives the values of pairs.
func seconds[K, V any](pairs iter.Seq[Pair[K, V]]) iter.Seq[V] {
	return func(yield func(V) bool) {
		for p := range pairs {
			if !yield(p.Value) {
				return
			}
		}
	}
}
