package typed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// ErrEmpty is the error of First and Reduce when there are no rows.
var ErrEmpty = errors.New("no rows")

// gather runs an action that keeps one small value a partition, and gives these
// in the order of the partitions.
func gather(ctx context.Context, s *Session, n *rdd.Node, a rdd.Action) ([][]byte, error) {
	var values [][]byte
	_, err := s.action(ctx, n, a, driver.Action{
		Result: func(_ int, v driver.Value) error {
			b, err := v.Bytes()
			values = append(values, b)
			return err
		},
		Reset: func() { values = nil },
	})
	return values, err
}

// action gives the use as the action of an operator.
func (u *use) action(op *rdd.Op) rdd.Action { return rdd.Action{Op: op, Call: u.as(op)} }

// rows runs an action that gives rows, and decodes them as the partitions come.
func (u *use) rows(ctx context.Context, a rdd.Action, partitions []int) (*codec.Buffer, plan.ActionStatus, error) {
	var rows *codec.Buffer
	reset := func() { rows = u.t.typ.NewBuffer(0) }
	if u.t.err == nil {
		reset()
	}
	st, err := u.s.action(ctx, u.n, a, driver.Action{
		Partitions: partitions, Reset: reset,
		Result: func(_ int, v driver.Value) (err error) {
			panicked := rdd.InDriver(a, func() {
				err = decodeRows(v, u.t.typ, func(batch codec.Rows) bool {
					rows.Append(batch)
					return true
				})
			})
			return cmp.Or(panicked, err)
		},
	})
	return rows, st, err
}

// decodeRows gives the rows of one partition, reading no more than a block of
// them at a time.
func decodeRows(v driver.Value, typ *codec.Type, yield func(codec.Rows) bool) error {
	r, err := v.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return rdd.DecodeRows(r, typ, yield)
}

// whole gives the rows of a buffer, which become a slice that is not nil.
func (u *use) whole(rows *codec.Buffer) codec.Rows {
	if rows.Len() == 0 {
		return u.t.typ.Make(0)
	}
	return rows.Rows()
}

// slice gives rows as what they are.
func slice[T any](rows codec.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return codec.Slice[T](rows), nil
}

// valueAt gives the row at p, or the zero value when there is none.
func valueAt[T any](p unsafe.Pointer, err error) (v T, _ error) {
	if p != nil {
		v = *(*T)(p)
	}
	return v, err
}

// collect brings all rows to the driver.
func (u *use) collect(ctx context.Context, op *rdd.Op) (codec.Rows, error) {
	return u.collectBy(ctx, u.action(op))
}

func (u *use) collectBy(ctx context.Context, a rdd.Action) (codec.Rows, error) {
	rows, _, err := u.rows(ctx, a, nil)
	if err != nil {
		return codec.Rows{}, err
	}
	return u.whole(rows), nil
}

// all runs an action and gives its rows as the partitions come, in their
// order. A partition that is done before its turn waits, encoded.
//
//go:noinline
func all[T any](ctx context.Context, u *use, op *rdd.Op) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		u.all(ctx, op, func(rows codec.Rows, err error) bool {
			if err != nil {
				return yield(*new(T), err)
			}
			for _, row := range codec.Slice[T](rows) {
				if !yield(row, nil) {
					return false
				}
			}
			return true
		})
	}
}

// aheadPerCore is how many partitions for each core All may be ahead of its
// loop.
const aheadPerCore = 4

var errStopped = errors.New("the loop over All ended")

func (u *use) all(ctx context.Context, op *rdd.Op, yield func(codec.Rows, error) bool) {
	stopped := false
	_, err := u.s.action(ctx, u.n, u.action(op), driver.Action{
		ResultBytes: -1, Ahead: aheadPerCore,
		Result: func(_ int, v driver.Value) error {
			err := decodeRows(v, u.t.typ, func(rows codec.Rows) bool {
				stopped = !yield(rows, nil)
				return !stopped
			})
			if stopped {
				return errStopped
			}
			return err
		},
	})
	if err != nil && !stopped {
		yield(codec.Rows{}, err)
	}
}

// none is why an action of n rows has none of them, with no error where there
// is nothing wrong.
func (u *use) none(a rdd.Action, n int) (codec.Rows, error) {
	if n < 0 {
		return codec.Rows{}, fmt.Errorf("%s (%s): %d rows: give a number from 0 on", a.Op.Name, a.Call.Site, n)
	}
	if err := a.On(u.n); err != nil {
		return codec.Rows{}, err
	}
	return u.t.typ.Make(0), nil
}

// take gives the first n rows. It runs the first partition, and then ever more
// of them until there are enough.
func (u *use) take(ctx context.Context, op *rdd.Op, n int) (codec.Rows, error) {
	a := u.action(op)
	if n <= 0 {
		return u.none(a, n)
	}
	rows := u.t.typ.NewBuffer(0)
	for from, window := 0, 1; ; from, window = from+window, window*4 {
		partitions := make([]int, window)
		for i := range partitions {
			partitions[i] = from + i
		}
		a.Limit = int64(n - rows.Len())
		got, st, err := u.rows(ctx, a, partitions)
		if err != nil {
			return codec.Rows{}, err
		}
		rows.Append(u.t.typ.Part(got.Rows(), 0, min(got.Len(), n-rows.Len())))
		if rows.Len() == n || from+window >= st.Partitions {
			return u.whole(rows), nil
		}
	}
}

func (u *use) first(ctx context.Context, op *rdd.Op) (unsafe.Pointer, error) {
	rows, err := u.take(ctx, op, 1)
	if err == nil && rows.Len == 0 {
		err = fmt.Errorf("First (%s): %w", u.c.Site, ErrEmpty)
	}
	if err != nil {
		return nil, err
	}
	return rows.Data, nil
}

func (u *use) isEmpty(ctx context.Context, op *rdd.Op) (bool, error) {
	rows, err := u.take(ctx, op, 1)
	return rows.Len == 0, err
}

func (u *use) lookup(ctx context.Context, op *rdd.Op) (codec.Rows, error) {
	found := *u
	found.n = u.n.Part(op, u.c, "find")
	return found.collect(ctx, op)
}

func (u *use) takeOrdered(ctx context.Context, op *rdd.Op, n int, cmp func(a, b unsafe.Pointer) int) (codec.Rows, error) {
	a := u.action(op)
	if n <= 0 {
		return u.none(a, n)
	}
	a.Limit = int64(n)
	rows, err := u.collectBy(ctx, a)
	if err != nil {
		return rows, err
	}
	var order []unsafe.Pointer
	if err := rdd.InDriver(a, func() { order = u.t.typ.Order(nil, rows, cmp) }); err != nil {
		return codec.Rows{}, err
	}
	least := u.t.typ.Make(min(n, rows.Len))
	u.t.typ.Gather(least, order[:least.Len])
	return least, nil
}

// reversed is the comparison of the opposite order.
func reversed(cmp func(a, b unsafe.Pointer) int) func(a, b unsafe.Pointer) int {
	return func(a, b unsafe.Pointer) int { return cmp(b, a) }
}

func (u *use) count(ctx context.Context, op *rdd.Op) (int64, error) {
	values, err := gather(ctx, u.s, u.n, rdd.Action{Op: op, Call: u.c})
	var sum int64
	for _, b := range values {
		n, e := accOf(b)
		err = errors.Join(err, e)
		sum += n
	}
	return sum, err
}

func accOf(b []byte) (int64, error) {
	t := typeOf[int64]()
	p, err := rdd.DecodeAcc(b, t.typ)
	return valueAt[int64](p, errors.Join(t.err, err))
}

// merge runs an action that keeps one value a partition, and merges those in
// the order of the partitions to that at start, which may be nil.
func (u *use) merge(ctx context.Context, a rdd.Action, start unsafe.Pointer, f func(acc, v unsafe.Pointer)) (unsafe.Pointer, error) {
	values, err := gather(ctx, u.s, u.n, a)
	if err != nil {
		return start, err
	}
	for _, b := range values {
		v, err := rdd.DecodeAcc(b, u.t.typ)
		switch {
		case err != nil:
			return start, err
		case v == nil:
		case start != nil:
			if err := rdd.InDriver(a, func() { f(start, v) }); err != nil {
				return start, err
			}
		default:
			start = v
		}
	}
	return start, nil
}

// combining gives a function of two values as one that changes the first.
//
//go:noinline
func combining[T any](f func(T, T) T) func(acc, v unsafe.Pointer) {
	return func(acc, v unsafe.Pointer) { *(*T)(acc) = f(*(*T)(acc), *(*T)(v)) }
}

func (u *use) reduce(ctx context.Context, op *rdd.Op, f func(acc, v unsafe.Pointer)) (unsafe.Pointer, error) {
	acc, err := u.merge(ctx, u.action(op), nil, f)
	if err == nil && acc == nil {
		err = fmt.Errorf("%s (%s): %w", op.Name, u.c.Site, ErrEmpty)
	}
	return acc, err
}

func (u *use) fold(ctx context.Context, op *rdd.Op, zero unsafe.Pointer, f func(acc, v unsafe.Pointer)) (unsafe.Pointer, error) {
	if u.t.err != nil {
		return zero, fmt.Errorf("Fold (%s): zero: %w", u.c.Site, u.t.err)
	}
	b, err := u.t.typ.Marshal(zero)
	if err != nil {
		return zero, fmt.Errorf("Fold (%s): zero: %w", u.c.Site, err)
	}
	a := u.action(op)
	if err := a.On(u.n); err != nil {
		return zero, err
	}
	blob := u.s.engine.PutBlob(b)
	defer u.s.engine.ReleaseBlob(blob)
	if zero, err = u.t.typ.Unmarshal(b); err != nil { // f may change it
		return nil, err
	}
	a.Zero = blob
	return u.merge(ctx, a, zero, f)
}

func aggregate[A any](ctx context.Context, u *use, op *rdd.Op, zero func() A, merge func(*A, *A)) (A, error) {
	a := u.action(op)
	if err := a.On(u.n); err != nil { // zero may need what is missing
		return *new(A), err
	}
	var start A
	if err := rdd.InDriver(a, func() { start = zero() }); err != nil {
		return start, err
	}
	return valueAt[A](u.merge(ctx, a, unsafe.Pointer(&start), func(acc, v unsafe.Pointer) { merge((*A)(acc), (*A)(v)) }))
}

// run runs an action for what it does.
func (u *use) run(ctx context.Context, a rdd.Action) error {
	_, err := u.s.action(ctx, u.n, a, driver.Action{Result: func(int, driver.Value) error { return nil }})
	return err
}

func (u *use) forEach(ctx context.Context, op *rdd.Op) error { return u.run(ctx, u.action(op)) }

func (u *use) forEachPartition(ctx context.Context, op *rdd.Op) error {
	parts := *u
	parts.n = u.n.Part(op, u.c, "each")
	return parts.forEach(ctx, op)
}

// saving is how rows are written as text.
type saving struct {
	saveOptions
	op  *rdd.Op
	row reflect.Type // of rows that must have a text form, for want of a format
}

func savingOf[T any](opts []SaveOption) *saving {
	o := newSaving(opts)
	if f, ok := o.format.(func(T) string); ok {
		o.op = rdd.SaveAsTextFileOp(f)
	} else {
		o.op, o.row = rdd.SaveAsTextFileOp[T](), reflect.TypeFor[T]()
	}
	return o
}

func newSaving(opts []SaveOption) *saving {
	o := &saving{}
	for _, opt := range opts {
		opt.save(&o.saveOptions)
	}
	return o
}

// save writes files.
func (u *use) save(ctx context.Context, dir string, o *saving) error {
	o.output.Path = dir
	if _, path, err := storage.Lookup(dir); err == nil { // others write it who work in other directories
		o.output.Path = path
	}
	if o.row != nil && o.format != nil {
		return fmt.Errorf("SaveAsTextFile (%s): Format takes a %T, rows need a func(%s) string", u.c.Site, o.format, o.row)
	}
	if o.row != nil {
		if err := rdd.HasText(o.row); err != nil {
			return fmt.Errorf("SaveAsTextFile (%s): %w", u.c.Site, err)
		}
	}
	a := u.action(o.op)
	a.Output = &o.output
	return u.run(ctx, a)
}

// Collect brings all rows to the driver, in order. Their encoded size is
// bounded by Options.MaxResultSize.
func (r RDD[T]) Collect(ctx context.Context) ([]T, error) {
	return slice[T](newUse(r.s, r.n, typeOf[T]()).collect(ctx, rdd.CollectOp[T]()))
}

// All brings the rows to the driver as they are made, in order, and a block of
// them at a time. No more than four partitions for each core are computed ahead
// of the loop. An error comes last, with a zero row. Leaving the loop cancels
// the rest.
func (r RDD[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return all[T](ctx, newUse(r.s, r.n, typeOf[T]()), rdd.CollectOp[T]().Named("All"))
}

// Count counts the rows.
func (r RDD[T]) Count(ctx context.Context) (int64, error) {
	return newUse(r.s, r.n, rowType{}).count(ctx, rdd.CountOp[T]())
}

// First gives the first row; ErrEmpty when there is none.
func (r RDD[T]) First(ctx context.Context) (T, error) {
	return valueAt[T](newUse(r.s, r.n, typeOf[T]()).first(ctx, rdd.CollectOp[T]().Named("First")))
}

// IsEmpty says whether there are no rows. It computes as few partitions as it
// needs.
func (r RDD[T]) IsEmpty(ctx context.Context) (bool, error) {
	return newUse(r.s, r.n, typeOf[T]()).isEmpty(ctx, rdd.CollectOp[T]().Named("IsEmpty"))
}

// Take gives the first n rows, or all when there are fewer. It computes as few
// partitions as it needs.
func (r RDD[T]) Take(ctx context.Context, n int) ([]T, error) {
	return slice[T](newUse(r.s, r.n, typeOf[T]()).take(ctx, rdd.CollectOp[T]().Named("Take"), n))
}

// TakeOrdered gives the n least rows, in order.
func (r RDD[T]) TakeOrdered(ctx context.Context, n int, cmp func(a, b T) int) ([]T, error) {
	return slice[T](newUse(r.s, r.n, typeOf[T]()).takeOrdered(ctx, rdd.TakeOrderedOp(cmp), n, rdd.Comparing(cmp)))
}

// Top gives the n greatest rows, the greatest first.
func (r RDD[T]) Top(ctx context.Context, n int, cmp func(a, b T) int) ([]T, error) {
	return slice[T](newUse(r.s, r.n, typeOf[T]()).takeOrdered(ctx, rdd.TopOp(cmp), n, reversed(rdd.Comparing(cmp))))
}

// Reduce combines all rows by f, which is associative and commutative; ErrEmpty
// when there are none.
func (r RDD[T]) Reduce(ctx context.Context, f func(T, T) T) (T, error) {
	return valueAt[T](newUse(r.s, r.n, typeOf[T]()).reduce(ctx, rdd.ReduceOp(f), combining(f)))
}

// Fold combines all rows by f. zero enters once in each partition and once in
// the end.
func (r RDD[T]) Fold(ctx context.Context, zero T, f func(T, T) T) (T, error) {
	return valueAt[T](newUse(r.s, r.n, typeOf[T]()).fold(ctx, rdd.FoldOp(f), unsafe.Pointer(&zero), combining(f)))
}

// Aggregate adds the rows of each partition to what zero makes, and merges
// these, in place.
func (r RDD[T]) Aggregate[A any](ctx context.Context, zero func() A, add func(*A, T), merge func(*A, *A)) (A, error) {
	return aggregate(ctx, newUse(r.s, r.n, typeOf[A]()), rdd.AggregateOp(zero, add).Needs(merge), zero, merge)
}

// ForEach calls f with each row, for what it does. A row may be seen again when
// a task is tried again.
func (r RDD[T]) ForEach(ctx context.Context, f func(T)) error {
	return newUse(r.s, r.n, rowType{}).forEach(ctx, rdd.ForEachOp(f))
}

// ForEachPartition calls f with the rows of each partition, for what it does.
func (r RDD[T]) ForEachPartition(ctx context.Context, f func(*Task, iter.Seq[T]) error) error {
	return newUse(r.s, r.n, rowType{}).forEachPartition(ctx, rdd.ForEachPartitionOp(f))
}

// SaveAsTextFile writes each row as a line to files in dir, a part for each
// partition. The directory appears when all is written; one that is there is
// refused before anything runs, unless Overwrite is given. Strings and bytes
// are written as they are, numbers as strconv does, an encoding.TextMarshaler
// by its own word; for others give Format.
func (r RDD[T]) SaveAsTextFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return newUse(r.s, r.n, rowType{}).save(ctx, dir, savingOf[T](opts))
}

// Collect brings all pairs to the driver, in order. Their encoded size is
// bounded by Options.MaxResultSize.
func (p PairRDD[K, V]) Collect(ctx context.Context) ([]Pair[K, V], error) {
	return slice[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).collect(ctx, rdd.CollectOp[Pair[K, V]]()))
}

// CollectAsMap brings all pairs to the driver. Of several with one key the last
// stays.
func (p PairRDD[K, V]) CollectAsMap(ctx context.Context) (map[K]V, error) {
	return mapOf(slice[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).collect(ctx, rdd.CollectOp[Pair[K, V]]())))
}

func mapOf[K comparable, V any](pairs []Pair[K, V], err error) (map[K]V, error) {
	if err != nil {
		return nil, err
	}
	m := make(map[K]V, len(pairs))
	for _, kv := range pairs {
		m[kv.Key] = kv.Value
	}
	return m, nil
}

// All brings the pairs to the driver as they are made, in order. See RDD.All. An
// error comes last, with a zero pair. Leaving the loop cancels the rest.
func (p PairRDD[K, V]) All(ctx context.Context) iter.Seq2[Pair[K, V], error] {
	return all[Pair[K, V]](ctx, newUse(p.s, p.n, typeOf[Pair[K, V]]()), rdd.CollectOp[Pair[K, V]]().Named("All"))
}

// Count counts the pairs.
func (p PairRDD[K, V]) Count(ctx context.Context) (int64, error) {
	return newUse(p.s, p.n, rowType{}).count(ctx, rdd.CountOp[Pair[K, V]]())
}

// CountByKey counts the pairs of each key.
func (p PairRDD[K, V]) CountByKey(ctx context.Context) (map[K]int64, error) {
	return mapOf(slice[Pair[K, int64]](newUse(p.s, p.n, keyed[K, int64]()).collectByKey(ctx, rdd.CountByKeyOp[K, V]())))
}

// First gives the first pair; ErrEmpty when there is none.
func (p PairRDD[K, V]) First(ctx context.Context) (Pair[K, V], error) {
	return valueAt[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).first(ctx, rdd.CollectOp[Pair[K, V]]().Named("First")))
}

// IsEmpty says whether there are no pairs. It computes as few partitions as it
// needs.
func (p PairRDD[K, V]) IsEmpty(ctx context.Context) (bool, error) {
	return newUse(p.s, p.n, typeOf[Pair[K, V]]()).isEmpty(ctx, rdd.CollectOp[Pair[K, V]]().Named("IsEmpty"))
}

// Lookup gives the values of a key, in order.
func (p PairRDD[K, V]) Lookup(ctx context.Context, key K) ([]V, error) {
	u := newUse(p.s, p.n, typeOf[V]())
	u.carry(encode(key)) // which goes with the node that finds it
	return slice[V](u.lookup(ctx, rdd.LookupOp[K, V]()))
}

// Take gives the first n pairs, or all when there are fewer. It computes as few
// partitions as it needs.
func (p PairRDD[K, V]) Take(ctx context.Context, n int) ([]Pair[K, V], error) {
	return slice[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).take(ctx, rdd.CollectOp[Pair[K, V]]().Named("Take"), n))
}

// TakeOrdered gives the n least pairs, in order.
func (p PairRDD[K, V]) TakeOrdered(ctx context.Context, n int, cmp func(a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	return slice[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).takeOrdered(ctx, rdd.TakeOrderedOp(cmp), n, rdd.Comparing(cmp)))
}

// Top gives the n greatest pairs, the greatest first.
func (p PairRDD[K, V]) Top(ctx context.Context, n int, cmp func(a, b Pair[K, V]) int) ([]Pair[K, V], error) {
	return slice[Pair[K, V]](newUse(p.s, p.n, typeOf[Pair[K, V]]()).takeOrdered(ctx, rdd.TopOp(cmp), n, reversed(rdd.Comparing(cmp))))
}

// ForEach calls f with each pair, for what it does. A pair may be seen again
// when a task is tried again.
func (p PairRDD[K, V]) ForEach(ctx context.Context, f func(K, V)) error {
	return newUse(p.s, p.n, rowType{}).forEach(ctx, rdd.PairForEachOp(f))
}

// ForEachPartition calls f with the pairs of each partition, for what it does.
func (p PairRDD[K, V]) ForEachPartition(ctx context.Context, f func(*Task, iter.Seq2[K, V]) error) error {
	return newUse(p.s, p.n, rowType{}).forEachPartition(ctx, rdd.PairForEachPartitionOp(f))
}

// SaveAsTextFile writes each pair as a line, key and value with a tab between,
// to files in dir. See RDD.SaveAsTextFile. A function given to Format takes a
// Pair.
func (p PairRDD[K, V]) SaveAsTextFile(ctx context.Context, dir string, opts ...SaveOption) error {
	return newUse(p.s, p.n, rowType{}).save(ctx, dir, savingOf[Pair[K, V]](opts))
}
