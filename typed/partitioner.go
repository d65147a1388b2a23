package typed

import (
	"cmp"
	"fmt"
	"reflect"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
)

// PartitionerOption is what PartitionFunc gives: it fits every operator that places
// pairs by their keys.
type PartitionerOption struct{ by *rdd.Partitioning }

func (p PartitionerOption) shuffle(o *wideOptions)    { o.by = p.by }
func (p PartitionerOption) join(o *wideOptions)       { o.by = p.by }
func (p PartitionerOption) placedSort(o *wideOptions) { o.by = p.by }

// PartitionFunc places the pairs of each key in the partition that f gives for it, a
// number from 0 to n−1, instead of by the key's hash:
//
//	byYear := typed.PartitionFunc(10, func(d Date) int { return d.Year % 10 })
//	sales.ReduceByKey(add, byYear).Join(budgets.PartitionBy(byYear), f)
//
// f gives the same number for a key each time; another number fails the action.
// What was placed by one function is placed alike: joins and combinations of it
// need no shuffle, and without an option go on with its partitions. Partitions beside
// it is refused, unless it names the same number.
func PartitionFunc[K comparable](n int, f func(K) int) PartitionerOption {
	return PartitionerOption{rdd.NewPartitioning(n, f, call())}
}

// placed is how a shuffle places rows by their keys: by a function where there is one.
func (o wideOptions) placed(sinks ...string) rdd.Wide {
	w := rdd.Wide{Kind: plan.HashPartitioner, N: o.partitions, Sinks: sinks, Post: true, Keep: true, Class: plan.Unordered}
	if o.by != nil {
		w.Kind, w.N, w.By = plan.FuncPartitioner, cmp.Or(o.partitions, o.by.N), o.by
	}
	return w
}

// keys notes that a partitioner is for keys of another type.
func (u *use) keys(op *rdd.Op, by *rdd.Partitioning) {
	if by != nil && by.Key != u.t.key && u.t.err == nil && u.c.Err == nil {
		u.c.Err = fmt.Errorf("%s (%s): the keys are of type %s, and the partition function takes %s", op.Name, u.c.Site, keyName(u.t.key), by.Key)
	}
}

func keyName(t reflect.Type) string {
	if t == nil {
		return "none"
	}
	return t.String()
}
