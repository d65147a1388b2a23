package rdd

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// CollectOp sends rows to the driver; Take and First are CollectOp with a
// limit.
func CollectOp[T any]() *Op {
	return of((*T)(nil), one("Collect", nil, collectPart((*Rows[T])(nil))))
}

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
type collectSink struct {
	t       *Task
	typ     *codec.Type
	limit   int64
	rows    int64
	pending *codec.Buffer // rows of small batches
	batches int
	out     []byte
	file    *os.File
	err     error
}

// collectPart makes the sink of rows like those of like.
//
//go:noinline
func collectPart(like batch) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		return &collectSink{t: t, typ: typ, limit: spec.Limit, pending: typ.NewBuffer(0)}, nil
	}}
}

func (s *collectSink) feed(b any) bool {
	rows := b.(batch).raw().rows()
	if s.limit > 0 {
		rows.Len = int(min(int64(rows.Len), s.limit-s.rows))
	}
	s.rows += int64(rows.Len)
	// Batches of a few rows share a block, but not so many of them that the
	// chunks of text they come from add up.
	if rows.Len < BatchRows/8 {
		s.batches++
		s.pending.Append(rows)
		if s.pending.Len() >= BatchRows || s.batches >= 16 {
			s.encodePending()
		}
	} else {
		s.encodePending()
		s.encode(rows)
	}
	return s.err == nil && (s.limit == 0 || s.rows < s.limit)
}

func (s *collectSink) encodePending() {
	s.encode(s.pending.Rows())
	s.pending.Clear()
	s.batches = 0
}

func (s *collectSink) encode(rows codec.Rows) {
	if rows.Len == 0 || s.err != nil {
		return
	}
	s.out, s.err = appendRows(s.out, s.typ, rows)
	if len(s.out) > inlineResult && s.err == nil {
		s.err = s.store()
	}
}

// store moves the encoded rows to the result's file.
func (s *collectSink) store() error {
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

func (s *collectSink) target() any  { return nil }
func (s *collectSink) wants() int64 { return s.limit }
func (s *collectSink) flush() bool  { return s.err == nil }

func (s *collectSink) finish(res *plan.Result) error {
	s.encodePending()
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

func (s *collectSink) abort() {
	if s.file != nil {
		_ = s.file.Close()
		removeAll(s.file.Name())
	}
}

// Acc is the target of kernels that end in an action which keeps one value:
// Has says whether there is one.
type Acc[A any] struct {
	Value A
	Has   bool
}

// accSink keeps one value over all rows of a partition.
type accSink struct {
	accumulator
	t   *Task
	typ *codec.Type // of the value
}

// accumulator is an Acc and what adds rows to it.
type accumulator struct {
	acc   any // the *Acc
	value unsafe.Pointer
	has   *bool
	add   Feed
}

func accumulate[A any](acc *Acc[A], add Feed) accumulator {
	return accumulator{acc: acc, value: unsafe.Pointer(&acc.Value), has: &acc.Has, add: add}
}

// accPart makes the sink of an action that keeps a value like the rows of like.
// start, if any, says what open's accumulator begins with.
//
//go:noinline
func accPart(like batch, start func(s *accSink, spec *plan.Sink) error, open func() accumulator) *SinkPart {
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		s := &accSink{accumulator: open(), t: t, typ: typ}
		if start != nil {
			err = start(s, spec)
		}
		return s, err
	}}
}

func (s *accSink) feed(b any) bool {
	s.t.counters.RowsOut += int64(len(b.(batch).raw().Rows))
	return s.add(b)
}

func (s *accSink) target() any { return s.acc }
func (s *accSink) flush() bool { return true }
func (s *accSink) abort()      {}

// finish leaves no bytes where there is no value, and one before the value's
// where there is: some values take none.
func (s *accSink) finish(res *plan.Result) error {
	if !*s.has {
		return nil
	}
	var err error
	res.Value, err = s.typ.Append([]byte{1}, codec.Rows{Data: s.value, Len: 1})
	return err
}

// DecodeAcc gives the value of one partition, which is of type typ; nil where
// it has none.
func DecodeAcc(b []byte, typ *codec.Type) (unsafe.Pointer, error) {
	switch {
	case len(b) == 0:
		return nil, nil
	case b[0] != 1:
		return nil, fmt.Errorf("decode the value of a partition: %w", codec.ErrCorrupt)
	}
	return typ.Unmarshal(b[1:])
}

// CountOp counts rows.
func CountOp[T any]() *Op { return of((*T)(nil), one("Count", nil, countPart)) }

var countPart = accPart((*Rows[int64])(nil), nil, func() accumulator {
	acc := &Acc[int64]{Has: true}
	return accumulate(acc, func(b any) bool {
		acc.Value += int64(len(b.(batch).raw().Rows))
		return true
	})
})

//go:noinline
func reduceRows[T any](f func(T, T) T) func() accumulator {
	return func() accumulator {
		acc := &Acc[T]{}
		return accumulate(acc, func(b any) bool {
			rows := b.(*Rows[T])
			for i, row := range rows.Rows {
				rows.Row = i
				if acc.Has {
					acc.Value = f(acc.Value, row)
				} else {
					acc.Value, acc.Has = row, true
				}
			}
			return true
		})
	}
}

// ReduceOp combines the rows of each partition by f.
func ReduceOp[T any](f func(T, T) T) *Op {
	return one("Reduce", f, accPart((*Rows[T])(nil), nil, reduceRows(f)))
}

// FoldOp is ReduceOp that starts with a zero, which travels with the plan and
// is decoded anew for each partition.
func FoldOp[T any](f func(T, T) T) *Op {
	return one("Fold", f, accPart((*Rows[T])(nil), (*accSink).startZero, reduceRows(f)))
}

func (s *accSink) startZero(spec *plan.Sink) error {
	b, err := s.t.runner.o.Blob(spec.Zero)
	if err != nil {
		return fmt.Errorf("fetch the zero of Fold: %w", err)
	}
	zero, err := s.typ.Unmarshal(b)
	if err != nil {
		return fmt.Errorf("decode the zero of Fold: %w", err)
	}
	s.typ.Copy(codec.Rows{Data: s.value, Len: 1}, codec.Rows{Data: zero, Len: 1})
	*s.has = true
	return nil
}

// AggregateOp adds the rows of each partition to what zero gives.
func AggregateOp[T, A any](zero func() A, add func(*A, T)) *Op {
	return one("Aggregate", add, accPart((*Rows[A])(nil), nil, func() accumulator {
		acc := &Acc[A]{Value: zero(), Has: true}
		return accumulate(acc, func(b any) bool {
			rows := b.(*Rows[T])
			for i, row := range rows.Rows {
				rows.Row = i
				add(&acc.Value, row)
			}
			return true
		})
	})).Needs(zero)
}

// TakeOrderedOp keeps the least rows of each partition, as many as the sink's
// limit says.
func TakeOrderedOp[T any](f func(a, b T) int) *Op { return least("TakeOrdered", f, f) }

// TopOp keeps the greatest rows of each partition.
func TopOp[T any](f func(a, b T) int) *Op {
	return least("Top", f, func(a, b T) int { return f(b, a) })
}

// Comparing gives a comparison of rows as one of pointers to them.
//
//go:noinline
func Comparing[T any](f func(a, b T) int) func(a, b unsafe.Pointer) int {
	return func(a, b unsafe.Pointer) int { return f(*(*T)(a), *(*T)(b)) }
}

func least[T any](name string, f any, cmp func(a, b T) int) *Op {
	return one(name, f, orderedPart(name, (*Rows[T])(nil), Comparing(cmp), func(b any, from int, bound unsafe.Pointer) int {
		rows := b.(*Rows[T])
		for i := from; i < len(rows.Rows); i++ {
			rows.Row = i
			if cmp(rows.Rows[i], *(*T)(bound)) < 0 {
				return i
			}
		}
		return len(rows.Rows)
	}))
}

// orderedSink keeps up to twice the rows wanted, and now and then sorts them
// and drops the rest: one comparison a row for nearly all rows.
type orderedSink struct {
	*collectSink
	n           int
	cmp         func(a, b unsafe.Pointer) int
	beats       func(batch any, from int, bound unsafe.Pointer) int // finds a row less than bound
	kept, spare *codec.Buffer
	order       []unsafe.Pointer
	text        []byte
	full        bool // kept's row n-1 is a bound that better rows must beat
}

//go:noinline
func orderedPart(name string, like batch, cmp func(a, b unsafe.Pointer) int, beats func(any, int, unsafe.Pointer) int) *SinkPart {
	collect := collectPart(like)
	return &SinkPart{open: func(t *Task, spec *plan.Sink) (sink, error) {
		if spec.Limit < 1 {
			return nil, fmt.Errorf("%s of %d rows", name, spec.Limit)
		}
		s, err := collect.open(t, &plan.Sink{})
		if err != nil {
			return nil, err
		}
		c := s.(*collectSink)
		return &orderedSink{
			collectSink: c, n: int(spec.Limit), cmp: cmp, beats: beats,
			kept: c.typ.NewBuffer(0), spare: c.typ.NewBuffer(0),
		}, nil
	}}
}

func (s *orderedSink) feed(b any) bool {
	in := b.(batch).raw()
	for i := 0; ; i++ {
		if s.full {
			i = s.beats(b, i, s.typ.At(s.kept.Rows(), s.n-1))
		}
		if i >= len(in.Rows) {
			return true
		}
		in.Row = i
		if s.err = s.keep(s.typ.Part(in.rows(), i, i+1)); s.err != nil {
			return false
		}
		if s.kept.Len()/2 >= s.n {
			s.cut()
		}
	}
}

// keep adds a row with everything it refers to: it may be a piece of a text
// chunk.
func (s *orderedSink) keep(row codec.Rows) (err error) {
	if s.text, err = s.typ.Append(s.text[:0], row); err != nil {
		return err
	}
	_, err = s.typ.Decode(s.kept, s.text, 1)
	return err
}

func (s *orderedSink) cut() {
	s.order = s.typ.Order(s.order[:0], s.kept.Rows(), s.cmp)
	s.full = len(s.order) >= s.n
	s.spare.Gather(s.order[:min(len(s.order), s.n)])
	s.kept.Clear()
	s.kept, s.spare = s.spare, s.kept
	clear(s.order)
}

func (s *orderedSink) finish(res *plan.Result) error {
	s.cut()
	kept := s.kept.Rows()
	s.rows = int64(kept.Len)
	for from := 0; from < kept.Len; from += BatchRows {
		s.encode(s.typ.Part(kept, from, min(from+BatchRows, kept.Len)))
	}
	return s.collectSink.finish(res)
}

// ForEachOp calls f with each row, for what it does.
func ForEachOp[T any](f func(T)) *Op {
	return one("ForEach", f, effectPart(func(b any) bool {
		rows := b.(*Rows[T])
		for i, row := range rows.Rows {
			rows.Row = i
			f(row)
		}
		return true
	}))
}

// effectPart makes the sink of an action that keeps nothing.
//
//go:noinline
func effectPart(f Feed) *SinkPart {
	p := accPart((*Rows[int64])(nil), nil, func() accumulator { return accumulate(&Acc[int64]{}, f) })
	p.effects = true
	return p
}

// PairForEachOp calls f with each pair, for what it does.
func PairForEachOp[K, V any](f func(K, V)) *Op {
	return ForEachOp(func(p Pair[K, V]) { f(p.Key, p.Value) }).As("ForEach", f)
}

// ForEachPartitionOp calls f with the rows of each partition, for what it
// does. Its sink is fed by an operator of its own, the part "each".
func ForEachPartitionOp[T any](f func(*Task, iter.Seq[T]) error) *Op {
	return many("ForEachPartition", f, eachParts(func(p *partition) error { return f(p.t, rowsOf[T](p)) }))
}

//go:noinline
func eachParts(f func(*partition) error) map[string]Part {
	return map[string]Part{
		"each": &Across{run: func(t *Task, _ place, in Run, _ Feed) error {
			p := &partition{t: t, in: in}
			err := f(p)
			return cmp.Or(p.err, err)
		}},
		"": effectPart(func(any) bool { return true }),
	}
}

// PairForEachPartitionOp calls f with the pairs of each partition, for what it
// does.
func PairForEachPartitionOp[K, V any](f func(*Task, iter.Seq2[K, V]) error) *Op {
	return ForEachPartitionOp(func(t *Task, rows iter.Seq[Pair[K, V]]) error { return f(t, unpair(rows)) }).As("ForEachPartition", f)
}

// LookupOp brings the values of one key, which travels with it, to the driver.
// Its part "find" finds them.
func LookupOp[K comparable, V any]() *Op {
	return valued(func(key K) *Op {
		find := narrow("", nil, (*Rows[V])(nil), func(_ *Task, _ []any, inAny, outAny any) {
			in, out := inAny.(*Rows[Pair[K, V]]), outAny.(*Rows[V])
			for i, row := range in.Rows {
				in.Row = i
				if row.Key == key && !out.Push(row.Value) && !out.Flush() {
					return
				}
			}
		})
		return of((*Pair[K, V])(nil), many("Lookup", nil, map[string]Part{"find": find.Parts[""], "": collectPart((*Rows[V])(nil))}))
	})
}
