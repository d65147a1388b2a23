package rdd

import (
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// CollectOp sends rows to the driver; Take and First are CollectOp with a
// limit.
func CollectOp[T any]() *Op { return of[T](one("Collect", nil, collectPart[T]())) }

// Named is the operator under another name: an action that runs as another.
func (o *Op) Named(name string) *Op {
	n := *o
	n.Name = name
	return &n
}

// Results above inlineResult go to a file: many tasks may end at once, and the
// driver reads their results one by one.
const inlineResult = 256 << 10

// collectSink encodes rows as they come, so that it keeps nothing of the
// memory they were read into.
type collectSink[T any] struct {
	t       *Task
	typ     *codec.Type
	limit   int64
	rows    int64
	pending []T // rows of small batches
	batches int
	out     []byte
	file    *os.File
	err     error
}

func collectPart[T any]() *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		typ, err := codec.TypeOf[T]()
		return &collectSink[T]{t: t, typ: typ, limit: spec.Limit}, err
	}}
}

func (s *collectSink[T]) feed(b any) bool {
	rows := b.(*Rows[T]).Rows
	if s.limit > 0 {
		rows = rows[:min(int64(len(rows)), s.limit-s.rows)]
	}
	s.rows += int64(len(rows))
	// Batches of a few rows share a block, but not so many of them that the
	// chunks of text they come from add up.
	if len(rows) < BatchRows/8 {
		s.batches++
		s.pending = append(s.pending, rows...)
		if len(s.pending) >= BatchRows || s.batches >= 16 {
			s.encode(s.pending)
		}
	} else {
		s.encode(s.pending)
		s.encode(rows)
	}
	return s.err == nil && (s.limit == 0 || s.rows < s.limit)
}

func (s *collectSink[T]) encode(rows []T) {
	if len(rows) == 0 || s.err != nil {
		return
	}
	s.out, s.err = appendRows(s.out, s.typ, codec.RowsOf(rows))
	clear(s.pending)
	s.pending, s.batches = s.pending[:0], 0
	if len(s.out) > inlineResult && s.err == nil {
		s.err = s.store()
	}
}

// store moves the encoded rows to the result's file.
func (s *collectSink[T]) store() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.t.spec.Store, s.t.spec.Attempt+"-*.result")
		if err != nil {
			return err
		}
		s.file = f
	}
	_, err := s.file.Write(s.out)
	s.out = s.out[:0]
	return err
}

func (s *collectSink[T]) target() any  { return nil }
func (s *collectSink[T]) wants() int64 { return s.limit }
func (s *collectSink[T]) flush() bool  { return s.err == nil }

func (s *collectSink[T]) finish(res *plan.Result) error {
	s.encode(s.pending)
	if s.err == nil && s.file != nil {
		s.err = s.store()
	}
	if s.err != nil {
		s.abort()
		return s.err
	}
	s.t.counters.RowsOut += s.rows
	res.Rows, res.Value = s.rows, s.out
	if s.file != nil {
		res.Value, res.ValuePath = nil, s.file.Name()
		return s.file.Close()
	}
	return nil
}

func (s *collectSink[T]) abort() {
	if s.file != nil {
		_ = s.file.Close()
		removeAll(s.file.Name())
	}
}

// DecodeRows gives the rows of a collected result.
func DecodeRows[T any](b []byte, yield func([]T) bool) error {
	return decodeRows[T](b, func(batch any) bool { return yield(batch.(*Rows[T]).Rows) })
}

// Acc is the target of kernels that end in an action which keeps one value:
// Has says whether there is one.
type Acc[A any] struct {
	Value A
	Has   bool
}

// accSink keeps one value over all rows of a partition.
type accSink[T, A any] struct {
	t   *Task
	acc Acc[A]
	add func(acc *Acc[A], rows *Rows[T])
}

func accPart[T, A any](start func(t *Task, spec *plan.Sink) (Acc[A], error), add func(acc *Acc[A], rows *Rows[T])) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		acc, err := start(t, spec)
		return &accSink[T, A]{t: t, acc: acc, add: add}, err
	}}
}

func (s *accSink[T, A]) feed(b any) bool {
	rows := b.(*Rows[T])
	s.add(&s.acc, rows)
	s.t.counters.RowsOut += int64(len(rows.Rows))
	return true
}

func (s *accSink[T, A]) target() any { return &s.acc }
func (s *accSink[T, A]) flush() bool { return true }
func (s *accSink[T, A]) abort()      {}

func (s *accSink[T, A]) finish(res *plan.Result) error {
	var err error
	res.Value, err = codec.Marshal(s.acc)
	return err
}

// DecodeAcc gives the value of one partition, where it has one.
func DecodeAcc[A any](b []byte) (Acc[A], error) { return codec.Unmarshal[Acc[A]](b) }

func nothing[A any](*Task, *plan.Sink) (Acc[A], error) { return Acc[A]{}, nil }

// CountOp counts rows.
func CountOp[T any]() *Op {
	return of[T](one("Count", nil, accPart(nothing[int64], func(acc *Acc[int64], rows *Rows[T]) {
		acc.Value += int64(len(rows.Rows))
	})))
}

func reduceRows[T any](f func(T, T) T) func(acc *Acc[T], rows *Rows[T]) {
	return func(acc *Acc[T], rows *Rows[T]) {
		for i, row := range rows.Rows {
			rows.Row = i
			if acc.Has {
				acc.Value = f(acc.Value, row)
			} else {
				acc.Value, acc.Has = row, true
			}
		}
	}
}

// ReduceOp combines the rows of each partition by f.
func ReduceOp[T any](f func(T, T) T) *Op {
	return one("Reduce", f, accPart(nothing[T], reduceRows(f)))
}

// FoldOp is ReduceOp that starts with a zero, which travels with the plan and
// is decoded anew for each partition.
func FoldOp[T any](f func(T, T) T) *Op {
	return one("Fold", f, accPart(func(t *Task, spec *plan.Sink) (Acc[T], error) {
		b, err := t.runner.o.Blob(spec.Zero)
		if err != nil {
			return Acc[T]{}, fmt.Errorf("fetch the zero of Fold: %w", err)
		}
		zero, err := codec.Unmarshal[T](b)
		if err != nil {
			return Acc[T]{}, fmt.Errorf("decode the zero of Fold: %w", err)
		}
		return Acc[T]{Value: zero, Has: true}, nil
	}, reduceRows(f)))
}

// AggregateOp adds the rows of each partition to what zero gives.
func AggregateOp[T, A any](zero func() A, add func(*A, T)) *Op {
	return one("Aggregate", add, accPart(func(*Task, *plan.Sink) (Acc[A], error) {
		return Acc[A]{Value: zero(), Has: true}, nil
	}, func(acc *Acc[A], rows *Rows[T]) {
		for i, row := range rows.Rows {
			rows.Row = i
			add(&acc.Value, row)
		}
	}))
}

// TakeOrderedOp keeps the least rows of each partition, as many as the sink's
// limit says.
func TakeOrderedOp[T any](f func(a, b T) int) *Op { return least("TakeOrdered", f, f) }

// TopOp keeps the greatest rows of each partition.
func TopOp[T any](f func(a, b T) int) *Op {
	return least("Top", f, func(a, b T) int { return f(b, a) })
}

func least[T any](name string, f any, cmp func(a, b T) int) *Op {
	return one(name, f, &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		if spec.Limit < 1 {
			return nil, fmt.Errorf("%s of %d rows", name, spec.Limit)
		}
		typ, err := codec.TypeOf[T]()
		return &orderedSink[T]{collectSink: collectSink[T]{t: t, typ: typ}, n: int(spec.Limit), cmp: cmp}, err
	}})
}

// orderedSink keeps up to twice the rows wanted, and now and then sorts them
// and drops the rest: one comparison a row for nearly all rows.
type orderedSink[T any] struct {
	collectSink[T]
	n    int
	cmp  func(a, b T) int
	kept []T
	full bool // kept[n-1] is a bound that better rows must beat
}

func (s *orderedSink[T]) feed(b any) bool {
	rows := b.(*Rows[T])
	for i, row := range rows.Rows {
		rows.Row = i
		if s.full && s.cmp(row, s.kept[s.n-1]) >= 0 {
			continue
		}
		if row, s.err = clone(row); s.err != nil {
			return false
		}
		if s.kept = append(s.kept, row); len(s.kept) >= 2*s.n {
			s.cut()
		}
	}
	return true
}

func (s *orderedSink[T]) cut() {
	slices.SortStableFunc(s.kept, s.cmp)
	if len(s.kept) >= s.n {
		clear(s.kept[s.n:])
		s.kept, s.full = s.kept[:s.n], true
	}
}

func (s *orderedSink[T]) finish(res *plan.Result) error {
	s.cut()
	s.rows = int64(len(s.kept))
	for rows := s.kept; len(rows) > 0; {
		n := min(len(rows), BatchRows)
		s.encode(rows[:n])
		rows = rows[n:]
	}
	return s.collectSink.finish(res)
}

// ForEachOp calls f with each row, for what it does.
func ForEachOp[T any](f func(T)) *Op {
	return one("ForEach", f, accPart(nothing[int64], func(_ *Acc[int64], rows *Rows[T]) {
		for i, row := range rows.Rows {
			rows.Row = i
			f(row)
		}
	}))
}

// PairForEachOp calls f with each pair, for what it does.
func PairForEachOp[K, V any](f func(K, V)) *Op {
	return ForEachOp(func(p Pair[K, V]) { f(p.Key, p.Value) }).As("ForEach", f)
}

// ForEachPartitionOp calls f with the rows of each partition, for what it
// does. Its sink is fed by an operator of its own, the part "each".
func ForEachPartitionOp[T any](f func(*Task, iter.Seq[T]) error) *Op {
	return many("ForEachPartition", f, map[string]Part{
		"each": &Across{run: func(t *Task, in Run, _ Feed) error {
			var err error
			if e := f(t, once[T](t, in, func() bool { return true }, &err)); err == nil {
				err = e
			}
			return err
		}},
		"": accPart(nothing[int64], func(*Acc[int64], *Rows[T]) {}),
	})
}

// PairForEachPartitionOp calls f with the pairs of each partition, for what it
// does.
func PairForEachPartitionOp[K, V any](f func(*Task, iter.Seq2[K, V]) error) *Op {
	return ForEachPartitionOp(func(t *Task, rows iter.Seq[Pair[K, V]]) error { return f(t, unpair(rows)) }).As("ForEachPartition", f)
}
