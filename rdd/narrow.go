package rdd

import (
	"cmp"
	"context"
	"iter"
)

// narrow makes an operator of a kernel that fills rows of the type that out
// stands for.
//
//go:noinline
func narrow(name string, f any, out batch, kernel Kernel) *Op {
	return one(name, f, &Narrow{Kernel: kernel, out: out})
}

// As changes the function type by which an operator is found: generated code
// and the typed API wrap the user's function to fit a row of another shape.
func (o *Op) As(name string, f any) *Op {
	named := many(name, f, o.Parts)
	named.env = o.env
	named.lacks = cmp.Or(named.lacks, o.lacks)
	return named
}

// MapOp applies f to each row.
func MapOp[T, U any](f func(T) U) *Op {
	return narrow("Map", f, (*Rows[U])(nil), func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[U])
		for i, row := range in.Rows {
			in.Row = i
			if !out.Push(f(row)) && !out.Flush() {
				return
			}
		}
	})
}

// TryMapOp applies f to each row; rows for which it gives an error are
// rejected.
func TryMapOp[T, U any](f func(T) (U, error)) *Op {
	return narrow("TryMap", f, (*Rows[U])(nil), func(t *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[U])
		for i, row := range in.Rows {
			in.Row = i
			u, err := f(row)
			if err != nil {
				t.Reject(row, err)
				continue
			}
			if !out.Push(u) && !out.Flush() {
				return
			}
		}
	})
}

// FilterOp keeps the rows for which f says true.
func FilterOp[T any](f func(T) bool) *Op {
	return narrow("Filter", f, (*Rows[T])(nil), func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[T])
		for i, row := range in.Rows {
			in.Row = i
			if !f(row) {
				continue
			}
			if !out.Push(row) && !out.Flush() {
				return
			}
		}
	})
}

// FlatMapOp gives every value of the sequence that f makes of a row.
func FlatMapOp[T, U any](f func(T) iter.Seq[U]) *Op {
	return narrow("FlatMap", f, (*Rows[U])(nil), func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[U])
		for i, row := range in.Rows {
			in.Row = i
			for u := range f(row) {
				if !out.Push(u) && !out.Flush() {
					return
				}
			}
		}
	})
}

// TryFlatMapOp is FlatMapOp for a function that may fail.
func TryFlatMapOp[T, U any](f func(T) (iter.Seq[U], error)) *Op {
	return narrow("TryFlatMap", f, (*Rows[U])(nil), func(t *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[U])
		for i, row := range in.Rows {
			in.Row = i
			seq, err := f(row)
			if err != nil {
				t.Reject(row, err)
				continue
			}
			for u := range seq {
				if !out.Push(u) && !out.Flush() {
					return
				}
			}
		}
	})
}

// MapToPairOp makes a pair of each row.
func MapToPairOp[T, K, V any](f func(T) (K, V)) *Op {
	return MapOp(func(row T) Pair[K, V] {
		k, v := f(row)
		return Pair[K, V]{Key: k, Value: v}
	}).As("MapToPair", f)
}

// TryMapToPairOp makes a pair of each row; rows for which f gives an error are
// rejected.
func TryMapToPairOp[T, K, V any](f func(T) (K, V, error)) *Op {
	return TryMapOp(func(row T) (Pair[K, V], error) {
		k, v, err := f(row)
		return Pair[K, V]{Key: k, Value: v}, err
	}).As("TryMapToPair", f)
}

// FlatMapToPairOp gives every pair of the sequence that f makes of a row.
func FlatMapToPairOp[T, K, V any](f func(T) iter.Seq2[K, V]) *Op {
	return narrow("FlatMapToPair", f, (*Rows[Pair[K, V]])(nil), func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[T]), outAny.(*Rows[Pair[K, V]])
		for i, row := range in.Rows {
			in.Row = i
			for k, v := range f(row) {
				if !out.Push(Pair[K, V]{Key: k, Value: v}) && !out.Flush() {
					return
				}
			}
		}
	})
}

// KeyByOp pairs each row with the key that f gives for it.
func KeyByOp[T, K any](f func(T) K) *Op {
	return MapOp(func(row T) Pair[K, T] { return Pair[K, T]{Key: f(row), Value: row} }).As("KeyBy", f)
}

// MapValuesOp applies f to each value and keeps the key.
func MapValuesOp[K, V, W any](f func(V) W) *Op {
	return of((*K)(nil), MapOp(func(p Pair[K, V]) Pair[K, W] { return Pair[K, W]{Key: p.Key, Value: f(p.Value)} }).As("MapValues", f))
}

// MapValuesWithKeyOp makes another value of each key and value, and keeps the
// key.
func MapValuesWithKeyOp[K, V, W any](f func(K, V) W) *Op {
	return MapOp(func(p Pair[K, V]) Pair[K, W] { return Pair[K, W]{Key: p.Key, Value: f(p.Key, p.Value)} }).As("MapValuesWithKey", f)
}

// FlatMapValuesOp pairs the key with every value of the sequence that f makes
// of its value.
func FlatMapValuesOp[K, V, W any](f func(V) iter.Seq[W]) *Op {
	return of((*K)(nil), narrow("FlatMapValues", f, (*Rows[Pair[K, W]])(nil), func(_ *Task, _ []any, inAny, outAny any) {
		in, out := inAny.(*Rows[Pair[K, V]]), outAny.(*Rows[Pair[K, W]])
		for i, row := range in.Rows {
			in.Row = i
			for w := range f(row.Value) {
				if !out.Push(Pair[K, W]{Key: row.Key, Value: w}) && !out.Flush() {
					return
				}
			}
		}
	}))
}

// KeysOp gives the key of each pair.
func KeysOp[K, V any]() *Op {
	return of((*Pair[K, V])(nil), MapOp(func(p Pair[K, V]) K { return p.Key }).As("Keys", nil))
}

// ValuesOp gives the value of each pair.
func ValuesOp[K, V any]() *Op {
	return of((*Pair[K, V])(nil), MapOp(func(p Pair[K, V]) V { return p.Value }).As("Values", nil))
}

// MapPartitionsOp hands f the rows of a whole partition, which it may range
// over once.
func MapPartitionsOp[T, U any](f func(*Task, iter.Seq[T]) iter.Seq[U]) *Op {
	return one("MapPartitions", f, &Across{run: func(t *Task, in Run, next Feed) error {
		out := emitter[U](next)
		// What is made of a batch goes on before the next one is read: a row in a
		// thousand, kept until there is a batch of them, would keep the text of
		// them all.
		p := &partition{t: t, in: in, after: out.Flush}
		more := true
		for u := range f(t, rowsOf[T](p)) {
			if more = out.Push(u) || out.Flush(); !more {
				break
			}
		}
		if p.err == nil && more {
			out.Flush()
		}
		return p.err
	}})
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
