package typed

import (
	"cmp"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
)

// RDDWith is an RDD with a value that travels to its functions: its operators
// take functions with that value in front.
type RDDWith[E, T any] struct {
	r   RDD[T]
	env value
}

// PairWith is a PairRDD with a value that travels to its functions: its
// operators take functions with that value in front.
type PairWith[E any, K comparable, V any] struct {
	p   PairRDD[K, V]
	env value
}

// value is an encoded With value.
type value struct {
	b   []byte
	err error
}

func encode[E any](env E) value {
	b, err := codec.Marshal(env)
	return value{b, err}
}

// with is encode for a value of With, in which functions may find accumulators.
func with[E any](s *Session, env E) value {
	if s != nil {
		if err := s.graph.CheckAccumulators(reflect.TypeFor[E](), unsafe.Pointer(&env)); err != nil {
			return value{err: err}
		}
	}
	return encode(env)
}

// and gives the value together with a further one, for an operator that takes both.
func (v value) and(w value) value {
	if v.err != nil || w.err != nil {
		return value{err: cmp.Or(v.err, w.err)}
	}
	return encode(rdd.Layers{Key: v.b, Value: w.b})
}

// at gives the call of an operator that takes the value. Each operator holds
// the value's bytes for itself.
func (v value) at(s *Session, c rdd.Call) rdd.Call {
	if v.err != nil {
		c.Err = cmp.Or(c.Err, fmt.Errorf("With (%s): %w", c.Site, v.err))
		return c
	}
	if s == nil { // the zero value of an RDD; its node says so
		return c
	}
	c.Env = s.engine.PutBlob(v.b)
	return c
}

// use is newUse of an operator that takes the value.
//
//go:noinline
func (v value) use(s *Session, n *rdd.Node, t rowType) *use {
	return &use{s, n, v.at(s, rdd.CallSite(1)), t}
}

// With gives the operators that follow a value: a broadcast variable. It is
// encoded now, so that later changes are not seen, and reaches every worker
// once. Functions must not change it.
func (r RDD[T]) With[E any](env E) RDDWith[E, T] { return RDDWith[E, T]{r, with(r.s, env)} }

// With gives the operators that follow a value: a broadcast variable. It is
// encoded now, so that later changes are not seen, and reaches every worker
// once. Functions must not change it.
func (p PairRDD[K, V]) With[E any](env E) PairWith[E, K, V] {
	return PairWith[E, K, V]{p, with(p.s, env)}
}
