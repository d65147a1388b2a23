package typed

import (
	"fmt"
	"reflect"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// use is a call of an operator or an action on an RDD, without the types of
// its rows. What operators and actions do is done here, once for all types: of
// a method of an RDD there is a copy for every type in a program.
type use struct {
	s *Session
	n *rdd.Node
	c rdd.Call
	t rowType
}

// rowType is the type of the rows that cross from task to task, or to the
// driver, and what is wrong with it.
type rowType struct {
	typ *codec.Type
	key reflect.Type // of pairs that are placed by it
	err error
}

func typeOf[T any]() rowType {
	typ, err := codec.TypeOf[T]()
	return rowType{typ: typ, err: err}
}

// keyed is typeOf for pairs that are placed by their key.
func keyed[K comparable, V any]() rowType {
	t := typeOf[Pair[K, V]]()
	t.key = reflect.TypeFor[K]()
	if _, err := codec.KeyTypeOf[K](); err != nil {
		t.err = fmt.Errorf("key: %w", err)
	}
	return t
}

// or is the first type that cannot travel.
func (t rowType) or(other rowType) rowType {
	if t.err != nil {
		return t
	}
	return other
}

// newUse makes a use by the exported function that calls it.
//
//go:noinline
func newUse(s *Session, n *rdd.Node, t rowType) *use { return &use{s, n, rdd.CallSite(1), t} }

// call is where the exported function that calls it was called.
func call() rdd.Call { return rdd.CallSite(1) }

// as is the call as one of an operator, whose name is in what it says of rows
// that cannot travel.
func (u *use) as(op *rdd.Op) rdd.Call {
	c := u.c
	if u.t.err != nil && c.Err == nil {
		c.Err = fmt.Errorf("%s (%s): %w", op.Name, c.Site, u.t.err)
	}
	return c
}

// carry makes a value travel with the operator: what the call says beside rows.
func (u *use) carry(v value) { u.c = v.at(u.s, u.c) }

func (u *use) wide(op *rdd.Op, w rdd.Wide, others ...*rdd.Node) *rdd.Node {
	u.keys(op, w.By)
	return u.n.Wide(op, u.as(op), w, others...)
}

// distinct is wide for operators whose rows have another key than the shuffle.
func (u *use) distinct(op *rdd.Op, opts []ShuffleOption) *rdd.Node {
	w := combined(opts)
	w.Keep = false
	return u.wide(op, w)
}

// sets is wide for operators over the rows of two sides.
func (u *use) sets(op *rdd.Op, o *rdd.Node, opts []ShuffleOption) *rdd.Node {
	w := combined(opts)
	w.Sinks, w.Pre, w.Keep = []string{"left", "right"}, "key", false
	return u.wide(op, w, o)
}

func (u *use) sort(op *rdd.Op, opts []SortOption, pre string) *rdd.Node {
	w := sorted(opts)
	w.Pre = pre
	return u.wide(op, w)
}

// sortByKey is sort for the order of keys, by which the pairs are placed then.
func (u *use) sortByKey(op *rdd.Op, opts []SortOption) *rdd.Node {
	w := sorted(opts)
	w.Keep = true
	return u.wide(op, w)
}

// sorted is how sorts read their parent.
func sorted(opts []SortOption) rdd.Wide {
	o := sortOptions(opts)
	return rdd.Wide{Kind: plan.RangePartitioner, N: o.partitions, Descending: o.descending, Sinks: []string{"map"}, Sampled: true}
}

func (u *use) repartition(op *rdd.Op, parts int) *rdd.Node {
	if parts < 1 && u.c.Err == nil {
		u.c.Err = fmt.Errorf("Repartition (%s): %d partitions: give a number from 1 to %d", u.c.Site, parts, plan.MaxPartitions)
	}
	return u.wide(op, rdd.Wide{
		Kind: plan.RoundRobinPartitioner, N: parts, Sinks: []string{"map"}, Class: plan.Unordered,
	})
}
