package rdd

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Pair is one row of a PairRDD.
type Pair[K, V any] = codec.Pair[K, V]

// Op is an operator as stage code: what generated code registers, and what the
// typed API makes of a closure when nothing is registered. Most operators have
// one part; one that shuffles has a part for each side of the shuffle.
type Op struct {
	Name  string       // as the user calls it
	Func  reflect.Type // the type of the user's function; nil when it takes none
	Parts map[string]Part
	env   *envOp
	// shows is a type that the operator depends on and Func does not show: it
	// tells the instances of a generic helper apart.
	shows reflect.Type
	// builtin is the ID of an operator that depends on no type of the user's:
	// it is in every binary, generated or not.
	builtin plan.OpID
	// lacks says which function of the operator is nil; a call of it is an error.
	lacks string
	// inexact says that it combines floating-point values, whose sums depend on how they are grouped.
	inexact bool
}

// Part is what an operator does at one place of a pipe: *Narrow, *Across,
// *SourcePart, *SinkPart or *PlacePart.
type Part interface{ isPart() }

// Kernel runs one or several operators over a batch. env holds the With value
// of each of these operators, nil where it has none; in is a *Rows of the first
// operator's input, out is a *Rows of the last one's output, or what the sink
// that the kernel ends in gives as its target (a *Combiner, an *Acc).
type Kernel func(t *Task, env []any, in, out any)

// Narrow is an operator that takes rows one by one.
type Narrow struct {
	Kernel Kernel
	out    batch // stands for the type of the rows that the kernel makes
}

// Across is an operator that sees a whole partition at once.
type Across struct {
	run func(t *Task, at place, in Run, next Feed) error
	// barrier says that all tasks of its stage run at once.
	barrier bool
	// ranged says that it makes use of how a sort has placed the rows.
	ranged bool
	// numbered says that it makes use of which partition it is given.
	numbered bool
}

// place is which partition of its RDD a task computes. An operator that is not
// numbered may be told its number within one side of a union.
type place struct {
	partition, of int
	placed        *plan.Partitioner // how a sort has placed the rows, where that is known
}

// SourcePart makes the rows of a pipe.
type SourcePart struct {
	open func(t *Task, in *Input) (Run, error)
	out  batch // stands for the type of the rows, where a cut or a cache may keep them
}

// SinkPart takes the rows of a pipe.
type SinkPart struct {
	open func(t *Task, spec *plan.Sink) (sink, error)
	// effects says that it is there for what it does to the world.
	effects bool
}

// PlacePart says in which partition the pairs of a key are.
type PlacePart struct {
	place func(key unsafe.Pointer) int
	key   func(key unsafe.Pointer) any
}

func (*PlacePart) isPart()  {}
func (*Narrow) isPart()     {}
func (*Across) isPart()     {}
func (*SourcePart) isPart() {}
func (*SinkPart) isPart()   {}

// Run pushes every batch of a source into feed, until it wants no more.
type Run func(feed Feed) error

// sink is the end of a pipe.
type sink interface {
	// feed takes a *Rows.
	feed(batch any) bool
	// target is what kernels that end in this sink push into; nil when there
	// are none. flush is called after each of their batches.
	target() any
	flush() bool
	// finish writes what is left and fills in the result.
	finish(res *plan.Result) error
	// abort gives up; finish or abort is called, once.
	abort()
}

// envOp makes an operator of a With value.
type envOp struct {
	decode func(b []byte) (any, error)
	encode func(v any) ([]byte, error)
	bind   func(v any) *Op
	// own gives the value with accumulators of a task's own; nil: it has none.
	own func(t *Task, v any) any
}

// bound gives the operator for a With value; an operator that takes none is
// returned as it is.
func (o *Op) bound(env any) *Op {
	if o.env == nil {
		return o
	}
	return o.env.bind(env)
}

// WithOp is an operator whose function takes a With value in front. f is the
// user's function, for its type alone; make gives the operator for one value.
func WithOp[E any](f any, make func(env E) *Op) *Op {
	return valuedFor(f, make)
}

// valued is an operator of a value that travels with it, without a function:
// what the call says beside the rows.
func valued[E any](make func(v E) *Op) *Op {
	var zero E
	shape := make(zero)
	env := &envOp{
		decode: func(b []byte) (any, error) { return codec.Unmarshal[E](b) },
		encode: func(v any) ([]byte, error) { return codec.Marshal(v.(E)) },
		bind:   func(v any) *Op { return make(v.(E)) },
		own:    own[E](),
	}
	if shape.env != nil {
		env = env.around(shape.env)
	}
	return &Op{Name: shape.Name, shows: shape.shows, Parts: shape.Parts, env: env, inexact: shape.inexact}
}

// Layers are the encoded With value of an operator that is told something beside
// its rows too, and what that is, encoded.
type Layers = Pair[[]byte, []byte]

// layers are Layers as decoded.
type layers struct{ outer, inner any }

// around makes the operator of a value of one that takes a further value.
func (e *envOp) around(inner *envOp) *envOp {
	both := &envOp{
		decode: func(b []byte) (any, error) {
			both, err := codec.Unmarshal[Layers](b)
			if err != nil {
				return nil, err
			}
			var l layers
			if l.outer, err = e.decode(both.Key); err != nil {
				return nil, err
			}
			l.inner, err = inner.decode(both.Value)
			return l, err
		},
		encode: func(v any) ([]byte, error) {
			l := v.(layers)
			outer, err := e.encode(l.outer)
			if err != nil {
				return nil, err
			}
			b, err := inner.encode(l.inner)
			if err != nil {
				return nil, err
			}
			return codec.Marshal(Layers{Key: outer, Value: b})
		},
		bind: func(v any) *Op {
			l := v.(layers)
			return e.bind(l.outer).bound(l.inner)
		},
	}
	if e.own != nil || inner.own != nil {
		both.own = func(t *Task, v any) any {
			l := v.(layers)
			return layers{e.owned(t, l.outer), inner.owned(t, l.inner)}
		}
	}
	return both
}

// owned is the value for one task.
func (e *envOp) owned(t *Task, v any) any {
	if e.own == nil {
		return v
	}
	return e.own(t, v)
}

// valuedFor is valued for an operator that takes a function besides.
func valuedFor[E any](f any, make func(v E) *Op) *Op {
	op := valued(make)
	op.Func = reflect.TypeOf(f)
	op.given(f)
	return op
}

// one is an operator with a single part.
//
//go:noinline
func one(name string, f any, p Part) *Op {
	return many(name, f, map[string]Part{"": p})
}

// many is an operator with several parts.
//
//go:noinline
func many(name string, f any, parts map[string]Part) *Op {
	op := &Op{Name: name, Parts: parts}
	if f != nil {
		op.Func = reflect.TypeOf(f)
		op.given(f)
	}
	return op
}

func (o *Op) given(f any) {
	if reflect.ValueOf(f).IsNil() {
		o.lacks = "the function is nil"
	}
}

// Needs names further functions of the operator, beside the one that it is
// known by.
func (o *Op) Needs(functions ...any) *Op {
	for _, f := range functions {
		if reflect.ValueOf(f).IsNil() {
			o.lacks = "one of the functions is nil"
		}
	}
	return o
}

// misuse is why a call of the operator cannot work, if it cannot.
func (o *Op) misuse(c Call) error {
	if c.Err != nil || o.lacks == "" {
		return c.Err
	}
	return fmt.Errorf("%s (%s): %s", o.Name, c.Site, o.lacks)
}

// of notes a type that the operator depends on and its function does not show,
// by a nil pointer to it.
//
//go:noinline
func of(pointer any, o *Op) *Op {
	o.shows = reflect.TypeOf(pointer).Elem()
	return o
}

// gives stands for the type of the rows that an operator with a shuffle gives, or one
// that keeps rows; nil where that is not known.
func (o *Op) gives() batch {
	if p, ok := o.Parts[""].(*Narrow); ok {
		return p.out
	}
	for _, name := range []string{"reduce", ""} {
		if p, ok := o.Parts[name].(*SourcePart); ok {
			return p.out
		}
	}
	return nil
}

// part finds a part of type P, which a decoded plan may name wrongly.
func part[P Part](o *Op, ref plan.Op) (P, error) {
	p, ok := o.Parts[ref.Part].(P)
	if !ok {
		return p, fmt.Errorf("%s (%s) has no part %q of the kind the plan asks for: driver and executor are of different builds", ref.Name, ref.Site, ref.Part)
	}
	return p, nil
}
