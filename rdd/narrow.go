package rdd

import (
	"cmp"
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
