package rdd

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Partitioning places pairs by a function of their keys.
type Partitioning struct {
	N   int
	Key reflect.Type

	op   *Op
	call Call
	fn   unsafe.Pointer // the function value, by which two are told apart
	err  error
}

// NewPartitioning makes a partitioner of n partitions.
//
//go:noinline
func NewPartitioning[K comparable](n int, f func(K) int, c Call) *Partitioning {
	p := &Partitioning{N: n, Key: reflect.TypeFor[K](), op: PartitionFuncOp(f), call: c, fn: *(*unsafe.Pointer)(unsafe.Pointer(&f))}
	p.err = p.op.misuse(c)
	if n < 1 || n > plan.MaxPartitions {
		p.err = errors.Join(p.err, fmt.Errorf("PartitionFunc (%s): %d partitions: give a number from 1 to %d", c.Site, n, plan.MaxPartitions))
	}
	return p
}

// same says whether both place every key alike: they have one function. That of a
// literal which captures nothing is one value wherever the program makes it.
func (p *Partitioning) same(q *Partitioning) bool { return p.fn == q.fn }

// PartitionFuncOp has the function by which others place their rows.
func PartitionFuncOp[K comparable](f func(K) int) *Op {
	return one("PartitionFunc", f, &PlacePart{
		place: func(key unsafe.Pointer) int { return f(*(*K)(key)) },
		key:   func(key unsafe.Pointer) any { return *(*K)(key) },
	})
}

// keyPlace gives the function that places keys, nil where it is their hash.
func (t *Task) keyPlace(spec *plan.Sink) (func(key unsafe.Pointer) uint32, error) {
	by, n := spec.Part.By, spec.Part.N
	if by == nil {
		return nil, nil
	}
	op, env, err := t.runner.resolve(*by)
	if err != nil {
		return nil, err
	}
	p, err := part[*PlacePart](op.bound(env), *by)
	if err != nil {
		return nil, err
	}
	at := &link{ops: []plan.Op{*by}}
	return func(key unsafe.Pointer) uint32 {
		saved := t.at
		t.at = at // what fails now is the function
		i := p.place(key)
		if i < 0 || i >= n {
			t.leave(fmt.Errorf("%s places the key %v in partition %d: give a number from 0 to %d", opName(*by), p.key(key), i, n-1))
		}
		t.at = saved
		return uint32(i)
	}, nil
}

// keyPlacer places rows of type row, which begin with their keys.
func (t *Task) keyPlacer(spec *plan.Sink, keys *codec.KeyType, row *codec.Type) (shuffle.Placer, error) {
	place, err := t.keyPlace(spec)
	switch {
	case err != nil:
		return nil, err
	case place != nil:
		return shuffle.By(row, place), nil
	}
	return shuffle.HashKeys(keys, row, t.plan.Seed, spec.Part.N), nil
}
