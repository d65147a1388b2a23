package typed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/internal/engine"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// ErrEmpty is the error of First and Reduce when there are no rows.
var ErrEmpty = errors.New("no rows")

// collected gathers the values of partitions in their order.
type collected map[int][]byte

func (c collected) take(partition int, v engine.Value) error {
	b, err := v.Bytes()
	c[partition] = b
	return err
}

// inOrder gives the values by partition.
func (c collected) inOrder() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		keys := make([]int, 0, len(c))
		for k := range c {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if !yield(c[k]) {
				return
			}
		}
	}
}

// gather runs an action and gives the values of all partitions.
func gather(ctx context.Context, s *Session, n *rdd.Node, a rdd.Action, partitions []int) (collected, plan.ActionStatus, error) {
	values := collected{}
	st, err := s.action(ctx, n, a, engine.Action{
		Partitions: partitions, Result: values.take, Reset: func() { clear(values) },
	})
	return values, st, err
}

func rowsOf[T any](values collected) ([]T, error) {
	rows := []T{}
	for b := range values.inOrder() {
		err := rdd.DecodeRows(b, func(batch []T) bool {
			rows = append(rows, batch...)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func collect[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call) ([]T, error) {
	c = rowsTravel[T](c, "Collect")
	values, _, err := gather(ctx, s, n, rdd.Action{Op: rdd.CollectOp[T](), Call: c}, nil)
	if err != nil {
		return nil, err
	}
	return rowsOf[T](values)
}

// all runs an action and gives its rows as the partitions come, in their
// order. A partition that is done before its turn waits, encoded.
func all[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call) iter.Seq2[T, error] {
	c = rowsTravel[T](c, "All")
	return func(yield func(T, error) bool) {
		d := &ordered[T]{yield: yield, waiting: map[int][]byte{}}
		_, err := s.action(ctx, n, rdd.Action{Op: rdd.CollectOp[T]().Named("All"), Call: c}, engine.Action{
			Result: d.take, ResultBytes: -1,
		})
		if err != nil && !d.stopped {
			var zero T
			yield(zero, err)
		}
	}
}

var errStopped = errors.New("the loop over All ended")

type ordered[T any] struct {
	yield   func(T, error) bool
	next    int
	waiting map[int][]byte
	stopped bool
}

func (d *ordered[T]) take(partition int, v engine.Value) error {
	b, err := v.Bytes()
	if err != nil {
		return err
	}
	d.waiting[partition] = b
	for {
		b, ok := d.waiting[d.next]
		if !ok {
			return nil
		}
		delete(d.waiting, d.next)
		d.next++
		err := rdd.DecodeRows(b, func(batch []T) bool {
			for _, row := range batch {
				if !d.yield(row, nil) {
					d.stopped = true
					return false
				}
			}
			return true
		})
		if d.stopped {
			return errStopped
		}
		if err != nil {
			return err
		}
	}
}

// take gives the first n rows. It runs the first partition, and then ever more
// of them until there are enough.
func take[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, name string, count int) ([]T, error) {
	c = rowsTravel[T](c, name)
	if count < 0 {
		return nil, fmt.Errorf("%s (%s): %d rows", name, c.Site, count)
	}
	rows := []T{}
	if count == 0 {
		return rows, errors.Join(n.Err(), c.Err)
	}
	for from, window := 0, 1; ; from, window = from+window, window*4 {
		partitions := make([]int, window)
		for i := range partitions {
			partitions[i] = from + i
		}
		values, st, err := gather(ctx, s, n, rdd.Action{Op: rdd.CollectOp[T]().Named(name), Call: c, Limit: int64(count - len(rows))}, partitions)
		if err != nil {
			return nil, err
		}
		got, err := rowsOf[T](values)
		if err != nil {
			return nil, err
		}
		rows = append(rows, got[:min(len(got), count-len(rows))]...)
		if len(rows) == count || from+window >= st.Partitions {
			return rows, nil
		}
	}
}

func first[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call) (T, error) {
	rows, err := take[T](ctx, s, n, c, "First", 1)
	var zero T
	if err != nil {
		return zero, err
	}
	if len(rows) == 0 {
		return zero, fmt.Errorf("First (%s): %w", c.Site, ErrEmpty)
	}
	return rows[0], nil
}

func takeOrdered[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, op *rdd.Op, count int, cmp func(a, b T) int) ([]T, error) {
	c = rowsTravel[T](c, op.Name)
	if count < 0 {
		return nil, fmt.Errorf("%s (%s): %d rows", op.Name, c.Site, count)
	}
	if count == 0 {
		return []T{}, errors.Join(n.Err(), c.Err)
	}
	values, _, err := gather(ctx, s, n, rdd.Action{Op: op, Call: c, Limit: int64(count)}, nil)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf[T](values)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, cmp)
	return rows[:min(count, len(rows))], nil
}

func count[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call) (int64, error) {
	values, _, err := gather(ctx, s, n, rdd.Action{Op: rdd.CountOp[T](), Call: c}, nil)
	var sum int64
	for b := range values.inOrder() {
		acc, e := rdd.DecodeAcc[int64](b)
		err = errors.Join(err, e)
		sum += acc.Value
	}
	return sum, err
}

// merge runs an action that keeps one value a partition, and combines those in
// the order of the partitions.
func merge[A any](ctx context.Context, s *Session, n *rdd.Node, a rdd.Action, start rdd.Acc[A], f func(A, A) A) (rdd.Acc[A], error) {
	a.Call = rowsTravel[A](a.Call, a.Op.Name)
	values, _, err := gather(ctx, s, n, a, nil)
	if err != nil {
		return start, err
	}
	for b := range values.inOrder() {
		acc, err := rdd.DecodeAcc[A](b)
		switch {
		case err != nil:
			return start, err
		case !acc.Has:
		case start.Has:
			start.Value = f(start.Value, acc.Value)
		default:
			start = acc
		}
	}
	return start, nil
}

func reduce[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, op *rdd.Op, f func(T, T) T) (T, error) {
	acc, err := merge(ctx, s, n, rdd.Action{Op: op, Call: c, Inexact: true}, rdd.Acc[T]{}, f)
	if err == nil && !acc.Has {
		err = fmt.Errorf("Reduce (%s): %w", c.Site, ErrEmpty)
	}
	return acc.Value, err
}

func fold[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, op *rdd.Op, zero T, f func(T, T) T) (T, error) {
	b, err := codec.Marshal(zero)
	if err != nil {
		return zero, fmt.Errorf("Fold (%s): zero: %w", c.Site, err)
	}
	blob := s.engine.PutBlob(b)
	defer s.engine.ReleaseBlob(blob)
	if zero, err = codec.Unmarshal[T](b); err != nil { // f may change it
		return zero, err
	}
	acc, err := merge(ctx, s, n, rdd.Action{Op: op, Call: c, Zero: blob, Inexact: true}, rdd.Acc[T]{Value: zero, Has: true}, f)
	return acc.Value, err
}

func aggregate[A any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, op *rdd.Op, zero func() A, merging func(*A, *A)) (A, error) {
	if err := cmp.Or(n.Err(), c.Err); err != nil { // zero may need what is missing
		return *new(A), err
	}
	acc, err := merge(ctx, s, n, rdd.Action{Op: op, Call: c, Inexact: true}, rdd.Acc[A]{Value: zero(), Has: true}, func(a, b A) A {
		merging(&a, &b)
		return a
	})
	return acc.Value, err
}

// run runs an action for what it does.
func run(ctx context.Context, s *Session, n *rdd.Node, a rdd.Action) error {
	_, err := s.action(ctx, n, a, engine.Action{Result: func(int, engine.Value) error { return nil }})
	return err
}

func forEachPartition(ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, op *rdd.Op) error {
	return run(ctx, s, n.Part(op, c, "each"), rdd.Action{Op: op, Call: c})
}

// save writes text files. format is the function given to Format, if any.
func save[T any](ctx context.Context, s *Session, n *rdd.Node, c rdd.Call, dir string, opts []SaveOption) error {
	o := saveOptions{output: plan.Output{Path: dir}}
	for _, opt := range opts {
		opt.save(&o)
	}
	op := rdd.SaveAsTextFileOp[T]()
	if o.format != nil {
		f, ok := o.format.(func(T) string)
		if !ok {
			return fmt.Errorf("SaveAsTextFile (%s): Format takes a %T, rows need a %T", c.Site, o.format, f)
		}
		op = rdd.SaveAsTextFileOp(f)
	} else if _, err := rdd.TextFormat[T](); err != nil {
		return fmt.Errorf("SaveAsTextFile (%s): %w", c.Site, err)
	}
	return run(ctx, s, n, rdd.Action{Op: op, Call: c, Output: &o.output})
}

// Collect brings all rows to the driver, in order. Their encoded size is
// bounded by Options.MaxResultSize.
func (r RDD[T]) Collect(ctx context.Context) ([]T, error) { return collect[T](ctx, r.s, r.n, call()) }

// All brings the rows to the driver as they are made, in order. An error comes
// last, with a zero row. Leaving the loop cancels the rest.
func (r RDD[T]) All(ctx context.Context) iter.Seq2[T, error] { return all[T](ctx, r.s, r.n, call()) }

// Count counts the rows.
func (r RDD[T]) Count(ctx context.Context) (int64, error) { return count[T](ctx, r.s, r.n, call()) }

// First gives the first row; ErrEmpty when there is none.
func (r RDD[T]) First(ctx context.Context) (T, error) { return first[T](ctx, r.s, r.n, call()) }

// Take gives the first n rows, or all when there are fewer. It computes as few
// partitions as it needs.
func (r RDD[T]) Take(ctx context.Context, n int) ([]T, error) {
	return take[T](ctx, r.s, r.n, call(), "Take", n)
}

// TakeOrdered gives the n least rows, in order.
func (r RDD[T]) TakeOrdered(ctx context.Context, n int, cmp func(a, b T) int) ([]T, error) {
	return takeOrdered(ctx, r.s, r.n, call(), rdd.TakeOrderedOp(cmp), n, cmp)
}

// Top gives the n greatest rows, the greatest first.
func (r RDD[T]) Top(ctx context.Context, n int, cmp func(a, b T) int) ([]T, error) {
	return takeOrdered(ctx, r.s, r.n, call(), rdd.TopOp(cmp), n, func(a, b T) int { return cmp(b, a) })
}

// Reduce combines all rows by f, which is associative and commutative; ErrEmpty
// when there are none.
func (r RDD[T]) Reduce(ctx context.Context, f func(T, T) T) (T, error) {
	return reduce(ctx, r.s, r.n, call(), rdd.ReduceOp(f), f)
}

// Fold combines all rows by f. zero enters once in each partition and once in
// the end.
func (r RDD[T]) Fold(ctx context.Context, zero T, f func(T, T) T) (T, error) {
	return fold(ctx, r.s, r.n, call(), rdd.FoldOp(f), zero, f)
}

// Aggregate adds the rows of each partition to what zero makes, and merges
// these, in place.
func (r RDD[T]) Aggregate[A any](ctx context.Context, zero func() A, add func(*A, T), merge func(*A, *A)) (A, error) {
	return aggregate(ctx, r.s, r.n, call(), rdd.AggregateOp(zero, add), zero, merge)
}

// ForEach calls f with each row, for what it does. A row may be seen again when
// a task is tried again.
func (r RDD[T]) ForEach(ctx context.Context, f func(T)) error {
	return run(ctx, r.s, r.n, rdd.Action{Op: rdd.ForEachOp(f), Call: call()})
}

// ForEachPartition calls f with the rows of each partition, for what it does.
func (r RDD[T]) ForEachPartition(ctx context.Context, f func(*Task, iter.Seq[T]) error) error {
	return forEachPartition(ctx, r.s, r.n, call(), rdd.ForEachPartitionOp(f))
}

// SaveAsTextFile writes each row as a line to files in dir, a part for each
// partition. The directory appears when all is written; one that is there is
// refused before anything runs, unless Overwrite is given. Strings and bytes
// are written as they are, numbers as strconv does, an encoding.TextMarshaler
// by its own word; for others give Format.
func (r RDD[T]) SaveAsTextFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return save[T](ctx, r.s, r.n, call(), dir, opts)
}

// Collect brings all pairs to the driver, in order. Their encoded size is
// bounded by Options.MaxResultSize.
func (p PairRDD[K, V]) Collect(ctx context.Context) ([]Pair[K, V], error) {
	return collect[Pair[K, V]](ctx, p.s, p.n, call())
}

// CollectAsMap brings all pairs to the driver. Of several with one key the last
// stays.
func (p PairRDD[K, V]) CollectAsMap(ctx context.Context) (map[K]V, error) {
	pairs, err := collect[Pair[K, V]](ctx, p.s, p.n, call())
	if err != nil {
		return nil, err
	}
	m := make(map[K]V, len(pairs))
	for _, kv := range pairs {
		m[kv.Key] = kv.Value
	}
	return m, nil
}

// All brings the pairs to the driver as they are made, in order. An error comes
// last, with a zero pair. Leaving the loop cancels the rest.
func (p PairRDD[K, V]) All(ctx context.Context) iter.Seq2[Pair[K, V], error] {
	return all[Pair[K, V]](ctx, p.s, p.n, call())
}

// Count counts the pairs.
func (p PairRDD[K, V]) Count(ctx context.Context) (int64, error) {
	return count[Pair[K, V]](ctx, p.s, p.n, call())
}

// CountByKey counts the pairs of each key.
func (p PairRDD[K, V]) CountByKey(ctx context.Context) (map[K]int64, error) {
	c := pairsTravel[K, int64](call(), "CountByKey")
	op := rdd.CountByKeyOp[K, V]()
	w := combined(nil)
	n := p.n.Wide(op, c, w)
	values, _, err := gather(ctx, p.s, n, rdd.Action{Op: op, Call: c, Part: "collect"}, nil)
	if err != nil {
		return nil, err
	}
	pairs, err := rowsOf[Pair[K, int64]](values)
	m := make(map[K]int64, len(pairs))
	for _, kv := range pairs {
		m[kv.Key] = kv.Value
	}
	return m, err
}

// First gives the first pair; ErrEmpty when there is none.
func (p PairRDD[K, V]) First(ctx context.Context) (Pair[K, V], error) {
	return first[Pair[K, V]](ctx, p.s, p.n, call())
}

// Take gives the first n pairs, or all when there are fewer. It computes as few
// partitions as it needs.
func (p PairRDD[K, V]) Take(ctx context.Context, n int) ([]Pair[K, V], error) {
	return take[Pair[K, V]](ctx, p.s, p.n, call(), "Take", n)
}

// TakeOrdered gives the n least pairs, in order.
func (p PairRDD[K, V]) TakeOrdered(ctx context.Context, n int, cmp func(a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	return takeOrdered(ctx, p.s, p.n, call(), rdd.TakeOrderedOp(cmp), n, cmp)
}

// Top gives the n greatest pairs, the greatest first.
func (p PairRDD[K, V]) Top(ctx context.Context, n int, cmp func(a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	return takeOrdered(ctx, p.s, p.n, call(), rdd.TopOp(cmp), n, func(a, b Pair[K, V]) int { return cmp(b, a) })
}

// ForEach calls f with each pair, for what it does. A pair may be seen again
// when a task is tried again.
func (p PairRDD[K, V]) ForEach(ctx context.Context, f func(K, V)) error {
	return run(ctx, p.s, p.n, rdd.Action{Op: rdd.PairForEachOp(f), Call: call()})
}

// ForEachPartition calls f with the pairs of each partition, for what it does.
func (p PairRDD[K, V]) ForEachPartition(ctx context.Context, f func(*Task, iter.Seq2[K, V]) error) error {
	return forEachPartition(ctx, p.s, p.n, call(), rdd.PairForEachPartitionOp(f))
}

// SaveAsTextFile writes each pair as a line, key and value with a tab between,
// to files in dir. See RDD.SaveAsTextFile. A function given to Format takes a
// Pair.
func (p PairRDD[K, V]) SaveAsTextFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return save[Pair[K, V]](ctx, p.s, p.n, call(), dir, opts)
}
