package rdd

import (
	"cmp"
	"fmt"
)

// Total is an accumulator of numbers: their sum.
type Total[N Number] struct{ sum Accumulator[sum[N]] }

// sum is what a Total has added up.
type sum[N Number] struct{ N N }

// Merge adds.
func (a sum[N]) Merge(b sum[N]) sum[N] { return sum[N]{a.N + b.N} }

// String is the number.
func (a sum[N]) String() string { return fmt.Sprint(a.N) }

// NewTotal makes a total of a session, at 0.
func NewTotal[N Number](g *Graph, name string) Total[N] {
	return Total[N]{NewAccumulator[sum[N]](g, name)}
}

// Name is the accumulator's name.
func (t Total[N]) Name() string { return t.sum.name }

// Add adds x: in a task to the task's own sum, at the driver to the session's.
func (t Total[N]) Add(x N) {
	if own := t.sum.own; own != nil {
		own.N += x
		return
	}
	t.sum.Add(sum[N]{x})
}

// Value is the sum of what has been added: by all tasks of the actions that have
// ended that succeeded, and by the driver.
func (t Total[N]) Value() N { return t.sum.Value().N }

// MarshalBinary encodes which accumulator it is, and nothing of its value.
func (t Total[N]) MarshalBinary() ([]byte, error) { return t.sum.MarshalBinary() }

// UnmarshalBinary is the reverse of MarshalBinary.
func (t *Total[N]) UnmarshalBinary(b []byte) error { return t.sum.UnmarshalBinary(b) }

func (t *Total[N]) accumulator() bound { return &t.sum }

// Extremes is an accumulator of the least and the greatest of values.
type Extremes[T cmp.Ordered] struct{ ends Accumulator[ends[T]] }

// ends are what Extremes have seen.
type ends[T cmp.Ordered] struct {
	Any      bool
	Min, Max T
}

// Merge gives the ends of both.
func (a ends[T]) Merge(b ends[T]) ends[T] {
	switch {
	case !a.Any:
		return b
	case !b.Any:
		return a
	}
	return ends[T]{true, min(a.Min, b.Min), max(a.Max, b.Max)}
}

// String is both ends.
func (a ends[T]) String() string {
	if !a.Any {
		return "none"
	}
	return fmt.Sprintf("%v to %v", a.Min, a.Max)
}

// NewExtremes makes extremes of a session, of nothing.
func NewExtremes[T cmp.Ordered](g *Graph, name string) Extremes[T] {
	return Extremes[T]{NewAccumulator[ends[T]](g, name)}
}

// Name is the accumulator's name.
func (e Extremes[T]) Name() string { return e.ends.name }

// Add takes x in: in a task among what the task has seen, at the driver among what
// the session has.
func (e Extremes[T]) Add(x T) { e.ends.Add(ends[T]{true, x, x}) }

// Min is the least value; ok says that there was any. Of floating-point numbers NaN
// is the least and the greatest.
func (e Extremes[T]) Min() (x T, ok bool) {
	v := e.ends.Value()
	return v.Min, v.Any
}

// Max is the greatest value; ok says that there was any.
func (e Extremes[T]) Max() (x T, ok bool) {
	v := e.ends.Value()
	return v.Max, v.Any
}

// MarshalBinary encodes which accumulator it is, and nothing of its value.
func (e Extremes[T]) MarshalBinary() ([]byte, error) { return e.ends.MarshalBinary() }

// UnmarshalBinary is the reverse of MarshalBinary.
func (e *Extremes[T]) UnmarshalBinary(b []byte) error { return e.ends.UnmarshalBinary(b) }

func (e *Extremes[T]) accumulator() bound { return &e.ends }
