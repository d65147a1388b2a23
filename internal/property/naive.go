package property

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
)

// The interpreter: what operators mean, over slices.

// pair is the interpreter's row of a PairRDD.
type pair[K, V any] struct {
	Key   K
	Value V
}

// show shows the rows of an action that may have failed.
func show[T any](rows []T, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return text(rows), nil
}

// one shows the single value of an action that may have failed.
func one[T any](v T, err error) ([]string, error) { return show([]T{v}, err) }

func text[T any](rows []T) []string {
	return each(rows, func(x T) string { return fmt.Sprint(x) })
}

func each[T, U any](rows []T, f func(T) U) []U {
	out := make([]U, 0, len(rows))
	for _, x := range rows {
		out = append(out, f(x))
	}
	return out
}

func keep[T any](rows []T, f func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(rows), func(x T) bool { return !f(x) })
}

func flat[T, U any](rows []T, f func(T) iter.Seq[U]) []U {
	var out []U
	for _, x := range rows {
		out = slices.AppendSeq(out, f(x))
	}
	return out
}

// pairs makes the interpreter's pairs.
func pairs(rows []KV) []pair[string, int64] {
	return each(rows, func(p KV) pair[string, int64] { return pair[string, int64](p) })
}

// group is a key as it was first seen, with its values in order.
type group[K, V any] struct {
	Key    K
	Values []V
}

// same gives what keys are equal by: all NaN are one key, so are both zeros.
func same(k any) any {
	switch k := k.(type) {
	case float64:
		if math.IsNaN(k) {
			return "NaN"
		}
		return k + 0
	case Place:
		return [3]any{k.City, same(k.At), k.Side}
	}
	return k
}

// grouped gives the groups in the order of their first rows.
func grouped[K, V any](rows []pair[K, V]) []group[K, V] {
	var out []group[K, V]
	at := map[any]int{}
	for _, p := range rows {
		i, ok := at[same(p.Key)]
		if !ok {
			i = len(out)
			at[same(p.Key)] = i
			out = append(out, group[K, V]{Key: p.Key})
		}
		out[i].Values = append(out[i].Values, p.Value)
	}
	return out
}

// both is a key with the values of two sides.
type both[K, V, W any] struct {
	Key   K
	Left  []V
	Right []W
}

// cogrouped gives all keys of either side. A key that both have is shown as
// the left side has it.
func cogrouped[K, V, W any](left []pair[K, V], right []pair[K, W]) []both[K, V, W] {
	var out []both[K, V, W]
	at := map[any]int{}
	for _, g := range grouped(left) {
		at[same(g.Key)] = len(out)
		out = append(out, both[K, V, W]{Key: g.Key, Left: g.Values})
	}
	for _, g := range grouped(right) {
		if i, ok := at[same(g.Key)]; ok {
			out[i].Right = g.Values
		} else {
			out = append(out, both[K, V, W]{Key: g.Key, Right: g.Values})
		}
	}
	return out
}

// joined gives the pairs of a full outer join, with nil where a side has no
// value; other joins keep those of it that they want.
func joined[K, V, W, R any](left []pair[K, V], right []pair[K, W], f func(*V, *W) (R, bool)) []pair[K, R] {
	var out []pair[K, R]
	for _, g := range cogrouped(left, right) {
		for _, v := range orNil(g.Left) {
			for _, w := range orNil(g.Right) {
				if r, ok := f(v, w); ok {
					out = append(out, pair[K, R]{g.Key, r})
				}
			}
		}
	}
	return out
}

func orNil[T any](values []T) []*T {
	if len(values) == 0 {
		return []*T{nil}
	}
	return each(values, func(v T) *T { return &v })
}

// reduced combines values from left to right.
func reduced[T any](values []T, f func(T, T) T) T {
	acc := values[0]
	for _, v := range values[1:] {
		acc = f(acc, v)
	}
	return acc
}

// sorted sorts rows by a key; equal ones stay in order.
func sorted[T any, K cmp.Ordered](rows []T, key func(T) K, descending bool) []T {
	return sortedFunc(rows, func(a, b T) int {
		if descending {
			return cmp.Compare(key(b), key(a))
		}
		return cmp.Compare(key(a), key(b))
	})
}

func sortedFunc[T any](rows []T, f func(a, b T) int) []T {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, f)
	return out
}

// first gives at most n rows.
func first[T any](rows []T, n int) []T { return rows[:min(n, len(rows))] }

// lines gives rows of key, tab, value.
func lines[K, V any](rows []pair[K, V]) []string {
	return each(rows, func(p pair[K, V]) string { return line(p.Key, p.Value) })
}

func line[K, V any](k K, v V) string { return fmt.Sprintf("%v\t%v", k, v) }

// ptr shows what a pointer points to.
func ptr[T any](p *T) string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprint(*p)
}
